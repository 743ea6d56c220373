//! Reads records one after the other, for those who look at a journal from outside.

use super::format::ChainHash;
use super::kind::Kind;
use super::storage::Storage;
use super::tail::Mark;
use super::walk::{Damage, Event, RecordRef, Walk};
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// A record with a body of its own; see [`RecordRef`] for the fields.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The segment that holds it.
    pub segment: u64,
    /// Its offset there, in bytes.
    pub offset: u64,
    /// Its number.
    pub sequence: u64,
    /// What it is about.
    pub kind: Kind,
    /// The format's flags.
    pub flags: u16,
    /// The key of its body; 0 is none.
    pub key_id: u32,
    /// When it was written, ns since 1970-01-01 UTC.
    pub time_ns: u64,
    /// The exchange or case concerned.
    pub matter: Uuid,
    /// The body as stored.
    pub body: Vec<u8>,
    /// The chain hash behind it.
    pub hash: ChainHash,
}

impl From<RecordRef<'_>> for Record {
    fn from(record: RecordRef<'_>) -> Self {
        let RecordRef { segment, offset, sequence, kind, flags, key_id, time_ns, matter, body, hash } =
            record;
        Self { segment, offset, sequence, kind, flags, key_id, time_ns, matter, body: body.to_vec(), hash }
    }
}

/// Iterates over the records of a journal as it is when the reader is made, without changing it. After a
/// damaged place, which is told, it goes on with the next sound record; after an error of the storage it ends.
pub struct Reader {
    walk: Walk,
    failed: bool,
    unvouched: Option<(u64, u64)>,
}

impl Reader {
    /// A reader from the first record on.
    ///
    /// # Errors
    /// What the storage said.
    pub fn new(storage: Arc<dyn Storage>) -> io::Result<Self> {
        Self::from_segment(storage, 0)
    }

    /// A reader from the first record of a segment on.
    ///
    /// # Errors
    /// What the storage said.
    pub fn from_segment(storage: Arc<dyn Storage>, segment: u64) -> io::Result<Self> {
        let walk = Walk::from_segment(storage, segment)?;
        Ok(Self { walk, failed: false, unvouched: None })
    }

    /// A reader from behind a record on. None if that record does not stand there.
    pub(super) fn behind(storage: Arc<dyn Storage>, mark: &Mark) -> io::Result<Option<Self>> {
        let mut walk = Walk::from_segment(storage, mark.position.segment)?;
        let stands = walk.seek(mark.position, &mark.hash)?;
        Ok(stands.then_some(Self { walk, failed: false, unvouched: None }))
    }

    /// Whose journal it is, by the first segment that says so: the environment's number and the instance.
    #[must_use]
    pub fn owner(&self) -> Option<(u8, Uuid)> {
        let header = self.walk.segments.iter().find_map(|found| found.header.as_ref());
        header.map(|header| (header.environment, Uuid::from_bytes(header.instance)))
    }

    /// Where the last group begins, as segment and offset: nothing vouches yet for the durability of a record from there
    /// on. Known when the last record was read.
    #[must_use]
    pub const fn unvouched(&self) -> Option<(u64, u64)> {
        self.unvouched
    }
}

impl Iterator for Reader {
    type Item = io::Result<Result<Record, Damage>>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            match self.walk.next() {
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
                Ok(None) => return None,
                Ok(Some(Event::Record(record))) => return Some(Ok(Ok(record.into()))),
                Ok(Some(Event::Damage(damage))) => return Some(Ok(Err(damage))),
                Ok(Some(Event::SegmentEnd(index, tail))) => {
                    let found = &self.walk.segments[index];
                    if tail.open && found.started() {
                        self.unvouched = Some((found.number, tail.last_group));
                    }
                }
            }
        }
        None
    }
}
