//! That something was fetched, as the journal has it.

use jiff::Timestamp;
use postern_sdk::{Context, Database, Hit, Personal, Reference};
use serde::{Deserialize, Serialize};

use super::asked::What;

/// How far the fetch was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// INTERPOL is about to be asked.
    Asked,
    /// Something came of it.
    Ended,
    /// It was refused before anything was asked.
    Refused,
}

/// A fetch, or what became of it. Both notes are steps of the exchange's case; a refusal has a matter of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchNote {
    /// The fetch's own reference, the same of both notes.
    pub fetch: Reference,
    /// The exchange that it belongs to, as the client says; none if it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Reference>,
    /// How far it was.
    pub stage: Stage,
    /// When.
    pub at: Timestamp,
    /// The lane's name.
    pub lane: String,
    /// Who asked, where and why; of a refusal no more than the client, unless it was known.
    pub context: Context,
    /// The database; none if the message could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    /// The record's id at its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// What was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<What>,
    /// The file's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Personal<String>>,
    /// `done`, or the refusal's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Why the service did not give it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<postern_sdk::Reason>,
    /// The reference of the request; none if nothing was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_in_country: Option<String>,
    /// The service's id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How long the service took, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elapsed_us: Option<u64>,
    /// The record in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<Hit>>,
    /// The file, without its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FetchedFile>,
}

/// A file that was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedFile {
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// The media type under which it was passed on.
    pub media_type: String,
}
