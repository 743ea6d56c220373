//! Where the questions of edges are answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use postern_sdk::{
    Answer, Context, Database, Environment, Fault, Finding, Hit, Reason, Reply, Score, Source, View,
};
use tokio::time::{Instant, timeout};

use super::edge::{Edge, EdgeStatus, time};
use super::record::RelayRecord;
use super::refusal::Refusal;
use crate::clock::Reading;
use crate::config::settings::RelayEdge;
use crate::engine::{Body, Section, Shared};
use crate::find::relay::{Asked, Question, Told};
use crate::grants::{Decision, Operation};
use crate::journal::{Entry, Kind};
use crate::lane::{Frame, Handled, Handler, Handling, Receipt};
use crate::screening::{Ask, Lookup};

/// How long the journal may take: an edge that still waits then has long answered its lane.
const RECORD_LIMIT: Duration = Duration::from_secs(10);

/// Databases of one question at most: more than there are, for edges of a later version.
const DATABASES_MAX: usize = 32;

/// The name under which strangers are counted, so that the list is bounded.
const STRANGER: &str = "unknown";

/// FIND for the two kinds of questions.
pub struct Sources {
    /// For questions of lanes.
    pub for_lanes: Arc<dyn Lookup>,
    /// For questions that can wait.
    pub in_background: Arc<dyn Lookup>,
}

/// Answers the questions of edges.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    find: Sources,
    environment: Environment,
    /// How much of a question's time is kept back for the commit.
    commit_budget: Duration,
    edges: BTreeMap<String, Edge>,
}

impl Desk {
    /// A desk for these edges.
    pub fn new(
        shared: Arc<Shared>,
        find: Sources,
        environment: Environment,
        commit_budget: Duration,
        edges: &BTreeMap<String, RelayEdge>,
    ) -> Self {
        let edges = edges.iter().map(|(name, share)| (name.clone(), Edge::new(name, *share))).collect();
        Self(Arc::new(Inner { shared, find, environment, commit_budget, edges }))
    }

    /// Each edge's state, for the console.
    pub fn status(&self) -> Vec<EdgeStatus> {
        self.0.edges.values().map(Edge::status).collect()
    }
}

impl Handler for Desk {
    fn handle(&self, frame: Frame) -> Handling {
        let desk = Arc::clone(&self.0);
        Box::pin(async move { desk.handled(&frame).await })
    }

    fn sent(&self, receipt: Receipt, written: bool) {
        for reference in receipt.0 {
            let entry = Entry::new(Kind::ReplySent, reference.0, vec![u8::from(written)]);
            // Dropped under load: it is counted by the journal, and the answers' own record stands.
            let _ = self.0.shared.journal.append_unsynced(entry);
        }
    }

    fn refuse(&self, fault: Fault, _client: Option<&str>) -> Reply {
        Refusal::from(&fault).reply()
    }
}

impl Inner {
    async fn handled(&self, frame: &Frame) -> Handled {
        let name = frame.client.name.as_str();
        let edge = self.edges.get(name);
        let answered = match edge {
            Some(edge) => self.answered(edge, name, frame).await,
            None => Err(Refusal::NotAnEdge),
        };
        let refused = answered.as_ref().err().copied();
        let code = refused.map_or("answered", Refusal::code);
        let label = if edge.is_some() { name } else { STRANGER };
        let labels = [("edge", label.to_owned()), ("result", code.to_owned())];
        metrics::counter!("postern_relay_questions_total", &labels).increment(1);
        if refused.is_some_and(|refusal| !refusal.is_of_the_share()) {
            tracing::warn!(edge = name, peer = %frame.peer, code, "A question of an edge was refused.");
        }
        match answered {
            Ok(told) => {
                let receipt = Receipt(told.reference.into_iter().collect());
                let body = serde_json::to_vec(&told).unwrap_or_default();
                Handled { replies: vec![Reply::new(body, "application/json")], receipt, close: false }
            }
            Err(refusal) => Handled { replies: vec![refusal.reply()], ..Handled::default() },
        }
    }

    async fn answered(&self, edge: &Edge, name: &str, frame: &Frame) -> Result<Told, Refusal> {
        let asked: Asked = serde_json::from_slice(&frame.bytes).map_err(|_| Refusal::Malformed)?;
        if asked.environment != self.environment {
            return Err(Refusal::WrongEnvironment);
        }
        let Some(question) = asked.question else { return Ok(Told { reference: None, answers: Vec::new() }) };
        let answered = self.of_edge(edge, name, &question, frame.received).await;
        edge.note(self.shared.clock.now(), answered.as_ref().err().copied());
        Ok(Told { reference: Some(question.reference), answers: answered? })
    }

