//! How an operator hands the site's key to a running daemon: over a socket of the machine itself.
//!
//! The socket is its owner's alone, in a folder where nobody else can put another in its place, and the kernel tells who
//! is at the other end: the daemon's own user or the administrator, or the connection ends before a byte is read. A key
//! never stands in an argument or in the environment, where others see it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::site::SiteKey;
use super::vault::Vault;
use crate::keys::FILE_BYTES_MAX;
use crate::local_socket::{LocalSocket, SocketError, connect, is_trusted, read_line};

/// How long a key may take to be handed over.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Why a key can't be handed over.
#[derive(Debug)]
#[non_exhaustive]
pub enum UnlockError {
    /// The socket can't be made or reached. Remedy: see the system's words; is the daemon running, with the source
    /// `operator`, and is this its user or the administrator?
    Socket(PathBuf, io::Error),
    /// Others can put a socket of their own into the folder, and would be given the key. Remedy: `chmod go-w`, or another
    /// folder.
    Folder(PathBuf),
    /// Another daemon listens there. Remedy: end it, or configure another socket.
    InUse(PathBuf),
    /// The daemon did not take the key; its code follows: `not_allowed` (run as the daemon's user or the administrator),
    /// `no_key` (what was given is none).
    Refused(String),
}

impl UnlockError {
    /// The stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Socket(..) => "unlock_socket",
            Self::Folder(_) => "unlock_folder",
            Self::InUse(_) => "unlock_socket_in_use",
            Self::Refused(_) => "unlock_refused",
        }
    }
}

impl fmt::Display for UnlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path, error) => write!(f, "the socket {}: {error}", path.display()),
            Self::Folder(path) => {
                let path = path.display();
                write!(f, "others can write in {path} and could take the key: run chmod go-w {path}")
            }
            Self::InUse(path) => write!(f, "another daemon listens at {}", path.display()),
            Self::Refused(code) => write!(f, "the daemon did not take the key: {code}"),
        }
    }
}

impl std::error::Error for UnlockError {}

impl From<SocketError> for UnlockError {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::Socket(path, error) => Self::Socket(path, error),
            SocketError::Folder(path) => Self::Folder(path),
            SocketError::InUse(path) => Self::InUse(path),
        }
    }
}

/// The socket at which a locked daemon waits for its key.
#[derive(Debug)]
pub struct UnlockSocket(LocalSocket);

impl UnlockSocket {
    /// Listens at a path. Its folder is made if it isn't there; what a daemon left there that was killed is replaced.
    ///
    /// # Errors
    /// [`UnlockError`] of every kind but [`UnlockError::Refused`].
    pub fn bind(path: &Path) -> Result<Self, UnlockError> {
        Ok(Self(LocalSocket::bind(path)?))
    }

    /// Puts each key that is handed over into the vault: the first unlocks it, a later one replaces that. Does not end.
    pub async fn serve(self, vault: Arc<Vault>) {
        loop {
            let (stream, uid) = self.0.accept().await;
            // One at a time, each with a time limit: nobody but the daemon's user and the administrator gets this far.
            if timeout(TIME_LIMIT, take(stream, uid, &vault)).await.is_err() {
                tracing::warn!("A key was not handed over in time.");
            }
        }
    }
}

async fn take(mut stream: UnixStream, uid: Option<u32>, vault: &Vault) {
    let reply = if is_trusted(uid) {
        taken(&mut stream, vault, uid).await
    } else {
        tracing::warn!(uid, "A key was offered by a user who may not.");
        "refused not_allowed\n".to_owned()
    };
    // Who does not wait for the reply does not need it.
    let _ = stream.write_all(reply.as_bytes()).await;
}

async fn taken(stream: &mut UnixStream, vault: &Vault, uid: Option<u32>) -> String {
    let line = read_line(stream, FILE_BYTES_MAX).await.unwrap_or_default();
    let Some(key) = std::str::from_utf8(&line).ok().and_then(SiteKey::parse) else {
        tracing::warn!(uid, "What was offered is not a site's private key.");
        return "refused no_key\n".to_owned();
    };
    let id = key.public().id();
    tracing::info!(uid, key = id, "An operator gave the site's key.");
    vault.unlock(key);
    format!("unlocked {id}\n")
}

/// Hands a key to the daemon that listens at a socket, and gives the key's id as the daemon tells it.
///
/// # Errors
/// [`UnlockError`] of every kind but [`UnlockError::InUse`].
pub async fn unlock(path: &Path, line: &str) -> Result<String, UnlockError> {
    let wrong = |error| UnlockError::Socket(path.to_owned(), error);
    let mut stream = connect(path).await?;
    let handed = async {
        // Who sends us away does so before he reads; his word tells more than the broken pipe.
        let sent = stream.write_all(line.as_bytes()).await.and(stream.shutdown().await);
        let reply = read_line(&mut stream, FILE_BYTES_MAX).await;
        if reply.as_ref().is_ok_and(|reply| !reply.is_empty()) { reply } else { sent.and(reply) }
    };
    let reply = timeout(2 * TIME_LIMIT, handed).await.map_err(|_| wrong(io::ErrorKind::TimedOut.into()))?;
    let reply = reply.map_err(wrong)?;
    let reply = std::str::from_utf8(&reply).unwrap_or_default().trim();
    match reply.split_once(' ') {
        Some(("unlocked", id)) => Ok(id.to_owned()),
        Some(("refused", code)) => Err(UnlockError::Refused(code.to_owned())),
        _ => Err(wrong(io::ErrorKind::UnexpectedEof.into())),
    }
}
