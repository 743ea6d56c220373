//! Seals a stream as it is written.

use std::fmt;
use std::io::{self, Write};

use super::header::{Drawn, Header};
use super::{CHUNK_BYTES, LAST, SealedError, TAG_BYTES};

/// A writer whose bytes go to another one sealed. Only [`finish`](Self::finish) ends the stream: one that is dropped
/// before is refused as truncated by whoever opens it.
pub struct Sealer<W> {
    to: W,
    header: Header,
    chunk: u32,
    plain: Vec<u8>,
}

impl<W> fmt::Debug for Sealer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("chunk", &self.chunk).finish_non_exhaustive()
    }
}

impl<W: Write> Sealer<W> {
    /// Begins a stream for the use that the label names.
    ///
    /// # Errors
    /// [`SealedError::Io`] and [`SealedError::Crypto`].
    pub fn new(to: W, key: &[u8; 32], label: &str) -> Result<Self, SealedError> {
        Self::drawn(to, &Drawn::random()?, key, label)
    }

    pub(super) fn drawn(mut to: W, drawn: &Drawn, key: &[u8; 32], label: &str) -> Result<Self, SealedError> {
        let header = Header::new(drawn, key, label)?;
        to.write_all(&header.bytes)?;
        Ok(Self { to, header, chunk: 0, plain: Vec::with_capacity(CHUNK_BYTES + TAG_BYTES) })
    }

    /// Ends the stream and hands the writer back, flushed.
    ///
    /// # Errors
    /// [`SealedError::Io`] and [`SealedError::Crypto`].
    pub fn finish(mut self) -> Result<W, SealedError> {
        self.put(LAST)?;
        self.to.flush()?;
        Ok(self.to)
    }

    /// Writes what was gathered as one chunk: its length, its sealed bytes and their tag.
    fn put(&mut self, last: u32) -> Result<(), SealedError> {
        let length = u32::try_from(self.plain.len()).map_err(|_| SealedError::TooLong)?;
        let frame = length | last;
        let (nonce, aad) = (self.header.nonce(self.chunk, frame), self.header.aad(frame));
        self.header.key().seal_in_place_append_tag(nonce, aad, &mut self.plain)?;
        self.to.write_all(&frame.to_be_bytes())?;
        self.to.write_all(&self.plain)?;
        self.plain.clear();
        Ok(())
    }
}

impl<W: Write> Write for Sealer<W> {
    /// A full chunk is written when more follows, so that the last one is known when it is sealed.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.plain.len() == CHUNK_BYTES && !bytes.is_empty() {
            self.put(0)?;
            self.chunk = self.chunk.checked_add(1).ok_or(SealedError::TooLong)?;
        }
        let taken = bytes.len().min(CHUNK_BYTES - self.plain.len());
        self.plain.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// Does nothing: a chunk that is not full must wait for the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
