//! The breaker: a service that failed too often in a row is given a rest, then tried with one request.

use std::time::Duration;

use tokio::time::Instant;

/// The state of a breaker, as the status and the gauge show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Requests pass.
    Closed,
    /// Requests are refused at once.
    Open,
    /// One request may try.
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

/// What a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Go.
    Pass,
    /// Go, as the one that tries.
    Probe,
    /// Don't.
    Refuse,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The service answered.
    Served,
    /// It failed: no connection, no answer in time, an error of its own, or nothing readable.
    Failed,
    /// Nobody waited for the end, or the account's limits stopped it.
    Unknown,
}

#[derive(Clone, Copy)]
enum Phase {
    Closed { failures: u32 },
    Open { until: Instant },
    Probing { since: Instant },
}

/// The breaker of one service.
pub(super) struct Breaker {
    phase: Phase,
    failures_max: u32,
    rest: Duration,
    /// How long a probe may be under way before another may try.
    probe_max: Duration,
}

impl Breaker {
    pub(super) const fn new(failures_max: u32, rest: Duration, probe_max: Duration) -> Self {
        Self { phase: Phase::Closed { failures: 0 }, failures_max, rest, probe_max }
    }

    /// What a request may do now.
    pub(super) fn admit(&mut self, now: Instant) -> Admission {
        match self.phase {
            Phase::Closed { .. } => return Admission::Pass,
            Phase::Open { until } if now < until => return Admission::Refuse,
            Phase::Probing { since } if now < since + self.probe_max => return Admission::Refuse,
            Phase::Open { .. } | Phase::Probing { .. } => {}
        }
        self.phase = Phase::Probing { since: now };
        Admission::Probe
    }

    /// Whether a request would be refused now. It admits nothing.
    pub(super) fn refuses(&self, now: Instant) -> bool {
        match self.phase {
            Phase::Closed { .. } => false,
            Phase::Open { until } => now < until,
            Phase::Probing { since } => now < since + self.probe_max,
        }
    }

    /// Takes note of what became of an admitted request.
    pub(super) fn settle(&mut self, admission: Admission, fate: Fate, now: Instant) {
        self.phase = match (self.phase, admission, fate) {
            (Phase::Probing { .. }, Admission::Probe, Fate::Served) => Phase::Closed { failures: 0 },
            (Phase::Probing { .. }, Admission::Probe, Fate::Failed) => Phase::Open { until: now + self.rest },
            // Nothing was learnt: the next request tries.
            (Phase::Probing { .. }, Admission::Probe, Fate::Unknown) => Phase::Open { until: now },
            (Phase::Closed { .. }, _, Fate::Served) => Phase::Closed { failures: 0 },
            (Phase::Closed { failures }, _, Fate::Failed) if failures + 1 >= self.failures_max => {
                Phase::Open { until: now + self.rest }
            }
            (Phase::Closed { failures }, _, Fate::Failed) => Phase::Closed { failures: failures + 1 },
            // A request from before the rest says nothing about after it.
            (phase, _, _) => phase,
        };
    }

    /// The state, for people.
    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { until } if now < until => BreakerState::Open,
            Phase::Open { .. } | Phase::Probing { .. } => BreakerState::HalfOpen,
        }
    }

    /// Failures in a row.
    pub(super) const fn failures(&self) -> u32 {
        match self.phase {
            Phase::Closed { failures } => failures,
            Phase::Open { .. } | Phase::Probing { .. } => self.failures_max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(2);
    const PROBE: Duration = Duration::from_secs(10);

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new(3, REST, PROBE);
        for _ in 0..3 {
            assert_eq!(breaker.admit(now), Admission::Pass);
            breaker.settle(Admission::Pass, Fate::Failed, now);
        }
        assert_eq!(breaker.state(now), BreakerState::Open);
        breaker
    }

    // Proves that only failures in a row open it.
    #[test]
    fn opens_on_failures_in_a_row() {
        let now = Instant::now();
        let mut breaker = Breaker::new(3, REST, PROBE);
        for fate in [Fate::Failed, Fate::Failed, Fate::Served, Fate::Failed, Fate::Unknown, Fate::Failed] {
            breaker.settle(Admission::Pass, fate, now);
        }
        assert_eq!((breaker.state(now), breaker.failures()), (BreakerState::Closed, 2));
        breaker.settle(Admission::Pass, Fate::Failed, now);
        assert_eq!(breaker.admit(now), Admission::Refuse);
        assert!(breaker.refuses(now));
    }

    // Proves that after the rest exactly one request tries, and that its fate decides.
    #[test]
    fn one_request_tries() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert_eq!(breaker.admit(now + REST - Duration::from_millis(1)), Admission::Refuse);
        let later = now + REST;
        assert_eq!(breaker.admit(later), Admission::Probe);
        assert_eq!(breaker.state(later), BreakerState::HalfOpen);
        assert_eq!(breaker.admit(later), Admission::Refuse);
        breaker.settle(Admission::Probe, Fate::Failed, later);
        assert_eq!(breaker.admit(later), Admission::Refuse);
        assert_eq!(breaker.admit(later + REST), Admission::Probe);
        breaker.settle(Admission::Probe, Fate::Served, later + REST);
        assert_eq!(breaker.state(later), BreakerState::Closed);
    }

    // Proves that a probe that nobody waited for, or that never ends, does not hold the breaker for ever.
    #[test]
    fn lost_probes_are_replaced() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert_eq!(breaker.admit(now + REST), Admission::Probe);
        breaker.settle(Admission::Probe, Fate::Unknown, now + REST);
        assert_eq!(breaker.admit(now + REST), Admission::Probe);
        assert_eq!(breaker.admit(now + REST + PROBE), Admission::Probe);
    }

    // Proves that requests from before the rest, ending during it, change nothing.
    #[test]
    fn late_ends_change_nothing() {
        let now = Instant::now();
        let mut breaker = opened(now);
        breaker.settle(Admission::Pass, Fate::Served, now);
        assert_eq!(breaker.state(now), BreakerState::Open);
    }
}
