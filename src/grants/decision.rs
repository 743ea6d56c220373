//! Whether a question is granted.

use std::fmt;

use jiff::Timestamp;
use postern_sdk::{Context, Database, Reason, View};

use super::{Document, Grant, Grants, Operation, Suspension};
use crate::clock::Reading;

/// What a client is granted of one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing at all: the question is refused.
    Denied(Denial),
    /// The client may ask, though perhaps not every database.
    Granted {
        /// How much it sees at most: the least of the grants that the question rests on.
        view: View,
        /// The databases that are not asked, each with [`Reason::NotGranted`] or [`Reason::Suspended`].
        barred: Vec<Barred>,
    },
}

/// A database that is not asked, and why.
pub type Barred = (Database, Reason);

/// Why nothing is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No grant of the client is in force.
    NoGrant,
    /// The document has expired.
    Expired,
    /// The document is not yet in force.
    NotYetIssued,
    /// The clock can't be trusted, so every grant lapses.
    ClockImplausible,
    /// The question is of another environment than the document.
    WrongEnvironment,
}

impl Denial {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoGrant => "no_grant",
            Self::Expired => "grants_expired",
            Self::NotYetIssued => "grants_not_yet_issued",
            Self::ClockImplausible => "clock_implausible",
            Self::WrongEnvironment => "wrong_environment",
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoGrant => "no grant of the client is in force",
            Self::Expired => "the document of grants has expired",
            Self::NotYetIssued => "the document of grants is not yet in force",
            Self::ClockImplausible => "the clock can't be trusted, so every grant lapses",
            Self::WrongEnvironment => "the document of grants is for another environment",
        })
    }
}

impl Document {
    fn denial(&self, context: &Context, at: Reading) -> Option<Denial> {
        let denials = [
            (!at.trusted, Denial::ClockImplausible),
            (context.environment != self.environment, Denial::WrongEnvironment),
            (at.now < self.issued_at, Denial::NotYetIssued),
            (at.now >= self.expires_at, Denial::Expired),
        ];
        denials.into_iter().find_map(|(denied, denial)| denied.then_some(denial))
    }
}

impl Grant {
    fn in_force(&self, at: Timestamp) -> bool {
        self.valid_from.is_none_or(|from| from <= at) && self.valid_until.is_none_or(|until| at < until)
    }

    /// Whether the grant reaches where and why is asked.
    fn reaches(&self, context: &Context) -> bool {
        self.sites.holds(context.site.as_deref())
            && self.purposes.holds(context.purpose.as_deref())
            && self.operation.as_ref().is_none_or(|named| context.operation.as_ref() == Some(named))
    }
}

impl Suspension {
    fn in_force(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

impl Grants {
    /// What is granted of one operation in these databases, for who asks, where and why.
    ///
    /// A question without a site or a purpose is granted nothing, whatever the grant's lists say.
    pub fn decide(
        &self,
        context: &Context,
        operation: Operation,
        databases: impl IntoIterator<Item = Database>,
        at: Reading,
    ) -> Decision {
        if let Some(denial) = self.document.denial(context, at) {
            return Decision::Denied(denial);
        }
        let mut mine = self.of_client(&context.client, at.now).peekable();
        if mine.peek().is_none() {
            return Decision::Denied(Denial::NoGrant);
        }
        let (mut view, mut barred) = (None, Vec::new());
        for database in databases {
            match self.granted(context, operation, database, at.now) {
                Err(reason) => barred.push((database, reason)),
                Ok(seen) => view = Some(view.map_or(seen, |view: View| view.min(seen))),
            }
        }
        Decision::Granted { view: view.unwrap_or_default(), barred }
    }

    fn of_client(&self, client: &str, now: Timestamp) -> impl Iterator<Item = &Grant> {
        let places = self.by_client.get(client).map_or(&[][..], Vec::as_slice);
        let grants = places.iter().filter_map(|place| self.document.grants.get(*place));
        grants.filter(move |grant| grant.in_force(now))
    }

    /// The view of a database that is granted: the most of the grants that cover it.
    fn granted(
        &self,
        context: &Context,
        operation: Operation,
        database: Database,
        now: Timestamp,
    ) -> Result<View, Reason> {
        let covers = |grant: &&Grant| {
            grant.databases.contains(&database)
                && grant.operations.contains(&operation)
                && grant.reaches(context)
        };
        let view = self.of_client(&context.client, now).filter(covers).map(|grant| grant.view).max();
        let suspended =
            |one: &Suspension| one.databases.contains(&database) && one.sites.holds(context.site.as_deref());
        match view {
            None => Err(Reason::NotGranted),
            Some(_) if self.suspensions(now).any(suspended) => Err(Reason::Suspended),
            Some(view) => Ok(view),
        }
    }

    /// The suspensions that are in force.
    pub fn suspensions(&self, now: Timestamp) -> impl Iterator<Item = &Suspension> {
        self.document.suspensions.iter().filter(move |suspension| suspension.in_force(now))
    }
}
