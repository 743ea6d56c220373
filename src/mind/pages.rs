//! Files in pages of 4 KiB, each of which is checked against a hash when it is first touched.
//!
//! A damaged byte of a table could turn a match into silence, which is the worst that a copy can do. Checking a whole
//! table before its first use takes seconds at full size, so each page is checked alone: its hash stands in a tree, whose
//! root is in the signed manifest. The tree is wide (128 children a node, one page of hashes), as in the kernel's
//! dm-verity. Its lowest level, the leaves, is itself mapped and checked page by page at first touch; opening reads and
//! checks only what stands above, 1/16 000 of the file.
//!
//! A leaf is SHA-256(`0x00`, file, index, page) and a node SHA-256(`0x01`, level, index, children), with the file (one
//! byte), the level (one byte, from 1) and the index (eight bytes, little-endian) in the input, so that no page, node or
//! file can stand in for another. The root is the node that has no sibling, at level 1 or above.
//!
//! What is not covered: a page that the kernel drops and reads again later is not checked again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::disk::{Disk, DiskFile};
use super::hex;
use super::map::Map;

/// Size of a page in bytes.
pub(super) const PAGE: usize = 4096;
const HASH: usize = 32;
const CHILDREN: usize = PAGE / HASH;
/// How much is written or read at once.
const CHUNK: usize = 256 * PAGE;

/// A hash of a page or node.
type Hash = [u8; HASH];

/// Which file of a snapshot a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The table.
    Table = 1,
    /// The record ids.
    Ids = 2,
}

