//! Online lookups: INTERPOL's FIND services.
//!
//! A question goes out in two steps: a search gives a list, details give one record in full. Details are believed to alarm
//! the record's owner, so they follow by themselves only an exact match of a document that is not asked in silence. Each
//! service has a guard of its own ([`guard`]); requests are built ([`request`]) and answers read ([`reply`]) by the
//! profile ([`profile`]); what an answer means for each database is decided in one place ([`judge`]). Every failure is an
//! answer `not checked` with its reason.

mod breaker;
mod client;
mod guard;
mod hits;
mod judge;
mod line;
pub mod profile;
mod reply;
mod request;
mod settings;
pub(crate) mod soap;
mod status;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use postern_sdk::{Answer, Context, Database, Finding, Query, Reason, Reference, Source};

use crate::clock::Clock;
use crate::screening::{Answers, Ask, Lookup};

pub use breaker::BreakerState;
pub use profile::Profile;
pub use settings::{Settings, SetupError};
pub use status::{Probed, ServiceStatus};

use client::{Address, Poster};
use guard::Guard;
use line::Line;
use request::Account;
use status::Health;

/// INTERPOL's online services, as a source of answers.
pub struct Find {
    settings: Settings,
    profile: Arc<Profile>,
    clock: Clock,
    account: Account,
    poster: Poster,
    services: Vec<Connection>,
}

/// What is kept of one service.
struct Connection {
    /// Its place in the profile.
    index: usize,
    address: Address,
    guard: Guard,
    health: Health,
}

impl Find {
    /// The services of a profile under one account. Nothing is connected before the first question.
    ///
    /// # Errors
    /// The key of the config that can't be used.
    pub fn new(settings: Settings, profile: Arc<Profile>, clock: Clock) -> Result<Arc<Self>, SetupError> {
        let poster = Poster::new(&settings, &profile)?;
        let mut services = Vec::new();
        for (index, service) in profile.service.iter().enumerate().filter(|(_, service)| service.enabled) {
            services.push(Connection {
                index,
                address: Address::new(&settings, service)?,
                guard: Guard::new(settings.limits()),
                health: Health::default(),
            });
        }
        let account =
            Account { username: settings.options.username.clone(), password: settings.password.clone() };
        Ok(Arc::new(Self { settings, profile, clock, account, poster, services }))
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

    fn line<'a>(&'a self, connection: &'a Connection) -> Line<'a> {
        Line { find: self, connection, service: &self.profile.service[connection.index] }
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
                .filter(|line| request::fits(line.service, &query.key))
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

    async fn answers(&self, ask: &Ask) -> Vec<Answer> {
        if ask.context.environment != self.settings.environment {
            return not_checked(ask, &ask.databases, Reason::WrongEnvironment).collect();
        }
        let (plan, unserved) = self.plan(&ask.query, &ask.databases);
        let asked = plan.iter().map(|(line, databases)| line.answers(ask, databases));
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
        Box::pin(async move { self.answers(&ask).await })
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
