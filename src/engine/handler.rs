//! What happens to one frame.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use postern_sdk::{
    Adapter, Context, Control, Environment, Exchange, Fault, FaultCode, Inbound, LinkOptions, Message, Outcome, Reference,
    Reply, Stamp, Told, Verdict, View,
};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::duplicates::{Claim, Duplicates, InFlight, SenderKey};
use super::recent::{Recents, recents};
use super::record::{Body, Section, Trip, replies};
use super::stats::{LaneStats, Stats};
use crate::clock::{Clock, Reading};
use crate::grants::{Decision, Grants};
use crate::journal::{Entry, Journal, Kind, Position};
use crate::lane::{Frame, Handled, Receipt};
use crate::screening::{Order, Policy, Screened, Screener};

/// What all lanes share.
pub struct Shared {
    /// The time.
    pub clock: Clock,
    /// The journal.
    pub journal: Journal,
    /// The sources, and the core that asks them.
    pub screener: Screener,
    /// What the bureau grants to whom. A reload swaps it.
    pub grants: ArcSwap<Grants>,
    /// The sender's ids of the window.
    pub duplicates: Duplicates,
    /// The latest outcomes.
    pub recents: Recents,
    /// The figures.
    pub stats: Stats,
}

/// One lane's settings.
pub struct LaneSettings {
    /// The lane's name.
    pub name: String,
    /// The adapter of the native format.
    pub adapter: Arc<dyn Adapter>,
    /// The adapter's options on this lane.
    pub options: LinkOptions,
    /// Which databases are asked, and how.
    pub policy: Arc<Policy>,
    /// How long an answer may take, from the last byte of the question.
    pub deadline: Duration,
    /// How much of the deadline is kept back for the commit.
    pub commit_budget: Duration,
    /// How much a client sees at most.
    pub view: View,
    /// What the native format lacks of the context. The client's name is filled in for each frame.
    pub context: Context,
    /// Subjects of one message at most.
    pub subjects_max: usize,
}

/// Answers the frames of one lane.
pub struct LaneHandler {
    shared: Arc<Shared>,
    settings: LaneSettings,
    stats: LaneStats,
    control: AtomicU64,
}

/// The points in time of one message.
struct Times {
    received: Reading,
    received_at: Instant,
    screening_deadline: Instant,
    deadline: Instant,
}

/// A question that was screened, before it is durable.
struct Answered {
    exchange: Arc<Exchange>,
    screened: Screened,
    view: View,
    asked: jiff::Timestamp,
    answered: jiff::Timestamp,
    replies: Vec<Reply>,
}

impl LaneHandler {
    /// A handler of a lane.
    pub fn new(shared: Arc<Shared>, settings: LaneSettings) -> Self {
        let stats = LaneStats::new(&settings.name);
        Self { shared, settings, stats, control: AtomicU64::new(1) }
    }

    /// Answers a frame. The replies are durable when they come back.
    pub async fn answer(&self, frame: Frame) -> Handled {
        let _announced = self.shared.journal.announce();
        let times = self.times(&frame);
        let mut handled = Handled::default();
        for inbound in self.decode(&frame.bytes) {
            self.inbound(inbound, &frame, &times, &mut handled).await;
        }
        handled
    }

    /// Notes that the reply of a receipt was written out, or could not be. The record is not waited for.
    pub fn sent(&self, receipt: &Receipt, written: bool) {
        for reference in &receipt.references {
            let body = vec![u8::from(written)];
            self.shared.journal.append_unsynced(Entry { kind: Kind::ReplySent, matter: reference.0, body });
        }
    }

    /// The native refusal of a frame that the lane could not read.
    pub fn refuse(&self, fault: &Fault) -> Reply {
        self.refusal(fault, &self.stamp(reference(), View::Gate))
    }

    fn times(&self, frame: &Frame) -> Times {
        let deadline = frame.received + self.settings.deadline;
        Times {
            received: self.shared.clock.read(),
            received_at: frame.received,
            screening_deadline: deadline - self.settings.commit_budget,
            deadline,
        }
    }

    fn decode(&self, bytes: &[u8]) -> Vec<Inbound> {
        let decoded = catch_unwind(AssertUnwindSafe(|| self.settings.adapter.decode(bytes, &self.settings.options)));
        match decoded {
            Ok(inbounds) if !inbounds.is_empty() => inbounds,
            _ => vec![Inbound::Fault(Fault::new(FaultCode::INTERNAL))],
        }
    }

    async fn inbound(&self, inbound: Inbound, frame: &Frame, times: &Times, handled: &mut Handled) {
        let reference = reference();
        let result = match inbound {
            Inbound::Query(exchange) => self.query(exchange, reference, frame, times).await,
            Inbound::Control(control) => Ok(self.control(&control, reference)),
            Inbound::Fault(fault) => Err(fault),
            Inbound::Part(_) => Err(Fault::new(FaultCode::UNSUPPORTED)),
        };
        handled.receipt.references.push(reference);
        match result {
            Ok(replies) => handled.replies.extend(replies),
            Err(fault) => handled.replies.push(self.refuse_message(&fault, reference, frame)),
        }
    }

