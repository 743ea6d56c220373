//! A base: the table and ids of a state, opened, with the keys that it is sealed with.

use std::path::Path;
use std::sync::Arc;

use super::entry::Entry;
use super::ids;
use super::manifest::Manifest;
use super::pages::{Damaged, Kind, PagedFile};
use super::seal::SealedId;
use super::table::{self, Shape, Table};
use super::trust::Refusal;

/// Table and ids of a state.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) version: u64,
    pub(super) records: u64,
    pub(super) data_as_of: jiff::Timestamp,
    pub(super) table: Table,
    pub(super) ids: PagedFile,
}

impl Base {
    /// Whether a state's folder holds its base. The table is the last of it to get its name.
    pub(super) fn is_in(folder: &Path) -> bool {
        Kind::Table.path(folder).exists()
    }

    /// The files of a state's base with the sizes that its manifest says; the table, by which the base is there, is the last.
    ///
    /// # Errors
    /// [`Refusal::EndlessData`] if one is larger than its number of records can make it. A signature does not make such a
    /// size true, and it is told before the disk is full.
    pub(super) fn files(manifest: &Manifest) -> Result<[(&'static str, u64); 4], Refusal> {
        let records = manifest.records;
        bounded(manifest.ids.bytes, ids::bytes_max(records))?;
        bounded(manifest.table.bytes, Shape::of(records).bytes_max())?;
        Ok([
            (Kind::Ids.tree_name(), manifest.ids.tree_bytes()),
            (Kind::Ids.name(), manifest.ids.bytes),
            (Kind::Table.tree_name(), manifest.table.tree_bytes()),
            (Kind::Table.name(), manifest.table.bytes),
        ])
    }

    /// Opens the base of a state: sizes and roots are checked, pages at their first touch.
    pub(super) fn open(folder: &Path, manifest: &Manifest) -> Result<Arc<Self>, Refusal> {
        let open = |kind: Kind, state| {
            check_length(&kind.path(folder), manifest_bytes(manifest, kind))?;
            PagedFile::open(folder, kind, state).map_err(|error| match error.kind() {
                std::io::ErrorKind::InvalidData => Refusal::Damaged,
                _ => Refusal::Missing(error),
            })
        };
        let damaged = |Damaged| Refusal::Damaged;
        let table = Table::new(open(Kind::Table, &manifest.table)?, manifest.records).map_err(damaged)?;
        let ids = open(Kind::Ids, &manifest.ids)?;
        Ok(Arc::new(Self {
            version: manifest.version,
            records: manifest.records,
            data_as_of: manifest.data_as_of,
            table,
            ids,
        }))
    }

    /// The sealed id of a slot.
    pub(super) fn id(&self, slot: u64) -> Result<SealedId, Damaged> {
        if slot < self.records { ids::read(&self.ids, slot) } else { Err(Damaged) }
    }

    /// All entries in their order, read past the mapping.
    pub(super) fn scan(&self) -> std::io::Result<Scan<'_>> {
        Ok(Scan { slots: self.table.scan()?, ids: ids::scan(&self.ids, self.records)? })
    }
}

const fn bounded(bytes: u64, limit: u64) -> Result<(), Refusal> {
    if bytes > limit { Err(Refusal::EndlessData { limit }) } else { Ok(()) }
}

fn manifest_bytes(manifest: &Manifest, kind: Kind) -> u64 {
    match kind {
        Kind::Table => manifest.table.bytes,
        Kind::Ids => manifest.ids.bytes,
    }
}

/// Tells a file that is longer or shorter than it should be by its name.
fn check_length(path: &Path, expected: u64) -> Result<(), Refusal> {
    let found = std::fs::metadata(path).map_err(Refusal::Missing)?.len();
    match found.cmp(&expected) {
        std::cmp::Ordering::Less => Err(Refusal::Truncated { expected, found }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(Refusal::EndlessData { limit: expected }),
    }
}

/// The entries of a base in their order.
pub(super) struct Scan<'a> {
    slots: table::Scan<'a>,
    ids: ids::Scan<'a>,
}

impl Scan<'_> {
    /// The next entry; none after the last.
    ///
    /// # Errors
    /// [`Damaged`] if a page is damaged, or the table is not in order.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Damaged> {
        let Some((locator, sealed)) = self.slots.next()? else { return Ok(None) };
        Ok(Some(Entry { locator, sealed, id: self.ids.next()? }))
    }
}
