//! Why a bundle is not made or not taken in.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::journal::CommitError;
use crate::mind::keyring::KeyringError;
use crate::sealed::SealedError;

/// Why a bundle is not made or not taken in. After any of them but [`Commit`](Self::Commit) nothing was written to a
/// journal.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReconcileError {
    /// A file can't be read or written. Remedy: see the system's words.
    File(PathBuf, io::Error),
    /// The journal can't be read. Remedy: see the system's words; `postern journal verify`.
    Journal(io::Error),
    /// The site's name can't be the name of a file. Remedy: 1 to 64 of letters, digits, `.`, `_` and `-`, not beginning with
    /// a dot; give `--site`.
    SiteName,
    /// The journal is not of this environment, or it holds nothing yet. Remedy: point the configuration at the right folder.
    ForeignJournal,
    /// The note of the last export can't be read. Remedy: remove it and export with `--since`.
    StateDamaged(PathBuf),
    /// The record that the export should begin behind is not the one that was exported, or not there: the journal was
    /// replaced, or lost its end. Remedy: find out why, then export with `--since`, from 0 for a new journal.
    JournalChanged {
        /// The record.
        sequence: u64,
    },
    /// A record is sealed by a key that is not here. Remedy: a release that has the key.
    RecordSealed {
        /// The record.
        sequence: u64,
    },
    /// The machine gives no randomness, or the hub's key is none. Remedy: see the system's log; the hub's public key file.
    Key(KeyringError),
    /// The file is no bundle, or was not finished. Remedy: check that it is the right file; export again.
    NotABundle,
    /// The bundle is of a format that this release does not know. Remedy: a newer release.
    Version,
    /// The bundle ends before it should. Remedy: copy it again from where it was made.
    Truncated,
    /// Bytes stand behind the bundle's end. Remedy: copy it again from where it was made.
    Trailing,
    /// The bundle, or what it says of its size, is larger than any may be. Remedy: check that it is the right file.
    EndlessData,
    /// The header can't be understood. Remedy: copy the bundle again from where it was made.
    HeaderMalformed,
    /// No signing key of that site is enrolled. Remedy: put the site's public key where the sites' keys are, named after it.
    UnknownSite(String),
    /// The signature is not the site's, of these bytes: the bundle was changed, or another key signed it. Remedy: copy it
    /// again; compare the key ids by telephone.
    SignatureWrong,
    /// The bundle is of the other environment. Remedy: take it to the hub of its own.
    Environment,
    /// The bundle is sealed to another hub's key. Remedy: give the key that the site exports to.
    NotForThisHub,
    /// The bundle's key does not open. Remedy: copy the bundle again from where it was made.
    KeyDamaged,
    /// The sealed stream does not open; see its own kinds. Remedy: copy the bundle again from where it was made.
    Sealed(SealedError),
    /// What is sealed can't be understood or contradicts itself. Remedy: a release of the site's age; tell the maintainers.
    ContentMalformed(&'static str),
    /// A record does not fit into a segment of this journal. Remedy: raise `journal.segment_bytes`.
    RecordTooLarge {
        /// The record.
        sequence: u64,
    },
    /// Records between the last bundle and this one are missing. Remedy: take in the bundles between, or have the site
    /// export with `--since`; if they are lost for good, `--accept-gap`.
    Gap {
        /// The last record that is known.
        known: u64,
        /// The record that the bundle begins behind.
        from: u64,
    },
    /// The bundle begins or ends at a record that is known otherwise: the site's journal was changed or set back. Remedy:
    /// find out why before anything of that journal is believed.
    Forked {
        /// The record.
        sequence: u64,
    },
    /// A record could not be made durable. Remedy: mend the disk and take the same bundle in again; what is there is not
    /// written twice.
    Commit(CommitError),
}

impl ReconcileError {
    /// The stable name of the cause.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File(..) => "file",
            Self::Journal(_) => "journal",
            Self::SiteName => "site_name",
            Self::ForeignJournal => "foreign_journal",
            Self::StateDamaged(_) => "state_damaged",
            Self::JournalChanged { .. } => "journal_changed",
            Self::RecordSealed { .. } => "record_sealed",
            Self::Key(_) => "key",
            Self::NotABundle => "not_a_bundle",
            Self::Version => "version",
            Self::Truncated => "truncated",
            Self::Trailing => "trailing",
            Self::EndlessData => "endless_data",
            Self::HeaderMalformed => "header_malformed",
            Self::UnknownSite(_) => "unknown_site",
            Self::SignatureWrong => "signature_wrong",
            Self::Environment => "environment",
            Self::NotForThisHub => "not_for_this_hub",
            Self::KeyDamaged => "key_damaged",
            Self::Sealed(error) => error.code(),
            Self::ContentMalformed(_) => "content_malformed",
            Self::RecordTooLarge { .. } => "record_too_large",
            Self::Gap { .. } => "gap",
            Self::Forked { .. } => "forked",
            Self::Commit(_) => "commit",
        }
    }

    /// An adapter for `map_err`: wraps what the system said of a file.
    pub(super) fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File(path, error)
    }
}

impl fmt::Display for ReconcileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Journal(error) => write!(f, "the journal can't be read: {error}"),
            Self::StateDamaged(path) => {
                write!(f, "{}: the note of the last export is damaged", path.display())
            }
            Self::JournalChanged { sequence } => {
                write!(f, "record {sequence} of the journal is not the one that was exported")
            }
            Self::RecordSealed { sequence } => write!(f, "record {sequence} is sealed by another key"),
            Self::Key(error) => error.fmt(f),
            Self::UnknownSite(site) => write!(f, "no signing key of the site {site} is enrolled"),
            Self::Sealed(error) => error.fmt(f),
            Self::ContentMalformed(what) => write!(f, "the bundle contradicts itself: {what}"),
            Self::RecordTooLarge { sequence } => {
                write!(f, "record {sequence} does not fit into a segment of this journal")
            }
            Self::Gap { known, from } => {
                write!(f, "the bundle begins behind record {from}, the last one known is {known}")
            }
            Self::Forked { sequence } => {
                write!(f, "record {sequence} of the site's journal is known otherwise")
            }
            Self::Commit(error) => error.fmt(f),
            other => f.write_str(other.words()),
        }
    }
}

impl ReconcileError {
    const fn words(&self) -> &'static str {
        match self {
            Self::SiteName => "the site's name can't be the name of a file",
            Self::ForeignJournal => "the journal is of another environment, or holds nothing",
            Self::NotABundle => "not a finished bundle",
            Self::Version => "the bundle is of an unknown format",
            Self::Truncated => "the bundle is cut short",
            Self::Trailing => "bytes stand behind the bundle's end",
            Self::EndlessData => "the bundle is larger than any may be",
            Self::HeaderMalformed => "the bundle's header can't be understood",
            Self::SignatureWrong => "the signature is not the site's, of this bundle",
            Self::Environment => "the bundle is of the other environment",
            Self::NotForThisHub => "the bundle is sealed to another hub's key",
            Self::KeyDamaged => "the bundle's key does not open",
            _ => "the bundle is refused",
        }
    }
}

impl std::error::Error for ReconcileError {}

impl From<SealedError> for ReconcileError {
    fn from(error: SealedError) -> Self {
        Self::Sealed(error)
    }
}
