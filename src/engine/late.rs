//! FIND's answers that come after the lane's deadline.
//!
//! The traveller may have left, the word still counts: it is recorded beside the screening that it belongs to, and a
//! hit is told.

use std::sync::Arc;

use postern_sdk::{Answer, Database, Finding, Query};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Receiver;

use super::handler::Shared;
use super::record::{Body, Section};
use crate::journal::{Entry, Kind};
use crate::screening::Late;

/// What the record of a late answer holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct LateRecord {
    /// The subject's place in the exchange, from 0.
    pub subject: usize,
    /// The question.
    pub query: Query,
    /// The answers.
    pub answers: Vec<Answer>,
}

/// Records late answers for as long as there are screenings.
pub async fn record_late(shared: Arc<Shared>, mut late: Receiver<Late>) {
    while let Some(Late { reference, subject, query, answers }) = late.recv().await {
        let found: Vec<Database> =
            answers.iter().filter(|answer| is_hit(answer)).map(|answer| answer.database).collect();
        let record = LateRecord { subject, query, answers };
        let body = Body::new().json(Section::Late, &record).into_bytes();
        let recorded = shared.journal.append(Entry::new(Kind::LateAnswer, reference.0, body)).await;
        metrics::counter!("postern_late_answers_total").increment(1);
        if !found.is_empty() {
            shared.stats.late_hit();
            let databases: Vec<_> = found.iter().map(|database| database.code()).collect();
            let durable = recorded.is_ok();
            tracing::warn!(%reference, ?databases, durable, "FIND told a hit after the lane's deadline.");
        }
    }
}

fn is_hit(answer: &Answer) -> bool {
    matches!(answer.finding, Finding::Hits(_))
}
