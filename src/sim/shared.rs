//! What all connections share: how the simulator behaves now, and what becomes of each request.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::find::profile::Profile;

use super::act::Act;
use super::faults::{Faults, FaultsError, Outage};
use super::log::{Log, LogView};
use super::managed::Managed;
use super::records::SimRecords;
use super::seed::Seed;

/// What the seed of times is made of, so that drawing them does not change which requests fail.
const OF_TIMES: u64 = 0x4C41_5445_4E43_5953;

pub(super) struct Shared {
    pub(super) profile: Arc<Profile>,
    pub(super) records: Arc<SimRecords>,
    pub(super) clock: Clock,
    pub(super) log: Log,
    state: watch::Sender<State>,
    acts: Mutex<Acts>,
    times: Mutex<Seed>,
    served: AtomicU64,
    managed: RwLock<Managed>,
}

/// How the simulator behaves now.
#[derive(Clone)]
pub(super) struct State {
    pub(super) faults: Arc<Faults>,
    /// Whether nothing is answered at all at this moment of the schedule.
    pub(super) outage: Option<Outage>,
    since: Instant,
}

impl State {
    fn new(faults: Faults) -> Self {
        let (outage, _) = faults.outage_at(Duration::ZERO);
        Self { faults: Arc::new(faults), outage, since: Instant::now() }
    }

    /// Whether a service answers nothing.
    pub(super) fn outage_of(&self, service: &str) -> Option<Outage> {
        self.outage.or(self.faults.of(service).outage)
    }
}

/// Which request becomes what.
struct Acts {
    seed: Seed,
    /// How far each script is worked through, by service; the general one has no name.
    done: BTreeMap<String, usize>,
}

impl Shared {
    pub(super) fn new(profile: Arc<Profile>, records: Arc<SimRecords>, clock: Clock, seed: u64) -> Self {
        Self {
            profile,
            records,
            clock,
            log: Log::new(),
            state: watch::Sender::new(State::new(Faults::default())),
            acts: Mutex::new(Acts { seed: Seed::new(seed), done: BTreeMap::new() }),
            times: Mutex::new(Seed::new(seed ^ OF_TIMES)),
            served: AtomicU64::new(0),
            managed: RwLock::default(),
        }
    }

    pub(super) fn faults(&self) -> Faults {
        (*self.state.borrow().faults).clone()
    }

    pub(super) fn set_faults(&self, faults: Faults) -> Result<(), FaultsError> {
        faults.check(&self.profile)?;
        self.acts.lock().unwrap_or_else(PoisonError::into_inner).done.clear();
        self.state.send_replace(State::new(faults));
        Ok(())
    }

    /// The state, and word of its changes.
    pub(super) fn states(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    pub(super) fn log_since(&self, number: u64) -> LogView {
        self.log.since(number)
    }

    pub(super) fn log_to(&self, file: File) {
        self.log.write_to(file);
    }

    /// What the countries reported.
    pub(super) fn managed(&self) -> RwLockReadGuard<'_, Managed> {
        self.managed.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, to be changed.
    pub(super) fn manage(&self) -> RwLockWriteGuard<'_, Managed> {
        self.managed.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many answers there were before this one.
    pub(super) fn next_answer(&self) -> u64 {
        self.served.fetch_add(1, Ordering::Relaxed)
    }

    /// What becomes of a request to a service about a number.
    pub(super) fn act(&self, faults: &Faults, service: &str, number: Option<&str>) -> Act {
        let mut acts = self.acts.lock().unwrap_or_else(PoisonError::into_inner);
        // Drawn for every request, so that a script or a number does not change which of the others fail.
        let drawn = acts.seed.share();
        let of_number = number.and_then(|number| faults.of_number(number).cloned());
        of_number.or_else(|| acts.scripted(faults, service)).unwrap_or_else(|| faults.of_share(drawn))
    }

    /// How long an answer is held back.
    pub(super) fn latency(&self, faults: &Faults) -> Duration {
        let drawn = faults.latency.map(|latency| latency.draw(&mut self.seed()));
        Duration::from_millis(faults.latency_ms) + drawn.unwrap_or_default()
    }

    /// The seed of what is not about which requests fail.
    pub(super) fn seed(&self) -> std::sync::MutexGuard<'_, Seed> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the outages of the schedule begin and end.
    pub(super) async fn keep_schedule(&self) {
        let mut states = self.states();
        loop {
            let state = states.borrow_and_update().clone();
            let (outage, wait) = state.faults.outage_at(state.since.elapsed());
            if outage != state.outage {
                self.state.send_if_modified(|now| {
                    let same = Arc::ptr_eq(&now.faults, &state.faults);
                    now.outage = if same { outage } else { now.outage };
                    same
                });
                continue;
            }
            let boundary = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = states.changed() => if changed.is_err() { return },
                () = boundary => {}
            }
        }
    }
}

