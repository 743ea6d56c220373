//! Why a key can't be had or used.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::keys::KeyError;
use crate::tls::TlsError;

/// Why a generation key can't be wrapped, unwrapped or kept.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyringError {
    /// The machine gives no randomness. Remedy: see the system's log; nothing was written.
    Random,
    /// The name of a dataset or generation can't be one. Remedy: a dataset is 1 to 64 of a-z, 0-9, `_` and `-`; a
    /// generation is 16 hexadecimal digits.
    Name,
    /// The public key is none that a key can be wrapped to. Remedy: have the site make a new pair.
    Recipient,
    /// The generation key is not wrapped to this site. Remedy: enrol the site at the hub, and fetch the key file again;
    /// or the site was revoked.
    NotForThisSite,
    /// The wrapped key was changed, or is of another dataset or generation. Remedy: fetch the key file again.
    Damaged,
    /// The key file can't be read or written. Remedy: see the system's words.
    File(PathBuf, io::Error),
    /// The key file is not one, or of another dataset or generation than its name says. Remedy: fetch it again.
    Form(PathBuf),
    /// The key file would name too many sites. Remedy: remove those that are gone.
    TooMany,
    /// The passphrase is too short, or not the one of the file, or the file is damaged. Remedy: type it again.
    Passphrase,
}

impl KeyringError {
    /// The stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Random => "no_randomness",
            Self::Name => "key_name_invalid",
            Self::Recipient => "recipient_invalid",
            Self::NotForThisSite => "key_not_for_this_site",
            Self::Damaged => "key_damaged",
            Self::File(..) => "key_file_unreadable",
            Self::Form(_) => "key_file_malformed",
            Self::TooMany => "too_many_recipients",
            Self::Passphrase => "passphrase_wrong",
        }
    }
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random => f.write_str("the machine gives no randomness"),
            Self::Name => f.write_str("the dataset or generation has a name that can't be one"),
            Self::Recipient => f.write_str("nothing can be wrapped to this public key"),
            Self::NotForThisSite => f.write_str("the generation key is not wrapped to this site"),
            Self::Damaged => f.write_str("the wrapped key is damaged, or of another dataset or generation"),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Form(path) => write!(f, "{}: not the key file that its name says", path.display()),
            Self::TooMany => f.write_str("the key file names too many sites"),
            Self::Passphrase => f.write_str("the passphrase is too short, or opens nothing"),
        }
    }
}

impl std::error::Error for KeyringError {}

/// Why the site's key can't be had from its source.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeySourceError {
    /// The process was given no credentials. Remedy: start it by systemd with `LoadCredentialEncrypted=`, or choose
    /// another source.
    NoCredentials,
    /// The key file or credential can't be read, or holds no key. Remedy: see the words; make the key by `postern mind
    /// keygen --site`.
    Key(KeyError),
    /// Others than its owner can read the key file (the mode follows). Remedy: `chmod 600`.
    Mode(PathBuf, u32),
    /// The key lies on the disk of the copy or the journal, which follows. Remedy: another source, or another disk;
    /// `allow_key_on_disk = true` where a stolen disk may be read.
    OnDisk(PathBuf, PathBuf),
    /// An operator must give the key. Remedy: `postern mind unlock`.
    Operator,
    /// Certificates for the key server can't be used. Remedy: see the words.
    Tls(TlsError),
    /// The key server does not answer. Asked again by itself. Remedy: see its machine and the way to it.
    Server(io::Error),
    /// The key server answers with another status than 200. Asked again by itself. Remedy: see its log.
    Refused(u16),
    /// The key server's answer holds no key. Asked again by itself. Remedy: let it give the one line of the key file.
    Answer,
}

impl KeySourceError {
    /// The stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoCredentials => "credentials_missing",
            Self::Key(_) => "key_unreadable",
            Self::Mode(..) => "key_open_to_others",
            Self::OnDisk(..) => "key_on_disk",
            Self::Operator => "operator_awaited",
            Self::Tls(_) => "key_server_tls",
            Self::Server(_) => "key_server_unavailable",
            Self::Refused(_) => "key_server_refused",
            Self::Answer => "key_server_answer",
        }
    }

    /// Whether the same source may give the key later without anybody mending the configuration.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Operator | Self::Server(_) | Self::Refused(_) | Self::Answer)
    }
}

impl fmt::Display for KeySourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredentials => f.write_str(
                "the site's key is to be a credential, and there are none: start by systemd with LoadCredentialEncrypted=",
            ),
            Self::Key(error) => write!(f, "the site's key can't be read: {error}"),
            Self::Mode(path, mode) => {
                let path = path.display();
                write!(f, "the site's key {path} is open to others (mode {mode:04o}): run chmod 600 {path}")
            }
            Self::OnDisk(key, folder) => write!(
                f,
                "the site's key {} lies on the disk of {}: who steals the disk reads the copy",
                key.display(),
                folder.display()
            ),
            Self::Operator => f.write_str("an operator must give the site's key: run postern mind unlock"),
            Self::Tls(error) => write!(f, "the key server can't be asked: {error}"),
            Self::Server(error) => write!(f, "the key server does not answer: {error}"),
            Self::Refused(status) => write!(f, "the key server answers with the status {status}"),
            Self::Answer => f.write_str("the key server's answer holds no key"),
        }
    }
}

impl std::error::Error for KeySourceError {}

impl From<KeyError> for KeySourceError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<TlsError> for KeySourceError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}
