//! The screening that a fetch belongs to, found in the journal.
//!
//! A reference tells its time, so the search begins in the segment that was being written then. The screening stands there
//! within minutes, or nowhere. What came of it later is looked for behind it, up to a limit: answers that were late, rechecks,
//! and details that were fetched, which name the record's files.

use std::io;
use std::ops::ControlFlow;

use postern_sdk::{Answer, Context, Database, Exchange, Hit, Outcome, Reference};
use serde::Deserialize;

use super::note::FetchNote;
use crate::engine::LateRecord;
use crate::engine::record::{Section, section};
use crate::journal::{Journal, Kind, RecordRef};
use crate::recheck::RecheckRecord;

/// How long after its reference was made a screening may be recorded, in ns.
const SCREENING_NS_MAX: u64 = 600_000_000_000;
/// Bytes that are read in search of what came later. What stands farther behind is had by a new screening.
const SEARCH_BYTES_MAX: u64 = 1 << 30;
/// What parts the paths of a detail.
const PATHS_PARTED_BY: &str = "; ";

/// What is looked for.
pub(super) struct Sought<'a> {
    pub(super) exchange: Reference,
    pub(super) client: &'a str,
    pub(super) database: Database,
    pub(super) record: &'a str,
    /// The detail that names the file, and the file's path.
    pub(super) file: Option<(&'static str, &'a str)>,
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// Who asked, where and why, if the client has such a screening.
    pub(super) context: Option<Context>,
    /// Whether it hit the record.
    pub(super) record: bool,
    /// Whether the record names the file.
    pub(super) file: bool,
}

/// Searches the journal. This blocks.
///
/// # Errors
/// What the storage said.
pub(super) fn search(journal: &Journal, sought: Sought<'_>) -> io::Result<Found> {
    let Some(made_ns) = made_ns(sought.exchange) else { return Ok(Found::default()) };
    let mut search = Search { sought, found: Found::default(), made_ns, bytes: 0 };
    journal.visit_since(made_ns, |record| search.visit(record))?;
    Ok(search.found)
}

/// When a reference was made.
fn made_ns(reference: Reference) -> Option<u64> {
    let (seconds, ns) = reference.0.get_timestamp()?.to_unix();
    seconds.checked_mul(1_000_000_000)?.checked_add(u64::from(ns))
}

struct Search<'a> {
    sought: Sought<'a>,
    found: Found,
    made_ns: u64,
    bytes: u64,
}

impl Search<'_> {
    fn visit(&mut self, record: &RecordRef<'_>) -> ControlFlow<()> {
        self.bytes += record.body.len() as u64;
        let late = record.time_ns > self.made_ns.saturating_add(SCREENING_NS_MAX);
        if self.bytes > SEARCH_BYTES_MAX || (late && self.found.context.is_none()) {
            return ControlFlow::Break(());
        }
        if record.matter != self.sought.exchange.0 {
            return ControlFlow::Continue(());
        }
        match record.kind {
            Kind::Screening => self.screening(record.body)?,
            Kind::LateAnswer => {
                let late: Option<LateRecord> = json(record.body, Section::Late);
                self.answers(&late.map(|late| late.answers).unwrap_or_default());
            }
            Kind::Recheck => {
                self.answers(&RecheckRecord::read(record.body).map(|one| one.answers).unwrap_or_default());
            }
            Kind::CaseEvent => self.fetched(record.body),
            _ => {}
        }
        let whole = self.found.record && (self.sought.file.is_none() || self.found.file);
        if whole && self.found.context.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// The screening itself. Another client's is searched no further.
    fn screening(&mut self, body: &[u8]) -> ControlFlow<()> {
        let exchange: Option<Exchange> = json(body, Section::Exchange);
        let outcomes: Option<Vec<Outcome>> = json(body, Section::Outcomes);
        let (Some(exchange), Some(outcomes)) = (exchange, outcomes) else { return ControlFlow::Break(()) };
        if exchange.context.client != self.sought.client {
            return ControlFlow::Break(());
        }
        self.found.context = Some(exchange.context);
        for (database, hit) in outcomes.iter().flat_map(Outcome::hits) {
            self.hit(database, hit);
        }
        ControlFlow::Continue(())
    }

    fn answers(&mut self, answers: &[Answer]) {
        for answer in answers {
            for hit in answer.finding.hits() {
                self.hit(answer.database, hit);
            }
        }
    }

    fn fetched(&mut self, body: &[u8]) {
        let note: Option<FetchNote> = json(body, Section::Fetch);
        if let Some((database, details)) = note.and_then(|note| note.database.zip(note.details)) {
            self.names(database, &details);
        }
    }

    fn hit(&mut self, database: Database, hit: &Hit) {
        self.found.record |= database == self.sought.database && hit.record == self.sought.record;
        self.names(database, hit);
    }

    fn names(&mut self, database: Database, hit: &Hit) {
        let Some((detail, path)) = self.sought.file else { return };
        let same = database == self.sought.database && hit.record == self.sought.record;
        let paths = hit.details.get(detail).map(|paths| paths.reveal().as_str()).unwrap_or_default();
        self.found.file |= same && paths.split(PATHS_PARTED_BY).any(|one| one == path);
    }
}

fn json<'a, T: Deserialize<'a>>(body: &'a [u8], wanted: Section) -> Option<T> {
    serde_json::from_slice(section(body, wanted)?).ok()
}
