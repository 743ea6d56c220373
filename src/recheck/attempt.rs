//! One attempt: read the question, ask the grant, ask FIND, say what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use postern_sdk::{Answer, Context, Database, Finding, Outcome, Query, Reason, Reference, Source};
use tokio::time::{Instant, timeout_at};

use super::change::is_of_the_link;
use super::health::Heard;
use super::record::{Disagreement, PlaceState, RecheckRecord, Settling};
use super::store::{Job, JobKey};
use crate::engine::Shared;
use crate::engine::record::{Body, Recorded, Section};
use crate::grants::{Decision, Denial, Operation};
use crate::journal::{Entry, Kind};
use crate::screening::{Ask, Follow, Lookup, ceiling};

/// How long after its own deadline a request is given up, should FIND's limits fail.
const GIVE_UP: Duration = Duration::from_secs(30);

/// What an attempt needs.
pub(super) struct Desk {
    pub(super) shared: Arc<Shared>,
    pub(super) find: Arc<dyn Lookup>,
    /// How long an attempt may wait for its turn and its answer.
    pub(super) patience: Duration,
}

/// What came of an attempt.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) key: JobKey,
    /// The number of its record; none if there is nothing to record, or it could not be.
    pub(super) sequence: Option<u64>,
    /// What each database came to.
    pub(super) heard: Vec<(Database, Heard)>,
    /// Whether FIND was asked.
    pub(super) asked: bool,
    /// Late hits that nobody had been told of.
    pub(super) hits: usize,
    /// Why the whole room should wait.
    pub(super) hold: bool,
}

/// What the grant says.
enum Granted {
    /// These may be asked, those not.
    Some(Vec<Database>, Vec<(Database, Reason)>),
    /// Nobody can tell now: the document has expired or the clock is wrong.
    Later,
}

impl Desk {
    /// Makes one attempt.
    pub(super) async fn attempt(&self, job: &Job) -> Done {
        let Some(recorded) = self.read(job).await else { return self.end(job, PlaceState::Unreadable).await };
        let subject = usize::try_from(job.key.subject).unwrap_or(usize::MAX);
        let outcome = recorded.outcomes.get(subject);
        let query = outcome.and_then(|outcome| outcome.queries().get(usize::from(job.key.query)));
        let (Some(outcome), Some(query)) = (outcome, query) else {
            return self.end(job, PlaceState::Unreadable).await;
        };
        let context = &recorded.exchange.context;
        let Granted::Some(granted, barred) = self.granted(job, context) else {
            return Done { hold: true, ..Done::nothing(job) };
        };
        let asked = (!granted.is_empty()).then(|| self.shared.clock.now());
        let answers = self.ask(job, context, query, granted).await;
        if is_unsent(&answers) && barred.is_empty() {
            return Done { heard: heard(&answers), ..Done::nothing(job) };
        }
        let places = settlings(job, outcome, &answers, &barred);
        let case = answers.iter().any(is_hit);
        let record = RecheckRecord {
            subject,
            number: job.key.query,
            query: Some(query.clone()),
            attempt: job.attempts + 1,
            asked,
            answers,
            places,
            follow: Follow { case, ..Follow::default() },
        };
        self.write(job, &record).await
    }

    /// Ends a job without an attempt.
    pub(super) async fn end(&self, job: &Job, state: PlaceState) -> Done {
        let settling = |(database, _): &(Database, bool)| Settling {
            database: *database,
            state,
            disagreement: None,
            late_hit: false,
        };
        let record = RecheckRecord {
            subject: usize::try_from(job.key.subject).unwrap_or(usize::MAX),
            number: job.key.query,
            query: None,
            attempt: job.attempts,
            asked: None,
            answers: Vec::new(),
            places: job.databases.iter().map(settling).collect(),
            follow: Follow::default(),
        };
        let (reference, state) = (Reference(job.key.matter), state.code());
        tracing::warn!(%reference, places = job.databases.len(), state, "A recheck ends without an answer.");
        self.write(job, &record).await
    }

    /// The screening's record.
    async fn read(&self, job: &Job) -> Option<Recorded> {
        let (journal, at) = (self.shared.journal.clone(), job.at);
        let read = tokio::task::spawn_blocking(move || Recorded::read(&journal.read(at).ok()?));
        read.await.ok().flatten()
    }

    fn granted(&self, job: &Job, context: &Context) -> Granted {
        let databases: Vec<Database> = job.databases.iter().map(|(database, _)| *database).collect();
        let reading = self.shared.clock.read();
        let all = databases.iter().copied();
        match self.shared.grants.load().decide(context, Operation::Search, all, reading) {
            Decision::Granted { barred, .. } => {
                let is_barred = |database: &Database| barred.iter().any(|(other, _)| other == database);
                let granted = databases.into_iter().filter(|database| !is_barred(database)).collect();
                Granted::Some(granted, barred)
            }
            Decision::Denied(Denial::Expired | Denial::NotYetIssued | Denial::ClockImplausible) => {
                Granted::Later
            }
            Decision::Denied(denial) => {
                let reason = match denial {
                    Denial::WrongEnvironment => Reason::WrongEnvironment,
                    _ => Reason::NotGranted,
                };
                Granted::Some(Vec::new(), databases.into_iter().map(|database| (database, reason)).collect())
            }
        }
    }

