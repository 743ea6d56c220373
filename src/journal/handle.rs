//! What the rest of the daemon holds: a handle to append with, and the future of a commit.

use super::Entry;
use super::Position;
use super::error::{CommitError, OpenError};
use super::fetch::fetch;
use super::log::Log;
use super::options::Options;
use super::queue::{Announcement, Queue};
use super::recovery::{Recovery, recover};
use super::since::visit_since;
use super::spare::{Factory, Spares};
use super::storage::Storage;
use super::tail::{Mark, Tail};
use super::walk::RecordRef;
use super::writer::Writer;
use std::future::Future;
use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// The handle of an open journal; clones share it. When the last one goes, the writer finishes what is queued
/// and ends by itself; [`Journal::close`] waits for that.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    storage: Arc<dyn Storage>,
    writer: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// What the writer counts.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) groups: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) failed_groups: AtomicU64,
    pub(crate) failing: AtomicBool,
    pub(crate) poisoned_segments: AtomicU64,
    pub(crate) last_sync_us: AtomicU64,
    pub(crate) total_sync_us: AtomicU64,
    /// The number of the first record that is not durable yet.
    pub(crate) next_sequence: AtomicU64,
}

/// Figures since the opening, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Writes with a sync each.
    pub groups: u64,
    /// Records made durable.
    pub records: u64,
    /// Groups that could not be made durable.
    pub failed_groups: u64,
    /// Whether the latest group could not be made durable.
    pub failing: bool,
    /// Segments given up after a failed write or sync.
    pub poisoned_segments: u64,
    /// Unsynced records that were dropped.
    pub dropped_unsynced: u64,
    /// How long the last write and sync took, in µs.
    pub last_sync_us: u64,
    /// How long all writes and syncs took together, in µs; over the groups it gives the mean.
    pub total_sync_us: u64,
    /// Records in the queue that somebody waits for.
    pub queued: usize,
}

