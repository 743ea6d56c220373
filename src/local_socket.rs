//! A socket of the machine itself, at which operators talk to a running daemon.
//!
//! It is its owner's alone, in a folder where nobody else can put another in its place, and the kernel tells who is at
//! the other end: the daemon's own user or the administrator, or the connection ends before a byte is read.

use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{UnixListener, UnixStream};
use zeroize::Zeroizing;

/// How long is waited after a connection could not be accepted.
const REST: Duration = Duration::from_millis(100);

/// The bits of a folder's mode that let others put something into it.
const OTHERS_WRITE: u32 = 0o022;

/// The administrator, who may do everything anyway.
const ROOT: u32 = 0;

/// Why a socket can't be listened at or reached.
#[derive(Debug)]
#[non_exhaustive]
pub enum SocketError {
    /// It can't be made or reached. Remedy: see the system's words; is the daemon running?
    Socket(PathBuf, io::Error),
    /// Others can put a socket of their own into the folder. Remedy: `chmod go-w`, or another folder.
    Folder(PathBuf),
    /// Another daemon listens there. Remedy: end it, or configure another socket.
    InUse(PathBuf),
}

impl SocketError {
    /// The stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Socket(..) => "socket",
            Self::Folder(_) => "socket_folder",
            Self::InUse(_) => "socket_in_use",
        }
    }
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path, error) => write!(f, "the socket {}: {error}", path.display()),
            Self::Folder(path) => {
                let path = path.display();
                write!(
                    f,
                    "others can write in {path} and could take the socket's place: run chmod go-w {path}"
                )
            }
            Self::InUse(path) => write!(f, "another daemon listens at {}", path.display()),
        }
    }
}

impl std::error::Error for SocketError {}

/// A socket that is listened at. It is removed when it is dropped.
#[derive(Debug)]
pub struct LocalSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl LocalSocket {
    /// Listens at a path. Its folder is made if it isn't there; what a daemon left there that was killed is replaced.
    ///
    /// # Errors
    /// [`SocketError`] of every kind.
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        let wrong = |error| SocketError::Socket(path.to_owned(), error);
        let folder = folder(path);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(wrong)?;
        check_folder(folder)?;
        remove_left_over(path)?;
        let listener = UnixListener::bind(path).map_err(wrong)?;
        // Until the mode is set a stranger could connect, and would be sent away for who he is.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(wrong)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// The next connection, and the user at its other end.
    pub async fn accept(&self) -> (UnixStream, Option<u32>) {
        loop {
            if let Ok((stream, _)) = self.listener.accept().await {
                let uid = stream.peer_cred().map(|peer| peer.uid()).ok();
                return (stream, uid);
            }
            tokio::time::sleep(REST).await;
        }
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        // Nothing is left to do if it is gone already.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether this process may be commanded by a user: its own, or the administrator.
pub fn is_trusted(uid: Option<u32>) -> bool {
    uid.is_some_and(|uid| may_command(uid, rustix::process::geteuid().as_raw()))
}

/// Whether a user may command a daemon that runs as `ours`.
pub(crate) const fn may_command(uid: u32, ours: u32) -> bool {
    uid == ours || uid == ROOT
}

/// Connects with the daemon that listens at a path.
///
/// # Errors
/// [`SocketError`] of every kind but [`SocketError::InUse`].
pub async fn connect(path: &Path) -> Result<UnixStream, SocketError> {
    check_folder(folder(path))?;
    UnixStream::connect(path).await.map_err(|error| SocketError::Socket(path.to_owned(), error))
}

/// One line, or what comes until the other side ends.
///
/// # Errors
/// If it is longer than `bytes_max`, or the connection breaks.
pub async fn read_line(
    stream: &mut (impl AsyncRead + Unpin),
    bytes_max: usize,
) -> io::Result<Zeroizing<Vec<u8>>> {
    // All the room at once, so that no part of a secret is left behind where it was before the vector grew.
    let mut line = Zeroizing::new(Vec::with_capacity(2 * bytes_max));
    let mut bounded = stream.take(bytes_max as u64 + 1);
    while line.last() != Some(&b'\n') && bounded.read_buf(&mut *line).await? > 0 {}
    if line.len() > bytes_max { Err(io::ErrorKind::InvalidData.into()) } else { Ok(line) }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn check_folder(folder: &Path) -> Result<(), SocketError> {
    let found = fs::metadata(folder).map_err(|error| SocketError::Socket(folder.to_owned(), error))?;
    let open = found.permissions().mode() & OTHERS_WRITE != 0;
    if open { Err(SocketError::Folder(folder.to_owned())) } else { Ok(()) }
}

/// Removes a socket at which nobody listens any more.
fn remove_left_over(path: &Path) -> Result<(), SocketError> {
    let wrong = |error| SocketError::Socket(path.to_owned(), error);
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(wrong(error)),
    };
    if !found.file_type().is_socket() {
        return Err(wrong(io::ErrorKind::AlreadyExists.into()));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(SocketError::InUse(path.to_owned())),
        Err(_) => fs::remove_file(path).map_err(wrong),
    }
}
