//! Online lookups: INTERPOL's FIND services.
//!
//! A question goes out in two steps: a search gives a list, details give one record in full. Details are believed to alarm
//! the record's owner, so they follow by themselves only an exact match of a document that is not asked in silence. Each
//! service has a guard of its own ([`guard`]); requests are built ([`request`]) and answers read ([`reply`]) by the
//! profile ([`profile`]); what an answer means for each database is decided in one place ([`judge`]). Every failure is an
//! answer `not checked` with its reason.

mod breaker;
mod budget;
mod care;
mod client;
mod control;
pub(crate) mod desk;
mod fetch;
mod guard;
mod hits;
mod judge;
mod limits;
mod line;
mod link;
mod online;
mod places;
pub mod profile;
mod rate;
pub mod relay;
pub(crate) mod reply;
mod request;
mod retry;
mod schema;
mod settings;
pub(crate) mod soap;
mod status;
mod window;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use postern_sdk::{Answer, Context, Database, Finding, Query, Reason, Reference, Source};

use crate::clock::Clock;
use crate::screening::{Answers, Ask, Lookup};

pub use breaker::BreakerState;
pub use control::{Control, Order, OrderError, REASON_CHARS_MAX};
pub use fetch::{Fetch, Fetched, File, Wanted};
pub use hits::{IMAGE_PATH, NOTICE_PATH};
pub use online::Online;
pub use profile::Profile;
pub use schema::Difference;
pub use settings::{Settings, SetupError};
pub use status::{CertificateStatus, LinkStatus, Probed, ServiceStatus};

pub(crate) use places::Places;
pub(crate) use rate::Rate;

use client::{Address, Poster};
use guard::{Class, Guard};
use line::Line;
use link::{Resolve, System};
use request::Account;
use status::Health;

/// INTERPOL's online services, as a source of answers.
pub struct Find {
    settings: Settings,
    profile: Arc<Profile>,
    clock: Clock,
    account: Account,
    poster: Arc<Poster>,
    services: Vec<Connection>,
    /// The account's turns, which the desk shares.
    rate: guard::SharedRate,
    /// For the tasks that try services after their rest, which end with this.
    me: Weak<Self>,
    told: care::Told,
}

/// What is kept of one service.
struct Connection {
    /// Its place in the profile.
    index: usize,
    address: Address,
    guard: Guard,
    health: Health,
    /// The operator's latest order.
    order: Mutex<Option<Order>>,
}

impl Find {
    /// The services of a profile under one account. Nothing is connected before the first question.
    ///
    /// # Errors
    /// The key of the config that can't be used.
    pub fn new(settings: Settings, profile: Arc<Profile>, clock: Clock) -> Result<Arc<Self>, SetupError> {
        Self::with_resolver(settings, profile, clock, Box::new(System))
    }

    fn with_resolver(
        settings: Settings,
        profile: Arc<Profile>,
        clock: Clock,
        resolver: Box<dyn Resolve>,
    ) -> Result<Arc<Self>, SetupError> {
        let poster = Arc::new(Poster::new(&settings, &profile, resolver)?);
        let rate = Arc::new(Mutex::new(settings.rate()));
        let mut services = Vec::new();
        for (index, service) in profile.service.iter().enumerate().filter(|(_, service)| service.enabled) {
            services.push(Connection {
                index,
                address: Address::new(service)?,
                guard: Guard::new(settings.limits(), Arc::clone(&rate)),
                health: Health::default(),
                order: Mutex::default(),
            });
        }
        let account = settings.account();
        let told = care::Told::default();
        Ok(Arc::new_cyclic(|me| {
            let me = Weak::clone(me);
            Self { settings, profile, clock, account, poster, services, rate, me, told }
        }))
    }

    /// The state of each service, for the console.
    pub fn status(&self) -> Vec<ServiceStatus> {
        self.services.iter().map(|connection| self.line(connection).status()).collect()
    }