impl Acts {
    fn scripted(&mut self, faults: &Faults, service: &str) -> Option<Act> {
        if faults.script.is_empty() {
            return None;
        }
        let done = self.done.entry(service.to_owned()).or_default();
        let place = if faults.script_repeats { *done % faults.script.len() } else { *done };
        *done += 1;
        faults.script.get(place).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::schedule::Scheduled;
    use super::*;

    fn shared() -> Shared {
        let records = Arc::new(SimRecords::from_documents(Vec::new()));
        Shared::new(Arc::new(Profile::built_in()), records, Clock::system(), 7)
    }

    fn script(words: [&str; 2]) -> Vec<Act> {
        words.map(|word| Act::from(word.to_owned())).into()
    }

    // Proves that a script is worked through once or again and again, and from its beginning when it is set anew.
    #[test]
    fn scripts() {
        let shared = shared();
        let mut faults = Faults { script: script(["TIME_OUT", "cut"]), ..Faults::default() };
        let acts = |faults: &Faults, count| -> Vec<String> {
            shared.set_faults(faults.clone()).unwrap();
            (0..count).map(|_| shared.act(faults, "", None).to_string()).collect()
        };
        assert_eq!(acts(&faults, 3), ["TIME_OUT", "cut", "natural"]);
        faults.script_repeats = true;
        assert_eq!(acts(&faults, 3), ["TIME_OUT", "cut", "TIME_OUT"]);
        faults.numbers.insert("X1*".into(), Act::Hang);
        assert_eq!(shared.act(&faults, "", Some("X12")), Act::Hang);
    }

    // Proves that the same seed lets the same requests fail, whatever latency is drawn.
    #[test]
    fn failures_are_seeded() {
        let fails = |latency| {
            let (shared, faults) = (shared(), Faults { error_rate: 0.5, latency, ..Faults::default() });
            let one = |_| {
                shared.latency(&faults);
                shared.act(&faults, "", None) == Act::Fault
            };
            (0..100).map(one).collect::<Vec<_>>()
        };
        let slow = super::super::Latency::Lognormal { p50_ms: 1.0, p99_ms: 9.0 };
        assert_eq!(fails(None), fails(Some(slow)));
        assert!((30..70).contains(&fails(None).iter().filter(|fails| **fails).count()));
    }

    // Proves that a scheduled outage begins and ends by itself, again and again, and with the faults that it belongs to.
    #[tokio::test(start_paused = true)]
    async fn schedules() {
        let shared = Arc::new(shared());
        let keeper = Arc::clone(&shared);
        let kept = tokio::spawn(async move { keeper.keep_schedule().await });
        let schedule = vec![Scheduled { after_s: 10.0, for_s: 5.0, outage: Outage::Refuse }];
        let faults = Faults { schedule, schedule_every_s: Some(20.0), ..Faults::default() };
        shared.set_faults(faults).unwrap();
        let (mut states, begun) = (shared.states(), Instant::now());
        for (outage, at_s) in [(true, 10), (false, 15), (true, 30), (false, 35), (true, 50)] {
            states.wait_for(|state| state.outage.is_some() == outage).await.unwrap();
            assert_eq!(begun.elapsed().as_secs(), at_s);
        }
        shared.set_faults(Faults::default()).unwrap();
        assert_eq!(shared.states().borrow().outage, None);
        kept.abort();
    }
}
