//! Questions that arrive in parts, link by link.
//!
//! A question is assembled from the frames of one link. What is not whole in time is refused with the link's next frame, and
//! forgotten when the link ends: a sender that hears nothing refers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use postern_sdk::{Assembled, Assembler, AssemblyLimits, Exchange, Fault, Part};
use tokio::time::Instant;

/// Questions of one link that may be open at once.
const OPEN_MAX: usize = 32;
/// Parts that one question may have.
const PARTS_MAX: u32 = 256;
/// How long a question may stay open, in milliseconds.
const OPEN_MS_MAX: u64 = 60_000;

/// The open questions of a lane.
pub(super) struct Parts {
    links: Mutex<HashMap<u64, Assembler>>,
    began: Instant,
    limits: AssemblyLimits,
}

impl Parts {
    /// No question is open.
    pub(super) fn new(subjects_max: usize) -> Self {
        let limits = AssemblyLimits {
            keys_max: OPEN_MAX,
            parts_max: PARTS_MAX,
            subjects_max,
            open_ticks_max: OPEN_MS_MAX,
        };
        Self { links: Mutex::default(), began: Instant::now(), limits }
    }

    /// Takes a part; the question, if it is whole now.
    pub(super) fn add(&self, link: u64, part: Part) -> Result<Option<Exchange>, Fault> {
        let now = self.ticks();
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        match links.entry(link).or_insert_with(|| Assembler::new(self.limits)).add(part, now)? {
            Assembled::Whole(exchange) => Ok(Some(*exchange)),
            _ => Ok(None),
        }
    }

    /// The refusals of a link's questions that were not whole in time.
    pub(super) fn expired(&self, link: u64) -> Vec<Fault> {
        let now = self.ticks();
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.get_mut(&link).map(|open| open.expire(now)).unwrap_or_default()
    }

    /// Forgets a link.
    pub(super) fn forget(&self, link: u64) {
        self.links.lock().unwrap_or_else(PoisonError::into_inner).remove(&link);
    }

    fn ticks(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
