//! One question in native form.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Context, Personal, Subject};

/// The unique reference that a lane stamps on an exchange. It follows the exchange from end to end: into FIND's header,
/// the journal, the answer and the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Reference(#[schemars(with = "String")] pub Uuid);

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// One question in native form: its context and one or more subjects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exchange {
    /// Who asks, where and why.
    pub context: Context,
    /// What is asked about, in the order of the message.
    pub subjects: Vec<Subject>,
    /// For each subject the traveller that it belongs to, numbered from 0. Empty if they are all of one traveller.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub travellers: Vec<u32>,
    /// What the adapter needs to answer in the native form: references to echo, and the like. Only the adapter that
    /// wrote it reads it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub native: BTreeMap<String, Personal<String>>,
}

impl Exchange {
    /// The traveller of a subject, numbered from 0.
    pub fn traveller(&self, subject: usize) -> u32 {
        self.travellers.get(subject).copied().unwrap_or(0)
    }
}
