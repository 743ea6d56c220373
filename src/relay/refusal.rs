//! Why a question of an edge is not answered.

use postern_sdk::{ContextField, Fault, FaultCode, Reason, Reply};

use crate::find::relay::{PROBLEM_JSON, Problem};
use crate::grants::Denial;

/// Why a question of an edge is not answered. The edge is told code and [`reason`](Self::reason).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The certificate is of the authority, but its name is not that of an edge. Remedy: name it in `[relay.edge]`.
    NotAnEdge,
    /// The message is no question, or one of a later version. Remedy: bring hub and edge to the same version.
    Malformed,
    /// The question is about no database, or about more than there are. Remedy: as for [`Malformed`](Self::Malformed).
    NoDatabase,
    /// The context lacks what a question needs. Remedy: supply it in the edge's lane.
    ContextIncomplete(ContextField),
    /// The edge is of another environment. Remedy: name the hub of its own in the edge's `[find.relay]`.
    WrongEnvironment,
    /// The bureau's document grants the edge nothing now. Remedy: the bureau issues one that does.
    Denied(Denial),
    /// The edge asks more often than its share allows. Remedy: raise its `rate_per_s_max`, if INTERPOL's account allows it.
    RateCapped,
    /// The edge has too many questions under way. Remedy: raise its `concurrency_max`, if FIND's places allow it.
    TooManyAtOnce,
    /// The hub's journal can't be written. Remedy: see to the hub's disk.
    NotRecorded,
    /// Something failed inside the hub. Remedy: report it.
    Internal,
}

impl Refusal {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotAnEdge => "not_an_edge",
            Self::Malformed => "malformed",
            Self::NoDatabase => "no_database",
            Self::ContextIncomplete(_) => "context_incomplete",
            Self::WrongEnvironment => "wrong_environment",
            Self::Denied(denial) => denial.code(),
            Self::RateCapped => "rate_capped",
            Self::TooManyAtOnce => "too_many_at_once",
            Self::NotRecorded => "not_recorded",
            Self::Internal => "internal",
        }
    }

    /// What the databases are at the edge: not checked, and why. The copy stands in for what passes and lies in the service, never
    /// for what is not granted; a document that has run out passes, and is still no reason to ask the copy.
    pub const fn reason(self) -> Reason {
        match self {
            Self::NotAnEdge | Self::ContextIncomplete(_) | Self::Denied(Denial::NoGrant) => {
                Reason::NotGranted
            }
            Self::Malformed | Self::NoDatabase => Reason::InvalidSearch,
            Self::WrongEnvironment | Self::Denied(Denial::WrongEnvironment) => Reason::WrongEnvironment,
            Self::Denied(Denial::ClockImplausible) => Reason::ClockImplausible,
            Self::Denied(Denial::Expired | Denial::NotYetIssued) => Reason::Internal,
            Self::RateCapped | Self::TooManyAtOnce => Reason::RateCapped,
            Self::NotRecorded | Self::Internal => Reason::UnexpectedError,
        }
    }

    /// Whether the edge is over its share.
    pub(super) const fn is_of_the_share(self) -> bool {
        matches!(self, Self::RateCapped | Self::TooManyAtOnce)
    }

    const fn status(self) -> u16 {
        match self {
            Self::Malformed | Self::NoDatabase | Self::ContextIncomplete(_) => 400,
            Self::NotAnEdge | Self::WrongEnvironment | Self::Denied(_) => 403,
            Self::RateCapped | Self::TooManyAtOnce => 429,
            Self::NotRecorded => 503,
            Self::Internal => 500,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::NotAnEdge => "no edge has the name of this certificate",
            Self::Malformed => "the message is no question that this hub understands",
            Self::NoDatabase => "the question is about no database, or about too many",
            Self::ContextIncomplete(_) => "the context lacks what a question needs",
            Self::WrongEnvironment => "the hub is of another environment",
            Self::Denied(_) => "nothing is granted to this edge now",
            Self::RateCapped => "the edge's share of questions is used up",
            Self::TooManyAtOnce => "the edge has too many questions under way",
            Self::NotRecorded => "the hub's journal can't be written",
            Self::Internal => "something failed inside the hub",
        }
    }

    /// The refusal as problem details.
    pub(super) fn reply(self) -> Reply {
        let field = match self {
            Self::ContextIncomplete(field) => Some(field.code().to_owned()),
            _ => None,
        };
        let problem = Problem {
            kind: format!("urn:postern:problem:{}", self.code()),
            title: self.title().to_owned(),
            status: self.status(),
            code: self.code().to_owned(),
            reason: Some(self.reason()),
            field,
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        Reply { http_status: self.status(), ..Reply::new(body, PROBLEM_JSON) }
    }
}

/// What the transport could not make a question of.
impl From<&Fault> for Refusal {
    fn from(fault: &Fault) -> Self {
        if fault.code == FaultCode::INTERNAL { Self::Internal } else { Self::Malformed }
    }
}
