//! What the journal holds of a recheck.

use jiff::Timestamp;
use postern_sdk::{Answer, Database, Query, Reason};
use serde::{Deserialize, Serialize};

use crate::journal::Record;
use crate::screening::Follow;

/// One attempt to ask FIND again, or the end without one. Its matter is the screening's.
#[derive(Debug, Serialize, Deserialize)]
pub struct RecheckRecord {
    /// The subject's place in the exchange, from 0.
    pub subject: usize,
    /// The query's place in the plan, from 0.
    pub number: u16,
    /// The question. None if nothing was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Query>,
    /// Which attempt it was, from 1; without one, how many there were before.
    pub attempt: u32,
    /// When FIND was asked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Timestamp>,
    /// FIND's answers, each with the reference that went out with its request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
    /// What became of each database's place.
    pub places: Vec<Settling>,
    /// What must follow: a case, if there is a hit.
    #[serde(default, skip_serializing_if = "Follow::is_nothing")]
    pub follow: Follow,
}

/// What became of a database's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settling {
    /// The database.
    pub database: Database,
    /// How the place stands now.
    pub state: PlaceState,
    /// How FIND's word differs from what the copy had said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disagreement: Option<Disagreement>,
    /// Whether it is a hit that nobody was told of before: an alert must follow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late_hit: bool,
}

/// How a place stands after a recheck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum PlaceState {
    /// FIND answered.
    Answered,
    /// Still not checked for a reason that passes: it is asked again.
    Open {
        /// Why.
        reason: Reason,
    },
    /// It will not be asked again: not checked for a reason that does not pass, such as a grant that was withdrawn.
    Closed {
        /// Why.
        reason: Reason,
    },
    /// It was open for longer than the configured age.
    Expired,
    /// The screening's own record can't be read any more, so nobody knows what to ask.
    Unreadable,
}

impl PlaceState {
    /// The stable name, for metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Open { .. } => "open",
            Self::Closed { .. } => "closed",
            Self::Expired => "expired",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether nothing is left to ask.
    pub const fn is_settled(self) -> bool {
        !matches!(self, Self::Open { .. })
    }
}

/// How FIND's word differs from what the copy had said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disagreement {
    /// The copy had a record and FIND has none: it may be withdrawn, or the copy be wrong. A person closes the case.
    CopyHitNotConfirmed,
    /// The copy had no record and FIND has one.
    CopyMissed,
}

impl Disagreement {
    /// The stable name, for metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::CopyHitNotConfirmed => "copy_hit_not_confirmed",
            Self::CopyMissed => "copy_missed",
        }
    }
}

impl RecheckRecord {
    /// Reads it from a record's body. None if the record is of another sort, such as the open rechecks of a site.
    pub fn read(body: &[u8]) -> Option<Self> {
        use crate::engine::record::{Section, section};
        serde_json::from_slice(section(body, Section::Recheck)?).ok()
    }

    /// [`RecheckRecord::read`] of a record, if it is one of the kind.
    pub fn of(record: &Record) -> Option<Self> {
        (record.kind == crate::journal::Kind::Recheck).then(|| Self::read(&record.body)).flatten()
    }
}