    fn control(&self, control: &Control, reference: Reference) -> Vec<Reply> {
        let stamp = self.stamp(reference, View::Gate);
        self.settings.adapter.acknowledge(control, &stamp).into_iter().collect()
    }

    async fn query(
        &self,
        mut exchange: Exchange,
        reference: Reference,
        frame: &Frame,
        times: &Times,
    ) -> Result<Vec<Reply>, Fault> {
        let sender_id = exchange.context.sender_id.take().or_else(|| frame.sender_id.clone());
        exchange.context.sender_id.clone_from(&sender_id);
        let view = self.admit(&mut exchange, frame, times.received).map_err(|fault| fault.of(sender_id.clone()))?;
        let Some(sender_id) = sender_id else {
            return self.screen(exchange, reference, view, frame, times, None).await;
        };
        let key = SenderKey::of(&frame.client.name, &sender_id);
        match self.claim(key, times).await? {
            Claimed::New(guard) => self.screen(exchange, reference, view, frame, times, Some((key, guard))).await,
            Claimed::Answered(position) => self.answered_before(position),
        }
        .map_err(|fault| fault.of(Some(sender_id)))
    }

    /// Completes the context and checks it and the grant. The view is what both the lane and the grant allow.
    fn admit(&self, exchange: &mut Exchange, frame: &Frame, reading: Reading) -> Result<Admitted, Fault> {
        let defaults = Context { client: frame.client.name.clone(), ..self.settings.context.clone() };
        exchange.context.supply(&defaults);
        if let Some(field) = exchange.context.missing().first() {
            return Err(Fault::new(FaultCode::CONTEXT).field(format!("{field:?}").to_lowercase()));
        }
        match exchange.subjects.len() {
            0 => return Err(Fault::new(FaultCode::EMPTY)),
            count if count > self.settings.subjects_max => return Err(Fault::new(FaultCode::TOO_MANY_SUBJECTS)),
            _ => {}
        }
        let databases = self.settings.policy.databases.keys().copied();
        match self.shared.grants.load().decide(&exchange.context, databases, reading) {
            Decision::Granted { view, barred } => Ok(Admitted { view: view.min(self.settings.view), barred }),
            Decision::Denied => Err(Fault::new(FaultCode::DENIED)),
        }
    }

    async fn claim(&self, key: SenderKey, times: &Times) -> Result<Claimed, Fault> {
        loop {
            match self.shared.duplicates.claim(key, times.received.now) {
                Claim::New(guard) => return Ok(Claimed::New(guard)),
                Claim::Answered(position) => return Ok(Claimed::Answered(position)),
                Claim::Wait(mut done) => {
                    let waited = timeout_at(times.deadline, done.changed()).await;
                    waited.map_err(|_| Fault::new(FaultCode::UNABLE))?.unwrap_or_default();
                }
            }
        }
    }

    /// The replies of an earlier message with the same sender's id.
    fn answered_before(&self, position: Position) -> Result<Vec<Reply>, Fault> {
        self.stats.duplicate();
        let body = self.shared.journal.read(position).map_err(|_| Fault::new(FaultCode::UNABLE))?;
        let replies = replies(&body);
        if replies.is_empty() { Err(Fault::new(FaultCode::UNABLE)) } else { Ok(replies) }
    }

    async fn screen(
        &self,
        exchange: Exchange,
        reference: Reference,
        admitted: Admitted,
        frame: &Frame,
        times: &Times,
        sender: Option<(SenderKey, InFlight)>,
    ) -> Result<Vec<Reply>, Fault> {
        let exchange = Arc::new(exchange);
        let order = Order {
            exchange: Arc::clone(&exchange),
            reference,
            policy: Arc::clone(&self.settings.policy),
            barred: admitted.barred,
            deadline: times.screening_deadline,
        };
        let asked = self.shared.clock.now();
        let screened = self.shared.screener.screen(order).await;
        let answered = self.shared.clock.now();
        let replies = self.encode(&exchange, &screened.outcomes, &self.stamp(reference, admitted.view))?;
        let answered = Answered { exchange, screened, view: admitted.view, asked, answered, replies };
        self.commit(answered, reference, frame, times, sender).await
    }

    fn encode(&self, exchange: &Exchange, outcomes: &[Outcome], stamp: &Stamp) -> Result<Vec<Reply>, Fault> {
        let told: Vec<Told> = outcomes.iter().map(|outcome| Told::of(outcome, stamp.view)).collect();
        let adapter = &self.settings.adapter;
        let encoded = catch_unwind(AssertUnwindSafe(|| adapter.encode(exchange, &told, Message::Answer, stamp)));
        match encoded {
            Ok(Ok(replies)) if !replies.is_empty() => Ok(replies),
            Ok(Err(fault)) => Err(fault),
            _ => Err(Fault::new(FaultCode::INTERNAL)),
        }
    }

