//! The session guard of one service and account: how many requests at once, how many a second, how many repeats, and a
//! rest after failures.
//!
//! A request that can't go within its deadline is refused before it is sent, with the reason: what was never asked must
//! not wait until it can't be answered either. Live questions come first: what is asked in the background gets the places
//! and turns that they leave, and long fetches of files have places of their own. A request that is still under way when
//! its lane has answered gives its place back; so many of them are waited for, in places for late answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use postern_sdk::Reason;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, sleep_until};

use super::breaker::{Breaker, BreakerState, Epoch, Fate};
use super::budget::Budget;
use super::control::Control;
pub(super) use super::limits::{Class, Limits};
use super::places::Places;
use super::rate::Rate;

/// How long what is asked in the background waits before it looks again for a place or turn that is left.
const BACKGROUND_PAUSE: Duration = Duration::from_millis(20);

/// The turns that the services of one account share.
pub(super) type SharedRate = Arc<Mutex<Rate>>;

/// The guard of one service.
pub(super) struct Guard {
    live: Places,
    files: Places,
    late: Places,
    limits: Limits,
    rate: SharedRate,
    budget: Mutex<Budget>,
    breaker: Mutex<Breaker>,
}

/// Leave for one request. Dropped without [`Pass::settle`], its fate counts as unknown.
pub(super) struct Pass<'a> {
    guard: &'a Guard,
    epoch: Epoch,
    kind: PassKind,
    fate: Fate,
    place: Option<OwnedSemaphorePermit>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PassKind {
    Asked,
    /// Its lane has answered.
    Overdue,
    Probe,
}

/// A breaker opened: the service is to be tried in this epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opened(pub(super) Epoch);

impl Guard {
    pub(super) fn new(limits: Limits, rate: SharedRate) -> Self {
        Self {
            live: Places::new(limits.concurrency_max),
            files: Places::new(limits.file_concurrency_max),
            late: Places::new(limits.concurrency_max),
            rate,
            budget: Mutex::new(Budget::new(limits.retry_percent)),
            breaker: Mutex::new(Breaker::new(limits.triggers, Instant::now())),
            limits,
        }
    }

    /// Waits for leave until the deadline.
    ///
    /// # Errors
    /// [`Reason::BreakerOpen`] or [`Reason::RateCapped`].
    pub(super) async fn enter(&self, class: Class, deadline: Instant) -> Result<Pass<'_>, Reason> {
        self.admitted()?;
        let place = match class {
            Class::Lane => self.live.take(deadline).await,
            Class::File => self.files.take(deadline).await,
            Class::Background => self.spare(deadline).await,
        };
        let place = place.ok_or(Reason::RateCapped)?;
        if class != Class::Background {
            self.turn(deadline).await.ok_or(Reason::RateCapped)?;
        }
        // It may have opened meanwhile.
        let epoch = self.admitted()?;
        Ok(Pass { guard: self, epoch, kind: PassKind::Asked, fate: Fate::Unknown, place: Some(place) })
    }

    fn admitted(&self) -> Result<Epoch, Reason> {
        lock(&self.breaker).admit().ok_or(Reason::BreakerOpen)
    }

    /// A place and a turn that no live question is about to want.
    async fn spare(&self, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        loop {
            let place = self.live.take_spare();
            if place.is_some() && lock(&self.rate).take_spare(Instant::now()) {
                return place;
            }
            drop(place);
            if Instant::now() + BACKGROUND_PAUSE > deadline {
                return None;
            }
            sleep(BACKGROUND_PAUSE).await;
        }
    }

    async fn turn(&self, deadline: Instant) -> Option<()> {
        let turn = lock(&self.rate).take(Instant::now(), deadline)?;
        if let Some(turn) = turn {
            sleep_until(turn).await;
        }
        Some(())
    }

    /// Leave to try the service after its rest. None if it is not to be tried now.
    pub(super) async fn probe(&self, epoch: Epoch, deadline: Instant) -> Option<Pass<'_>> {
        self.turn(deadline).await?;
        let begun = lock(&self.breaker).begin_probe(epoch, Instant::now());
        begun.then_some(Pass { guard: self, epoch, kind: PassKind::Probe, fate: Fate::Unknown, place: None })
    }

    /// When the service is to be tried, if it still rests as it did in this epoch.
    pub(super) fn probe_at(&self, epoch: Epoch) -> Option<Instant> {
        lock(&self.breaker).probe_at(epoch)
    }

    /// Takes an operator's order.
    pub(super) fn control(&self, control: Control) -> Option<Opened> {
        let mut breaker = lock(&self.breaker);
        breaker.control(control, Instant::now()).then_some(Opened(breaker.epoch()))
    }

    /// How long a request may take in all.
    pub(super) const fn time_limit(&self, class: Class) -> Duration {
        match class {
            Class::File => self.limits.file_timeout,
            Class::Lane | Class::Background => self.limits.request_timeout,
        }
    }

    /// A question is asked for the first time.
    pub(super) fn earn_retry(&self) {
        lock(&self.budget).earn();
    }

    /// Whether a question may be asked again.
    pub(super) fn spend_retry(&self) -> bool {
        lock(&self.budget).spend()
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
        self.live.taken() + self.files.taken() + self.late.taken()
    }
}

