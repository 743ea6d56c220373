//! FIND by way of a hub: an edge without a link of its own to INTERPOL asks the postern at the bureau.
//!
//! To screening this is FIND. The question goes out whole, with the edge's context and reference and the time that is left; the
//! hub asks INTERPOL under the edge's grant and share, and what comes back are INTERPOL's answers. The same guard stands
//! before it as before INTERPOL's own services, so that a slow hub costs no lane its deadline. A question is asked again
//! only if nothing of it was sent: the hub may have asked for details, which are believed to alarm the record's owner.

mod care;
mod post;
mod wire;

use std::sync::{Arc, Mutex, Weak};

use postern_sdk::{Answer, Database, Finding, Reason, Source};
use tokio::time::{Instant, timeout_at};

use super::breaker::Fate;
use super::care::Told as WarnedOf;
use super::guard::{Class, Guard, Pass};
use super::link::{Resolve, System};
use super::profile::Step;
use super::status::{Health, Probed, ServiceStatus};
use super::{Order, Settings, SetupError, micros, not_checked, retry};
use crate::clock::Clock;
use crate::screening::{Answers, Ask, Lookup};

use post::{Poster, Sent};
pub use wire::{Asked, PATH, PROBLEM_JSON, Problem, Question, Told};

/// The name of the hub among the services, in status, metrics and orders.
pub const SERVICE: &str = "relay";

/// FIND by way of a hub, as a source of answers.
pub struct Relay {
    settings: Settings,
    clock: Clock,
    poster: Poster,
    guard: Guard,
    health: Health,
    order: Mutex<Option<Order>>,
    /// For the task that tries the hub after its rest, which ends with this.
    me: Weak<Self>,
    warned: WarnedOf,
}

impl Relay {
    /// The hub of the settings. Nothing is connected before the first question.
    ///
    /// # Errors
    /// The key of the config that can't be used.
    pub fn new(settings: Settings, clock: Clock) -> Result<Arc<Self>, SetupError> {
        Self::with_resolver(settings, clock, Box::new(System))
    }

    fn with_resolver(
        settings: Settings,
        clock: Clock,
        resolver: Box<dyn Resolve>,
    ) -> Result<Arc<Self>, SetupError> {
        let poster = Poster::new(&settings, resolver)?;
        let guard = Guard::new(settings.limits(), Arc::new(Mutex::new(settings.rate())));
        Ok(Arc::new_cyclic(|me| Self {
            poster,
            guard,
            settings,
            clock,
            health: Health::default(),
            order: Mutex::default(),
            me: Weak::clone(me),
            warned: WarnedOf::default(),
        }))
    }

    /// The hub's state, in the form of a service of FIND: any database may be asked there.
    pub fn status(&self) -> ServiceStatus {
        let remembered = self.health.remembered();
        ServiceStatus {
            service: SERVICE.to_owned(),
            databases: Database::ALL.to_vec(),
            state: self.guard.state(),
            failures: self.guard.failures(),
            in_flight: self.guard.in_flight(),
            last_success: remembered.last_success,
            last_error_at: remembered.last_error.map(|(at, _)| at),
            last_error: remembered.last_error.map(|(_, reason)| reason),
            order: self.order(),
        }
    }

    /// Asks the hub whether it serves this edge.
    pub async fn probe(&self) -> Probed {
        let begin = Instant::now();
        let asked = Asked { environment: self.settings.environment, question: None };
        let failure = self.exchange(&asked, Class::Lane, begin + self.settings.request_timeout()).await.err();
        Probed { service: SERVICE.to_owned(), failure, elapsed_us: micros(begin.elapsed()) }
    }

    /// The same hub for questions that can wait.
    pub fn in_background(self: Arc<Self>) -> Background {
        Background(self)
    }

    async fn answers(&self, ask: &Ask, class: Class) -> Vec<Answer> {
        if ask.context.environment != self.settings.environment {
            return not_checked(ask, &ask.databases, Reason::WrongEnvironment).collect();
        }
        let begin = Instant::now();
        let time = ask.deadline.saturating_duration_since(begin);
        let question = Question {
            reference: ask.reference,
            context: (*ask.context).clone(),
            query: ask.query.clone(),
            number: ask.number,
            databases: ask.databases.clone(),
            time_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            can_wait: class == Class::Background,
        };
        let asked = Asked { environment: ask.context.environment, question: Some(question) };
        let mut answers = match self.exchange(&asked, class, ask.deadline).await {
            Ok(told) => of_each(ask, told),
            Err(reason) => not_checked(ask, &ask.databases, reason).collect(),
        };
        answers.iter_mut().for_each(|answer| answer.elapsed_us = micros(begin.elapsed()));
        answers
    }

