//! What is told of the rechecks.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::Timestamp;
use serde::Serialize;

/// The figures, as the worker keeps them.
#[derive(Debug, Default)]
pub struct Figures {
    open: AtomicU64,
    /// Milliseconds since 1970; 0 if nothing is open.
    oldest_ms: AtomicI64,
    asked: AtomicU64,
    hits: AtomicU64,
}

/// The rechecks as the console shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RecheckStatus {
    /// Places that are open: a subject, a query and a database each.
    pub open: u64,
    /// When the oldest of them was screened.
    pub oldest: Option<Timestamp>,
    /// Attempts since start.
    pub asked: u64,
    /// Late hits since start that nobody had been told of before.
    pub hits: u64,
}

impl Figures {
    /// The figures of the moment.
    pub fn status(&self) -> RecheckStatus {
        let oldest_ms = Some(self.oldest_ms.load(Ordering::Relaxed)).filter(|ms| *ms > 0);
        RecheckStatus {
            open: self.open.load(Ordering::Relaxed),
            oldest: oldest_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            asked: self.asked.load(Ordering::Relaxed),
            hits: self.hits.load(Ordering::Relaxed),
        }
    }

    pub(super) fn list(&self, open: u64, oldest_ms: Option<i64>, now: Timestamp) {
        self.open.store(open, Ordering::Relaxed);
        self.oldest_ms.store(oldest_ms.unwrap_or_default(), Ordering::Relaxed);
        let age_ms = oldest_ms.map_or(0, |ms| now.as_millisecond().saturating_sub(ms));
        metrics::gauge!("postern_recheck_open").set(open as f64);
        metrics::gauge!("postern_recheck_oldest_age_seconds").set(age_ms.max(0) as f64 / 1e3);
    }

    pub(super) fn asked(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("postern_recheck_asked_total").increment(1);
    }

    pub(super) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("postern_recheck_hits_total").increment(1);
    }
}
