//! Persons as subjects.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DocumentNumber, PartialDate, Personal, State};

/// The sex as a document states it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
    /// Not specified, or not told.
    #[default]
    Unspecified,
}

/// A name in two parts, as travel documents hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Name {
    /// The primary identifier, usually the surname. Components are separated by one blank.
    pub primary: Personal<String>,
    /// The secondary identifier, usually the given names. Components are separated by one blank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary: Option<Personal<String>>,
    /// Whether the name may have been cut, so that it is a beginning rather than the whole (Doc 9303-4 §4.2.3).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// A person, by name and birth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The name.
    pub name: Name,
    /// The date of birth, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth: Option<PartialDate>,
    /// The sex.
    #[serde(default)]
    pub sex: Sex,
    /// The nationality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nationality: Option<State>,
    /// The number of a document that the person holds: the further identifier that can make a match exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentNumber>,
}
