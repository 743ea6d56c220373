//! The hand-over between those who append and the one who writes.
//!
//! A lock around a vector, swapped out whole: the lock is held for a push, so it is rarely contended, and the
//! writer is woken only when that makes it write, never once per record. Whether it pays to wait for more
//! records is decided here too:
//!
//! * A request that has been *announced* ([`Announcement`]) and has not arrived is worth waiting for. One
//!   that let a whole gathering pass (it is asking a slow source) is not, until it is settled.
//! * Those whose records the last sync made durable tend to come back together. So up to as many as were in
//!   flight then are waited for, while they keep arriving.
//! * A lone request meets neither, and is written at once.

use super::error::CommitError;
use super::options::Options;
use super::{Commit, Entry, Position};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The end of the line on which a waiter is told.
pub(crate) type Waiter = oneshot::Sender<Result<Position, CommitError>>;

/// A record on its way.
pub(crate) struct Queued {
    pub(crate) entry: Entry,
    pub(crate) waiter: Option<Waiter>,
}

impl AsRef<Entry> for Queued {
    fn as_ref(&self) -> &Entry {
        &self.entry
    }
}

#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    announced: AtomicUsize,
    gathering: AtomicBool,
    pub(crate) dropped_unsynced: AtomicU64,
    records_max: usize,
    bytes_max: usize,
    unsynced_max: usize,
    body_max: usize,
}

#[derive(Default)]
struct State {
    entries: Vec<Queued>,
    bytes: usize,
    /// How many of the entries nobody waits for.
    unsynced: usize,
    writer: Writer,
    closed: bool,
}

/// What the writer is doing, as far as those who append must know.
#[derive(Clone, Copy, Default)]
enum Writer {
    /// Writing, or woken: it will look by itself.
    #[default]
    Busy,
    /// Waiting for anything, without a time limit.
    Asleep,
    /// Waiting for a record to commit; unsynced ones have time until it looks.
    Resting,
    /// Waiting for this many records while more than so many are announced.
    Gathering { expected: usize, floor: usize },
}

/// Why the writer goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Somebody waits for a commit.
    Work,
    /// Nobody came for the idle time.
    Idle,
    /// Closed, and nothing is left.
    Closed,
}

/// What the writer knows of who may come.
#[derive(Default)]
pub(crate) struct Outlook {
    /// How many were in flight when the last group was told.
    pub(crate) expected: usize,
    /// Announced requests that are known to be slow.
    floor: usize,
}

/// A promise that a record will come soon; the writer may wait for it, within the gathering time. Dropping it
/// takes the promise back. Take it when a request begins that is answered from memory, and drop it when the
/// request turns out to wait for the network.
#[must_use = "an announcement lasts until it is dropped"]
pub struct Announcement {
    queue: Arc<Queue>,
}

impl Announcement {
    pub(crate) fn new(queue: Arc<Queue>) -> Self {
        queue.announced.fetch_add(1, Ordering::SeqCst);
        Self { queue }
    }

    /// Appends the announced record; see [`super::Journal::append`].
    pub fn append(self, entry: Entry) -> Commit {
        Commit::new(self.queue.push(entry))
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        self.queue.announced.fetch_sub(1, Ordering::SeqCst);
        if self.queue.gathering.load(Ordering::SeqCst) {
            let mut state = self.queue.lock();
            self.queue.wake_gatherer(&mut state);
        }
    }
}

impl Queue {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            records_max: options.queue_records_max,
            bytes_max: options.queue_bytes_max,
            unsynced_max: options.unsynced_records_max,
            body_max: options.body_bytes_max(),
            ..Self::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a record that somebody waits for.
    pub(crate) fn push(
        &self,
        entry: Entry,
    ) -> Result<oneshot::Receiver<Result<Position, CommitError>>, CommitError> {
        self.check_size(&entry)?;
        let (waiter, receiver) = oneshot::channel();
        let mut state = self.lock();
        if state.waiters() >= self.records_max {
            return Err(CommitError::Busy);
        }
        self.admit(&mut state, Queued { entry, waiter: Some(waiter) })?;
        match state.writer {
            Writer::Busy => {}
            Writer::Asleep | Writer::Resting => self.rouse(&mut state),
            Writer::Gathering { .. } => self.wake_gatherer(&mut state),
        }
        Ok(receiver)
    }

