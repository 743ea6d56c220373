//! Prepares the next segment ahead of time, so that a roll-over costs no more than any other commit.
//!
//! Preparing means writing every byte once: only then is a later `fdatasync` free of metadata, for the blocks
//! are allocated and no extent is left to convert. That takes as long as the disk needs for the whole
//! segment, so a thread of its own does it, in pieces with a sync each, lest one large flush hold up the
//! commits beside it.

use super::format::{FORMAT_VERSION, HEADER_BLOCK_BYTES, SegmentHeader, segment_name};
use super::options::{Clock, Options};
use super::storage::{Storage, StorageFile};
use aws_lc_rs::rand;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The name under which a segment is prepared; a crash leaves it behind and the next opening removes it.
pub(crate) const SPARE_NAME: &str = "spare.tmp";
const PIECE_BYTES: usize = 1 << 20;

/// A segment that is durable, named, and holds nothing yet.
pub(crate) struct Prepared {
    pub(crate) number: u64,
    pub(crate) file: Arc<dyn StorageFile>,
    pub(crate) seed: u32,
}

/// What goes into every header of this process.
#[derive(Clone)]
pub(crate) struct Factory {
    storage: Arc<dyn Storage>,
    clock: Clock,
    environment: u8,
    instance: [u8; 16],
    segment_bytes: u64,
}

impl Factory {
    pub(crate) fn new(storage: Arc<dyn Storage>, options: &Options) -> Self {
        Self {
            storage,
            clock: options.clock.clone(),
            environment: options.environment,
            instance: *options.instance.as_bytes(),
            segment_bytes: options.segment_bytes,
        }
    }

    /// Writes a whole segment and makes it and its name durable.
    pub(crate) fn prepare(&self, number: u64) -> io::Result<Prepared> {
        let outcome = self.try_prepare(number);
        if outcome.is_err() {
            // Best effort: a full disk gets its space back, and what stays is overwritten by the next attempt.
            let _ = self.storage.remove(SPARE_NAME);
        }
        outcome
    }

    fn try_prepare(&self, number: u64) -> io::Result<Prepared> {
        let header = self.header(number)?;
        let file = self.storage.create(SPARE_NAME)?;
        let zeros = vec![0; PIECE_BYTES.min(self.segment_bytes as usize)];
        let mut offset = 0;
        while offset < self.segment_bytes {
            let piece = zeros.len().min((self.segment_bytes - offset) as usize);
            file.write_at(&zeros[..piece], offset)?;
            file.sync_data()?;
            offset += piece as u64;
        }
        debug_assert!(self.segment_bytes > HEADER_BLOCK_BYTES);
        file.write_at(&header.encode(), 0)?;
        file.sync_data()?;
        self.storage.rename(SPARE_NAME, &segment_name(number))?;
        self.storage.sync_dir()?;
        Ok(Prepared { number, file, seed: header.seed() })
    }

    fn header(&self, number: u64) -> io::Result<SegmentHeader> {
        let mut salt = [0; 32];
        rand::fill(&mut salt).map_err(|_| io::Error::other("no randomness"))?;
        Ok(SegmentHeader {
            version: FORMAT_VERSION,
            environment: self.environment,
            key_class: 0,
            key_id: 0,
            number,
            instance: self.instance,
            created_ns: (self.clock)(),
            salt,
        })
    }
}

/// Where the writer gets its next segment.
pub(crate) enum Spares {
    /// Prepared by the caller's own thread when asked for: every operation in a fixed order, for tests.
    #[cfg(test)]
    Inline(Factory, Option<io::Result<Prepared>>),
    /// Prepared by a thread of its own.
    Thread(Workshop),
}

/// The thread and what was ordered from it.
pub(crate) struct Workshop {
    orders: SyncSender<u64>,
    done: Receiver<(u64, io::Result<Prepared>)>,
    ordered: Option<u64>,
}

impl Spares {
    #[cfg(test)]
    pub(crate) fn inline(factory: Factory) -> Self {
        Self::Inline(factory, None)
    }

    pub(crate) fn thread(factory: Factory) -> io::Result<Self> {
        let (orders, ordered) = sync_channel::<u64>(1);
        let (finish, done) = sync_channel(1);
        std::thread::Builder::new().name("journal-spare".into()).spawn(move || {
            for number in ordered {
                if finish.send((number, factory.prepare(number))).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self::Thread(Workshop { orders, done, ordered: None }))
    }

    /// Has segment `number` prepared; returns at once.
    pub(crate) fn order(&mut self, number: u64) {
        match self {
            #[cfg(test)]
            Self::Inline(factory, ready) => *ready = Some(factory.prepare(number)),
            Self::Thread(workshop) => workshop.order(number),
        }
    }

    /// Segment `number`; waits for it if it is not ready. An earlier preparation that failed is tried once
    /// more.
    pub(crate) fn take(&mut self, number: u64) -> io::Result<Prepared> {
        match self {
            #[cfg(test)]
            Self::Inline(factory, ready) => match ready.take() {
                Some(Ok(prepared)) if prepared.number == number => Ok(prepared),
                _ => factory.prepare(number),
            },
            Self::Thread(workshop) => workshop.take(number),
        }
    }

    /// The number of a segment that was ordered and not taken, if it was made. Waits for its making.
    pub(crate) fn leftover(&mut self) -> Option<u64> {
        match self {
            #[cfg(test)]
            Self::Inline(_, ready) => ready.take().and_then(Result::ok).map(|prepared| prepared.number),
            Self::Thread(workshop) => workshop.receive().ok().map(|prepared| prepared.number),
        }
    }
}

impl Workshop {
    fn order(&mut self, number: u64) {
        if self.ordered.is_none() && self.orders.try_send(number).is_ok() {
            self.ordered = Some(number);
        }
    }

    fn take(&mut self, number: u64) -> io::Result<Prepared> {
        let earlier = self.ordered.is_some().then(|| self.receive());
        let prepared = match earlier {
            Some(Ok(prepared)) => prepared,
            _ => {
                self.order(number);
                self.receive()?
            }
        };
        if prepared.number == number {
            Ok(prepared)
        } else {
            Err(io::Error::other("another segment was prepared"))
        }
    }

    fn receive(&mut self) -> io::Result<Prepared> {
        let gone = || io::Error::other("the thread that prepares segments is gone");
        self.ordered.take().ok_or_else(gone)?;
        self.done.recv().map_err(|_| gone())?.1
    }
}
