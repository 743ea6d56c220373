//! What an answer is worth.
//!
//! An answer is weighed once, when it is heard, into what may be concluded from it: whether it brings hits, and why it
//! does not establish the rest. The silence of a copy that is too old, or whose age can't be told, establishes nothing,
//! whatever the copy says; its matches are still told, weakened by a remark. The age at which a copy's key is to be
//! destroyed ends even that: such data should not exist any more, so nothing of it is used.

use postern_sdk::{Answer, Finding, Reason, Remark, Source};

use super::Ages;
use crate::clock::Reading;

/// How far in the future the extraction time of a copy may lie before the clock is distrusted: the difference between
/// two disciplined clocks, with room. In milliseconds.
const FUTURE_MS_MAX: i64 = 60_000;

/// How far the data behind an answer can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Online, or a copy younger than its warn age.
    Fresh,
    /// Past the warn age: it is said.
    Aged,
    /// Past the stop age: silence establishes nothing, matches are possible at most.
    Stale,
    /// The age can't be told: as for a stale copy.
    Unverified,
    /// Past the purge age: nothing is used.
    Purged,
}

impl Trust {
    /// How far the data of this answer can be trusted.
    pub(super) fn of(answer: &Answer, reading: Reading, ages: &Ages) -> Self {
        if answer.source == Source::Find {
            return Self::Fresh;
        }
        let Some(as_of) = answer.data_as_of else { return Self::Unverified };
        let age_ms = reading.now.as_millisecond() - as_of.as_millisecond();
        if reading.trusted && age_ms >= -FUTURE_MS_MAX {
            Self::at_age(u128::try_from(age_ms).unwrap_or(0), ages)
        } else {
            Self::Unverified
        }
    }

    const fn at_age(age_ms: u128, ages: &Ages) -> Self {
        if age_ms >= ages.purge.as_millis() {
            Self::Purged
        } else if age_ms >= ages.stop.as_millis() {
            Self::Stale
        } else if age_ms >= ages.warn.as_millis() {
            Self::Aged
        } else {
            Self::Fresh
        }
    }

    /// Why the silence of such data establishes nothing.
    const fn silence(self) -> Option<Reason> {
        match self {
            Self::Fresh | Self::Aged => None,
            Self::Stale => Some(Reason::CopyStale),
            Self::Unverified => Some(Reason::ClockImplausible),
            Self::Purged => Some(Reason::CopyPurged),
        }
    }

    /// What is remarked on a match of such data.
    pub(super) const fn remark(self) -> Option<Remark> {
        match self {
            Self::Fresh | Self::Aged | Self::Purged => None,
            Self::Stale => Some(Remark::StaleCopy),
            Self::Unverified => Some(Remark::Unverified),
        }
    }
}

/// What a source's word on one query comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Whether it brings hits.
    pub(super) hits: bool,
    /// Why, beside its hits, it establishes nothing.
    pub(super) reason: Option<Reason>,
}

impl Word {
    /// The source has no record, and may say so.
    pub(super) const NO_RECORD: Self = Self { hits: false, reason: None };

    /// Nothing can be said.
    pub(super) const fn not_checked(reason: Reason) -> Self {
        Self { hits: false, reason: Some(reason) }
    }

    /// What an answer comes to. A list of no hits contradicts itself. What the answer itself leaves unchecked stays
    /// unchecked, whatever stands beside it.
    pub(super) fn of(answer: &Answer, trust: Trust) -> Self {
        let hits = !answer.finding.hits().is_empty();
        let own = match &answer.finding {
            Finding::NotChecked(reason) => return Self::not_checked(*reason),
            Finding::Hits(_) if !hits => Some(Reason::MalformedAnswer),
            Finding::Hits(_) | Finding::NoRecord => trust.silence(),
        };
        Self { hits, reason: gravest(own, answer.unchecked()) }
    }

    /// What two answers of one source to one query come to together: all hits stand, and nothing is established if
    /// either establishes nothing or the two contradict each other.
    pub(super) fn and(self, other: Self) -> Self {
        let contradicts = self.hits != other.hits && self.reason.is_none() && other.reason.is_none();
        let reason =
            if contradicts { Some(Reason::MalformedAnswer) } else { gravest(self.reason, other.reason) };
        Self { hits: self.hits || other.hits, reason }
    }
}

