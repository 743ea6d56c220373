//! Sealed streams: files that must not be readable, nor quietly shortened, on a disk that is lost or a carrier that is
//! searched.
//!
//! A stream is AES-256-GCM in chunks of 64 KiB by the STREAM construction: the nonce of a chunk is a random prefix, the
//! chunk's number and whether it is the last, so that a chunk opens in its own place only and a missing end is noticed.
//! The chunk key comes from the caller's key, a random salt and a label, so that a file of one use never opens as one of
//! another. The layout stands byte by byte in `docs/sealed-format.md`.
//!
//! What is read from an [`Opener`] is authentic as far as it goes, but only its end proves that nothing is missing: who
//! acts on it must have read all of it first.

mod header;
mod open;
mod seal;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Read, Write};

use aws_lc_rs::error::Unspecified;

pub use open::Opener;
pub use seal::Sealer;

/// Plain bytes of a chunk; only the last one may hold fewer.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes of an authentication tag.
const TAG_BYTES: usize = 16;
/// Set in a chunk's length if it is the last.
const LAST: u32 = 1 << 31;

/// Why a stream can't be sealed or opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum SealedError {
    /// Reading or writing failed. Remedy: see the system's words.
    Io(io::Error),
    /// It does not begin as a sealed stream does. Remedy: check that it is the right file.
    NotSealed,
    /// It is of a format that this release does not know. Remedy: a newer release.
    Version,
    /// It was sealed with another key. Remedy: the key of the generation or site that it was made for.
    WrongKey,
    /// It was sealed with this key for another use. Remedy: check that it is the right file.
    WrongLabel,
    /// A chunk was changed, or stands in another's place. Remedy: copy the file again from where it was made.
    Damaged {
        /// The chunk, from 0.
        chunk: u32,
    },
    /// It ends before its last chunk does. Remedy: copy the file again from where it was made.
    Truncated,
    /// Bytes stand behind its last chunk. Remedy: copy the file again from where it was made.
    Trailing,
    /// It holds more than it may. Remedy: check that it is the right file.
    TooLong,
    /// The cryptographic library failed. Remedy: try again; the system may lack randomness.
    Crypto,
}

impl SealedError {
    /// The stable name of the cause.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "sealed_io",
            Self::NotSealed => "sealed_not_sealed",
            Self::Version => "sealed_version",
            Self::WrongKey => "sealed_wrong_key",
            Self::WrongLabel => "sealed_wrong_label",
            Self::Damaged { .. } => "sealed_damaged",
            Self::Truncated => "sealed_truncated",
            Self::Trailing => "sealed_trailing",
            Self::TooLong => "sealed_too_long",
            Self::Crypto => "sealed_crypto",
        }
    }
}

impl fmt::Display for SealedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Io(error) => return error.fmt(f),
            Self::Damaged { chunk } => return write!(f, "chunk {chunk} of the sealed stream is damaged"),
            Self::NotSealed => "not a sealed stream",
            Self::Version => "the sealed stream is of an unknown format",
            Self::WrongKey => "the stream was sealed with another key",
            Self::WrongLabel => "the stream was sealed for another use",
            Self::Truncated => "the sealed stream is cut short",
            Self::Trailing => "bytes stand behind the end of the sealed stream",
            Self::TooLong => "the sealed stream holds more than it may",
            Self::Crypto => "the cryptographic library failed",
        })
    }
}

impl std::error::Error for SealedError {}

/// Takes back a [`SealedError`] that came through [`Read`] or [`Write`] as the source of an error of theirs.
impl From<io::Error> for SealedError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(sealed) => sealed,
            Err(error) => Self::Io(error),
        }
    }
}

impl From<SealedError> for io::Error {
    fn from(error: SealedError) -> Self {
        match error {
            SealedError::Io(error) => error,
            error => Self::other(error),
        }
    }
}

impl From<Unspecified> for SealedError {
    fn from(_: Unspecified) -> Self {
        Self::Crypto
    }
}

/// Seals all that is read, for the use that the label names. Returns how many plain bytes there were.
///
/// # Errors
/// [`SealedError::Io`], [`SealedError::TooLong`] past 2³² chunks, [`SealedError::Crypto`].
pub fn seal(mut from: impl Read, to: impl Write, key: &[u8; 32], label: &str) -> Result<u64, SealedError> {
    let mut sealer = Sealer::new(to, key, label)?;
    let bytes = io::copy(&mut from, &mut sealer)?;
    sealer.finish()?;
    Ok(bytes)
}

/// Opens a stream that holds `bytes_max` plain bytes at most, and returns how many there were. After an error, what was
/// written must be thrown away.
///
/// # Errors
/// Any [`SealedError`].
pub fn open(
    from: impl Read,
    mut to: impl Write,
    key: &[u8; 32],
    label: &str,
    bytes_max: u64,
) -> Result<u64, SealedError> {
    let mut opener = Opener::new(from, key, label)?;
    let mut bytes: u64 = 0;
    while let Some(chunk) = opener.next_chunk()? {
        bytes += chunk.len() as u64;
        if bytes > bytes_max {
            return Err(SealedError::TooLong);
        }
        to.write_all(chunk)?;
    }
    to.flush()?;
    Ok(bytes)
}
