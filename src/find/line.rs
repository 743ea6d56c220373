//! One question over one service: search, judge, details.

use std::time::Duration;

use crate::ids::new_id;
use futures_util::future::join_all;
use hyper::StatusCode;
use postern_sdk::{
    Answer, Basis, Context, Database, DocumentKey, Finding, Hit, MatchClass, Name, PersonKey, Personal,
    Query, QueryKey, Reason, Reference, Remark, Sex, Source,
};
use tokio::time::{Instant, timeout_at};

use super::breaker::Fate;
use super::client::Response;
use super::guard::Pass;
use super::hits::HitReader;
use super::judge::{Judge, Judged};
use super::profile::{Kind, Meaning, Service, Step};
use super::reply::{self, Entry, Reply};
use super::request::{self, Asked, Sender};
use super::status::{Probed, ServiceStatus};
use super::{Connection, Find, micros, not_checked};

/// How long before the lane's deadline details are no longer waited for: the hit itself must go out.
const DETAILS_MARGIN: Duration = Duration::from_millis(50);

/// One service of a [`Find`].
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) find: &'a Find,
    pub(super) connection: &'a Connection,
    pub(super) service: &'a Service,
}

/// An answer to one request, with the reference that went out with it.
struct Exchanged {
    reply: Result<Reply, Reason>,
    reference: String,
}

