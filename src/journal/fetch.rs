//! Reads one record by its position, for an answer that is given again.

use std::io;

use super::Position;
use super::cursor::{Cursor, Spot};
use super::format::{FRAME_HEADER_BYTES, HEADER_BLOCK_BYTES, SegmentHeader, segment_name};
use super::storage::Storage;

/// The body of the record at a position, after its checksum and number were checked.
///
/// # Errors
/// What the storage said, or [`io::ErrorKind::InvalidData`] if no sound record of that number stands there.
pub(crate) fn fetch(storage: &dyn Storage, position: Position) -> io::Result<Vec<u8>> {
    let name = segment_name(position.segment);
    let file = storage.open(&name).or_else(|_| storage.open(&format!("{name}.damaged")))?;
    let mut cursor = Cursor::peeking(file);
    let header = SegmentHeader::decode(cursor.bytes(0, HEADER_BLOCK_BYTES as usize)?);
    let (header, _) = header.ok_or(io::ErrorKind::InvalidData)?;
    let mut cursor = cursor.with_seed(header.seed());
    match cursor.spot(position.offset)? {
        Spot::Frame(frame, _) if frame.is_record() && frame.sequence == position.sequence => {
            let body_at = position.offset + FRAME_HEADER_BYTES as u64;
            cursor.bytes(body_at, frame.body_bytes as usize).map(<[u8]>::to_vec)
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}