    /// Queues a record that nobody waits for.
    pub(crate) fn push_unsynced(&self, entry: Entry) -> Result<(), CommitError> {
        let outcome = self.check_size(&entry).and_then(|()| {
            let mut state = self.lock();
            if state.unsynced >= self.unsynced_max {
                return Err(CommitError::Busy);
            }
            self.admit(&mut state, Queued { entry, waiter: None })?;
            state.unsynced += 1;
            if matches!(state.writer, Writer::Asleep) {
                self.rouse(&mut state);
            }
            Ok(())
        });
        self.dropped_unsynced.fetch_add(u64::from(outcome.is_err()), Ordering::Relaxed);
        outcome
    }

    fn check_size(&self, entry: &Entry) -> Result<(), CommitError> {
        if entry.body.len() > self.body_max { Err(CommitError::TooLarge) } else { Ok(()) }
    }

    fn admit(&self, state: &mut State, queued: Queued) -> Result<(), CommitError> {
        let bytes = state.bytes + queued.entry.body.len();
        if state.closed {
            return Err(CommitError::Closed);
        }
        if bytes > self.bytes_max && !state.entries.is_empty() {
            return Err(CommitError::Busy);
        }
        state.bytes = bytes;
        state.entries.push(queued);
        Ok(())
    }

    fn rouse(&self, state: &mut State) {
        state.writer = Writer::Busy;
        self.wake.notify_one();
    }

    /// Wakes a gathering writer if there is nothing left to gather for.
    fn wake_gatherer(&self, state: &mut State) {
        if let Writer::Gathering { expected, floor } = state.writer
            && (state.full(self) || !self.worth_waiting(state, expected, floor))
        {
            self.rouse(state);
        }
    }

    fn worth_waiting(&self, state: &State, expected: usize, floor: usize) -> bool {
        state.waiters() < expected || self.announced.load(Ordering::SeqCst) > floor
    }

    /// Refuses new records from now on; the writer finishes what is queued.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.rouse(&mut state);
    }

    /// Closes, and lets go of all who wait: the writer is dead.
    pub(crate) fn abandon(&self) {
        self.close();
        self.lock().entries.clear();
    }

    /// How many records somebody waits for.
    pub(crate) fn waiters(&self) -> usize {
        self.lock().waiters()
    }

    /// Waits until somebody wants a commit; with an idle time no longer than that, without one until anything
    /// comes.
    pub(crate) fn wait(&self, idle: Option<Duration>) -> Turn {
        let begun = Instant::now();
        let mut state = self.lock();
        loop {
            if state.waiters() > 0 {
                return Turn::Work;
            }
            if state.closed {
                return if state.entries.is_empty() { Turn::Closed } else { Turn::Work };
            }
            state = match idle {
                None if state.unsynced > 0 => return Turn::Idle,
                None => self.sleep(state, Writer::Asleep, None),
                Some(idle) => match idle.checked_sub(begun.elapsed()) {
                    None => return Turn::Idle,
                    left => self.sleep(state, Writer::Resting, left),
                },
            };
        }
    }

    fn sleep<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        writer: Writer,
        time: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        state.writer = writer;
        let mut state = match time {
            None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(time) => self.wake.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0,
        };
        state.writer = Writer::Busy;
        state
    }

    /// Waits for more records while that promises something, at most `longest`, and while only returning ones
    /// are expected no longer than `quiet` without an arrival.
    pub(crate) fn gather(&self, outlook: &mut Outlook, longest: Duration, quiet: Duration) {
        let begun = Instant::now();
        let mut state = self.lock();
        self.gathering.store(true, Ordering::SeqCst);
        loop {
            let announced = self.announced.load(Ordering::SeqCst);
            outlook.floor = outlook.floor.min(announced);
            let Outlook { expected, floor } = *outlook;
            if state.closed || state.full(self) || !self.worth_waiting(&state, expected, floor) {
                break;
            }
            let Some(left) = longest.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) else {
                outlook.floor = announced;
                break;
            };
            let came = state.waiters();
            let patience = if announced > floor { left } else { left.min(quiet) };
            let since = Instant::now();
            state = self.sleep(state, Writer::Gathering { expected, floor }, Some(patience));
            if announced <= floor && state.waiters() == came && since.elapsed() >= patience {
                break;
            }
        }
        self.gathering.store(false, Ordering::SeqCst);
    }

    /// Swaps all that is queued into `batch`, which must be empty.
    pub(crate) fn take(&self, batch: &mut Vec<Queued>) {
        debug_assert!(batch.is_empty());
        let mut state = self.lock();
        std::mem::swap(&mut state.entries, batch);
        state.bytes = 0;
        state.unsynced = 0;
    }
}

