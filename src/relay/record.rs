//! What the journal holds of a relayed question.

use jiff::Timestamp;
use postern_sdk::{Answer, Context, Database, Query};
use serde::{Deserialize, Serialize};

use crate::find::relay::Question;
use crate::journal::{Kind, Record};

/// A question of an edge and what came of it. Its matter is the exchange's reference, under which the edge's own journal has
/// the screening.
#[derive(Debug, Serialize, Deserialize)]
pub struct RelayRecord {
    /// The edge, as its certificate names it.
    pub edge: String,
    /// Who asked, where and why, as the edge said; the client is the edge's own.
    pub context: Context,
    /// The question.
    pub query: Query,
    /// The query's place in the edge's plan.
    pub number: u16,
    /// The databases that it was about.
    pub databases: Vec<Database>,
    /// Whether it could wait.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub can_wait: bool,
    /// When it came in.
    pub received: Timestamp,
    /// When there was an answer, or it was refused.
    pub answered: Timestamp,
    /// Whether the clock could be trusted.
    pub clock_trusted: bool,
    /// The code of the refusal, if it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What the edge was told, before it was stripped to the edge's view.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
}

impl RelayRecord {
    pub(super) fn of(edge: &str, question: &Question, received: crate::clock::Reading) -> Self {
        Self {
            edge: edge.to_owned(),
            context: question.context.clone(),
            query: question.query.clone(),
            number: question.number,
            databases: question.databases.clone(),
            can_wait: question.can_wait,
            received: received.now,
            answered: received.now,
            clock_trusted: received.trusted,
            refused: None,
            answers: Vec::new(),
        }
    }

    /// Reads it from a record, if it is one of the kind.
    pub fn read(record: &Record) -> Option<Self> {
        use crate::engine::record::{Section, section};
        let is_one = record.kind == Kind::Relayed;
        is_one.then(|| serde_json::from_slice(section(&record.body, Section::Relay)?).ok()).flatten()
    }
}
