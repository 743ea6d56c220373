//! The appending end: groups of records onto the active segment, roll-over, and what follows a failed write.
//!
//! No thread and no queue are here, so that a test can drive every operation in a fixed order.

use super::format::{
    BARE_FRAME_BYTES, ChainHash, FrameHeader, HEADER_BLOCK_BYTES, KIND_END, KIND_MARK, KIND_START, Start,
    encode_frame, frame_bytes, segment_name,
};
use super::options::{Clock, Options};
use super::recovery::Resume;
use super::segment::Link;
use super::spare::{Prepared, Spares};
use super::storage::{Storage, StorageFile};
use super::{Entry, Position};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// On how many segments a group is tried before its waiters are told that the storage failed.
const ATTEMPTS: u32 = 2;
/// The write buffer's size that is kept between groups.
const BUFFER_KEPT_BYTES: usize = 4 << 20;
/// The previous chain hash at the buffer's beginning.
const HASH_BYTES: usize = 32;

pub(crate) struct Log {
    storage: Arc<dyn Storage>,
    spares: Spares,
    active: Option<Active>,
    /// Behind the last frame that is durable.
    durable: Link,
    last_segment: u64,
    next_number: u64,
    buffer: Vec<u8>,
    clock: Clock,
    segment_bytes: u64,
    backoff: Duration,
    refused: Option<(Instant, io::ErrorKind)>,
    /// Where the records of the last commit are, as many as became durable.
    pub(crate) positions: Vec<Position>,
    /// How many segments were given up after a failed write or sync.
    pub(crate) poisoned: u64,
    /// How long the last write and sync took.
    pub(crate) last_sync: Duration,
    /// How long all of them took together.
    pub(crate) total_sync: Duration,
}

/// The segment being written.
struct Active {
    number: u64,
    file: Arc<dyn StorageFile>,
    seed: u32,
    /// Where the next group begins.
    offset: u64,
    /// Whether a frame vouches for everything before [`Self::offset`].
    vouched: bool,
}

/// A group while it is being encoded.
struct Group {
    offset: u64,
    seed: u32,
    sequence: u64,
    time_ns: u64,
}

/// What of a batch went into the buffer.
struct Encoded {
    records: usize,
    sealed: bool,
    next_sequence: u64,
}

impl Log {
    pub(crate) fn new(storage: Arc<dyn Storage>, spares: Spares, options: &Options, resume: &Resume) -> Self {
        Self {
            storage,
            spares,
            active: None,
            durable: resume.head,
            last_segment: resume.last_segment,
            next_number: resume.next_number,
            buffer: Vec::new(),
            clock: options.clock.clone(),
            segment_bytes: options.segment_bytes,
            backoff: options.reopen_backoff(),
            refused: None,
            positions: Vec::new(),
            poisoned: 0,
            last_sync: Duration::ZERO,
            total_sync: Duration::ZERO,
        }
    }

    /// Makes a batch durable, in order. [`Self::positions`] holds the records that are, also after an error.
    pub(crate) fn commit<T: AsRef<Entry>>(&mut self, batch: &[T]) -> io::Result<()> {
        self.positions.clear();
        while self.positions.len() < batch.len() {
            self.commit_on_one_segment(&batch[self.positions.len()..])?;
        }
        Ok(())
    }

    /// The number of the first record that is not durable yet.
    pub(crate) const fn next_sequence(&self) -> u64 {
        self.durable.next_sequence
    }

    /// Opens the first segment, so that an unusable disk is known before the first record.
    pub(crate) fn open_segment(&mut self) -> io::Result<()> {
        self.commit_on_one_segment::<Box<Entry>>(&[])
    }

    /// Writes a mark if nothing vouches for the last group yet.
    pub(crate) fn mark(&mut self) -> io::Result<()> {
        self.positions.clear();
        match &self.active {
            Some(active) if !active.vouched => self.commit_on_one_segment::<Box<Entry>>(&[]),
            _ => Ok(()),
        }
    }

    /// Whether a mark is due.
    pub(crate) fn unvouched(&self) -> bool {
        self.active.as_ref().is_some_and(|active| !active.vouched)
    }

