//! What a person asks for by name: a record in full, and its files.
//!
//! Neither is part of a screening. Details are believed to alarm the record's owner, so those of a weaker match are had
//! only when somebody of the second line wants them; notices and images are large and have limits of their own.

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use postern_sdk::{Context, Database, Hit, Reason, Reference};
use tokio::time::Instant;

use super::guard::Class;
use super::line::Line;
use super::profile::{Meaning, Step};
use super::reply::{Entry, Reply};
use super::request::Asked;
use super::{Find, micros};

/// What is wanted of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// All that the record says.
    Details,
    /// The notice at this path, which details gave.
    Notice(&'a str),
    /// The image at this path, which details gave.
    Image(&'a str),
}

/// What was fetched.
#[derive(Debug)]
pub enum Fetched {
    /// The record in full.
    Details(Box<Hit>),
    /// A file.
    File(File),
    /// The service has no such record or file.
    Nothing,
}

/// A file of a record.
pub struct File {
    /// What it is, as the service says; not checked.
    pub media_type: String,
    /// The bytes.
    pub content: Bytes,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "File({} bytes)", self.content.len())
    }
}

/// A fetch and what is to be recorded of it.
#[derive(Debug)]
pub struct Fetch {
    /// What came, or why nothing did.
    pub fetched: Result<Fetched, Reason>,
    /// The reference that went out with the request; none if nothing was sent.
    pub reference_in_country: Option<String>,
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// How long it took, in microseconds.
    pub elapsed_us: u64,
}

impl Find {
    /// Fetches what is wanted of a record, under the reference of the exchange that it belongs to.
    ///
    /// None if no service has the database, or it has no such operation.
    pub async fn fetch(
        &self,
        database: Database,
        record: &str,
        wanted: Wanted<'_>,
        context: &Context,
        exchange: Reference,
    ) -> Option<Fetch> {
        let (asked, step) = match wanted {
            Wanted::Details => (Asked::Details { record }, Step::Details),
            Wanted::Notice(path) => (Asked::File { step: Step::Notice, record, path }, Step::Notice),
            Wanted::Image(path) => (Asked::File { step: Step::Image, record, path }, Step::Image),
        };
        let has = |line: &Line<'_>| line.serves(database) && line.service.operation(step).is_some();
        let line = self.services.iter().map(|connection| self.line(connection)).find(has)?;
        let begin = Instant::now();
        if context.environment != self.settings.environment {
            return Some(refused(Reason::WrongEnvironment, begin));
        }
        if context.silent && !line.service.silent {
            return Some(refused(Reason::SilentNotAvailable, begin));
        }
        let class = if step.is_file() { Class::File } else { Class::Lane };
        let line = Line { class, ..line };
        let deadline = begin + line.timeout();
        let exchanged = line.exchange(&asked, context, exchange, deadline).await;
        let request_id = exchanged.reply.as_ref().ok().and_then(|reply| reply.request_id.clone());
        let fetched = exchanged
            .reply
            .and_then(|reply| line.fetched(&reply, step))
            .and_then(|fetched| of(fetched, record));
        let reference_in_country = exchanged.reference;
        Some(Fetch { fetched, reference_in_country, request_id, elapsed_us: micros(begin.elapsed()) })
    }
}

/// What was fetched, if it is the record that was asked for. One that does not say its id is taken at the service's word.
fn of(mut fetched: Fetched, record: &str) -> Result<Fetched, Reason> {
    if let Fetched::Details(hit) = &mut fetched {
        if hit.record.is_empty() {
            record.clone_into(&mut hit.record);
        }
        if hit.record != record {
            return Err(Reason::MalformedAnswer);
        }
    }
    Ok(fetched)
}

fn refused(reason: Reason, begin: Instant) -> Fetch {
    let elapsed_us = micros(begin.elapsed());
    Fetch { fetched: Err(reason), reference_in_country: None, request_id: None, elapsed_us }
}

impl Line<'_> {
    /// The one record of an answer.
    fn fetched(&self, reply: &Reply, step: Step) -> Result<Fetched, Reason> {
        match self.overall(reply) {
            Meaning::Hits => {}
            Meaning::NoRecord => return Ok(Fetched::Nothing),
            Meaning::NotChecked(reason) => return Err(reason),
        }
        let entries: Vec<&Entry> =
            reply.blocks.iter().flatten().flat_map(|block| block.entries.iter()).collect();
        let [entry] = entries.as_slice() else { return Err(Reason::MalformedAnswer) };
        if step.is_file() {
            return self.file(entry, step).map(Fetched::File).ok_or(Reason::MalformedAnswer);
        }
        Ok(Fetched::Details(Box::new(self.reader().record(entry))))
    }

    fn file(&self, entry: &Entry, step: Step) -> Option<File> {
        let operation = self.service.operation(step)?;
        let text = entry.get(&self.find.profile, operation.content.as_ref())?;
        let packed: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let content = BASE64_STANDARD.decode(packed).ok()?;
        let media_type = entry.get(&self.find.profile, operation.media_type.as_ref());
        let media_type = media_type.unwrap_or("application/octet-stream").to_owned();
        Some(File { media_type, content: content.into() })
    }
}
