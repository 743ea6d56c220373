//! The copy against the memory that it stands on: look-ups that hit and miss, one by one and in batches, on one thread and
//! two, beside the machine's own random reads of arrays of the same sizes in the same run; then look-ups while a delta of
//! 100 000 records is applied and while it is folded. Absolute figures belong to the machine; ratios travel.
//!
//! `cargo bench --bench mind [-- RECORDS]`, one million records by default. It needs about 60 bytes of disk a record.

mod memory;
mod world;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use postern::mind::{Copy, FoldOptions, Identifier, Presence};

use memory::Memory;
use world::World;

const LOOKUPS: usize = 2_000_000;
const CHANGES: u64 = 100_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let records = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    let world = World::new(records)?;
    let manifest = timed("build", records, || world.build())?;
    let (table, ids) = (manifest.table.bytes, manifest.ids.bytes);
    println!("table {:.2} bytes a record, ids {:.2}", per(table, records), per(ids, records));

    let hits = world.hits(LOOKUPS);
    let misses = world.misses(LOOKUPS);
    let began = Instant::now();
    let copy = world.open(1)?;
    let opened = began.elapsed();
    black_box(copy.contains(&hits[0]));
    println!("opened in {opened:?}, first look-up answered after {:?}", began.elapsed());
    check(&copy, &hits, Presence::Some);
    check(&copy, &misses, Presence::None);

    // A bucket of 64 bytes for 23 records, then the slots.
    let buckets = records.div_ceil(23) * 64;
    lookups(&world, &copy, &hits, &misses, buckets, table);
    changes(&world, copy, &hits, &misses)
}

fn per(bytes: u64, records: u64) -> f64 {
    bytes as f64 / records as f64
}

/// Times a step and prints it, with the rate for the things it handles.
fn timed<T>(name: &str, things: u64, step: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = step();
    let seconds = began.elapsed().as_secs_f64();
    println!("{name} {seconds:.3} s, {:.2} million/s", things as f64 / seconds / 1e6);
    result
}

/// Touches every page that the figures touch, and makes sure that they measure what they say.
fn check(copy: &Copy, asked: &[Identifier], expected: Presence) {
    copy.contains_many(asked, |place, presence| assert_eq!(presence, expected, "place {place}"));
}

/// The median of five runs, in nanoseconds a thing.
fn median(things: usize, run: impl Fn()) -> f64 {
    let mut runs: Vec<f64> = (0..5)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed().as_nanos() as f64 / things as f64
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    runs[2]
}

fn one_by_one(copy: &Copy, asked: &[Identifier]) {
    for identifier in asked {
        black_box(copy.contains(black_box(identifier)));
    }
}

fn batched(copy: &Copy, asked: &[Identifier], batch: usize) {
    for asked in asked.chunks(batch) {
        copy.contains_many(asked, |_, presence| {
            black_box(presence);
        });
    }
}

/// As `run` on each half of the questions by a thread of its own.
fn on_two(asked: &[Identifier], run: impl Fn(&[Identifier]) + Sync) {
    std::thread::scope(|scope| {
        for half in asked.chunks(asked.len().div_ceil(2)) {
            let run = &run;
            scope.spawn(move || run(half));
        }
    });
}

