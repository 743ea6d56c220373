//! The one that works the batches off.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postern_sdk::{Database, Environment};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use uuid::Uuid;

use super::active::Active;
use super::desk::{Came, Desk, Done};
use super::error::BatchError;
use super::folder::{FileLimits, Folder};
use super::ledger::{Known, Ledger};
use super::office::{Command, Listed, Office};
use super::record::{BatchRecord, End};
use super::status::BatchState;
use crate::engine::Shared;
use crate::engine::record::{Body, Section};
use crate::find::{BreakerState, ServiceStatus};
use crate::journal::{Entry, Kind};
use crate::recheck::Pace;
use crate::screening::{Mode, Policy, Screener};

/// How often it is told how batches stand.
const TICK: Duration = Duration::from_millis(250);
/// How long a batch waits for a grant or the journal.
const HOLD: Duration = Duration::from_secs(5);
/// How long it waits for FIND, whose breaker tries by itself.
const FIND_HOLD: Duration = Duration::from_millis(500);
/// How long what is under way has to be answered when the daemon ends.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// Commands that wait.
const COMMANDS_MAX: usize = 16;

/// Tells the state of FIND's services.
pub type Services = Arc<dyn Fn() -> Vec<ServiceStatus> + Send + Sync>;

/// What batches are worked off with.
pub struct Parts {
    /// What the lanes share: time, journal, grants, figures.
    pub shared: Arc<Shared>,
    /// The sources, of which FIND is asked in the background.
    pub screener: Screener,
    /// The state of FIND's services.
    pub services: Services,
    /// The policies by name.
    pub policies: BTreeMap<String, Arc<Policy>>,
    /// Production or training.
    pub environment: Environment,
    /// The folder of files.
    pub folder: PathBuf,
    /// Rows a second of all batches together.
    pub rate_per_s_max: u32,
    /// Rows at once of all batches together.
    pub concurrency_max: usize,
    /// How long a row may take.
    pub row_timeout: Duration,
    /// Batches that may be open.
    pub open_max: usize,
    /// Rows of a file.
    pub rows_max: u64,
    /// Bytes of a row.
    pub row_bytes_max: usize,
    /// Bytes of a file.
    pub file_bytes_max: u64,
}

/// Works batches off.
pub struct Worker {
    office: Arc<Office>,
    commands: mpsc::Receiver<Command>,
    desk: Arc<Desk>,
    services: Services,
    active: Vec<Active>,
    /// Whose turn is next.
    turn: usize,
    under_way: JoinSet<Done>,
    writing: JoinSet<(Uuid, BatchState)>,
    pace: Pace,
    concurrency_max: usize,
}

impl Worker {
    /// A worker and its office, with the batches that the journal tells of. It blocks for as long as their files are read.
    ///
    /// # Errors
    /// The folder can't be made.
    pub fn open(parts: Parts, ledger: Ledger) -> io::Result<(Arc<Office>, Self)> {
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let limits = FileLimits {
            file_bytes_max: parts.file_bytes_max,
            row_bytes_max: parts.row_bytes_max,
            rows_max: parts.rows_max,
        };
        let office = Arc::new(Office {
            shared: Arc::clone(&parts.shared),
            policies: parts.policies,
            environment: parts.environment,
            folder: Folder::create(&parts.folder)?,
            limits,
            open_max: parts.open_max,
            commands: sender,
            list: Mutex::default(),
            writing: Mutex::default(),
            taking: tokio::sync::Mutex::default(),
        });
        let desk = Desk { shared: parts.shared, screener: parts.screener, row_timeout: parts.row_timeout };
        let mut worker = Self {
            office: Arc::clone(&office),
            commands,
            desk: Arc::new(desk),
            services: parts.services,
            active: Vec::new(),
            turn: 0,
            under_way: JoinSet::new(),
            writing: JoinSet::new(),
            pace: Pace::new(parts.rate_per_s_max),
            concurrency_max: parts.concurrency_max,
        };
        ledger.batches.into_values().for_each(|known| worker.resume(known));
        Ok((office, worker))
    }

