//! What a client may be told of an outcome.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Conclusion, Database, Finding, Hit, Outcome, Query, Reason, Source, Unchecked, Verdict};

/// What the first line may be told at most. Absent, unknown or an error means refer.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Every database was checked and has no record.
    Continue,
    /// Anything else.
    #[default]
    #[serde(other)]
    Refer,
}

impl Gate {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Refer => "refer",
        }
    }
}

/// How much a client sees.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// Continue or refer, and as of when for a continue.
    #[default]
    Gate,
    /// And the verdict, each database's finding, the reasons and the match classes; nothing of a record.
    Class,
    /// And the records, the queries and every answer.
    Full,
}

/// What a client may be told of one subject's outcome, made by [`Told::of`] before an adapter sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// Continue or refer.
    pub gate: Gate,
    /// The oldest extraction time that the outcome rests on. Below the view `class` it is told with a continue only, so
    /// that one refer looks like another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub data_as_of: Option<Timestamp>,
    /// The verdict. From the view `class` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Whether every database was checked. From the view `class` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
    /// The databases that were not checked. From the view `class` on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<Unchecked>,
    /// What is concluded of each database. From the view `class` on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<ToldDatabase>,
    /// The queries that were planned. In the view `full` only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<Query>,
    /// Whether the policy asks nothing of this subject, because it asks about another one of the same traveller.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outside_policy: bool,
}

/// What a client may be told of one database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToldDatabase {
    /// The database.
    pub database: Database,
    /// `hits`, `no_record` or `not_checked`.
    pub result: String,
    /// Why it was not checked, wholly or beside its hits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The source on whose word the result rests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The extraction time of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub data_as_of: Option<Timestamp>,
    /// Whether the data is older than the age at which that must be said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aged: bool,
    /// The result in words: "no record in SLTD as of 2026-11-24T10:42:00Z, source FIND".
    pub statement: String,
    /// The hits; in the view `class` only their class, remarks and score's likeness.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hits: Vec<Hit>,
    /// Records that their own country has withdrawn, which do not count. In the view `full` only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<Hit>,
}

impl Told {
    /// Strips an outcome to a view.
    pub fn of(outcome: &Outcome, view: View) -> Self {
        let gate = outcome.gate();
        let mut told = Self { gate, outside_policy: outcome.is_outside_policy(), ..Self::refer() };
        if view >= View::Class || gate == Gate::Continue {
            told.data_as_of = outcome.data_as_of();
        }
        if view >= View::Class {
            told.verdict = Some(outcome.verdict());
            told.complete = Some(outcome.complete());
            told.unchecked = outcome.unchecked().to_vec();
            told.databases = outcome.databases().iter().map(|c| ToldDatabase::of(c, view)).collect();
        }
        if view == View::Full {
            told.queries = outcome.queries().to_vec();
        }
        told
    }

    /// The least that can be told: refer, and nothing else.
    pub const fn refer() -> Self {
        Self {
            gate: Gate::Refer,
            data_as_of: None,
            verdict: None,
            complete: None,
            unchecked: Vec::new(),
            databases: Vec::new(),
            queries: Vec::new(),
            outside_policy: false,
        }
    }

    /// The gate of several subjects together: continue only if each may that the policy asks about, and there is one.
    pub fn gate_of_all(told: &[Self]) -> Gate {
        let mut asked = told.iter().filter(|one| !one.outside_policy).peekable();
        let all = asked.peek().is_some() && asked.all(|one| one.gate == Gate::Continue);
        if all { Gate::Continue } else { Gate::Refer }
    }

    /// The oldest extraction time of several subjects together; none if one of them has none.
    pub fn as_of_all(told: &[Self]) -> Option<Timestamp> {
        told.iter()
            .filter(|one| !one.outside_policy)
            .map(|one| one.data_as_of)
            .min_by_key(|as_of| as_of.unwrap_or(Timestamp::MIN))
            .flatten()
    }
}

impl ToldDatabase {
    fn of(conclusion: &Conclusion, view: View) -> Self {
        Self {
            database: conclusion.database,
            result: conclusion.finding.code().to_owned(),
            reason: conclusion.unchecked(),
            source: conclusion.source,
            data_as_of: conclusion.data_as_of,
            aged: conclusion.aged,
            statement: conclusion.to_string(),
            hits: hits(&conclusion.finding, view),
            withdrawn: withdrawn(conclusion, view),
        }
    }
}

/// What was withdrawn is for the second line alone.
fn withdrawn(conclusion: &Conclusion, view: View) -> Vec<Hit> {
    let answers = conclusion.answers.iter().filter(|_| view == View::Full);
    answers.flat_map(|answer| answer.withdrawn.iter().cloned()).collect()
}

fn hits(finding: &Finding, view: View) -> Vec<Hit> {
    match view {
        View::Full => finding.hits().to_vec(),
        _ => finding.hits().iter().map(class_of).collect(),
    }
}

/// A hit without anything of the record.
fn class_of(hit: &Hit) -> Hit {
    let mut class = Hit::new(hit.class, "");
    class.remarks.clone_from(&hit.remarks);
    class.score = hit.score.as_ref().map(|score| crate::Score { permille: score.permille, reason: None });
    class
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MatchClass, Personal};

    fn hit_outcome() -> Outcome {
        let mut hit = Hit::new(MatchClass::Exact, "item-1");
        hit.identifier = Some(Personal::from("L898902C3"));
        hit.notice = Some("RED".into());
        let as_of = Some("2026-11-24T10:42:00Z".parse().unwrap());
        let finding = Finding::Hits(vec![hit]);
        let base = Conclusion::not_asked(Database::Tdawn, Reason::Internal);
        Outcome::conclude(vec![Conclusion { finding, data_as_of: as_of, ..base }], Vec::new())
    }

    // Proves that the view `gate` makes a hit, a failure and a bare refer look the same.
    #[test]
    fn one_refer_looks_like_another() {
        let late = Conclusion::not_asked(Database::Sltd, Reason::Deadline);
        let late = Outcome::conclude(vec![late], Vec::new());
        assert_eq!(Told::of(&hit_outcome(), View::Gate), Told::refer());
        assert_eq!(Told::of(&late, View::Gate), Told::refer());
    }

    // Proves that the view `class` tells the class and nothing of the record.
    #[test]
    fn class_tells_nothing_of_the_record() {
        let told = Told::of(&hit_outcome(), View::Class);
        assert_eq!(told.verdict, Some(Verdict::Hit));
        let text = serde_json::to_string(&told).unwrap();
        assert!(text.contains("exact") && text.contains("matching record(s) in TDAWN"));
        for secret in ["item-1", "L898902C3", "RED"] {
            assert!(!text.contains(secret), "{secret}");
        }
    }

    // Proves that several subjects continue only together, and that an unknown gate is read as refer.
    #[test]
    fn gates() {
        let go = Told { gate: Gate::Continue, ..Told::refer() };
        assert_eq!(Told::gate_of_all(&[go.clone(), go.clone()]), Gate::Continue);
        assert_eq!(Told::gate_of_all(&[go.clone(), Told::refer()]), Gate::Refer);
        let outside = Told::of(&Outcome::outside_policy(), View::Full);
        assert_eq!(Told::gate_of_all(&[go, outside.clone()]), Gate::Continue);
        assert_eq!(Told::gate_of_all(&[outside]), Gate::Refer);
        assert_eq!(Told::gate_of_all(&[]), Gate::Refer);
        assert_eq!(serde_json::from_str::<Gate>("\"proceed\"").unwrap(), Gate::Refer);
    }
}
