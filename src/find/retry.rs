//! What may be asked again at once, and under which reference.
//!
//! A question of which nothing was sent can always be asked again. One that was sent may have been asked: a search can be
//! repeated, because it changes nothing and tells nobody; details are believed to alarm the record's owner, and are not.

use std::borrow::Cow;

use postern_sdk::Reason;

use super::profile::Step;

/// How often a question is asked at most.
pub(super) const ATTEMPTS_MAX: u32 = 3;

/// Whether a question may be asked again after this failure.
pub(super) const fn is_safe(step: Step, failure: Option<Reason>, sent: bool) -> bool {
    match failure {
        Some(Reason::Transport) => !sent || matches!(step, Step::Search),
        Some(Reason::UnexpectedError) => matches!(step, Step::Search),
        _ => false,
    }
}

/// The reference of an attempt: the question's own, and from the second on its number.
pub(super) fn attempt_of(logical: &str, attempt: u32) -> Cow<'_, str> {
    if attempt == 1 { Cow::Borrowed(logical) } else { Cow::Owned(format!("{logical}-{attempt}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that only a search is repeated once it was sent, that neither time nor refusals are reasons to repeat one, and
    // that each attempt has a reference of its own.
    #[test]
    fn what_is_repeated() {
        use Step::{Details, Search};
        assert!(
            is_safe(Search, Some(Reason::Transport), true)
                && is_safe(Search, Some(Reason::UnexpectedError), true)
        );
        assert!(is_safe(Details, Some(Reason::Transport), false));
        assert!(!is_safe(Details, Some(Reason::Transport), true));
        assert!(!is_safe(Details, Some(Reason::UnexpectedError), true));
        for reason in Reason::ALL {
            let repeated = matches!(reason, Reason::Transport | Reason::UnexpectedError);
            assert_eq!(is_safe(Search, Some(*reason), true), repeated, "{reason}");
        }
        assert!(!is_safe(Search, None, true));
        assert_eq!(
            [1, 2, 3].map(|attempt| attempt_of("UTO-x", attempt).into_owned()),
            ["UTO-x", "UTO-x-2", "UTO-x-3"]
        );
    }
}
