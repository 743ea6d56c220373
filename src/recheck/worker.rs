//! The one that works the list off.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use postern_sdk::Database;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::attempt::{Desk, Done};
use super::figures::Figures;
use super::health::{Health, Heard};
use super::record::PlaceState;
use super::schedule::{Pace, Turns};
use super::store::{Job, JobKey, Pick, Store, StoreError};
use crate::engine::Shared;
use crate::find::ServiceStatus;
use crate::screening::Lookup;

/// How often the journal is followed.
const LOOK: Duration = Duration::from_millis(250);
/// How long the room waits when the journal can't be written or no grant can be told.
const HOLD: Duration = Duration::from_secs(5);
/// How long what is under way has to be answered when the daemon ends.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// Jobs that are ended for their age in one look at most.
const EXPIRED_MAX: usize = 64;

/// Tells the state of FIND's services.
pub type Services = Arc<dyn Fn() -> Vec<ServiceStatus> + Send + Sync>;

/// What the worker is made of.
pub struct Parts {
    /// What the lanes share: time, journal, grants, figures.
    pub shared: Arc<Shared>,
    /// FIND.
    pub find: Arc<dyn Lookup>,
    /// The state of its services.
    pub services: Services,
    /// Requests at once that a service takes from everybody.
    pub find_concurrency_max: usize,
    /// How long a request to FIND may take.
    pub request_timeout: Duration,
    /// The file of the list.
    pub state_file: PathBuf,
    /// Attempts a second at most.
    pub rate_per_s_max: u32,
    /// Attempts at once at most.
    pub concurrency_max: usize,
    /// Of a hundred attempts, how many are for the oldest.
    pub oldest_percent: u32,
    /// How long a place is asked for.
    pub age_max: Duration,
    /// What is told.
    pub figures: Arc<Figures>,
}

/// Works the list off.
pub struct Worker {
    parts: Parts,
    desk: Arc<Desk>,
    store: Arc<Mutex<Store>>,
    under_way: JoinSet<Done>,
    /// Jobs that are not to be picked: under way (none), or recorded by this number and not applied yet.
    taken: Arc<HashMap<JobKey, Option<u64>>>,
    health: Health,
    turns: Turns,
    pace: Pace,
    /// Nothing was there to pick: until the next look or the end of an attempt.
    idle: bool,
    hold_until: Option<Instant>,
    /// The list could not be used: it is left alone for a moment.
    look_after: Option<Instant>,
}

impl Worker {
    /// A worker over the list of its file. It blocks for as long as opening the list takes.
    ///
    /// # Errors
    /// [`StoreError`]: the list can't be had.
    pub fn new(parts: Parts) -> Result<Self, StoreError> {
        let store = Store::open(&parts.state_file)?;
        let desk = Desk {
            shared: Arc::clone(&parts.shared),
            find: Arc::clone(&parts.find),
            patience: parts.request_timeout,
        };
        Ok(Self {
            desk: Arc::new(desk),
            store: Arc::new(Mutex::new(store)),
            under_way: JoinSet::new(),
            taken: Arc::default(),
            health: Health::default(),
            turns: Turns::new(parts.oldest_percent),
            pace: Pace::new(parts.rate_per_s_max),
            idle: true,
            hold_until: None,
            look_after: None,
            parts,
        })
    }

