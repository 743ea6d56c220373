//! The one thread that writes: take what is queued, make it durable, tell those who wait.

use super::error::CommitError;
use super::handle::Counters;
use super::log::Log;
use super::options::Options;
use super::queue::{Outlook, Queue, Queued, Turn};
use std::any::Any;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The shortest pause in arrivals that ends a gathering for returning requests.
const QUIET_MIN: Duration = Duration::from_micros(50);

pub(crate) struct Writer {
    pub(crate) queue: Arc<Queue>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) log: Log,
    /// Held until the thread ends.
    pub(crate) _lock: Box<dyn Any + Send>,
    gather_max: Duration,
    idle_flush: Duration,
    outlook: Outlook,
    batch: Vec<Queued>,
}

/// Lets nobody wait for a writer that is gone, whatever ended it.
struct AbandonOnDrop(Arc<Queue>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Writer {
    pub(crate) fn new(
        queue: Arc<Queue>,
        counters: Arc<Counters>,
        log: Log,
        lock: Box<dyn Any + Send>,
        options: &Options,
    ) -> Self {
        Self {
            queue,
            counters,
            log,
            _lock: lock,
            gather_max: Duration::from_micros(options.gather_us_max.into()),
            idle_flush: Duration::from_millis(options.idle_flush_ms.into()),
            outlook: Outlook::default(),
            batch: Vec::new(),
        }
    }

    /// Writes until the queue is closed and empty, then finishes the segment.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let _abandon = AbandonOnDrop(Arc::clone(&self.queue));
        let mut restless = true;
        loop {
            let begun = Instant::now();
            match self.queue.wait(restless.then_some(self.idle_flush)) {
                Turn::Closed => return self.log.close(),
                Turn::Work => self.work(begun.elapsed()),
                Turn::Idle if restless => {
                    self.flush();
                    restless = false;
                    continue;
                }
                Turn::Idle => {}
            }
            restless = true;
        }
    }

    fn work(&mut self, rested: Duration) {
        if rested > self.gather_max {
            self.outlook.expected = 0;
        }
        let quiet = (self.log.last_sync / 4).max(QUIET_MIN);
        // Waiting longer than half a sync costs more than the sync that it saves.
        let limit = self.gather_max.min(self.log.last_sync / 2);
        self.queue.gather(&mut self.outlook, limit, quiet);
        let told = self.commit();
        self.outlook.expected = told + self.queue.waiters();
    }

    /// After an idle time: unsynced records, or else a mark that vouches for the last group.
    fn flush(&mut self) {
        self.commit();
        if self.log.unvouched() {
            let outcome = self.log.mark();
            self.note(&outcome);
        }
    }

    /// Commits all that is queued and tells the waiters; returns how many there were.
    fn commit(&mut self) -> usize {
        self.queue.take(&mut self.batch);
        if self.batch.is_empty() {
            return 0;
        }
        let outcome = self.log.commit(&self.batch);
        self.note(&outcome);
        let failure = outcome.err().map_or(CommitError::Closed, |error| CommitError::Storage(error.kind()));
        let mut told = 0;
        for (index, queued) in self.batch.drain(..).enumerate() {
            let result = self.log.positions.get(index).copied().ok_or(failure);
            if let Some(waiter) = queued.waiter {
                told += 1;
                // Who no longer waits has dropped the other end; the record stays.
                let _ = waiter.send(result);
            } else if result.is_err() {
                self.queue.dropped_unsynced.fetch_add(1, Ordering::Relaxed);
            }
        }
        told
    }

    fn note(&self, outcome: &io::Result<()>) {
        let counters = &self.counters;
        counters.groups.fetch_add(1, Ordering::Relaxed);
        counters.next_sequence.store(self.log.next_sequence(), Ordering::Release);
        counters.records.fetch_add(self.log.positions.len() as u64, Ordering::Relaxed);
        counters.poisoned_segments.store(self.log.poisoned, Ordering::Relaxed);
        counters.last_sync_us.store(self.log.last_sync.as_micros() as u64, Ordering::Relaxed);
        counters.total_sync_us.store(self.log.total_sync.as_micros() as u64, Ordering::Relaxed);
        counters.failing.store(outcome.is_err(), Ordering::Relaxed);
        if let Err(error) = outcome {
            counters.failed_groups.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "The journal could not make a group of records durable.");
        }
    }
}
