//! Walks a whole journal in order: the one reader behind recovery, verification and `journal show`.
//!
//! It takes its list of segments, with each one's start frame, before it reads the first record. A segment
//! that had a successor then is finished, so a walk beside a running writer sees no false gap: what grows
//! later is simply beyond its snapshot.

use super::Position;
use super::cursor::{Cursor, Spot};
use super::format::{
    ChainHash, FORMAT_VERSION, FRAME_HEADER_BYTES, FRAME_OVERHEAD_BYTES, FrameHeader, GENESIS,
    HEADER_BLOCK_BYTES, KIND_START, SegmentHeader, Start, parse_segment_name,
};
use super::kind::Kind;
use super::segment::{Cause, Link, SegmentWalk, Step, Tail};
use super::storage::Storage;
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// One record as it is stored, borrowed from the reader's window.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct RecordRef<'a> {
    /// The segment that holds it.
    pub segment: u64,
    /// Its offset there, in bytes.
    pub offset: u64,
    /// Its number, from 1 on over all segments.
    pub sequence: u64,
    /// What it is about.
    pub kind: Kind,
    /// The format's flags.
    pub flags: u16,
    /// The key of its body; 0 is none.
    pub key_id: u32,
    /// When it was written, ns since 1970-01-01 UTC.
    pub time_ns: u64,
    /// The exchange or case concerned.
    pub matter: Uuid,
    /// The body as stored.
    pub body: &'a [u8],
    /// The chain hash behind it.
    pub hash: ChainHash,
}

#[cfg(test)]
impl<'a> RecordRef<'a> {
    /// A record for those who read bodies.
    pub(crate) fn for_test(kind: Kind, body: &'a [u8]) -> Self {
        let (segment, offset, sequence, flags, key_id, time_ns) = (1, 0, 1, 0, 0, 0);
        let (matter, hash) = (Uuid::nil(), GENESIS);
        Self { segment, offset, sequence, kind, flags, key_id, time_ns, matter, body, hash }
    }
}

/// A damaged place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub segment: u64,
    /// Where in it, in bytes.
    pub offset: u64,
    /// What is wrong there.
    pub cause: Cause,
    /// Whether the segment had been quarantined before, so that this is no news.
    pub known: bool,
}

/// A segment as it was found before the walk.
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) number: u64,
    pub(crate) quarantined: bool,
    pub(crate) header: Option<SegmentHeader>,
    bytes: u64,
    header_fault: Option<Cause>,
    start: Option<Start>,
}

/// What a walk meets.
pub(crate) enum Event<'a> {
    Record(RecordRef<'a>),
    Damage(Damage),
    /// A segment's end; the index is into [`Walk::segments`].
    SegmentEnd(usize, Tail),
}

pub(crate) struct Walk {
    pub(crate) segments: Vec<Found>,
    storage: Arc<dyn Storage>,
    current: usize,
    entered: bool,
    frames: Option<SegmentWalk>,
    /// Behind the last sound frame so far.
    pub(crate) head: Link,
    pending: Option<Cause>,
}

enum Next {
    Record(u64, FrameHeader, ChainHash),
    Damage(Damage),
    SegmentEnd(usize, Tail),
    Finished,
}

impl Walk {
    pub(crate) fn new(storage: Arc<dyn Storage>) -> io::Result<Self> {
        Self::from_segment(storage, 0)
    }

    /// A walk that does not look at the segments before one.
    pub(crate) fn from_segment(storage: Arc<dyn Storage>, first: u64) -> io::Result<Self> {
        let mut named: Vec<_> = storage.list()?.into_iter().filter_map(numbered).collect();
        named.retain(|(number, ..)| *number >= first);
        named.sort();
        let mut segments = Vec::with_capacity(named.len());
        for (number, quarantined, name) in named {
            match Found::look(&*storage, number, quarantined, name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                found => segments.push(found?),
            }
        }
        let head = Link { next_sequence: 1, hash: GENESIS };
        Ok(Self { segments, storage, current: 0, entered: false, frames: None, head, pending: None })
    }

    /// Goes behind a record of the first segment. False if no such record stands there.
    pub(crate) fn seek(&mut self, behind: Position, hash: &ChainHash) -> io::Result<bool> {
        if self.segments.first().is_none_or(|first| first.number != behind.segment) {
            return Ok(false);
        }
        self.enter()?;
        self.pending = None;
        match &mut self.frames {
            Some(frames) => frames.seek(behind.offset, behind.sequence, hash),
            None => Ok(false),
        }
    }

