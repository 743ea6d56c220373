//! What happens to one frame.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use postern_sdk::{
    Adapter, Context, Control, Database, Exchange, Fault, FaultCode, Inbound, LinkOptions, Message, Outcome,
    Reason, Reference, Reply, Stamp, Told, Verdict, View,
};
use tokio::time::{Instant, timeout_at};

use super::duplicates::{Claim, Content, Duplicates, InFlight, SenderKey, Sent};
use super::parts::Parts;
use super::recent::{Recents, recents};
use super::record::{Body, Section, Trip, replies};
use super::stats::{LaneStats, Stats};
use crate::clock::{Clock, Reading};
use crate::grants::{Decision, Grants, Operation};
use crate::ids::new_id;
use crate::journal::{Entry, Journal, Kind, Position};
use crate::lane::{Frame, Handled, Handler, Handling, Receipt};
use crate::screening::{Mode, Order, Policy, Screened, Screener};

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
#[derive(Clone)]
pub struct LaneHandler(Arc<Desk>);

/// The desk at which a lane's messages are answered.
struct Desk {
    shared: Arc<Shared>,
    settings: LaneSettings,
    stats: LaneStats,
    control: AtomicU64,
    parts: Parts,
    from_memory: bool,
}

/// One message on its way.
struct Call<'a> {
    frame: &'a Frame,
    reference: Reference,
    received: Reading,
    screening_deadline: Instant,
    deadline: Instant,
}

/// A question that was screened, before it is durable.
struct Answered {
    exchange: Arc<Exchange>,
    screened: Screened,
    view: View,
    asked: Timestamp,
    answered: Timestamp,
    replies: Vec<Reply>,
}

impl LaneHandler {
    /// A handler of a lane.
    pub fn new(shared: Arc<Shared>, settings: LaneSettings) -> Self {
        let stats = LaneStats::new(&settings.name);
        let from_memory =
            settings.policy.databases.values().all(|mode| matches!(mode, Mode::Mind | Mode::MindThenFind));
        let parts = Parts::new(settings.subjects_max);
        Self(Arc::new(Desk { shared, settings, stats, control: AtomicU64::new(1), parts, from_memory }))
    }
}

impl Handler for LaneHandler {
    fn handle(&self, frame: Frame) -> Handling {
        let desk = Arc::clone(&self.0);
        Box::pin(async move { desk.answer(frame).await })
    }

    fn sent(&self, receipt: Receipt, written: bool) {
        for reference in receipt.0 {
            let entry = Entry::new(Kind::ReplySent, reference.0, vec![u8::from(written)]);
            // Dropped under load: it is counted by the journal, and the answer's own record stands.
            let _ = self.0.shared.journal.append_unsynced(entry);
        }
    }

    fn refuse(&self, fault: Fault, _client: Option<&str>) -> Reply {
        self.0.count_refusal();
        self.0.refusal(&fault, &self.0.stamp(reference(self.0.shared.clock.now()), View::Gate))
    }

    fn closed(&self, link: u64) {
        self.0.parts.forget(link);
    }
}

impl Desk {
    /// Answers a frame. The replies are durable when they come back.
    async fn answer(&self, frame: Frame) -> Handled {
        let _announced = self.from_memory.then(|| self.shared.journal.expect());
        let mut handled = Handled::default();
        for fault in self.parts.expired(frame.link) {
            handled.replies.push(self.refuse_message(&fault, &self.call(&frame)));
        }
        for inbound in self.decode(&frame.bytes) {
            let call = self.call(&frame);
            match self.inbound(inbound, &call).await {
                Ok(replies) => {
                    handled.receipt.0.push(call.reference);
                    handled.replies.extend(replies);
                }
                Err(fault) => handled.replies.push(self.refuse_message(&fault, &call)),
            }
        }
        handled
    }

