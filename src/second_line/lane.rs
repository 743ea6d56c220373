//! One message of the second line, from its bytes to its answer.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use postern_sdk::{Context, Fault, FaultCode, Reference, Reply, View};
use tokio::sync::Semaphore;

use super::asked::{Asked, What};
use super::exchange::{self, Sought};
use super::note::{FetchNote, FetchedFile, Stage};
use super::refusal::Refusal;
use super::told;
use crate::engine::Shared;
use crate::engine::record::{Body, Section};
use crate::find::{Fetch, Fetched, Find};
use crate::grants::Decision;
use crate::ids::new_id;
use crate::journal::{Entry, Kind};
use crate::keys::hex;
use crate::lane::{Frame, Handled, Handler, Handling, Receipt};

/// Searches of the journal at once: each reads as fast as the disk does.
const SEARCHES_MAX: usize = 2;

/// The places for searches of the journal, which all lanes share.
#[derive(Clone)]
pub struct Looking(Arc<Semaphore>);

impl Default for Looking {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SEARCHES_MAX)))
    }
}

/// Answers what one lane's clients ask about records that they hit.
#[derive(Clone)]
pub struct FetchHandler {
    /// What all lanes share.
    pub shared: Arc<Shared>,
    /// The services.
    pub find: Arc<Find>,
    /// The places for searches of the journal.
    pub looking: Looking,
    /// The lane's name.
    pub lane: String,
    /// What neither message nor screening says of the context.
    pub context: Context,
    /// How much a client of the lane sees at most.
    pub view: View,
    /// Whether files are asked for here, or details.
    pub files: bool,
}

/// One fetch on its way.
struct Call<'a> {
    asked: &'a Asked,
    context: Context,
    reference: Reference,
}

impl Handler for FetchHandler {
    fn handle(&self, frame: Frame) -> Handling {
        let handler = self.clone();
        Box::pin(async move {
            let reference = Reference(new_id(handler.shared.clock.now()));
            let asked = if handler.files { Asked::file(&frame.bytes) } else { Asked::details(&frame.bytes) };
            let answered = match &asked {
                Ok(asked) => handler.answer(asked, &frame.client.name, reference).await,
                Err(refusal) => Err(Stopped::Before(*refusal)),
            };
            let reply = answered.unwrap_or_else(|stopped| {
                handler.refused(stopped, asked.as_ref().ok(), &frame.client.name, reference)
            });
            Handled { replies: vec![reply], ..Handled::default() }
        })
    }

    fn sent(&self, _receipt: Receipt, _written: bool) {}

    fn refuse(&self, fault: Fault, _client: Option<&str>) -> Reply {
        tracing::warn!(lane = self.lane, code = fault.code.as_str(), "A fetch failed inside.");
        Refusal::Internal.reply(Reference(new_id(self.shared.clock.now())))
    }
}

/// Where a fetch ended without an answer.
#[derive(Clone, Copy)]
enum Stopped {
    /// Before its first note: a refusal is still to be recorded.
    Before(Refusal),
    /// Behind it.
    After(Refusal),
}

impl FetchHandler {
    async fn answer(&self, asked: &Asked, client: &str, reference: Reference) -> Result<Reply, Stopped> {
        let context = self.admitted(asked, client).await.map_err(Stopped::Before)?;
        let call = Call { asked, context, reference };
        self.note(&call, Stage::Asked, |_| {}).await.map_err(|()| Stopped::Before(Refusal::Unable))?;
        self.fetch(&call).await.map_err(Stopped::After)
    }

    /// Who asks, where and why, if the client may have this of the record.
    async fn admitted(&self, asked: &Asked, client: &str) -> Result<Context, Refusal> {
        if self.view < View::Full {
            return Err(Refusal::ViewNotFull);
        }
        let found = self.search(asked, client).await?;
        let Some(screening) = found.context.filter(|_| found.record) else {
            return Err(Refusal::RecordNotInScreening);
        };
        let context = asked.context(&screening, &self.context, client);
        if !context.missing().is_empty() {
            return Err(Refusal::ContextIncomplete);
        }
        self.granted(asked, &context)?;
        if asked.path.is_some() && !found.file { Err(Refusal::FileNotOfRecord) } else { Ok(context) }
    }

