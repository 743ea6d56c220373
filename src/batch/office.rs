//! Where operators hand batches over, see how they stand, cancel them and have their results.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use postern_sdk::{Context, Environment};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::error::{BatchError, FileError};
use super::folder::{FileLimits, Folder, Paths};
use super::ledger::{ENDED_MAX, Known, Progress};
use super::record::{BatchRecord, Format, Submission};
use super::results::Source;
use super::status::{BatchState, BatchStatus};
use crate::engine::Shared;
use crate::engine::record::{Body, Section};
use crate::grants::{Decision, Operation};
use crate::ids::new_id;
use crate::journal::{Entry, Kind};
use crate::screening::Policy;

/// A file's name, for people, in characters at most.
const NAME_CHARS_MAX: usize = 100;

/// A batch to be worked off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The file, which the daemon's user can read. It is copied.
    pub file: PathBuf,
    /// How it is written.
    pub format: Format,
    /// The policy by which is asked.
    pub policy: String,
    /// Who asks, where and why. The environment is the daemon's.
    pub context: Context,
    /// Rows a second at most; none: what all batches together may.
    pub rate_per_s_max: Option<u32>,
}

/// What the worker is told.
pub(super) enum Command {
    /// A batch was handed over.
    Begin(Box<Known>),
    /// An operator ends one.
    Cancel { batch: Uuid, uid: u32, done: oneshot::Sender<Result<(), BatchError>> },
}

/// The batches of a daemon.
pub struct Office {
    pub(super) shared: Arc<Shared>,
    pub(super) policies: BTreeMap<String, Arc<Policy>>,
    pub(super) environment: Environment,
    pub(super) folder: Folder,
    pub(super) limits: FileLimits,
    pub(super) open_max: usize,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) list: Mutex<BTreeMap<Uuid, Listed>>,
    /// One set of results after the other is written.
    pub(super) writing: Mutex<()>,
    /// One file after the other is taken in.
    pub(super) taking: tokio::sync::Mutex<()>,
}

/// A batch as it is listed.
#[derive(Clone)]
pub(super) struct Listed {
    pub(super) submission: Arc<Submission>,
    pub(super) segment: u64,
    pub(super) status: BatchStatus,
}

impl Office {
    /// Takes a batch. It is durable when this returns.
    ///
    /// # Errors
    /// [`BatchError`]: nothing of it was kept.
    pub async fn submit(&self, request: Request, uid: u32) -> Result<BatchStatus, BatchError> {
        let _one = self.taking.lock().await;
        let mut context = request.context;
        context.environment = self.environment;
        self.check(&request.policy, &context)?;
        let at = self.shared.clock.now();
        let id = new_id(at);
        let (folder, limits, file) = (self.folder.clone(), self.limits, request.file.clone());
        let format = request.format;
        let taken = tokio::task::spawn_blocking(move || folder.take(&file, id, format, &limits)).await;
        let taken = taken.map_err(|error| FileError::Io(std::io::Error::other(error)))??;
        let submission = Submission {
            id,
            name: name(&request.file),
            format,
            sha256: taken.sha256,
            rows: taken.rows,
            policy: request.policy,
            context,
            rate_per_s_max: request.rate_per_s_max,
            at,
            uid,
        };
        self.record(submission).await
    }

    fn check(&self, policy: &str, context: &Context) -> Result<(), BatchError> {
        let policy = self.policies.get(policy).ok_or(BatchError::UnknownPolicy)?;
        if !context.missing().is_empty() || context.client.is_empty() {
            return Err(BatchError::Context);
        }
        let open = self.list().values().filter(|listed| !listed.status.state.is_final()).count();
        if open >= self.open_max {
            return Err(BatchError::Full);
        }
        let databases = policy.databases.keys().copied();
        let reading = self.shared.clock.read();
        match self.shared.grants.load().decide(context, Operation::Search, databases, reading) {
            Decision::Granted { barred, .. } if barred.len() < policy.databases.len() => Ok(()),
            _ => Err(BatchError::Denied),
        }
    }