    fn call<'a>(&self, frame: &'a Frame) -> Call<'a> {
        let deadline = frame.received + self.settings.deadline;
        let received = self.shared.clock.read();
        Call {
            frame,
            reference: reference(received.now),
            received,
            screening_deadline: deadline - self.settings.commit_budget,
            deadline,
        }
    }

    fn decode(&self, bytes: &[u8]) -> Vec<Inbound> {
        let decoded =
            catch_unwind(AssertUnwindSafe(|| self.settings.adapter.decode(bytes, &self.settings.options)));
        match decoded {
            Ok(inbounds) if !inbounds.is_empty() => inbounds,
            _ => vec![Inbound::Fault(Fault::new(FaultCode::INTERNAL))],
        }
    }

    async fn inbound(&self, inbound: Inbound, call: &Call<'_>) -> Result<Vec<Reply>, Fault> {
        match inbound {
            Inbound::Query(exchange) => self.query(exchange, call).await,
            Inbound::Control(control) => Ok(self.control(&control, call)),
            Inbound::Fault(fault) => Err(fault),
            Inbound::Part(part) => match self.parts.add(call.frame.link, part)? {
                Some(exchange) => self.query(exchange, call).await,
                None => Ok(Vec::new()),
            },
        }
    }

    fn control(&self, control: &Control, call: &Call<'_>) -> Vec<Reply> {
        let stamp = self.stamp(call.reference, View::Gate);
        self.settings.adapter.acknowledge(control, &stamp).into_iter().collect()
    }

    async fn query(&self, mut exchange: Exchange, call: &Call<'_>) -> Result<Vec<Reply>, Fault> {
        if exchange.context.sender_id.is_none() {
            exchange.context.sender_id.clone_from(&call.frame.sender_id);
        }
        let exchange = Arc::new(self.with_context(exchange, call));
        self.admitted(&exchange, call).await.map_err(|fault| Fault {
            sender_id: exchange.context.sender_id.clone(),
            native: exchange.native.clone(),
            ..fault
        })
    }

    fn with_context(&self, mut exchange: Exchange, call: &Call<'_>) -> Exchange {
        exchange.context.supply(&self.settings.context);
        exchange.context.client.clone_from(&call.frame.client.name);
        exchange
    }

    async fn admitted(&self, exchange: &Arc<Exchange>, call: &Call<'_>) -> Result<Vec<Reply>, Fault> {
        let admitted = self.admit(exchange, call.received)?;
        match self.claim(exchange, call).await? {
            Claimed::New(guard) => self.screen(exchange, admitted, call, guard).await,
            Claimed::Answered(position) => self.answered_before(position),
        }
    }

    /// Checks context, size and grant. The view is what both the lane and the grant allow.
    fn admit(&self, exchange: &Exchange, reading: Reading) -> Result<Admitted, Fault> {
        if let Some(field) = exchange.context.missing().first() {
            return Err(Fault::new(FaultCode::CONTEXT).field(field.code()));
        }
        match exchange.subjects.len() {
            0 => return Err(Fault::new(FaultCode::EMPTY)),
            count if count > self.settings.subjects_max => {
                return Err(Fault::new(FaultCode::TOO_MANY_SUBJECTS));
            }
            _ => {}
        }
        let databases = self.settings.policy.databases.keys().copied();
        match self.shared.grants.load().decide(&exchange.context, Operation::Search, databases, reading) {
            Decision::Granted { view, barred } => Ok(Admitted { view: view.min(self.settings.view), barred }),
            Decision::Denied(denial) => {
                tracing::warn!(
                    client = exchange.context.client,
                    code = denial.code(),
                    "A client was denied."
                );
                Err(Fault::new(FaultCode::DENIED))
            }
        }
    }

    /// Claims the sender's id, if there is one.
    async fn claim(&self, exchange: &Exchange, call: &Call<'_>) -> Result<Claimed, Fault> {
        let Some(sender_id) = &exchange.context.sender_id else { return Ok(Claimed::New(None)) };
        let key = SenderKey::of(&exchange.context.client, sender_id);
        let sent = Sent { key, content: Content::of(&exchange.subjects) };
        loop {
            match self.shared.duplicates.claim(sent, call.received.now) {
                Claim::New(guard) => return Ok(Claimed::New(Some(guard))),
                Claim::Answered(position) => return Ok(Claimed::Answered(position)),
                Claim::Reused => return Err(Fault::new(FaultCode::SENDER_ID_REUSED)),
                Claim::Wait(mut done) => {
                    let waited = timeout_at(call.deadline, done.changed()).await;
                    waited.map_err(|_| Fault::new(FaultCode::UNABLE))?.unwrap_or_default();
                }
            }
        }
    }

    /// The replies of an earlier message with the same sender's id.
    fn answered_before(&self, position: Position) -> Result<Vec<Reply>, Fault> {
        self.stats.duplicate();
        let read = || self.shared.journal.read(position);
        let replies = tokio::task::block_in_place(read).map(|body| replies(&body)).unwrap_or_default();
        if replies.is_empty() { Err(Fault::new(FaultCode::UNABLE)) } else { Ok(replies) }
    }

    async fn screen(
        &self,
        exchange: &Arc<Exchange>,
        admitted: Admitted,
        call: &Call<'_>,
        guard: Option<InFlight>,
    ) -> Result<Vec<Reply>, Fault> {
        let order = Order {
            exchange: Arc::clone(exchange),
            reference: call.reference,
            policy: Arc::clone(&self.settings.policy),
            barred: admitted.barred,
            deadline: call.screening_deadline,
        };
        let asked = self.shared.clock.now();
        let screened = self.shared.screener.screen(order).await;
        let answered = self.shared.clock.now();
        let replies =
            self.encode(exchange, &screened.outcomes, &self.stamp(call.reference, admitted.view))?;
        let exchange = Arc::clone(exchange);
        let answered = Answered { exchange, screened, view: admitted.view, asked, answered, replies };
        self.commit(answered, call, guard).await
    }

    fn encode(&self, exchange: &Exchange, outcomes: &[Outcome], stamp: &Stamp) -> Result<Vec<Reply>, Fault> {
        let told: Vec<Told> = outcomes.iter().map(|outcome| Told::of(outcome, stamp.view)).collect();
        let adapter = &self.settings.adapter;
        let encoded =
            catch_unwind(AssertUnwindSafe(|| adapter.encode(exchange, &told, Message::Answer, stamp)));
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
        call: &Call<'_>,
        guard: Option<InFlight>,
    ) -> Result<Vec<Reply>, Fault> {
        let body = self.body(&answered, call, guard.as_ref().map(InFlight::sent));
        let entry = Entry::new(Kind::Screening, call.reference.0, body);
        let committed = timeout_at(call.deadline, self.shared.journal.append(entry)).await;
        let Ok(Ok(position)) = committed else {
            self.tell_unrecorded(&answered.screened.outcomes, call.reference);
            return Err(Fault::new(FaultCode::UNABLE));
        };
        if let Some(guard) = guard {
            guard.answered(position, answered.answered);
        }
        self.note(&answered, call);
        Ok(answered.replies)
    }

    fn body(&self, answered: &Answered, call: &Call<'_>, sent: Option<Sent>) -> Vec<u8> {
        let trip = Trip {
            reference: call.reference,
            lane: self.settings.name.clone(),
            view: answered.view,
            received: call.received.now,
            asked: answered.asked,
            answered: answered.answered,
            native_bytes: u32::try_from(call.frame.bytes.len()).unwrap_or(u32::MAX),
            clock_trusted: call.received.trusted,
        };
        let mut body = Body::new();
        if let Some(sent) = sent {
            body = body.bytes(Section::Sent, &sent.to_bytes());
        }
        body = body
            .json(Section::Trip, &trip)
            .json(Section::Exchange, &*answered.exchange)
            .json(Section::Outcomes, &answered.screened.outcomes)
            .json(Section::Follow, &answered.screened.follow);
        for reply in &answered.replies {
            body = body.reply(reply);
        }
        body.bytes(Section::Native, &call.frame.bytes).into_bytes()
    }

    fn note(&self, answered: &Answered, call: &Call<'_>) {
        let outcomes = &answered.screened.outcomes;
        let elapsed = call.frame.received.elapsed();
        self.stats.answered(outcomes, elapsed);
        self.shared.stats.answered(outcomes, elapsed);
        let us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let name = &self.settings.name;
        let is_hit = outcomes.iter().any(is_hit);
        let note = || recents(&answered.exchange, outcomes, call.reference, name, answered.answered, us);
        self.shared.recents.note(note, is_hit, answered.answered);
    }

    /// A hit that the journal can't record is told at once, marked as such: the traveller stands at the gate.
    fn tell_unrecorded(&self, outcomes: &[Outcome], reference: Reference) {
        self.stats.unrecorded();
        let hits = outcomes.iter().filter(|outcome| is_hit(outcome)).count();
        if hits > 0 {
            let lane = &self.settings.name;
            tracing::error!(lane, %reference, hits, "A hit could not be recorded; the lane was told to refer.");
        }
    }

    /// Refuses a message and records the refusal, without waiting: a refusal asserts nothing.
    fn refuse_message(&self, fault: &Fault, call: &Call<'_>) -> Reply {
        self.count_refusal();
        let (lane, reference) = (&self.settings.name, call.reference);
        tracing::debug!(lane, %reference, code = fault.code.as_str(), "Refused a message.");
        let reply = self.refusal(fault, &self.stamp(reference, View::Gate));
        let body =
            Body::new().json(Section::Fault, fault).reply(&reply).bytes(Section::Native, &call.frame.bytes);
        let entry = Entry::new(Kind::Refusal, reference.0, body.into_bytes());
        // Dropped under a flood of refusals: the journal counts it.
        let _ = self.shared.journal.append_unsynced(entry);
        reply
    }

    fn count_refusal(&self) {
        self.stats.refused();
        self.shared.stats.refused();
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
            environment: self.settings.context.environment,
        }
    }
}

/// What the grant allows.
struct Admitted {
    view: View,
    barred: Vec<(Database, Reason)>,
}

/// What became of a claim.
enum Claimed {
    /// To be answered; without a guard there is no sender's id.
    New(Option<InFlight>),
    /// Answered before, by this record.
    Answered(Position),
}

fn reference(now: Timestamp) -> Reference {
    Reference(new_id(now))
}

fn is_hit(outcome: &Outcome) -> bool {
    outcome.verdict() <= Verdict::PossibleHit
}
