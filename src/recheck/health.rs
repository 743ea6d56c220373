//! Which databases are let alone for now.
//!
//! The guard of a service protects lanes; this protects lanes from us. A database that can't be reached is tried by one request
//! at growing distances until one is answered, whatever the breaker is set to. When a link is back after a real
//! outage, its places are due at once and don't wait out the pauses that they got meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use postern_sdk::{Database, Reason};
use tokio::time::Instant;

use super::change::is_of_the_link;
use crate::find::{BreakerState, ServiceStatus};

/// The pause after the first failure; each time twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause: how long after the link's return the first recheck may take.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// So many failures in a row are an outage, not a bad question.
const OUTAGE_FAILURES: u32 = 3;

/// What the room's own attempts tell of the databases.
#[derive(Debug, Default)]
pub(super) struct Health(BTreeMap<Database, State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    paused_until: Option<Instant>,
    under_way: usize,
}

impl Health {
    /// Takes note that a database is being asked.
    pub(super) fn asked(&mut self, databases: impl IntoIterator<Item = Database>) {
        for database in databases {
            self.0.entry(database).or_default().under_way += 1;
        }
    }

    /// Takes note of what came of it: a failure, an answer, or neither. True if an outage of the database is over.
    pub(super) fn heard(&mut self, database: Database, heard: Heard) -> bool {
        let state = self.0.entry(database).or_default();
        state.under_way = state.under_way.saturating_sub(1);
        match heard {
            Heard::Nothing => false,
            Heard::Failed(reason) if is_of_the_link(reason) => {
                state.failures = state.failures.saturating_add(1);
                let doubled = FIRST_PAUSE.saturating_mul(1 << (state.failures - 1).min(10));
                state.paused_until = Some(Instant::now() + doubled.min(PAUSE_MAX));
                false
            }
            Heard::Failed(_) | Heard::Answered => {
                state.paused_until = None;
                std::mem::take(&mut state.failures) >= OUTAGE_FAILURES
            }
        }
    }

    /// The databases that are not to be asked now.
    pub(super) fn blocked(&self, services: &[ServiceStatus], concurrency_max: usize) -> BTreeSet<Database> {
        let now = Instant::now();
        let resting = |state: &State| {
            let is_probed = state.failures > 0 && state.under_way > 0;
            is_probed || state.paused_until.is_some_and(|until| now < until)
        };
        let own = self.0.iter().filter(|(_, state)| resting(state)).map(|(database, _)| *database);
        let busy = services.iter().filter(|service| self.is_busy(service, concurrency_max));
        own.chain(busy.flat_map(|service| service.databases.iter().copied())).collect()
    }

    /// Whether a service rests, is being tried, or has half of its places taken by lanes.
    fn is_busy(&self, service: &ServiceStatus, concurrency_max: usize) -> bool {
        let ours =
            service.databases.iter().filter_map(|database| self.0.get(database)).map(|state| state.under_way);
        let ours = ours.max().unwrap_or_default();
        match service.state {
            BreakerState::Open => true,
            BreakerState::HalfOpen => service.in_flight > 0,
            BreakerState::Closed => service.in_flight.saturating_sub(ours) * 2 > concurrency_max,
        }
    }
}

/// What came of asking one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It was not asked.
    Nothing,
    /// It answered.
    Answered,
    /// It did not answer.
    Failed(Reason),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(state: BreakerState, in_flight: usize) -> ServiceStatus {
        ServiceStatus {
            service: "documents".into(),
            databases: vec![Database::Sltd, Database::Tdawn],
            state,
            failures: 0,
            in_flight,
            last_success: None,
            last_error_at: None,
            last_error: None,
            order: None,
        }
    }

    // Proves that a database that fails is tried by one request at growing distances, that others go on, and that only the
    // end of an outage counts as one.
    #[tokio::test(start_paused = true)]
    async fn failing_databases_rest() {
        let mut health = Health::default();
        let smv = BTreeSet::from([Database::Smv]);
        for round in 0..8_u32 {
            assert_eq!(health.blocked(&[], 8), BTreeSet::new());
            health.asked([Database::Smv]);
            assert_eq!(health.blocked(&[], 8), if round == 0 { BTreeSet::new() } else { smv.clone() });
            assert!(!health.heard(Database::Smv, Heard::Failed(Reason::Transport)));
            assert_eq!(health.blocked(&[], 8), smv);
            tokio::time::advance((FIRST_PAUSE * 2_u32.pow(round)).min(PAUSE_MAX)).await;
        }
        health.asked([Database::Smv]);
        assert!(health.heard(Database::Smv, Heard::Answered));
        health.asked([Database::Smv]);
        assert!(!health.heard(Database::Smv, Heard::Failed(Reason::Transport)));
        health.asked([Database::Smv]);
        assert!(!health.heard(Database::Smv, Heard::Failed(Reason::OtherError)), "that was no outage");
        assert_eq!(health.blocked(&[], 8), BTreeSet::new());
    }

    // Proves that a resting service, one that is tried by a lane and one that lanes use by half is let alone, and that
    // what we have under way ourselves does not count.
    #[tokio::test(start_paused = true)]
    async fn lanes_go_first() {
        let mut health = Health::default();
        let both = BTreeSet::from([Database::Sltd, Database::Tdawn]);
        assert_eq!(health.blocked(&[service(BreakerState::Open, 0)], 8), both);
        assert_eq!(health.blocked(&[service(BreakerState::HalfOpen, 1)], 8), both);
        assert_eq!(health.blocked(&[service(BreakerState::HalfOpen, 0)], 8), BTreeSet::new());
        assert_eq!(health.blocked(&[service(BreakerState::Closed, 5)], 8), both);
        health.asked([Database::Sltd, Database::Tdawn]);
        assert_eq!(health.blocked(&[service(BreakerState::Closed, 5)], 8), BTreeSet::new());
    }
}
