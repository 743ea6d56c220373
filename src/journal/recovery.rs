//! What happens when a journal is opened: read everything, settle what a crash left behind, begin a new
//! segment.
//!
//! An old segment is changed in three ways only: the last group of the last one is written again as it is,
//! its torn tail is cut, and a damaged one is renamed, whole, to `.seg.damaged`. It stays in its place in the
//! order and its sound records are still read at each opening, but it is told each time until an operator has
//! dealt with it.

use super::error::OpenError;
use super::format::{FORMAT_VERSION, HEADER_BLOCK_BYTES, SegmentHeader, segment_name};
use super::options::Options;
use super::segment::{Link, Tail};
use super::spare::SPARE_NAME;
use super::storage::Storage;
use super::walk::{Damage, Event, Found, RecordRef, Walk};
use std::io;
use std::sync::Arc;

const PIECE_BYTES: usize = 1 << 20;

/// What an opening found. Damage and a torn tail are to be logged and, damage at least, alarmed by the caller.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Recovery {
    /// Records that were visited.
    pub records: u64,
    /// Segments that held anything.
    pub segments: u64,
    /// The sequence that the next record gets.
    pub next_sequence: u64,
    /// Segments whose unfinished last write was cut off. Nothing in it had been acknowledged.
    pub torn_segments: Vec<u64>,
    /// Damaged places, in order; their segments are quarantined.
    pub damage: Vec<Damage>,
    /// Whether the last segment had been finished properly, that is, the last run was closed and did not die.
    pub closed_properly: bool,
}

impl Recovery {
    /// Whether there is damage that was not known before this opening.
    #[must_use]
    pub fn has_new_damage(&self) -> bool {
        self.damage.iter().any(|damage| !damage.known)
    }
}

/// Where the log goes on.
pub(crate) struct Resume {
    pub(crate) head: Link,
    pub(crate) last_segment: u64,
    pub(crate) next_number: u64,
}

/// Reads the journal, hands every sound record to `visit`, and settles the folder.
pub(crate) fn recover(
    storage: &Arc<dyn Storage>,
    options: &Options,
    visit: &mut dyn FnMut(&RecordRef<'_>),
) -> Result<(Recovery, Resume), OpenError> {
    let mut walk = Walk::new(Arc::clone(storage)).map_err(OpenError::storage("listing"))?;
    for header in walk.segments.iter().filter_map(|found| found.header.as_ref()) {
        check_ours(header, options)?;
    }
    let mut recovery = Recovery::default();
    let tails = read_all(&mut walk, &mut recovery, visit).map_err(OpenError::storage("reading"))?;
    recovery.next_sequence = walk.head.next_sequence;
    let last = walk.segments.iter().rposition(Found::started);
    recovery.closed_properly = last.is_none_or(|last| tails[last].finished);
    settle(&**storage, &walk.segments, &tails, &mut recovery).map_err(OpenError::storage("settling"))?;
    let next_number = walk.segments.last().map_or(1, |found| found.number + 1);
    let last_segment = last.map_or(0, |last| walk.segments[last].number);
    Ok((recovery, Resume { head: walk.head, last_segment, next_number }))
}

fn check_ours(header: &SegmentHeader, options: &Options) -> Result<(), OpenError> {
    if header.version != FORMAT_VERSION {
        return Err(OpenError::Version { segment: header.number, version: header.version });
    }
    if header.environment != options.environment || header.instance != *options.instance.as_bytes() {
        return Err(OpenError::Foreign { segment: header.number });
    }
    Ok(())
}

/// Visits all records; the result has each segment's tail.
fn read_all(
    walk: &mut Walk,
    recovery: &mut Recovery,
    visit: &mut dyn FnMut(&RecordRef<'_>),
) -> io::Result<Vec<Tail>> {
    let mut tails = Vec::with_capacity(walk.segments.len());
    while let Some(event) = walk.next()? {
        match event {
            Event::Record(record) => {
                recovery.records += 1;
                visit(&record);
            }
            Event::Damage(damage) => recovery.damage.push(damage),
            Event::SegmentEnd(_, tail) => tails.push(tail),
        }
    }
    Ok(tails)
}

/// Quarantines, cuts and removes; durable when it returns.
fn settle(
    storage: &dyn Storage,
    segments: &[Found],
    tails: &[Tail],
    recovery: &mut Recovery,
) -> io::Result<()> {
    for (found, tail) in segments.iter().zip(tails) {
        let damaged = recovery.damage.iter().any(|damage| damage.segment == found.number);
        if damaged && tail.open && tail.end > tail.last_group {
            harden(storage, found, *tail)?;
        }
        if damaged && !found.quarantined {
            storage.rename(&found.name, &format!("{}.damaged", segment_name(found.number)))?;
        } else if !damaged {
            settle_sound(storage, found, *tail, recovery)?;
        }
        recovery.segments += u64::from(found.started() || damaged);
    }
    match storage.remove(SPARE_NAME) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    storage.sync_dir()
}

fn settle_sound(storage: &dyn Storage, found: &Found, tail: Tail, recovery: &mut Recovery) -> io::Result<()> {
    if tail.torn {
        recovery.torn_segments.push(found.number);
    }
    if tail.end <= HEADER_BLOCK_BYTES && !found.started() {
        return storage.remove(&found.name);
    }
    if tail.open {
        harden(storage, found, tail)?;
    }
    Ok(())
}

/// Makes the end of the last segment durable, and cuts what is torn behind it.
///
/// The last group was read, but perhaps from a cache: if its sync failed and the machine did not go down, its
/// pages count as clean while the disk never got them, and a sync alone would say so. So the group is written
/// once more, the same bytes in the same place, before a new segment builds on it and a caller acts on it.
fn harden(storage: &dyn Storage, found: &Found, tail: Tail) -> io::Result<()> {
    let file = storage.open_writable(&found.name)?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut offset = tail.last_group;
    while offset < tail.end {
        let room = PIECE_BYTES.min((tail.end - offset) as usize);
        let count = file.read_at(&mut piece[..room], offset)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.write_at(&piece[..count], offset)?;
        offset += count as u64;
    }
    if tail.torn {
        file.set_len(tail.end)?;
    }
    file.sync_data()
}
