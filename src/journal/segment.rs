//! Walks one segment frame by frame, checks the chain, and tells a torn tail from damage.
//!
//! Where a segment ends is decided by the *next opened* segment, if there is one: its start frame was written
//! when everything that it names was durable. Frames behind that point are void (their sync failed and they
//! were appended again), and a segment that does not reach that point is damaged. Only the last segment may
//! have a torn tail.

use super::cursor::{Cursor, Spot};
use super::format::{
    ChainHash, FRAME_HEADER_BYTES, FrameHeader, HEADER_BLOCK_BYTES, KIND_END, KIND_START, Start, chain_hash,
};
use super::storage::StorageFile;
use std::fmt;
use std::io;
use std::sync::Arc;

/// Why a place in a segment is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Neither copy of the segment's header can be read: nothing in the segment can.
    Header,
    /// The header block was changed, but one copy is readable.
    HeaderCopy,
    /// The header names another segment than the file's name.
    WrongNumber,
    /// The header names a format that this release does not know.
    Version,
    /// Something that was durable is no frame any more.
    Unreadable,
    /// A frame's chain hash does not follow from the frame before it.
    Chain,
    /// A record's sequence is not the next one.
    Sequence,
    /// The segment ends before the point at which its successor took over: records are missing.
    Short,
    /// Bytes stand behind the end of a finished segment, or in one that was never opened.
    Trailing,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "both copies of the segment's header are unreadable",
            Self::HeaderCopy => "the segment's header block was changed",
            Self::WrongNumber => "the segment's header names another segment",
            Self::Version => "the segment's format is unknown",
            Self::Unreadable => "a durable frame is unreadable",
            Self::Chain => "the hash chain is broken",
            Self::Sequence => "the sequence has a gap",
            Self::Short => "records at the segment's end are missing",
            Self::Trailing => "bytes stand where none were written",
        })
    }
}

/// Where the chain stands behind a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) next_sequence: u64,
    pub(crate) hash: ChainHash,
}

impl Link {
    pub(crate) fn of(start: &Start) -> Self {
        Self { next_sequence: start.first_sequence, hash: start.previous_hash }
    }
}

/// One step of a walk.
pub(crate) enum Step {
    /// A sound frame at this offset.
    Frame(u64, FrameHeader, ChainHash),
    /// A damaged place at this offset.
    Damage(u64, Cause),
    /// The segment's end.
    End(Tail),
}

/// How a segment ends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tail {
    /// Behind the last sound frame.
    pub(crate) end: u64,
    /// Where the last sound frame's group began: nothing vouches for what stands between here and the end.
    pub(crate) last_group: u64,
    /// Whether bytes of an unfinished write follow.
    pub(crate) torn: bool,
    /// Whether the segment was finished properly.
    pub(crate) finished: bool,
    /// Whether no later segment vouches for this end.
    pub(crate) open: bool,
}

pub(crate) struct SegmentWalk {
    cursor: Cursor,
    offset: u64,
    last_group: u64,
    /// What the next frame must follow; unknown behind damage.
    expected: Option<Link>,
    /// Where the successor took over.
    successor: Option<Link>,
    /// Whether that point was reached.
    reached: bool,
    finished: bool,
    /// The spot that was read a second time because a writer may have been in the middle of it.
    reread: Option<u64>,
    tail_reported: bool,
}

impl SegmentWalk {
    /// A walk over the frames of a segment that begins with `start` (if that frame can be read) and ends at
    /// `successor`.
    pub(crate) fn new(
        file: Arc<dyn StorageFile>,
        seed: u32,
        start: Option<&Start>,
        successor: Option<Link>,
    ) -> Self {
        Self {
            cursor: Cursor::new(file, seed),
            offset: HEADER_BLOCK_BYTES,
            last_group: HEADER_BLOCK_BYTES,
            expected: start.map(Link::of),
            successor,
            reached: false,
            finished: false,
            reread: None,
            tail_reported: false,
        }
    }

