//! A sealed record on its way: what spill files, deltas and merges consist of.
//!
//! Within a generation a record is known by its locator and the mark of its id, whatever it says. In that order entries
//! are sorted everywhere, so that a snapshot, a fold and a rebuilt feed give the same bytes for the same state.

use aws_lc_rs::digest::{Context, SHA256};

use super::seal::{ID_MAX, Packed, RECORD, Sealed, SealedId};

/// Bytes of an entry before the body of its id.
const FIXED: usize = 6 + 8 + 8 + RECORD + 1;
/// Most bytes of an entry.
pub(super) const ENTRY_MAX: usize = FIXED + ID_MAX;

/// What a record is known by within its generation, and sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    /// The locator of the number, 48 bits.
    pub(super) locator: u64,
    /// The mark of the id.
    pub(super) mark: u64,
}

impl Key {
    /// Bytes of a key.
    pub(super) const BYTES: usize = 14;

    /// In an order of bytes that is that of keys.
    pub(super) fn bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..6].copy_from_slice(&self.locator.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&self.mark.to_be_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut locator = [0; 8];
        locator[2..].copy_from_slice(&bytes[..6]);
        let mut mark = [0; 8];
        mark.copy_from_slice(&bytes[6..]);
        Self { locator: u64::from_be_bytes(locator), mark: u64::from_be_bytes(mark) }
    }
}

/// A sealed record with all that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) locator: u64,
    pub(super) sealed: Sealed,
    pub(super) id: SealedId,
}

impl Entry {
    pub(super) const fn key(&self) -> Key {
        Key { locator: self.locator, mark: self.id.mark }
    }

    /// Appends the entry's bytes: key, tag, hidden record, length of the id, hidden id.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.key().bytes());
        to.extend_from_slice(&self.sealed.tag.to_le_bytes());
        to.extend_from_slice(&self.sealed.body.bytes());
        to.push(self.id.length());
        to.extend_from_slice(self.id.body());
    }

    /// The entry at the beginning of these bytes, and how many it takes; none if they are none or not whole.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let fixed: &[u8; FIXED] = bytes.first_chunk()?;
        let key = Key::from_bytes(fixed.first_chunk()?);
        let (mut tag, mut body) = ([0; 8], [0; RECORD]);
        tag.copy_from_slice(&fixed[14..22]);
        body.copy_from_slice(&fixed[22..FIXED - 1]);
        let length = fixed[FIXED - 1];
        let whole = FIXED + SealedId::stored_bytes(length);
        let id = SealedId::new(key.mark, length, bytes.get(FIXED..whole)?)?;
        let sealed = Sealed { tag: u64::from_le_bytes(tag), body: Packed::from_bytes(&body) };
        Some((Self { locator: key.locator, sealed, id }, whole))
    }
}

/// The digest of a state: SHA-256 over its entries in their order, so that it does not depend on how the state came about.
pub(super) struct Digest {
    context: Context,
    buffer: Vec<u8>,
}

impl Digest {
    pub(super) fn new() -> Self {
        Self { context: Context::new(&SHA256), buffer: Vec::with_capacity(1 << 16) }
    }

    pub(super) fn add(&mut self, entry: &Entry) {
        entry.write(&mut self.buffer);
        if self.buffer.len() > (1 << 16) - ENTRY_MAX {
            self.context.update(&self.buffer);
            self.buffer.clear();
        }
    }

    pub(super) fn finish(mut self) -> [u8; 32] {
        self.context.update(&self.buffer);
        let mut digest = [0; 32];
        digest.copy_from_slice(self.context.finish().as_ref());
        digest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // Proves that entries come back from their bytes, that the order of bytes is that of keys, and that cut ones are
        // noticed.
        #[test]
        fn round_trip(
            locator in 0..1_u64 << 48, other in 0..1_u64 << 48, mark in any::<u64>(), tag in any::<u64>(),
            body in 0..1_u128 << 68, id in proptest::collection::vec(any::<u8>(), 0..=ID_MAX),
        ) {
            let id = SealedId::new(mark, id.len() as u8, &id).unwrap();
            let entry = Entry { locator, sealed: Sealed { tag, body: Packed(body) }, id };
            let mut bytes = Vec::new();
            entry.write(&mut bytes);
            prop_assert_eq!(Entry::read(&bytes), Some((entry, bytes.len())));
            prop_assert_eq!(Entry::read(&bytes[..bytes.len() - 1]), None);
            let second = Key { locator: other, mark: tag };
            prop_assert_eq!(Key::from_bytes(&second.bytes()), second);
            prop_assert_eq!(entry.key().cmp(&second), entry.key().bytes().cmp(&second.bytes()));
        }
    }
}
