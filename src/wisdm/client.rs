//! Asking the service.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use jiff::civil::Date;
use postern_sdk::{DocumentNumber, DocumentType, Reason};

use super::document::{Document, Held};
use super::error::{OpenError, WisdmError};
use super::reply::{self, Action, Reply, Statistics};
use super::request::{self, Said, Sender};
use super::rules::Rules;
use crate::clock::Clock;
use crate::find::desk::{Desk, Endpoint, Pace, Unanswered};
use crate::find::profile::{Profile, Wisdm as Section, WisdmStep};
use crate::find::reply::Unreadable;
use crate::find::{Find, Settings};

/// How fast the service is asked: within the account's own limits.
#[derive(Clone, Copy, Debug)]
pub struct Speed {
    /// Requests at once.
    pub concurrency_max: usize,
    /// Requests a second; 0: as the account allows.
    pub rate_per_s_max: u32,
}

impl Default for Speed {
    fn default() -> Self {
        Self { concurrency_max: 4, rate_per_s_max: 0 }
    }
}

impl Speed {
    const fn pace(self) -> Pace {
        Pace { concurrency_max: self.concurrency_max, rate_per_s_max: self.rate_per_s_max }
    }
}

/// The service by which the country manages its own records.
pub struct Wisdm {
    desk: Desk,
    section: Section,
    endpoints: BTreeMap<WisdmStep, Endpoint>,
}

/// Something that was done, and how to speak of it to INTERPOL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// What came of it.
    pub told: T,
    /// The reference that was the request's alone.
    pub reference_in_country: String,
    /// The service's id of the request.
    pub request_id: Option<String>,
}

impl<T> Done<T> {
    fn map<U>(self, map: impl FnOnce(T) -> U) -> Done<U> {
        let Self { told, reference_in_country, request_id } = self;
        Done { told: map(told), reference_in_country, request_id }
    }
}

/// What came of a request.
pub type Told<T> = Result<Done<T>, WisdmError>;

impl Wisdm {
    /// The service under the account of the settings. Nothing is connected before the first request.
    ///
    /// # Errors
    /// What of configuration or profile can't be used.
    pub fn new(
        settings: Settings,
        profile: Arc<Profile>,
        clock: Clock,
        speed: Speed,
    ) -> Result<Self, OpenError> {
        Self::at(Desk::new(settings, profile, clock, speed.pace())?)
    }

