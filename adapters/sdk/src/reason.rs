//! Why a database was not checked.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares the closed list once: variant, code, whether it passes, and the document.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident, $code:literal, $passes:literal, $text:literal;)*) => {
        /// Why a database was not checked: one closed list, used by sources, screening, adapters and metrics alike.
        ///
        /// A reader accepts a value that it does not know as [`Reason::Unrecognised`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $variant,)*
            /// A reason of a later version.
            #[serde(other)]
            Unrecognised,
        }

        impl Reason {
            /// Every reason that this version gives.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name used in JSON, metrics and replies.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* Self::Unrecognised => "unrecognised" }
            }

            /// Whether the reason is one that passes, so that asking again later can settle it.
            pub const fn passes(self) -> bool {
                match self { $(Self::$variant => $passes,)* Self::Unrecognised => false }
            }

            const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* Self::Unrecognised => "for a reason not known here" }
            }
        }
    };
}

reasons! {
    /// The database is not licensed, or no source is configured for it.
    NotConfigured, "not_configured", false, "not configured";
    /// The client's grant does not cover the database, operation, site, purpose or period.
    NotGranted, "not_granted", false, "not granted";
    /// A signed suspension of the check is in force.
    Suspended, "suspended", false, "suspended";
    /// A check digit of the identifier failed, so its absence says nothing.
    IdentifierUnreliable, "identifier_unreliable", false, "identifier unreliable";
    /// The subject lacks what the database is asked by.
    IdentifierMissing, "identifier_missing", false, "identifier missing";
    /// The identifier can't be one of the database's: too short, too long, or of characters it does not hold.
    IdentifierInvalid, "identifier_invalid", false, "identifier invalid";
    /// No answer by the lane's deadline.
    Deadline, "deadline", true, "no answer in time";
    /// The connection could not be made, or broke.
    Transport, "transport", true, "no connection";
    /// The service's certificate was refused: it is revoked, of another authority, has expired, or the list of revoked
    /// certificates has.
    CertificateRefused, "certificate_refused", true, "certificate of the service refused";
    /// The breaker is open: the service failed too often and is given a rest.
    BreakerOpen, "breaker_open", true, "service resting after failures";
    /// The account's rate cap or concurrency limit is reached.
    RateCapped, "rate_capped", true, "rate cap reached";
    /// Too many screenings are in flight here.
    Overloaded, "overloaded", true, "overloaded";
    /// INTERPOL's result ACCESS_DENIED: the account lacks the right.
    AccessDenied, "access_denied", false, "access denied";
    /// INTERPOL's result INVALID_SEARCH_ERROR: the parameters were refused.
    InvalidSearch, "invalid_search", false, "search refused";
    /// INTERPOL's result TOO_MANY_ANSWER: the search must be narrowed.
    TooMany, "too_many", false, "too many answers";
    /// INTERPOL's result UNEXPECTED_ERROR.
    UnexpectedError, "unexpected_error", true, "error at the service";
    /// INTERPOL's result OTHER_ERROR_CODE: an error in the source database.
    OtherError, "other_error", true, "error in the source database";
    /// INTERPOL's result TIME_OUT.
    ServiceTimeOut, "service_time_out", true, "time out at the service";
    /// The answer could not be read, contradicted itself, or held a code that is not known.
    MalformedAnswer, "malformed_answer", true, "answer not readable";
    /// The database's own block is missing in a combined answer.
    BlockMissing, "block_missing", true, "no answer of this database";
    /// The list reached the record limit, so what is missing in it says nothing.
    ListTruncated, "list_truncated", false, "answer list truncated";
    /// Silence was asked for, and the service is not confirmed silent.
    SilentNotAvailable, "silent_not_available", false, "silent not available";
    /// There is no copy of this database here.
    CopyMissing, "copy_missing", true, "no copy";
    /// The copy is older than its stop age.
    CopyStale, "copy_stale", true, "copy stale";
    /// The copy does not cover the whole database, so its silence says nothing.
    CopyPartial, "copy_partial", false, "copy partial";
    /// The copy, or the page needed, failed its verification.
    CopyDamaged, "copy_damaged", true, "copy damaged";
    /// The copy's key is not here yet: an operator or a key server gives it.
    CopyLocked, "copy_locked", true, "copy locked";
    /// The copy's key was destroyed after its purge age, on command, or on revocation.
    CopyPurged, "copy_purged", true, "copy purged";
    /// The clock is implausible or went back, so no age can be trusted.
    ClockImplausible, "clock_implausible", true, "clock implausible";
    /// The source belongs to another environment (training data never answers production).
    WrongEnvironment, "wrong_environment", false, "wrong environment";
    /// Something failed inside Postern.
    Internal, "internal", true, "internal failure";
}

/// The words of the reason as they follow "not checked": `not checked (copy stale)`.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that each code is the serde name, that codes are unique, and that a later reason is accepted.
    #[test]
    fn codes_are_stable() {
        let mut seen = std::collections::BTreeSet::new();
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_string(reason).unwrap(), format!("\"{}\"", reason.code()));
            assert!(seen.insert(reason.code()), "{} twice", reason.code());
        }
        assert_eq!(serde_json::from_str::<Reason>("\"solar_flare\"").unwrap(), Reason::Unrecognised);
        assert!(!Reason::Unrecognised.passes());
    }
}