fn lookups(world: &World, copy: &Copy, hits: &[Identifier], misses: &[Identifier], buckets: u64, table: u64) {
    let prf = median(misses.len(), || world.locators(misses));
    let prf_batched = median(misses.len(), || world.locators_batched(misses));
    println!("locator {prf:.1} ns alone, {prf_batched:.1} ns in a batch of 64");
    let line = Memory::new(buckets);
    let (read_bucket, rate_bucket) = (line.dependent_ns(), line.rate());
    drop(line);
    let slots = Memory::new(table - buckets);
    let (read_slot, rate_slot) = (slots.dependent_ns(), slots.rate());
    drop(slots);
    println!(
        "random read of the {} MB of buckets {read_bucket:.1} ns, {rate_bucket:.0} million/s at best; of the {} MB of slots \
         {read_slot:.1} ns, {rate_slot:.0} million/s",
        buckets >> 20,
        (table - buckets) >> 20
    );
    println!(
        "\n| look-up | ns | million/s | two threads, million/s | two to one | to its reads and locator |"
    );
    println!("|---|---|---|---|---|---|");
    type Run<'a> = Box<dyn Fn(&[Identifier]) + Sync + 'a>;
    let one = |batch: usize| -> Run<'_> {
        match batch {
            1 => Box::new(|asked| one_by_one(copy, asked)),
            batch => Box::new(move |asked| batched(copy, asked, batch)),
        }
    };
    for (name, asked, reads) in
        [("miss", misses, read_bucket + prf), ("hit", hits, read_bucket + read_slot + prf)]
    {
        for batch in [1, 32, 64] {
            let run = one(batch);
            let ns = median(asked.len(), || run(asked));
            let two = median(asked.len(), || on_two(asked, &run));
            let title = if batch == 1 { name.to_owned() } else { format!("{name}, batch of {batch}") };
            println!(
                "| {title} | {ns:.1} | {:.1} | {:.1} | {:.2} | {:.2} |",
                1e3 / ns,
                1e3 / two,
                ns / two,
                ns / reads
            );
        }
    }
}

/// Latencies of single look-ups, in nanoseconds, sorted, until told to stop; at least so many.
fn latencies(copy: impl Fn() -> Arc<Copy>, asked: &[Identifier], stop: &AtomicBool) -> Vec<u64> {
    let mut latencies = Vec::new();
    'all: loop {
        for identifier in asked {
            if latencies.len() >= 1_000_000 && stop.load(Ordering::Relaxed) {
                break 'all;
            }
            let began = Instant::now();
            black_box(copy().contains(identifier));
            latencies.push(began.elapsed().as_nanos() as u64);
        }
    }
    latencies.sort_unstable();
    latencies
}

fn percentiles(name: &str, sorted: &[u64]) -> u64 {
    let at = |permille: usize| sorted[(sorted.len() - 1) * permille / 1000];
    println!("| {name} | {} | {} | {} | {} |", sorted.len(), at(500), at(990), at(999));
    at(999)
}

/// Look-ups in one thread while another applies a delta and folds.
fn changes(world: &World, copy: Copy, hits: &[Identifier], misses: &[Identifier]) -> Result<(), Failure> {
    timed("\nbuild of 100 000 changes, the new state in full", CHANGES, || world.change(&copy, CHANGES))?;
    world.strip(2)?;
    let mixed: Vec<Identifier> = misses
        .iter()
        .zip(hits.iter().cycle())
        .enumerate()
        .map(|(i, (miss, hit))| if i % 16 == 0 { *hit } else { *miss })
        .collect();
    let serving = arc_swap::ArcSwap::from_pointee(copy);
    println!(
        "\n| one look-up of sixteen hits | look-ups | p50 ns | p99 ns | p99.9 ns |\n|---|---|---|---|---|"
    );
    let during = |name: &str, act: &(dyn Fn() -> Result<(), Failure> + Sync)| {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let look = scope.spawn(|| latencies(|| serving.load_full(), &mixed, &stop));
            let done = act().map_err(|error| error.to_string());
            stop.store(true, Ordering::Relaxed);
            let sorted = look.join().map_err(|_| "a look-up failed")?;
            done?;
            Ok::<u64, Failure>(percentiles(name, &sorted))
        })
    };
    let quiet = during("quiet", &|| Ok(()))?;
    let delta = during("during the delta", &|| {
        for _ in 0..5 {
            let next = world.advance(&serving.load_full(), 2).map_err(|error| error.to_string())?;
            drop(next);
        }
        serving.store(Arc::new(world.advance(&serving.load_full(), 2)?));
        Ok(())
    })?;
    let changed = during("quiet, 100 000 changes in the overlay", &|| Ok(()))?;
    let fold = during("during the fold", &|| {
        timed("fold", world.records(), || {
            serving.load_full().fold(world.folder(), FoldOptions::default(), |_, _| {})
        })?;
        Ok(())
    })?;
    println!(
        "p99.9 during the delta {:.2}, during the fold {:.2} of the quiet one",
        delta as f64 / quiet as f64,
        fold as f64 / changed as f64
    );
    timed("verify", world.records(), || world.open(2)?.verify(|_, _| {}))?;
    Ok(())
}
