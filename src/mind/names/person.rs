//! A person of a list.

use std::fmt;

use postern_sdk::{Details, DocumentNumber, Name, PartialDate, Sex, State};
use serde::{Deserialize, Serialize};

/// A person that a list names, as the copy holds it. Its `Debug` shows nothing of who it is.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The record's id at its source.
    pub id: String,
    /// The main name first, then the aliases. A list may know a person without a name; nobody finds it by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Name>,
    /// The date of birth, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth: Option<PartialDate>,
    /// The sex.
    #[serde(default)]
    pub sex: Sex,
    /// The nationalities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nationalities: Vec<State>,
    /// The numbers of documents that the person is known to hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<DocumentNumber>,
    /// The colour of the notice, as the source spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// What else the record says.
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub details: Details,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("names", &self.names.len()).finish_non_exhaustive()
    }
}
