//! Opens a stream as it is read.

use std::fmt;
use std::io::{self, Read};

use super::header::{HEADER_BYTES, Header};
use super::{CHUNK_BYTES, LAST, SealedError, TAG_BYTES};

/// A reader of what a sealed stream holds. Errors come as [`SealedError`]s, through [`Read`] as their source.
pub struct Opener<R> {
    from: R,
    header: Header,
    chunk: u32,
    state: State,
    buffer: Vec<u8>,
    /// What of the buffer was opened and not yet read.
    unread: std::ops::Range<usize>,
}

/// Where the reading stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Within,
    Ended,
    /// An error was met: whoever reads on is not told an end.
    Failed,
}

impl<R> fmt::Debug for Opener<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("chunk", &self.chunk).finish_non_exhaustive()
    }
}

impl<R: Read> Opener<R> {
    /// Begins to open a stream: reads its header, and refuses another format, key or label.
    ///
    /// # Errors
    /// [`SealedError`] of these kinds, and what reading says.
    pub fn new(mut from: R, key: &[u8; 32], label: &str) -> Result<Self, SealedError> {
        let mut bytes = [0; HEADER_BYTES];
        let read = read_full(&mut from, &mut bytes)?;
        if read < HEADER_BYTES {
            return Err(if read < 8 { SealedError::NotSealed } else { SealedError::Truncated });
        }
        let header = Header::check(bytes, key, label)?;
        Ok(Self { from, header, chunk: 0, state: State::Within, buffer: Vec::new(), unread: 0..0 })
    }

    /// The next chunk; none behind the last, and then nothing is missing.
    ///
    /// # Errors
    /// Any [`SealedError`] but those of the header.
    pub fn next_chunk(&mut self) -> Result<Option<&[u8]>, SealedError> {
        match self.state {
            State::Ended => return Ok(None),
            State::Failed => return Err(SealedError::Damaged { chunk: self.chunk }),
            State::Within => self.state = State::Failed,
        }
        let (length, last) = self.read_chunk()?;
        if last {
            self.expect_end()?;
        } else {
            self.chunk = self.chunk.checked_add(1).ok_or(SealedError::TooLong)?;
        }
        self.state = if last { State::Ended } else { State::Within };
        Ok(Some(&self.buffer[..length]))
    }

    /// Reads and opens a chunk into the buffer: its length, and whether it is the last.
    fn read_chunk(&mut self) -> Result<(usize, bool), SealedError> {
        let mut frame = [0; 4];
        self.fill(&mut frame)?;
        let frame = u32::from_be_bytes(frame);
        let length = usize::try_from(frame & !LAST).unwrap_or(usize::MAX);
        let last = frame & LAST != 0;
        // Whatever the length says, no more than a chunk is read.
        if length > CHUNK_BYTES || (length < CHUNK_BYTES && !last) {
            return Err(SealedError::Damaged { chunk: self.chunk });
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(length + TAG_BYTES, 0);
        self.fill(&mut buffer)?;
        let (nonce, aad) = (self.header.nonce(self.chunk, frame), self.header.aad(frame));
        let opened = self.header.key().open_in_place(nonce, aad, &mut buffer);
        opened.map_err(|_| SealedError::Damaged { chunk: self.chunk })?;
        self.buffer = buffer;
        Ok((length, last))
    }

    /// Makes sure that nothing follows the last chunk.
    fn expect_end(&mut self) -> Result<(), SealedError> {
        match read_full(&mut self.from, &mut [0])? {
            0 => Ok(()),
            _ => Err(SealedError::Trailing),
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), SealedError> {
        let read = read_full(&mut self.from, buffer)?;
        if read < buffer.len() { Err(SealedError::Truncated) } else { Ok(()) }
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            let length = self.next_chunk()?.map_or(0, <[u8]>::len);
            self.unread = 0..length;
        }
        let taken = to.len().min(self.unread.len());
        let start = self.unread.start;
        to[..taken].copy_from_slice(&self.buffer[start..start + taken]);
        self.unread.start += taken;
        Ok(taken)
    }
}

/// Reads until the buffer is full or the input ends.
fn read_full(from: &mut impl Read, buffer: &mut [u8]) -> Result<usize, SealedError> {
    let mut read = 0;
    while read < buffer.len() {
        match from.read(&mut buffer[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(read)
}
