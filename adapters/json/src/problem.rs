//! Refusals as problem documents (RFC 9457).

use postern_sdk::{Fault, FaultCode, Gate, Reference, Reply, Stamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::PROBLEM_MEDIA_TYPE;

/// The message is no JSON.
pub(crate) const SYNTAX: FaultCode = FaultCode::new("json_syntax");
/// The message is JSON, but not of this format.
pub(crate) const CONTENT: FaultCode = FaultCode::new("json_content");
/// The version is not known.
pub(crate) const VERSION_UNKNOWN: FaultCode = FaultCode::new("version_unknown");
/// The sender's id is empty, too long, or not of visible ASCII.
pub(crate) const ID: FaultCode = FaultCode::new("id_unusable");
/// A date is none.
pub(crate) const DATE: FaultCode = FaultCode::new("date_unusable");
/// A time is none.
pub(crate) const TIME: FaultCode = FaultCode::new("time_unusable");
/// A text is too long.
pub(crate) const TEXT_TOO_LONG: FaultCode = FaultCode::new("text_too_long");
/// A text has control characters.
pub(crate) const TEXT_CHARACTER: FaultCode = FaultCode::new("text_character");
/// A text is empty.
pub(crate) const TEXT_EMPTY: FaultCode = FaultCode::new("text_empty");
/// Some subjects have a traveller's number and this one has none.
pub(crate) const TRAVELLER: FaultCode = FaultCode::new("traveller_missing");

/// What a code means on this wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemKind {
    /// The code, as in [`FaultCode`].
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, in words.
    pub title: &'static str,
}

pub(crate) const fn kind(code: &'static str, status: u16, title: &'static str) -> ProblemKind {
    ProblemKind { code, status, title }
}

/// Every code that this adapter or the host refuses with.
pub const PROBLEMS: &[ProblemKind] = &[
    kind("json_syntax", 400, "the message is no JSON"),
    kind("framing", 400, "the message does not follow the lane's framing"),
    kind("denied", 403, "the client has no grant"),
    kind("frame_too_large", 413, "the message is larger than the lane allows"),
    kind("json_content", 422, "a field is unknown, repeated, missing, or of another type"),
    kind("version_unknown", 422, "the version of the format is not known"),
    kind("id_unusable", 422, "the id is not of 1 to 128 visible ASCII characters"),
    kind("no_subject", 422, "the message asks about nothing"),
    kind("too_many_subjects", 422, "the message asks about more subjects than the lane allows"),
    kind("context_incomplete", 422, "the context lacks agency, end user, site or purpose"),
    kind("traveller_missing", 422, "some subjects have a traveller's number, this one has none"),
    kind("identifier_empty", 422, "nothing is left of the identifier when it is cleaned"),
    kind("identifier_too_short", 422, "the identifier is too short, or no code of its list"),
    kind("identifier_too_long", 422, "the identifier is too long"),
    kind("identifier_character", 422, "the identifier has a character that it can't hold"),
    kind("date_unusable", 422, "the date is not YYYY-MM-DD with XX for what is not known"),
    kind("time_unusable", 422, "the time is not of RFC 3339"),
    kind("text_empty", 422, "the text is empty; leave the field out if there is none"),
    kind("text_too_long", 422, "the text is longer than 256 characters"),
    kind("text_character", 422, "the text has control characters"),
    kind("mrz_empty", 422, "the machine-readable zone has no text"),
    kind("mrz_length", 422, "the machine-readable zone has no layout's length"),
    kind("mrz_character", 422, "the machine-readable zone has a character that none holds"),
    kind("mrz_layout", 422, "no layout, or more than one, is meant by the machine-readable zone"),
    kind("unsupported", 422, "the lane can't serve this message"),
    kind("internal", 500, "something failed inside Postern"),
    kind("busy", 503, "too many connections or messages at once"),
    kind("unable_to_answer", 503, "the answer could not be made durable in time"),
];

/// What the HTTP lane itself refuses, before there is a message that an adapter could read. These problems have no code,
/// gate and reference beside type, title and status.
pub const TRANSPORT_PROBLEMS: &[ProblemKind] = &[
    kind("idempotency_key", 400, "Idempotency-Key is not one value of 1 to 128 visible ASCII characters"),
    kind("unauthenticated", 401, "the client is not known by certificate or token"),
    kind("method_not_allowed", 405, "this path does not take this method"),
    kind("timeout", 408, "the body did not arrive in time"),
    kind("media_type", 415, "the body is not application/json"),
    kind("locked", 429, "too many wrong tokens came from this address"),
];

/// What is said of a code that is not in the list.
const OTHER: ProblemKind = kind("other", 500, "the message could not be answered");

/// A refusal. It asserts nothing of any subject and means refer.
#[derive(Serialize, JsonSchema)]
pub struct Problem<'a> {
    /// `urn:postern:problem:` and the code.
    pub r#type: String,
    /// What is wrong, in words.
    pub title: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// The stable code of what is wrong.
    pub code: &'a str,
    /// Always refer.
    pub gate: Gate,
    /// Postern's reference of the message.
    pub reference: Reference,
    /// The sender's id of the message, if it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    /// The byte offset in the message at which it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The path of the field that is wrong, such as `subjects[0].number`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'a str>,
}

impl<'a> Problem<'a> {
    /// The problem that a fault is.
    pub fn of(fault: &'a Fault, stamp: &Stamp) -> Self {
        let code = fault.code.as_str();
        let kind = PROBLEMS.iter().find(|kind| kind.code == code).unwrap_or(&OTHER);
        Self {
            r#type: format!("urn:postern:problem:{code}"),
            title: kind.title,
            status: kind.status,
            code,
            gate: Gate::Refer,
            reference: stamp.reference,
            id: fault.sender_id.as_deref(),
            offset: fault.offset,
            field: fault.field.as_deref(),
        }
    }
}

/// The refusal of a fault.
pub(crate) fn refusal(fault: &Fault, stamp: &Stamp) -> Reply {
    let problem = Problem::of(fault, stamp);
    let body = serde_json::to_vec(&problem).expect("numbers and texts serialise");
    Reply { http_status: problem.status, ..Reply::new(body, PROBLEM_MEDIA_TYPE) }
}
