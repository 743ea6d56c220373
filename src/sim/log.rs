//! What the simulator was asked, so that a test can compare. It holds references and codes, nothing that was asked about.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// How many requests the log keeps.
const KEPT_MAX: usize = 1_000;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Logged {
    /// The profile's name of the service.
    pub service: String,
    /// `search` or `details`.
    pub step: &'static str,
    /// The reference that was unique to the request.
    pub reference: String,
    /// What was answered: the code's name, or `fault`.
    pub result: String,
}

/// What the simulator was asked.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LogView {
    /// How many requests were answered, by service, step and result: `nominal/search/NO_ANSWER`.
    pub counts: BTreeMap<String, u64>,
    /// The latest requests, the oldest first.
    pub latest: Vec<Logged>,
}

#[derive(Default)]
pub(super) struct Log(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    counts: BTreeMap<String, u64>,
    latest: VecDeque<Logged>,
}

impl Log {
    pub(super) fn add(&self, logged: Logged) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = format!("{}/{}/{}", logged.service, logged.step, logged.result);
        *kept.counts.entry(key).or_default() += 1;
        if kept.latest.len() == KEPT_MAX {
            kept.latest.pop_front();
        }
        kept.latest.push_back(logged);
    }

    pub(super) fn view(&self) -> LogView {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        LogView { counts: kept.counts.clone(), latest: kept.latest.iter().cloned().collect() }
    }
}
