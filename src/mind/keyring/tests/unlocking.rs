//! Handing a key over at the socket.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::super::*;

/// A vault that waits at a socket in a folder of its own.
async fn waiting(socket: &Path) -> (Arc<Vault>, tokio::task::JoinHandle<()>) {
    let vault = Arc::new(Vault::locked());
    let listening = UnlockSocket::bind(socket).unwrap();
    let serving = tokio::spawn(listening.serve(Arc::clone(&vault)));
    (vault, serving)
}

// Proves that a key that is handed over unlocks the vault, that a later one replaces it, that what is no key changes
// nothing, and that the socket is its owner's alone and goes with the daemon.
#[tokio::test]
async fn keys_are_handed_over() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("run/unlock");
    let (vault, serving) = waiting(&socket).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&socket), mode(socket.parent().unwrap())), (0o600, 0o700));
    for garbage in ["", "x25519-private:00\n", "x25519-public:", "\u{0}\u{0}", &"x".repeat(1_024)] {
        assert_eq!(unlock(&socket, garbage).await.err().map(|error| error.code()), Some("unlock_refused"));
        assert!(vault.is_locked());
    }
    // More than a key file can hold may be cut off while it is sent.
    assert!(unlock(&socket, &"x".repeat(5_000)).await.is_err() && vault.is_locked());
    for _ in 0..2 {
        let key = SiteKey::generate().unwrap();
        assert_eq!(unlock(&socket, &key.line().unwrap()).await.unwrap(), key.public().id());
        assert_eq!(vault.site_key().unwrap().public(), key.public());
    }
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    assert!(!socket.exists());
    assert_eq!(unlock(&socket, "x").await.err().map(|error| error.code()), Some("unlock_socket"));
}

// Proves that of a machine's users the daemon's own and the administrator may hand a key over, and nobody else.
#[test]
fn users() {
    use crate::local_socket::may_command;
    assert!(may_command(1_000, 1_000) && may_command(0, 1_000) && may_command(0, 0));
    assert!(!may_command(1_001, 1_000) && !may_command(1_000, 0) && !may_command(u32::MAX, 1_000));
}

// Proves that who says nothing keeps nobody out for longer than the time limit.
#[tokio::test(start_paused = true)]
async fn the_silent_are_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("unlock");
    let (vault, _serving) = waiting(&socket).await;
    let mut silent = UnixStream::connect(&socket).await.unwrap();
    silent.write_all(b"x25519-private:").await.unwrap();
    let mut nothing = Vec::new();
    silent.read_to_end(&mut nothing).await.unwrap();
    assert_eq!(nothing, b"");
    let key = SiteKey::generate().unwrap();
    unlock(&socket, &key.line().unwrap()).await.unwrap();
    assert!(!vault.is_locked());
}

// Proves that a socket is neither made nor used where others could put their own, that a living daemon's is not taken
// over, and that what a killed one left is.
#[tokio::test]
async fn places_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("unlock");
    let bound = |path: &Path| UnlockSocket::bind(path).map_err(|error| error.code());
    {
        let _living = UnlockSocket::bind(&socket).unwrap();
        assert_eq!(bound(&socket).err(), Some("unlock_socket_in_use"));
    }
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    drop(bound(&socket).unwrap());
    fs::write(&socket, "a file").unwrap();
    assert_eq!(bound(&socket).err(), Some("unlock_socket"));
    assert_eq!(fs::read_to_string(&socket).unwrap(), "a file");
    for mode in [0o720, 0o702, 0o1777] {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(bound(&folder.path().join("other")).err(), Some("unlock_folder"), "{mode:o}");
        assert_eq!(unlock(&socket, "x").await.err().map(|error| error.code()), Some("unlock_folder"));
    }
}
