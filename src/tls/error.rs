//! What is wrong with a TLS file, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsErrorKind {
    /// The file can't be read. Remedy: create it, or let the daemon's user read it.
    Unreadable,
    /// The file holds no certificate or key in PEM. Remedy: convert it; keys are PKCS#8.
    NoPem,
    /// Others than its owner can read the key (the mode follows). Remedy: `chmod 600`.
    KeyMode(u32),
    /// A training authority issued the certificate. Remedy: take a production certificate, or set the environment.
    Training,
    /// The certificate or key does not work: they don't belong together, or are malformed. Remedy: issue them anew.
    Unusable,
    /// Only one of certificate and key is given. Remedy: give both or none.
    Half,
    /// A list of revoked certificates, or a certificate, has expired. Remedy: get a current one from its authority.
    Expired,
}

impl TlsErrorKind {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::NoPem => "no_pem",
            Self::KeyMode(_) => "key_mode",
            Self::Training => "training",
            Self::Unusable => "unusable",
            Self::Half => "half",
            Self::Expired => "expired",
        }
    }
}

/// Why TLS can't be set up with a file.
#[derive(Debug)]
pub struct TlsError {
    kind: TlsErrorKind,
    file: PathBuf,
    cause: Option<String>,
}

impl TlsError {
    pub(super) fn new(kind: TlsErrorKind, file: &Path, cause: Option<&dyn fmt::Display>) -> Self {
        Self { kind, file: file.to_owned(), cause: cause.map(ToString::to_string) }
    }

    pub(super) fn setup(file: &Path, cause: &dyn fmt::Display) -> Self {
        Self::new(TlsErrorKind::Unusable, file, Some(cause))
    }

    pub(super) fn half(file: &Path) -> Self {
        Self::new(TlsErrorKind::Half, file, None)
    }

    /// What is wrong.
    pub const fn kind(&self) -> TlsErrorKind {
        self.kind
    }

    /// The file that it is wrong with.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match self.kind {
            TlsErrorKind::Unreadable => {
                write!(f, "{file} can't be read: create it or let this user read it")?;
            }
            TlsErrorKind::NoPem => {
                write!(f, "{file} holds nothing usable in PEM: convert it (keys as PKCS#8)")?;
            }
            TlsErrorKind::KeyMode(mode) => {
                write!(f, "the key {file} is open to others (mode {mode:04o}): run chmod 600 {file}")?;
            }
            TlsErrorKind::Training => write!(
                f,
                "{file} is of a training authority and this is production: use a production certificate"
            )?,
            TlsErrorKind::Unusable => write!(f, "{file} can't be used: issue certificate and key anew")?,
            TlsErrorKind::Expired => {
                write!(f, "{file} has expired: get a current one from its authority")?;
            }
            TlsErrorKind::Half => {
                write!(f, "{file} is given without its other half: give certificate and key")?;
            }
        }
        match &self.cause {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TlsError {}