impl Pass<'_> {
    /// Takes note of what became of the request. Tells if that opened the breaker.
    pub(super) fn settle(mut self, fate: Fate) -> Option<Opened> {
        self.fate = fate;
        self.end()
    }

    /// The lane has answered: the place goes to who still can be. False if the answer is not to be waited for, because
    /// so many are already.
    pub(super) fn overdue(&mut self) -> (bool, Option<Opened>) {
        if self.kind != PassKind::Asked {
            return (false, None);
        }
        self.kind = PassKind::Overdue;
        self.place = self.guard.late.take_now();
        let mut breaker = lock(&self.guard.breaker);
        let opened = breaker.overdue(self.epoch, Instant::now()).then_some(Opened(breaker.epoch()));
        (self.place.is_some(), opened)
    }

    fn end(&mut self) -> Option<Opened> {
        let (epoch, now) = (self.epoch, Instant::now());
        let mut breaker = lock(&self.guard.breaker);
        let opened = match self.kind {
            PassKind::Asked => breaker.settle(epoch, self.fate, now),
            PassKind::Overdue => breaker.settle_in_row(epoch, self.fate, now),
            PassKind::Probe => {
                breaker.end_probe(epoch, self.fate, now);
                false
            }
        };
        // What is dropped from here on settles nothing more.
        self.fate = Fate::Unknown;
        opened.then_some(Opened(breaker.epoch()))
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        // After `settle` this changes nothing: a probe is ended, and an unknown fate counts nowhere.
        self.end();
    }
}

