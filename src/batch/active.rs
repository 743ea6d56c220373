//! A batch that is worked off.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::desk::Task;
use super::error::FileError;
use super::ledger::{Known, Progress};
use super::office::Office;
use super::record::{End, Submission};
use super::rows::{Row, Rows};
use super::status::{BatchState, BatchStatus};
use crate::recheck::Pace;
use crate::screening::Policy;

/// Rows that are read at once.
const READ_AHEAD: usize = 64;
/// Over how long the rate is measured.
const RATE_WINDOW: Duration = Duration::from_secs(30);

/// A batch that is worked off.
pub(super) struct Active {
    pub(super) submission: Arc<Submission>,
    pub(super) segment: u64,
    /// None: the configuration has no such policy any more.
    policy: Option<Arc<Policy>>,
    /// What the journal told when this began: a file is read once, so nothing else need be known of rows.
    before: Arc<Progress>,
    /// The rest of the file; none if all of it was read.
    rows: Option<Rows>,
    ready: VecDeque<(Row, u32)>,
    pace: Option<Pace>,
    pub(super) under_way: usize,
    screened: u64,
    refused: u64,
    hits: u64,
    pub(super) end: Option<End>,
    /// Whether the journal holds the end.
    pub(super) end_is_durable: bool,
    held: Option<(BatchState, Instant)>,
    samples: VecDeque<(Instant, u64)>,
}

impl Active {
    /// Opens a batch. A file that can't be read, or is another one, ends it.
    pub(super) fn open(office: &Office, known: Known) -> Self {
        let submission = Arc::new(known.submission);
        let path = office.folder.input(submission.id, submission.format);
        let same = super::folder::is_of(&path, &submission.sha256).unwrap_or(false);
        let rows =
            same.then(|| Rows::open(&path, submission.format, office.limits.row_bytes_max).ok()).flatten();
        Self {
            policy: office.policies.get(&submission.policy).cloned(),
            end: rows.is_none().then_some(End::FileChanged),
            end_is_durable: false,
            pace: submission.rate_per_s_max.map(Pace::new),
            screened: known.progress.screened,
            refused: known.progress.refused,
            hits: known.progress.hits,
            before: Arc::new(known.progress),
            segment: known.segment,
            rows,
            ready: VecDeque::new(),
            under_way: 0,
            held: None,
            samples: VecDeque::new(),
            submission,
        }
    }

    /// The policy by which the next row is asked; none if there is none to ask.
    pub(super) fn policy(&self) -> Option<&Arc<Policy>> {
        let rest = !self.ready.is_empty() || self.rows.is_some();
        self.policy.as_ref().filter(|_| rest && self.end.is_none())
    }

    /// When the next row may go.
    pub(super) fn next_at(&self) -> Instant {
        let now = Instant::now();
        let pace = self.pace.as_ref().map_or(now, Pace::next);
        self.held.map_or(pace, |(_, until)| pace.max(until))
    }

    /// Whether nothing of it is left to do.
    pub(super) fn is_over(&self) -> bool {
        let is_read = self.rows.is_none() && self.ready.is_empty();
        self.under_way == 0 && (is_read || self.end.is_some())
    }

    /// Nothing is asked for a while.
    pub(super) fn hold(&mut self, state: BatchState, time: Duration) {
        self.held = Some((state, Instant::now() + time));
    }

    /// The next row; none if there is no further one.
    pub(super) async fn next(&mut self) -> Option<Task> {
        let policy = Arc::clone(self.policy()?);
        if self.ready.is_empty() {
            self.read_on().await;
        }
        let (row, attempt) = self.ready.pop_front()?;
        if let Some(pace) = &mut self.pace {
            pace.went();
        }
        self.held = None;
        self.under_way += 1;
        Some(Task { submission: Arc::clone(&self.submission), policy, row, attempt })
    }

    async fn read_on(&mut self) {
        let Some(mut rows) = self.rows.take() else { return };
        let before = Arc::clone(&self.before);
        let read = tokio::task::spawn_blocking(move || {
            let mut ready = Vec::with_capacity(READ_AHEAD);
            while ready.len() < READ_AHEAD {
                match rows.next(|line| !before.is_done(line))? {
                    Some(row) => {
                        let attempt = before.next_attempt(row.line);
                        ready.push((row, attempt));
                    }
                    None => return Ok((None, ready)),
                }
            }
            Ok::<_, FileError>((Some(rows), ready))
        });
        match read.await {
            Ok(Ok((rows, ready))) => {
                self.rows = rows;
                self.ready.extend(ready);
            }
            _ => {
                tracing::error!(batch = %self.submission.id, "The file of a batch can't be read any more.");
                self.end = Some(End::FileChanged);
            }
        }
    }

    /// A row has its result.
    pub(super) fn settled(&mut self, hit: Option<bool>) {
        self.under_way -= 1;
        self.screened += u64::from(hit.is_some());
        self.refused += u64::from(hit.is_none());
        self.hits += u64::from(hit == Some(true));
    }

    /// A row must be asked again.
    pub(super) fn give_back(&mut self, task: Task, state: BatchState, time: Duration) {
        self.under_way -= 1;
        self.ready.push_front((task.row, task.attempt));
        self.hold(state, time);
    }

    fn done(&self) -> u64 {
        self.screened + self.refused
    }

    /// Rows that have no result.
    pub(super) fn left(&self) -> u64 {
        self.submission.rows.saturating_sub(self.done())
    }

    /// Takes a sample of the rate, and tells how it stands.
    pub(super) fn tell(&mut self, status: &mut BatchStatus) {
        let now = Instant::now();
        self.samples.push_back((now, self.done()));
        while self.samples.front().is_some_and(|(at, _)| now.duration_since(*at) > RATE_WINDOW) {
            self.samples.pop_front();
        }
        let (since, before) = self.samples.front().copied().unwrap_or((now, self.done()));
        let seconds = now.duration_since(since).as_secs_f64();
        let rate = if seconds > 0.0 { (self.done() - before) as f64 / seconds } else { 0.0 };
        (status.screened, status.refused, status.hits) = (self.screened, self.refused, self.hits);
        status.state = self.state(now);
        status.rate_per_s = (rate * 10.0).round() / 10.0;
        status.left_s = (rate > 0.0).then(|| (self.left() as f64 / rate).ceil() as u64);
    }

    fn state(&self, now: Instant) -> BatchState {
        if self.end.is_some() {
            return BatchState::Ending;
        }
        match self.held {
            _ if self.policy.is_none() => BatchState::WaitsForPolicy,
            Some((state, until)) if until > now => state,
            _ => BatchState::Running,
        }
    }
}
