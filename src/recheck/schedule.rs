//! In which order, how fast, and when again.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

/// How long a place waits after its first failed attempt; each time twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(15);
/// How long it waits at most.
const WAIT_MAX: Duration = Duration::from_secs(4 * 3600);
/// How much of the rate may be caught up at once after a delay.
const BURST: Duration = Duration::from_millis(100);

/// How long a place waits after its attempt of this number, from 1. It is spread by up to a quarter, by the matter alone, so
/// that places of one outage don't come back together and the projection stays a function of the journal.
pub(super) fn backoff(attempt: u32, matter: Uuid) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    let wait = doubled.min(WAIT_MAX);
    let spread = matter.as_u128() as u32 % 256;
    wait + wait / 4 * spread / 256
}

/// Which end of the list is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The newest: that traveller may still be near.
    Newest,
    /// The oldest: so that nothing starves.
    Oldest,
}

/// Shares the turns between both ends.
#[derive(Debug)]
pub(super) struct Turns {
    oldest_percent: u32,
    credit: u32,
}

impl Turns {
    /// Of a hundred turns this many are for the oldest.
    pub(super) const fn new(oldest_percent: u32) -> Self {
        Self { oldest_percent, credit: 0 }
    }

    /// Whose turn is next. The oldest's turns come at even distances.
    pub(super) fn next(&mut self) -> End {
        self.credit += self.oldest_percent;
        if self.credit < 100 {
            return End::Newest;
        }
        self.credit -= 100;
        End::Oldest
    }
}

/// A room's own rate cap.
#[derive(Debug)]
pub(crate) struct Pace {
    distance: Duration,
    next: Instant,
}

impl Pace {
    /// This many a second at most, at least one.
    pub(crate) fn new(per_s_max: u32) -> Self {
        Self { distance: Duration::from_secs(1) / per_s_max.max(1), next: Instant::now() }
    }

    /// When the next attempt may go.
    pub(crate) const fn next(&self) -> Instant {
        self.next
    }

    /// Takes note of an attempt.
    pub(crate) fn went(&mut self) {
        let now = Instant::now();
        let earliest = now.checked_sub(BURST.max(self.distance)).unwrap_or(now);
        self.next = self.next.max(earliest) + self.distance;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that a place's waits grow, are bounded, and are the same whenever they are worked out.
    #[test]
    fn waits_grow_to_a_limit() {
        let matter = Uuid::from_u128(77);
        let waits: Vec<_> = (1..40).map(|attempt| backoff(attempt, matter)).collect();
        assert!(waits.is_sorted() && waits[0] >= FIRST_WAIT && waits[38] <= WAIT_MAX * 5 / 4);
        assert_eq!(waits[3], backoff(4, matter));
    }

    // Proves that the oldest get their share exactly, at even distances, and that none or all are possible.
    #[test]
    fn the_oldest_have_their_share() {
        for percent in [0, 1, 25, 33, 50, 100] {
            let mut turns = Turns::new(percent);
            let ends: Vec<End> = (0..1_000).map(|_| turns.next()).collect();
            assert_eq!(ends.iter().filter(|end| **end == End::Oldest).count() as u32, percent * 10);
            if percent == 25 {
                assert!(ends.chunks(4).all(|four| four[3] == End::Oldest), "every fourth");
            }
        }
    }

    // Proves that no second holds more attempts than the cap and its burst, also after a rest.
    #[tokio::test(start_paused = true)]
    async fn the_pace_holds() {
        let mut pace = Pace::new(50);
        for _ in 0..3 {
            let begun = Instant::now();
            for _ in 0..100 {
                tokio::time::sleep_until(pace.next()).await;
                pace.went();
            }
            let took = begun.elapsed();
            assert!(took >= Duration::from_millis(1_850) && took <= Duration::from_millis(2_010), "{took:?}");
            tokio::time::advance(Duration::from_secs(60)).await;
        }
    }
}