    /// Asks each service about something that is in no database, for the live check. It takes at most the request's time
    /// limit; the services are asked at once.
    pub async fn probe(&self, context: &Context, reference: Reference) -> Vec<Probed> {
        join_all(self.services.iter().map(|connection| self.line(connection).probe(context, reference))).await
    }

    /// A reference that no other request has: the country and a UUID that begins with the time.
    fn reference(&self) -> String {
        format!("{}-{}", self.settings.country_code(), crate::ids::new_id(self.clock.now()).hyphenated())
    }

    /// The day, in UTC, from which ages are counted.
    fn today(&self) -> jiff::civil::Date {
        jiff::tz::Offset::UTC.to_datetime(self.clock.now()).date()
    }

    /// The same services for questions that can wait.
    pub fn in_background(self: Arc<Self>) -> Background {
        Background(self)
    }

    fn line<'a>(&'a self, connection: &'a Connection) -> Line<'a> {
        let service = &self.profile.service[connection.index];
        Line { find: self, connection, service, class: Class::Lane }
    }

    /// Who is asked about which of the databases: as few services as possible, each database by one of them.
    fn plan(&self, query: &Query, databases: &[Database]) -> (Vec<(Line<'_>, Vec<Database>)>, Vec<Database>) {
        let mut rest = databases.to_vec();
        let mut plan: Vec<(Line<'_>, Vec<Database>)> = Vec::new();
        loop {
            let best = self
                .services
                .iter()
                .map(|connection| self.line(connection))
                .filter(|line| line.service.takes(&query.key))
                .map(|line| (line.covered(&rest), line))
                .rev()
                .max_by_key(|(covered, _)| covered.len());
            match best {
                Some((covered, line)) if !covered.is_empty() => {
                    rest.retain(|database| !covered.contains(database));
                    plan.push((line, covered));
                }
                _ => return (plan, rest),
            }
        }
    }

    async fn answers(&self, ask: &Ask, class: Class) -> Vec<Answer> {
        if ask.context.environment != self.settings.environment {
            return not_checked(ask, &ask.databases, Reason::WrongEnvironment).collect();
        }
        let (plan, unserved) = self.plan(&ask.query, &ask.databases);
        let asked = plan.iter().map(|(line, databases)| Line { class, ..*line }.answers(ask, databases));
        let mut answers: Vec<Answer> = join_all(asked).await.into_iter().flatten().collect();
        let served = |database: &Database| {
            self.services.iter().any(|connection| self.line(connection).serves(*database))
        };
        for database in &unserved {
            // A service is there, but is asked by something else than the query holds.
            let reason = if served(database) { Reason::IdentifierMissing } else { Reason::NotConfigured };
            answers.extend(not_checked(ask, std::slice::from_ref(database), reason));
        }
        answers
    }
}

impl Lookup for Find {
    fn source(&self) -> Source {
        Source::Find
    }

    fn ask(self: Arc<Self>, ask: Ask) -> Answers {
        Box::pin(async move { self.answers(&ask, Class::Lane).await })
    }
}

/// FIND for questions that can wait: they have the places and turns that live questions leave. A refusal for want of them is
/// [`Reason::RateCapped`], and nothing was sent.
pub struct Background(Arc<Find>);

impl Lookup for Background {
    fn source(&self) -> Source {
        Source::Find
    }

    fn ask(self: Arc<Self>, ask: Ask) -> Answers {
        Box::pin(async move { self.0.answers(&ask, Class::Background).await })
    }
}

/// Answers that say for one reason that databases were not checked.
fn not_checked<'a>(
    ask: &'a Ask,
    databases: &'a [Database],
    reason: Reason,
) -> impl Iterator<Item = Answer> + 'a {
    databases
        .iter()
        .map(move |database| Answer::new(*database, ask.number, Source::Find, Finding::NotChecked(reason)))
}

/// A duration in whole microseconds.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
