//! Credentials and files, and the vault.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::super::*;
use crate::config::settings::{KeyFrom, MindKey};

/// A source whose copy lies in a folder.
pub(super) fn source(
    from: KeyFrom,
    allow_key_on_disk: bool,
    copy: &Path,
    credentials: Option<PathBuf>,
) -> KeySource {
    let settings = MindKey { from, allow_key_on_disk };
    KeySource::for_test(settings, vec![copy.join("copy"), copy.join("journal")], credentials)
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

async fn code(source: &KeySource) -> Option<&'static str> {
    source.load().await.err().map(|error| error.code())
}

// Proves that a key file is taken from another disk, refused where others can read it or on the copy's own disk, and
// taken there with a warning when that is allowed.
#[tokio::test]
async fn files() {
    let (disk, memory) =
        (tempfile::tempdir_in("/var/tmp").unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
    let key = SiteKey::generate().unwrap();
    let line = key.line().unwrap();
    let (near, far) = (disk.path().join("key"), memory.path().join("key"));
    write(&near, &line, 0o600);
    write(&far, &line, 0o400);
    let of =
        |path: &Path, allowed| source(KeyFrom::File { path: path.to_owned() }, allowed, disk.path(), None);
    assert_eq!(of(&far, false).load().await.unwrap().public(), key.public());
    assert!(!of(&far, true).is_on_disk());
    assert_eq!(code(&of(&near, false)).await, Some("key_on_disk"));
    assert_eq!(of(&near, true).load().await.unwrap().public(), key.public());
    assert!(of(&near, true).is_on_disk());
    for mode in [0o640, 0o604, 0o660] {
        write(&far, &line, 0o600);
        fs::set_permissions(&far, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(code(&of(&far, false)).await, Some("key_open_to_others"), "{mode:o}");
    }
    write(&far, "x25519-public:00", 0o600);
    let error = of(&far, false).load().await.unwrap_err();
    assert_eq!((error.code(), error.passes()), ("key_unreadable", false));
    assert_eq!(code(&of(&memory.path().join("none"), false)).await, Some("key_unreadable"));
}

// Proves that a credential is taken from systemd's folder as systemd makes it, that without credentials the remedy is
// named, and that a folder of the copy's own disk is no credential.
#[tokio::test]
async fn credentials() {
    let (disk, memory) =
        (tempfile::tempdir_in("/var/tmp").unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
    let key = SiteKey::generate().unwrap();
    let of = |folder: Option<&Path>| {
        let from = KeyFrom::Credential { name: "postern-site-key".to_owned() };
        source(from, false, disk.path(), folder.map(Path::to_owned))
    };
    let error = of(None).load().await.unwrap_err();
    assert_eq!(error.code(), "credentials_missing");
    assert!(error.to_string().contains("LoadCredentialEncrypted="), "{error}");
    assert_eq!(code(&of(Some(memory.path()))).await, Some("key_unreadable"));
    // The group's bits show the mask of the list by which the service's user has access.
    write(&memory.path().join("postern-site-key"), &key.line().unwrap(), 0o440);
    assert_eq!(of(Some(memory.path())).load().await.unwrap().public(), key.public());
    write(&disk.path().join("postern-site-key"), &key.line().unwrap(), 0o400);
    assert_eq!(code(&of(Some(disk.path()))).await, Some("key_on_disk"));
    fs::set_permissions(memory.path().join("postern-site-key"), fs::Permissions::from_mode(0o444)).unwrap();
    assert_eq!(code(&of(Some(memory.path()))).await, Some("key_open_to_others"));
}

// Proves that a vault tells of a key that comes, is replaced and is taken away.
#[tokio::test]
async fn the_vault_tells_changes() {
    let vault = Vault::locked();
    let mut changes = vault.changed();
    assert!(vault.is_locked() && vault.site_key().is_none() && !changes.has_changed().unwrap());
    for _ in 0..2 {
        let key = SiteKey::generate().unwrap();
        let id = key.public().id();
        vault.unlock(key);
        changes.changed().await.unwrap();
        assert_eq!(changes.borrow_and_update().as_ref().unwrap().public().id(), id);
        assert_eq!(vault.site_key().unwrap().public().id(), id);
    }
    vault.lock();
    changes.changed().await.unwrap();
    assert!(changes.borrow_and_update().is_none() && vault.is_locked());
}
