//! Why something was not done at the service.

use std::fmt;

use postern_sdk::Reason;

use crate::find::SetupError;
use crate::find::profile::Functional;

/// Longest name of an objection that is told.
const NAME_LEN_MAX: usize = 64;

/// Why something was not done at the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WisdmError {
    /// The service objects, and changed nothing. Cause and remedy are the objection's.
    Objection(Functional),
    /// The service objects by a name that the profile does not know. Remedy: add it to `wisdm.errors`.
    UnknownObjection(String),
    /// No answer that could be read. Remedy: by the reason; `in_doubt` says whether it may have been done all the same,
    /// so that a search has to tell before it is asked again.
    Failed {
        /// Why.
        reason: Reason,
        /// Whether it may have been done.
        in_doubt: bool,
    },
    /// The search for the record gave none. Remedy: compare number and type; it may have ended.
    NotFound,
    /// The search gave several records. Remedy: give the type of the document as well, or the record's id.
    Ambiguous(usize),
    /// The search gave an id that is none, or the answer lacks what it must hold. Remedy: compare the profile's places
    /// with the bureau's copy.
    Unusable(&'static str),
    /// The service counts other records now than when the removal was confirmed. Remedy: look again and confirm anew.
    CountChanged,
    /// A value holds a character that XML can't carry. Remedy: correct the value.
    Unwritable,
}

impl WisdmError {
    /// The stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Objection(functional) => functional.code(),
            Self::UnknownObjection(_) => "unknown_objection",
            Self::Failed { reason, .. } => reason.code(),
            Self::NotFound => "not_found",
            Self::Ambiguous(_) => "ambiguous",
            Self::Unusable(_) => "unusable_answer",
            Self::CountChanged => "count_changed",
            Self::Unwritable => "unwritable",
        }
    }

    /// Whether it may have been done all the same.
    pub const fn in_doubt(&self) -> bool {
        matches!(self, Self::Failed { in_doubt: true, .. } | Self::Unusable(_))
    }

    /// Whether it passes, so that asking again later can settle it.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Failed { reason, .. } if reason.passes())
    }

    /// An objection by a name that is not known; what does not look like a name is not told, as it may be a value.
    pub(super) fn unknown(name: &str) -> Self {
        let is_name = name.len() <= NAME_LEN_MAX
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        Self::UnknownObjection(if is_name { name } else { "(not a name)" }.to_owned())
    }
}

impl fmt::Display for WisdmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Objection(functional) => functional.fmt(f),
            Self::UnknownObjection(name) => {
                write!(f, "the service objects: {name}, which the profile does not know")
            }
            Self::Failed { reason, in_doubt: false } => write!(f, "nothing was done: {reason}"),
            Self::Failed { reason, in_doubt: true } => {
                write!(f, "{reason}; it may have been done all the same: retrieve the record to learn")
            }
            Self::NotFound => f.write_str("the country has no such record"),
            Self::Ambiguous(count) => write!(f, "{count} records fit: give the type of the document"),
            Self::Unusable(what) => write!(f, "the answer can't be used: {what}"),
            Self::CountChanged => f.write_str("the count changed since it was confirmed: look again"),
            Self::Unwritable => f.write_str("a value holds a character that can't be sent"),
        }
    }
}

impl std::error::Error for WisdmError {}

/// Why no service can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// Something of the configuration can't be used.
    Setup(SetupError),
    /// The profile has no section for it. Remedy: add `[wisdm]`, as the built-in profile has it.
    NotInProfile,
}

impl From<SetupError> for OpenError {
    fn from(error: SetupError) -> Self {
        Self::Setup(error)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup(error) => error.fmt(f),
            Self::NotInProfile => f.write_str("the profile has no section wisdm: add it"),
        }
    }
}

impl std::error::Error for OpenError {}
