//! What is sealed in a bundle: a row of items, each a tag, a length and bytes. Numbers are big-endian.

use std::io::{self, Read, Write};

use uuid::Uuid;

use super::error::ReconcileError;
use super::record::Counts;
use crate::journal::{MAX_BODY_BYTES, Record};
use crate::sealed::SealedError;

const RECORD: u8 = 1;
const RECHECK: u8 = 2;
const END: u8 = 3;

/// Bytes of a record before its body.
const FIXED_BYTES: usize = 66;
/// Bytes of an item at most.
const ITEM_BYTES_MAX: usize = FIXED_BYTES + MAX_BODY_BYTES;

/// A record of the site's journal, or the open rechecks of one.
#[derive(PartialEq, Eq)]
pub(super) struct Returned {
    pub(super) sequence: u64,
    pub(super) time_ns: u64,
    pub(super) kind: u16,
    pub(super) matter: Uuid,
    pub(super) hash: [u8; 32],
    pub(super) body: Vec<u8>,
}

/// Bodies hold personal data, so only their length is shown.
impl std::fmt::Debug for Returned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Returned")
            .field("sequence", &self.sequence)
            .field("kind", &self.kind)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// One item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A record as it stands in the site's journal.
    Record(Returned),
    /// What is to be asked again of the record before; its body is a section of what follows.
    Recheck(Returned),
    /// The last item.
    End(Counts),
}

impl Returned {
    pub(super) fn of(record: &Record, body: Vec<u8>) -> Self {
        Self {
            sequence: record.sequence,
            time_ns: record.time_ns,
            kind: record.kind.code(),
            matter: record.matter,
            hash: record.hash,
            body,
        }
    }

    fn fixed(&self) -> [u8; FIXED_BYTES] {
        let mut bytes = [0; FIXED_BYTES];
        bytes[..8].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.time_ns.to_be_bytes());
        bytes[16..18].copy_from_slice(&self.kind.to_be_bytes());
        bytes[18..34].copy_from_slice(self.matter.as_bytes());
        bytes[34..].copy_from_slice(&self.hash);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (sequence, rest) = bytes.split_first_chunk()?;
        let (time_ns, rest) = rest.split_first_chunk()?;
        let (kind, rest) = rest.split_first_chunk()?;
        let (matter, rest) = rest.split_first_chunk()?;
        let (hash, body) = rest.split_first_chunk()?;
        Some(Self {
            sequence: u64::from_be_bytes(*sequence),
            time_ns: u64::from_be_bytes(*time_ns),
            kind: u16::from_be_bytes(*kind),
            matter: Uuid::from_bytes(*matter),
            hash: *hash,
            body: body.to_vec(),
        })
    }
}

impl Item {
    /// Writes the item.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Record(record) => put(to, RECORD, &record.fixed(), &record.body),
            Self::Recheck(record) => put(to, RECHECK, &record.fixed(), &record.body),
            Self::End(counts) => put(to, END, &serde_json::to_vec(counts)?, &[]),
        }
    }

    /// Reads the next item.
    pub(super) fn read(from: &mut impl Read) -> Result<Self, ReconcileError> {
        let mut head = [0; 5];
        fill(from, &mut head)?;
        let [tag, length @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > ITEM_BYTES_MAX {
            return Err(ReconcileError::ContentMalformed("an item is too long"));
        }
        let mut bytes = vec![0; length];
        fill(from, &mut bytes)?;
        let item = match tag {
            RECORD => Returned::decode(&bytes).map(Self::Record),
            RECHECK => Returned::decode(&bytes).map(Self::Recheck),
            END => serde_json::from_slice(&bytes).ok().map(Self::End),
            _ => None,
        };
        item.ok_or(ReconcileError::ContentMalformed("an item is not known"))
    }
}

fn put(to: &mut impl Write, tag: u8, fixed: &[u8], body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(fixed.len() + body.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    to.write_all(&[tag])?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(fixed)?;
    to.write_all(body)
}

fn fill(from: &mut impl Read, bytes: &mut [u8]) -> Result<(), ReconcileError> {
    from.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ReconcileError::ContentMalformed("it has no end"),
        _ => SealedError::from(error).into(),
    })
}

/// Makes sure that the stream ends here, which also proves that nothing of it is missing.
pub(super) fn expect_end(from: &mut impl Read) -> Result<(), ReconcileError> {
    match from.read(&mut [0]).map_err(SealedError::from)? {
        0 => Ok(()),
        _ => Err(ReconcileError::ContentMalformed("something follows its end")),
    }
}
