//! The machine's own memory, as a yardstick: random reads of an array, each waiting for the one before, and many at once.

use std::hint::black_box;
use std::time::Instant;

const READS: u64 = 4_000_000;
const CHAINS: usize = 64;

/// An array of cache lines.
pub(crate) struct Memory(Vec<[u64; 8]>);

impl Memory {
    /// An array of so many bytes, each page touched.
    pub(crate) fn new(bytes: u64) -> Self {
        Self((0..(bytes / 64).max(1)).map(|line| [line; 8]).collect())
    }

    fn next(&self, at: usize, round: u64) -> usize {
        let mixed = (self.0[at][0] ^ round).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((u128::from(mixed) * self.0.len() as u128) >> 64) as usize
    }

    /// Nanoseconds a read, each of which depends on the one before; the median of three.
    pub(crate) fn dependent_ns(&self) -> f64 {
        median((0..3).map(|seed| {
            let mut at = 0;
            let began = Instant::now();
            for round in 0..READS {
                at = self.next(at, round ^ seed << 40);
            }
            black_box(at);
            began.elapsed().as_nanos() as f64 / READS as f64
        }))
    }

    /// Million reads a second in many chains at once; the median of three.
    pub(crate) fn rate(&self) -> f64 {
        median((0..3).map(|seed| {
            let mut at: [usize; CHAINS] = std::array::from_fn(|chain| chain * 97 % self.0.len());
            let began = Instant::now();
            for round in 0..READS / CHAINS as u64 {
                for (chain, at) in (0..).zip(&mut at) {
                    *at = self.next(*at, round ^ (chain ^ seed << 8) << 40);
                }
            }
            black_box(at);
            READS as f64 / began.elapsed().as_secs_f64() / 1e6
        }))
    }
}

fn median(runs: impl Iterator<Item = f64>) -> f64 {
    let mut runs: Vec<f64> = runs.collect();
    runs.sort_by(f64::total_cmp);
    runs[runs.len() / 2]
}
