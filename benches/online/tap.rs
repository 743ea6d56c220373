//! INTERPOL, simulated in a thread of its own, behind a tap that takes the time of every answer.
//!
//! The tap passes whole messages on. INTERPOL's time of an exchange is from when a request was read to its end until the answer
//! is about to be written: what comes before and after, the sockets between tap and Postern included, is left to Postern.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use postern::clock::Clock;
use postern::find::Profile;
use postern::sim::{RunningSim, SimOptions, SimRecords, Simulator};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

/// When an exchange's first request was read, and its last answer was about to be written.
pub(crate) type Times = Arc<Mutex<HashMap<Uuid, (Instant, Instant)>>>;

/// The simulator and the tap before it.
pub(crate) struct Interpol {
    pub(crate) address: SocketAddr,
    pub(crate) times: Times,
    _sim: RunningSim,
    _runtime: Runtime,
}

impl Interpol {
    /// Starts both, in one thread.
    pub(crate) fn start() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let times = Times::default();
        let (sim, address) = runtime.block_on(async {
            let sim = Simulator::start(options()).await.expect("a free port");
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("a bound socket");
            tokio::spawn(serve(listener, sim.addr, Arc::clone(&times)));
            (sim, address)
        });
        Self { address, times, _sim: sim, _runtime: runtime }
    }

    /// The times so far, which are then forgotten.
    pub(crate) fn take(&self) -> HashMap<Uuid, (Instant, Instant)> {
        std::mem::take(&mut *self.times.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn options() -> SimOptions {
    let records = SimRecords::from_csv(feed().as_slice()).expect("a feed");
    SimOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        admin_listen: None,
        tls: None,
        records: Arc::new(records),
        seed: 1,
        profile: Arc::new(Profile::built_in()),
        clock: Clock::system(),
    }
}

fn feed() -> Vec<u8> {
    let mut csv = Vec::new();
    postern::sim::feed::generate(100_000, 1).write_csv(&mut csv).expect("memory");
    csv
}

async fn serve(listener: TcpListener, sim: SocketAddr, times: Times) {
    while let Ok((client, _)) = listener.accept().await {
        let times = Arc::clone(&times);
        tokio::spawn(async move {
            // It ends when either side has closed.
            let _ended = pass(client, sim, &times).await;
        });
    }
}

async fn pass(mut client: TcpStream, sim: SocketAddr, times: &Times) -> io::Result<()> {
    let mut sim = TcpStream::connect(sim).await?;
    client.set_nodelay(true)?;
    sim.set_nodelay(true)?;
    loop {
        let request = message(&mut client).await?;
        let read = Instant::now();
        sim.write_all(&request).await?;
        let answer = message(&mut sim).await?;
        note(times, exchange(&request), read);
        client.write_all(&answer).await?;
    }
}

fn note(times: &Times, exchange: Uuid, read: Instant) {
    let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
    let answered = Instant::now();
    times.entry(exchange).and_modify(|(_, last)| *last = answered).or_insert((read, answered));
}

/// A whole message of HTTP/1.1.
async fn message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(4 << 10);
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if length(&bytes).is_some_and(|length| bytes.len() >= length) {
            return Ok(bytes);
        }
    }
}

/// How long a message is, once its head is there.
fn length(bytes: &[u8]) -> Option<usize> {
    let head = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?.to_ascii_lowercase();
    let body = text.split("content-length:").nth(1)?.split("\r\n").next()?.trim().parse::<usize>().ok()?;
    Some(head + body)
}

/// The exchange of a request: the UUID that is the whole text of an element.
fn exchange(request: &[u8]) -> Uuid {
    let text = String::from_utf8_lossy(request);
    let found = text.split('>').find_map(|rest| rest.split_once('<')?.0.parse().ok());
    found.expect("a request names its exchange")
}
