//! Why a source gave no feed.

use std::fmt;
use std::io;

/// Why nothing was fetched. What was received so far is kept, and gone on with the next time.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection, or no TLS handshake. Remedy: check the link, the address and both certificates.
    Connect,
    /// The server answered with this status. Remedy: ask who runs it.
    Status(u16),
    /// The answer has no length, so that a cut one could pass for the whole. Remedy: let the server send it.
    NoLength,
    /// The answer is compressed. Remedy: let the server send it as it is.
    Encoded,
    /// The answer does not say when the data was extracted. Remedy: let the server send the header, or name another.
    NoTime,
    /// The feed is larger than is allowed. Remedy: raise the limit if it is right.
    TooLarge,
    /// Nothing came for too long. Remedy: check the link.
    Idle,
    /// It took too long in all. Remedy: none, it goes on the next time; raise the limit if that happens often.
    TooSlow,
    /// The connection broke. Remedy: none, it goes on the next time.
    Cut,
    /// The server did not go on where it was asked to. Remedy: none, the feed is begun anew.
    Range,
    /// The folder can't be written. Remedy: see the system's words.
    Io(io::Error),
}

impl FetchError {
    /// A stable name for metrics and the log.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Status(_) => "status",
            Self::NoLength => "no_length",
            Self::Encoded => "encoded",
            Self::NoTime => "no_time",
            Self::TooLarge => "too_large",
            Self::Idle => "idle",
            Self::TooSlow => "too_slow",
            Self::Cut => "cut",
            Self::Range => "range",
            Self::Io(_) => "io",
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "no connection, or no handshake",
            Self::Status(status) => return write!(f, "the server answered with status {status}"),
            Self::NoLength => "the answer has no length",
            Self::Encoded => "the answer is compressed",
            Self::NoTime => "the answer does not say when the data was extracted",
            Self::TooLarge => "the feed is larger than is allowed",
            Self::Idle => "nothing came for too long",
            Self::TooSlow => "it took too long in all",
            Self::Cut => "the connection broke",
            Self::Range => "the server did not go on where it was asked to",
            Self::Io(error) => return error.fmt(f),
        })
    }
}

impl std::error::Error for FetchError {}

impl From<io::Error> for FetchError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
