//! The merged result of a screening.
//!
//! This is where the first promise is kept: a verdict can't be set, it follows from the conclusions of the databases,
//! and [`Verdict::NoRecord`] follows only if every one of them was checked and found nothing. The wire form is read back
//! through the same rule, so that not even a journal record or a message can claim otherwise.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Answer, Database, Finding, Gate, Hit, Query, Reason, Source};

/// What a screening comes to, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A record matches exactly.
    Hit,
    /// A record may match: a person has to look.
    PossibleHit,
    /// Nothing was found, and not everything was checked.
    NotEstablished,
    /// Every database was checked and has no record.
    NoRecord,
}

impl Verdict {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::PossibleHit => "possible_hit",
            Self::NotEstablished => "not_established",
            Self::NoRecord => "no_record",
        }
    }
}

/// A database that was not checked, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unchecked {
    /// The database.
    pub database: Database,
    /// Why it was not checked.
    pub reason: Reason,
}

/// What is concluded of one database from everything that was said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Conclusion {
    /// The database.
    pub database: Database,
    /// What is concluded. Hits of all queries and sources stand together here.
    pub finding: Finding,
    /// Why, beside the hits, the rest of the database is not checked: one query may hit while another fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchecked: Option<Reason>,
    /// The source on whose word the finding rests, if somebody was heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The oldest extraction time of the data that the finding rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub data_as_of: Option<Timestamp>,
    /// Whether the data is older than the age at which that must be said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aged: bool,
    /// Everything that was said, by each source to each query.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
}

impl Conclusion {
    /// A database of which nothing can be said because nobody was asked.
    pub const fn not_asked(database: Database, reason: Reason) -> Self {
        Self {
            database,
            finding: Finding::NotChecked(reason),
            unchecked: None,
            source: None,
            data_as_of: None,
            aged: false,
            answers: Vec::new(),
        }
    }

    /// Why the database counts as unchecked, wholly or beside its hits.
    pub const fn unchecked(&self) -> Option<Reason> {
        match self.finding {
            Finding::NotChecked(reason) => Some(reason),
            _ => self.unchecked,
        }
    }
}

/// The statement of a conclusion: "no record in SLTD as of 2026-11-24T10:42:00Z, source FIND".
impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.finding {
            Finding::Hits(hits) => write!(f, "{} matching record(s) in {}", hits.len(), self.database)?,
            Finding::NoRecord => write!(f, "no record in {}", self.database)?,
            Finding::NotChecked(reason) => return write!(f, "{} not checked ({reason})", self.database),
        }
        if let Some(as_of) = self.data_as_of {
            write!(f, " as of {as_of:.0}")?;
        }
        if let Some(source) = self.source {
            write!(f, ", source {source}")?;
        }
        match self.unchecked {
            Some(reason) => write!(f, ", not fully checked ({reason})"),
            None => Ok(()),
        }
    }
}

/// The merged result of one subject's screening. See the module's document for the rule that it keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
pub struct Outcome {
    verdict: Verdict,
    complete: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unchecked: Vec<Unchecked>,
    databases: Vec<Conclusion>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    queries: Vec<Query>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    outside_policy: bool,
}

impl Outcome {
    /// Concludes what the databases said. `queries` is the plan to which the answers' query numbers refer.
    ///
    /// No conclusion at all is not established: to ask nothing is not to find nothing.
    pub fn conclude(databases: Vec<Conclusion>, queries: Vec<Query>) -> Self {
        let unchecked: Vec<Unchecked> = databases
            .iter()
            .filter_map(|c| Some(Unchecked { database: c.database, reason: c.unchecked()? }))
            .collect();
        let complete = unchecked.is_empty() && !databases.is_empty();
        let verdict = verdict(&databases, complete);
        Self { verdict, complete, unchecked, databases, queries, outside_policy: false }
    }

    /// A subject that the policy asks nothing of, because it asks about another subject of the same traveller: the
    /// person beside a document, where only documents are checked. It establishes nothing and stands in nobody's way.
    pub fn outside_policy() -> Self {
        Self { outside_policy: true, ..Self::conclude(Vec::new(), Vec::new()) }
    }

    /// Whether the policy asks nothing of this subject. See [`Outcome::outside_policy`].
    pub const fn is_outside_policy(&self) -> bool {
        self.outside_policy
    }

    /// What the screening comes to.
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether every database was checked.
    pub const fn complete(&self) -> bool {
        self.complete
    }

    /// The databases that were not checked, with the reasons.
    pub fn unchecked(&self) -> &[Unchecked] {
        &self.unchecked
    }

    /// What is concluded of each database.
    pub fn databases(&self) -> &[Conclusion] {
        &self.databases
    }

    /// The queries that were planned.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// Every hit, with the database that has it.
    pub fn hits(&self) -> impl Iterator<Item = (Database, &Hit)> {
        self.databases.iter().flat_map(|c| c.finding.hits().iter().map(move |hit| (c.database, hit)))
    }

    /// What the first line may be told at most: `continue` only if there is no record.
    pub const fn gate(&self) -> Gate {
        match self.verdict {
            Verdict::NoRecord => Gate::Continue,
            _ => Gate::Refer,
        }
    }

