//! Files in pages of 4 KiB, each of which is checked against a hash when it is first touched.
//!
//! A damaged byte of a table could turn a match into silence, which is the worst that a copy can do. Checking a whole
//! table before its first use takes seconds at full size, so each page is checked alone: its hash stands in a file of
//! leaves, and the signed manifest holds the root of the tree over them. The tree is wide (128 children a node, one
//! page of hashes), as in the kernel's dm-verity, so that opening hashes little more than the leaves themselves.
//!
//! A leaf is SHA-256(`0x00`, file, index, page) and a node SHA-256(`0x01`, level, index, children), with the file (one
//! byte), the level (one byte, from 1) and the index (eight bytes, little-endian) in the input, so that no page, node or
//! file can stand in for another. The root is the node that has no sibling, at level 1 or above.
//!
//! What is not covered: a page that the kernel drops and reads again later is not checked again.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::hex;
use super::map::Map;

/// Size of a page in bytes.
pub(super) const PAGE: usize = 4096;
const HASH: usize = 32;
const CHILDREN: usize = PAGE / HASH;

/// A hash of a page or node.
pub(super) type Hash = [u8; HASH];

/// Which file of a snapshot a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The table.
    Table = 1,
    /// The record ids.
    Ids = 2,
}

impl Kind {
    /// The file's path in a snapshot's folder.
    pub(super) fn path(self, folder: &Path) -> PathBuf {
        folder.join(match self {
            Self::Table => "table.bin",
            Self::Ids => "ids.bin",
        })
    }

    /// The path of the file of its leaves.
    pub(super) fn leaves_path(self, folder: &Path) -> PathBuf {
        folder.join(match self {
            Self::Table => "table.leaves",
            Self::Ids => "ids.leaves",
        })
    }
}

/// What the manifest says of a paged file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileState {
    /// Size in bytes, a multiple of 4096.
    pub bytes: u64,
    /// The root of the tree over its pages.
    #[serde(with = "hex")]
    pub root: [u8; 32],
}

/// A page failed its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

fn leaf(kind: Kind, index: u64, page: &[u8]) -> Hash {
    hash(0, kind as u8, index, page)
}

fn hash(domain: u8, which: u8, index: u64, content: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    let mut prefix = [0; 10];
    prefix[0] = domain;
    prefix[1] = which;
    prefix[2..].copy_from_slice(&index.to_le_bytes());
    context.update(&prefix);
    context.update(content);
    let mut hash = [0; HASH];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The root over the leaves, one after the other.
fn root(leaves: &[u8]) -> Hash {
    let mut nodes = level(1, leaves);
    for number in 2..=u8::MAX {
        if nodes.len() <= HASH {
            break;
        }
        nodes = level(number, &nodes);
    }
    nodes.try_into().unwrap_or([0; HASH])
}

fn level(number: u8, below: &[u8]) -> Vec<u8> {
    let nodes = below.chunks(CHILDREN * HASH).zip(0..);
    nodes.flat_map(|(children, index)| hash(1, number, index, children)).collect()
}

/// Writes a paged file and its leaves.
pub(super) struct PageWriter {
    kind: Kind,
    file: BufWriter<File>,
    page: Vec<u8>,
    leaves: Vec<u8>,
    folder: PathBuf,
}

impl PageWriter {
    /// Creates the file in the folder.
    pub(super) fn create(folder: &Path, kind: Kind) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, File::create_new(kind.path(folder))?);
        Ok(Self { kind, file, page: Vec::with_capacity(PAGE), leaves: Vec::new(), folder: folder.into() })
    }

    /// Appends bytes, across pages where needed.
    pub(super) fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PAGE - self.page.len()));
            self.page.extend_from_slice(now);
            bytes = later;
            if self.page.len() == PAGE {
                self.flush_page()?;
            }
        }
        Ok(())
    }

    /// Fills the page that is begun with zeros.
    pub(super) fn end_page(&mut self) -> io::Result<()> {
        if !self.page.is_empty() {
            self.flush_page()?;
        }
        Ok(())
    }

    fn flush_page(&mut self) -> io::Result<()> {
        self.page.resize(PAGE, 0);
        let index = (self.leaves.len() / HASH) as u64;
        self.leaves.extend_from_slice(&leaf(self.kind, index, &self.page));
        self.file.write_all(&self.page)?;
        self.page.clear();
        Ok(())
    }

    /// Ends the file, writes its leaves, and syncs both.
    pub(super) fn finish(mut self) -> io::Result<FileState> {
        self.end_page()?;
        self.file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        let mut leaves = File::create_new(self.kind.leaves_path(&self.folder))?;
        leaves.write_all(&self.leaves)?;
        leaves.sync_all()?;
        let bytes = (self.leaves.len() / HASH * PAGE) as u64;
        Ok(FileState { bytes, root: root(&self.leaves) })
    }
}