    /// Goes on with a batch of the journal.
    fn resume(&mut self, known: Known) {
        let Known { submission, end, .. } = &known;
        let is_unwritten = self.office.folder.input(submission.id, submission.format).exists();
        match end {
            Some(end) if !is_unwritten => self.office.list_known(&known, ended(end)),
            Some(end) => {
                let end = Some(end.clone());
                self.office.list_known(&known, BatchState::Writing);
                let mut active = Active::open(&self.office, known);
                (active.end, active.end_is_durable) = (end, true);
                self.active.push(active);
            }
            None => {
                self.office.list_known(&known, BatchState::Running);
                self.active.push(Active::open(&self.office, known));
            }
        }
    }

    /// Works until `shutdown` is done, then waits a moment for what is under way.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let (next, at) = self.next_turn().unzip();
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(Ok(done)) = self.under_way.join_next(), if !self.under_way.is_empty() => self.settle(done).await,
                Some(Ok((batch, state))) = self.writing.join_next(), if !self.writing.is_empty() => {
                    self.office.tell(batch, |status| status.state = state);
                }
                Some(command) = self.commands.recv() => self.follow(command).await,
                _ = ticks.tick() => self.tick().await,
                () = sleep_until(at.unwrap_or_else(Instant::now)), if next.is_some() => {
                    self.start(next.unwrap_or_default()).await;
                }
            }
        }
        // What does not end in time was begun, and is asked again.
        let drained = async {
            while self.under_way.join_next().await.is_some() {}
            while self.writing.join_next().await.is_some() {}
        };
        let _ = timeout(DRAIN_LIMIT, drained).await;
    }

    /// Whose row goes next, and when: the first in turn of those that may go the soonest.
    fn next_turn(&self) -> Option<(usize, Instant)> {
        if self.under_way.len() >= self.concurrency_max {
            return None;
        }
        let count = self.active.len();
        let in_turn = (0..count).map(|step| (self.turn + step) % count);
        let soonest = in_turn
            .filter(|index| self.active[*index].policy().is_some())
            .map(|index| (index, self.active[index].next_at().max(self.pace.next())))
            .min_by_key(|(_, at)| *at)?;
        Some(soonest)
    }

    async fn start(&mut self, index: usize) {
        self.turn = index + 1;
        let rests = self.active[index].policy().is_some_and(|policy| self.find_rests(policy));
        let active = &mut self.active[index];
        if rests {
            return active.hold(BatchState::WaitsForFind, FIND_HOLD);
        }
        match active.next().await {
            Some(task) => {
                self.pace.went();
                let desk = Arc::clone(&self.desk);
                self.under_way.spawn(async move { desk.answer(task).await });
            }
            None => self.finish_over().await,
        }
    }

    /// Whether a service of FIND that a policy asks is not asked now. What would be asked all the same would come to nothing.
    fn find_rests(&self, policy: &Policy) -> bool {
        let asks =
            |database: &Database| policy.databases.get(database).is_some_and(|mode| *mode != Mode::Mind);
        let rests = |service: &ServiceStatus| {
            service.state != BreakerState::Closed && service.databases.iter().any(&asks)
        };
        (self.services)().iter().any(rests)
    }

    async fn settle(&mut self, done: Done) {
        let batch = done.task.submission.id;
        let Some(active) = self.active.iter_mut().find(|active| active.submission.id == batch) else {
            return;
        };
        match done.came {
            Came::Screened { hit } => {
                active.settled(Some(hit));
                count("screened", hit);
            }
            Came::Refused => {
                active.settled(None);
                count("refused", false);
            }
            Came::Held(state) => active.give_back(done.task, state, HOLD),
        }
        if active.is_over() {
            self.finish_over().await;
        }
    }

    async fn follow(&mut self, command: Command) {
        match command {
            Command::Begin(known) => {
                let office = Arc::clone(&self.office);
                let opened = tokio::task::spawn_blocking(move || Active::open(&office, *known)).await;
                self.active.extend(opened);
            }
            Command::Cancel { batch, uid, done } => {
                let cancelled = self.cancel(batch, uid).await;
                // Who does not wait for the reply does not need it.
                let _ = done.send(cancelled);
            }
        }
        self.tick().await;
    }

    async fn cancel(&mut self, batch: Uuid, uid: u32) -> Result<(), BatchError> {
        let position = self.active.iter().position(|active| active.submission.id == batch);
        let index = position.filter(|index| self.active[*index].end.is_none()).ok_or(BatchError::Ended)?;
        let end = End::Cancelled { uid };
        if !self.record_end(batch, &end).await {
            return Err(BatchError::NotRecorded);
        }
        tracing::info!(%batch, uid, "A batch was cancelled.");
        let active = &mut self.active[index];
        (active.end, active.end_is_durable) = (Some(end), true);
        Ok(())
    }

    async fn record_end(&self, batch: Uuid, end: &End) -> bool {
        let step = BatchRecord::Ended { batch, end: end.clone() };
        let body = Body::new().json(Section::Batch, &step).into_bytes();
        let entry = Entry::new(Kind::Administrative, batch, body);
        self.office.shared.journal.append(entry).await.is_ok()
    }

    /// Ends the batches that are over. One whose end can't be recorded is tried again at the next tick.
    async fn finish_over(&mut self) {
        let mut index = 0;
        while index < self.active.len() {
            if self.active[index].is_over() && self.finish(index).await {
                self.active.remove(index);
            } else {
                index += 1;
            }
        }
    }

    async fn finish(&mut self, index: usize) -> bool {
        let active = &self.active[index];
        let (batch, end) = (active.submission.id, active.end.clone().unwrap_or(End::Done));
        if !active.end_is_durable && !self.record_end(batch, &end).await {
            return false;
        }
        let listed = Listed {
            submission: Arc::clone(&active.submission),
            segment: active.segment,
            status: match self.office.list().get(&batch) {
                Some(listed) => listed.status.clone(),
                None => return true,
            },
        };
        let active = &mut self.active[index];
        self.office.tell(batch, |status| {
            active.tell(status);
            (status.state, status.left_s) = (BatchState::Writing, None);
        });
        let (state, office) = (ended(&end), Arc::clone(&self.office));
        tracing::info!(%batch, state = state.code(), "A batch has ended.");
        self.writing.spawn_blocking(move || (batch, written(&office, &listed, state)));
        true
    }

    async fn tick(&mut self) {
        for active in &mut self.active {
            self.office.tell(active.submission.id, |status| active.tell(status));
        }
        let left: u64 = self.active.iter().map(Active::left).sum();
        metrics::gauge!("postern_batch_open").set(self.active.len() as f64);
        metrics::gauge!("postern_batch_rows_left").set(left as f64);
        self.finish_over().await;
    }
}

fn count(result: &'static str, hit: bool) {
    metrics::counter!("postern_batch_rows_total", "result" => result).increment(1);
    if hit {
        metrics::counter!("postern_batch_hits_total").increment(1);
    }
}

const fn ended(end: &End) -> BatchState {
    match end {
        End::Done => BatchState::Done,
        End::Cancelled { .. } => BatchState::Cancelled,
        End::FileChanged => BatchState::FileChanged,
    }
}

/// Writes the results, then puts the file away: in this order, so that what a crash broke off is done again.
fn written(office: &Office, listed: &Listed, state: BatchState) -> BatchState {
    let (id, format) = (listed.submission.id, listed.submission.format);
    let written = office.write(listed).and_then(|_| office.folder.put_away(id, format));
    match written {
        Ok(()) => state,
        Err(error) => {
            tracing::error!(batch = %id, %error, "The results of a batch can't be written.");
            BatchState::NotWritten
        }
    }
}