impl Line<'_> {
    /// Which of the databases the service asks.
    pub(super) fn covered(&self, databases: &[Database]) -> Vec<Database> {
        databases.iter().copied().filter(|database| self.serves(*database)).collect()
    }

    /// Whether the service asks the database.
    pub(super) fn serves(&self, database: Database) -> bool {
        self.service.databases().any(|served| served == database)
    }

    /// An answer for each of the databases.
    pub(super) async fn answers(self, ask: &super::Ask, databases: &[Database]) -> Vec<Answer> {
        if ask.context.silent && !self.service.silent {
            return not_checked(ask, databases, Reason::SilentNotAvailable).collect();
        }
        let begin = Instant::now();
        let records_max = self.find.settings.options.records_max;
        let asked = Asked::Search { query: &ask.query, records_max };
        let exchanged = self.exchange(&asked, &ask.context, ask.reference, ask.deadline).await;
        let mut answers: Vec<Answer> = match &exchanged.reply {
            Err(reason) => not_checked(ask, databases, *reason).collect(),
            Ok(reply) => self.answers_of(ask, databases, reply),
        };
        self.add_details(ask, &mut answers).await;
        let heard = exchanged.reply.is_ok().then(|| self.find.clock.now());
        for answer in &mut answers {
            answer.elapsed_us = micros(begin.elapsed());
            answer.reference_in_country = Some(exchanged.reference.clone());
            answer.request_id = exchanged.reply.as_ref().ok().and_then(|reply| reply.request_id.clone());
            answer.data_as_of = heard.filter(|_| answer.finding.not_checked().is_none());
        }
        answers
    }

    /// What an answer says of each database, without details.
    pub(super) fn answers_of(&self, ask: &super::Ask, databases: &[Database], reply: &Reply) -> Vec<Answer> {
        let judge =
            Judge::new(&self.find.profile, self.service, reply, self.find.settings.options.records_max);
        databases.iter().map(|database| self.answer(ask, *database, judge.of(*database))).collect()
    }

    fn answer(&self, ask: &super::Ask, database: Database, judged: Judged<'_>) -> Answer {
        let mut unchecked = None;
        let finding = match judged {
            Judged::NoRecord => Finding::NoRecord,
            Judged::NotChecked(reason) => Finding::NotChecked(reason),
            Judged::Hits(entries, beside) => {
                unchecked = beside;
                Finding::Hits(self.hits(&ask.query, &entries, &mut unchecked))
            }
        };
        Answer { unchecked, ..Answer::new(database, ask.number, Source::Find, finding) }
    }

    fn hits(&self, query: &Query, entries: &[&Entry], unchecked: &mut Option<Reason>) -> Vec<Hit> {
        let reader = self.reader();
        let hit = |entry: &&Entry| {
            let (hit, odd) = reader.hit(query, entry);
            *unchecked = unchecked.or(odd);
            hit
        };
        entries.iter().map(hit).collect()
    }

    fn reader(&self) -> HitReader<'_> {
        HitReader { profile: &self.find.profile, service: self.service }
    }

    /// Asks for the details of each exact match of a document, unless in silence.
    async fn add_details(&self, ask: &super::Ask, answers: &mut [Answer]) {
        if ask.context.silent || self.service.kind != Kind::Document {
            return;
        }
        let now = Instant::now();
        let in_time = ask.deadline.checked_sub(DETAILS_MARGIN).filter(|limit| *limit > now);
        let limit = in_time.unwrap_or(now + self.find.settings.request_timeout());
        let exact = answers.iter_mut().flat_map(|answer| match &mut answer.finding {
            Finding::Hits(hits) => hits.as_mut_slice(),
            _ => &mut [],
        });
        let wanted = exact.filter(|hit| hit.class == MatchClass::Exact);
        join_all(wanted.map(|hit| async {
            let complete = !hit.record.is_empty() && self.complete(ask, hit, limit).await;
            if !complete {
                hit.remark(Remark::DetailsMissing);
            }
        }))
        .await;
    }

    /// Adds the details of one hit. False if they can't be had.
    async fn complete(&self, ask: &super::Ask, hit: &mut Hit, limit: Instant) -> bool {
        let record = hit.record.clone();
        let asked = Asked::Details { record: &record };
        let exchange = self.exchange(&asked, &ask.context, ask.reference, limit);
        let Ok(Exchanged { reply: Ok(reply), .. }) = timeout_at(limit, exchange).await else { return false };
        let code = reply.code.as_deref().and_then(|code| self.find.profile.result_code(code));
        if code.map(|code| code.means) != Some(Meaning::Hits) {
            return false;
        }
        let entries: Vec<&Entry> =
            reply.blocks.iter().flatten().flat_map(|block| block.entries.iter()).collect();
        match entries.as_slice() {
            [entry] => self.reader().complete(hit, entry),
            _ => false,
        }
    }

    /// One request and its answer, under the guard.
    async fn exchange(
        &self,
        asked: &Asked<'_>,
        context: &Context,
        exchange: Reference,
        deadline: Instant,
    ) -> Exchanged {
        let reference = self.reference();
        let account = &self.find.account;
        let sender = Sender { account, context, exchange, reference_in_country: &reference };
        let step = match asked {
            Asked::Search { .. } => Step::Search,
            Asked::Details { .. } => Step::Details,
        };
        let reply = match request::envelope(&self.find.profile, self.service, asked, &sender) {
            Err(request::Unwritable) => Err(Reason::IdentifierInvalid),
            Ok(envelope) => match self.connection.guard.enter(deadline).await {
                Ok(pass) => self.send(pass, step, envelope, &reference).await,
                Err(reason) => Err(reason),
            },
        };
        self.count(&reply);
        Exchanged { reply, reference }
    }

    async fn send(
        &self,
        pass: Pass<'_>,
        step: Step,
        envelope: String,
        reference: &str,
    ) -> Result<Reply, Reason> {
        let begin = Instant::now();
        let end = begin + self.find.settings.request_timeout();
        let posted = timeout_at(end, self.find.poster.post(&self.connection.address, step, envelope)).await;
        let reply = posted.unwrap_or(Err(Reason::Deadline)).and_then(|response| self.read(step, &response));
        let reply = reply.and_then(|reply| match reply.reference.as_deref() {
            Some(echo) if echo != reference => Err(Reason::MalformedAnswer),
            _ => Ok(reply),
        });
        let failure = self.failure(&reply);
        pass.settle(fate(failure));
        self.connection.health.note(self.find.clock.now(), failure);
        let labels = [("service", self.service.name.clone()), ("step", step.code().to_owned())];
        metrics::histogram!("postern_find_request_seconds", &labels).record(begin.elapsed().as_secs_f64());
        reply
    }

    fn read(&self, step: Step, response: &Response) -> Result<Reply, Reason> {
        let profile = &self.find.profile;
        let operation = self.service.operation(step);
        match response.status {
            StatusCode::OK => Ok(reply::read(profile, operation, &response.body)?),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Reason::AccessDenied),
            StatusCode::TOO_MANY_REQUESTS => Err(Reason::RateCapped),
            StatusCode::INTERNAL_SERVER_ERROR if reply::is_fault(profile, operation, &response.body) => {
                Err(Reason::UnexpectedError)
            }
            _ => Err(Reason::Transport),
        }
    }

    /// How the service failed, if its answer to a request is a failure at all.
    fn failure(&self, reply: &Result<Reply, Reason>) -> Option<Reason> {
        match reply {
            Err(reason) => Some(*reason),
            Ok(reply) => match self.overall(reply) {
                Meaning::NotChecked(reason) => Some(reason),
                Meaning::Hits | Meaning::NoRecord if reply.blocks.is_none() => Some(Reason::MalformedAnswer),
                Meaning::Hits | Meaning::NoRecord => None,
            },
        }
    }

    fn overall(&self, reply: &Reply) -> Meaning {
        Judge::new(&self.find.profile, self.service, reply, u16::MAX).overall()
    }

    fn count(&self, reply: &Result<Reply, Reason>) {
        let result = match reply {
            Ok(reply) => self.overall(reply).code(),
            Err(reason) => reason.code(),
        };
        let service = self.service.name.clone();
        metrics::counter!("postern_find_requests_total", "service" => service.clone(), "result" => result)
            .increment(1);
        metrics::gauge!("postern_find_breaker_state", "service" => service)
            .set(self.connection.guard.state().gauge());
    }

    /// A reference that no other request has: the country and a UUID that begins with the time.
    fn reference(&self) -> String {
        let now = self.find.clock.now();
        let uuid = new_id(now);
        format!("{}-{}", self.find.settings.country_code(), uuid.hyphenated())
    }

    /// The service's state.
    pub(super) fn status(&self) -> ServiceStatus {
        let remembered = self.connection.health.remembered();
        ServiceStatus {
            service: self.service.name.clone(),
            databases: self.service.databases().collect(),
            state: self.connection.guard.state(),
            failures: self.connection.guard.failures(),
            in_flight: self.connection.guard.in_flight(),
            last_success: remembered.last_success,
            last_error_at: remembered.last_error.map(|(at, _)| at),
            last_error: remembered.last_error.map(|(_, reason)| reason),
        }
    }

    /// Asks about what is in no database.
    pub(super) async fn probe(self, context: &Context, reference: Reference) -> Probed {
        let begin = Instant::now();
        let failure = match self.probe_query() {
            None => Some(Reason::Internal),
            Some(query) => {
                let asked = Asked::Search { query: &query, records_max: 1 };
                let deadline = begin + self.find.settings.request_timeout();
                let exchanged = self.exchange(&asked, context, reference, deadline).await;
                self.failure(&exchanged.reply)
            }
        };
        Probed { service: self.service.name.clone(), failure, elapsed_us: micros(begin.elapsed()) }
    }

    fn probe_query(&self) -> Option<Query> {
        let key = match self.service.kind {
            Kind::Document => QueryKey::Document(DocumentKey {
                number: self.service.probe.parse().ok()?,
                issuer: None,
                doc_type: None,
            }),
            Kind::Person => QueryKey::Person(PersonKey {
                name: Name { primary: Personal::from(self.service.probe.as_str()), ..Name::default() },
                birth: None,
                sex: Sex::Unspecified,
                nationality: None,
                document: None,
            }),
        };
        Some(Query { key, basis: Basis::Stated })
    }
}

/// What a failure says of the service. A refusal shows that it is there; limits say nothing.
const fn fate(failure: Option<Reason>) -> Fate {
    match failure {
        None => Fate::Served,
        Some(
            Reason::Transport
            | Reason::Deadline
            | Reason::UnexpectedError
            | Reason::ServiceTimeOut
            | Reason::MalformedAnswer,
        ) => Fate::Failed,
        Some(Reason::RateCapped) => Fate::Unknown,
        Some(_) => Fate::Served,
    }
}
