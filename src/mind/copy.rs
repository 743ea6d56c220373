//! An opened snapshot.

use std::fmt;
use std::io;
use std::path::Path;

use aws_lc_rs::error::Unspecified;
use jiff::Timestamp;
use postern_sdk::{
    Answer, Basis, Database, DocumentKey, Environment, Finding, Hit, Personal, Reason, Remark, Source,
};

use super::ids;
use super::locator::{PRF, Prf};
use super::manifest::{Coverage, Manifest};
use super::pages::{Damaged, Kind, PagedFile};
use super::record::unpack_database;
use super::table::{Found, SLOTS_MAX, Slot, Table};
use crate::keys::PublicKey;
use crate::screening::grade;

/// Why a snapshot is not served.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The snapshot, or a file of it, does not exist or can't be read. Remedy: build or fetch it; see the system's words.
    Missing(io::Error),
    /// The manifest is not signed by the publisher. Remedy: check the publisher's key; fetch the snapshot again.
    Signature,
    /// The manifest is of a format that this version does not read. Remedy: update, or build the snapshot anew.
    Format(u32),
    /// The snapshot is of the other environment. Remedy: configure a folder of the right one.
    Environment(Environment),
    /// The snapshot is of another dataset or version than its place says. Remedy: put it back, or fetch it again.
    Misplaced,
    /// A file has another size or content than the manifest says. Remedy: fetch or build it again.
    Damaged,
    /// The data is past its purge age. Remedy: get a newer snapshot.
    Purged,
}

impl OpenError {
    /// The stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "copy_missing",
            Self::Signature => "signature_wrong",
            Self::Format(_) => "format_unknown",
            Self::Environment(_) => "wrong_environment",
            Self::Misplaced => "copy_misplaced",
            Self::Damaged => "copy_damaged",
            Self::Purged => "copy_purged",
        }
    }

    /// The reason that answers give while this is why there is no copy.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Missing(_) | Self::Format(_) => Reason::CopyMissing,
            Self::Signature | Self::Misplaced | Self::Damaged => Reason::CopyDamaged,
            Self::Environment(_) => Reason::WrongEnvironment,
            Self::Purged => Reason::CopyPurged,
        }
    }

    /// Damage if the file is not what it should be, else missing.
    pub(super) fn from_io(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Self::Damaged,
            _ => Self::Missing(error),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(error) => write!(f, "the snapshot can't be read: {error}"),
            Self::Signature => f.write_str("the manifest is not signed by the publisher"),
            Self::Format(format) => write!(f, "the manifest is of the unknown format {format}"),
            Self::Environment(environment) => write!(f, "the snapshot is {} data", environment.code()),
            Self::Misplaced => {
                f.write_str("the snapshot is of another dataset or version than its place says")
            }
            Self::Damaged => f.write_str("the snapshot is not what its manifest says"),
            Self::Purged => f.write_str("the snapshot is past its purge age"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<Damaged> for OpenError {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}

impl From<Unspecified> for OpenError {
    fn from(_: Unspecified) -> Self {
        Self::Damaged
    }
}

/// An opened snapshot of documents.
pub struct Copy {
    manifest: Manifest,
    prf: Prf,
    table: Table,
    ids: PagedFile,
}

impl fmt::Debug for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Copy({} {})", self.manifest.dataset, self.manifest.version)
    }
}

impl Copy {
    /// Opens the snapshot in `folder`: checks signature, environment, sizes and the hashes of pages, and leaves the pages
    /// to their first touch.
    ///
    /// # Errors
    /// Any [`OpenError`] but [`OpenError::Purged`].
    pub fn open(folder: &Path, publisher: &PublicKey, environment: Environment) -> Result<Self, OpenError> {
        let manifest = Manifest::read(folder, publisher)?;
        if manifest.environment != environment {
            return Err(OpenError::Environment(manifest.environment));
        }
        if manifest.prf != PRF || manifest.records > SLOTS_MAX {
            return Err(OpenError::Damaged);
        }
        let open = |kind, state| PagedFile::open(folder, kind, state).map_err(OpenError::from_io);
        let table = Table::new(open(Kind::Table, &manifest.table)?, manifest.records)?;
        let ids = open(Kind::Ids, &manifest.ids)?;
        Ok(Self { prf: Prf::new(&manifest.locator_key)?, manifest, table, ids })
    }

