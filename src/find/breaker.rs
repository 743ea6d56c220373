//! The breaker: a service that fails is given a rest, and asked again by nobody but ourselves until it answers.
//!
//! Two things open it: failures in a row, which tell an outage fast, and the share of failures among the requests of the
//! latest time, which tells a service that fails often but not always. After the rest it is tried with the profile's
//! harmless question; travellers' questions are refused until that was answered. An operator may take the decision away
//! from it, in either direction.

use std::time::Duration;

use tokio::time::Instant;

use super::control::Control;
use super::window::Window;

/// The state of a breaker, as the status and the gauge show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Requests pass.
    Closed,
    /// Requests are refused at once.
    Open,
    /// Requests are refused at once, and the service is being tried.
    HalfOpen,
}

impl BreakerState {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }

    /// The value of the gauge: 0 closed, 1 half open, 2 open.
    pub const fn gauge(self) -> f64 {
        match self {
            Self::Closed => 0.0,
            Self::HalfOpen => 1.0,
            Self::Open => 2.0,
        }
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The service answered.
    Served,
    /// It failed: no connection, no answer in time, an error of its own, or nothing readable.
    Failed,
    /// It refused for the account's limits, or had no answer by the lane's deadline: a failure among others, but not one
    /// that tells an outage.
    Slow,
    /// Nobody waited for the end.
    Unknown,
}

/// What opens a breaker, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Triggers {
    /// Failures in a row.
    pub(super) failures_max: u32,
    /// The time whose requests are counted.
    pub(super) window: Duration,
    /// So many of them are needed for their share of failures to mean anything.
    pub(super) requests_min: u32,
    /// The share of failures.
    pub(super) failure_percent: u8,
    /// How long the service is left alone.
    pub(super) rest: Duration,
}

#[derive(Clone, Copy)]
enum Phase {
    Closed { failures: u32 },
    Open { until: Instant },
    Probing,
}

/// A span of a breaker's life in which the same decision held: what belongs to an earlier one changes nothing.
pub(super) type Epoch = u64;

/// The breaker of one service.
pub(super) struct Breaker {
    phase: Phase,
    control: Control,
    epoch: Epoch,
    window: Window,
    triggers: Triggers,
}

impl Breaker {
    pub(super) fn new(triggers: Triggers, now: Instant) -> Self {
        let window = Window::new(triggers.window, now);
        Self { phase: Phase::Closed { failures: 0 }, control: Control::Auto, epoch: 0, window, triggers }
    }

    /// Whether a request may go. None: don't.
    pub(super) const fn admit(&self) -> Option<Epoch> {
        match (self.control, self.phase) {
            (Control::Closed, _) | (Control::Auto, Phase::Closed { .. }) => Some(self.epoch),
            _ => None,
        }
    }

    /// Takes note of what became of an admitted request. True if that opened the breaker.
    pub(super) fn settle(&mut self, epoch: Epoch, fate: Fate, now: Instant) -> bool {
        self.count(epoch, matches!(fate, Fate::Failed | Fate::Slow), fate, now);
        let opened = self.settle_in_row(epoch, fate, now);
        opened || (fate == Fate::Slow && self.open_if_due(epoch, now))
    }

    /// A request has no answer yet that is of use to its lane: a failure for the share, whatever becomes of it.
    pub(super) fn overdue(&mut self, epoch: Epoch, now: Instant) -> bool {
        self.count(epoch, true, Fate::Slow, now);
        self.open_if_due(epoch, now)
    }

    /// As [`Breaker::settle`], for a request whose share was counted when it was overdue.
    pub(super) fn settle_in_row(&mut self, epoch: Epoch, fate: Fate, now: Instant) -> bool {
        if epoch == self.epoch
            && let Phase::Closed { failures } = &mut self.phase
        {
            match fate {
                Fate::Served => *failures = 0,
                Fate::Failed => *failures = failures.saturating_add(1),
                Fate::Slow | Fate::Unknown => {}
            }
        }
        // Only a failure opens it: the end of anything else may just find that older successes were forgotten.
        fate == Fate::Failed && self.open_if_due(epoch, now)
    }

    fn count(&mut self, epoch: Epoch, failed: bool, fate: Fate, now: Instant) {
        if epoch == self.epoch && fate != Fate::Unknown {
            self.window.note(failed, now);
        }
    }

