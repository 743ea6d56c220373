//! One row: ask the grant, write down the intent, screen, write down what came of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use postern_json::JsonAdapter;
use postern_sdk::{
    Adapter, Database, Exchange, Fault, FaultCode, Message, Reason, Reply, Stamp, Told, Verdict, View,
};
use tokio::time::Instant;

use super::record::{BatchRecord, RowMark, Submission, row_reference};
use super::rows::Row;
use super::status::BatchState;
use crate::clock::Reading;
use crate::engine::record::{Body, Section, Trip};
use crate::engine::{Shared, recents};
use crate::grants::{Decision, Operation};
use crate::journal::{Entry, Kind};
use crate::screening::{Order, Policy, Screened, Screener};

/// What stands in a record and on the console where a lane's name stands otherwise.
const LANE: &str = "batch";

/// Subjects of one row: all of them are asked at once.
const SUBJECTS_MAX: usize = 16;

/// Where rows are answered.
pub(super) struct Desk {
    pub(super) shared: Arc<Shared>,
    pub(super) screener: Screener,
    /// How long a row may take.
    pub(super) row_timeout: Duration,
}

/// A row that is to be answered.
pub(super) struct Task {
    pub(super) submission: Arc<Submission>,
    pub(super) policy: Arc<Policy>,
    pub(super) row: Row,
    pub(super) attempt: u32,
}

/// What came of a row.
pub(super) enum Came {
    /// It was screened, and its answer is durable.
    Screened {
        /// Whether there is a hit or a possible one.
        hit: bool,
    },
    /// It can't be asked, and its refusal is durable.
    Refused,
    /// Nothing: it must be asked again when its cause is over.
    Held(BatchState),
}

/// A row that was dealt with.
pub(super) struct Done {
    pub(super) task: Task,
    pub(super) came: Came,
}

/// What is known of a row before it is asked.
struct Admitted {
    view: View,
    barred: Vec<(Database, Reason)>,
    received: Reading,
}

impl Task {
    fn mark(&self) -> RowMark {
        RowMark { batch: self.submission.id, line: self.row.line, attempt: self.attempt }
    }
}

impl Desk {
    /// Answers a row.
    pub(super) async fn answer(&self, mut task: Task) -> Done {
        let came = match self.asked(&task) {
            Err(fault) => self.refuse(&task, &fault).await,
            Ok(exchange) => {
                let screened = AssertUnwindSafe(self.admitted(&mut task, &exchange)).catch_unwind().await;
                match screened {
                    Ok(came) => came,
                    // It would panic again: the row must not hold up the others for ever.
                    Err(_) => self.refuse(&task, &Fault::new(FaultCode::INTERNAL)).await,
                }
            }
        };
        Done { task, came }
    }

    /// The row's question with its whole context.
    fn asked(&self, task: &Task) -> Result<Arc<Exchange>, Fault> {
        let mut exchange = task.row.question.clone()?;
        if exchange.subjects.len() > SUBJECTS_MAX {
            return Err(Fault::new(FaultCode::TOO_MANY_SUBJECTS));
        }
        exchange.context.supply(&task.submission.context);
        match exchange.context.missing().first() {
            Some(field) => Err(Fault::new(FaultCode::CONTEXT).field(field.code())),
            None => Ok(Arc::new(exchange)),
        }
    }

    async fn admitted(&self, task: &mut Task, exchange: &Arc<Exchange>) -> Came {
        let received = self.shared.clock.read();
        let databases = task.policy.databases.keys().copied();
        let decision =
            self.shared.grants.load().decide(&exchange.context, Operation::Search, databases, received);
        // A denial is the client's and not the row's: it may be over when the document is a newer one.
        let Decision::Granted { view, barred } = decision else {
            return Came::Held(BatchState::WaitsForGrant);
        };
        if !self.begin(task).await {
            return Came::Held(BatchState::WaitsForJournal);
        }
        let came = self.screen(task, exchange, Admitted { view, barred, received }).await;
        if matches!(came, Came::Held(_)) {
            task.attempt = task.attempt.saturating_add(1);
        }
        came
    }