    /// Makes the answer durable, or refuses: no result leaves before it is.
    async fn commit(
        &self,
        answered: Answered,
        reference: Reference,
        frame: &Frame,
        times: &Times,
        sender: Option<(SenderKey, InFlight)>,
    ) -> Result<Vec<Reply>, Fault> {
        let body = self.body(&answered, reference, frame, times, sender.as_ref().map(|(key, _)| *key));
        let entry = Entry { kind: Kind::Screening, matter: reference.0, body };
        let committed = timeout_at(times.deadline, self.shared.journal.append(entry)).await;
        let outcomes = &answered.screened.outcomes;
        let Ok(Ok(position)) = committed else {
            tell_unrecorded_hits(outcomes, reference, &self.settings.name);
            return Err(Fault::new(FaultCode::UNABLE));
        };
        if let Some((_, guard)) = sender {
            guard.answered(position, answered.answered);
        }
        self.note(&answered, reference, times);
        Ok(answered.replies)
    }

    fn body(
        &self,
        answered: &Answered,
        reference: Reference,
        frame: &Frame,
        times: &Times,
        key: Option<SenderKey>,
    ) -> Vec<u8> {
        let trip = Trip {
            reference,
            lane: self.settings.name.clone(),
            view: answered.view,
            received: times.received.now,
            asked: answered.asked,
            answered: answered.answered,
            native_bytes: u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX),
            clock_trusted: times.received.trusted,
        };
        let mut body = Body::new();
        if let Some(key) = key {
            body = body.bytes(Section::SenderKey, &key.0);
        }
        body = body
            .json(Section::Trip, &trip)
            .json(Section::Exchange, &*answered.exchange)
            .json(Section::Outcomes, &answered.screened.outcomes)
            .json(Section::Follow, &answered.screened.follow);
        for reply in &answered.replies {
            body = body.reply(reply);
        }
        body.bytes(Section::Native, &frame.bytes).into_bytes()
    }

    fn note(&self, answered: &Answered, reference: Reference, times: &Times) {
        let outcomes = &answered.screened.outcomes;
        let elapsed = times.received_at.elapsed();
        self.stats.answered(outcomes, elapsed);
        self.shared.stats.answered(outcomes, elapsed);
        let us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let name = &self.settings.name;
        let is_hit = outcomes.iter().any(|outcome| outcome.verdict() <= Verdict::PossibleHit);
        let note = || recents(&answered.exchange, outcomes, reference, name, answered.answered, us);
        self.shared.recents.note(note, is_hit, answered.answered);
    }

    /// Refuses a message and notes the refusal, without waiting: a refusal asserts nothing.
    fn refuse_message(&self, fault: &Fault, reference: Reference, frame: &Frame) -> Reply {
        self.stats.refused();
        self.shared.stats.refused();
        tracing::debug!(lane = self.settings.name, %reference, code = fault.code.as_str(), "Refused a message.");
        let reply = self.refusal(fault, &self.stamp(reference, View::Gate));
        let body = Body::new().json(Section::Fault, fault).reply(&reply).bytes(Section::Native, &frame.bytes);
        let entry = Entry { kind: Kind::Refusal, matter: reference.0, body: body.into_bytes() };
        self.shared.journal.append_unsynced(entry);
        reply
    }

    fn refusal(&self, fault: &Fault, stamp: &Stamp) -> Reply {
        let adapter = &self.settings.adapter;
        let refused = catch_unwind(AssertUnwindSafe(|| adapter.refuse(fault, stamp)));
        refused.unwrap_or_else(|_| Reply::new("", "application/octet-stream"))
    }

    fn stamp(&self, reference: Reference, view: View) -> Stamp {
        Stamp {
            reference,
            at: self.shared.clock.now(),
            control: self.control.fetch_add(1, Ordering::Relaxed),
            view,
            environment: self.environment(),
        }
    }

    const fn environment(&self) -> Environment {
        self.settings.context.environment
    }
}

/// What the grant allows.
struct Admitted {
    view: View,
    barred: Vec<(postern_sdk::Database, postern_sdk::Reason)>,
}

/// What became of a claim.
enum Claimed {
    New(InFlight),
    Answered(Position),
}

fn reference() -> Reference {
    Reference(Uuid::now_v7())
}

/// A hit that the journal can't record is told at once, marked as such: the traveller stands at the gate.
fn tell_unrecorded_hits(outcomes: &[Outcome], reference: Reference, lane: &str) {
    let hits = outcomes.iter().filter(|outcome| outcome.verdict() <= Verdict::PossibleHit).count();
    metrics::counter!("postern_unrecorded_answers_total", "lane" => lane.to_owned()).increment(1);
    if hits > 0 {
        metrics::counter!("postern_unrecorded_hits_total", "lane" => lane.to_owned()).increment(1);
        tracing::error!(lane, %reference, hits, "A hit could not be recorded; the lane was told to refer.");
    }
}
