//! The journal: the append-only truth behind every answer that left.
//!
//! *No result leaves before it is durable.* So the journal is in the path of every exchange, and its speed is
//! a sync's: one writer takes whatever has queued up, writes it with one `write` and one `fdatasync`, and
//! only then wakes those who wait. Throughput is what is in flight divided by the time of a sync; everything
//! here is arranged so that nothing else counts.
//!
//! The log itself knows nothing of what it stores: a record is a kind, a matter and opaque bytes. It knows
//! when a record is durable, in which order, and whether anything was changed since. `docs/journal-format.md`
//! has the bytes and the rules by which a reader tells a torn tail from damage; [`mod@format`] has the reasons.
//!
//! * [`Journal::open`] recovers, then starts a new segment: an old one is never appended to.
//! * [`Journal::append`] resolves when the record is durable. [`Journal::append_unsynced`] rides along.
//! * [`verify`](verify()) and [`Reader`] look at a journal from outside, also while a daemon writes it.

mod cursor;
mod error;
mod fetch;
pub mod format;
mod handle;
mod kind;
mod log;
mod options;
mod queue;
mod reader;
mod recovery;
mod segment;
mod since;
mod spare;
pub mod storage;
mod tail;
#[cfg(test)]
mod tests;
mod verify;
mod walk;
mod writer;

pub use error::{CommitError, OpenError};
pub use format::{ChainHash, MAX_BODY_BYTES};
pub use handle::{Commit, Journal, Stats};
pub use kind::Kind;
pub use options::{Clock, Options};
pub use queue::Announcement;
pub use reader::{Reader, Record};
pub use recovery::Recovery;
pub use segment::Cause;
pub use tail::{Mark, Tail};
pub use verify::{Report, verify};
pub use walk::{Damage, RecordRef};

use uuid::Uuid;

/// A record to be written.
#[derive(Clone)]
pub struct Entry {
    /// What it is about.
    pub kind: Kind,
    /// The exchange or case concerned.
    pub matter: Uuid,
    /// The format's flags ([`format::FLAG_SEALED`]).
    pub flags: u16,
    /// The key that sealed the body; 0 is none.
    pub key_id: u32,
    /// Opaque bytes, at most [`MAX_BODY_BYTES`].
    pub body: Vec<u8>,
}

impl Entry {
    /// An unsealed record.
    #[must_use]
    pub fn new(kind: Kind, matter: Uuid, body: Vec<u8>) -> Self {
        Self { kind, matter, flags: 0, key_id: 0, body }
    }
}

impl AsRef<Entry> for Entry {
    fn as_ref(&self) -> &Entry {
        self
    }
}

/// Bodies hold personal data, so only their length is shown.
impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("kind", &self.kind)
            .field("matter", &self.matter)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Where a durable record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The record's number, from 1 on without gaps over all segments.
    pub sequence: u64,
    /// The segment that holds it.
    pub segment: u64,
    /// Its offset there, in bytes.
    pub offset: u64,
}
