//! The load: connections that keep so many frames in flight, and the bare echo to compare with.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

type Failure = Box<dyn std::error::Error>;

/// What is put on a server.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Connections.
    pub(crate) connections: usize,
    /// Frames in flight on each.
    pub(crate) depth: usize,
    /// For how long.
    pub(crate) length: Duration,
}

/// What came of it.
pub(crate) struct Measured {
    /// Answers.
    pub(crate) count: usize,
    /// Answers a second.
    pub(crate) per_second: f64,
    /// Median latency, µs.
    pub(crate) p50_us: f64,
    /// 99th percentile, µs.
    pub(crate) p99_us: f64,
    /// 99.9th percentile, µs.
    pub(crate) p999_us: f64,
}

/// Puts a load of these frames (with their length in two bytes before them) on a server.
pub(crate) async fn run(
    server: SocketAddr,
    frames: &Arc<Vec<Vec<u8>>>,
    load: Load,
) -> Result<Measured, Failure> {
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for connection in 0..load.connections {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        tasks.spawn(converse(stream, Arc::clone(frames), connection * 7_919, load));
    }
    let mut latencies = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        latencies.extend(ended??);
    }
    let seconds = begun.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let at = |permille: usize| latencies[(latencies.len() - 1) * permille / 1_000] as f64 / 1e3;
    Ok(Measured {
        count: latencies.len(),
        per_second: latencies.len() as f64 / seconds,
        p50_us: at(500),
        p99_us: at(990),
        p999_us: at(999),
    })
}

/// Latencies of one connection, ns.
async fn converse(
    mut stream: TcpStream,
    frames: Arc<Vec<Vec<u8>>>,
    from: usize,
    load: Load,
) -> std::io::Result<Vec<u64>> {
    let mut sent = VecDeque::with_capacity(load.depth);
    let mut latencies = Vec::with_capacity(1 << 16);
    let (mut out, mut read) = (Vec::new(), BytesMut::with_capacity(64 << 10));
    let mut next = from;
    let end = Instant::now() + load.length;
    loop {
        if Instant::now() < end {
            while sent.len() < load.depth {
                out.extend_from_slice(&frames[next % frames.len()]);
                next += 1;
                sent.push_back(Instant::now());
            }
            stream.write_all(&out).await?;
            out.clear();
        } else if sent.is_empty() {
            return Ok(latencies);
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let now = Instant::now();
        while let Some(length) = frame_length(&read) {
            read.advance(length);
            let began = sent.pop_front().ok_or(std::io::ErrorKind::InvalidData)?;
            latencies.push(u64::try_from((now - began).as_nanos()).unwrap_or(u64::MAX));
        }
    }
}

/// The length of the first whole frame with its head.
fn frame_length(read: &[u8]) -> Option<usize> {
    let head = read.first_chunk::<2>()?;
    let length = 2 + usize::from(u16::from_be_bytes(*head));
    (read.len() >= length).then_some(length)
}

/// Sends every frame back, and tells the address on standard output.
pub(crate) async fn echo() -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut read = BytesMut::with_capacity(64 << 10);
            while stream.read_buf(&mut read).await? > 0 {
                let mut whole = 0;
                while let Some(length) = frame_length(&read[whole..]) {
                    whole += length;
                }
                stream.write_all(&read.split_to(whole)).await?;
            }
            std::io::Result::Ok(())
        });
    }
}
