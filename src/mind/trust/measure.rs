//! Whether a file is as long as its manifest says, and has its digest: never a byte more is read.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};

use super::refusal::Refusal;

const CHUNK: usize = 1 << 16;

/// Measures what comes in, piece by piece, against what a manifest says.
pub struct Measure {
    expected: u64,
    sha256: [u8; 32],
    seen: u64,
    context: Context,
}

impl Measure {
    /// Begins with a file of this size and digest, of which at most `limit` bytes are ever taken.
    ///
    /// # Errors
    /// [`Refusal::EndlessData`] if the file would be larger than the limit.
    pub fn new(bytes: u64, sha256: [u8; 32], limit: u64) -> Result<Self, Refusal> {
        if bytes > limit {
            return Err(Refusal::EndlessData { limit });
        }
        Ok(Self { expected: bytes, sha256, seen: 0, context: Context::new(&SHA256) })
    }

    /// How many bytes are still to come.
    pub const fn left(&self) -> u64 {
        self.expected - self.seen
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// [`Refusal::EndlessData`] if it holds more than is still to come; it must not be kept.
    pub fn take(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        if piece.len() as u64 > self.left() {
            return Err(Refusal::EndlessData { limit: self.expected });
        }
        self.seen += piece.len() as u64;
        self.context.update(piece);
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`Refusal::Truncated`] or [`Refusal::BitFlip`].
    pub fn finish(self) -> Result<(), Refusal> {
        if self.left() > 0 {
            return Err(Refusal::Truncated { expected: self.expected, found: self.seen });
        }
        if self.context.finish().as_ref() == self.sha256 { Ok(()) } else { Err(Refusal::BitFlip) }
    }
}

impl fmt::Debug for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Measure({} of {})", self.seen, self.expected)
    }
}

/// Checks a whole file against what its manifest says.
///
/// # Errors
/// [`Refusal::Missing`], [`Refusal::EndlessData`], [`Refusal::Truncated`] or [`Refusal::BitFlip`].
pub fn check_file(path: &Path, bytes: u64, sha256: [u8; 32], limit: u64) -> Result<(), Refusal> {
    let mut measure = Measure::new(bytes, sha256, limit)?;
    let mut file = File::open(path).map_err(Refusal::Missing)?;
    let mut piece = vec![0; CHUNK];
    loop {
        match file.read(&mut piece).map_err(Refusal::Missing)? {
            0 => return measure.finish(),
            read => measure.take(&piece[..read])?,
        }
    }
}

/// Reads a small file whole.
///
/// # Errors
/// [`Refusal::Missing`], or [`Refusal::EndlessData`] if it is larger than the limit.
pub fn read_at_most(path: &Path, limit: u64) -> Result<Vec<u8>, Refusal> {
    let file = File::open(path).map_err(Refusal::Missing)?;
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content).map_err(Refusal::Missing)?;
    if content.len() as u64 > limit { Err(Refusal::EndlessData { limit }) } else { Ok(content) }
}