    fn open_if_due(&mut self, epoch: Epoch, now: Instant) -> bool {
        let Phase::Closed { failures } = self.phase else { return false };
        if epoch != self.epoch || self.control != Control::Auto {
            return false;
        }
        let (requests, failed) = self.window.totals(now);
        let share = failed * 100 >= requests * u64::from(self.triggers.failure_percent);
        let often = requests >= u64::from(self.triggers.requests_min) && failed > 0 && share;
        let due = often || failures >= self.triggers.failures_max;
        if due {
            self.enter(Phase::Open { until: now + self.triggers.rest });
        }
        due
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
        self.window.clear();
    }

    /// When the service is to be tried, if it still rests as it did in this epoch.
    pub(super) fn probe_at(&self, epoch: Epoch) -> Option<Instant> {
        match self.phase {
            Phase::Open { until } if self.epoch == epoch && self.control == Control::Auto => Some(until),
            _ => None,
        }
    }

    /// Begins to try the service. False if it is not to be tried now.
    pub(super) fn begin_probe(&mut self, epoch: Epoch, now: Instant) -> bool {
        let due = self.probe_at(epoch).is_some_and(|until| until <= now);
        if due {
            self.phase = Phase::Probing;
        }
        due
    }

    /// Takes note of what became of the trial: it alone closes the breaker.
    pub(super) fn end_probe(&mut self, epoch: Epoch, fate: Fate, now: Instant) {
        if epoch != self.epoch || !matches!(self.phase, Phase::Probing) {
            return;
        }
        match fate {
            Fate::Served => self.enter(Phase::Closed { failures: 0 }),
            _ => self.phase = Phase::Open { until: now + self.triggers.rest },
        }
    }

    /// Takes an operator's order. What was held closed by force begins anew; what was held open is tried before travellers'
    /// questions go there: true.
    pub(super) fn control(&mut self, control: Control, now: Instant) -> bool {
        let tried = self.control == Control::Open && control == Control::Auto;
        let phase = if tried { Phase::Open { until: now } } else { Phase::Closed { failures: 0 } };
        // An order that changes nothing leaves a breaker that rests at rest.
        if control != self.control {
            self.enter(phase);
        }
        self.control = control;
        tried
    }

