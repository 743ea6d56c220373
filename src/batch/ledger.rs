//! What the journal tells of batches: which rows have their result, and which were begun.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::record::{BatchRecord, End, RowMark, Submission};
use crate::journal::{Kind, RecordRef};

/// Batches that have ended and are still known; of older ones the journal alone tells.
pub(super) const ENDED_MAX: usize = 100;

/// The batches of a journal.
#[derive(Debug, Default)]
pub struct Ledger {
    pub(super) batches: BTreeMap<Uuid, Known>,
}

/// One batch.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) submission: Submission,
    /// The segment of the journal from which on its records stand.
    pub(super) segment: u64,
    pub(super) progress: Progress,
    pub(super) end: Option<End>,
}

/// How far a batch is.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    done: Lines,
    /// Rows that were begun and have no result, with the number of attempts.
    begun: BTreeMap<u64, u32>,
    pub(super) screened: u64,
    pub(super) refused: u64,
    pub(super) hits: u64,
}

impl Ledger {
    /// Takes note of a record of the journal.
    pub fn take(&mut self, record: &RecordRef<'_>) {
        let is_ours =
            matches!(record.kind, Kind::Administrative | Kind::Inbox | Kind::Screening | Kind::Refusal);
        let Some(step) = is_ours.then(|| BatchRecord::read(record.body)).flatten() else { return };
        match step {
            BatchRecord::Submitted(submission) => {
                let (id, segment) = (submission.id, record.segment);
                let known =
                    Known { submission: *submission, segment, progress: Progress::default(), end: None };
                self.batches.insert(id, known);
            }
            BatchRecord::Begun(row) => self.with(row.batch, |known| known.progress.begin(row)),
            BatchRecord::Answered { row, hit } => {
                let refused = record.kind == Kind::Refusal;
                self.with(row.batch, |known| known.progress.answer(row.line, refused, hit));
            }
            BatchRecord::Ended { batch, end } => {
                self.with(batch, |known| known.end(end));
                self.forget();
            }
        }
    }

    fn with(&mut self, batch: Uuid, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.batches.get_mut(&batch) {
            change(known);
        }
    }

    /// Forgets the oldest of those that have ended.
    fn forget(&mut self) {
        let ended: Vec<Uuid> =
            self.batches.iter().filter(|(_, known)| known.end.is_some()).map(|(id, _)| *id).collect();
        for id in ended.iter().take(ended.len().saturating_sub(ENDED_MAX)) {
            self.batches.remove(id);
        }
    }
}

impl Known {
    fn end(&mut self, end: End) {
        self.end = Some(end);
        self.progress.done = Lines::default();
        self.progress.begun.clear();
    }
}

impl Progress {
    /// A row is begun.
    pub(super) fn begin(&mut self, row: RowMark) {
        self.begun.insert(row.line, row.attempt);
    }

    /// A row has its result. A second one of the same row counts once.
    pub(super) fn answer(&mut self, line: u64, refused: bool, hit: bool) {
        self.begun.remove(&line);
        if self.done.insert(line) {
            self.screened += u64::from(!refused);
            self.refused += u64::from(refused);
            self.hits += u64::from(hit);
        }
    }

    pub(super) fn is_done(&self, line: u64) -> bool {
        self.done.has(line)
    }

    /// Which attempt the next one of a row is.
    pub(super) fn next_attempt(&self, line: u64) -> u32 {
        self.begun.get(&line).map_or(1, |attempts| attempts.saturating_add(1))
    }
}

/// A set of lines, a bit each.
#[derive(Clone, Default)]
struct Lines(Vec<u64>);

impl Lines {
    fn insert(&mut self, line: u64) -> bool {
        let (word, bit) = Self::place(line);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    fn has(&self, line: u64) -> bool {
        let (word, bit) = Self::place(line);
        self.0.get(word).is_some_and(|found| found & bit != 0)
    }

    fn place(line: u64) -> (usize, u64) {
        (usize::try_from(line / 64).unwrap_or(usize::MAX), 1 << (line % 64))
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} lines", self.0.iter().map(|word| word.count_ones()).sum::<u32>())
    }
}
