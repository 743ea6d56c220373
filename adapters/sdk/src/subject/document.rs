//! Documents as subjects.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DocumentNumber, DocumentType, PartialDate, State};

/// How far a number, as it was read, can be trusted.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Reliability {
    /// Its check digit agrees, and no other reading that looks alike would agree too.
    Verified,
    /// Its check digit agrees, but also would for a look-alike (6 and G, 0 and the filler, a swapped pair).
    VerifiedAmbiguous,
    /// The format has no check digit for it, or it was typed.
    #[default]
    Unverified,
    /// Its check digit failed: that nothing is found under it says nothing.
    Failed,
}

/// Why another number than the one read is asked too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlternativeBasis {
    /// A look-alike of what was read, for which the check digits agree.
    Misread,
    /// A number in the optional data of the document, where some issuers put the personal or the card number.
    OptionalData,
    /// The number without the part that continues in the optional data, or with it.
    LongNumber,
}

/// Another number under which the document may be recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    /// The number.
    pub number: DocumentNumber,
    /// Why it is asked.
    pub basis: AlternativeBasis,
}

/// A passport, identity card, visa or other document of a traveller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TravelDocument {
    /// The number as read. None if it was not given or can't be a document number; then nothing can be asked by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<DocumentNumber>,
    /// How far the number can be trusted.
    #[serde(default)]
    pub reliability: Reliability,
    /// Other numbers under which the document may be recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// The issuing state or organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<State>,
    /// The type. A visa whose number may be the passport's says so in [`also_as`](Self::also_as).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_type: Option<DocumentType>,
    /// A second type under which the same number is asked: a visa's number may be the passport's (Doc 9303-7 note j).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also_as: Option<DocumentType>,
    /// The holder's nationality, which is the likely issuer of a passport that a visa stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nationality: Option<State>,
    /// The expiry date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<PartialDate>,
}

/// A vehicle registration, certificate or other administrative document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdministrativeDocument {
    /// The number.
    pub number: Option<DocumentNumber>,
    /// The issuing state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<State>,
    /// The type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_type: Option<DocumentType>,
}
