//! Figures of the trip: what the console shows of throughput and latency, and what Prometheus scrapes.
//!
//! The handles are made once a lane, because a lane should not look a metric up by its name for each message.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use metrics::{Counter, Histogram, counter, histogram};
use postern_sdk::{Conclusion, Outcome, Verdict};
use serde::Serialize;

/// Upper bounds of the latency buckets: 24 a decade from 10 µs to 100 s, so that a percentile is right within 10 %.
const BUCKETS: usize = 24 * 7 + 1;
const PER_DECADE: f64 = 24.0;
const FLOOR_US: f64 = 10.0;

/// Latencies in buckets.
struct Latencies([AtomicU64; BUCKETS]);

impl Default for Latencies {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Latencies {
    fn note(&self, elapsed: Duration) {
        let us = elapsed.as_secs_f64() * 1e6;
        let bucket = ((us / FLOOR_US).log10() * PER_DECADE).ceil().clamp(0.0, (BUCKETS - 1) as f64);
        self.0[bucket as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn counts(&self) -> Vec<u64> {
        self.0.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }
}

/// Percentiles of latency, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50_us: u64,
    /// Of a hundred one is slower.
    pub p99_us: u64,
    /// Of a thousand one is slower.
    pub p999_us: u64,
}

impl Percentiles {
    fn of(counts: &[u64]) -> Self {
        let total: u64 = counts.iter().sum();
        let at = |permille: u64| {
            let wanted = (total * permille).div_ceil(1_000);
            let mut seen = 0;
            let bucket = counts.iter().position(|count| {
                seen += count;
                seen >= wanted
            });
            bucket.filter(|_| total > 0).map_or(0, upper_us)
        };
        Self { p50_us: at(500), p99_us: at(990), p999_us: at(999) }
    }
}

fn upper_us(bucket: usize) -> u64 {
    (FLOOR_US * 10f64.powf(bucket as f64 / PER_DECADE)).round() as u64
}

/// The figures of all lanes together.
#[derive(Default)]
pub struct Stats {
    latencies: Latencies,
    exchanges: AtomicU64,
    verdicts: [AtomicU64; 4],
    by_source: [AtomicU64; 2],
    refusals: AtomicU64,
    late_hits: AtomicU64,
    history: Mutex<VecDeque<(Timestamp, u64, Vec<u64>)>>,
}

/// The figures as the console shows them.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Messages answered since start.
    pub exchanges: u64,
    /// Messages refused since start.
    pub refusals: u64,
    /// Screenings since start that ended as hit, possible hit, not established, no record.
    pub verdicts: [u64; 4],
    /// Databases since start that FIND answered for, and the copy.
    pub by_source: [u64; 2],
    /// Hits since start that FIND told after its lane's deadline.
    pub late_hits: u64,
    /// Messages answered a second, over the last ten seconds.
    pub per_second: f64,
    /// Latency over the last minute.
    pub latency: Percentiles,
}

impl Stats {
    /// Notes a message that was answered.
    pub fn answered(&self, outcomes: &[Outcome], elapsed: Duration) {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        self.latencies.note(elapsed);
        for outcome in outcomes.iter().filter(|outcome| !outcome.is_outside_policy()) {
            self.verdicts[outcome.verdict() as usize].fetch_add(1, Ordering::Relaxed);
            for source in outcome.databases().iter().filter_map(|database| database.source) {
                self.by_source[source as usize].fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Notes a message that was refused.
    pub fn refused(&self) {
        self.refusals.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes a hit that came after the deadline.
    pub fn late_hit(&self) {
        self.late_hits.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a sample for rates and percentiles of the last minute; to be called once a second.
    pub fn sample(&self, now: Timestamp) {
        let mut history = self.history.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if history.len() > 60 {
            history.pop_front();
        }
        history.push_back((now, self.exchanges.load(Ordering::Relaxed), self.latencies.counts()));
    }

    /// The figures as of now.
    pub fn figures(&self, now: Timestamp) -> Figures {
        let history = self.history.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let counts = self.latencies.counts();
        let window = match history.front() {
            Some((_, _, first)) => counts.iter().zip(first).map(|(now, then)| now - then).collect(),
            None => counts,
        };
        let exchanges = self.exchanges.load(Ordering::Relaxed);
        let per_second = history.iter().rev().nth(9).or(history.front()).map_or(0.0, |(at, before, _)| {
            (exchanges - before) as f64 / now.duration_since(*at).as_secs_f64().max(0.001)
        });
        Figures {
            exchanges,
            refusals: self.refusals.load(Ordering::Relaxed),
            verdicts: std::array::from_fn(|i| self.verdicts[i].load(Ordering::Relaxed)),
            by_source: [0, 1].map(|source: usize| self.by_source[source].load(Ordering::Relaxed)),
            late_hits: self.late_hits.load(Ordering::Relaxed),
            per_second,
            latency: Percentiles::of(&window),
        }
    }
}

/// One lane's metric handles.
pub struct LaneStats {
    verdicts: [Counter; 4],
    seconds: Histogram,
    refusals: Counter,
    duplicates: Counter,
    unrecorded: Counter,
}

impl LaneStats {
    /// The handles of a lane.
    pub fn new(lane: &str) -> Self {
        let verdict = |verdict: Verdict| counter!("postern_screenings_total", "lane" => lane.to_owned(), "verdict" => verdict.code());
        let verdicts = [Verdict::Hit, Verdict::PossibleHit, Verdict::NotEstablished, Verdict::NoRecord];
        Self {
            verdicts: verdicts.map(verdict),
            seconds: histogram!("postern_exchange_seconds", "lane" => lane.to_owned()),
            refusals: counter!("postern_refusals_total", "lane" => lane.to_owned()),
            duplicates: counter!("postern_duplicates_total", "lane" => lane.to_owned()),
            unrecorded: counter!("postern_unrecorded_answers_total", "lane" => lane.to_owned()),
        }
    }

    /// Notes a message that was answered.
    pub fn answered(&self, outcomes: &[Outcome], elapsed: Duration) {
        self.seconds.record(elapsed.as_secs_f64());
        for outcome in outcomes.iter().filter(|outcome| !outcome.is_outside_policy()) {
            self.verdicts[outcome.verdict() as usize].increment(1);
            outcome.databases().iter().for_each(note_unchecked);
        }
    }

    /// Notes a message that was refused.
    pub fn refused(&self) {
        self.refusals.increment(1);
    }

    /// Notes an answer that could not be made durable in time.
    pub fn unrecorded(&self) {
        self.unrecorded.increment(1);
    }

    /// Notes a message that was answered before.
    pub fn duplicate(&self) {
        self.duplicates.increment(1);
    }
}

/// What was not checked, and why: the metric that operations staff watch.
fn note_unchecked(conclusion: &Conclusion) {
    if let Some(reason) = conclusion.unchecked() {
        let database = conclusion.database.code();
        counter!("postern_unchecked_total", "database" => database, "reason" => reason.code()).increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that percentiles are right within a bucket's width, and zero when nothing was measured.
    #[test]
    fn percentiles_of_known_latencies() {
        let stats = Stats::default();
        assert_eq!(stats.figures(Timestamp::UNIX_EPOCH).latency, Percentiles::default());
        for us in 1..=1_000u64 {
            stats.answered(&[], Duration::from_micros(us * 100));
        }
        let latency = stats.figures(Timestamp::UNIX_EPOCH).latency;
        for (found, exact) in
            [(latency.p50_us, 50_000.0), (latency.p99_us, 99_000.0), (latency.p999_us, 99_900.0)]
        {
            assert!((found as f64 / exact - 1.0).abs() < 0.11, "{found} for {exact}");
        }
    }

    // Proves that the rate is that of the last samples, not of the whole run.
    #[test]
    fn rate_is_recent() {
        let stats = Stats::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        (0..500).for_each(|_| stats.answered(&[], Duration::from_micros(1)));
        for second in 0..20 {
            stats.sample(at(second));
            (0..10).for_each(|_| stats.answered(&[], Duration::from_micros(1)));
        }
        let rate = stats.figures(at(20)).per_second;
        assert!((9.0..=11.0).contains(&rate), "{rate}");
    }
}