    /// The service under the account under which searches are asked, sharing link and turns with them.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn beside(find: &Find, speed: Speed) -> Result<Self, OpenError> {
        Self::at(Desk::beside(find, speed.pace()))
    }

    fn at(desk: Desk) -> Result<Self, OpenError> {
        let section = desk.profile().wisdm.clone().ok_or(OpenError::NotInProfile)?;
        let endpoints = section
            .operations
            .iter()
            .map(|(step, operation)| Ok((*step, desk.endpoint(&section.path, &section.action(operation))?)))
            .collect::<Result<_, OpenError>>()?;
        Ok(Self { desk, section, endpoints })
    }

    /// The rules of fields, today.
    pub fn rules(&self) -> Rules<'_> {
        Rules { profile: self.profile(), wisdm: &self.section, today: self.today() }
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        self.desk.profile()
    }

    /// The profile's section.
    pub const fn section(&self) -> &Section {
        &self.section
    }

    fn today(&self) -> Date {
        jiff::tz::Offset::UTC.to_datetime(self.desk.clock().now()).date()
    }

    /// Reports a document. Gives the record's id, if the service tells it.
    ///
    /// # Errors
    /// Why it was not reported, or may not have been.
    pub async fn report(&self, document: &Document, sender: &Sender) -> Told<Option<String>> {
        self.send_document(document, None, sender).await
    }

    /// Corrects the record of an id by what the document says now.
    ///
    /// # Errors
    /// Why it was not corrected, or may not have been.
    pub async fn correct(&self, id: &str, document: &Document, sender: &Sender) -> Told<Option<String>> {
        self.send_document(document, Some(id), sender).await
    }

    async fn send_document(
        &self,
        document: &Document,
        id: Option<&str>,
        sender: &Sender,
    ) -> Told<Option<String>> {
        let said = Said { id, document: Some(document), ..Said::default() };
        let done = self.asked(WisdmStep::CreateOrUpdate, &said, sender).await?;
        let (reply, found) = &done.told;
        if !found {
            return Err(WisdmError::NotFound);
        }
        let id = reply.documents(self.profile(), &self.section)?.pop().map(|held| held.id);
        Ok(done.map(|_| id))
    }

    /// The country's records of a number, and of a type if one is given.
    ///
    /// # Errors
    /// Why they are not known.
    pub async fn search(
        &self,
        number: &DocumentNumber,
        doc_type: Option<&DocumentType>,
        sender: &Sender,
    ) -> Told<Vec<Held>> {
        let said = Said { number: Some(number), doc_type, ..Said::default() };
        let done = self.asked(WisdmStep::Search, &said, sender).await?;
        let mut found = done.told.0.documents(self.profile(), &self.section)?;
        // The service may list what is alike; a change is made to this number and type alone.
        found.retain(|held| held.number.as_ref() == Some(number));
        found.retain(|held| doc_type.is_none_or(|wanted| held.doc_type.as_ref() == Some(wanted)));
        Ok(done.map(|_| found))
    }

    /// The one record of a number and type: changes are made by its id.
    ///
    /// # Errors
    /// [`WisdmError::NotFound`], [`WisdmError::Ambiguous`], or why it is not known.
    pub async fn find(
        &self,
        number: &DocumentNumber,
        doc_type: Option<&DocumentType>,
        sender: &Sender,
    ) -> Result<Held, WisdmError> {
        let mut found = self.search(number, doc_type, sender).await?.told;
        match (found.pop(), found.len()) {
            (Some(one), 0) => Ok(one),
            (None, _) => Err(WisdmError::NotFound),
            (Some(_), more) => Err(WisdmError::Ambiguous(more + 1)),
        }
    }

    /// A record in full.
    ///
    /// # Errors
    /// Why it can't be had.
    pub async fn retrieve(&self, id: &str, sender: &Sender) -> Told<Held> {
        let done = self.found(WisdmStep::Retrieve, &Said { id: Some(id), ..Said::default() }, sender).await?;
        let mut documents = done.told.documents(self.profile(), &self.section)?;
        match (documents.pop(), documents.is_empty()) {
            (Some(held), true) if held.id == id => Ok(done.map(|_| held)),
            _ => Err(WisdmError::Unusable("not the one record that was asked for")),
        }
    }

    /// Changes until when a record is kept.
    ///
    /// # Errors
    /// Why it was not changed, or may not have been.
    pub async fn change_retention(&self, id: &str, until: Date, reason: &str, sender: &Sender) -> Told<()> {
        let said =
            Said { id: Some(id), keep_until: Some(until), keep_reason: Some(reason), ..Said::default() };
        Ok(self.found(WisdmStep::ChangeRetention, &said, sender).await?.map(drop))
    }

    /// Withdraws a record.
    ///
    /// # Errors
    /// Why it was not withdrawn, or may not have been.
    pub async fn withdraw(&self, id: &str, sender: &Sender) -> Told<()> {
        let said = Said { id: Some(id), ..Said::default() };
        Ok(self.found(WisdmStep::Delete, &said, sender).await?.map(drop))
    }

    /// The service's own figures, which it counts anew each day.
    ///
    /// # Errors
    /// Why they can't be had.
    pub async fn statistics(&self, sender: &Sender) -> Told<Statistics> {
        let done = self.asked(WisdmStep::Statistics, &Said::default(), sender).await?;
        let statistics = done.told.0.statistics(self.profile(), &self.section)?;
        Ok(done.map(|_| statistics))
    }

    /// What was done to the country's records since a movement.
    ///
    /// # Errors
    /// Why it can't be had.
    pub async fn actions(&self, since: &str, sender: &Sender) -> Told<Vec<Action>> {
        let said = Said { movement: Some(since), ..Said::default() };
        let done = self.asked(WisdmStep::Actions, &said, sender).await?;
        let actions = done.told.0.actions(self.profile(), &self.section);
        Ok(done.map(|_| actions))
    }

    /// Marks every record of the country, or removes the marked ones, or all. Whoever calls it with anything but
    /// [`WisdmStep::StartInit`] has had it confirmed by a person who saw the count: see [`super::init`].
    ///
    /// # Errors
    /// Why it was not done, or may not have been.
    pub(super) async fn initialise(&self, step: WisdmStep, sender: &Sender) -> Told<()> {
        Ok(self.asked(step, &Said::default(), sender).await?.map(drop))
    }

    /// What was asked of one record, which must be there.
    async fn found(&self, step: WisdmStep, said: &Said<'_>, sender: &Sender) -> Told<Reply> {
        let done = self.asked(step, said, sender).await?;
        if done.told.1 { Ok(done.map(|(reply, _)| reply)) } else { Err(WisdmError::NotFound) }
    }

    /// One request and its answer, and whether something was found.
    async fn asked(&self, step: WisdmStep, said: &Said<'_>, sender: &Sender) -> Told<(Reply, bool)> {
        let unsent = |reason| WisdmError::Failed { reason, in_doubt: false };
        if sender.context.environment != self.desk.environment() {
            return Err(unsent(Reason::WrongEnvironment));
        }
        let (Some(operation), Some(endpoint)) = (self.section.operation(step), self.endpoints.get(&step))
        else {
            return Err(unsent(Reason::NotConfigured));
        };
        if said.id.is_some_and(|id| !reply::is_id(&self.section, id)) {
            return Err(WisdmError::Unusable("no id of a record"));
        }
        let reference = self.desk.reference();
        let envelope = request::envelope(&self.desk, &self.section, operation, said, sender, &reference)?;
        let time_limit = Duration::from_millis(self.section.timeout_ms);
        let in_doubt = |reason| WisdmError::Failed { reason, in_doubt: !step.only_reads() };
        let (status, body) =
            self.desk.post(endpoint, envelope, time_limit).await.map_err(|Unanswered { reason, sent }| {
                if sent { in_doubt(reason) } else { unsent(reason) }
            })?;
        let read = reply::read(self.profile(), &self.section, operation, &body);
        let reply = match (status, read) {
            (StatusCode::OK, Ok(reply)) => reply,
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
                return Err(unsent(Reason::AccessDenied));
            }
            (StatusCode::TOO_MANY_REQUESTS, _) => return Err(unsent(Reason::RateCapped)),
            (_, Err(Unreadable::Fault)) => return Err(in_doubt(Reason::UnexpectedError)),
            (StatusCode::OK, Err(Unreadable::Malformed)) => return Err(in_doubt(Reason::MalformedAnswer)),
            _ => return Err(in_doubt(Reason::Transport)),
        };
        if reply.reference.as_deref().is_some_and(|echo| echo != reference) {
            return Err(in_doubt(Reason::MalformedAnswer));
        }
        let found = reply.done(self.profile(), &self.section)?;
        let request_id = reply.request_id.clone();
        Ok(Done { told: (reply, found), reference_in_country: reference, request_id })
    }
}
