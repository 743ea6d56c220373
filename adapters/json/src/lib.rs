//! The adapter for systems that speak JSON: one or many subjects, or machine-readable zones, with their context; outcomes
//! back. Over HTTP it is the API `POST /v1/screenings`, described by [`openapi()`] and in `schemas/openapi.json`.
//!
//! # The question
//! ```json
//! {
//!   "version": 1,
//!   "id": "booth-4-000123",
//!   "context": { "agency": "Border Police", "end_user": "officer-17", "site": "ZZA", "purpose": "border_check" },
//!   "subjects": [
//!     { "kind": "mrz", "lines": ["P<UTO…", "L898902C3…"] },
//!     { "kind": "vehicle", "plate": "AB 123 C", "country": "UTO" }
//!   ]
//! }
//! ```
//!
//! The format is strict, because an identifier that was meant and not understood would not be asked, and what was not asked
//! must not look clear: unknown and repeated fields, other types and identifiers that can't be one are refused with the
//! field's path, never dropped. A zone (`kind` `mrz`) is asked as a travel document and a person, and gets two outcomes of the
//! same `subject` number. Subjects of several travellers carry `traveller`, every one of them; without it all are of one.
//!
//! The wire types here are not those of the sdk, so that either can change without the other.
//!
//! # The sender's id
//! It comes as `id`, or from the transport: the HTTP lane puts the value of `Idempotency-Key` into
//! [`Context::sender_id`](postern_sdk::Context::sender_id) (and into a fault's `sender_id`) after decoding, and the header wins
//! over the field. The same id within the lane's window is the same question, answered with the recorded reply.
//!
//! # The answer
//! HTTP 200 with [`ScreeningResponse`], also if nothing could be checked: an incomplete screening is an answer. `gate` is what
//! the first line may be told; a missing, unknown or other value than `continue` means refer. What else is told depends on
//! the client's view and is stripped before the adapter sees it.
//!
//! # Faults
//! A refusal is a problem document (RFC 9457, `application/problem+json`). It always says `"gate": "refer"`, names the code, the
//! byte offset or the field if known, and Postern's reference, and never quotes the message. [`PROBLEMS`] lists all codes
//! with their HTTP status: 400 what is no JSON, 422 what is JSON and can't be asked, 403, 413, 500 and 503 the host's. The
//! lane's own, in which no message was read, are [`TRANSPORT_PROBLEMS`].

pub mod beside;
mod decode;
mod examples;
mod object;
mod openapi;
mod problem;
mod request;
mod response;

use std::borrow::Cow;
use std::collections::BTreeMap;

use postern_sdk::{
    Adapter, AdapterDescription, CONTRACT_VERSION, Exchange, Fault, Inbound, LinkOptions, Message, Reply,
    Stamp, Told,
};

pub use beside::FETCH_PROBLEMS;
pub use openapi::openapi;
pub use problem::{PROBLEMS, Problem, ProblemKind, TRANSPORT_PROBLEMS};
pub use request::{
    AdministrativeDocumentSubject, FirearmSubject, Lines, MrzSubject, PersonSubject, RequestContext,
    RequestSubject, ScreeningRequest, TravelDocumentSubject, VehicleSubject, VesselSubject, WorkOfArtSubject,
};
pub use response::{ScreeningOutcome, ScreeningResponse};

/// The version of the wire format.
pub const VERSION: u32 = 1;
/// The path under which the HTTP lane serves this format.
pub const PATH: &str = "/v1/screenings";
/// The path under which the HTTP lane serves the description of the API.
pub const OPENAPI_PATH: &str = "/v1/openapi.json";
/// The media type of questions and answers.
pub const MEDIA_TYPE: &str = "application/json";
/// The media type of refusals.
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// See the crate's document.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonAdapter;

impl Adapter for JsonAdapter {
    fn describe(&self) -> AdapterDescription {
        AdapterDescription {
            name: Cow::Borrowed("json"),
            summary: Cow::Borrowed(
                "subjects or machine-readable zones as JSON, answered with outcomes or problems",
            ),
            contract: CONTRACT_VERSION,
            options: BTreeMap::new(),
        }
    }

    fn decode(&self, bytes: &[u8], _: &LinkOptions) -> Vec<Inbound> {
        vec![decode::exchange(bytes).map_or_else(Inbound::Fault, Inbound::Query)]
    }

    fn encode(
        &self,
        exchange: &Exchange,
        told: &[Told],
        message: Message,
        stamp: &Stamp,
    ) -> Result<Vec<Reply>, Fault> {
        response::encode(exchange, told, message, stamp).map(|reply| vec![reply])
    }

    fn refuse(&self, fault: &Fault, stamp: &Stamp) -> Reply {
        problem::refusal(fault, stamp)
    }
}
