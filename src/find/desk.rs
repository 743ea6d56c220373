//! The account's desk: where what is no search is asked, under the same account.
//!
//! The management of the country's own records is another service of the same account. It has places of its own, so that a
//! list of a hundred thousand reports never takes a traveller's, and in a daemon it shares the account's link and turns. It has no
//! breaker: who asks here is told what failed, and a list stops by itself. What is asked is written and read by its own room.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use postern_sdk::{Context, Environment, Reason, Reference};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Find;
pub(crate) use super::client::Unanswered;
use super::client::{Address, Poster};
use super::guard::SharedRate;
use super::link::System;
use super::profile::{Profile, Step};
use super::rate::Rate;
use super::request::{self, Account, Sender};
use super::settings::{Settings, SetupError};
use super::soap::Writer;
use crate::clock::Clock;
use crate::ids::new_id;

/// The account's desk.
pub(crate) struct Desk {
    settings: Settings,
    profile: Arc<Profile>,
    clock: Clock,
    account: Account,
    poster: Arc<Poster>,
    places: Semaphore,
    /// The account's turns.
    rate: SharedRate,
    /// Fewer turns, if fewer are wanted.
    pace: Mutex<Rate>,
}

/// Where one operation is asked.
pub(crate) struct Endpoint(Address);

/// How the desk is used: narrower than the account's own limits, never wider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Requests at once.
    pub(crate) concurrency_max: usize,
    /// Requests a second; 0: as the account's.
    pub(crate) rate_per_s_max: u32,
}

impl Desk {
    /// The desk of an account. Nothing is connected before the first question.
    pub(crate) fn new(
        settings: Settings,
        profile: Arc<Profile>,
        clock: Clock,
        pace: Pace,
    ) -> Result<Self, SetupError> {
        let poster = Arc::new(Poster::new(&settings, &profile, Box::new(System))?);
        let rate = Arc::new(Mutex::new(settings.rate()));
        Ok(Self::with(settings, profile, clock, pace, (poster, rate)))
    }

    /// The desk of the account under which searches are asked: it shares link and turns with them.
    pub(crate) fn beside(find: &Find, pace: Pace) -> Self {
        let (settings, profile) = (find.settings.clone(), Arc::clone(&find.profile));
        let shared = (Arc::clone(&find.poster), Arc::clone(&find.rate));
        Self::with(settings, profile, find.clock.clone(), pace, shared)
    }

    fn with(
        settings: Settings,
        profile: Arc<Profile>,
        clock: Clock,
        pace: Pace,
        (poster, rate): (Arc<Poster>, SharedRate),
    ) -> Self {
        let places = Semaphore::new(settings.options.concurrency_max.min(pace.concurrency_max).max(1));
        let pace = Mutex::new(Rate::new(pace.rate_per_s_max, 100));
        let account = settings.account();
        Self { settings, profile, clock, account, poster, places, rate, pace }
    }

    pub(crate) fn profile(&self) -> &Profile {
        &self.profile
    }

    pub(crate) const fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) const fn environment(&self) -> Environment {
        self.settings.environment
    }

    /// The address of an operation.
    pub(crate) fn endpoint(&self, path: &str, action: &str) -> Result<Endpoint, SetupError> {
        Address::of_operation(path, action).map(Endpoint)
    }

    /// A reference that no other request has.
    pub(crate) fn reference(&self) -> String {
        format!("{}-{}", self.settings.country_code(), new_id(self.clock.now()).hyphenated())
    }

    /// Writes those header blocks of the profile whose elements are named.
    pub(crate) fn write_header(
        &self,
        out: &mut Writer,
        namespace: &str,
        elements: &[String],
        context: &Context,
        exchange: Reference,
        reference_in_country: &str,
    ) {
        let sender = Sender { account: &self.account, context, exchange, reference_in_country };
        for block in self.profile.header.iter().filter(|block| elements.contains(&block.element)) {
            request::write_header(out, namespace, block, &sender);
        }
    }

    /// Posts an envelope when there is a place and a turn, and takes the answer.
    pub(crate) async fn post(
        &self,
        endpoint: &Endpoint,
        envelope: String,
        time_limit: Duration,
    ) -> Result<(StatusCode, Bytes), Unanswered> {
        let capped = Unanswered { reason: Reason::RateCapped, sent: false };
        let wait_end = Instant::now() + time_limit;
        let place = timeout_at(wait_end, self.places.acquire()).await;
        let _place = place.ok().and_then(Result::ok).ok_or(capped)?;
        for rate in [&self.pace, &*self.rate] {
            let turn = rate.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now(), wait_end);
            if let Some(turn) = turn.ok_or(capped)? {
                sleep_until(turn).await;
            }
        }
        let end = Instant::now() + time_limit;
        let late = Err(Unanswered { reason: Reason::Deadline, sent: true });
        let posting = self.poster.post(&endpoint.0, Step::Search, envelope, end);
        let response = timeout_at(end, posting).await.unwrap_or(late)?;
        Ok((response.status, response.body))
    }
}