/// What is behind the locks is right after every statement, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::breaker::Triggers;
    use super::*;

    fn limits() -> Limits {
        let triggers = Triggers {
            failures_max: 2,
            window: Duration::from_secs(10),
            requests_min: 10,
            failure_percent: 50,
            rest: Duration::from_secs(2),
        };
        Limits {
            concurrency_max: 2,
            file_concurrency_max: 1,
            request_timeout: Duration::from_secs(10),
            file_timeout: Duration::from_secs(60),
            retry_percent: 20,
            triggers,
        }
    }

    fn guard(limits: Limits, per_s_max: u32) -> Guard {
        Guard::new(limits, Arc::new(Mutex::new(Rate::new(per_s_max, 100))))
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(500)
    }

    async fn entered(guard: &Guard) -> Pass<'_> {
        guard.enter(Class::Lane, soon()).await.ok().unwrap()
    }

    async fn refused(guard: &Guard, class: Class) -> Option<Reason> {
        guard.enter(class, soon()).await.err()
    }

    // Proves that requests over the limit wait until the deadline and no longer, and that a free place is used.
    #[tokio::test(start_paused = true)]
    async fn limits_concurrency() {
        let guard = guard(limits(), 0);
        let first = entered(&guard).await;
        let _second = entered(&guard).await;
        assert_eq!(guard.in_flight(), 2);
        let before = Instant::now();
        assert_eq!(refused(&guard, Class::Lane).await, Some(Reason::RateCapped));
        assert_eq!(before.elapsed(), Duration::from_millis(500));
        first.settle(Fate::Served);
        assert_eq!(refused(&guard, Class::Lane).await, None);
    }

    // Proves that files have places of their own, and that none of them takes a lane's.
    #[tokio::test(start_paused = true)]
    async fn files_hold_no_lane() {
        let guard = guard(limits(), 0);
        let file = guard.enter(Class::File, soon()).await.ok().unwrap();
        assert_eq!(refused(&guard, Class::File).await, Some(Reason::RateCapped));
        let lanes = (entered(&guard).await, entered(&guard).await);
        assert_eq!(guard.in_flight(), 3);
        drop((lanes, file));
        assert_eq!((guard.in_flight(), refused(&guard, Class::File).await), (0, None));
        assert!(guard.time_limit(Class::File) > guard.time_limit(Class::Lane));
    }

    // Proves that what is asked in the background leaves half of the places, waits while lanes want them, and goes when
    // they don't.
    #[tokio::test(start_paused = true)]
    async fn the_background_takes_what_is_left() {
        let guard = guard(Limits { concurrency_max: 4, ..limits() }, 0);
        let background = guard.enter(Class::Background, soon()).await.ok().unwrap();
        let _other = guard.enter(Class::Background, soon()).await.ok().unwrap();
        assert_eq!(refused(&guard, Class::Background).await, Some(Reason::RateCapped));
        let _lane = entered(&guard).await;
        drop(background);
        assert_eq!(refused(&guard, Class::Background).await, Some(Reason::RateCapped));
        let waiting = guard.enter(Class::Background, soon());
        let freeing = async {
            sleep(Duration::from_millis(100)).await;
            drop(_lane);
        };
        assert!(tokio::join!(waiting, freeing).0.is_ok());
    }

    // Proves that no second holds more requests than the cap and its burst, that a turn behind the deadline is refused, and
    // that services of one account share its turns.
    #[tokio::test(start_paused = true)]
    async fn caps_the_rate() {
        let rate = Arc::new(Mutex::new(Rate::new(20, 100)));
        let services = [Guard::new(limits(), Arc::clone(&rate)), Guard::new(limits(), rate)];
        let begin = Instant::now();
        let far = begin + Duration::from_secs(60);
        for turn in 0..40 {
            services[turn % 2].enter(Class::Lane, far).await.ok().unwrap().settle(Fate::Served);
        }
        let took = begin.elapsed();
        assert!(took >= Duration::from_millis(1_850) && took <= Duration::from_millis(2_000), "{took:?}");
        assert_eq!(
            services[0].enter(Class::Background, Instant::now()).await.err(),
            Some(Reason::RateCapped)
        );
        assert!(services[0].enter(Class::Background, soon()).await.is_ok());
        let guard = guard(limits(), 1);
        assert_eq!(refused(&guard, Class::Lane).await, None);
        assert_eq!(refused(&guard, Class::Lane).await, Some(Reason::RateCapped));
    }

    // Proves that failures open the breaker, that it refuses at once, and that one trial closes it after the rest.
    #[tokio::test(start_paused = true)]
    async fn rests_after_failures() {
        let guard = guard(limits(), 0);
        assert_eq!(entered(&guard).await.settle(Fate::Failed), None);
        let Opened(epoch) = entered(&guard).await.settle(Fate::Failed).unwrap();
        assert_eq!(guard.state(), BreakerState::Open);
        assert_eq!(refused(&guard, Class::Lane).await, Some(Reason::BreakerOpen));
        assert!(guard.probe(epoch, soon()).await.is_none());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(guard.probe_at(epoch), Some(Instant::now()));
        let probe = guard.probe(epoch, soon()).await.unwrap();
        assert!(guard.probe(epoch, soon()).await.is_none());
        drop(probe);
        assert_eq!(guard.state(), BreakerState::Open);
        tokio::time::advance(Duration::from_secs(2)).await;
        guard.probe(epoch, soon()).await.unwrap().settle(Fate::Served);
        assert_eq!((guard.state(), guard.in_flight()), (BreakerState::Closed, 0));
    }

    // Proves that an overdue request frees its lane's place, that so many are waited for as there are places, and that
    // they open the breaker by their share.
    #[tokio::test(start_paused = true)]
    async fn overdue_requests_give_way() {
        let guard = guard(limits(), 0);
        let mut first = entered(&guard).await;
        let mut second = entered(&guard).await;
        assert!(first.overdue().0 && second.overdue().0);
        assert_eq!(guard.in_flight(), 2);
        let mut third = entered(&guard).await;
        assert!(!third.overdue().0);
        first.settle(Fate::Served);
        assert!(entered(&guard).await.overdue().0);
        let mut opened = entered(&guard).await.overdue().1;
        for _ in 0..5 {
            assert_eq!(opened, None);
            opened = entered(&guard).await.overdue().1;
        }
        assert!(opened.is_some());
    }

    // Proves that an operator's order holds the service open and closed, and that it is tried when the order ends.
    #[tokio::test(start_paused = true)]
    async fn an_operator_decides() {
        let guard = guard(limits(), 0);
        assert_eq!(guard.control(Control::Open), None);
        assert_eq!(refused(&guard, Class::Lane).await, Some(Reason::BreakerOpen));
        let Opened(epoch) = guard.control(Control::Auto).unwrap();
        guard.probe(epoch, soon()).await.unwrap().settle(Fate::Served);
        assert_eq!(guard.control(Control::Closed), None);
        for _ in 0..20 {
            assert_eq!(entered(&guard).await.settle(Fate::Failed), None);
        }
    }
}
