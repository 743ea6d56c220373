//! The record ids, in a file of their own that is read on a hit only.
//!
//! Ids are long and compress badly, and a miss never needs one. They stand in the order of the slots: an index with the
//! position of every sixteenth id, then the ids, each after its length in one byte.

use std::io;
use std::path::Path;

use super::pages::{Damaged, FileState, Kind, PAGE, PageWriter, PagedFile};

/// How many ids share an entry of the index.
const STRIDE: usize = 16;
const ENTRY: usize = 8;

/// Writes the ids of all slots, in their order.
pub(super) fn write<'a>(folder: &Path, ids: impl Iterator<Item = &'a [u8]> + Clone) -> io::Result<FileState> {
    let count = ids.clone().count();
    let mut writer = PageWriter::create(folder, Kind::Ids)?;
    let mut position = start_of_ids(count) as u64;
    for (slot, id) in ids.clone().enumerate() {
        if slot % STRIDE == 0 {
            writer.put(&position.to_le_bytes())?;
        }
        position += 1 + id.len() as u64;
    }
    writer.end_page()?;
    for id in ids {
        writer.put(&[u8::try_from(id.len()).map_err(|_| io::ErrorKind::InvalidInput)?])?;
        writer.put(id)?;
    }
    writer.finish()
}

fn start_of_ids(count: usize) -> usize {
    (count.div_ceil(STRIDE) * ENTRY).next_multiple_of(PAGE)
}

/// The id of a slot.
///
/// # Errors
/// [`Damaged`] if a page that it needs is damaged, or if what it says makes no sense.
pub(super) fn read(file: &PagedFile, slot: usize) -> Result<String, Damaged> {
    let mut entry = [0; ENTRY];
    copy(file, slot / STRIDE * ENTRY, &mut entry)?;
    let mut position = usize::try_from(u64::from_le_bytes(entry)).map_err(|_| Damaged)?;
    for _ in 0..slot % STRIDE {
        position += 1 + length_at(file, position)?;
    }
    let mut id = vec![0; length_at(file, position)?];
    copy(file, position + 1, &mut id)?;
    String::from_utf8(id).map_err(|_| Damaged)
}

fn length_at(file: &PagedFile, position: usize) -> Result<usize, Damaged> {
    let mut length = [0];
    copy(file, position, &mut length)?;
    Ok(length[0].into())
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

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that each id is read back, whatever its length and wherever it crosses a page.
    #[test]
    fn round_trip() {
        let ids: Vec<Vec<u8>> = (0..1000).map(|slot| vec![b'a' + (slot % 26) as u8; slot % 65]).collect();
        for count in [1, 15, 16, 17, 1000] {
            let folder = tempfile::tempdir().unwrap();
            let state = write(folder.path(), ids[..count].iter().map(Vec::as_slice)).unwrap();
            let file = PagedFile::open(folder.path(), Kind::Ids, &state).unwrap();
            for (slot, id) in ids[..count].iter().enumerate() {
                assert_eq!(read(&file, slot).unwrap().as_bytes(), id);
            }
            assert_eq!(read(&file, 1_000_000), Err(Damaged));
        }
    }
}