    /// The answers to a question of an edge: admitted, asked and recorded.
    async fn of_edge(
        &self,
        edge: &Edge,
        name: &str,
        question: &Question,
        received: Instant,
    ) -> Result<Vec<Answer>, Refusal> {
        check(question, self.environment)?;
        let _place = edge.enter(question, received).await?;
        let reading = self.shared.clock.read();
        let record = RelayRecord::of(name, question, reading);
        let context = Context { client: name.to_owned(), ..question.context.clone() };
        let (view, barred) = match self.granted(&context, question, reading) {
            Ok(granted) => granted,
            Err(refusal) => return Err(self.refused(question, record, refusal)),
        };
        let mut answers = self.ask(question, context, &barred, received).await;
        self.record(question, record, &answers).await?;
        if view < View::Full {
            answers.iter_mut().for_each(strip);
        }
        Ok(answers)
    }

    /// How much the edge sees, and the databases that are not asked for it.
    fn granted(
        &self,
        context: &Context,
        question: &Question,
        reading: Reading,
    ) -> Result<(View, Vec<(Database, Reason)>), Refusal> {
        let databases = question.databases.iter().copied().filter(|database| *database != Database::Unknown);
        match self.shared.grants.load().decide(context, Operation::Search, databases, reading) {
            Decision::Granted { view, barred } => Ok((view, barred)),
            Decision::Denied(denial) => Err(Refusal::Denied(denial)),
        }
    }

    /// Asks what may be asked; an answer for each database of the question, the unknown ones as one.
    async fn ask(
        &self,
        question: &Question,
        context: Context,
        barred: &[(Database, Reason)],
        received: Instant,
    ) -> Vec<Answer> {
        let reason_of = |database: &Database| match database {
            Database::Unknown => Some(Reason::NotConfigured),
            known => barred.iter().find(|(one, _)| one == known).map(|(_, reason)| *reason),
        };
        let not_asked = |database: &Database| {
            let finding = Finding::NotChecked(reason_of(database)?);
            Some(Answer::new(*database, question.number, Source::Find, finding))
        };
        let mut answers: Vec<Answer> = question.databases.iter().filter_map(not_asked).collect();
        let databases: Vec<Database> =
            question.databases.iter().copied().filter(|database| reason_of(database).is_none()).collect();
        if databases.is_empty() {
            return answers;
        }
        let time = time(question);
        let ask = Ask {
            reference: question.reference,
            context: Arc::new(context),
            query: question.query.clone(),
            number: question.number,
            databases,
            deadline: received + time.saturating_sub(self.commit_budget.min(time / 4)),
        };
        let Sources { for_lanes, in_background } = &self.find;
        let source = if question.can_wait { in_background } else { for_lanes };
        answers.extend(Arc::clone(source).ask(ask).await);
        answers
    }

    /// Makes the answers durable.
    async fn record(
        &self,
        question: &Question,
        record: RelayRecord,
        answers: &[Answer],
    ) -> Result<(), Refusal> {
        let record = RelayRecord { answers: answers.to_vec(), answered: self.shared.clock.now(), ..record };
        let recorded = timeout(RECORD_LIMIT, self.shared.journal.append(entry(question, &record))).await;
        if matches!(recorded, Ok(Ok(_))) {
            return Ok(());
        }
        let hits = answers.iter().filter(|answer| !answer.finding.hits().is_empty()).count();
        if hits > 0 {
            let (edge, reference) = (record.edge, question.reference);
            tracing::error!(edge, %reference, hits, "A hit for an edge could not be recorded, so the edge was not told.");
        }
        Err(Refusal::NotRecorded)
    }

    /// Records a refusal, without waiting: it asserts nothing.
    fn refused(&self, question: &Question, record: RelayRecord, refusal: Refusal) -> Refusal {
        let record = RelayRecord { refused: Some(refusal.code().to_owned()), ..record };
        // Dropped under a flood of refusals: the journal counts it.
        let _ = self.shared.journal.append_unsynced(entry(question, &record));
        refusal
    }
}

/// Whether a question can be asked at all.
fn check(question: &Question, environment: Environment) -> Result<(), Refusal> {
    if question.context.environment != environment {
        return Err(Refusal::WrongEnvironment);
    }
    if let Some(field) = question.context.missing().first() {
        return Err(Refusal::ContextIncomplete(*field));
    }
    let mut databases = question.databases.clone();
    databases.sort_unstable();
    let repeated = databases.windows(2).any(|two| two[0] == two[1] && two[0] != Database::Unknown);
    let count = question.databases.len();
    let sound = (1..=DATABASES_MAX).contains(&count) && !repeated;
    if sound { Ok(()) } else { Err(Refusal::NoDatabase) }
}

fn entry(question: &Question, record: &RelayRecord) -> Entry {
    let body = Body::new().json(Section::Relay, record).into_bytes();
    Entry::new(Kind::Relayed, question.reference.0, body)
}

/// Leaves of each hit how it matches, and nothing of the record.
fn strip(answer: &mut Answer) {
    answer.withdrawn.clear();
    let Finding::Hits(hits) = &mut answer.finding else { return };
    for hit in hits {
        let score = hit.score.take().map(|score| Score { reason: None, ..score });
        let remarks = std::mem::take(&mut hit.remarks);
        *hit = Hit { remarks, score, ..Hit::new(hit.class, "") };
    }
}
