//! From what was found under a number to the answers of the databases.

use jiff::Timestamp;
use postern_sdk::{
    Answer, Basis, Database, DocumentType, Finding, Hit, Personal, QueryKey, Reason, Remark, Source,
};

use super::copy::Copy;
use super::identifier::Identifier;
use super::lookup::{Found, Match};
use super::manifest::Coverage;
use super::record::Record;
use crate::screening::{ThingRecord, grade, grade_thing};

/// A question to a state of the copy.
struct Question<'a> {
    key: &'a QueryKey,
    identifier: Identifier,
    expired: bool,
}

impl Copy {
    /// Answers of each of the databases to a question by number: hits, no record if all of the database is here, else
    /// not checked. Past the state's expiry (`now`) its silence is stale.
    ///
    /// The ages of a policy are not applied here, nor is the reliability of the number that was asked.
    pub fn answer(&self, key: &QueryKey, databases: &[Database], query: u16, now: Timestamp) -> Vec<Answer> {
        let Some(identifier) = Identifier::of(key) else {
            return not_checked(databases, query, Reason::CopyMissing);
        };
        let found = self.find(&identifier);
        let question = Question { key, identifier, expired: self.expired(now) };
        databases.iter().map(|database| self.answer_of(*database, query, &question, &found)).collect()
    }

    fn answer_of(&self, database: Database, query: u16, question: &Question<'_>, found: &Found) -> Answer {
        let Some(holding) = self.manifest.databases.get(&database) else {
            return Answer::new(database, query, Source::Mind, Finding::NotChecked(Reason::CopyMissing));
        };
        let mut hits = Vec::new();
        let mut withdrawn = Vec::new();
        for one in found.matches.iter().filter(|one| one.is(database)) {
            if let Some(hit) = self.hit(one, question, database) {
                if self.is_withdrawn(&question.identifier, one) {
                    withdrawn.push(hit);
                } else {
                    hits.push(hit);
                }
            }
        }
        hits.sort_by_key(|hit| hit.class);
        withdrawn.iter_mut().for_each(|hit| hit.remark(Remark::Withdrawn));
        let silence = self.silence(found, holding.coverage, question.expired);
        let any = !hits.is_empty();
        let mut answer = Answer::new(
            database,
            query,
            Source::Mind,
            if any { Finding::Hits(hits) } else { silence.clone() },
        );
        answer.unchecked = silence.not_checked().filter(|_| any);
        answer.withdrawn = withdrawn;
        answer.data_as_of = Some(self.manifest.data_as_of);
        answer
    }

    /// What the state says of a database of which nothing was found.
    fn silence(&self, found: &Found, coverage: Coverage, expired: bool) -> Finding {
        let unreadable = |one: &Match| {
            let databases = self.dataset.databases();
            !databases.iter().any(|database| self.manifest.codes.unpack(one.packed, *database).is_some())
        };
        if found.damaged || found.matches.iter().any(unreadable) {
            Finding::NotChecked(Reason::CopyDamaged)
        } else if coverage == Coverage::Partial {
            Finding::NotChecked(Reason::CopyPartial)
        } else if expired {
            Finding::NotChecked(Reason::CopyStale)
        } else {
            Finding::NoRecord
        }
    }

    /// The hit of a match; none if its record makes no sense. An id that can't be read does not hide the hit.
    ///
    /// That the record's number is the one that was asked is proven by its tag. Whether the query itself was certain is
    /// not known here: screening keeps the class within the ceiling of the query's basis.
    fn hit(&self, one: &Match, question: &Question<'_>, database: Database) -> Option<Hit> {
        let record = self.manifest.codes.unpack(one.packed, database)?;
        let doc_type = record.type_code.as_deref().and_then(|code| DocumentType::normalise(code).ok());
        let class = match question.key {
            QueryKey::Document(key) => grade(key, Basis::Stated, Some(&key.number), record.issuer, doc_type),
            key => grade_thing(key, &ThingRecord { country: record.issuer, ..ThingRecord::default() }),
        };
        let mut hit = Hit::new(class, String::new());
        match self.record_id(&question.identifier, one, database) {
            Ok(id) => hit.record = id,
            Err(_) => hit.remark(Remark::DetailsMissing),
        }
        if one.doubtful {
            hit.remark(Remark::Unverified);
        }
        if question.expired {
            hit.remark(Remark::StaleCopy);
        }
        hit.identifier = Some(Personal::new(question.identifier.reveal().to_owned()));
        hit.doc_type = doc_type.filter(|_| matches!(question.key, QueryKey::Document(_)));
        fill(&mut hit, &record, matches!(question.key, QueryKey::Document(_)));
        if let Some(ordinal) = Self::ordinal(one) {
            hit.details.insert("ordinal".to_owned(), Personal::new(ordinal.to_string()));
        }
        Some(hit)
    }
}

fn fill(hit: &mut Hit, record: &Record<'_>, document: bool) {
    hit.issuer = record.issuer;
    hit.theft_type = record.theft_type.map(str::to_owned);
    hit.theft_date = record.theft_date;
    hit.theft_country = record.theft_country;
    hit.notice = record.notice.map(str::to_owned);
    let mut detail = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            hit.details.insert(name.to_owned(), Personal::new(value));
        }
    };
    detail("retention_date", record.retention.map(|date| date.to_string()));
    detail("type", record.type_code.as_deref().filter(|_| !document).map(str::to_owned));
}

/// That nothing can be said of these databases, and why.
pub(super) fn not_checked(databases: &[Database], query: u16, reason: Reason) -> Vec<Answer> {
    let answer = |database| Answer::new(database, query, Source::Mind, Finding::NotChecked(reason));
    databases.iter().copied().map(answer).collect()
}
