//! What an edge and its hub say to each other: JSON over HTTP/1.1, in the vocabulary's own form.
//!
//! Times are spans and never points in time, because two machines have two clocks. A member that one side does not know is
//! skipped where the vocabulary allows it, so that hub and edges can be of different versions.

use postern_sdk::{Answer, Context, Database, Environment, Query, Reason, Reference};
use serde::{Deserialize, Serialize};

/// Where questions are posted.
pub const PATH: &str = "/v1/find";

/// The media type of a refusal (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What an edge posts.
#[derive(Debug, Serialize, Deserialize)]
pub struct Asked {
    /// Whether real or training data is meant.
    pub environment: Environment,
    /// The question. None: the edge only wants to know whether it is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
}

/// One question, as screening at the edge asks it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Question {
    /// The exchange's reference, which both journals hold.
    pub reference: Reference,
    /// Who asks, where and why; whether in silence.
    pub context: Context,
    /// The question itself.
    pub query: Query,
    /// The query's place in the edge's plan.
    pub number: u16,
    /// The databases that are asked.
    pub databases: Vec<Database>,
    /// For how long an answer is of use to the edge's lane, in milliseconds.
    pub time_ms: u64,
    /// Whether the question can wait: it takes what live ones leave.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub can_wait: bool,
}

/// What a hub answers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Told {
    /// The reference of the question. None if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// An answer for each database that was asked.
    #[serde(default)]
    pub answers: Vec<Answer>,
}

/// Why a hub does not answer, as problem details.
#[derive(Debug, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:postern:problem:` and the code.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// What is wrong, for people.
    #[serde(default)]
    pub title: String,
    /// The status.
    #[serde(default)]
    pub status: u16,
    /// The stable name.
    #[serde(default)]
    pub code: String,
    /// What the databases are at the edge: not checked, and why. None if whoever answers is no hub's desk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The member that the problem is in, if it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
