//! The names of the envelope, the header, a result and a payload, and how values are written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::operation::Step;

/// What an answer may cost at most.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Size of an answer in bytes.
    pub reply_bytes: usize,
    /// Size of an answer that holds a file in bytes.
    pub file_bytes: usize,
    /// Elements within each other.
    pub depth: usize,
}

/// How requests travel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The media type of request and answer.
    pub content_type: String,
    /// The header that names the operation.
    pub action_header: String,
}

/// The names of the envelope.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each is the name of the element that its own name says")]
pub struct Envelope {
    pub namespace: String,
    pub envelope: String,
    pub header: String,
    pub body: String,
    pub fault: String,
    pub fault_code: String,
    pub fault_text: String,
    pub fault_server: String,
}

/// A block of the envelope's header.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderBlock {
    /// Its element.
    pub element: String,
    /// Its attributes.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// The steps in which it is sent.
    pub operations: Vec<Step>,
    /// Its children, in order.
    pub fields: Vec<HeaderField>,
}

/// A child of a header block.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderField {
    /// Its element.
    pub element: String,
    /// What it holds.
    pub value: HeaderValue,
}

/// What a header field can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderValue {
    /// The service account's name.
    AccountUsername,
    /// The service account's password.
    AccountPassword,
    /// The officer or named device that asks.
    EndUser,
    /// The reference that is unique to the request.
    ReferenceInCountry,
    /// The reference of the exchange, the same for all requests of it.
    ExchangeReference,
    /// The authority on whose behalf is asked.
    Agency,
    /// The place.
    Site,
    /// The gate, booth or workstation.
    Terminal,
    /// Why is asked.
    Purpose,
    /// The named operation.
    Operation,
    /// The national reference of the crossing.
    Crossing,
}

/// The parts of a result.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each is the name of the element that its own name says")]
pub struct ReplyNames {
    pub code: String,
    pub other_code: String,
    pub request_id: String,
    pub reference: String,
    pub timestamp: String,
    pub payload: String,
}

/// The parts of a payload.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each is the name of the element that its own name says")]
pub struct PayloadNames {
    pub root: String,
    pub header: String,
    pub generator: String,
    pub data: String,
    pub search: String,
    pub query: String,
    pub block: String,
    pub block_name: String,
    pub block_status: String,
    pub entries: Vec<String>,
    pub file: String,
    pub wrapper: String,
    pub style: PayloadStyle,
}

/// How values are written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Values {
    /// How dates are written.
    pub date_format: DateFormat,
    /// The best score of a name.
    pub score_max: u16,
}

/// How dates are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum DateFormat {
    /// `19740812`
    #[serde(rename = "YYYYMMDD")]
    Compact,
    /// `1974-08-12`
    #[serde(rename = "YYYY-MM-DD")]
    Dashed,
    /// `12.08.1974`
    #[serde(rename = "DD.MM.YYYY")]
    Dotted,
}

/// How the payload is written. Either is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayloadStyle {
    /// As elements.
    #[default]
    Inline,
    /// As text.
    Escaped,
}