    async fn ask(
        &self,
        job: &Job,
        context: &Context,
        query: &Query,
        databases: Vec<Database>,
    ) -> Vec<Answer> {
        if databases.is_empty() {
            return Vec::new();
        }
        let deadline = Instant::now() + self.patience;
        let ask = Ask {
            reference: Reference(job.key.matter),
            context: Arc::new(context.clone()),
            query: query.clone(),
            number: job.key.query,
            databases: databases.clone(),
            deadline,
        };
        let asked = timeout_at(deadline + GIVE_UP, Arc::clone(&self.find).ask(ask)).await;
        let mut answers = asked.unwrap_or_default();
        answers.retain(|answer| answer.source == Source::Find && answer.query == job.key.query);
        for answer in &mut answers {
            if let Finding::Hits(hits) = &mut answer.finding {
                hits.iter_mut().for_each(|hit| hit.class = hit.class.max(ceiling(query.basis)));
            }
        }
        for database in databases {
            if !answers.iter().any(|answer| answer.database == database) {
                let failed = Finding::NotChecked(Reason::Internal);
                answers.push(Answer::new(database, job.key.query, Source::Find, failed));
            }
        }
        answers
    }

    /// Records an attempt, and tells its hits, recorded or not.
    async fn write(&self, job: &Job, record: &RecheckRecord) -> Done {
        let body = Body::new().json(Section::Recheck, record).into_bytes();
        let committed = self.shared.journal.append(Entry::new(Kind::Recheck, job.key.matter, body)).await;
        let durable = committed.is_ok();
        for settling in &record.places {
            self.count(settling);
        }
        let late: Vec<&str> =
            record.places.iter().filter(|place| place.late_hit).map(|place| place.database.code()).collect();
        if !late.is_empty() {
            self.shared.stats.late_hit();
            let (reference, databases) = (Reference(job.key.matter), &late);
            tracing::warn!(%reference, ?databases, durable, "FIND told a hit when it was asked again.");
        }
        Done {
            key: job.key,
            sequence: committed.ok().map(|position| position.sequence),
            heard: heard(&record.answers),
            asked: record.asked.is_some(),
            hits: late.len(),
            hold: !durable,
        }
    }

    fn count(&self, settling: &Settling) {
        let labels = [("database", settling.database.code()), ("state", settling.state.code())];
        metrics::counter!("postern_recheck_places_total", &labels).increment(1);
        if let Some(disagreement) = settling.disagreement {
            let labels = [("database", settling.database.code()), ("kind", disagreement.code())];
            metrics::counter!("postern_recheck_disagreements_total", &labels).increment(1);
        }
    }
}

impl Done {
    /// What came of a job of which nobody knows what came of it: it is not picked again before a restart.
    pub(super) fn lost(job: &Job) -> Self {
        Self { sequence: Some(u64::MAX), ..Self::nothing(job) }
    }

    fn nothing(job: &Job) -> Self {
        Self { key: job.key, sequence: None, heard: Vec::new(), asked: false, hits: 0, hold: false }
    }
}

fn is_hit(answer: &Answer) -> bool {
    !answer.finding.hits().is_empty()
}

/// Whether the link kept every request back: nothing went out, so there is nothing to record. A refusal without a request, of
/// a hub for instance, is recorded: it ends the places or puts them off.
fn is_unsent(answers: &[Answer]) -> bool {
    let of_the_link = |answer: &Answer| answer.finding.not_checked().is_some_and(is_of_the_link);
    !answers.is_empty()
        && answers.iter().all(|answer| answer.reference_in_country.is_none() && of_the_link(answer))
}

fn heard(answers: &[Answer]) -> Vec<(Database, Heard)> {
    let heard = |answer: &Answer| match answer.finding {
        Finding::NotChecked(reason) => (answer.database, Heard::Failed(reason)),
        _ => (answer.database, Heard::Answered),
    };
    answers.iter().map(heard).collect()
}

/// What becomes of each database's place.
fn settlings(
    job: &Job,
    outcome: &Outcome,
    answers: &[Answer],
    barred: &[(Database, Reason)],
) -> Vec<Settling> {
    let mut by_database: BTreeMap<Database, Settling> = BTreeMap::new();
    for answer in answers {
        let told = job.databases.iter().any(|(database, told)| *database == answer.database && *told);
        by_database.insert(answer.database, settling(outcome, answer, told));
    }
    for (database, reason) in barred {
        // A suspension ends: the place is asked when it did.
        let state = match reason {
            Reason::Suspended => PlaceState::Open { reason: *reason },
            reason => PlaceState::Closed { reason: *reason },
        };
        by_database
            .insert(*database, Settling { database: *database, state, disagreement: None, late_hit: false });
    }
    by_database.into_values().collect()
}

fn settling(outcome: &Outcome, answer: &Answer, told: bool) -> Settling {
    let unchecked = answer.finding.not_checked().or(answer.unchecked);
    let state = match unchecked {
        None => PlaceState::Answered,
        // A hub tells of a suspension as of any other reason; it ends.
        Some(reason) if reason.passes() || reason == Reason::Suspended => PlaceState::Open { reason },
        Some(reason) => PlaceState::Closed { reason },
    };
    let known = outcome.databases().iter().find(|conclusion| conclusion.database == answer.database);
    let told_then = known.is_some_and(|conclusion| !conclusion.finding.hits().is_empty());
    Settling {
        database: answer.database,
        state,
        disagreement: disagreement(outcome, answer),
        late_hit: is_hit(answer) && !told && !told_then,
    }
}

/// How FIND's word differs from what the copy had said to the same query.
fn disagreement(outcome: &Outcome, answer: &Answer) -> Option<Disagreement> {
    let conclusion = outcome.databases().iter().find(|one| one.database == answer.database)?;
    let of_copy = |one: &&Answer| one.source == Source::Mind && one.query == answer.query;
    let copy = conclusion.answers.iter().find(of_copy)?;
    match (&copy.finding, &answer.finding) {
        (Finding::Hits(_), Finding::NoRecord) => Some(Disagreement::CopyHitNotConfirmed),
        (Finding::NoRecord, Finding::Hits(_)) => Some(Disagreement::CopyMissed),
        _ => None,
    }
}
