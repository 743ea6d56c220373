//! Sorts more entries than fit into memory: they are dealt out to parts by the upper bits of their locators, on disk where
//! a part grows, and each part is sorted by itself. What reaches the disk is sealed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::entry::{Entry, Key};
use super::seal::LOCATOR_BITS;

const PART_BITS: u32 = 8;
/// How many parts there are.
pub(super) const PARTS: usize = 1 << PART_BITS;
/// How much of a part a thread gathers before it goes to disk.
const GATHER: usize = 48 << 10;
/// Bytes of the number of an entry's line.
const LINE: usize = 5;

/// The parts, filled by several threads.
pub(super) struct Spill {
    folder: PathBuf,
    parts: Vec<Mutex<Part>>,
}

#[derive(Default)]
struct Part {
    file: Option<File>,
    rest: Vec<u8>,
}

impl Spill {
    /// Parts whose files are in this folder.
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), parts: (0..PARTS).map(|_| Mutex::default()).collect() }
    }

    fn append(&self, number: usize, bytes: &[u8]) -> io::Result<()> {
        let mut part = self.parts[number].lock().unwrap_or_else(PoisonError::into_inner);
        if part.file.is_none() {
            let path = self.folder.join(format!("part-{number}"));
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
            // The name goes at once, so that nothing is left behind whatever happens.
            std::fs::remove_file(&path)?;
            part.file = Some(file);
        }
        part.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }

    /// Takes a part out, sorted.
    pub(super) fn take(&self, number: usize) -> io::Result<Sorted> {
        let part = std::mem::take(&mut *self.parts[number].lock().unwrap_or_else(PoisonError::into_inner));
        let mut bytes = part.rest;
        if let Some(mut file) = part.file {
            file.rewind()?;
            file.read_to_end(&mut bytes)?;
        }
        Sorted::new(bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// What one thread deals out.
pub(super) struct Dealer<'a> {
    spill: &'a Spill,
    gathered: Vec<Vec<u8>>,
}

impl<'a> Dealer<'a> {
    pub(super) fn new(spill: &'a Spill) -> Self {
        Self { spill, gathered: vec![Vec::new(); PARTS] }
    }

    /// Adds an entry, with the line that it stands in.
    pub(super) fn push(&mut self, entry: &Entry, line: u64) -> io::Result<()> {
        let number = (entry.locator >> (LOCATOR_BITS - PART_BITS)) as usize;
        let gathered = &mut self.gathered[number];
        gathered.extend_from_slice(&line.to_le_bytes()[..LINE]);
        entry.write(gathered);
        if gathered.len() >= GATHER {
            self.spill.append(number, gathered)?;
            gathered.clear();
        }
        Ok(())
    }

    /// Hands over what was gathered.
    pub(super) fn finish(self) {
        for (part, gathered) in self.spill.parts.iter().zip(self.gathered) {
            part.lock().unwrap_or_else(PoisonError::into_inner).rest.extend_from_slice(&gathered);
        }
    }
}

/// A part in order.
pub(super) struct Sorted {
    bytes: Vec<u8>,
    order: Vec<(Key, usize)>,
}

impl Sorted {
    fn new(bytes: Vec<u8>) -> Option<Self> {
        let mut order = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let (entry, length) = Entry::read(bytes.get(at + LINE..)?)?;
            order.push((entry.key(), at));
            at += LINE + length;
        }
        // The places are in the order of the parts' bytes, not of the lines: equal keys are put in order by their lines.
        order.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| line_at(&bytes, a.1).cmp(&line_at(&bytes, b.1)))
        });
        Some(Self { bytes, order })
    }

    /// The entries with their lines.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Entry, u64)> + '_ {
        self.order.iter().filter_map(|(_, at)| {
            let (entry, _) = Entry::read(self.bytes.get(at + LINE..)?)?;
            Some((entry, line_at(&self.bytes, *at)))
        })
    }
}

fn line_at(bytes: &[u8], at: usize) -> u64 {
    let mut line = [0; 8];
    line[..LINE].copy_from_slice(&bytes[at..at + LINE]);
    u64::from_le_bytes(line)
}

#[cfg(test)]
mod tests {
    use super::super::seal::{Packed, Sealed, SealedId};
    use super::*;

    // Proves that entries of several threads come out in order, by line where they are equal, also of parts that went to
    // disk, and that no file is left.
    #[test]
    fn sorts() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::new(folder.path());
        let entry = |n: u64| {
            let locator = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> if n.is_multiple_of(2) { 16 } else { 30 };
            let sealed = Sealed { tag: n, body: Packed(n.into()) };
            Entry { locator, sealed, id: SealedId::new(n / 3, 4, b"abcd").unwrap() }
        };
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let spill = &spill;
                scope.spawn(move || {
                    let mut dealer = Dealer::new(spill);
                    (0..30_000).filter(|n| n % 3 == thread).for_each(|n| dealer.push(&entry(n), n).unwrap());
                    dealer.finish();
                });
            }
        });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let sorted: Vec<(Entry, u64)> =
            (0..PARTS).flat_map(|part| spill.take(part).unwrap().entries().collect::<Vec<_>>()).collect();
        let mut expected: Vec<_> = (0..30_000).map(|n| (entry(n), n)).collect();
        expected.sort_by_key(|(entry, line)| (entry.key(), *line));
        assert_eq!(sorted, expected);
    }
}
