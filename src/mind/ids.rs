//! The record ids, in a file of their own that is read on a hit only.
//!
//! Ids are long and compress badly, and a miss never needs one. They stand in the order of the slots: an index with the
//! position of every sixteenth id, then the sealed ids: length (1 byte), mark (8), body.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use super::pages::{self, Damaged, FileState, Kind, PAGE, PagedFile, Pages, Stretch};
use super::seal::{ID_MAX, SealedId};

/// How many ids share an entry of the index.
const STRIDE: u64 = 16;
const ENTRY: usize = 8;
/// Bytes of a sealed id before its body.
const HEAD: usize = 9;

/// The page on which the first id of so many begins.
const fn first_page(count: u64) -> u64 {
    let pages = (count.div_ceil(STRIDE) * ENTRY as u64).div_ceil(PAGE as u64);
    if pages == 0 { 1 } else { pages }
}

/// Most bytes of the file of so many ids: with each as long as any may be.
pub(super) const fn bytes_max(count: u64) -> u64 {
    let ids = (count * (HEAD + ID_MAX) as u64).div_ceil(PAGE as u64);
    (first_page(count) + ids) * PAGE as u64
}

/// Writes the ids of all slots, in their order.
pub(super) struct IdsWriter {
    file: Arc<dyn DiskFile>,
    index: Stretch,
    ids: Stretch,
    first: u64,
    next: u64,
}

impl IdsWriter {
    /// Begins the ids of so many slots.
    pub(super) fn create(disk: &dyn Disk, folder: &Path, count: u64) -> io::Result<Self> {
        let file = disk.create(&Kind::Ids.path(folder))?;
        let first = first_page(count);
        let index = Stretch::new(Kind::Ids, file.clone(), 0);
        let ids = Stretch::new(Kind::Ids, file.clone(), first);
        Ok(Self { file, index, ids, first, next: 0 })
    }

    /// Adds the id of the next slot.
    pub(super) fn push(&mut self, id: &SealedId) -> io::Result<()> {
        if self.next.is_multiple_of(STRIDE) {
            let position = self.first * PAGE as u64 + self.ids.position();
            self.index.put(&position.to_le_bytes())?;
        }
        self.next += 1;
        self.ids.put(&[id.length()])?;
        self.ids.put(&id.mark.to_le_bytes())?;
        self.ids.put(id.body())
    }

    /// Ends the file.
    pub(super) fn finish(mut self, disk: &dyn Disk, folder: &Path) -> io::Result<FileState> {
        if self.next == 0 {
            self.index.put(&[0; PAGE])?;
        }
        let stretches = [self.index.finish()?, self.ids.finish()?];
        if stretches[0].end() != self.first {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        pages::finish(disk, folder, Kind::Ids, &*self.file, &stretches)
    }
}

/// The sealed id of a slot.
///
/// # Errors
/// [`Damaged`] if a page that it needs is damaged, or if what it says makes no sense.
pub(super) fn read(file: &PagedFile, slot: u64) -> Result<SealedId, Damaged> {
    let mut entry = [0; ENTRY];
    copy(file, (slot / STRIDE) as usize * ENTRY, &mut entry)?;
    let mut position = usize::try_from(u64::from_le_bytes(entry)).map_err(|_| Damaged)?;
    for _ in 0..slot % STRIDE {
        let mut length = [0];
        copy(file, position, &mut length)?;
        position += HEAD + SealedId::stored_bytes(length[0]);
    }
    let mut head = [0; HEAD];
    copy(file, position, &mut head)?;
    let mut body = [0; ID_MAX];
    let body = body.get_mut(..SealedId::stored_bytes(head[0])).ok_or(Damaged)?;
    copy(file, position + HEAD, body)?;
    sealed_id(&head, body)
}

fn sealed_id(head: &[u8], body: &[u8]) -> Result<SealedId, Damaged> {
    let mark = u64::from_le_bytes(*head[1..].first_chunk().ok_or(Damaged)?);
    SealedId::new(mark, head[0], body).ok_or(Damaged)
}

/// Copies bytes from a position, across pages where needed.
fn copy(file: &PagedFile, mut position: usize, mut to: &mut [u8]) -> Result<(), Damaged> {
    while !to.is_empty() {
        let rest = &file.page(position / PAGE)?[position % PAGE..];
        let (now, later) = to.split_at_mut(rest.len().min(to.len()));
        now.copy_from_slice(&rest[..now.len()]);
        position += now.len();
        to = later;
    }
    Ok(())
}

/// The ids in their order.
pub(super) struct Scan<'a>(Pages<'a>);

/// Reads the ids of so many slots in their order, past the mapping.
pub(super) fn scan(file: &PagedFile, count: u64) -> io::Result<Scan<'_>> {
    Ok(Scan(file.read_from(first_page(count) as usize)?))
}

impl Scan<'_> {
    /// The next id.
    ///
    /// # Errors
    /// [`Damaged`] if a page is damaged or there is no id left.
    pub(super) fn next(&mut self) -> Result<SealedId, Damaged> {
        let head: [u8; HEAD] = *self.0.take(HEAD)?.first_chunk().ok_or(Damaged)?;
        let body = self.0.take(SealedId::stored_bytes(head[0]))?;
        sealed_id(&head, body)
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::RealDisk;
    use super::*;

    // Proves that each id is read back, alone and in order, whatever its length and wherever it crosses a page.
    #[test]
    fn round_trip() {
        let ids: Vec<SealedId> = (0..1000_u64)
            .map(|slot| {
                let body = vec![b'a' + (slot % 26) as u8; slot as usize % 65];
                SealedId::new(slot << 40, body.len() as u8, &body).unwrap()
            })
            .collect();
        for count in [0, 1, 15, 16, 17, 1000] {
            let folder = tempfile::tempdir().unwrap();
            let mut writer = IdsWriter::create(&RealDisk, folder.path(), count).unwrap();
            ids[..count as usize].iter().for_each(|id| writer.push(id).unwrap());
            let state = writer.finish(&RealDisk, folder.path()).unwrap();
            let file = PagedFile::open(folder.path(), Kind::Ids, &state).unwrap();
            let mut in_order = scan(&file, count).unwrap();
            for (slot, id) in (0..).zip(&ids[..count as usize]) {
                assert_eq!(read(&file, slot), Ok(*id));
                assert_eq!(in_order.next(), Ok(*id));
            }
            assert_eq!(read(&file, 1_000_000), Err(Damaged));
            assert!(state.bytes <= bytes_max(count) && bytes_max(count) <= state.bytes + 10 * PAGE as u64);
        }
    }
}
