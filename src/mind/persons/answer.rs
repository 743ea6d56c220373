//! From persons that are called alike to the answers of the databases.

use jiff::Timestamp;
use postern_sdk::{Answer, Database, Finding, Hit, Query, QueryKey, Reason, Remark, Source};

use super::PersonsCopy;
use crate::mind::answer::not_checked;
use crate::mind::names::{self, Found};

/// Most persons that are told; the likeliest are.
const MATCHES_MAX: usize = 100;

impl PersonsCopy {
    /// Answers of each of the databases to a question by name: hits, or not checked. Past the state's expiry (`now`) its
    /// hits are remarked as stale.
    ///
    /// Silence is never evidence: what is public is a part of what there is.
    pub fn answer(&self, query: &Query, databases: &[Database], number: u16, now: Timestamp) -> Vec<Answer> {
        let QueryKey::Person(key) = &query.key else {
            return not_checked(databases, number, Reason::CopyMissing);
        };
        let found = self.index.search(key, MATCHES_MAX);
        let mut hits: Vec<Hit> = found.matches.iter().map(|one| names::hit(one, key, query.basis)).collect();
        hits.sort_by_key(|hit| hit.class);
        if self.expired(now) {
            hits.iter_mut().for_each(|hit| hit.remark(Remark::StaleCopy));
        }
        databases.iter().map(|database| self.answer_of(*database, number, &found, &hits)).collect()
    }

    fn answer_of(&self, database: Database, number: u16, found: &Found<'_>, hits: &[Hit]) -> Answer {
        let answer = |finding| Answer::new(database, number, Source::Mind, finding);
        if !self.manifest.databases.contains_key(&database) {
            return answer(Finding::NotChecked(Reason::CopyMissing));
        }
        let silence = found.incomplete.unwrap_or(Reason::CopyPartial);
        let mut answer = match hits {
            [] => answer(Finding::NotChecked(silence)),
            hits => answer(Finding::Hits(hits.to_vec())),
        };
        answer.unchecked = Some(silence).filter(|_| !hits.is_empty());
        answer.data_as_of = Some(self.manifest.data_as_of);
        answer
    }
}