    async fn search(&self, asked: &Asked, client: &str) -> Result<exchange::Found, Refusal> {
        let (exchange, database) = (asked.exchange, asked.database);
        let (client, record) = (client.to_owned(), asked.record.clone());
        let file = asked.what.detail().zip(asked.path.clone());
        let journal = self.shared.journal.clone();
        // It is never closed, so it gives a place.
        let Ok(place) = self.looking.0.clone().acquire_owned().await else { return Err(Refusal::Unable) };
        let searched = tokio::task::spawn_blocking(move || {
            let file = file.as_ref().map(|(detail, path)| (*detail, path.reveal().as_str()));
            let sought = Sought { exchange, client: &client, database, record: &record, file };
            let found = exchange::search(&journal, sought);
            drop(place);
            found
        });
        match searched.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => {
                tracing::error!(%error, "The journal could not be searched for a screening.");
                Err(Refusal::Unable)
            }
            Err(_) => Err(Refusal::Internal),
        }
    }

    fn granted(&self, asked: &Asked, context: &Context) -> Result<(), Refusal> {
        let grants = self.shared.grants.load();
        match grants.decide(context, asked.what.operation(), [asked.database], self.shared.clock.read()) {
            Decision::Granted { barred, .. } if !barred.is_empty() => Err(Refusal::Denied),
            Decision::Granted { view, .. } if view < View::Full => Err(Refusal::ViewNotFull),
            Decision::Granted { .. } => Ok(()),
            Decision::Denied(_) => Err(Refusal::Denied),
        }
    }

    /// Asks the service. What came of it is told only when it is recorded.
    async fn fetch(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let Asked { exchange, database, record, .. } = call.asked;
        let wanted = call.asked.wanted();
        let fetch = self.find.fetch(*database, record, wanted, &call.context, *exchange).await;
        let given = given(call, fetch.as_ref());
        let outcome = given.as_ref().map_or_else(|refusal| refusal.code(), |_| "done");
        self.note(call, Stage::Ended, |note| {
            note.outcome = Some(outcome.to_owned());
            fetch.iter().for_each(|fetch| told_in(note, fetch));
        })
        .await
        .map_err(|()| Refusal::Unrecorded)?;
        count(call.asked.what, outcome);
        given
    }

    /// Writes a note into the journal, and returns when it is durable.
    async fn note(&self, call: &Call<'_>, stage: Stage, more: impl FnOnce(&mut FetchNote)) -> Result<(), ()> {
        let mut note = self.blank(Some(call.asked), call.context.clone(), call.reference, stage);
        more(&mut note);
        let body = Body::new().json(Section::Fetch, &note).into_bytes();
        let entry = Entry::new(Kind::CaseEvent, call.asked.exchange.0, body);
        self.shared.journal.append(entry).await.map(drop).map_err(drop)
    }

    fn blank(&self, asked: Option<&Asked>, context: Context, fetch: Reference, stage: Stage) -> FetchNote {
        FetchNote {
            fetch,
            exchange: asked.map(|asked| asked.exchange),
            stage,
            at: self.shared.clock.now(),
            lane: self.lane.clone(),
            context,
            database: asked.map(|asked| asked.database),
            record: asked.map(|asked| asked.record.clone()),
            what: asked.map(|asked| asked.what),
            path: asked.and_then(|asked| asked.path.clone()),
            outcome: None,
            reason: None,
            reference_in_country: None,
            request_id: None,
            elapsed_us: None,
            details: None,
            file: None,
        }
    }

    /// The refusal. One before anything was asked is recorded without waiting, because it asserts nothing.
    fn refused(&self, stopped: Stopped, asked: Option<&Asked>, client: &str, reference: Reference) -> Reply {
        let (Stopped::Before(refusal) | Stopped::After(refusal)) = stopped;
        if matches!(stopped, Stopped::Before(_)) {
            let what = asked.map_or(if self.files { "file" } else { "details" }, |asked| asked.what.code());
            metrics::counter!("postern_fetches_total", "what" => what, "result" => refusal.code())
                .increment(1);
            let mut context = self.context.clone();
            client.clone_into(&mut context.client);
            let mut note = self.blank(asked, context, reference, Stage::Refused);
            note.outcome = Some(refusal.code().to_owned());
            let fault = Fault::new(FaultCode::new(refusal.code()));
            let body = Body::new().json(Section::Fault, &fault).json(Section::Fetch, &note).into_bytes();
            // Dropped under a flood of refusals: the journal counts it.
            let _ = self.shared.journal.append_unsynced(Entry::new(Kind::Refusal, reference.0, body));
        }
        let (lane, code) = (&self.lane, refusal.code());
        tracing::info!(lane, client, %reference, code, "A fetch was refused.");
        refusal.reply(reference)
    }
}

/// What is given of what came.
fn given(call: &Call<'_>, fetch: Option<&Fetch>) -> Result<Reply, Refusal> {
    let fetch = fetch.ok_or(Refusal::NotConfigured)?;
    match fetch.fetched.as_ref().map_err(|reason| Refusal::from(*reason))? {
        Fetched::Details(hit) => {
            Ok(told::details(call.asked, call.reference, &fetch.reference_in_country, hit))
        }
        Fetched::File(file) => Ok(told::file(file)),
        Fetched::Nothing => Err(Refusal::NothingFound),
    }
}

/// What the note says of what came.
fn told_in(note: &mut FetchNote, fetch: &Fetch) {
    note.reference_in_country.clone_from(&fetch.reference_in_country);
    note.request_id.clone_from(&fetch.request_id);
    note.elapsed_us = Some(fetch.elapsed_us);
    match &fetch.fetched {
        Ok(Fetched::Details(hit)) => note.details = Some(hit.clone()),
        Ok(Fetched::File(file)) => {
            note.file = Some(FetchedFile {
                sha256: hex(digest(&SHA256, &file.content).as_ref()),
                bytes: file.content.len() as u64,
                media_type: told::media_type(&file.media_type).to_owned(),
            });
        }
        Ok(Fetched::Nothing) => {}
        Err(reason) => note.reason = Some(*reason),
    }
}

fn count(what: What, result: &'static str) {
    metrics::counter!("postern_fetches_total", "what" => what.code(), "result" => result).increment(1);
}
