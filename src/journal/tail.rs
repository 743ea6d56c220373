//! Reads a journal on from where somebody stopped, for a projection that follows it.
//!
//! Who follows notes how far it came as a [`Mark`]: the place of a record and the chain hash behind it. So it notices when
//! the journal is another one, or was cut behind its back, and begins anew. It is given nothing that is not durable: what a
//! power cut may still take back must not have been followed.

use std::io;
use std::sync::Arc;

use super::Position;
use super::format::ChainHash;
use super::reader::{Reader, Record};
use super::storage::Storage;

/// How far a journal was followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where the last record is.
    pub position: Position,
    /// The chain hash behind it.
    pub hash: ChainHash,
}

impl Mark {
    /// The mark behind a record.
    #[must_use]
    pub const fn behind(record: &Record) -> Self {
        let position = Position { sequence: record.sequence, segment: record.segment, offset: record.offset };
        Self { position, hash: record.hash }
    }
}

/// Iterates over the sound records behind a mark, up to the last one that was durable when it was made. What is damaged is
/// passed over: the opening of the journal told it.
pub struct Tail {
    reader: Reader,
    last: u64,
    next_sequence: u64,
}

impl Tail {
    /// Reads on behind a mark, or from the beginning, up to the record before the number `next_sequence`. None if the
    /// mark's record is not in this journal.
    ///
    /// # Errors
    /// What the storage said.
    pub fn new(
        storage: Arc<dyn Storage>,
        behind: Option<&Mark>,
        next_sequence: u64,
    ) -> io::Result<Option<Self>> {
        let reader = match behind {
            None => Some(Reader::new(storage)?),
            Some(mark) => Reader::behind(storage, mark)?,
        };
        let last = behind.map_or(0, |mark| mark.position.sequence);
        Ok(reader.map(|reader| Self { reader, last, next_sequence }))
    }

    /// Reads from the first record of a segment on, up to the record before the number `next_sequence`.
    ///
    /// # Errors
    /// What the storage said.
    pub fn from_segment(storage: Arc<dyn Storage>, segment: u64, next_sequence: u64) -> io::Result<Self> {
        Ok(Self { reader: Reader::from_segment(storage, segment)?, last: 0, next_sequence })
    }
}

impl Iterator for Tail {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        // No step behind the last one: a writer may be in the midst of the next.
        while self.last + 1 < self.next_sequence {
            match self.reader.next()? {
                Err(error) => return Some(Err(error)),
                Ok(Err(_damage)) => {}
                Ok(Ok(record)) if record.sequence < self.next_sequence => {
                    self.last = record.sequence;
                    return Some(Ok(record));
                }
                Ok(Ok(_)) => return None,
            }
        }
        None
    }
}