    /// A question and its answer. It is asked again while nothing of it was sent and the budget allows it.
    async fn exchange(&self, asked: &Asked, class: Class, deadline: Instant) -> Result<Told, Reason> {
        let body = serde_json::to_vec(asked).map_err(|_| Reason::Internal)?;
        self.guard.earn_retry();
        let mut attempt = 1;
        loop {
            let (told, sent) = self.attempt(body.clone(), class, deadline).await;
            self.count(&told);
            let told = told.and_then(|told| match &asked.question {
                Some(question) if told.reference != Some(question.reference) => Err(Reason::MalformedAnswer),
                _ => Ok(told),
            });
            let again = class == Class::Lane
                && attempt < retry::ATTEMPTS_MAX
                && retry::is_safe(Step::Details, told.as_ref().err().copied(), sent)
                && Instant::now() < deadline
                && self.guard.spend_retry();
            if !again {
                return told;
            }
            metrics::counter!("postern_find_retries_total", "service" => SERVICE).increment(1);
            attempt += 1;
        }
    }

    /// One request under the guard, and whether any of it was sent.
    async fn attempt(&self, body: Vec<u8>, class: Class, deadline: Instant) -> (Result<Told, Reason>, bool) {
        match self.guard.enter(class, deadline).await {
            Ok(pass) => self.send(pass, body, class, deadline).await,
            Err(reason) => (Err(reason), false),
        }
    }

    async fn send(
        &self,
        mut pass: Pass<'_>,
        body: Vec<u8>,
        class: Class,
        deadline: Instant,
    ) -> (Result<Told, Reason>, bool) {
        let begin = Instant::now();
        let Sent { told, fate, sent } = self.posted(&mut pass, body, class, deadline).await;
        self.opened(pass.settle(fate));
        self.health.note(self.clock.now(), told.as_ref().err().copied());
        let labels = [("service", SERVICE), ("step", "relay")];
        metrics::histogram!("postern_find_request_seconds", &labels).record(begin.elapsed().as_secs_f64());
        (told, sent)
    }

    /// Posts and waits: nothing is sent after the deadline, but what was sent before is waited for beyond it, where there
    /// is a place for that.
    async fn posted(&self, pass: &mut Pass<'_>, body: Vec<u8>, class: Class, deadline: Instant) -> Sent {
        let end = Instant::now() + self.guard.time_limit(class);
        let late = || Sent { told: Err(Reason::Deadline), fate: Fate::Failed, sent: true };
        let post = self.poster.post(body, deadline.min(end));
        let mut post = std::pin::pin!(timeout_at(end, post));
        match timeout_at(deadline, &mut post).await {
            Ok(posted) => posted.unwrap_or_else(|_| late()),
            Err(_) => {
                let (awaited, opened) = pass.overdue();
                self.opened(opened);
                if awaited { post.await.unwrap_or_else(|_| late()) } else { late() }
            }
        }
    }

    fn count(&self, told: &Result<Told, Reason>) {
        let result = told.as_ref().err().map_or("answered", |reason| reason.code());
        metrics::counter!("postern_find_requests_total", "service" => SERVICE, "result" => result)
            .increment(1);
        self.tell_breaker();
    }
}

/// An answer for each database of the question. What the hub did not answer was not checked; of databases that it does not
/// know it tells why under a name that stands for all of them.
fn of_each(ask: &Ask, mut told: Told) -> Vec<Answer> {
    let others = told.answers.iter().find(|answer| answer.database == Database::Unknown);
    let reason = others.and_then(|answer| answer.finding.not_checked()).unwrap_or(Reason::BlockMissing);
    let mut answers = Vec::with_capacity(ask.databases.len());
    for database in &ask.databases {
        let is_of = |answer: &Answer| {
            answer.database == *database && answer.query == ask.number && answer.source == Source::Find
        };
        let mut own = std::iter::from_fn(|| {
            told.answers.iter().position(is_of).map(|place| told.answers.swap_remove(place))
        });
        let finding = match (own.next(), own.next()) {
            (Some(answer), None) => {
                answers.push(answer);
                continue;
            }
            (None, _) => Finding::NotChecked(reason),
            (Some(_), Some(_)) => Finding::NotChecked(Reason::MalformedAnswer),
        };
        answers.push(Answer::new(*database, ask.number, Source::Find, finding));
    }
    answers
}

impl Lookup for Relay {
    fn source(&self) -> Source {
        Source::Find
    }

    fn ask(self: Arc<Self>, ask: Ask) -> Answers {
        Box::pin(async move { self.answers(&ask, Class::Lane).await })
    }
}

/// The hub for questions that can wait, as [`super::Background`] is INTERPOL.
pub struct Background(Arc<Relay>);

impl Lookup for Background {
    fn source(&self) -> Source {
        Source::Find
    }

    fn ask(self: Arc<Self>, ask: Ask) -> Answers {
        Box::pin(async move { self.0.answers(&ask, Class::Background).await })
    }
}
