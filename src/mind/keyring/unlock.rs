//! How an operator hands the site's key to a running daemon: over a socket of the machine itself.
//!
//! The socket is its owner's alone, in a folder where nobody else can put another in its place, and the kernel tells who
//! is at the other end: the daemon's own user or the administrator, or the connection ends before a byte is read. A key
//! never stands in an argument or in the environment, where others see it.

use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::site::SiteKey;
use super::vault::Vault;
use crate::keys::FILE_BYTES_MAX;

/// How long a key may take to be handed over.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// How long is waited after a connection could not be accepted.
const REST: Duration = Duration::from_millis(100);

/// The bits of a folder's mode that let others put something into it.
const OTHERS_WRITE: u32 = 0o022;

/// The administrator, who may do everything anyway.
const ROOT: u32 = 0;

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

/// The socket at which a locked daemon waits for its key.
#[derive(Debug)]
pub struct UnlockSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl UnlockSocket {
    /// Listens at a path. Its folder is made if it isn't there; what a daemon left there that was killed is replaced.
    ///
    /// # Errors
    /// [`UnlockError`] of every kind but [`UnlockError::Refused`].
    pub fn bind(path: &Path) -> Result<Self, UnlockError> {
        let wrong = |error| UnlockError::Socket(path.to_owned(), error);
        let folder = folder(path);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(wrong)?;
        check_folder(folder)?;
        remove_left_over(path)?;
        let listener = UnixListener::bind(path).map_err(wrong)?;
        // Until the mode is set a stranger could connect, and would be sent away for who he is.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(wrong)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Puts each key that is handed over into the vault: the first unlocks it, a later one replaces that. Does not end.
    pub async fn serve(self, vault: Arc<Vault>) {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(REST).await;
                continue;
            };
            // One at a time, each with a time limit: nobody but the daemon's user and the administrator gets this far.
            if timeout(TIME_LIMIT, take(stream, &vault)).await.is_err() {
                tracing::warn!("A key was not handed over in time.");
            }
        }
    }
}

impl Drop for UnlockSocket {
    fn drop(&mut self) {
        // Nothing is left to do if it is gone already.
        let _ = fs::remove_file(&self.path);
    }
}

async fn take(mut stream: UnixStream, vault: &Vault) {
    let uid = stream.peer_cred().map(|peer| peer.uid());
    let reply = match uid {
        Ok(uid) if may_unlock(uid, rustix::process::geteuid().as_raw()) => {
            taken(&mut stream, vault, uid).await
        }
        _ => {
            tracing::warn!(uid = uid.ok(), "A key was offered by a user who may not.");
            "refused not_allowed\n".to_owned()
        }
    };
    // Who does not wait for the reply does not need it.
    let _ = stream.write_all(reply.as_bytes()).await;
}

/// Whether a user may hand a key to a daemon that runs as `ours`.
pub(super) const fn may_unlock(uid: u32, ours: u32) -> bool {
    uid == ours || uid == ROOT
}

async fn taken(stream: &mut UnixStream, vault: &Vault, uid: u32) -> String {
    let line = read_line(stream).await.unwrap_or_default();
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
    check_folder(folder(path))?;
    let wrong = |error| UnlockError::Socket(path.to_owned(), error);
    let handed = async {
        let mut stream = UnixStream::connect(path).await?;
        // Who sends us away does so before he reads; his word tells more than the broken pipe.
        let sent = stream.write_all(line.as_bytes()).await.and(stream.shutdown().await);
        let reply = read_line(&mut stream).await;
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

/// One line, or what comes until the other side ends.
async fn read_line(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Zeroizing<Vec<u8>>> {
    // All the room at once, so that no part of a key is left behind where it was before the vector grew.
    let mut line = Zeroizing::new(Vec::with_capacity(2 * FILE_BYTES_MAX));
    let mut bounded = stream.take(FILE_BYTES_MAX as u64 + 1);
    while line.last() != Some(&b'\n') && bounded.read_buf(&mut *line).await? > 0 {}
    if line.len() > FILE_BYTES_MAX { Err(io::ErrorKind::InvalidData.into()) } else { Ok(line) }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn check_folder(folder: &Path) -> Result<(), UnlockError> {
    let found = fs::metadata(folder).map_err(|error| UnlockError::Socket(folder.to_owned(), error))?;
    let open = found.permissions().mode() & OTHERS_WRITE != 0;
    if open { Err(UnlockError::Folder(folder.to_owned())) } else { Ok(()) }
}

/// Removes a socket at which nobody listens any more.
fn remove_left_over(path: &Path) -> Result<(), UnlockError> {
    let wrong = |error| UnlockError::Socket(path.to_owned(), error);
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(wrong(error)),
    };
    if !found.file_type().is_socket() {
        return Err(wrong(io::ErrorKind::AlreadyExists.into()));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(UnlockError::InUse(path.to_owned())),
        Err(_) => fs::remove_file(path).map_err(wrong),
    }
}