    /// Goes behind the record of this number and hash at an offset. False if no such record stands there.
    pub(crate) fn seek(&mut self, offset: u64, sequence: u64, hash: &ChainHash) -> io::Result<bool> {
        let Spot::Frame(header, found) = self.cursor.spot(offset)? else { return Ok(false) };
        if !header.is_record() || header.sequence != sequence || found != *hash {
            return Ok(false);
        }
        self.offset = offset + header.frame_bytes() as u64;
        self.expected = Some(Link { next_sequence: sequence + 1, hash: found });
        self.last_group = header.group_offset.into();
        Ok(true)
    }

    /// The body of a frame that [`Self::step`] returned last.
    pub(crate) fn body(&mut self, offset: u64, header: &FrameHeader) -> io::Result<&[u8]> {
        self.cursor.bytes(offset + FRAME_HEADER_BYTES as u64, header.body_bytes as usize)
    }

    /// The next thing in the segment. After [`Step::End`] only more of these follow.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        if self.successor.is_some() && self.expected == self.successor {
            self.successor = None;
            self.reached = true;
        }
        if self.reached || self.finished || self.tail_reported {
            return self.finish();
        }
        match self.cursor.spot(self.offset)? {
            Spot::Frame(header, hash) => self.frame(header, hash),
            Spot::Empty | Spot::Unreadable => self.unreadable(),
        }
    }

    fn end(&self, torn: bool) -> Step {
        Step::End(Tail {
            end: self.offset,
            last_group: self.last_group,
            torn,
            finished: self.finished,
            open: !self.reached,
        })
    }

    fn frame(&mut self, header: FrameHeader, hash: ChainHash) -> io::Result<Step> {
        if let Some(cause) = self.break_before(&header, &hash)? {
            self.expected = None;
            return Ok(Step::Damage(self.offset, cause));
        }
        let at = self.offset;
        self.offset += header.frame_bytes() as u64;
        self.expected = Some(Link { next_sequence: header.sequence + u64::from(header.is_record()), hash });
        self.last_group = header.group_offset.into();
        self.finished = header.kind == KIND_END;
        Ok(Step::Frame(at, header, hash))
    }

    /// Whether the frame does not follow from what came before it.
    fn break_before(&mut self, header: &FrameHeader, hash: &ChainHash) -> io::Result<Option<Cause>> {
        let Some(expected) = self.expected else { return Ok(None) };
        if header.sequence != expected.next_sequence
            || (self.offset == HEADER_BLOCK_BYTES) != (header.kind == KIND_START)
        {
            return Ok(Some(Cause::Sequence));
        }
        let hashed = self.cursor.bytes(self.offset, FRAME_HEADER_BYTES + header.body_bytes as usize)?;
        Ok((chain_hash(&expected.hash, hashed) != *hash).then_some(Cause::Chain))
    }

    /// At a spot without a frame: damage, a torn tail, or simply the end so far.
    fn unreadable(&mut self) -> io::Result<Step> {
        let spot = self.offset;
        let ahead = self.cursor.look_ahead(spot)?;
        self.cursor.refresh();
        if !ahead.vouched && self.successor.is_none() {
            self.tail_reported = true;
            return Ok(self.end(ahead.anything));
        }
        if self.reread != Some(spot) {
            self.reread = Some(spot);
            return self.step();
        }
        self.expected = None;
        match ahead.next_frame {
            Some(next) => self.offset = next,
            None => self.tail_reported = true,
        }
        let cause = if ahead.anything { Cause::Unreadable } else { Cause::Short };
        if cause == Cause::Short {
            self.successor = None;
        }
        Ok(Step::Damage(spot, cause))
    }

    /// Behind the end frame, or behind the last damage: nothing may follow, and nothing may be missing.
    fn finish(&mut self) -> io::Result<Step> {
        if self.successor.take().is_some() {
            return Ok(Step::Damage(self.offset, Cause::Short));
        }
        if self.finished && !self.tail_reported {
            self.tail_reported = true;
            if !self.cursor.empty_from(self.offset)? {
                return Ok(Step::Damage(self.offset, Cause::Trailing));
            }
        }
        Ok(self.end(false))
    }
}