    /// Works until `shutdown` is done, then waits a moment for what is under way.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let may_start = self.may_start();
            let turn = self.pace.next().max(self.hold_until.unwrap_or(self.pace.next()));
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(Ok(done)) = self.under_way.join_next(), if !self.under_way.is_empty() => {
                    self.settle(done).await;
                }
                _ = looks.tick() => self.look().await,
                () = sleep_until(turn), if may_start => self.start().await,
            }
        }
        let drained = timeout(DRAIN_LIMIT, async { while self.under_way.join_next().await.is_some() {} });
        // What does not end in time is asked again: the journal has no word of it.
        let _ = drained.await;
    }

    fn may_start(&self) -> bool {
        !self.idle && self.under_way.len() < self.parts.concurrency_max
    }

    /// Does something with the list on a thread that may block.
    async fn with_store<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || {
            what(&mut store.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match done.await {
            Ok(Ok(found)) => Some(found),
            Ok(Err(error)) => {
                tracing::error!(%error, "The list of rechecks can't be used.");
                None
            }
            Err(_) => {
                tracing::error!("The list of rechecks panicked.");
                None
            }
        }
    }

    /// Follows the journal, tells the figures, and ends what is too old.
    async fn look(&mut self) {
        if self.look_after.is_some_and(|after| Instant::now() < after) {
            return;
        }
        let journal = self.parts.shared.journal.clone();
        let followed = self.with_store(move |store| {
            let next = store.mark().map_or(1, |mark| mark.position.sequence + 1);
            let is_current = next == journal.next_sequence() || store.follow(|mark| journal.read_on(mark))?;
            let applied = store.mark().map_or(0, |mark| mark.position.sequence);
            Ok((is_current, applied, store.figures()?))
        });
        let Some((is_current, applied, (open, oldest_ms))) = followed.await else {
            (self.idle, self.look_after) = (true, Some(Instant::now() + HOLD));
            return;
        };
        let is_ahead = |sequence: &mut Option<u64>| sequence.is_none_or(|sequence| sequence > applied);
        Arc::make_mut(&mut self.taken).retain(|_, sequence| is_ahead(sequence));
        let reading = self.parts.shared.clock.read();
        self.parts.figures.list(open, oldest_ms, reading.now);
        self.idle = open == 0 || !reading.trusted || !is_current;
        let age_ms = i64::try_from(self.parts.age_max.as_millis()).unwrap_or(i64::MAX);
        let before_ms = reading.now.as_millisecond().saturating_sub(age_ms);
        if reading.trusted && is_current && oldest_ms.is_some_and(|oldest_ms| oldest_ms < before_ms) {
            self.expire(before_ms).await;
        }
    }

    async fn expire(&mut self, before_ms: i64) {
        let taken = Arc::clone(&self.taken);
        let expired = self.with_store(move |store| {
            store.raised_before(before_ms, &|key| taken.contains_key(key), EXPIRED_MAX)
        });
        for job in expired.await.unwrap_or_default() {
            let done = self.desk.end(&job, PlaceState::Expired).await;
            self.note(&done);
        }
    }

    /// Begins the next attempt, if there is one.
    async fn start(&mut self) {
        let blocked = self.health.blocked(&(self.parts.services)(), self.parts.find_concurrency_max);
        let blocked: Vec<Database> = blocked.into_iter().collect();
        let (end, taken) = (self.turns.next(), Arc::clone(&self.taken));
        let now_ms = self.parts.shared.clock.now().as_millisecond();
        // A live request may take its time-out for the search and once more for details.
        let late_wait = self.parts.request_timeout.saturating_mul(2).saturating_add(HOLD);
        let late_wait_ms = i64::try_from(late_wait.as_millis()).unwrap_or(i64::MAX);
        let picked = self.with_store(move |store| {
            let taken = |key: &JobKey| taken.contains_key(key);
            store.pick(&Pick { end, now_ms, late_wait_ms, blocked: &blocked, taken: &taken })
        });
        match picked.await.flatten() {
            None => self.idle = true,
            Some(job) => self.begin(job),
        }
    }

    fn begin(&mut self, job: Job) {
        self.pace.went();
        self.health.asked(job.databases.iter().map(|(database, _)| *database));
        Arc::make_mut(&mut self.taken).insert(job.key, None);
        let desk = Arc::clone(&self.desk);
        self.under_way.spawn(async move {
            let attempt = AssertUnwindSafe(desk.attempt(&job)).catch_unwind().await;
            let mut done = attempt.unwrap_or_else(|_| Done::lost(&job));
            for (database, _) in &job.databases {
                if !done.heard.iter().any(|(heard, _)| heard == database) {
                    done.heard.push((*database, Heard::Nothing));
                }
            }
            done
        });
    }

    async fn settle(&mut self, done: Done) {
        self.idle = false;
        for (database, heard) in &done.heard {
            if self.health.heard(*database, *heard) {
                let (database, now_ms) = (*database, self.parts.shared.clock.now().as_millisecond());
                tracing::info!(database = database.code(), "FIND answers again; what is open is asked.");
                let _ = self.with_store(move |store| store.recovered(database, now_ms)).await;
            }
        }
        if done.asked {
            self.parts.figures.asked();
        }
        (0..done.hits).for_each(|_| self.parts.figures.hit());
        if done.hold {
            self.hold_until = Some(Instant::now() + HOLD);
        }
        self.note(&done);
    }

    /// What is recorded waits to be applied; what is not may be picked again.
    fn note(&mut self, done: &Done) {
        let taken = Arc::make_mut(&mut self.taken);
        match done.sequence {
            Some(sequence) => taken.insert(done.key, Some(sequence)),
            None => taken.remove(&done.key),
        };
    }
}
