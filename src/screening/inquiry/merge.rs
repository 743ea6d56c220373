//! From the cells of each database to its conclusion.

use std::time::Duration;

use jiff::Timestamp;
use postern_sdk::{Answer, Basis, Conclusion, Database, Finding, Hit, Reason, Remark, Source};

use super::cell::{Cell, Limits};
use super::{Given, barred};
use crate::screening::Mode;
use crate::screening::grade::ceiling;
use crate::screening::plan::Plan;
use crate::screening::word::{Trust, gravest};

/// Concludes every database of the plan.
pub(super) fn conclusions(
    plan: &Plan,
    given: Given<'_>,
    limits: &Limits,
    cells: &[Cell],
    mut answers: Vec<Answer>,
    now: Duration,
) -> Vec<Conclusion> {
    let queries = plan.queries.len();
    let conclude = |(row, (database, mode)): (usize, &(Database, Mode))| {
        if let Some(reason) = barred(given.barred, *database) {
            return Conclusion::not_asked(*database, reason);
        }
        let is_last = row + 1 == plan.databases.len();
        let answers =
            if is_last { std::mem::take(&mut answers) } else { of_database(&mut answers, *database) };
        let cells = &cells[row * queries..(row + 1) * queries];
        Row { plan, given, limits, cells, mode: *mode, now }.conclude(*database, answers)
    };
    plan.databases.iter().enumerate().map(conclude).collect()
}

/// Takes the answers of one database out of all.
fn of_database(answers: &mut Vec<Answer>, database: Database) -> Vec<Answer> {
    answers.extract_if(.., |answer| answer.database == database).collect()
}

/// One database: what is known of each query.
struct Row<'a> {
    plan: &'a Plan,
    given: Given<'a>,
    limits: &'a Limits,
    cells: &'a [Cell],
    mode: Mode,
    now: Duration,
}

/// A hit with the answer that brought it.
struct Found {
    hit: Hit,
    source: Source,
    as_of: Option<Timestamp>,
    aged: bool,
}

impl Row<'_> {
    fn conclude(&self, database: Database, answers: Vec<Answer>) -> Conclusion {
        let unchecked = self.unchecked();
        let found = self.found(&answers);
        let base = Conclusion { answers, ..Conclusion::not_asked(database, Reason::Internal) };
        match (found.first(), unchecked) {
            (Some(_), _) => hits(base, found, unchecked),
            (None, Some(reason)) => Conclusion { finding: Finding::NotChecked(reason), ..base },
            (None, None) => self.no_record(base),
        }
    }

    /// Why the database is not fully checked, if so: the gravest reason of its queries, or what the plan lacks. A database
    /// of which nothing is asked is never checked.
    fn unchecked(&self) -> Option<Reason> {
        let nothing = self.cells.is_empty().then_some(Reason::IdentifierMissing);
        let of_cells = self.cells.iter().zip(&self.plan.queries).map(|(cell, query)| {
            match cell.rests_on(self.mode, self.limits, self.now) {
                Ok(_) => (query.basis == Basis::Unreliable).then_some(Reason::IdentifierUnreliable),
                Err(reason) => Some(reason),
            }
        });
        of_cells.fold(gravest(self.plan.lacking, nothing), gravest)
    }

    /// Every hit that was heard, with what weakens it, the best first.
    fn found(&self, answers: &[Answer]) -> Vec<Found> {
        let mut found = Vec::new();
        for answer in answers {
            for hit in answer.finding.hits() {
                keep_best(&mut found, self.weighed(answer, hit));
            }
        }
        found.sort_by_key(|one| (!one.hit.is_certain(), one.hit.class, one.source));
        found
    }

    fn weighed(&self, answer: &Answer, hit: &Hit) -> Found {
        let at = usize::from(answer.query);
        let trust = Trust::of(answer, self.given.reading, &self.given.policy.ages);
        let mut hit = hit.clone();
        hit.class = hit.class.max(ceiling(self.plan.queries[at].basis));
        if let Some(remark) = trust.remark() {
            hit.remark(remark);
        }
        if answer.source == Source::Mind && self.cells[at].may_be_withdrawn() {
            hit.remark(Remark::MaybeWithdrawn);
        }
        let aged = matches!(trust, Trust::Aged | Trust::Stale);
        Found { hit, source: answer.source, as_of: answer.data_as_of, aged }
    }

    /// Nothing was found by every query. The copy is named as the source if a single query rests on it.
    fn no_record(&self, base: Conclusion) -> Conclusion {
        let rests_on = |answer: &Answer| {
            let cell = &self.cells[usize::from(answer.query)];
            cell.rests_on(self.mode, self.limits, self.now) == Ok(answer.source)
        };
        let counted: Vec<&Answer> = base.answers.iter().filter(|answer| rests_on(answer)).collect();
        let aged =
            |answer: &&Answer| Trust::of(answer, self.given.reading, &self.given.policy.ages) == Trust::Aged;
        Conclusion {
            finding: Finding::NoRecord,
            source: counted.iter().map(|answer| answer.source).max(),
            data_as_of: counted.iter().filter_map(|answer| answer.data_as_of).min(),
            aged: counted.iter().any(aged),
            ..base
        }
    }
}

/// The conclusion rests on the source of the best hit.
fn hits(base: Conclusion, found: Vec<Found>, unchecked: Option<Reason>) -> Conclusion {
    let source = found.first().map(|one| one.source);
    let of_source = || found.iter().filter(|one| Some(one.source) == source);
    let data_as_of = of_source().filter_map(|one| one.as_of).min();
    let aged = of_source().any(|one| one.aged);
    let finding = Finding::Hits(found.into_iter().map(|one| one.hit).collect());
    Conclusion { finding, unchecked, source, data_as_of, aged, ..base }
}

/// Adds a hit. A record that several queries or both sources found under one id is told once, as its best match; what
/// only the copy has stands beside what FIND has, because the ids of the two are not known to be comparable.
fn keep_best(found: &mut Vec<Found>, new: Found) {
    let same = |old: &&mut Found| {
        !new.hit.record.is_empty()
            && old.hit.record == new.hit.record
            && old.hit.identifier == new.hit.identifier
    };
    match found.iter_mut().find(same) {
        Some(old) if goodness(&new) < goodness(old) => *old = new,
        Some(_) => {}
        None => found.push(new),
    }
}

fn goodness(found: &Found) -> (bool, postern_sdk::MatchClass, Source) {
    (!found.hit.is_certain(), found.hit.class, found.source)
}