impl Journal {
    /// Opens a journal: takes its folder, recovers it, and begins a new segment. `visit` sees every sound
    /// record in order, one at a time.
    ///
    /// This blocks for as long as reading the journal and writing one segment takes.
    ///
    /// # Errors
    /// See [`OpenError`]. Damage is no error: it is in the [`Recovery`], and the caller must tell it.
    pub fn open(
        storage: Arc<dyn Storage>,
        options: &Options,
        mut visit: impl FnMut(&RecordRef<'_>),
    ) -> Result<(Self, Recovery), OpenError> {
        options.check()?;
        let lock = storage.lock().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => OpenError::InUse,
            _ => OpenError::Storage { doing: "locking", source: error },
        })?;
        let (recovery, resume) = recover(&storage, options, &mut visit)?;
        let spares = Spares::thread(Factory::new(Arc::clone(&storage), options))
            .map_err(OpenError::storage("starting a thread for"))?;
        let mut log = Log::new(Arc::clone(&storage), spares, options, &resume);
        log.open_segment().map_err(OpenError::storage("beginning a segment of"))?;
        let queue = Arc::new(Queue::new(options));
        let next_sequence = AtomicU64::new(log.next_sequence());
        let counters = Arc::new(Counters { next_sequence, ..Counters::default() });
        let writer = Writer::new(Arc::clone(&queue), Arc::clone(&counters), log, lock, options);
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.run())
            .map_err(OpenError::storage("starting the writer of"))?;
        let inner = Inner { queue, counters, storage, writer: Mutex::new(Some(thread)) };
        Ok((Self { inner: Arc::new(inner) }, recovery))
    }

    /// Queues a record and returns the future of its commit: it resolves when the record is durable, or can't
    /// be made so.
    ///
    /// The record is queued by the call, not by the first poll. A dropped future disturbs nobody; the record
    /// is written all the same. There is no time limit here: put one around it.
    pub fn append(&self, entry: Entry) -> Commit {
        Commit::new(self.inner.queue.push(entry))
    }

    /// Queues a record for which nobody waits: it is written with the next group, or after the idle time. A
    /// crash before that loses it.
    ///
    /// # Errors
    /// [`CommitError::Busy`], [`CommitError::TooLarge`] or [`CommitError::Closed`]: it was dropped, and
    /// counted in [`Stats::dropped_unsynced`].
    pub fn append_unsynced(&self, entry: Entry) -> Result<(), CommitError> {
        self.inner.queue.push_unsynced(entry)
    }

    /// The body of the record at a position that a commit gave, read from the storage. This blocks.
    ///
    /// # Errors
    /// What the storage said, or [`io::ErrorKind::InvalidData`] if the record is not sound.
    pub fn read(&self, position: Position) -> io::Result<Vec<u8>> {
        fetch(&*self.inner.storage, position)
    }

    /// The number of the first record that is not durable yet.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.inner.counters.next_sequence.load(Ordering::Acquire)
    }

    /// Reads on behind a record, or from the beginning, up to the last record that is durable now. None if that record is
    /// not in this journal. This blocks.
    ///
    /// # Errors
    /// What the storage said.
    pub fn read_on(&self, behind: Option<&Mark>) -> io::Result<Option<Tail>> {
        let next_sequence = self.next_sequence();
        Tail::new(Arc::clone(&self.inner.storage), behind, next_sequence)
    }

    /// Reads from the first record of a segment on, up to the last record that is durable now. This blocks.
    ///
    /// # Errors
    /// What the storage said.
    pub fn read_from(&self, segment: u64) -> io::Result<Tail> {
        Tail::from_segment(Arc::clone(&self.inner.storage), segment, self.next_sequence())
    }

    /// Visits the durable records from a time on, in ns since 1970-01-01 UTC, until the visit breaks off. It begins with the
    /// segment that was being written then, so it sees earlier ones too. This blocks.
    ///
    /// # Errors
    /// What the storage said.
    pub fn visit_since(
        &self,
        time_ns: u64,
        visit: impl FnMut(&RecordRef<'_>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        visit_since(Arc::clone(&self.inner.storage), time_ns, self.next_sequence(), visit)
    }

    /// Announces that a record will come soon, so that the writer may wait for it.
    pub fn expect(&self) -> Announcement {
        Announcement::new(Arc::clone(&self.inner.queue))
    }

    /// The figures since the opening.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.inner.counters;
        Stats {
            groups: read(&counters.groups),
            records: read(&counters.records),
            failed_groups: read(&counters.failed_groups),
            failing: counters.failing.load(Ordering::Relaxed),
            poisoned_segments: read(&counters.poisoned_segments),
            dropped_unsynced: read(&self.inner.queue.dropped_unsynced),
            last_sync_us: read(&counters.last_sync_us),
            total_sync_us: read(&counters.total_sync_us),
            queued: self.inner.queue.waiters(),
        }
    }

    /// Refuses new records, writes what is queued, finishes the segment and gives the folder back. Blocks
    /// until then; a second call returns at once.
    ///
    /// # Errors
    /// What the storage said when the segment was finished; what was acknowledged is durable all the same.
    pub fn close(&self) -> io::Result<()> {
        self.inner.queue.close();
        let writer = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        match writer.map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(io::Error::other("the journal's writer died")),
        }
    }
}

/// The future of a commit.
#[must_use = "a record is durable only when its commit has resolved"]
pub struct Commit {
    state: Result<oneshot::Receiver<Result<Position, CommitError>>, CommitError>,
}

impl Commit {
    pub(crate) fn new(state: Result<oneshot::Receiver<Result<Position, CommitError>>, CommitError>) -> Self {
        Self { state }
    }

    /// Waits for the commit on a thread that is not part of an async runtime.
    ///
    /// # Errors
    /// See [`CommitError`].
    ///
    /// # Panics
    /// If it is called on a thread of an async runtime.
    pub fn wait(self) -> Result<Position, CommitError> {
        self.state?.blocking_recv().unwrap_or(Err(CommitError::Closed))
    }
}

impl Future for Commit {
    type Output = Result<Position, CommitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            Err(error) => Poll::Ready(Err(*error)),
            Ok(receiver) => {
                Pin::new(receiver).poll(context).map(|told| told.unwrap_or(Err(CommitError::Closed)))
            }
        }
    }
}