impl Kind {
    /// The file's name in a state's folder.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Table => "table.bin",
            Self::Ids => "ids.bin",
        }
    }

    /// The name of the file of its tree.
    pub(super) const fn tree_name(self) -> &'static str {
        match self {
            Self::Table => "table.tree",
            Self::Ids => "ids.tree",
        }
    }

    /// The file's path in a state's folder.
    pub(super) fn path(self, folder: &Path) -> PathBuf {
        folder.join(self.name())
    }

    /// The path of the file of its tree.
    pub(super) fn tree_path(self, folder: &Path) -> PathBuf {
        folder.join(self.tree_name())
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

impl FileState {
    /// Size of the tree's file in bytes.
    pub(super) fn tree_bytes(&self) -> u64 {
        let level = |nodes: u64| (nodes * HASH as u64).next_multiple_of(PAGE as u64);
        let mut nodes = self.bytes / PAGE as u64;
        let mut bytes = level(nodes);
        loop {
            nodes = nodes.div_ceil(CHILDREN as u64);
            bytes += level(nodes);
            if nodes <= 1 {
                return bytes;
            }
        }
    }
}

/// A page failed its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

fn leaf(kind: Kind, index: u64, page: &[u8]) -> Hash {
    hash(0, kind as u8, index, page)
}

fn node(level: u8, index: u64, children: &[u8]) -> Hash {
    hash(1, level, index, children)
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

/// The nodes of a level over the hashes below it.
fn level(number: u8, below: &[u8]) -> Vec<u8> {
    let nodes = below.chunks(CHILDREN * HASH).zip(0..);
    nodes.flat_map(|(children, index)| node(number, index, children)).collect()
}

/// The levels above these nodes of a level, up to the root, which is the last.
fn above(mut number: u8, nodes: Vec<u8>) -> Vec<Vec<u8>> {
    let mut levels = vec![nodes];
    while levels.last().is_some_and(|last| last.len() > HASH) {
        number += 1;
        let next = levels.last().map(|last| level(number, last)).unwrap_or_default();
        levels.push(next);
    }
    levels
}

/// Writes one stretch of a paged file, from a page on. A file is one or more stretches side by side, so that what stands
/// in front can be written while what follows it is.
pub(super) struct Stretch {
    kind: Kind,
    file: Arc<dyn DiskFile>,
    first_page: u64,
    written: u64,
    buffer: Vec<u8>,
    leaves: Vec<u8>,
}

impl Stretch {
    pub(super) fn new(kind: Kind, file: Arc<dyn DiskFile>, first_page: u64) -> Self {
        let buffer = Vec::with_capacity(CHUNK + PAGE);
        Self { kind, file, first_page, written: 0, buffer, leaves: Vec::new() }
    }

    /// Appends bytes, across pages where needed.
    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK { self.write_pages() } else { Ok(()) }
    }

    /// Fills the page that is begun with zeros.
    pub(super) fn end_page(&mut self) {
        self.buffer.resize(self.buffer.len().next_multiple_of(PAGE), 0);
    }

    /// Where the next byte goes, counted from the beginning of the stretch.
    pub(super) fn position(&self) -> u64 {
        self.written * PAGE as u64 + self.buffer.len() as u64
    }

    fn write_pages(&mut self) -> io::Result<()> {
        let (pages, rest) = self.buffer.as_chunks::<PAGE>();
        for (page, index) in pages.iter().zip(self.first_page + self.written..) {
            self.leaves.extend_from_slice(&leaf(self.kind, index, page));
        }
        let bytes = pages.as_flattened();
        self.file.write_at(bytes, (self.first_page + self.written) * PAGE as u64)?;
        self.written += pages.len() as u64;
        let (done, rest) = (bytes.len(), rest.len());
        self.buffer.copy_within(done.., 0);
        self.buffer.truncate(rest);
        Ok(())
    }

    /// Ends the stretch after whole pages.
    pub(super) fn finish(mut self) -> io::Result<Stretched> {
        self.end_page();
        self.write_pages()?;
        Ok(Stretched { first_page: self.first_page, leaves: self.leaves })
    }
}

/// A stretch that is written.
pub(super) struct Stretched {
    first_page: u64,
    leaves: Vec<u8>,
}

impl Stretched {
    /// The page after the last.
    pub(super) fn end(&self) -> u64 {
        self.first_page + (self.leaves.len() / HASH) as u64
    }
}

/// Syncs a file whose stretches are all written, side by side, and writes and syncs its tree.
pub(super) fn finish(
    disk: &dyn Disk,
    folder: &Path,
    kind: Kind,
    file: &dyn DiskFile,
    stretches: &[Stretched],
) -> io::Result<FileState> {
    file.sync()?;
    let leaves: Vec<u8> = stretches.iter().flat_map(|stretch| stretch.leaves.iter().copied()).collect();
    let bytes = (leaves.len() / HASH * PAGE) as u64;
    let tree = disk.create(&kind.tree_path(folder))?;
    let upper = above(1, level(1, &leaves));
    let mut offset = 0;
    for mut nodes in std::iter::once(leaves).chain(upper.iter().cloned()) {
        nodes.resize(nodes.len().next_multiple_of(PAGE), 0);
        tree.write_at(&nodes, offset)?;
        offset += nodes.len() as u64;
    }
    tree.sync()?;
    let mut root = [0; HASH];
    root.copy_from_slice(upper.last().map_or(&[0; HASH], |nodes| &nodes[..HASH]));
    Ok(FileState { bytes, root })
}

/// Which pages were found to be right.
#[derive(Debug)]
struct Checked(Box<[AtomicU64]>);

impl Checked {
    fn new(pages: usize) -> Self {
        Self((0..pages.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    #[inline]
    fn has(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word.load(Ordering::Relaxed) & 1 << (index % 64) != 0)
    }

    fn set(&self, index: usize) {
        if let Some(word) = self.0.get(index / 64) {
            word.fetch_or(1 << (index % 64), Ordering::Relaxed);
        }
    }
}

/// A paged file that is open. Reading takes no lock: threads that check the same page at once do so twice.
#[derive(Debug)]
pub(super) struct PagedFile {
    path: PathBuf,
    kind: Kind,
    pages: usize,
    map: Map,
    tree: Map,
    nodes: Box<[u8]>,
    checked: Checked,
    leaves_checked: Checked,
}

impl PagedFile {
    /// Opens the file and checks the upper levels of its tree against the manifest; leaves and pages are checked later.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::InvalidData`] if a size or the root is not the manifest's.
    pub(super) fn open(folder: &Path, kind: Kind, state: &FileState) -> io::Result<Self> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        let pages = usize::try_from(state.bytes / PAGE as u64).map_err(|_| invalid())?;
        if pages == 0 || !state.bytes.is_multiple_of(PAGE as u64) {
            return Err(invalid());
        }
        let tree = Map::open(&kind.tree_path(folder), state.tree_bytes())?;
        let first = (pages * HASH).next_multiple_of(PAGE);
        let nodes: Box<[u8]> = tree[first..first + pages.div_ceil(CHILDREN) * HASH].into();
        if above(1, nodes.to_vec()).last().is_none_or(|root| **root != state.root) {
            return Err(invalid());
        }
        let path = kind.path(folder);
        let map = Map::open(&path, state.bytes)?;
        let (checked, leaves_checked) = (Checked::new(pages), Checked::new(pages.div_ceil(CHILDREN)));
        Ok(Self { path, kind, pages, map, tree, nodes, checked, leaves_checked })
    }

    /// How many pages there are.
    pub(super) const fn pages(&self) -> usize {
        self.pages
    }

    /// A page, checked at its first touch.
    ///
    /// # Errors
    /// [`Damaged`] if its hash does not agree, at every touch, or if there is no such page.
    #[inline]
    pub(super) fn page(&self, index: usize) -> Result<&[u8; PAGE], Damaged> {
        let page = self.map.get(index * PAGE..).and_then(|rest| rest.first_chunk()).ok_or(Damaged)?;
        if !self.checked.has(index) {
            self.check(index, page)?;
            self.checked.set(index);
        }
        Ok(page)
    }

    /// Asks for the cache line at an offset in the file, ahead of its use.
    #[inline]
    pub(super) fn prefetch(&self, offset: usize) {
        self.map.prefetch(offset);
    }

    #[cold]
    fn check(&self, index: usize, page: &[u8; PAGE]) -> Result<(), Damaged> {
        if leaf(self.kind, index as u64, page) == *self.leaf(index)? { Ok(()) } else { Err(Damaged) }
    }

    fn leaf(&self, index: usize) -> Result<&Hash, Damaged> {
        let group = index / CHILDREN;
        if !self.leaves_checked.has(group) {
            let end = ((group + 1) * CHILDREN).min(self.pages);
            let leaves = self.tree.get(group * CHILDREN * HASH..end * HASH).ok_or(Damaged)?;
            let expected = self.nodes.get(group * HASH..(group + 1) * HASH).ok_or(Damaged)?;
            if node(1, group as u64, leaves) != *expected {
                return Err(Damaged);
            }
            self.leaves_checked.set(group);
        }
        self.tree.get(index * HASH..).and_then(|rest| rest.first_chunk()).ok_or(Damaged)
    }

    /// Checks every byte of the file and of its tree.
    ///
    /// # Errors
    /// [`Damaged`] if one is not what the root says.
    pub(super) fn verify(&self) -> Result<(), Damaged> {
        let mut pages = self.read_from(0).map_err(|_| Damaged)?;
        let mut leaves = Vec::with_capacity(self.pages * HASH);
        for index in 0..self.pages {
            leaves.extend_from_slice(&leaf(self.kind, index as u64, pages.take(PAGE)?));
        }
        let levels = std::iter::once(leaves).chain(above(1, self.nodes.to_vec()));
        let tree = levels.flat_map(|mut nodes| {
            nodes.resize(nodes.len().next_multiple_of(PAGE), 0);
            nodes
        });
        if tree.eq(self.tree.iter().copied()) { Ok(()) } else { Err(Damaged) }
    }

    /// Reads the file from a page on in its order, in large steps and past the mapping, checking each page again.
    pub(super) fn read_from(&self, first_page: usize) -> io::Result<Pages<'_>> {
        Ok(Pages { file: self, input: File::open(&self.path)?, next: first_page, buffer: Vec::new(), at: 0 })
    }
}

/// The bytes of a paged file in their order.
pub(super) struct Pages<'a> {
    file: &'a PagedFile,
    input: File,
    next: usize,
    buffer: Vec<u8>,
    at: usize,
}

