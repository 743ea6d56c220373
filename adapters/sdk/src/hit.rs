//! A matching record, and how well it matches.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DocumentType, PartialDate, Personal, State};

/// How a record matches, the best first. Only [`Exact`](Self::Exact) can make a hit; the others make a possible hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MatchClass {
    /// Number, issuer and type agree; or the identifier is unique in the world; or, for a person, name and full birth
    /// date agree exactly and one more identifier does.
    Exact,
    /// Number and issuer agree, the type differs or is not known.
    TypeDiffers,
    /// Number and type agree, the issuer differs or is not known.
    IssuerDiffers,
    /// The number alone agrees.
    NumberOnly,
    /// A number that the document's reader may have misread, or whose check digit failed, agrees.
    MisreadVariant,
    /// A person, by the likeness of the name.
    NameScore,
    /// A class of a later version.
    #[serde(other)]
    Unknown,
}

/// What weakens or qualifies a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Remark {
    /// From a copy past its stop age: possible at most.
    StaleCopy,
    /// FIND, asked later than the copy was made, no longer has it: possible at most.
    MaybeWithdrawn,
    /// The country withdrew the record itself.
    Withdrawn,
    /// The page of the copy that holds it, or the clock, can't be trusted: possible at most.
    Unverified,
    /// FIND refused or failed to give the details.
    DetailsMissing,
    /// A remark of a later version.
    #[serde(other)]
    Unknown,
}

impl Remark {
    /// Whether a hit with this remark is possible at most.
    pub const fn weakens(self) -> bool {
        !matches!(self, Self::DetailsMissing)
    }
}

/// The likeness of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Score {
    /// Likeness in thousandths: 1000 is the service's best.
    pub permille: u16,
    /// The service's or the matcher's explanation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Personal<String>>,
}

/// What a record says beyond the fields of [`Hit`], by the name that the profile gives it.
pub type Details = BTreeMap<String, Personal<String>>;

/// One matching record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hit {
    /// How it matches.
    pub class: MatchClass,
    /// What weakens or qualifies it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
    /// The record's id at its source; empty where the view does not show it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub record: String,
    /// The identifier as recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<Personal<String>>,
    /// The issuer as recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<State>,
    /// The type as recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_type: Option<DocumentType>,
    /// INTERPOL's code of theft or fraud: stolen, lost, stolen blank, revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theft_type: Option<String>,
    /// The date of theft or loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theft_date: Option<PartialDate>,
    /// The country of theft or loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theft_country: Option<State>,
    /// The colour of the notice, as the source spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// The likeness of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
    /// What else the record says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: Details,
}

impl Hit {
    /// A hit of which class and record id are known; the rest is filled in by the source.
    pub fn new(class: MatchClass, record: impl Into<String>) -> Self {
        Self {
            class,
            remarks: Vec::new(),
            record: record.into(),
            identifier: None,
            issuer: None,
            doc_type: None,
            theft_type: None,
            theft_date: None,
            theft_country: None,
            notice: None,
            score: None,
            details: Details::new(),
        }
    }

    /// Whether this is a hit rather than a possible one: an exact match that nothing weakens.
    pub fn is_certain(&self) -> bool {
        self.class == MatchClass::Exact && !self.remarks.iter().any(|remark| remark.weakens())
    }

    /// Adds a remark once.
    pub fn remark(&mut self, remark: Remark) {
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }
}