    async fn record(&self, submission: Submission) -> Result<BatchStatus, BatchError> {
        let (id, format) = (submission.id, submission.format);
        let step = BatchRecord::Submitted(Box::new(submission.clone()));
        let body = Body::new().json(Section::Batch, &step).into_bytes();
        let appended = self.shared.journal.append(Entry::new(Kind::Administrative, id, body)).await;
        let Ok(position) = appended else {
            self.folder.drop_input(id, format);
            return Err(BatchError::NotRecorded);
        };
        let segment = position.segment;
        let known = Known { submission, segment, progress: Progress::default(), end: None };
        let status = status(&known.submission, &known.progress, BatchState::Running);
        let (rows, client) = (known.submission.rows, known.submission.context.client.clone());
        tracing::info!(batch = %id, client, rows, "A batch was taken.");
        self.list_known(&known, BatchState::Running);
        // Where the worker has ended, the next daemon finds the batch in the journal.
        let _ = self.commands.send(Command::Begin(Box::new(known))).await;
        Ok(status)
    }

    /// Every batch that is open, and the latest that have ended.
    pub fn status(&self) -> Vec<BatchStatus> {
        self.list().values().map(|listed| listed.status.clone()).collect()
    }

    /// Ends a batch: no further row of it is asked.
    ///
    /// # Errors
    /// [`BatchError`]: it goes on.
    pub async fn cancel(&self, batch: Uuid, uid: u32) -> Result<(), BatchError> {
        let state = self.list().get(&batch).map(|listed| listed.status.state);
        if state.ok_or(BatchError::UnknownBatch)?.is_final() {
            return Err(BatchError::Ended);
        }
        let (done, answer) = oneshot::channel();
        let sent = self.commands.send(Command::Cancel { batch, uid, done }).await;
        sent.map_err(|_| BatchError::Ending)?;
        answer.await.map_err(|_| BatchError::Ending)?
    }

    /// Writes the results of a batch as they are now.
    ///
    /// # Errors
    /// The batch is not known, or the results can't be written.
    pub async fn results(self: &Arc<Self>, batch: Uuid) -> Result<Paths, BatchError> {
        let listed = self.list().get(&batch).cloned().ok_or(BatchError::UnknownBatch)?;
        let office = Arc::clone(self);
        let written = tokio::task::spawn_blocking(move || office.write(&listed)).await;
        let written = written.map_err(std::io::Error::other).and_then(|written| written);
        written.map_err(|error| FileError::Io(error).into())
    }

    /// Writes the results of a batch. It blocks.
    pub(super) fn write(&self, listed: &Listed) -> std::io::Result<Paths> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let source = Source {
            folder: &self.folder,
            journal: &self.shared.journal,
            submission: &listed.submission,
            segment: listed.segment,
            row_bytes_max: self.limits.row_bytes_max,
        };
        source.write()
    }

    pub(super) fn list_known(&self, known: &Known, state: BatchState) {
        let listed = Listed {
            submission: Arc::new(known.submission.clone()),
            segment: known.segment,
            status: status(&known.submission, &known.progress, state),
        };
        self.list().insert(known.submission.id, listed);
    }

    /// Takes note of how a batch stands.
    pub(super) fn tell(&self, batch: Uuid, change: impl FnOnce(&mut BatchStatus)) {
        let mut list = self.list();
        if let Some(listed) = list.get_mut(&batch) {
            change(&mut listed.status);
        }
        let ended: Vec<Uuid> =
            list.iter().filter(|(_, listed)| listed.status.state.is_final()).map(|(id, _)| *id).collect();
        for id in ended.iter().take(ended.len().saturating_sub(ENDED_MAX)) {
            list.remove(id);
        }
    }

    pub(super) fn list(&self) -> MutexGuard<'_, BTreeMap<Uuid, Listed>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file's name without what could disturb a terminal.
fn name(file: &std::path::Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.chars().filter(|letter| !letter.is_control()).take(NAME_CHARS_MAX).collect()
}

fn status(submission: &Submission, progress: &Progress, state: BatchState) -> BatchStatus {
    BatchStatus {
        id: submission.id,
        name: submission.name.clone(),
        client: submission.context.client.clone(),
        policy: submission.policy.clone(),
        at: submission.at,
        state,
        rows: submission.rows,
        screened: progress.screened,
        refused: progress.refused,
        hits: progress.hits,
        rate_per_s: 0.0,
        left_s: None,
    }
}