/// Whether the copy may replace FIND after FIND failed for this reason. The list is closed: FIND could not be reached, was
/// not allowed another request by our own limits, or failed with a result that says nothing about the question.
///
/// An answer that can't be read, or lacks the database's block, counts as such a failure: FIND said nothing. A refusal
/// (access denied, search refused, too many answers, not silent, another environment) was FIND's answer to this very
/// question and is not to be got round; neither is a failure inside Postern.
pub(crate) const fn copy_may_replace(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Transport
            | Reason::CertificateRefused
            | Reason::Deadline
            | Reason::BreakerOpen
            | Reason::RateCapped
            | Reason::Overloaded
            | Reason::UnexpectedError
            | Reason::OtherError
            | Reason::ServiceTimeOut
            | Reason::MalformedAnswer
            | Reason::BlockMissing
    )
}

/// Of several reasons the one that is told: what a person must decide or configure, then what is wrong with the question,
/// then with the copy, then what passes by itself.
pub(super) fn gravest(a: Option<Reason>, b: Option<Reason>) -> Option<Reason> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if rank(b) < rank(a) { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// The place of a reason in the order of telling, the gravest first.
fn rank(reason: Reason) -> usize {
    const ORDER: [Reason; 31] = [
        Reason::WrongEnvironment,
        Reason::NotGranted,
        Reason::Suspended,
        Reason::NotConfigured,
        Reason::AccessDenied,
        Reason::SilentNotAvailable,
        Reason::InvalidSearch,
        Reason::TooMany,
        Reason::ListTruncated,
        Reason::IdentifierMissing,
        Reason::IdentifierInvalid,
        Reason::IdentifierUnreliable,
        Reason::ClockImplausible,
        Reason::CopyDamaged,
        Reason::CopyPurged,
        Reason::CopyLocked,
        Reason::CopyStale,
        Reason::CopyPartial,
        Reason::Internal,
        Reason::MalformedAnswer,
        Reason::BlockMissing,
        Reason::UnexpectedError,
        Reason::OtherError,
        Reason::ServiceTimeOut,
        Reason::CertificateRefused,
        Reason::BreakerOpen,
        Reason::RateCapped,
        Reason::Overloaded,
        Reason::Transport,
        Reason::Deadline,
        Reason::CopyMissing,
    ];
    ORDER.iter().position(|one| *one == reason).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that each reason has its place in the order, so that none is told by accident.
    #[test]
    fn every_reason_has_a_rank() {
        for reason in Reason::ALL {
            assert!(*reason == Reason::WrongEnvironment || rank(*reason) > 0, "{}", reason.code());
        }
        assert_eq!(gravest(Some(Reason::Deadline), Some(Reason::CopyStale)), Some(Reason::CopyStale));
        assert_eq!(gravest(None, Some(Reason::Deadline)), Some(Reason::Deadline));
    }

    // Proves that the copy never replaces a refusal, and that what it may replace passes by itself.
    #[test]
    fn refusals_are_not_got_round() {
        for reason in Reason::ALL {
            assert!(!copy_may_replace(*reason) || reason.passes(), "{}", reason.code());
        }
        assert!(!copy_may_replace(Reason::Internal) && !copy_may_replace(Reason::Unrecognised));
    }

    // Proves that two contradicting answers of one source keep their hits and establish nothing.
    #[test]
    fn contradictions() {
        let hits = Word { hits: true, reason: None };
        let both = Word { hits: true, reason: Some(Reason::MalformedAnswer) };
        assert_eq!(hits.and(Word::NO_RECORD), both);
        assert_eq!(Word::NO_RECORD.and(hits), both);
        assert_eq!(Word::NO_RECORD.and(Word::NO_RECORD), Word::NO_RECORD);
        let late = Word::not_checked(Reason::Deadline);
        assert_eq!(Word::NO_RECORD.and(late), late);
    }
}
