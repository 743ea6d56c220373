//! What can be made to go wrong, at run time.

use std::collections::{BTreeMap, BTreeSet};

use postern_sdk::Database;
use serde::{Deserialize, Serialize};

/// How the simulator behaves. What an admin request leaves out is as by default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// How long each answer is held back, in milliseconds.
    pub latency_ms: u64,
    /// The share of requests that fail with a SOAP fault, 0 to 1; which ones, the seed says.
    pub error_rate: f64,
    /// The code that every result has, by the profile's name or number. With a code of failure there is no payload.
    pub result: Option<String>,
    /// The status of a database's block, by the profile's name or number. With a status of failure it has no records.
    pub blocks: BTreeMap<Database, String>,
    /// The databases whose block is missing.
    pub missing: BTreeSet<Database>,
    /// Whether nothing is answered at all.
    pub outage: Option<Outage>,
    /// Whether answers break off in the middle.
    pub truncated: bool,
    /// How the payload is written.
    pub payload: PayloadStyle,
    /// Whether codes are written as numbers rather than names.
    pub numeric_codes: bool,
}

/// How nothing is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outage {
    /// Connections are closed, old and new.
    Refuse,
    /// Connections are accepted, and nothing comes.
    Hang,
}

/// How the payload is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayloadStyle {
    /// As elements.
    #[default]
    Inline,
    /// As text.
    Escaped,
}
