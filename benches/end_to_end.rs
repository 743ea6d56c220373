//! The whole daemon over TCP, answering from the copy, every answer durable first.
//!
//! The yardsticks are taken in the same run: `t`, the fdatasync of writes as large as a group of records, on the journal's
//! disk, before and after each load; and a bare echo of the same frames by a server that does nothing else. The load
//! generator shares the machine's cores with the daemon. With `n` requests in flight no more than `n / t` can be answered
//! a second by one journal, so that is what the throughput is held against, up to what is asked of a border post:
//! 40 000/s over 64 connections, 100 000/s over 4 with 32 frames in flight each.
//!
//! `cargo bench --bench end_to_end [-- SECONDS [CONNECTIONSxDEPTH]]`

#[path = "end_to_end/load.rs"]
mod load;
#[path = "end_to_end/world.rs"]
mod world;

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, BufReader};

use load::Load;
use world::World;

type Failure = Box<dyn std::error::Error>;

/// Connections, frames in flight on each, and the throughput that is asked for at most.
type Row = (usize, usize, f64);

/// What is measured unless the command line says otherwise: connections, frames in flight on each, and the throughput that is asked for at most.
const ROWS: [Row; 5] = [
    (1, 1, f64::INFINITY),
    (16, 1, f64::INFINITY),
    (64, 1, 40_000.0),
    (4, 32, 100_000.0),
    (8, 64, 100_000.0),
];

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if arguments.first().is_some_and(|argument| argument == "echo") {
        return runtime.block_on(load::echo());
    }
    let seconds = arguments.first().map_or(Ok(4.0), |seconds| seconds.parse())?;
    let rows: Vec<Row> = match arguments.get(1) {
        Some(row) => vec![row_of(row).ok_or("a row is written CONNECTIONSxDEPTH")?],
        None => ROWS.to_vec(),
    };
    runtime.block_on(measure(Duration::from_secs_f64(seconds), &rows))
}

fn row_of(text: &str) -> Option<Row> {
    let (connections, depth) = text.split_once('x')?;
    let row = (connections.parse().ok()?, depth.parse().ok()?);
    let cap = ROWS.iter().find(|known| (known.0, known.1) == row).map_or(f64::INFINITY, |known| known.2);
    Some((row.0, row.1, cap))
}

async fn measure(length: Duration, rows: &[Row]) -> Result<(), Failure> {
    let world = World::new()?;
    let daemon = world.run().await?;
    let echo = Echo::start().await?;
    let zones = world::zones();
    load::run(daemon.lane, &zones, Load { connections: 4, depth: 8, length: Duration::from_secs(1) }).await?;
    let record_bytes = world.record_bytes()?;
    println!("one record is {record_bytes} bytes in the journal; {} s a row", length.as_secs_f64());
    println!(
        "{:>7} {:>9} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9} {:>7} {:>9} {:>7}",
        "in fl.",
        "answers/s",
        "p50 us",
        "p99 us",
        "p99.9",
        "t us",
        "sync us",
        "n/t",
        "share",
        "echo/s",
        "share"
    );
    for &(connections, depth, cap) in rows {
        let in_flight = connections * depth;
        let load = Load { connections, depth, length };
        let before = sync_p50(world.folder(), in_flight * record_bytes)?;
        let syncs = daemon.syncs().await?;
        let answered = load::run(daemon.lane, &zones, load).await?;
        let (mean_sync, groups) = daemon.syncs().await?.since(syncs);
        let after = sync_p50(world.folder(), in_flight * record_bytes)?;
        let bare = load::run(echo.address, &zones, load).await?;
        let t = (before + after) / 2.0;
        let possible = (in_flight as f64 / t).min(cap);
        println!(
            "{:>7} {:>9.0} {:>8.0} {:>8.0} {:>8.0} {:>6.1} {:>8.0} {:>9.0} {:>9.0} {:>6.0}% {:>9.0} {:>6.0}%",
            format!("{connections}x{depth}"),
            answered.per_second,
            answered.p50_us,
            answered.p99_us,
            answered.p999_us,
            answered.count as f64 / groups,
            t * 1e6,
            mean_sync * 1e6,
            in_flight as f64 / t,
            answered.per_second / possible * 100.0,
            bare.per_second,
            answered.per_second / bare.per_second * 100.0,
        );
    }
    println!(
        "group: answers that share a sync; sync: its mean in the daemon; share: of n/t, or of the throughput asked for where that is less; then of the bare echo"
    );
    Ok(())
}

/// The median time of an fdatasync after a write of this size into a file whose blocks are written already, in seconds.
fn sync_p50(folder: &Path, bytes: usize) -> Result<f64, Failure> {
    const SYNCS: usize = 150;
    let path = folder.join("yardstick");
    let file = File::options().create(true).write(true).truncate(true).open(&path)?;
    let block = vec![7; bytes];
    let span = 64 * bytes;
    (0..64).try_for_each(|i| file.write_all_at(&block, (i * bytes) as u64))?;
    file.sync_all()?;
    let mut times = Vec::with_capacity(SYNCS);
    for i in 0..SYNCS {
        file.write_all_at(&block, (i * bytes % span) as u64)?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    std::fs::remove_file(path)?;
    Ok(times[SYNCS / 2])
}

/// A server that sends every frame back, in a process of its own.
struct Echo {
    child: Child,
    address: SocketAddr,
}

impl Echo {
    async fn start() -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?).arg("echo").stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let mut line = String::new();
        BufReader::new(tokio::process::ChildStdout::from_std(stdout)?).read_line(&mut line).await?;
        Ok(Self { child, address: line.trim().parse()? })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
