//! What a record is about, as a number that the log carries and does not interpret.
//!
//! The list is open: a reader of an older release meets kinds that it does not know and must pass them on,
//! because skipping them would break the chain.

use std::fmt;

/// The kind of a record. Numbers from `0xFF00` are the log's own (see [`crate::journal::format`]) and never
/// reach a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// One exchange with its answers, outcome and reply, written before the reply leaves.
    Screening,
    /// An answer of FIND that came after the reply had left.
    LateAnswer,
    /// The time at which a reply went out; unsynced.
    ReplySent,
    /// A native message that was refused, and why.
    Refusal,
    /// A message that had to be acknowledged to its source before its answer exists.
    Inbox,
    /// A signed administrative act: a grant, a suspension, a change of configuration.
    Administrative,
    /// A signed head of the chain.
    Checkpoint,
    /// A step of a hit case.
    CaseEvent,
    /// A step of an alert: raised, delivered, taken.
    AlertEvent,
    /// A question that must be asked again, or its settling.
    Recheck,
    /// A live record carried forward from a segment or key that is about to go.
    Carry,
    /// A record of a site without a link, taken into its hub's journal.
    Reconciled,
    /// A question that an edge asked by way of this hub, with the answers, written before they leave.
    Relayed,
    /// A kind that this release does not know.
    Other(u16),
}

/// Every named kind with its number: the one table that both directions read.
const NAMED: [(Kind, u16); 13] = [
    (Kind::Screening, 1),
    (Kind::LateAnswer, 2),
    (Kind::ReplySent, 3),
    (Kind::Refusal, 4),
    (Kind::Inbox, 5),
    (Kind::Administrative, 6),
    (Kind::Checkpoint, 7),
    (Kind::CaseEvent, 8),
    (Kind::AlertEvent, 9),
    (Kind::Recheck, 10),
    (Kind::Carry, 11),
    (Kind::Reconciled, 12),
    (Kind::Relayed, 13),
];

impl Kind {
    /// The kind behind a stored number; unknown numbers become [`Kind::Other`].
    #[must_use]
    pub fn from_code(code: u16) -> Self {
        match NAMED.get(usize::from(code).wrapping_sub(1)) {
            Some((kind, _)) => *kind,
            None => Self::Other(code),
        }
    }

    /// The number that is stored.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Other(code) => code,
            named => NAMED.iter().find(|(kind, _)| *kind == named).map_or(0, |(_, code)| *code),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(code) => write!(f, "kind {code}"),
            named => write!(f, "{named:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip() {
        // Every number survives the way through `Kind`, and the table's order agrees with its numbers.
        for code in 0..=u16::MAX {
            assert_eq!(Kind::from_code(code).code(), code);
        }
        for (kind, code) in NAMED {
            assert_eq!(Kind::from_code(code), kind);
        }
    }
}
