//! What the simulator was asked, so that a test can compare it with the journal.
//!
//! Every request that is read is logged, before anything becomes of it. The log holds references and codes. What was asked about
//! stands in it as a hash by a key that nobody has: alike for the same number, and telling nothing of it.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::{hmac, rand};
use jiff::Timestamp;
use serde::Serialize;

use crate::keys::hex;

/// How many requests the log keeps in memory.
const KEPT_MAX: usize = 1_000;
/// Bytes of a hash.
const HASH_BYTES: usize = 8;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Logged {
    /// Its place among all requests, from 1.
    pub number: u64,
    /// When it was read.
    pub at: Timestamp,
    /// The profile's name of the service; `-` if there is no such one.
    pub service: String,
    /// The name of the step, such as `search` or `details`; `-` if there is no such one.
    pub step: &'static str,
    /// The reference that was unique to the request.
    pub reference: String,
    /// The reference of the exchange.
    pub exchange: String,
    /// What was asked about, hashed by a key of this simulator: the same for the same number, name or record.
    pub about: String,
    /// What became of it: the code's name, or the word of the act, such as `fault`, `hang` or `http 503`. After an answer that
    /// is cut or wrong both, as in `NO_ERROR cut`.
    pub result: String,
}

/// What the simulator was asked.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LogView {
    /// How many requests there were, by service, step and result: `nominal/search/NO_ANSWER`.
    pub counts: BTreeMap<String, u64>,
    /// The latest requests, the oldest first.
    pub latest: Vec<Logged>,
    /// The number of the last request: what to ask from the next time.
    pub last: u64,
    /// How many of the requests that were asked for are no longer in memory; the log's file has them.
    pub gone: u64,
    /// How many requests could not be written to the log's file.
    pub unwritten: u64,
}

pub(super) struct Log {
    key: hmac::Key,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    counts: BTreeMap<String, u64>,
    latest: VecDeque<Logged>,
    last: u64,
    file: Option<File>,
    unwritten: u64,
}

impl Log {
    pub(super) fn new() -> Self {
        let mut key = [0; 32];
        // Where no randomness is to be had the key is of zeros: what is hashed is synthetic all the same.
        let _drawn = rand::fill(&mut key);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key), kept: Mutex::default() }
    }

    /// The hash of what is asked about.
    pub(super) fn about(&self, text: &str) -> String {
        hex(&hmac::sign(&self.key, text.as_bytes()).as_ref()[..HASH_BYTES])
    }

    /// Writes every request to a file from now on, a line of JSON each.
    pub(super) fn write_to(&self, file: File) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).file = Some(file);
    }

    /// Logs a request; its number is given here.
    pub(super) fn add(&self, mut logged: Logged) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last += 1;
        logged.number = kept.last;
        let key = format!("{}/{}/{}", logged.service, logged.step, logged.result);
        *kept.counts.entry(key).or_default() += 1;
        kept.write(&logged);
        if kept.latest.len() == KEPT_MAX {
            kept.latest.pop_front();
        }
        kept.latest.push_back(logged);
    }

    /// What was asked after a request.
    pub(super) fn since(&self, number: u64) -> LogView {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let latest: Vec<_> = kept.latest.iter().filter(|logged| logged.number > number).cloned().collect();
        let gone = kept.last.saturating_sub(number) - latest.len() as u64;
        LogView { counts: kept.counts.clone(), latest, last: kept.last, gone, unwritten: kept.unwritten }
    }
}

impl Kept {
    /// One write a line, so that nothing is lost with the process.
    fn write(&mut self, logged: &Logged) {
        let Some(file) = &mut self.file else { return };
        let line = serde_json::to_string(logged).map(|line| line + "\n");
        let written = line.map_err(std::io::Error::from).and_then(|line| file.write_all(line.as_bytes()));
        if written.is_err() {
            self.unwritten += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(log: &Log, reference: u64) -> Logged {
        Logged {
            number: 0,
            at: Timestamp::UNIX_EPOCH,
            service: "nominal".into(),
            step: "search",
            reference: reference.to_string(),
            exchange: String::new(),
            about: log.about("ERIKSSON"),
            result: "NO_ANSWER".into(),
        }
    }

    // Proves that the file has every request, memory the latest thousand, and that pages join without a gap or say how wide it is.
    #[test]
    fn file_and_pages() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let log = Log::new();
        log.write_to(File::create(&path).unwrap());
        (0..2_500).for_each(|reference| log.add(logged(&log, reference)));
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 2_500);
        assert!(text.lines().next_back().unwrap().contains(r#""reference":"2499""#));
        assert!(!text.contains("ERIKSSON"));
        let all = log.since(0);
        assert_eq!((all.counts["nominal/search/NO_ANSWER"], all.latest.len()), (2_500, 1_000));
        assert_eq!((all.last, all.gone, all.latest[0].number), (2_500, 1_500, 1_501));
        let page = log.since(2_400);
        assert_eq!((page.gone, page.latest.len(), page.latest[0].number), (0, 100, 2_401));
        assert_eq!((log.since(2_500).latest.len(), log.since(9_999).gone), (0, 0));
    }

    // Proves that the same number has the same hash in one simulator, another in another, and other numbers others.
    #[test]
    fn hashes() {
        let (log, other) = (Log::new(), Log::new());
        assert_eq!(log.about("X1"), log.about("X1"));
        assert_ne!(log.about("X1"), log.about("X2"));
        assert_ne!(log.about("X1"), other.about("X1"));
    }
}
