//! Where the site's key comes from.

use std::fs;
use std::path::Path;

use super::super::KeyFrom;
use super::{SOUND, loaded};

// Proves that the site's key is refused on the disk of the copy or the journal, whether it is there yet or not, that it
// is taken on another disk, and that there too it must be its owner's alone.
#[test]
fn the_key_is_on_another_disk() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, memory) =
        (tempfile::tempdir_in("/var/tmp").unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
    let told = |file: &Path| {
        let key = format!("source = \"file\", file = \"{}\"", file.display());
        let text = SOUND.replace("source = \"credential\"", &key);
        let problems = loaded(folder.path(), &text).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let (near, far) = (folder.path().join("site.key"), memory.path().join("site.key"));
    assert!(told(&near).contains("mind.key.file: the key is on the disk of"));
    assert_eq!(told(&far), "");
    for (mode, expected) in [(0o640, "others can read it"), (0o600, "")] {
        fs::write(&far, "key").unwrap();
        fs::set_permissions(&far, fs::Permissions::from_mode(mode)).unwrap();
        assert!(
            told(&far).contains(expected) && told(&far).is_empty() == expected.is_empty(),
            "{}",
            told(&far)
        );
    }
    std::os::unix::fs::symlink(&near, memory.path().join("link")).unwrap();
    fs::write(&near, "key").unwrap();
    fs::set_permissions(&near, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(told(&memory.path().join("link")).contains("mind.key.file: the key is on the disk of"));
}

// Proves what each source resolves to.
#[test]
fn key_sources_resolve() {
    let folder = tempfile::tempdir().unwrap();
    let resolved = |key: &str| {
        let config = loaded(folder.path(), &SOUND.replace("source = \"credential\"", key)).unwrap();
        config.mind.unwrap().key.from
    };
    assert!(
        matches!(resolved("source = 'credential'"), KeyFrom::Credential { name } if name == "postern-site-key")
    );
    let operator = resolved("source = 'operator', socket = 'run/unlock'");
    assert!(matches!(operator, KeyFrom::Operator { socket } if socket == folder.path().join("run/unlock")));
    let tls = "tls = { ca_file = 'c', cert_file = 'd', key_file = 'e' }";
    let KeyFrom::Server(server) =
        resolved(&format!("source = 'server', url = 'https://[::1]/sites/a', {tls}"))
    else {
        panic!("not a server")
    };
    assert_eq!((&*server.host, server.port, &*server.path), ("::1", 443, "/sites/a"));
    assert_eq!(server.tls.ca_file, folder.path().join("c"));
    assert_eq!((server.request_timeout.as_secs(), server.retry_max.as_secs()), (5, 60));
}
