//! Why nothing could be pulled.

use std::fmt;
use std::io;

use crate::mind::keyring::KeyringError;
use crate::mind::trust::Refusal;
use crate::tls::TlsError;

/// Why a pull ended before everything was here.
#[derive(Debug)]
#[non_exhaustive]
pub enum PullError {
    /// The hub can't be reached, or the link was cut. Goes on by itself. Remedy: see the way to the hub.
    Link(io::Error),
    /// Certificates or key can't be used. Remedy: see the words.
    Tls(TlsError),
    /// The hub has revoked this site: its keys are destroyed. Remedy: ask the hub's operator; enrol with a new pair.
    Revoked,
    /// The hub does not serve this site yet; its code follows: `not_enrolled` or `not_approved`. Remedy: `postern mind
    /// enrol request`, and let the hub's operator approve it.
    NotEnrolled(String),
    /// The hub answers with another status; its code follows. Goes on by itself. Remedy: see the hub's log.
    Hub(u16, String),
    /// The hub's answer is none that this version reads. Remedy: update one of the two.
    Answer,
    /// What came was refused. What is served stays. Remedy: as of the refusal.
    Refused(Refusal),
    /// The key that came can't be kept. Remedy: see the words.
    Keyring(KeyringError),
    /// The site's key is not here yet. Remedy: give it.
    Locked,
    /// The daemon ends.
    Stopped,
}

impl PullError {
    /// The stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Link(_) => "link",
            Self::Tls(_) => "tls",
            Self::Revoked => "revoked",
            Self::NotEnrolled(_) => "not_enrolled",
            Self::Hub(..) => "hub",
            Self::Answer => "answer",
            Self::Refused(refusal) => refusal.code(),
            Self::Keyring(error) => error.code(),
            Self::Locked => "copy_locked",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for PullError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(error) => write!(f, "the link to the hub: {error}"),
            Self::Tls(error) => error.fmt(f),
            Self::Revoked => f.write_str("the hub has revoked this site"),
            Self::NotEnrolled(code) => write!(f, "the hub does not serve this site: {code}"),
            Self::Hub(status, code) => write!(f, "the hub answers with the status {status} ({code})"),
            Self::Answer => f.write_str("the hub's answer can't be read"),
            Self::Refused(refusal) => write!(f, "what the hub sent is refused: {refusal}"),
            Self::Keyring(error) => error.fmt(f),
            Self::Locked => f.write_str("the copy is locked"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

impl std::error::Error for PullError {}

impl From<Refusal> for PullError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<KeyringError> for PullError {
    fn from(error: KeyringError) -> Self {
        Self::Keyring(error)
    }
}