/// A paged file that is open. Reading takes no lock: threads that check the same page at once do so twice.
#[derive(Debug)]
pub(super) struct PagedFile {
    kind: Kind,
    map: Map,
    leaves: Box<[u8]>,
    checked: Box<[AtomicU64]>,
}

impl PagedFile {
    /// Opens the file and checks its leaves against the manifest; pages are checked later.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::InvalidData`] if a size or the root is not the manifest's.
    pub(super) fn open(folder: &Path, kind: Kind, state: &FileState) -> io::Result<Self> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        let pages = usize::try_from(state.bytes / PAGE as u64).map_err(|_| invalid())?;
        if pages == 0 || !state.bytes.is_multiple_of(PAGE as u64) {
            return Err(invalid());
        }
        let leaves = read_exactly(&kind.leaves_path(folder), pages * HASH)?;
        if root(&leaves) != state.root {
            return Err(invalid());
        }
        let map = Map::open(&kind.path(folder), state.bytes)?;
        let checked = (0..pages.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { kind, map, leaves: leaves.into(), checked })
    }

    /// How many pages there are.
    pub(super) fn pages(&self) -> usize {
        self.leaves.len() / HASH
    }

    /// A page, checked at its first touch.
    ///
    /// # Errors
    /// [`Damaged`] if its hash does not agree, at every touch, or if there is no such page.
    #[inline]
    pub(super) fn page(&self, index: usize) -> Result<&[u8; PAGE], Damaged> {
        let page = self.map.get(index * PAGE..).and_then(|rest| rest.first_chunk()).ok_or(Damaged)?;
        let word = self.checked.get(index / 64).ok_or(Damaged)?;
        if word.load(Ordering::Relaxed) & 1 << (index % 64) == 0 {
            self.check(index, page)?;
            word.fetch_or(1 << (index % 64), Ordering::Relaxed);
        }
        Ok(page)
    }

    #[cold]
    fn check(&self, index: usize, page: &[u8; PAGE]) -> Result<(), Damaged> {
        let expected = self.leaves.get(index * HASH..(index + 1) * HASH).ok_or(Damaged)?;
        if leaf(self.kind, index as u64, page) == *expected { Ok(()) } else { Err(Damaged) }
    }
}

/// Reads a file that must have exactly this size.
fn read_exactly(path: &Path, bytes: usize) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.len() != bytes as u64 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut content = Vec::with_capacity(bytes);
    file.take(bytes as u64).read_to_end(&mut content)?;
    if content.len() == bytes { Ok(content) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Reads a small file, of at most `bytes_max` bytes.
pub(super) fn read_small(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > bytes_max {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut content = Vec::new();
    File::open(path)?.take(bytes_max).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, bytes: usize) -> FileState {
        let mut writer = PageWriter::create(folder, Kind::Table).unwrap();
        for index in 0..bytes {
            writer.put(&[index as u8]).unwrap();
        }
        writer.finish().unwrap()
    }

    // Proves that what was written is read back page by page, the last one filled with zeros, at sizes around a node.
    #[test]
    fn round_trip() {
        for (bytes, pages) in [(1, 1), (PAGE, 1), (PAGE + 1, 2), (PAGE * (CHILDREN + 1), CHILDREN + 1)] {
            let folder = tempfile::tempdir().unwrap();
            let state = write(folder.path(), bytes);
            let file = PagedFile::open(folder.path(), Kind::Table, &state).unwrap();
            assert_eq!(file.pages(), pages);
            for index in 0..bytes {
                assert_eq!(file.page(index / PAGE).unwrap()[index % PAGE], index as u8);
            }
            assert_eq!(file.page(pages), Err(Damaged));
        }
    }

    // Proves that a changed page is noticed at every touch, alone, and that changed leaves or sizes are not opened.
    #[test]
    fn notices_changes() {
        let folder = tempfile::tempdir().unwrap();
        let state = write(folder.path(), 3 * PAGE);
        let path = Kind::Table.path(folder.path());
        let mut bytes = fs::read(&path).unwrap();
        bytes[PAGE + 7] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let file = PagedFile::open(folder.path(), Kind::Table, &state).unwrap();
        assert!(file.page(0).is_ok() && file.page(2).is_ok());
        assert_eq!((file.page(1), file.page(1)), (Err(Damaged), Err(Damaged)));
        drop(file);
        fs::write(&path, &bytes[1..]).unwrap();
        assert!(PagedFile::open(folder.path(), Kind::Table, &state).is_err());
        fs::write(&path, &bytes).unwrap();
        fs::write(Kind::Table.leaves_path(folder.path()), [0; 3 * HASH]).unwrap();
        assert!(PagedFile::open(folder.path(), Kind::Table, &state).is_err());
    }

    // Proves that pages can't swap places, nor files.
    #[test]
    fn hashes_know_their_place() {
        let page = [0; PAGE];
        assert_ne!(leaf(Kind::Table, 0, &page), leaf(Kind::Table, 1, &page));
        assert_ne!(leaf(Kind::Table, 0, &page), leaf(Kind::Ids, 0, &page));
    }
}