    /// Makes the intent durable.
    async fn begin(&self, task: &Task) -> bool {
        let body = Body::new().json(Section::Batch, &BatchRecord::Begun(task.mark())).into_bytes();
        self.append(task, Kind::Inbox, body).await
    }

    async fn screen(&self, task: &Task, exchange: &Arc<Exchange>, admitted: Admitted) -> Came {
        let begun = Instant::now();
        let Admitted { view, barred, received } = admitted;
        let order = Order {
            exchange: Arc::clone(exchange),
            reference: row_reference(task.submission.id, task.row.line),
            policy: Arc::clone(&task.policy),
            barred,
            deadline: begun + self.row_timeout,
        };
        let asked = self.shared.clock.now();
        let screened = self.screener.screen(order).await;
        let answered = self.shared.clock.now();
        let trip = Trip {
            reference: row_reference(task.submission.id, task.row.line),
            lane: LANE.to_owned(),
            view,
            received: received.now,
            asked,
            answered,
            native_bytes: u32::try_from(task.row.native.len()).unwrap_or(u32::MAX),
            clock_trusted: received.trusted,
        };
        let reply = match encoded(exchange, &screened, &trip) {
            Ok(reply) => reply,
            Err(fault) => return self.refuse(task, &fault).await,
        };
        let hit = screened.outcomes.iter().any(|outcome| outcome.verdict() <= Verdict::PossibleHit);
        if !self.append(task, Kind::Screening, body(task, exchange, &screened, &trip, &reply, hit)).await {
            if hit {
                tracing::error!(reference = %trip.reference, "A hit of a batch could not be recorded.");
            }
            return Came::Held(BatchState::WaitsForJournal);
        }
        let us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let note = || recents(exchange, &screened.outcomes, trip.reference, LANE, answered, us);
        self.shared.recents.note(note, hit, answered);
        Came::Screened { hit }
    }

    async fn refuse(&self, task: &Task, fault: &Fault) -> Came {
        let step = BatchRecord::Answered { row: task.mark(), hit: false };
        let body = Body::new()
            .json(Section::Batch, &step)
            .json(Section::Fault, fault)
            .bytes(Section::Native, &task.row.native)
            .into_bytes();
        let refused = self.append(task, Kind::Refusal, body).await;
        if refused { Came::Refused } else { Came::Held(BatchState::WaitsForJournal) }
    }

    async fn append(&self, task: &Task, kind: Kind, body: Vec<u8>) -> bool {
        let matter = row_reference(task.submission.id, task.row.line).0;
        self.shared.journal.append(Entry::new(kind, matter, body)).await.is_ok()
    }
}

/// The answer as the JSON format gives it, in the view of the grant.
fn encoded(exchange: &Exchange, screened: &Screened, trip: &Trip) -> Result<Reply, Fault> {
    let told: Vec<Told> = screened.outcomes.iter().map(|outcome| Told::of(outcome, trip.view)).collect();
    let stamp = Stamp {
        reference: trip.reference,
        at: trip.answered,
        control: 0,
        view: trip.view,
        environment: exchange.context.environment,
    };
    let mut replies = JsonAdapter.encode(exchange, &told, Message::Answer, &stamp)?;
    replies.pop().ok_or(Fault::new(FaultCode::INTERNAL))
}

fn body(
    task: &Task,
    exchange: &Exchange,
    screened: &Screened,
    trip: &Trip,
    reply: &Reply,
    hit: bool,
) -> Vec<u8> {
    Body::new()
        .json(Section::Batch, &BatchRecord::Answered { row: task.mark(), hit })
        .json(Section::Trip, trip)
        .json(Section::Exchange, exchange)
        .json(Section::Outcomes, &screened.outcomes)
        .json(Section::Follow, &screened.follow)
        .reply(reply)
        .bytes(Section::Native, &task.row.native)
        .into_bytes()
}
