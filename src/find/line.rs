//! One question over one service: search, judge, details.

use std::time::Duration;

use futures_util::future::join_all;
use hyper::StatusCode;
use postern_sdk::{
    Answer, Basis, Context, Database, DocumentKey, Finding, FirearmKey, Hit, MatchClass, Name, PersonKey,
    Personal, Query, QueryKey, Reason, Reference, Remark, Sex, Source, VehicleKey, VesselKey, WorkOfArtKey,
};
use tokio::time::{Instant, timeout_at};

use super::breaker::Fate;
use super::client::{Response, Unanswered};
use super::guard::{Class, Pass};
use super::hits::HitReader;
use super::judge::{Judge, Judged};
use super::profile::{Kind, Meaning, Service, Step};
use super::reply::{self, Entry, Reply};
use super::request::{self, Asked, Sender};
use super::retry;
use super::status::{Probed, ServiceStatus};
use super::{Connection, Find, micros, not_checked};

/// How long before the lane's deadline details are no longer waited for: the hit itself must go out.
const DETAILS_MARGIN: Duration = Duration::from_millis(50);

/// The detail that holds the reference under which a record was asked for in full.
const DETAILS_REFERENCE: &str = "details_reference_in_country";

/// One service of a [`Find`].
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) find: &'a Find,
    pub(super) connection: &'a Connection,
    pub(super) service: &'a Service,
    pub(super) class: Class,
}

/// An answer to one request, with the reference that went out with it.
pub(super) struct Exchanged {
    pub(super) reply: Result<Reply, Reason>,
    /// The reference of the last request that was sent; none if nothing was.
    pub(super) reference: Option<String>,
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
        let exact = self.find.settings.options.exact_names && self.service.exact.is_some();
        let today = self.find.today();
        let asked = Asked::Search { query: &ask.query, records_max, exact, today };
        let exchanged = self.exchange(&asked, &ask.context, ask.reference, ask.deadline).await;
        let mut answers: Vec<Answer> = match &exchanged.reply {
            Err(reason) => not_checked(ask, databases, *reason).collect(),
            Ok(reply) => self.answers_of(ask, databases, reply),
        };
        self.add_details(ask, &mut answers).await;
        let heard = exchanged.reply.is_ok().then(|| self.find.clock.now());
        for answer in &mut answers {
            answer.elapsed_us = micros(begin.elapsed());
            answer.reference_in_country = exchanged.reference.clone();
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

    pub(super) fn reader(&self) -> HitReader<'_> {
        HitReader { profile: &self.find.profile, service: self.service }
    }