    /// Finishes the active segment, cuts it to its content and removes the spare one.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        if let Some(mut active) = self.active.take() {
            let group = self.begin(&active);
            self.frame(&group, KIND_END, &[]);
            self.write(&mut active)?;
            active.file.set_len(active.offset)?;
            active.file.sync_data()?;
        }
        if let Some(leftover) = self.spares.leftover() {
            self.storage.remove(&segment_name(leftover))?;
        }
        self.storage.sync_dir()
    }

    /// Writes as much of the batch as the segment takes; on failure goes on with a new segment.
    fn commit_on_one_segment<T: AsRef<Entry>>(&mut self, batch: &[T]) -> io::Result<()> {
        let done = self.positions.len();
        let mut outcome = Ok(());
        for _ in 0..ATTEMPTS {
            let mut active = self.take_active()?;
            let encoded = self.encode(&active, batch);
            outcome = self.write(&mut active);
            if outcome.is_ok() {
                self.accept(active, &encoded);
                return Ok(());
            }
            // The segment is poisoned: its file is dropped and never synced again. Which of its frames are
            // void follows from the next segment's start frame.
            self.positions.truncate(done);
            self.poisoned += 1;
        }
        outcome
    }

    /// The segment to write to: the active one, or the next.
    fn take_active(&mut self) -> io::Result<Active> {
        if let Some(active) = self.active.take() {
            return Ok(active);
        }
        if let Some((_, kind)) = self.refused.filter(|(since, _)| since.elapsed() < self.backoff) {
            return Err(kind.into());
        }
        match self.spares.take(self.next_number) {
            Ok(prepared) => Ok(self.activate(prepared)),
            Err(error) => {
                self.refused = Some((Instant::now(), error.kind()));
                Err(error)
            }
        }
    }

    fn activate(&mut self, prepared: Prepared) -> Active {
        self.refused = None;
        self.next_number = prepared.number + 1;
        self.spares.order(self.next_number);
        Active {
            number: prepared.number,
            file: prepared.file,
            seed: prepared.seed,
            offset: HEADER_BLOCK_BYTES,
            vouched: true,
        }
    }

    /// Encodes one group into the buffer: what the segment still needs, records, and the end frame if it is
    /// full.
    fn encode<T: AsRef<Entry>>(&mut self, active: &Active, batch: &[T]) -> Encoded {
        let mut group = self.begin(active);
        if active.offset == HEADER_BLOCK_BYTES {
            let start = Start {
                first_sequence: self.durable.next_sequence,
                previous_hash: self.durable.hash,
                previous_segment: self.last_segment,
            };
            self.frame(&group, KIND_START, &start.encode());
        } else if batch.is_empty() && self.fits(&group, 0) {
            self.frame(&group, KIND_MARK, &[]);
        }
        let mut records = 0;
        for entry in batch.iter().map(AsRef::as_ref) {
            if !self.fits(&group, entry.body.len()) {
                break;
            }
            self.record(active.number, &group, entry);
            group.sequence += 1;
            records += 1;
        }
        let sealed = records < batch.len() || self.buffer.len() == HASH_BYTES;
        if sealed {
            self.frame(&group, KIND_END, &[]);
        }
        Encoded { records, sealed, next_sequence: group.sequence }
    }

    /// Empties the buffer but for the previous chain hash, which is hashed and not written.
    fn begin(&mut self, active: &Active) -> Group {
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT_BYTES);
        self.buffer.extend_from_slice(&self.durable.hash);
        Group {
            offset: active.offset,
            seed: active.seed,
            sequence: self.durable.next_sequence,
            time_ns: (self.clock)(),
        }
    }

    /// Whether a frame with this body fits before the end frame that each segment must be able to take.
    fn fits(&self, group: &Group, body_bytes: usize) -> bool {
        let end = group.offset as usize + self.buffer.len() - HASH_BYTES + frame_bytes(body_bytes);
        end + BARE_FRAME_BYTES <= self.segment_bytes as usize
    }

    /// Appends one of the log's own frames.
    fn frame(&mut self, group: &Group, kind: u16, body: &[u8]) {
        let header = group.header(kind, body.len());
        encode_frame(&mut self.buffer, group.seed, &header, body);
    }

    fn record(&mut self, segment: u64, group: &Group, entry: &Entry) {
        let offset = group.offset + (self.buffer.len() - HASH_BYTES) as u64;
        self.positions.push(Position { sequence: group.sequence, segment, offset });
        let header = FrameHeader {
            flags: entry.flags,
            matter: *entry.matter.as_bytes(),
            key_id: entry.key_id,
            ..group.header(entry.kind.code(), entry.body.len())
        };
        encode_frame(&mut self.buffer, group.seed, &header, &entry.body);
    }

    /// One write, one sync.
    fn write(&mut self, active: &mut Active) -> io::Result<()> {
        let bytes = &self.buffer[HASH_BYTES..];
        let begun = Instant::now();
        active.file.write_at(bytes, active.offset)?;
        active.file.sync_data()?;
        self.last_sync = begun.elapsed();
        self.total_sync += self.last_sync;
        active.offset += bytes.len() as u64;
        Ok(())
    }

    /// Notes what became durable.
    fn accept(&mut self, mut active: Active, encoded: &Encoded) {
        let hash: ChainHash =
            *self.buffer.last_chunk().expect("the buffer holds at least the previous chain hash");
        self.durable = Link { next_sequence: encoded.next_sequence, hash };
        self.last_segment = active.number;
        active.vouched = encoded.records == 0;
        if !encoded.sealed {
            self.active = Some(active);
        }
    }
}

impl Group {
    fn header(&self, kind: u16, body_bytes: usize) -> FrameHeader {
        FrameHeader {
            body_bytes: body_bytes as u32,
            kind,
            flags: 0,
            sequence: self.sequence,
            time_ns: self.time_ns,
            matter: [0; 16],
            key_id: 0,
            group_offset: self.offset as u32,
        }
    }
}
