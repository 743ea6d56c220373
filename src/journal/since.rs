//! Reads a journal from a time on, to find what belongs to an id that tells its time.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::cursor::{Cursor, Spot};
use super::format::{HEADER_BLOCK_BYTES, KIND_START, SegmentHeader, parse_segment_name};
use super::storage::Storage;
use super::walk::{Event, RecordRef, Walk};

/// Visits the sound records from the segment on that was being written at a time, up to the record before the number
/// `next_sequence`, until the visit breaks off. Damage is passed over: the opening of the journal told it.
pub(super) fn visit_since(
    storage: Arc<dyn Storage>,
    time_ns: u64,
    next_sequence: u64,
    mut visit: impl FnMut(&RecordRef<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    let first = segment_at(&*storage, time_ns)?;
    let mut walk = Walk::from_segment(storage, first)?;
    let mut last = 0;
    // No step behind the last one: a writer may be in the midst of the next.
    while last + 1 < next_sequence {
        match walk.next()? {
            None => return Ok(()),
            Some(Event::Record(record)) => {
                last = record.sequence;
                if last >= next_sequence || visit(&record).is_break() {
                    return Ok(());
                }
            }
            Some(Event::Damage(_) | Event::SegmentEnd(..)) => {}
        }
    }
    Ok(())
}

/// The last segment that was begun before a time. The newest is looked at first, because late things are asked for most.
fn segment_at(storage: &dyn Storage, time_ns: u64) -> io::Result<u64> {
    let mut numbers: Vec<(u64, String)> =
        storage.list()?.into_iter().filter_map(|name| Some((parse_segment_name(&name)?.0, name))).collect();
    numbers.sort_unstable();
    for (number, name) in numbers.iter().rev() {
        if begun(storage, name)?.is_some_and(|begun| begun <= time_ns) {
            return Ok(*number);
        }
    }
    Ok(0)
}

/// When a segment was begun: prepared is it long before.
fn begun(storage: &dyn Storage, name: &str) -> io::Result<Option<u64>> {
    let file = match storage.open(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut cursor = Cursor::peeking(file);
    let header = SegmentHeader::decode(cursor.bytes(0, HEADER_BLOCK_BYTES as usize)?);
    let Some((header, _)) = header else { return Ok(None) };
    match cursor.with_seed(header.seed()).spot(HEADER_BLOCK_BYTES)? {
        Spot::Frame(frame, _) if frame.kind == KIND_START => Ok(Some(frame.time_ns)),
        _ => Ok(None),
    }
}
