//! How many of the latest requests failed: ten buckets of time, of which the oldest is emptied when a new one begins.

use std::time::Duration;

use tokio::time::Instant;

const BUCKETS: usize = 10;

#[derive(Clone, Copy, Default)]
struct Bucket {
    requests: u32,
    failures: u32,
}

/// What became of the requests of the latest span of time.
pub(super) struct Window {
    bucket: Duration,
    origin: Instant,
    /// The bucket that is being filled, counted from the origin.
    current: u128,
    buckets: [Bucket; BUCKETS],
}

impl Window {
    /// An empty window of this length.
    pub(super) fn new(length: Duration, now: Instant) -> Self {
        let bucket = (length / BUCKETS as u32).max(Duration::from_millis(1));
        Self { bucket, origin: now, current: 0, buckets: [Bucket::default(); BUCKETS] }
    }

    /// Takes note of a request.
    pub(super) fn note(&mut self, failed: bool, now: Instant) {
        self.turn(now);
        let bucket = &mut self.buckets[(self.current % BUCKETS as u128) as usize];
        bucket.requests = bucket.requests.saturating_add(1);
        bucket.failures = bucket.failures.saturating_add(u32::from(failed));
    }

    /// Requests, and those of them that failed.
    pub(super) fn totals(&mut self, now: Instant) -> (u64, u64) {
        self.turn(now);
        let sum = |of: fn(&Bucket) -> u32| self.buckets.iter().map(|bucket| u64::from(of(bucket))).sum();
        (sum(|bucket| bucket.requests), sum(|bucket| bucket.failures))
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.buckets = [Bucket::default(); BUCKETS];
    }

    fn turn(&mut self, now: Instant) {
        let at = now.saturating_duration_since(self.origin).as_nanos() / self.bucket.as_nanos();
        let passed = at.saturating_sub(self.current).min(BUCKETS as u128);
        for step in 1..=passed {
            self.buckets[((self.current + step) % BUCKETS as u128) as usize] = Bucket::default();
        }
        self.current = self.current.max(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that what is older than the window is forgotten bucket by bucket, and all of it after a pause.
    #[test]
    fn forgets_by_buckets() {
        let begin = Instant::now();
        let at = |ms: u64| begin + Duration::from_millis(ms);
        let mut window = Window::new(Duration::from_secs(10), begin);
        for second in 0..10 {
            window.note(second < 5, at(second * 1_000));
        }
        assert_eq!(window.totals(at(9_999)), (10, 5));
        assert_eq!(window.totals(at(10_000)), (9, 4));
        assert_eq!(window.totals(at(13_500)), (6, 1));
        window.note(true, at(13_500));
        assert_eq!(window.totals(at(13_500)), (7, 2));
        assert_eq!(window.totals(at(60_000)), (0, 0));
        window.note(true, at(60_000));
        assert_eq!(window.totals(at(60_000)), (1, 1));
        window.clear();
        assert_eq!(window.totals(at(60_000)), (0, 0));
    }
}
