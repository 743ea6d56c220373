//! What the journal says at the end of the demo: an account that does not rest on what the demo remembers.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use postern_sdk::{Source, Verdict};

use super::traffic::Tally;
use crate::engine::record::Recorded;
use crate::journal::storage::FileStorage;
use crate::journal::{Kind, Reader, verify};

/// The demo's result.
pub(super) struct Summary {
    /// Answers as expected.
    pub(super) right: u64,
    /// Of them those for which a record had to be found.
    pub(super) hits: u64,
    /// Answers that said there is nothing where something is, or where it can't be known.
    pub(super) false_clear: u64,
    /// Other answers that were not expected.
    pub(super) wrong: u64,
    /// Questions without an answer.
    pub(super) lost: u64,
    /// Exchanges in the journal.
    pub(super) recorded: u64,
    /// Whether the journal's chain verifies.
    pub(super) sound: bool,
    /// Screenings by verdict and by the source that answered.
    pub(super) by_source: BTreeMap<(Verdict, Option<Source>), u64>,
    /// What deviated.
    pub(super) told: Vec<String>,
}

impl Summary {
    /// Reads the journal beside what was counted.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub(super) fn of(journal: &Path, tally: &Tally) -> io::Result<Self> {
        let storage = Arc::new(FileStorage::at(journal));
        let [right, hits, false_clear, wrong, lost] = tally.load();
        let told = tally.told.lock().map(|told| told.clone()).unwrap_or_default();
        let sound = verify(storage.clone())?.is_sound();
        let mut summary = Self {
            right,
            hits,
            false_clear,
            wrong,
            lost,
            recorded: 0,
            sound,
            by_source: BTreeMap::new(),
            told,
        };
        for record in Reader::new(storage)? {
            if let Ok(record) = record?
                && record.kind == Kind::Screening
                && let Some(recorded) = Recorded::read(&record.body)
            {
                summary.count(&recorded);
            }
        }
        Ok(summary)
    }

    fn count(&mut self, recorded: &Recorded) {
        self.recorded += 1;
        for outcome in recorded.outcomes.iter().filter(|outcome| !outcome.is_outside_policy()) {
            let hit = outcome.databases().iter().find(|database| !database.finding.hits().is_empty());
            let source = hit.or_else(|| outcome.databases().first()).and_then(|database| database.source);
            *self.by_source.entry((outcome.verdict(), source)).or_default() += 1;
        }
    }

    /// Whether every answer was right, hits came from both sources, and the journal holds every answer.
    pub(super) fn is_right(&self) -> bool {
        let found_by =
            |source| self.by_source.get(&(Verdict::Hit, Some(source))).is_some_and(|count| *count > 0);
        self.false_clear + self.wrong + self.lost == 0
            && self.sound
            && self.recorded >= self.right
            && found_by(Source::Find)
            && found_by(Source::Mind)
    }
}
