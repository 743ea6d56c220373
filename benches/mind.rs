//! The copy against the memory that it stands on: look-ups that hit and miss, beside bare dependent random reads of an
//! array as large as the part that they touch, in the same run. Absolute figures belong to the machine; ratios travel.
//!
//! `cargo bench --bench mind [-- RECORDS]`, one million records by default.

use std::hint::black_box;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use postern::keys::PrivateKey;
use postern::mind::{BuildOptions, Copy, Coverage, build};
use postern::sim::feed;
use postern_sdk::{Database, DocumentKey, DocumentNumber, Environment};

const NOW: Timestamp = Timestamp::constant(1_795_500_000, 0);
const LOOKUPS: usize = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let records = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir()?;
    let feed = feed::generate(records, 1);

    let mut csv = Vec::new();
    timed("write feed", records, || feed.write_csv(&mut csv))?;

    let signing_key = PrivateKey::generate()?;
    let options = BuildOptions {
        folder: folder.path().to_owned(),
        dataset: "documents".to_owned(),
        version: 1,
        data_as_of: NOW,
        created: NOW,
        expires: NOW + SignedDuration::from_hours(24),
        environment: Environment::Training,
        coverage: [(Database::Sltd, Coverage::Full), (Database::Tdawn, Coverage::Full)].into(),
        signing_key: &signing_key,
    };
    let manifest = timed("build", records, || build(&csv[..], &options, |_| {}))?;
    drop(csv);
    let table = manifest.table.bytes;
    println!("table {:.2} bytes a record, ids {:.2}", per(table, records), per(manifest.ids.bytes, records));

    let path = folder.path().join("documents/000000000001");
    let publisher = signing_key.public();
    let copy = timed("open", 1, || Copy::open(&path, &publisher, Environment::Training))?;
    timed("verify", records, || copy.verify())?;

    let stride = (records / LOOKUPS as u64).max(1);
    let hits: Vec<DocumentKey> =
        shuffled((0..records).step_by(stride as usize)).map(|index| key(&feed.row(index).number)).collect();
    let misses: Vec<DocumentKey> = (0..LOOKUPS).map(|index| key(&format!("ZZZZ{index:09}"))).collect();

    let memory = random_reads(table as usize);
    let buckets = random_reads(table as usize / 8);
    println!("random read of {table} bytes {memory:.1} ns, of {} bytes {buckets:.1} ns", table / 8);
    for round in 1..=3 {
        let miss = lookups(&copy, &misses);
        let hit = lookups(&copy, &hits);
        println!(
            "round {round}: miss {miss:.1} ns ({:.2} x its array), hit {hit:.1} ns ({:.2} x the table)",
            miss / buckets,
            hit / memory
        );
    }
    Ok(())
}

fn key(number: &str) -> DocumentKey {
    let number = DocumentNumber::normalise(number).expect("a generated number is normal");
    DocumentKey { number, issuer: None, doc_type: None }
}

fn per(bytes: u64, records: u64) -> f64 {
    bytes as f64 / records as f64
}

/// Times a step and prints it, with the rate for the things it handles.
fn timed<T>(name: &str, things: u64, step: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = step();
    let seconds = begun.elapsed().as_secs_f64();
    println!("{name} {:.3} s, {:.2} million/s", seconds, things as f64 / seconds / 1e6);
    result
}

/// Nanoseconds a look-up, answers and all.
fn lookups(copy: &Copy, keys: &[DocumentKey]) -> f64 {
    let begun = Instant::now();
    for key in keys {
        black_box(copy.answer(black_box(key), &[Database::Sltd], 0, NOW));
    }
    begun.elapsed().as_nanos() as f64 / keys.len() as f64
}

/// Nanoseconds a read, each of which depends on the one before.
fn random_reads(bytes: usize) -> f64 {
    let lines: Vec<[u64; 8]> = (0..bytes as u64 / 64).map(|line| [line; 8]).collect();
    let mut at = 0;
    let begun = Instant::now();
    for round in 0..LOOKUPS as u64 {
        let next = (lines[at][0] ^ round).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        at = ((u128::from(next) * lines.len() as u128) >> 64) as usize;
    }
    black_box(at);
    begun.elapsed().as_nanos() as f64 / LOOKUPS as f64
}

fn shuffled(items: impl Iterator<Item = u64>) -> impl Iterator<Item = u64> {
    let mut items: Vec<u64> = items.collect();
    items.sort_by_key(|item| item.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17));
    items.into_iter()
}