impl Pages<'_> {
    /// The next bytes, of which there must be so many in the pages that are left. `None` if a page is damaged or missing.
    pub(super) fn take(&mut self, count: usize) -> Result<&[u8], Damaged> {
        while self.buffer.len() - self.at < count {
            self.fill()?;
        }
        self.at += count;
        Ok(&self.buffer[self.at - count..self.at])
    }

    /// As [`take`](Self::take), and the bytes are still next.
    pub(super) fn peek(&mut self, count: usize) -> Result<&[u8], Damaged> {
        self.take(count)?;
        self.at -= count;
        Ok(&self.buffer[self.at..self.at + count])
    }

    /// Leaves out what is left of the page, unless it is at its beginning.
    pub(super) fn end_page(&mut self) {
        // The buffer always begins with a page.
        self.at = self.at.next_multiple_of(PAGE).min(self.buffer.len());
    }

    fn fill(&mut self) -> Result<(), Damaged> {
        let whole = self.at / PAGE * PAGE;
        self.buffer.drain(..whole);
        self.at -= whole;
        let pages = (CHUNK / PAGE).min(self.file.pages.saturating_sub(self.next));
        if pages == 0 {
            return Err(Damaged);
        }
        let start = self.buffer.len();
        self.buffer.resize(start + pages * PAGE, 0);
        let offset = (self.next * PAGE) as u64;
        self.input.read_exact_at(&mut self.buffer[start..], offset).map_err(|_| Damaged)?;
        for (page, index) in self.buffer[start..].as_chunks::<PAGE>().0.iter().zip(self.next..) {
            self.file.check(index, page)?;
        }
        self.next += pages;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::disk::RealDisk;
    use super::*;

    fn write(folder: &Path, bytes: usize) -> FileState {
        let file = RealDisk.create(&Kind::Table.path(folder)).unwrap();
        let mut stretch = Stretch::new(Kind::Table, file.clone(), 0);
        for index in 0..bytes {
            stretch.put(&[index as u8]).unwrap();
        }
        let stretches = [stretch.finish().unwrap()];
        finish(&RealDisk, folder, Kind::Table, &*file, &stretches).unwrap()
    }

    // Proves that what was written is read back page by page and in its order, the last one filled with zeros, at sizes
    // around a node.
    #[test]
    fn round_trip() {
        let large = PAGE * CHILDREN;
        for (bytes, pages) in [(1, 1), (PAGE, 1), (PAGE + 1, 2), (large, CHILDREN), (large + 1, CHILDREN + 1)]
        {
            let folder = tempfile::tempdir().unwrap();
            let state = write(folder.path(), bytes);
            let file = PagedFile::open(folder.path(), Kind::Table, &state).unwrap();
            assert_eq!(file.pages(), pages);
            let mut in_order = file.read_from(0).unwrap();
            for index in 0..bytes {
                assert_eq!(file.page(index / PAGE).unwrap()[index % PAGE], index as u8);
                assert_eq!(in_order.take(1).unwrap(), [index as u8]);
            }
            in_order.end_page();
            assert_eq!(in_order.take(1), Err(Damaged));
            assert_eq!(file.page(pages), Err(Damaged));
        }
    }

    // Proves that stretches side by side give the same file as one.
    #[test]
    fn stretches_join() {
        let folder = tempfile::tempdir().unwrap();
        let file = RealDisk.create(&Kind::Table.path(folder.path())).unwrap();
        let mut later = Stretch::new(Kind::Table, file.clone(), 2);
        let mut first = Stretch::new(Kind::Table, file.clone(), 0);
        for index in 0..5 * PAGE / 2 {
            let stretch = if index < 2 * PAGE { &mut first } else { &mut later };
            stretch.put(&[index as u8]).unwrap();
        }
        let (later, first) = (later.finish().unwrap(), first.finish().unwrap());
        assert_eq!((first.end(), later.end()), (2, 3));
        let joined = finish(&RealDisk, folder.path(), Kind::Table, &*file, &[first, later]).unwrap();
        assert_eq!(joined, write(tempfile::tempdir().unwrap().path(), 5 * PAGE / 2));
    }

    // Proves that a changed page is noticed at every touch, alone, and that changed leaves, nodes or sizes are.
    #[test]
    fn notices_changes() {
        let folder = tempfile::tempdir().unwrap();
        let state = write(folder.path(), 3 * PAGE);
        let path = Kind::Table.path(folder.path());
        let mut bytes = fs::read(&path).unwrap();
        bytes[PAGE + 7] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let open = || PagedFile::open(folder.path(), Kind::Table, &state);
        let file = open().unwrap();
        assert!(file.page(0).is_ok() && file.page(2).is_ok());
        assert_eq!((file.page(1), file.page(1)), (Err(Damaged), Err(Damaged)));
        assert_eq!(file.read_from(0).unwrap().take(1), Err(Damaged));
        drop(file);
        fs::write(&path, &bytes[1..]).unwrap();
        assert!(open().is_err());
        fs::write(&path, &bytes).unwrap();
        let tree_path = Kind::Table.tree_path(folder.path());
        let tree = fs::read(&tree_path).unwrap();
        for (at, opens) in [(5, true), (PAGE + 5, false)] {
            let mut changed = tree.clone();
            changed[at] ^= 1;
            fs::write(&tree_path, &changed).unwrap();
            let file = open();
            assert_eq!(file.is_ok(), opens);
            assert!(file.is_err() || file.unwrap().page(0).is_err());
        }
    }

    // Proves that pages can't swap places, nor files.
    #[test]
    fn hashes_know_their_place() {
        let page = [0; PAGE];
        assert_ne!(leaf(Kind::Table, 0, &page), leaf(Kind::Table, 1, &page));
        assert_ne!(leaf(Kind::Table, 0, &page), leaf(Kind::Ids, 0, &page));
    }
}
