//! The answer on the wire.

use jiff::Timestamp;
use postern_sdk::{
    Environment, Exchange, Fault, FaultCode, Gate, Message, Reference, Reply, Stamp, SubjectKind, Told, View,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::decode::ORIGINS;
use crate::{MEDIA_TYPE, VERSION};

/// What an outcome takes on the wire, in bytes, so that the buffer is allocated once.
const OUTCOME_BYTES: usize = 512;

/// An answer, or news of a question that was answered before.
#[derive(Serialize, JsonSchema)]
pub struct ScreeningResponse<'a> {
    /// The version of this format.
    #[schemars(extend("const" = 1))]
    pub version: u32,
    /// Whether this answers, or brings news of a question that was answered before.
    pub message: Message,
    /// Postern's reference of the question.
    pub reference: Reference,
    /// The sender's id of the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    /// Whether this is training. Nothing of it holds for real travellers then.
    pub environment: Environment,
    /// The time of the answer, RFC 3339.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// What the first line may be told at most of all subjects together. Absent, unknown or an error means refer.
    pub gate: Gate,
    /// The oldest extraction time that the answer rests on, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub data_as_of: Option<Timestamp>,
    /// What is told of each subject, in the order of the question. A zone has two.
    pub outcomes: Vec<ScreeningOutcome<'a>>,
}

/// What is told of one subject.
#[derive(Serialize, JsonSchema)]
pub struct ScreeningOutcome<'a> {
    /// The subject's place in the question, from 0.
    pub subject: usize,
    /// What it was asked as.
    pub kind: SubjectKind,
    /// The traveller's number in the question.
    pub traveller: u32,
    /// What the client's view shows.
    #[serde(flatten)]
    pub told: &'a Told,
}

/// Encodes an answer.
pub(crate) fn encode(
    exchange: &Exchange,
    told: &[Told],
    message: Message,
    stamp: &Stamp,
) -> Result<Reply, Fault> {
    let response = response(exchange, told, message, stamp);
    let mut body = Vec::with_capacity(OUTCOME_BYTES * (1 + told.len()));
    serde_json::to_writer(&mut body, &response).map_err(|_| Fault::new(FaultCode::INTERNAL))?;
    Ok(Reply::new(body, MEDIA_TYPE))
}

/// Continue only if there is an outcome of every subject, and each may.
pub(crate) fn response<'a>(
    exchange: &'a Exchange,
    told: &'a [Told],
    message: Message,
    stamp: &Stamp,
) -> ScreeningResponse<'a> {
    let whole = told.len() == exchange.subjects.len();
    let gate = if whole { Told::gate_of_all(told) } else { Gate::Refer };
    let dated = gate == Gate::Continue || stamp.view >= View::Class;
    ScreeningResponse {
        version: VERSION,
        message,
        reference: stamp.reference,
        id: exchange.context.sender_id.as_deref(),
        environment: stamp.environment,
        at: stamp.at,
        gate,
        data_as_of: Told::as_of_all(told).filter(|_| dated),
        outcomes: outcomes(exchange, told),
    }
}

fn outcomes<'a>(exchange: &Exchange, told: &'a [Told]) -> Vec<ScreeningOutcome<'a>> {
    let mut origins = exchange.native.get(ORIGINS).map(|origins| origins.reveal().split(','));
    let subjects = exchange.subjects.iter().zip(told).enumerate();
    subjects
        .map(|(index, (subject, told))| {
            let origin = origins.as_mut().and_then(Iterator::next).and_then(|origin| origin.parse().ok());
            ScreeningOutcome {
                subject: origin.unwrap_or(index),
                kind: subject.kind(),
                traveller: exchange.traveller(index),
                told,
            }
        })
        .collect()
}