    /// The state, for people.
    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match (self.control, self.phase) {
            (Control::Open, _) => BreakerState::Open,
            (Control::Closed, _) | (_, Phase::Closed { .. }) => BreakerState::Closed,
            (_, Phase::Open { until }) if now < until => BreakerState::Open,
            (_, Phase::Open { .. } | Phase::Probing) => BreakerState::HalfOpen,
        }
    }

    /// The span of time that the breaker is in.
    pub(super) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Failures in a row.
    pub(super) const fn failures(&self) -> u32 {
        match self.phase {
            Phase::Closed { failures } => failures,
            Phase::Open { .. } | Phase::Probing => self.triggers.failures_max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(2);

    fn closed(now: Instant) -> Breaker {
        let window = Duration::from_secs(10);
        let triggers =
            Triggers { failures_max: 3, window, requests_min: 10, failure_percent: 60, rest: REST };
        Breaker::new(triggers, now)
    }

    fn settled(breaker: &mut Breaker, fates: &[Fate], now: Instant) -> Vec<bool> {
        fates
            .iter()
            .map(|fate| breaker.admit().is_some_and(|epoch| breaker.settle(epoch, *fate, now)))
            .collect()
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = closed(now);
        assert_eq!(settled(&mut breaker, &[Fate::Failed; 3], now), [false, false, true]);
        assert_eq!((breaker.state(now), breaker.admit()), (BreakerState::Open, None));
        breaker
    }

    // Proves that failures in a row open it, and that neither what nobody waited for nor what was slow is one of them.
    #[test]
    fn opens_on_failures_in_a_row() {
        let now = Instant::now();
        let mut breaker = closed(now);
        settled(&mut breaker, &[Fate::Failed, Fate::Failed, Fate::Served], now);
        settled(&mut breaker, &[Fate::Failed, Fate::Unknown, Fate::Slow, Fate::Failed], now);
        assert_eq!((breaker.state(now), breaker.failures()), (BreakerState::Closed, 2));
        assert_eq!(settled(&mut breaker, &[Fate::Failed], now), [true]);
    }

    // Proves that a share of failures opens it, but neither of fewer requests than the floor nor of others' time.
    #[test]
    fn opens_on_a_share_of_failures() {
        let now = Instant::now();
        let mixed = [Fate::Slow, Fate::Served, Fate::Failed, Fate::Failed, Fate::Served];
        let mut breaker = closed(now);
        settled(&mut breaker, &mixed, now);
        settled(&mut breaker, &mixed[..4], now);
        assert_eq!(breaker.state(now), BreakerState::Closed);
        let mut later = closed(now);
        settled(&mut later, &mixed, now);
        assert_eq!(settled(&mut later, &mixed, now + Duration::from_secs(11)), [false; 5]);
        assert_eq!(settled(&mut breaker, &[Fate::Slow], now), [true]);
        let mut good = closed(now);
        assert!(!settled(&mut good, &[Fate::Served, Fate::Slow], now).contains(&true));
        assert!(!settled(&mut good, &[Fate::Served, Fate::Slow].repeat(50), now).contains(&true));
    }

    // Proves that what is overdue counts for the share at once and only once.
    #[test]
    fn overdue_counts_once() {
        let now = Instant::now();
        let mut breaker = closed(now);
        for _ in 0..9 {
            let epoch = breaker.admit().unwrap();
            assert!(!breaker.overdue(epoch, now));
            assert!(!breaker.settle_in_row(epoch, Fate::Served, now));
        }
        let epoch = breaker.admit().unwrap();
        assert!(breaker.overdue(epoch, now));
        assert!(!breaker.settle_in_row(epoch, Fate::Failed, now));
        assert_eq!(breaker.state(now), BreakerState::Open);
    }

    // Proves that only its own trial closes it, that it is tried once at a time, and rests again when that fails.
    #[test]
    fn a_trial_closes_it() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let epoch = breaker.epoch();
        assert!(!breaker.begin_probe(epoch, now + REST - Duration::from_millis(1)));
        let later = now + REST;
        assert_eq!((breaker.probe_at(epoch), breaker.state(later)), (Some(later), BreakerState::HalfOpen));
        assert!(breaker.begin_probe(epoch, later) && !breaker.begin_probe(epoch, later));
        assert_eq!((breaker.admit(), breaker.state(later)), (None, BreakerState::HalfOpen));
        for fate in [Fate::Failed, Fate::Slow, Fate::Unknown] {
            breaker.end_probe(epoch, fate, later);
            assert_eq!(breaker.probe_at(epoch), Some(later + REST));
            breaker.phase = Phase::Probing;
        }
        breaker.end_probe(epoch, Fate::Served, later);
        assert_eq!((breaker.state(later), breaker.failures()), (BreakerState::Closed, 0));
        assert_eq!(breaker.probe_at(epoch), None);
    }

    // Proves that requests from before the rest, ending during it or after it, change nothing.
    #[test]
    fn late_ends_change_nothing() {
        let now = Instant::now();
        let mut breaker = closed(now);
        let before = breaker.admit().unwrap();
        settled(&mut breaker, &[Fate::Failed; 3], now);
        assert!(!breaker.settle(before, Fate::Served, now));
        assert_eq!(breaker.state(now), BreakerState::Open);
        let epoch = breaker.epoch();
        assert!(breaker.begin_probe(epoch, now + REST));
        breaker.end_probe(epoch, Fate::Served, now + REST);
        for _ in 0..100 {
            assert!(!breaker.settle(before, Fate::Failed, now + REST));
        }
        assert_eq!(breaker.failures(), 0);
    }

    // Proves that an operator's word holds against everything the breaker sees, and that what was held open is tried first.
    #[test]
    fn an_operator_decides() {
        let now = Instant::now();
        let mut breaker = closed(now);
        assert!(!breaker.control(Control::Open, now));
        assert_eq!((breaker.admit(), breaker.state(now)), (None, BreakerState::Open));
        assert_eq!(breaker.probe_at(breaker.epoch()), None);
        assert!(!breaker.control(Control::Closed, now));
        assert!(!settled(&mut breaker, &[Fate::Failed; 50], now).contains(&true));
        assert_eq!((breaker.admit().is_some(), breaker.state(now)), (true, BreakerState::Closed));
        assert!(!breaker.control(Control::Auto, now));
        assert_eq!((breaker.failures(), breaker.state(now)), (0, BreakerState::Closed));
        breaker.control(Control::Open, now);
        assert!(breaker.control(Control::Auto, now));
        assert_eq!((breaker.admit(), breaker.probe_at(breaker.epoch())), (None, Some(now)));
        let mut resting = opened(now);
        assert!(!resting.control(Control::Auto, now));
        assert_eq!(resting.state(now), BreakerState::Open);
    }
}