    /// What the snapshot says of itself.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Answers of each of the databases to a question by number: hits, no record if all of the database is here, else
    /// not checked. Past the snapshot's expiry (`now`) its silence is stale.
    ///
    /// The ages of a policy are not applied here, nor is the reliability of the number that was asked.
    pub fn answer(
        &self,
        key: &DocumentKey,
        databases: &[Database],
        query: u16,
        now: Timestamp,
    ) -> Vec<Answer> {
        let found = self.table.find(self.prf.document(&key.number));
        let expired = now >= self.manifest.expires;
        let answer = |database: &Database| {
            let mut answer =
                Answer::new(*database, query, Source::Mind, self.finding(&found, key, *database, expired));
            answer.unchecked = self.unchecked_beside(&answer.finding, &found, *database, expired);
            answer.data_as_of = Some(self.manifest.data_as_of);
            answer
        };
        databases.iter().map(answer).collect()
    }

    fn finding(&self, found: &Found, key: &DocumentKey, database: Database, expired: bool) -> Finding {
        let Some(holding) = self.manifest.databases.get(&database) else {
            return Finding::NotChecked(Reason::CopyMissing);
        };
        let ours = |slot: &&Slot| unpack_database(&slot.record) == Some(database);
        let mut hits: Vec<Hit> =
            found.slots.iter().filter(ours).filter_map(|slot| self.hit(slot, key)).collect();
        if hits.is_empty() {
            return self.silence(found, holding.coverage, expired);
        }
        hits.sort_by_key(|hit| hit.class);
        if expired {
            hits.iter_mut().for_each(|hit| hit.remark(Remark::StaleCopy));
        }
        Finding::Hits(hits)
    }

    /// Why, beside hits, the rest of the database is not checked: for what silence would establish nothing.
    fn unchecked_beside(
        &self,
        finding: &Finding,
        found: &Found,
        database: Database,
        expired: bool,
    ) -> Option<Reason> {
        let holding = self.manifest.databases.get(&database).filter(|_| !finding.hits().is_empty())?;
        self.silence(found, holding.coverage, expired).not_checked()
    }

    fn silence(&self, found: &Found, coverage: Coverage, expired: bool) -> Finding {
        let unreadable = |slot: &Slot| self.manifest.codes.unpack(&slot.record).is_none();
        if found.damaged || found.slots.iter().any(unreadable) {
            Finding::NotChecked(Reason::CopyDamaged)
        } else if coverage == Coverage::Partial {
            Finding::NotChecked(Reason::CopyPartial)
        } else if expired {
            Finding::NotChecked(Reason::CopyStale)
        } else {
            Finding::NoRecord
        }
    }

    /// The hit of a slot; none if its record makes no sense. An id that can't be read does not hide the hit.
    ///
    /// That the record's number is the one that was asked is proven by its locator. Whether the query itself was certain
    /// is not known here: screening keeps the class within the ceiling of the query's basis.
    fn hit(&self, slot: &Slot, key: &DocumentKey) -> Option<Hit> {
        let record = self.manifest.codes.unpack(&slot.record)?;
        let id = ids::read(&self.ids, slot.number);
        let class = grade(key, Basis::Stated, Some(&key.number), record.issuer, record.doc_type);
        let mut hit = Hit::new(class, String::new());
        match id {
            Ok(id) => hit.record = id,
            Err(Damaged) => hit.remark(Remark::DetailsMissing),
        }
        hit.identifier = Some(Personal::new(key.number.reveal().to_owned()));
        hit.issuer = record.issuer;
        hit.doc_type = record.doc_type;
        hit.theft_type = record.theft_type.map(str::to_owned);
        hit.theft_date = record.theft_date;
        hit.theft_country = record.theft_country;
        hit.notice = record.notice.map(str::to_owned);
        if let Some(date) = record.retention {
            hit.details.insert("retention_date".to_owned(), Personal::new(date.to_string()));
        }
        Some(hit)
    }

    /// Checks every byte: all pages, the order of the table, that each record can be read with its id, and the counts.
    ///
    /// # Errors
    /// [`OpenError::Damaged`].
    pub fn verify(&self) -> Result<(), OpenError> {
        (0..self.ids.pages()).try_for_each(|page| self.ids.page(page).map(drop))?;
        let mut counts = std::collections::BTreeMap::new();
        self.table.verify(|slot| {
            let record = self.manifest.codes.unpack(&slot.record).ok_or(Damaged)?;
            ids::read(&self.ids, slot.number)?;
            *counts.entry(record.database).or_insert(0) += 1;
            Ok(())
        })?;
        let expected = self.manifest.databases.iter().map(|(database, holding)| (*database, holding.records));
        if expected.filter(|(_, records)| *records > 0).eq(counts) { Ok(()) } else { Err(OpenError::Damaged) }
    }
}

/// Opens a snapshot and checks every byte of it.
///
/// # Errors
/// Any [`OpenError`] but [`OpenError::Purged`].
pub fn verify(folder: &Path, publisher: &PublicKey, environment: Environment) -> Result<Manifest, OpenError> {
    let copy = Copy::open(folder, publisher, environment)?;
    copy.verify()?;
    Ok(copy.manifest)
}
