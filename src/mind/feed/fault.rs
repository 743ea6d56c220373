//! Why a feed gave no state: for a fault of its own, which puts it aside, or for trouble that passes, which leaves it.

use std::fmt;
use std::io;

use super::notices::NoticesError;
use crate::mind::BuildError;
use crate::mind::names::PersonsError;
use crate::mind::trust::Refusal;
use crate::sealed::SealedError;

/// What is wrong with a feed. It is put aside; nothing changes.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The name says no dataset. Remedy: name it as `docs/feeds.md` says.
    Name,
    /// The dataset is not configured. Remedy: configure it, or don't bring its feeds.
    Dataset,
    /// The sidecar can't be read. Remedy: write it as `docs/feeds.md` says.
    Meta,
    /// Neither name nor sidecar says when the data was extracted. Remedy: say it; nothing is guessed.
    NoTime,
    /// The data is older than that of the newest state. Remedy: none is needed if it was overtaken; after changes that
    /// came too late bring a full feed.
    Older,
    /// The content is not what the sidecar's digest says. Remedy: bring it again.
    Digest,
    /// It is larger than is allowed. Remedy: raise the limit if it is right.
    TooLarge,
    /// A full feed that is far smaller than the state before, as a cut one is. Remedy: bring it whole; if so many records
    /// are gone indeed, build the state with `postern mind build`.
    Shrunk,
    /// There is no state that could be changed. Remedy: bring a snapshot first.
    NoState,
    /// It can't be read as notices. Remedy: as the lines of the report say.
    Notices(NoticesError),
    /// It can't be built. Remedy: as the lines of the report say.
    Build(BuildError),
}

impl Fault {
    /// A stable name for metrics and reports.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Dataset => "dataset",
            Self::Meta => "meta",
            Self::NoTime => "no_time",
            Self::Older => "older",
            Self::Digest => "digest",
            Self::TooLarge => "too_large",
            Self::Shrunk => "shrunk",
            Self::NoState => "no_state",
            Self::Notices(error) => error.code(),
            Self::Build(BuildError::Rows { .. }) => "rows",
            Self::Build(BuildError::TooManyRecords) => "too_many_records",
            Self::Build(BuildError::TooManyCodes(_)) => "too_many_codes",
            Self::Build(BuildError::NumberTooFrequent) => "number_too_frequent",
            Self::Build(BuildError::Empty(_)) => "empty",
            Self::Build(BuildError::Persons(error)) => error.code(),
            Self::Build(_) => "options",
        }
    }

    /// The report that is put beside the feed: a code, and the faulty lines or notices without their content.
    pub(super) fn report(&self, file: &str) -> String {
        let head = format!("feed: {file}\ncode: {}\nfault: {self}\n", self.code());
        match self {
            Self::Build(BuildError::Rows { faults, more }) => listed(head, faults, *more),
            Self::Notices(NoticesError::Notices { faults, more }) => listed(head, faults, *more as u64),
            _ => head,
        }
    }
}

/// A report with the places of its faults.
fn listed(head: String, faults: &[impl fmt::Display], more: u64) -> String {
    let lines = faults.iter().fold(head, |text, fault| text + &format!("{fault}\n"));
    if more == 0 { lines } else { lines + &format!("and {more} more\n") }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "the name says no dataset",
            Self::Dataset => "the dataset is not configured",
            Self::Meta => "the sidecar can't be read",
            Self::NoTime => "neither name nor sidecar says when the data was extracted",
            Self::Older => "the data is older than that of the newest state",
            Self::Digest => "the content is not what the sidecar's digest says",
            Self::TooLarge => "the feed is larger than is allowed",
            Self::Shrunk => "the feed is far smaller than the state before, as a cut one is",
            Self::NoState => "there is no state that could be changed",
            Self::Notices(error) => return error.fmt(f),
            Self::Build(error) => return error.fmt(f),
        })
    }
}

/// Why a feed could not be built now. It stays where it is and is tried again.
#[derive(Debug)]
#[non_exhaustive]
pub enum Trouble {
    /// A file can't be read or written. Remedy: see the system's words.
    Io(io::Error),
    /// The feed changed while it was read. Remedy: none; it is taken when it is complete.
    Changing,
    /// The newest state or the root can't be used. Remedy: as it says.
    State(Refusal),
    /// A key can't be read or used. Remedy: as it says.
    Key(String),
    /// The configured keys are not enough to sign a state that the root lets pass. Remedy: configure keys that the root
    /// names, as many as it asks for.
    Signers,
    /// The cryptographic library failed. Remedy: none; it is tried again.
    Crypto,
}

impl Trouble {
    /// A stable name for metrics and the log.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "io",
            Self::Changing => "changing",
            Self::State(_) => "state",
            Self::Key(_) => "key",
            Self::Signers => "signers",
            Self::Crypto => "crypto",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Changing => f.write_str("the feed changed while it was read"),
            Self::State(refusal) => refusal.fmt(f),
            Self::Key(what) => f.write_str(what),
            Self::Signers => f.write_str("the configured keys are not enough for the root"),
            Self::Crypto => f.write_str("the cryptographic library failed"),
        }
    }
}

impl std::error::Error for Trouble {}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::State(refusal)
    }
}

/// Why a feed gave no state.
#[derive(Debug)]
pub(super) enum Failure {
    /// For a fault of its own.
    Fault(Fault),
    /// For trouble that passes.
    Trouble(Trouble),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Trouble(Trouble::Io(error))
    }
}

impl Failure {
    /// Whose a failure of building is. A version that is there already was made by somebody else in the meantime.
    pub(super) fn of(error: BuildError) -> Self {
        match error {
            BuildError::Io(error) | BuildError::Persons(PersonsError::Sealed(SealedError::Io(error))) => {
                Trouble::Io(error).into()
            }
            BuildError::State(refusal) => Trouble::State(refusal).into(),
            BuildError::Crypto | BuildError::Persons(PersonsError::Sealed(SealedError::Crypto)) => {
                Trouble::Crypto.into()
            }
            BuildError::VersionExists(_) => Trouble::Io(io::ErrorKind::AlreadyExists.into()).into(),
            error => Self::Fault(Fault::Build(error)),
        }
    }

    /// Whose a failure of reading notices is.
    pub(super) fn of_notices(error: NoticesError) -> Self {
        match error {
            NoticesError::Io(error) => Trouble::Io(error).into(),
            error => Self::Fault(Fault::Notices(error)),
        }
    }
}
