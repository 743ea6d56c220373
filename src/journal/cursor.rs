//! Reads frames of one segment through a window, with memory bounded by the window and the largest frame.

use super::format::{
    ChainHash, FRAME_HEADER_BYTES, FRAME_MAGIC, FrameHeader, HEADER_BLOCK_BYTES, MAX_BODY_BYTES, check_frame,
};
use super::storage::StorageFile;
use std::io;
use std::sync::Arc;

const WINDOW_BYTES: usize = 1 << 20;

/// What stands at an offset.
pub(crate) enum Spot {
    /// A frame whose checksums hold.
    Frame(FrameHeader, ChainHash),
    /// Nothing: zeros, or the end of the file.
    Empty,
    /// Bytes that are no frame.
    Unreadable,
}

/// What a look ahead of an unreadable spot found.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// The first sound frame behind the spot.
    pub(crate) next_frame: Option<u64>,
    /// Whether some frame behind the spot was written after the spot was durable.
    pub(crate) vouched: bool,
    /// Whether anything but zeros stands at or behind the spot.
    pub(crate) anything: bool,
}

pub(crate) struct Cursor {
    file: Arc<dyn StorageFile>,
    seed: u32,
    window: Vec<u8>,
    window_at: u64,
    window_bytes: usize,
}

impl Cursor {
    pub(crate) fn new(file: Arc<dyn StorageFile>, seed: u32) -> Self {
        Self { file, seed, window: Vec::new(), window_at: 0, window_bytes: WINDOW_BYTES }
    }

    /// A cursor that reads no more ahead than a segment's header and start frame.
    pub(crate) fn peeking(file: Arc<dyn StorageFile>) -> Self {
        Self { window_bytes: 2 * HEADER_BLOCK_BYTES as usize, ..Self::new(file, 0) }
    }

    /// The same cursor for frames with this checksum seed.
    pub(crate) fn with_seed(self, seed: u32) -> Self {
        Self { seed, ..self }
    }

    /// Forgets what was read, because the file may have grown since.
    pub(crate) fn refresh(&mut self) {
        self.window.clear();
    }

    /// The bytes from `offset`, `count` of them or as many as the file has.
    pub(crate) fn bytes(&mut self, offset: u64, count: usize) -> io::Result<&[u8]> {
        let end = offset + count as u64;
        if offset < self.window_at || end > self.window_at + self.window.len() as u64 {
            self.fill(offset, count.max(self.window_bytes))?;
        }
        let from = (offset - self.window_at) as usize;
        let to = (from + count).min(self.window.len());
        Ok(&self.window[from..to])
    }

    fn fill(&mut self, offset: u64, count: usize) -> io::Result<()> {
        let count = count.min(self.file.len()?.saturating_sub(offset) as usize);
        self.window.resize(count, 0);
        self.window_at = offset;
        let mut filled = 0;
        while filled < count {
            match self.file.read_at(&mut self.window[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) => {
                    self.window.clear();
                    return Err(error);
                }
            }
        }
        self.window.truncate(filled);
        Ok(())
    }

    /// Reads and checks what stands at `offset`.
    pub(crate) fn spot(&mut self, offset: u64) -> io::Result<Spot> {
        let seed = self.seed;
        let head = self.bytes(offset, FRAME_HEADER_BYTES)?;
        if head.iter().all(|byte| *byte == 0) {
            return Ok(Spot::Empty);
        }
        let Some(header) = FrameHeader::decode(head, seed).filter(|header| plausible(header, offset)) else {
            return Ok(Spot::Unreadable);
        };
        let frame = self.bytes(offset, header.frame_bytes())?;
        if frame.len() < header.frame_bytes() {
            return Ok(Spot::Unreadable);
        }
        Ok(check_frame(frame, seed, &header).map_or(Spot::Unreadable, |hash| Spot::Frame(header, hash)))
    }

    /// Whether only zeros stand from `offset` to the end of the file.
    pub(crate) fn empty_from(&mut self, mut offset: u64) -> io::Result<bool> {
        loop {
            let chunk = self.bytes(offset, WINDOW_BYTES)?;
            if chunk.is_empty() {
                return Ok(true);
            }
            if !is_zero(chunk) {
                return Ok(false);
            }
            offset += chunk.len() as u64;
        }
    }

    /// Searches behind an unreadable spot for frames, and for one that vouches for the spot.
    pub(crate) fn look_ahead(&mut self, spot: u64) -> io::Result<Ahead> {
        let mut candidates = Self::new(Arc::clone(&self.file), self.seed);
        self.refresh();
        let mut found = Ahead::default();
        let mut offset = spot;
        loop {
            let chunk = self.bytes(offset, WINDOW_BYTES)?;
            if chunk.is_empty() {
                return Ok(found);
            }
            if !is_zero(chunk) {
                found.anything = true;
                candidates.search(chunk, offset, spot, &mut found)?;
                if found.vouched {
                    return Ok(found);
                }
            }
            offset += chunk.len() as u64;
        }
    }

    /// Tries every place of a chunk where a frame could begin.
    fn search(&mut self, chunk: &[u8], chunk_at: u64, spot: u64, found: &mut Ahead) -> io::Result<()> {
        for (index, word) in chunk.chunks(8).enumerate() {
            let offset = chunk_at + 8 * index as u64;
            if offset == spot || !word.starts_with(&FRAME_MAGIC.to_le_bytes()) {
                continue;
            }
            if let Spot::Frame(header, _) = self.spot(offset)? {
                found.next_frame.get_or_insert(offset);
                if u64::from(header.group_offset) > spot {
                    found.vouched = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Whether a header with a good checksum can stand at this offset.
fn plausible(header: &FrameHeader, offset: u64) -> bool {
    let group = u64::from(header.group_offset);
    (header.body_bytes as usize) <= MAX_BODY_BYTES && (HEADER_BLOCK_BYTES..=offset).contains(&group)
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(4096).all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
}
