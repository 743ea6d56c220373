//! What a lane costs: frames through a TCP lane with a handler that only answers, beside a bare echo of bytes.
//!
//! Both run in one process with their load generator, on the same cores, so that only the ratio means something. Two
//! loads: many connections with one frame in flight each, and few connections that pipeline.

use std::sync::Arc;
use std::time::Instant;

use postern::config::file::{Framing, Limits};
use postern::lane::{Frame, Handled, Handler, Handling, Receipt, TcpLane};
use postern_sdk::{Fault, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A frame as an e-gate sends it: 88 characters and a line feed.
const FRAME_BYTES: usize = 89;

/// How often each measurement is made; the median counts.
const ROUNDS: usize = 5;

struct Load {
    connections: usize,
    in_flight: usize,
    frames: usize,
}

const LOADS: &[Load] = &[
    Load { connections: 64, in_flight: 1, frames: 200_000 },
    Load { connections: 4, in_flight: 32, frames: 1_000_000 },
];

/// Answers each frame with itself.
struct Echo;

impl Handler for Echo {
    fn handle(&self, frame: Frame) -> Handling {
        Box::pin(async move {
            let reply = Reply::new(frame.bytes, "text/plain");
            Handled { replies: vec![reply], ..Handled::default() }
        })
    }

    fn sent(&self, _: Receipt, _: bool) {}

    fn refuse(&self, fault: Fault, _: Option<&str>) -> Reply {
        Reply::new(fault.to_string(), "text/plain")
    }
}

async fn bare_echo(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            stream.set_nodelay(true).expect("a socket");
            let mut buffer = vec![0; 16 << 10];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..read]).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// Sends frames in batches of what may be in flight, and waits for the answers of each.
async fn client(address: std::net::SocketAddr, in_flight: usize, frames: usize) {
    let mut stream = TcpStream::connect(address).await.expect("a listener");
    stream.set_nodelay(true).expect("a socket");
    let mut batch = vec![b'P'; FRAME_BYTES * in_flight];
    batch.iter_mut().skip(FRAME_BYTES - 1).step_by(FRAME_BYTES).for_each(|end| *end = b'\n');
    let mut answers = vec![0; batch.len()];
    for _ in 0..frames / in_flight {
        stream.write_all(&batch).await.expect("a connection");
        stream.read_exact(&mut answers).await.expect("answers");
    }
}

/// Frames a second, the median of some rounds.
async fn measure(address: std::net::SocketAddr, load: &Load) -> f64 {
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let clients: Vec<_> = (0..load.connections)
            .map(|_| tokio::spawn(client(address, load.in_flight, load.frames / load.connections)))
            .collect();
        for client in clients {
            client.await.expect("a client that ends");
        }
        rates.push(load.frames as f64 / begun.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    rates[ROUNDS / 2]
}

async fn listener() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    (listener, address)
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let (bare, bare_address) = listener().await;
    tokio::spawn(bare_echo(bare));
    let (framed, lane_address) = listener().await;
    let lane = TcpLane::new("bench", Framing::Line, Limits::default(), Some("bench"), None, Arc::new(Echo));
    tokio::spawn(lane.run(framed, std::future::pending(), std::time::Duration::ZERO));
    println!(
        "{:>11} {:>9} {:>12} {:>12} {:>6} {:>13}",
        "connections", "in flight", "bare/s", "lane/s", "ratio", "lane cost/µs"
    );
    for load in LOADS {
        let bare = measure(bare_address, load).await;
        let lane = measure(lane_address, load).await;
        let cost_us = 1e6 / lane - 1e6 / bare;
        println!(
            "{:>11} {:>9} {bare:>12.0} {lane:>12.0} {:>6.2} {cost_us:>13.2}",
            load.connections,
            load.in_flight,
            lane / bare
        );
    }
}
