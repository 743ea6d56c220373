//! Measures one opened engine on one thread.
//!
//! Rates are of the thread's own time on the processor, so that a neighbour costs little, and the median of three
//! rounds in which the kinds take turns. Latencies are by the wall clock, one look-up at a time, its two readings of the
//! clock included: a neighbour shows in their tails. Everything was asked once before, which proves the answers and
//! warms what warms.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Result};
use crate::questions::{Kind, Questions};

const ROUNDS: usize = 3;
/// How many numbers a batch has.
pub const BATCH: usize = 64;

/// What was measured of an engine.
#[derive(Debug, Serialize, Deserialize)]
pub struct Figures {
    /// How long opening took, the files being in the page cache.
    pub open: Duration,
    /// By how much memory of the process's own grew from before opening until everything was asked once.
    pub anonymous_bytes: u64,
    /// By how much its resident mappings of files grew.
    pub mapped_bytes: u64,
    /// By kind, in the order of [`Kind::ALL`].
    pub kinds: Vec<KindFigures>,
}

/// What was measured with one kind of number.
#[derive(Debug, Serialize, Deserialize)]
pub struct KindFigures {
    /// Look-ups a second.
    pub rate: f64,
    /// Look-ups a second in batches, if the engine has them.
    pub batch_rate: Option<f64>,
    /// How long one takes.
    pub latency: Latency,
}

/// Percentiles in nanoseconds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Latency {
    pub p50: u64,
    pub p99: u64,
    pub p999: u64,
}

impl Latency {
    fn of(mut samples: Vec<u64>) -> Self {
        samples.sort_unstable();
        let at = |part: f64| samples[(samples.len() as f64 * part) as usize];
        Self { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
    }
}

/// Opens and measures an engine.
///
/// # Errors
/// What opening says, and that an answer was wrong.
pub fn measure<E: Engine>(folder: &Path, questions: &Questions) -> Result<Figures> {
    let asked = Kind::ALL.map(|kind| questions.of(kind));
    let before = Resident::now()?;
    let begun = Instant::now();
    let engine = E::open(folder)?;
    let open = begun.elapsed();
    for (kind, numbers) in Kind::ALL.iter().zip(&asked) {
        check(&engine, *kind, numbers)?;
    }
    let after = Resident::now()?;
    Ok(Figures {
        open,
        anonymous_bytes: after.anonymous_bytes.saturating_sub(before.anonymous_bytes),
        mapped_bytes: after.mapped_bytes.saturating_sub(before.mapped_bytes),
        kinds: kinds(&engine, &asked),
    })
}

/// Proves the answers, alone and in batches.
fn check<E: Engine>(engine: &E, kind: Kind, numbers: &[&str]) -> Result<()> {
    let expected = if kind == Kind::Hit { numbers.len() } else { 0 };
    let found = one_by_one(engine, numbers);
    let in_batches = batches(engine, numbers).unwrap_or(expected);
    if (found, in_batches) == (expected, expected) {
        return Ok(());
    }
    let name = kind.name();
    Err(format!("of {} questions ({name}) {found} were found, {in_batches} in batches", numbers.len()).into())
}

fn kinds<E: Engine>(engine: &E, asked: &[Vec<&str>]) -> Vec<KindFigures> {
    let mut rates = vec![Vec::new(); asked.len()];
    let mut batch_rates = vec![Vec::new(); asked.len()];
    for _ in 0..ROUNDS {
        for (kind, numbers) in asked.iter().enumerate() {
            rates[kind].push(rate(numbers.len(), || Some(one_by_one(engine, numbers))));
            batch_rates[kind].push(rate(numbers.len(), || batches(engine, numbers)));
        }
    }
    let figures =
        asked.iter().zip(rates).zip(batch_rates).map(|((numbers, rates), batch_rates)| KindFigures {
            rate: median(rates.into_iter().flatten()).unwrap_or_default(),
            batch_rate: median(batch_rates.into_iter().flatten()),
            latency: Latency::of(latencies(engine, numbers)),
        });
    figures.collect()
}

fn one_by_one<E: Engine>(engine: &E, numbers: &[&str]) -> usize {
    numbers.iter().filter(|number| engine.get(black_box(number))).count()
}

fn batches<E: Engine>(engine: &E, numbers: &[&str]) -> Option<usize> {
    numbers.chunks(BATCH).map(|batch| engine.get_batch(black_box(batch))).sum()
}

fn latencies<E: Engine>(engine: &E, numbers: &[&str]) -> Vec<u64> {
    let latency = |number: &&str| {
        let begun = Instant::now();
        black_box(engine.get(black_box(number)));
        begun.elapsed().as_nanos() as u64
    };
    numbers.iter().map(latency).collect()
}

/// Look-ups a second of processor time; none if the step has nothing to say.
fn rate(count: usize, step: impl FnOnce() -> Option<usize>) -> Option<f64> {
    let begun = processor_time();
    black_box(step()?);
    Some(count as f64 / (processor_time() - begun).as_secs_f64())
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// What this thread has used of the processor.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// What two readings of the clock take, which every latency includes.
pub fn clock() -> Latency {
    Latency::of((0..100_000).map(|_| Instant::now().elapsed().as_nanos() as u64).collect())
}

/// What of the process is in memory.
struct Resident {
    anonymous_bytes: u64,
    mapped_bytes: u64,
}

impl Resident {
    fn now() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let bytes = |name: &str| -> Result<u64> {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .ok_or("the kernel's status is odd")?;
            Ok(line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
        };
        Ok(Self { anonymous_bytes: bytes("RssAnon")?, mapped_bytes: bytes("RssFile")? })
    }
}
