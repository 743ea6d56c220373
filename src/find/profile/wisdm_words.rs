//! What the service of a country's own records tells, in our words: kinds of loss, actions, and what it objects to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What was done to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// It was reported.
    Added,
    /// It was corrected.
    Updated,
    /// It was withdrawn.
    Deleted,
    /// Its end was changed.
    RetentionChanged,
}

impl ActionKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Added, Self::Updated, Self::Deleted, Self::RetentionChanged];

    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::RetentionChanged => "retention_changed",
        }
    }
}

/// How a document was lost to its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fraud {
    /// Stolen from its bearer.
    Stolen,
    /// Lost by its bearer.
    Lost,
    /// Stolen before it was made out.
    StolenBlank,
    /// Revoked by its issuer.
    Revoked,
    /// Invalid for another reason.
    Invalid,
}

impl Fraud {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Stolen, Self::Lost, Self::StolenBlank, Self::Revoked, Self::Invalid];

    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Stolen => "stolen",
            Self::Lost => "lost",
            Self::StolenBlank => "stolen_blank",
            Self::Revoked => "revoked",
            Self::Invalid => "invalid",
        }
    }

    /// The one of a name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fraud| fraud.code() == code)
    }
}

macro_rules! functional {
    ($($(#[$doc:meta])* $variant:ident, $code:literal, $remedy:literal;)+) => {
        /// What the service objects to in a request. Nothing was changed then.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Functional {
            $($(#[$doc])* $variant,)+
        }

        impl Functional {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable name.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What to do.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)+ }
            }
        }
    };
}

functional! {
    /// The country has a record of this number and type.
    NumberAlreadyPresent, "number_already_present", "correct that record by `update`, or withdraw it first";
    /// The number is not one.
    NumberFormatInvalid, "number_format_invalid", "compare the number with the document";
    /// The type is not in the service's list.
    DocumentTypeInvalid, "document_type_invalid", "compare the profile's table with the service's: postern profile probe";
    /// The kind of loss is not in the service's list, or differs from the record's, where it can't be changed.
    FraudTypeInvalid, "fraud_type_invalid", "withdraw the record and report it anew, or correct the profile's table";
    /// The country is not in the service's list.
    TheftCountryInvalid, "theft_country_invalid", "add the country's number to the profile's table";
    /// The country is missing.
    TheftCountryMissing, "theft_country_missing", "say where it was lost";
    /// Only stolen blanks have a batch.
    BatchNotAllowed, "batch_not_allowed", "leave the batch out";
    /// A date is not written as the service wants it.
    DateFormatInvalid, "date_format_invalid", "correct values.date_format of the profile";
    /// It was lost in the future.
    TheftDateNotInPast, "theft_date_not_in_past", "compare the date with the report";
    /// It was issued in the future.
    IssueDateNotInPast, "issue_date_not_in_past", "compare the date with the document";
    /// The record would end in the past.
    RetentionNotInFuture, "retention_not_in_future", "choose a later day";
    /// The record would be kept too long.
    RetentionExceedsPeriod, "retention_exceeds_period", "choose an earlier day, or correct the profile's periods";
    /// The reason for keeping it longer is missing or not in the service's list.
    ExtensionReasonInvalid, "extension_reason_invalid", "give a reason of the profile's table";
    /// A field is too long.
    FieldTooLong, "field_too_long", "correct the profile's limits of fields";
    /// There is no such record, or it is another country's.
    RecordNotFound, "record_not_found", "search again: it may have been withdrawn or have ended";
}

impl fmt::Display for Functional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the service objects: {}; {}", self.code(), self.remedy())
    }
}