    /// Asks for the details of each exact match by a number, unless in silence. Persons and works of art are found by
    /// likeness: their details are asked for by people.
    async fn add_details(&self, ask: &super::Ask, answers: &mut [Answer]) {
        if ask.context.silent || matches!(self.service.kind, Kind::Person | Kind::WorkOfArt) {
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
        let Ok(Exchanged { reply, reference }) = timeout_at(limit, exchange).await else { return false };
        if let Some(reference) = reference {
            hit.details.insert(DETAILS_REFERENCE.to_owned(), Personal::new(reference));
        }
        let Ok(reply) = reply else { return false };
        let code = reply.code.as_deref().and_then(|code| self.find.profile.result_code(code));
        if code.map(|code| code.means) != Some(Meaning::Hits) {
            return false;
        }
        let entries: Vec<&Entry> =
            reply.blocks.iter().flatten().flat_map(|block| block.entries.iter()).collect();
        match entries.as_slice() {
            [entry] => self.reader().complete(&ask.query.key, hit, entry),
            _ => false,
        }
    }

    /// One question and its answer, asked again where that is safe and the budget allows it: each time under a reference
    /// of its own, which ends in the number of the attempt.
    pub(super) async fn exchange(
        &self,
        asked: &Asked<'_>,
        context: &Context,
        exchange: Reference,
        deadline: Instant,
    ) -> Exchanged {
        let guard = &self.connection.guard;
        let logical = self.find.reference();
        guard.earn_retry();
        let (mut attempt, mut last) = (1, None);
        loop {
            let reference = retry::attempt_of(&logical, attempt);
            let sender =
                Sender { account: &self.find.account, context, exchange, reference_in_country: &reference };
            let (reply, sent) = self.attempt(asked, &sender, deadline).await;
            self.count(&reply);
            if sent {
                last = Some(reference.clone().into_owned());
            }
            let again = self.class == Class::Lane
                && attempt < retry::ATTEMPTS_MAX
                && retry::is_safe(asked.step(), self.failure(&reply), sent)
                && Instant::now() < deadline
                && guard.spend_retry();
            if !again {
                return Exchanged { reply, reference: last };
            }
            metrics::counter!("postern_find_retries_total", "service" => self.service.name.clone())
                .increment(1);
            attempt += 1;
        }
    }

    /// One request under the guard: its reply, and whether any of it was sent.
    async fn attempt(
        &self,
        asked: &Asked<'_>,
        sender: &Sender<'_>,
        deadline: Instant,
    ) -> (Result<Reply, Reason>, bool) {
        let step = asked.step();
        let Some(operation) = self.service.operation(step) else {
            return (Err(Reason::NotConfigured), false);
        };
        match request::envelope(&self.find.profile, self.service, operation, asked, sender) {
            Err(request::Unwritable) => (Err(Reason::IdentifierInvalid), false),
            Ok(envelope) => match self.connection.guard.enter(self.class, deadline).await {
                Ok(pass) => self.send(pass, step, envelope, sender.reference_in_country, deadline).await,
                Err(reason) => (Err(reason), false),
            },
        }
    }

    async fn send(
        &self,
        pass: Pass<'_>,
        step: Step,
        envelope: String,
        reference: &str,
        deadline: Instant,
    ) -> (Result<Reply, Reason>, bool) {
        let begin = Instant::now();
        let mut pass = pass;
        let posted = self.posted(&mut pass, step, envelope, deadline).await;
        let sent = posted.as_ref().map_or_else(|unanswered| unanswered.sent, |_| true);
        let reply = posted.map_err(|unanswered| unanswered.reason);
        let reply = reply.and_then(|response| self.read(step, &response));
        let reply = reply.and_then(|reply| match reply.reference.as_deref() {
            Some(echo) if echo != reference => Err(Reason::MalformedAnswer),
            _ => Ok(reply),
        });
        let failure = self.failure(&reply);
        self.find.opened(self.connection, pass.settle(fate(failure, sent)));
        self.connection.health.note(self.find.clock.now(), failure);
        let labels = [("service", self.service.name.clone()), ("step", step.code().to_owned())];
        metrics::histogram!("postern_find_request_seconds", &labels).record(begin.elapsed().as_secs_f64());
        (reply, sent)
    }

    /// Posts and waits: nothing is sent after the deadline, but what was sent before is waited for beyond it, where there
    /// is a place for that.
    async fn posted(
        &self,
        pass: &mut Pass<'_>,
        step: Step,
        envelope: String,
        deadline: Instant,
    ) -> Result<Response, Unanswered> {
        let end = Instant::now() + self.timeout();
        let late = Unanswered { reason: Reason::Deadline, sent: true };
        let post = self.find.poster.post(&self.connection.address, step, envelope, deadline.min(end));
        let mut post = std::pin::pin!(timeout_at(end, post));
        match timeout_at(deadline, &mut post).await {
            Ok(posted) => posted.unwrap_or(Err(late)),
            Err(_) => {
                let (awaited, opened) = pass.overdue();
                self.find.opened(self.connection, opened);
                if awaited { post.await.unwrap_or(Err(late)) } else { Err(late) }
            }
        }
    }

    /// Tries the service after its rest, with a question about what is in no database.
    pub(super) async fn try_after_rest(&self, pass: Pass<'_>, deadline: Instant) {
        let now = self.find.clock.now();
        let context = self.find.own_context();
        let reference = self.find.reference();
        let sender = Sender {
            account: &self.find.account,
            context: &context,
            exchange: Reference(crate::ids::new_id(now)),
            reference_in_country: &reference,
        };
        let Some(query) = self.probe_query() else { return };
        let asked = self.probing(&query);
        let operation = &self.service.search;
        if let Ok(envelope) = request::envelope(&self.find.profile, self.service, operation, &asked, &sender)
        {
            let (reply, _) = self.send(pass, Step::Search, envelope, &reference, deadline).await;
            self.count(&reply);
        }
    }

    /// How long a request may take in all.
    pub(super) fn timeout(&self) -> Duration {
        self.connection.guard.time_limit(self.class)
    }

    fn read(&self, step: Step, response: &Response) -> Result<Reply, Reason> {
        let profile = &self.find.profile;
        let operation = self.service.operation(step).ok_or(Reason::Internal)?;
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

    pub(super) fn overall(&self, reply: &Reply) -> Meaning {
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
            order: self.connection.order(),
        }
    }

    /// Asks about what is in no database.
    pub(super) async fn probe(self, context: &Context, reference: Reference) -> Probed {
        let begin = Instant::now();
        let failure = match self.probe_query() {
            None => Some(Reason::Internal),
            Some(query) => {
                let asked = self.probing(&query);
                let deadline = begin + self.find.settings.request_timeout();
                let exchanged = self.exchange(&asked, context, reference, deadline).await;
                self.failure(&exchanged.reply)
            }
        };
        Probed { service: self.service.name.clone(), failure, elapsed_us: micros(begin.elapsed()) }
    }

    fn probing<'a>(&self, query: &'a Query) -> Asked<'a> {
        Asked::Search { query, records_max: 1, exact: false, today: self.find.today() }
    }

    fn probe_query(&self) -> Option<Query> {
        Some(Query { key: probe_key(self.service)?, basis: Basis::Stated })
    }
}