impl State {
    fn waiters(&self) -> usize {
        self.entries.len() - self.unsynced
    }

    fn full(&self, queue: &Queue) -> bool {
        self.waiters() >= queue.records_max || self.bytes >= queue.bytes_max
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;
    use uuid::Uuid;

    /// So long that a test that waits for it fails by never ending.
    const FOR_EVER: Duration = Duration::from_secs(3600);

    fn queue() -> Arc<Queue> {
        Arc::new(Queue::new(&Options::new(1, Uuid::nil())))
    }

    fn entry() -> Entry {
        Entry::new(Kind::Inbox, Uuid::nil(), vec![1; 10])
    }

    #[test]
    fn a_lone_request_is_not_made_to_wait() {
        // With nothing announced and nobody expected, gathering ends at once.
        let queue = queue();
        let _receiver = queue.push(entry()).unwrap();
        assert_eq!(queue.wait(None), Turn::Work);
        queue.gather(&mut Outlook::default(), FOR_EVER, FOR_EVER);
    }

    #[test]
    fn announced_requests_are_waited_for_and_no_longer() {
        // Gathering lasts until the last announced request has arrived or been taken back, and ends right then.
        let queue = queue();
        let _receiver = queue.push(entry()).unwrap();
        let announced: Vec<_> = (0..3).map(|_| Announcement::new(Arc::clone(&queue))).collect();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for (index, announcement) in announced.into_iter().enumerate() {
                    if index == 1 {
                        drop(announcement);
                    } else {
                        drop(announcement.append(entry()));
                    }
                }
            });
            queue.gather(&mut Outlook::default(), FOR_EVER, FOR_EVER);
        });
        assert_eq!(queue.waiters(), 3);
    }

    #[test]
    fn a_slow_announced_request_is_waited_for_once() {
        // One that let a gathering pass in vain holds up no later one, while a new announcement is waited for
        // again.
        let queue = queue();
        let slow = Announcement::new(Arc::clone(&queue));
        let mut outlook = Outlook::default();
        queue.gather(&mut outlook, Duration::from_millis(1), FOR_EVER);
        assert_eq!(outlook.floor, 1);
        queue.gather(&mut outlook, FOR_EVER, FOR_EVER);
        let quick = Announcement::new(Arc::clone(&queue));
        std::thread::scope(|scope| {
            scope.spawn(|| drop(quick.append(entry())));
            queue.gather(&mut outlook, FOR_EVER, FOR_EVER);
        });
        assert_eq!(queue.waiters(), 1);
        drop(slow);
    }

    #[test]
    fn returning_requests_are_waited_for_until_it_falls_quiet() {
        // As many as were in flight are waited for; if some stay away, a quiet moment ends the gathering.
        let queue = queue();
        let mut outlook = Outlook { expected: 2, floor: 0 };
        std::thread::scope(|scope| {
            scope.spawn(|| (0..2).for_each(|_| drop(queue.push(entry()))));
            queue.gather(&mut outlook, FOR_EVER, FOR_EVER);
        });
        assert_eq!(queue.waiters(), 2);
        outlook.expected = 9;
        queue.gather(&mut outlook, FOR_EVER, Duration::from_millis(1));
    }

    #[test]
    fn bytes_are_bounded_too() {
        // Beyond the byte limit a record is refused, but a single one always fits into an empty queue.
        let options = Options { queue_bytes_max: 5, ..Options::new(1, Uuid::nil()) };
        let queue = Queue::new(&options);
        assert!(queue.push(entry()).is_ok());
        assert_eq!(queue.push(entry()).err(), Some(CommitError::Busy));
        queue.take(&mut Vec::new());
        assert!(queue.push(entry()).is_ok());
    }
}
