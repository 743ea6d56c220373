//! The session guard of one service and account: how many requests at once, how many a second, and a rest after failures.
//!
//! A request that can't go within its deadline is refused before it is sent, with the reason: what was never asked must
//! not wait until it can't be answered either.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use postern_sdk::Reason;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::breaker::{Admission, Breaker, BreakerState, Fate};

/// The limits of a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) concurrency_max: usize,
    /// 0: no cap.
    pub(super) rate_per_s_max: u32,
    pub(super) breaker_failures: u32,
    pub(super) breaker_rest: Duration,
    pub(super) request_timeout: Duration,
}

/// The guard of one service.
pub(super) struct Guard {
    permits: Arc<Semaphore>,
    concurrency_max: usize,
    rate: Mutex<Rate>,
    breaker: Mutex<Breaker>,
}

/// Leave for one request. Dropped without [`Pass::settle`], its fate counts as unknown.
pub(super) struct Pass<'a> {
    guard: &'a Guard,
    admission: Admission,
    fate: Fate,
    _permit: OwnedSemaphorePermit,
}

impl Guard {
    pub(super) fn new(limits: Limits) -> Self {
        let probe_max = limits.request_timeout.saturating_add(Duration::from_secs(1));
        let breaker = Breaker::new(limits.breaker_failures.max(1), limits.breaker_rest, probe_max);
        let concurrency_max = limits.concurrency_max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(concurrency_max)),
            concurrency_max,
            rate: Mutex::new(Rate::new(limits.rate_per_s_max)),
            breaker: Mutex::new(breaker),
        }
    }

    /// Waits for leave until the deadline.
    ///
    /// # Errors
    /// [`Reason::BreakerOpen`] or [`Reason::RateCapped`].
    pub(super) async fn enter(&self, deadline: Instant) -> Result<Pass<'_>, Reason> {
        if lock(&self.breaker).refuses(Instant::now()) {
            return Err(Reason::BreakerOpen);
        }
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => match timeout_at(deadline, Arc::clone(&self.permits).acquire_owned()).await {
                Ok(Ok(permit)) => permit,
                _ => return Err(Reason::RateCapped),
            },
        };
        let turn = lock(&self.rate).take(Instant::now(), deadline).ok_or(Reason::RateCapped)?;
        if let Some(turn) = turn {
            sleep_until(turn).await;
        }
        let admission = lock(&self.breaker).admit(Instant::now());
        match admission {
            Admission::Refuse => Err(Reason::BreakerOpen),
            admission => Ok(Pass { guard: self, admission, fate: Fate::Unknown, _permit: permit }),
        }
    }

    /// The breaker's state.
    pub(super) fn state(&self) -> BreakerState {
        lock(&self.breaker).state(Instant::now())
    }

    /// Failures in a row.
    pub(super) fn failures(&self) -> u32 {
        lock(&self.breaker).failures()
    }

    /// Requests under way.
    pub(super) fn in_flight(&self) -> usize {
        self.concurrency_max - self.permits.available_permits()
    }
}

impl Pass<'_> {
    /// Takes note of what became of the request.
    pub(super) fn settle(mut self, fate: Fate) {
        self.fate = fate;
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        lock(&self.guard.breaker).settle(self.admission, self.fate, Instant::now());
    }
}

/// What is behind the locks is right after every statement, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The rate cap: requests get turns at even distances, with a burst of a tenth of a second's worth.
struct Rate {
    /// Distance of two turns; none: no cap.
    distance: Option<Duration>,
    burst: Duration,
    /// The time up to which turns were given.
    given: Option<Instant>,
}

impl Rate {
    fn new(per_s_max: u32) -> Self {
        let distance = Duration::from_secs(1).checked_div(per_s_max);
        let burst = distance.map_or(Duration::ZERO, |distance| distance.max(Duration::from_millis(100)));
        Self { distance, burst, given: None }
    }

    /// The turn of a request: at once, at a later time, or not before the deadline.
    fn take(&mut self, now: Instant, deadline: Instant) -> Option<Option<Instant>> {
        let Some(distance) = self.distance else { return Some(None) };
        let start = self.given.map_or(now, |given| given.max(now));
        let next = start + distance;
        // A turn counts from its end less the burst, so that the first ones come at once.
        let turn = next.checked_sub(self.burst).unwrap_or(now);
        if turn > deadline {
            return None;
        }
        self.given = Some(next);
        Some((turn > now).then_some(turn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            concurrency_max: 2,
            rate_per_s_max: 0,
            breaker_failures: 2,
            breaker_rest: Duration::from_secs(2),
            request_timeout: Duration::from_secs(10),
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(500)
    }

    // Proves that requests over the limit wait until the deadline and no longer, and that a free place is used.
    #[tokio::test(start_paused = true)]
    async fn limits_concurrency() {
        let guard = Guard::new(limits());
        let first = guard.enter(soon()).await.ok().unwrap();
        let _second = guard.enter(soon()).await.ok().unwrap();
        assert_eq!(guard.in_flight(), 2);
        let before = Instant::now();
        assert_eq!(guard.enter(soon()).await.err(), Some(Reason::RateCapped));
        assert_eq!(before.elapsed(), Duration::from_millis(500));
        first.settle(Fate::Served);
        assert!(guard.enter(soon()).await.is_ok());
    }

    // Proves that no second holds more requests than the cap and its burst, and that a turn behind the deadline is refused.
    #[tokio::test(start_paused = true)]
    async fn caps_the_rate() {
        let guard = Guard::new(Limits { rate_per_s_max: 20, ..limits() });
        let begin = Instant::now();
        let far = begin + Duration::from_secs(60);
        for _ in 0..40 {
            guard.enter(far).await.ok().unwrap().settle(Fate::Served);
        }
        let took = begin.elapsed();
        assert!(took >= Duration::from_millis(1_850) && took <= Duration::from_millis(2_000), "{took:?}");
        let guard = Guard::new(Limits { rate_per_s_max: 1, ..limits() });
        assert!(guard.enter(soon()).await.is_ok());
        assert_eq!(guard.enter(soon()).await.err(), Some(Reason::RateCapped));
    }

    // Proves that failures open the breaker, that it refuses at once, and that one probe closes it after the rest.
    #[tokio::test(start_paused = true)]
    async fn rests_after_failures() {
        let guard = Guard::new(limits());
        for _ in 0..2 {
            guard.enter(soon()).await.ok().unwrap().settle(Fate::Failed);
        }
        assert_eq!(guard.state(), BreakerState::Open);
        assert_eq!(guard.enter(soon()).await.err(), Some(Reason::BreakerOpen));
        tokio::time::advance(Duration::from_secs(2)).await;
        let probe = guard.enter(soon()).await.ok().unwrap();
        assert_eq!(guard.enter(soon()).await.err(), Some(Reason::BreakerOpen));
        drop(probe);
        guard.enter(soon()).await.ok().unwrap().settle(Fate::Served);
        assert_eq!(guard.state(), BreakerState::Closed);
        assert_eq!(guard.in_flight(), 0);
    }
}
