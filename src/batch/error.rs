//! Why a batch is not taken, and why a command about one can't be followed.

use std::fmt;
use std::io;

/// What is wrong with a file of rows as a whole.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileError {
    /// The file can't be read or copied. Remedy: put it where the daemon's user may read it, and see that there is room.
    Io(io::Error),
    /// The file is larger than `batch.file_bytes_max`. Remedy: cut it into several.
    TooLarge,
    /// The file has more rows than `batch.rows_max`. Remedy: cut it into several.
    TooManyRows,
    /// The file has no row. Remedy: look whether it is the one that was meant.
    Empty,
    /// The first line of a CSV file names a column that is not known or is there twice, by its place from 1. Remedy: see
    /// `docs/batch.md` for the columns.
    Column(usize),
    /// The first line of a CSV file names no column by which something is asked. Remedy: as above.
    NoIdentifier,
}

impl FileError {
    /// The stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "file",
            Self::TooLarge => "file_too_large",
            Self::TooManyRows => "too_many_rows",
            Self::Empty => "no_rows",
            Self::Column(_) => "column_unknown",
            Self::NoIdentifier => "no_identifier_column",
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the file can't be read or copied: {error}"),
            Self::TooLarge => f.write_str("the file is larger than batch.file_bytes_max"),
            Self::TooManyRows => f.write_str("the file has more rows than batch.rows_max"),
            Self::Empty => f.write_str("the file has no row"),
            Self::Column(place) => write!(f, "column {place} is not known, or is there twice"),
            Self::NoIdentifier => f.write_str("no column holds anything by which could be asked"),
        }
    }
}

impl std::error::Error for FileError {}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Why a command about batches was not followed.
#[derive(Debug)]
#[non_exhaustive]
pub enum BatchError {
    /// The file can't be used. Remedy: see there.
    File(FileError),
    /// No policy has this name. Remedy: name one of the configuration.
    UnknownPolicy,
    /// Agency, end user, site or purpose is missing. Remedy: give it.
    Context,
    /// The client has no grant in force. Remedy: name another, or ask the bureau.
    Denied,
    /// So many batches are open as there may be. Remedy: wait for one, or cancel one.
    Full,
    /// No batch has this id. Remedy: `postern batch status` lists them.
    UnknownBatch,
    /// The batch has ended. Nothing is to be done.
    Ended,
    /// The journal can't be written: nothing changed. Remedy: see its disk.
    NotRecorded,
    /// The daemon ends. Remedy: ask the next one.
    Ending,
}

impl BatchError {
    /// The stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File(error) => error.code(),
            Self::UnknownPolicy => "unknown_policy",
            Self::Context => "context_incomplete",
            Self::Denied => "denied",
            Self::Full => "too_many_batches",
            Self::UnknownBatch => "unknown_batch",
            Self::Ended => "batch_ended",
            Self::NotRecorded => "not_recorded",
            Self::Ending => "ending",
        }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::UnknownPolicy => f.write_str("no policy has this name"),
            Self::Context => f.write_str("agency, end user, site or purpose is missing"),
            Self::Denied => f.write_str("the client has no grant in force"),
            Self::Full => f.write_str("no more batches may be open"),
            Self::UnknownBatch => f.write_str("no batch has this id"),
            Self::Ended => f.write_str("the batch has ended"),
            Self::NotRecorded => f.write_str("the journal can't be written; nothing changed"),
            Self::Ending => f.write_str("the daemon ends"),
        }
    }
}

impl std::error::Error for BatchError {}

impl From<FileError> for BatchError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}
