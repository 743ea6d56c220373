//! Measures the journal against its own yardstick: with n records in flight and t the median of an
//! `fdatasync` of equal writes in the same run, no more than n/t records can be made durable a second by one
//! sync at a time.
//!
//! `cargo bench --bench journal [-- FOLDER]`; the folder should be on the disk in question (default: the
//! target folder).

use postern::journal::storage::{FileStorage, Storage};
use postern::journal::{Entry, Journal, Kind, Options};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

const BODY_BYTES: usize = 1024;
const RUN: Duration = Duration::from_secs(2);
const SYNCS: usize = 400;

fn main() {
    let folder = std::env::args()
        .skip(1)
        .find(|arg| !arg.starts_with('-'))
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let folder = tempfile::tempdir_in(folder).expect("the folder can be written to");
    println!("in flight  t p50 µs       n/t  records/s  share  group  sync µs");
    for in_flight in [1, 4, 16, 64, 128] {
        for announced in [false, true] {
            let sync = sync_median(folder.path(), in_flight);
            let run = throughput(folder.path(), in_flight, announced);
            let limit = in_flight as f64 / sync.as_secs_f64();
            println!(
                "{in_flight:>9} {:>9.0} {limit:>9.0} {:>10.0} {:>5.0}% {:>6.1} {:>8.0}{}",
                sync.as_secs_f64() * 1e6,
                run.rate,
                100.0 * run.rate / limit,
                run.group,
                run.sync_us,
                if announced { " announced" } else { "" },
            );
        }
    }
}

/// What one run gave.
struct Run {
    /// Records a second.
    rate: f64,
    /// Records a group, on average.
    group: f64,
    /// What a write and sync took the journal, on average.
    sync_us: f64,
}

/// The median time of a write and sync of as many bytes as a full group, into a file that was written before.
fn sync_median(folder: &Path, in_flight: usize) -> Duration {
    let storage = FileStorage::at(folder);
    let file = storage.create("yardstick").expect("the folder can be written to");
    let group = vec![7; in_flight * (BODY_BYTES + 104)];
    let places = (8 << 20) / group.len();
    file.write_at(&vec![0; places * group.len()], 0).expect("the file can be written");
    file.sync_data().expect("the file can be synced");
    let mut times: Vec<_> = (0..SYNCS)
        .map(|round| {
            file.write_at(&group, (round % places * group.len()) as u64).expect("the file can be written");
            let begun = Instant::now();
            file.sync_data().expect("the file can be synced");
            begun.elapsed()
        })
        .collect();
    times.sort();
    storage.remove("yardstick").expect("the file can be removed");
    times[SYNCS / 2]
}

/// So many tasks that each append one record after the other.
fn throughput(folder: &Path, in_flight: usize, announced: bool) -> Run {
    let folder = folder.join("journal");
    let storage: Arc<dyn Storage> = Arc::new(FileStorage::create(&folder).expect("the folder can be made"));
    let options = Options::new(1, Uuid::nil());
    let (journal, _) = Journal::open(storage, &options, |_| {}).expect("the journal opens");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("the runtime starts");
    let begun = Instant::now();
    runtime.block_on(async {
        let tasks: Vec<_> =
            (0..in_flight).map(|_| tokio::spawn(appends(journal.clone(), begun, announced))).collect();
        for task in tasks {
            task.await.expect("no task panics");
        }
    });
    let elapsed = begun.elapsed();
    journal.close().expect("the journal closes");
    let stats = journal.stats();
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
    let groups = stats.groups as f64;
    Run {
        rate: stats.records as f64 / elapsed.as_secs_f64(),
        group: stats.records as f64 / groups,
        sync_us: stats.total_sync_us as f64 / groups,
    }
}

async fn appends(journal: Journal, begun: Instant, announced: bool) {
    while begun.elapsed() < RUN {
        let announcement = announced.then(|| journal.expect());
        let entry = Entry::new(Kind::Screening, Uuid::nil(), vec![7; BODY_BYTES]);
        let commit = match announcement {
            Some(announcement) => announcement.append(entry),
            None => journal.append(entry),
        };
        commit.await.expect("the record becomes durable");
    }
}
