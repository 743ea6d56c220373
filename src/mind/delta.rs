//! The change from one state of a generation to a later one: keys of records that go, and records that come. A record
//! that changes is among both.
//!
//! A delta is small beside its base and is checked as a whole, by size and hash, before a byte of it is believed.

use std::io;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

use super::disk::{Disk, read_small, write_small};
use super::entry::{Entry, Key};
use super::manifest::DeltaState;
use super::trust::Refusal;

/// The delta's file in a state's folder.
pub(super) const DELTA: &str = "delta.bin";
/// Most bytes of a delta.
pub(super) const DELTA_BYTES_MAX: u64 = 1 << 30;

const MAGIC: &[u8; 16] = b"postern-delta-2\n";
const HEADER: usize = 32;

/// What a delta changes, in the order of keys.
#[derive(Debug, Default)]
pub(super) struct Delta {
    pub(super) removed: Vec<Key>,
    pub(super) added: Vec<Entry>,
}

impl Delta {
    /// Writes and syncs the delta from a version.
    pub(super) fn write(&self, disk: &dyn Disk, folder: &Path, from: u64) -> io::Result<DeltaState> {
        let mut bytes = MAGIC.to_vec();
        for count in [self.removed.len(), self.added.len()] {
            bytes.extend_from_slice(&(count as u64).to_le_bytes());
        }
        self.removed.iter().for_each(|key| bytes.extend_from_slice(&key.bytes()));
        self.added.iter().for_each(|entry| entry.write(&mut bytes));
        if bytes.len() as u64 > DELTA_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        write_small(disk, &folder.join(DELTA), &bytes)?;
        let (added, removed) = (self.added.len() as u64, self.removed.len() as u64);
        Ok(DeltaState { from, bytes: bytes.len() as u64, sha256: sha256(&bytes), added, removed })
    }

    /// Reads the delta of a state's folder.
    ///
    /// # Errors
    /// [`Refusal::Missing`], or how it differs from what the manifest says.
    pub(super) fn read(folder: &Path, state: &DeltaState) -> Result<Self, Refusal> {
        if state.bytes > DELTA_BYTES_MAX {
            return Err(Refusal::EndlessData { limit: DELTA_BYTES_MAX });
        }
        let path = folder.join(DELTA);
        let found = std::fs::metadata(&path).map_err(Refusal::Missing)?.len();
        if found > state.bytes {
            return Err(Refusal::EndlessData { limit: state.bytes });
        }
        if found < state.bytes {
            return Err(Refusal::Truncated { expected: state.bytes, found });
        }
        let bytes = read_small(&path, state.bytes).map_err(Refusal::Missing)?;
        if sha256(&bytes) != state.sha256 {
            return Err(Refusal::BitFlip);
        }
        let malformed = || Refusal::ManifestMalformed("the delta is not what its manifest says".to_owned());
        let delta = parse(&bytes).ok_or_else(malformed)?;
        let agrees = (delta.added.len() as u64, delta.removed.len() as u64) == (state.added, state.removed);
        if agrees { Ok(delta) } else { Err(malformed()) }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

fn parse(bytes: &[u8]) -> Option<Delta> {
    let (header, mut rest) = bytes.split_first_chunk::<HEADER>()?;
    let count = |at: usize| usize::try_from(u64::from_le_bytes(*header[at..].first_chunk()?)).ok();
    let (removed, added) = (count(16)?, count(24)?);
    if header[..16] != *MAGIC || removed.max(added) > bytes.len() {
        return None;
    }
    let mut delta = Delta::default();
    for _ in 0..removed {
        let (key, later) = rest.split_first_chunk()?;
        delta.removed.push(Key::from_bytes(key));
        rest = later;
    }
    for _ in 0..added {
        let (entry, length) = Entry::read(rest)?;
        delta.added.push(entry);
        rest = &rest[length..];
    }
    let ordered =
        delta.removed.is_sorted_by(|a, b| a < b) && delta.added.is_sorted_by(|a, b| a.key() < b.key());
    (rest.is_empty() && ordered).then_some(delta)
}

#[cfg(test)]
mod tests {
    use super::super::disk::RealDisk;
    use super::super::seal::{Packed, Sealed, SealedId};
    use super::*;

    // Proves that a delta comes back, and that one that is longer, shorter or changed is refused by its name.
    #[test]
    fn round_trip_and_refusals() {
        let folder = tempfile::tempdir().unwrap();
        let entry = |n: u64| Entry {
            locator: n,
            sealed: Sealed { tag: n, body: Packed(7) },
            id: SealedId::new(n, 3, b"abc").unwrap(),
        };
        let delta = Delta { removed: vec![entry(1).key(), entry(3).key()], added: vec![entry(2), entry(3)] };
        let state = delta.write(&RealDisk, folder.path(), 7).unwrap();
        let read = || Delta::read(folder.path(), &state);
        let back = read().unwrap();
        assert_eq!((back.removed, back.added), (delta.removed, delta.added));
        let path = folder.path().join(DELTA);
        let bytes = std::fs::read(&path).unwrap();
        let refused = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read().unwrap_err()
        };
        assert!(matches!(refused(&[&bytes[..], b"x"].concat()), Refusal::EndlessData { .. }));
        assert!(matches!(refused(&bytes[1..]), Refusal::Truncated { .. }));
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(refused(&changed), Refusal::BitFlip));
        }
    }
}