    /// The next record, damage or segment end; `None` behind the last segment.
    pub(crate) fn next(&mut self) -> io::Result<Option<Event<'_>>> {
        match self.advance()? {
            Next::Damage(damage) => Ok(Some(Event::Damage(damage))),
            Next::SegmentEnd(index, tail) => Ok(Some(Event::SegmentEnd(index, tail))),
            Next::Finished => Ok(None),
            Next::Record(offset, header, hash) => {
                let segment = self.segments[self.current].number;
                let frames = self.frames.as_mut().expect("a record was just read from it");
                let body = frames.body(offset, &header)?;
                Ok(Some(Event::Record(RecordRef::new(segment, offset, &header, hash, body))))
            }
        }
    }

    fn advance(&mut self) -> io::Result<Next> {
        loop {
            if self.current == self.segments.len() {
                return Ok(Next::Finished);
            }
            if !self.entered {
                self.enter()?;
            }
            if let Some(cause) = self.pending.take() {
                return Ok(Next::Damage(self.damage(0, cause)));
            }
            let Some(frames) = self.frames.as_mut() else {
                return Ok(self.leave(Tail::default()));
            };
            match frames.step()? {
                Step::Frame(offset, header, hash) => {
                    self.head = Link { next_sequence: header.sequence + u64::from(header.is_record()), hash };
                    if header.is_record() {
                        return Ok(Next::Record(offset, header, hash));
                    }
                }
                Step::Damage(offset, cause) => return Ok(Next::Damage(self.damage(offset, cause))),
                Step::End(tail) => return Ok(self.leave(tail)),
            }
        }
    }

    /// Begins the current segment. Without a usable header there is nothing to step through.
    fn enter(&mut self) -> io::Result<()> {
        self.entered = true;
        let found = &self.segments[self.current];
        self.pending = found.header_fault;
        let Some(header) = found.header.as_ref().filter(|header| header.version == FORMAT_VERSION) else {
            self.pending.get_or_insert(Cause::Header);
            return Ok(());
        };
        let file = match self.storage.open(&found.name) {
            // A writer that closed beside us removed the segment that it had prepared.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !found.started() => return Ok(()),
            file => file?,
        };
        let successor = found.start.and_then(|_| self.successor());
        if let Some(start) = &found.start {
            self.head = Link::of(start);
        }
        self.frames = Some(SegmentWalk::new(file, header.seed(), found.start.as_ref(), successor));
        Ok(())
    }

    /// Where the next segment with a readable start took over from the current one.
    fn successor(&self) -> Option<Link> {
        self.segments[self.current + 1..].iter().find_map(|next| next.start.as_ref()).map(Link::of)
    }

    fn leave(&mut self, tail: Tail) -> Next {
        let left = self.current;
        self.entered = false;
        self.frames = None;
        if self.segments[left].header.is_none() {
            self.skip_unreadable_sequences();
        }
        self.current += 1;
        Next::SegmentEnd(left, tail)
    }

    /// A segment without a header may hold records of unknown numbers. None of them is ever given out again:
    /// the sequence goes on behind the most that the file can hold.
    fn skip_unreadable_sequences(&mut self) {
        self.head.next_sequence += self.segments[self.current].bytes / FRAME_OVERHEAD_BYTES as u64;
    }

    fn damage(&self, offset: u64, cause: Cause) -> Damage {
        let found = &self.segments[self.current];
        Damage { segment: found.number, offset, cause, known: found.quarantined }
    }
}

impl Found {
    fn look(storage: &dyn Storage, number: u64, quarantined: bool, name: String) -> io::Result<Self> {
        let file = storage.open(&name)?;
        let bytes = file.len()?;
        let mut cursor = Cursor::peeking(file);
        let decoded = SegmentHeader::decode(cursor.bytes(0, HEADER_BLOCK_BYTES as usize)?);
        let header_fault = header_fault(decoded.as_ref(), number);
        let header = decoded.map(|(header, _)| header);
        let start = match &header {
            Some(header) => read_start(cursor.with_seed(header.seed()))?,
            None => None,
        };
        Ok(Self { name, number, quarantined, header, bytes, header_fault, start })
    }

    /// Whether it has a readable start frame.
    pub(crate) fn started(&self) -> bool {
        self.start.is_some()
    }
}

fn header_fault(decoded: Option<&(SegmentHeader, bool)>, number: u64) -> Option<Cause> {
    match decoded {
        None => Some(Cause::Header),
        Some((header, _)) if header.version != FORMAT_VERSION => Some(Cause::Version),
        Some((header, _)) if header.number != number => Some(Cause::WrongNumber),
        Some((_, whole)) => (!whole).then_some(Cause::HeaderCopy),
    }
}

fn read_start(mut cursor: Cursor) -> io::Result<Option<Start>> {
    match cursor.spot(HEADER_BLOCK_BYTES)? {
        Spot::Frame(header, _) if header.kind == KIND_START => {
            let body_at = HEADER_BLOCK_BYTES + FRAME_HEADER_BYTES as u64;
            Ok(Start::decode(cursor.bytes(body_at, header.body_bytes as usize)?))
        }
        _ => Ok(None),
    }
}

fn numbered(name: String) -> Option<(u64, bool, String)> {
    parse_segment_name(&name).map(|(number, quarantined)| (number, quarantined, name))
}

impl<'a> RecordRef<'a> {
    fn new(segment: u64, offset: u64, header: &FrameHeader, hash: ChainHash, body: &'a [u8]) -> Self {
        Self {
            segment,
            offset,
            sequence: header.sequence,
            kind: Kind::from_code(header.kind),
            flags: header.flags,
            key_id: header.key_id,
            time_ns: header.time_ns,
            matter: Uuid::from_bytes(header.matter),
            body,
            hash,
        }
    }
}
