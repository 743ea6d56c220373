//! Places for requests that are under way.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// So many requests at once.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    max: usize,
}

impl Places {
    pub(crate) fn new(max: usize) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(max)), max }
    }

    pub(crate) fn take_now(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    pub(crate) async fn take(&self, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        match self.take_now() {
            None => timeout_at(deadline, Arc::clone(&self.free).acquire_owned()).await.ok()?.ok(),
            taken => taken,
        }
    }

    /// A place if more than half of them are free, or all.
    pub(crate) fn take_spare(&self) -> Option<OwnedSemaphorePermit> {
        let spare = self.free.available_permits() > self.max / 2;
        if spare { self.take_now() } else { None }
    }

    pub(crate) fn taken(&self) -> usize {
        self.max - self.free.available_permits()
    }
}
