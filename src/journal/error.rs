//! What can go wrong, as types that somebody decides on. Each variant says its cause and its remedy.

use std::fmt;
use std::io;

/// Why a record could not be made durable. The caller owes its client the native "unable to answer, refer".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitError {
    /// The queue is full, by records or bytes: the disk is slower than the load. Shed the request; nothing
    /// was written.
    Busy,
    /// The storage refused, twice on two segments. Whether the record is on disk is **unknown**: it was not
    /// acknowledged, but a later recovery may find it whole. Check the disk and its free space; the journal
    /// goes on with a new segment as soon as the storage lets it.
    Storage(io::ErrorKind),
    /// The journal was closed, or its writer died. Stop the daemon; a restart recovers.
    Closed,
    /// The body is larger than [`crate::journal::MAX_BODY_BYTES`] or than one segment holds. Refuse the
    /// message.
    TooLarge,
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the journal's queue is full"),
            Self::Storage(kind) => write!(f, "the journal's storage failed: {kind}"),
            Self::Closed => f.write_str("the journal is closed"),
            Self::TooLarge => f.write_str("the record is too large for the journal"),
        }
    }
}

impl std::error::Error for CommitError {}

/// Why a journal could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has the directory. Stop it, or give this instance a directory of its own.
    InUse,
    /// A segment belongs to another environment or instance: a training daemon was pointed at production's
    /// journal, or a directory was copied between hosts. Point the configuration at the right directory.
    Foreign {
        /// The segment that gave it away.
        segment: u64,
    },
    /// A segment was written by a release with another format. Use that release or a newer one.
    Version {
        /// The segment concerned.
        segment: u64,
        /// The version that it names.
        version: u16,
    },
    /// An option is out of its range.
    Options(&'static str),
    /// The storage failed; nothing was lost by it. Check permissions, free space and the disk.
    Storage {
        /// What was being done.
        doing: &'static str,
        /// What the storage said.
        source: io::Error,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("the journal is in use by another process"),
            Self::Foreign { segment } => {
                write!(f, "segment {segment} belongs to another environment or instance")
            }
            Self::Version { segment, version } => write!(f, "segment {segment} has unknown format {version}"),
            Self::Options(what) => write!(f, "journal option out of range: {what}"),
            Self::Storage { doing, source } => write!(f, "{doing} the journal: {source}"),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Storage { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl OpenError {
    /// An adapter for `map_err`: wraps what the storage said while `doing` something.
    pub(crate) fn storage(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Storage { doing, source }
    }
}
