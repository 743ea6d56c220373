//! The time, and whether it can be trusted.
//!
//! The age of a copy decides whether its silence means anything, so a wrong clock is as dangerous as an old copy. One
//! clock serves the whole daemon. It never trusts a time before this version was built, and notices when time goes back
//! behind anything it has seen, which includes the newest record of the journal after a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// No clock is right that shows a time before this.
const BUILT: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// How far time may step back without being distrusted, in milliseconds: the steps of a disciplined clock.
const STEP_BACK_MS_MAX: i64 = 1_000;

/// A reading of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The time that the clock shows.
    pub now: Timestamp,
    /// Whether it is plausible and has not gone back.
    pub trusted: bool,
}

impl Reading {
    /// How old something of this time is; zero if it is of the future.
    pub fn age(&self, of: Timestamp) -> SignedDuration {
        self.now.duration_since(of).max(SignedDuration::ZERO)
    }
}

/// The daemon's clock. Clones share what was seen.
#[derive(Clone)]
pub struct Clock {
    source: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    latest_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The machine's clock.
    #[allow(clippy::disallowed_methods, reason = "the one place where the machine's time is read")]
    pub fn system() -> Self {
        Self::from_fn(Timestamp::now)
    }

    /// A clock that shows what `source` says, for tests.
    pub fn from_fn(source: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { source: Arc::new(source), latest_ms: Arc::new(AtomicI64::new(BUILT.as_millisecond())) }
    }

    /// The time, and whether it can be trusted.
    pub fn read(&self) -> Reading {
        let now = (self.source)();
        let now_ms = now.as_millisecond();
        let latest_ms = self.latest_ms.load(Ordering::Relaxed);
        if now_ms > latest_ms {
            self.latest_ms.fetch_max(now_ms, Ordering::Relaxed);
        }
        Reading { now, trusted: now_ms >= latest_ms - STEP_BACK_MS_MAX }
    }

    /// The time that the clock shows, where only an order of events depends on it.
    pub fn now(&self) -> Timestamp {
        self.read().now
    }

    /// Takes note of a time that has certainly passed, such as that of the journal's newest record.
    pub fn has_passed(&self, time: Timestamp) {
        self.latest_ms.fetch_max(time.as_millisecond(), Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock_at(seconds: Arc<AtomicI64>) -> Clock {
        Clock::from_fn(move || Timestamp::from_second(seconds.load(Ordering::Relaxed)).unwrap())
    }

    // Proves that a time before the build, and a time that went back, are not trusted, and a small step is.
    #[test]
    fn distrusts_what_went_back() {
        let seconds = Arc::new(AtomicI64::new(BUILT.as_second() - 10));
        let clock = clock_at(Arc::clone(&seconds));
        assert!(!clock.read().trusted);
        seconds.store(BUILT.as_second() + 100, Ordering::Relaxed);
        assert!(clock.read().trusted);
        seconds.fetch_sub(1, Ordering::Relaxed);
        assert!(clock.read().trusted);
        seconds.fetch_sub(10, Ordering::Relaxed);
        assert!(!clock.read().trusted);
    }

    // Proves that the newest record of a journal is a floor for the time.
    #[test]
    fn knows_what_has_passed() {
        let seconds = Arc::new(AtomicI64::new(BUILT.as_second() + 5));
        let clock = clock_at(seconds);
        clock.has_passed(BUILT + SignedDuration::from_secs(60));
        assert!(!clock.read().trusted);
    }
}
