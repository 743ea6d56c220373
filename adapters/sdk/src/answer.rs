//! What one source said of one database.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Database, Hit, Reason};

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// INTERPOL, online.
    Find,
    /// The local copy.
    Mind,
}

impl Source {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::Mind => "mind",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Find => "FIND",
            Self::Mind => "MIND",
        })
    }
}

/// What was found, in one of three ways that are never mixed up: a database answers with hits, with no record, or was
/// not checked for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Matching records, at least one.
    Hits(Vec<Hit>),
    /// The database's own word that nothing was found.
    NoRecord,
    /// Nothing can be said, and why.
    NotChecked(Reason),
}

impl Finding {
    /// The hits, if there are any.
    pub fn hits(&self) -> &[Hit] {
        match self {
            Self::Hits(hits) => hits,
            _ => &[],
        }
    }

    /// Why nothing can be said, if so.
    pub const fn not_checked(&self) -> Option<Reason> {
        match self {
            Self::NotChecked(reason) => Some(*reason),
            _ => None,
        }
    }

    /// The stable name of the way: `hits`, `no_record`, `not_checked`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Hits(_) => "hits",
            Self::NoRecord => "no_record",
            Self::NotChecked(_) => "not_checked",
        }
    }
}

/// What one source said of one database to one query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// The database.
    pub database: Database,
    /// The query's place in the plan of the screening, from 0.
    pub query: u16,
    /// Who said it.
    pub source: Source,
    /// What was said.
    pub finding: Finding,
    /// Why, beside the hits, the rest of the database is not checked: the list was cut, or its own status is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchecked: Option<Reason>,
    /// Records that the country which entered them has withdrawn, ahead of the copy's next change: they do not count, and
    /// only the second line sees them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<Hit>,
    /// When the data that answered was extracted at INTERPOL: for FIND the time of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub data_as_of: Option<Timestamp>,
    /// How long it took, in microseconds.
    pub elapsed_us: u64,
    /// The reference that went out with the question, unique to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_in_country: Option<String>,
    /// The service's own id of the request, to be quoted to INTERPOL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Answer {
    /// An answer of which only the essentials are known.
    pub fn new(database: Database, query: u16, source: Source, finding: Finding) -> Self {
        Self {
            database,
            query,
            source,
            finding,
            unchecked: None,
            withdrawn: Vec::new(),
            data_as_of: None,
            elapsed_us: 0,
            reference_in_country: None,
            request_id: None,
        }
    }

    /// Why the database counts as unchecked by this answer, wholly or beside its hits.
    pub const fn unchecked(&self) -> Option<Reason> {
        match self.finding {
            Finding::NotChecked(reason) => Some(reason),
            _ => self.unchecked,
        }
    }
}