    /// The oldest extraction time that the outcome rests on, if any database was heard.
    pub fn data_as_of(&self) -> Option<Timestamp> {
        self.databases.iter().filter_map(|c| c.data_as_of).min()
    }
}

fn verdict(databases: &[Conclusion], complete: bool) -> Verdict {
    let hits = || databases.iter().flat_map(|c| c.finding.hits());
    if hits().any(Hit::is_certain) {
        Verdict::Hit
    } else if databases.iter().any(|c| matches!(c.finding, Finding::Hits(_))) {
        Verdict::PossibleHit
    } else if complete {
        Verdict::NoRecord
    } else {
        Verdict::NotEstablished
    }
}

/// What is read from outside; what it claims beside the conclusions is checked against them.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Outcome")]
struct Written {
    verdict: Verdict,
    complete: bool,
    #[serde(default)]
    unchecked: Vec<Unchecked>,
    databases: Vec<Conclusion>,
    #[serde(default)]
    queries: Vec<Query>,
    #[serde(default)]
    outside_policy: bool,
}

/// A written outcome claims a verdict that does not follow from its conclusions.
#[derive(Debug)]
pub struct Contradiction;

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the verdict does not follow from the conclusions")
    }
}

impl TryFrom<Written> for Outcome {
    type Error = Contradiction;

    fn try_from(written: Written) -> Result<Self, Contradiction> {
        let outside_policy = written.outside_policy && written.databases.is_empty();
        let outcome = Self { outside_policy, ..Self::conclude(written.databases, written.queries) };
        let same = outcome.outside_policy == written.outside_policy
            && outcome.verdict == written.verdict
            && outcome.complete == written.complete
            && outcome.unchecked == written.unchecked;
        same.then_some(outcome).ok_or(Contradiction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MatchClass, Remark};

    fn conclusion(finding: Finding) -> Conclusion {
        Conclusion { finding, ..Conclusion::not_asked(Database::Sltd, Reason::Internal) }
    }

    fn hit(class: MatchClass, remark: Option<Remark>) -> Finding {
        let mut hit = Hit::new(class, "R1");
        hit.remarks.extend(remark);
        Finding::Hits(vec![hit])
    }

    fn verdict_of(findings: Vec<Finding>) -> Verdict {
        Outcome::conclude(findings.into_iter().map(conclusion).collect(), Vec::new()).verdict()
    }

    // Proves the order of verdicts, that one unchecked database forbids `no_record`, and that asking nothing does too.
    #[test]
    fn verdict_follows_from_conclusions() {
        let late = || Finding::NotChecked(Reason::Deadline);
        assert_eq!(verdict_of(vec![]), Verdict::NotEstablished);
        assert_eq!(verdict_of(vec![Finding::NoRecord, Finding::NoRecord]), Verdict::NoRecord);
        assert_eq!(verdict_of(vec![Finding::NoRecord, late()]), Verdict::NotEstablished);
        assert_eq!(verdict_of(vec![hit(MatchClass::Exact, None), late()]), Verdict::Hit);
        assert_eq!(verdict_of(vec![hit(MatchClass::TypeDiffers, None), late()]), Verdict::PossibleHit);
        assert_eq!(verdict_of(vec![hit(MatchClass::Exact, Some(Remark::StaleCopy))]), Verdict::PossibleHit);
        assert_eq!(verdict_of(vec![hit(MatchClass::Exact, Some(Remark::DetailsMissing))]), Verdict::Hit);
        assert_eq!(verdict_of(vec![Finding::Hits(Vec::new())]), Verdict::PossibleHit);
    }

    // Proves that a hit in one query does not hide that the rest was not checked.
    #[test]
    fn partly_checked_is_not_complete() {
        let partly =
            Conclusion { unchecked: Some(Reason::Deadline), ..conclusion(hit(MatchClass::Exact, None)) };
        let outcome = Outcome::conclude(vec![partly], Vec::new());
        assert!(!outcome.complete());
        assert_eq!(outcome.unchecked().len(), 1);
    }

    // Proves that written text can't claim a verdict that does not follow.
    #[test]
    fn written_claims_are_checked() {
        let outcome = Outcome::conclude(vec![conclusion(Finding::NotChecked(Reason::Deadline))], Vec::new());
        let text = serde_json::to_string(&outcome).unwrap();
        assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), outcome);
        let forged = text.replace("\"not_established\"", "\"no_record\"").replace("false", "true");
        assert_ne!(forged, text);
        assert!(serde_json::from_str::<Outcome>(&forged).is_err());
    }

    // Proves the wording of statements.
    #[test]
    fn statements() {
        let as_of = Some("2026-11-24T10:42:00Z".parse().unwrap());
        let clear =
            Conclusion { source: Some(Source::Find), data_as_of: as_of, ..conclusion(Finding::NoRecord) };
        assert_eq!(clear.to_string(), "no record in SLTD as of 2026-11-24T10:42:00Z, source FIND");
        let stale = conclusion(Finding::NotChecked(Reason::CopyStale));
        assert_eq!(stale.to_string(), "SLTD not checked (copy stale)");
    }
}