/// What is in no database, in the form by which a service is asked.
fn probe_key(service: &Service) -> Option<QueryKey> {
    let text = service.probe.as_str();
    let keys = match service.kind {
        Kind::Document => {
            let key = DocumentKey { number: text.parse().ok()?, issuer: None, doc_type: None };
            vec![QueryKey::Document(key)]
        }
        Kind::Person => vec![QueryKey::Person(PersonKey {
            name: Name { primary: Personal::from(text), ..Name::default() },
            birth: None,
            sex: Sex::Unspecified,
            nationality: None,
            document: None,
        })],
        Kind::Vehicle => vec![
            QueryKey::Vehicle(VehicleKey::Engine(text.parse().ok()?)),
            QueryKey::Vehicle(VehicleKey::Plate { plate: text.parse().ok()?, country: None }),
        ],
        Kind::Firearm => {
            let serial = text.parse().ok()?;
            vec![QueryKey::Firearm(FirearmKey { serial, make: None, model: None, calibre: None })]
        }
        Kind::Vessel => {
            let serial = text.parse().ok()?;
            [VesselKey::Hull(serial), VesselKey::Engine(serial), VesselKey::Imo(serial)]
                .map(QueryKey::Vessel)
                .to_vec()
        }
        Kind::WorkOfArt => {
            vec![QueryKey::WorkOfArt(WorkOfArtKey { title: text.to_owned(), artist: None, category: None })]
        }
    };
    keys.into_iter().find(|key| service.takes(key))
}

/// What a failure says of the service. A refusal shows that it is there; a lane's time that ended before there was a
/// connection, and the account's limits, are failures among others.
const fn fate(failure: Option<Reason>, sent: bool) -> Fate {
    match failure {
        None => Fate::Served,
        Some(Reason::RateCapped) => Fate::Slow,
        Some(Reason::Deadline) if !sent => Fate::Slow,
        Some(
            Reason::Transport
            | Reason::CertificateRefused
            | Reason::Deadline
            | Reason::UnexpectedError
            | Reason::ServiceTimeOut
            | Reason::MalformedAnswer,
        ) => Fate::Failed,
        Some(_) => Fate::Served,
    }
}
