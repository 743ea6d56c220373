//! What screening needs of a source of answers. FIND and the copy both implement it, so that a database, a mode or a
//! source can be added without touching the rest.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use postern_sdk::{Answer, Context, Database, Query, Reference, Source};
use tokio::time::Instant;

/// One query to one source, about one or more databases.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The exchange's reference.
    pub reference: Reference,
    /// Who asks, where and why; whether in silence.
    pub context: Arc<Context>,
    /// The question.
    pub query: Query,
    /// The query's place in the plan, to be given back in each answer.
    pub number: u16,
    /// The databases that are asked.
    pub databases: Vec<Database>,
    /// When the answer is of no more use to the lane. A source may go on after it: a late answer is still taken.
    pub deadline: Instant,
}

/// The answers of a source: one for each database that was asked, in any order.
pub type Answers = Pin<Box<dyn Future<Output = Vec<Answer>> + Send>>;

/// A source of answers.
pub trait Lookup: Send + Sync {
    /// Which source this is.
    fn source(&self) -> Source;

    /// Asks. Every failure is an answer `not checked` with its reason; each database that was asked gets an answer.
    fn ask(self: Arc<Self>, ask: Ask) -> Answers;

    /// Asks a source that answers from memory, at once and without waiting. None if this source has to wait.
    fn ask_now(&self, _ask: &Ask) -> Option<Vec<Answer>> {
        None
    }
}
