//! Writes a state: table, ids and digest, from entries in their order.

use std::io;
use std::path::Path;

use super::disk::Disk;
use super::entry::{Digest, Entry, Key};
use super::ids::IdsWriter;
use super::pages::FileState;
use super::table::TableWriter;

/// Most records of one number: as many as a year's states times types would hardly reach.
pub(super) const SAME_NUMBER_MAX: u32 = 10_000;

/// Files and digest of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) table: FileState,
    pub(super) ids: FileState,
    pub(super) digest: [u8; 32],
}

/// Why a state can't be written.
#[derive(Debug)]
pub(super) enum WriteError {
    /// Entries are not in their order, or one is there twice.
    Order,
    /// One number has more than [`SAME_NUMBER_MAX`] records.
    Frequent,
    Io(io::Error),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes a state of which the number of records is known.
pub(super) struct StateWriter {
    table: TableWriter,
    ids: IdsWriter,
    digest: Digest,
    last: Option<Key>,
    same: u32,
}

impl StateWriter {
    pub(super) fn create(disk: &dyn Disk, folder: &Path, records: u64) -> io::Result<Self> {
        Ok(Self {
            table: TableWriter::create(disk, folder, records)?,
            ids: IdsWriter::create(disk, folder, records)?,
            digest: Digest::new(),
            last: None,
            same: 0,
        })
    }

    /// Adds the next entry.
    pub(super) fn push(&mut self, entry: &Entry) -> Result<(), WriteError> {
        let key = entry.key();
        match self.last.replace(key) {
            Some(last) if key <= last => return Err(WriteError::Order),
            Some(last) if key.locator == last.locator => self.same += 1,
            _ => self.same = 1,
        }
        if self.same > SAME_NUMBER_MAX {
            return Err(WriteError::Frequent);
        }
        self.table.push(entry.locator, &entry.sealed)?;
        self.ids.push(&entry.id)?;
        self.digest.add(entry);
        Ok(())
    }

    /// Ends the state: all files are synced.
    pub(super) fn finish(self, disk: &dyn Disk, folder: &Path) -> io::Result<Written> {
        Ok(Written {
            table: self.table.finish(disk, folder)?,
            ids: self.ids.finish(disk, folder)?,
            digest: self.digest.finish(),
        })
    }
}
