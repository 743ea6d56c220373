//! Takes a bundle into the hub's journal: all of it is checked, then it is written.

use std::io::Read;

use jiff::Timestamp;
use postern_sdk::Reference;
use uuid::Uuid;

use super::bundle::Bundle;
use super::content::{Item, Returned, expect_end};
use super::error::ReconcileError;
use super::export::{count, open_places};
use super::header::Header;
use super::ledger::{Gap, Ledger};
use super::record::{Counts, Import, Origin};
use crate::engine::record::{Body, Recorded, Section, section};
use crate::journal::{Commit, Entry, Journal, Kind};
use crate::mind::keyring::SiteKey;
use crate::screening::Follow;

/// Records under way to the disk at most, so that the journal's queue is never full of them.
const UNDER_WAY_MAX: usize = 256;
/// Bytes of them at most, but for the last one.
const UNDER_WAY_BYTES_MAX: usize = 8 << 20;

/// A bundle of which everything was checked that can be without the hub's journal.
#[derive(Debug)]
pub struct Checked {
    bundle: Bundle,
    /// What it holds.
    pub counts: Counts,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Records that were not there yet.
    pub records: u64,
    /// Records with open rechecks that were not there yet.
    pub rechecks: u64,
}

/// Opens a bundle and reads all of it. `body_bytes_max` is the largest body that the hub's journal takes.
///
/// # Errors
/// [`ReconcileError`]: all that can be wrong within the sealed stream.
pub fn check(bundle: Bundle, hub: &SiteKey, body_bytes_max: usize) -> Result<Checked, ReconcileError> {
    let mut checker = Checker {
        header: bundle.header(),
        body_bytes_max,
        counts: Counts::default(),
        last: None,
        recheck: false,
    };
    let counts = each(&bundle, hub, |item| checker.look(item))?;
    // How much could not be read is the site's own word.
    let counted = Counts { unreadable: counts.unreadable, ..checker.counts };
    if counted != counts {
        return Err(ReconcileError::ContentMalformed("it holds other than it counts"));
    }
    Ok(Checked { bundle, counts })
}

/// Reads every item to the proven end of the stream.
fn each(
    bundle: &Bundle,
    hub: &SiteKey,
    mut with: impl FnMut(Item) -> Result<(), ReconcileError>,
) -> Result<Counts, ReconcileError> {
    let mut from: Box<dyn Read> = Box::new(bundle.open(hub)?);
    loop {
        match Item::read(&mut from)? {
            Item::End(counts) => {
                expect_end(&mut from)?;
                return Ok(counts);
            }
            item => with(item)?,
        }
    }
}

/// Looks whether items make sense, one after the other.
struct Checker<'a> {
    header: &'a Header,
    body_bytes_max: usize,
    counts: Counts,
    /// The last record.
    last: Option<(u64, Uuid)>,
    /// Whether rechecks of it came.
    recheck: bool,
}

impl Checker<'_> {
    fn look(&mut self, item: Item) -> Result<(), ReconcileError> {
        let malformed = |what| Err(ReconcileError::ContentMalformed(what));
        let fits = |kind, returned: &Returned| {
            let bytes = entry(self.header, kind, returned).body.len();
            let too_large = ReconcileError::RecordTooLarge { sequence: returned.sequence };
            if bytes <= self.body_bytes_max { Ok(()) } else { Err(too_large) }
        };
        match item {
            Item::Record(record) => {
                let after = self.last.map_or(self.header.from.sequence, |(sequence, _)| sequence);
                if record.sequence <= after || record.sequence > self.header.to.sequence {
                    return malformed("a record is out of its place");
                }
                let kind = Kind::from_code(record.kind);
                if kind == Kind::Screening && Recorded::read(&record.body).is_none() {
                    return malformed("a screening can't be read");
                }
                fits(Kind::Reconciled, &record)?;
                count(&mut self.counts, kind, &record.body);
                (self.last, self.recheck) = (Some((record.sequence, record.matter)), false);
                Ok(())
            }
            Item::Recheck(recheck) => {
                if self.last != Some((recheck.sequence, recheck.matter)) || self.recheck {
                    return malformed("a recheck is out of its place");
                }
                fits(Kind::Recheck, &recheck)?;
                let follow =
                    section(&recheck.body, Section::Follow).map(serde_json::from_slice::<Vec<Follow>>);
                let Some(Ok(follow)) = follow else { return malformed("a recheck can't be read") };
                (self.counts.rechecks, self.recheck) = (self.counts.rechecks + open_places(&follow), true);
                Ok(())
            }
            Item::End(_) => Ok(()),
        }
    }
}

impl Checked {
    /// What the bundle says of itself.
    pub const fn header(&self) -> &Header {
        self.bundle.header()
    }

    /// Writes what the ledger does not know into the hub's journal and, behind it, that the bundle was taken in. The caller
    /// made sure that the bundle fits.
    ///
    /// # Errors
    /// [`ReconcileError::Commit`], or that the bundle's file can't be read any more. What was written stays, and is not
    /// written again when the bundle is taken in again.
    pub fn write(
        &self,
        journal: &Journal,
        ledger: &Ledger,
        hub: &SiteKey,
        matter: Reference,
        gap: Option<Gap>,
    ) -> Result<Imported, ReconcileError> {
        let mut queue = Queue { journal, under_way: Vec::new(), bytes: 0 };
        let mut imported = Imported::default();
        each(&self.bundle, hub, |item| {
            let (kind, returned, written) = match &item {
                Item::Record(record) => (Kind::Reconciled, record, &mut imported.records),
                Item::Recheck(recheck) => (Kind::Recheck, recheck, &mut imported.rechecks),
                Item::End(_) => return Ok(()),
            };
            if ledger.has(returned.sequence, kind == Kind::Recheck) {
                return Ok(());
            }
            *written += 1;
            queue.put(entry(self.header(), kind, returned))
        })?;
        queue.settle()?;
        let import = Import::of(self.header(), self.counts, gap);
        let body = Body::new().json(Section::Import, &import).into_bytes();
        queue.put(Entry::new(Kind::Administrative, matter.0, body))?;
        queue.settle()?;
        Ok(imported)
    }
}

/// A record of the hub's journal: where it comes from, then the sections of the original.
pub(super) fn entry(header: &Header, kind: Kind, returned: &Returned) -> Entry {
    let origin = Origin {
        site: header.site.clone(),
        instance: header.instance,
        sequence: returned.sequence,
        kind: returned.kind,
        time: Timestamp::from_nanosecond(returned.time_ns.into()).unwrap_or(Timestamp::MAX),
        hash: returned.hash,
    };
    let mut body = Body::new().json(Section::Origin, &origin).into_bytes();
    body.extend_from_slice(&returned.body);
    Entry::new(kind, returned.matter, body)
}

/// Commits that are under way.
struct Queue<'a> {
    journal: &'a Journal,
    under_way: Vec<Commit>,
    bytes: usize,
}

impl Queue<'_> {
    fn put(&mut self, entry: Entry) -> Result<(), ReconcileError> {
        self.bytes += entry.body.len();
        self.under_way.push(self.journal.append(entry));
        if self.under_way.len() < UNDER_WAY_MAX && self.bytes < UNDER_WAY_BYTES_MAX {
            return Ok(());
        }
        self.settle()
    }

    /// Waits until all of them are durable.
    fn settle(&mut self) -> Result<(), ReconcileError> {
        self.bytes = 0;
        let mut waited = self.under_way.drain(..).map(Commit::wait);
        waited.try_for_each(|done| done.map(|_| ()).map_err(ReconcileError::Commit))
    }
}
