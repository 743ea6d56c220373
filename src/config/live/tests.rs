//! Whether the stages find what is amiss on a machine.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jiff::Timestamp;
use postern_sdk::Environment;

use super::super::tests::{SOUND, loaded};
use super::{Finding, Mark, Probes, check};
use crate::clock::Clock;
use crate::grants;
use crate::keys::PrivateKey;
use crate::sim::publisher::Publisher;

const GRANTS: &str = r#"
format = 1
number = 1
environment = "training"
issuer = "NCB Utopia"
issued_at = "2026-11-01T00:00:00Z"
expires_at = "2027-11-01T00:00:00Z"
[[grant]]
client = "c"
databases = ["sltd"]
sites = "*"
purposes = "*"
"#;

fn clock() -> Clock {
    Clock::from_fn(|| "2026-11-24T10:00:00Z".parse::<Timestamp>().unwrap())
}

/// A folder with everything that the configuration needs.
fn machine(folder: &Path) {
    let key = PrivateKey::generate().unwrap();
    key.public().write(&folder.join("k")).unwrap();
    fs::write(folder.join("g"), grants::sign(GRANTS, &key).unwrap().0).unwrap();
    Publisher::create(folder, Environment::Training, clock().now()).unwrap();
    private(&folder.join("pw"), "hush\n");
}

fn private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The stages of a configuration by name, and the worst mark.
fn stages(folder: &Path, text: &str) -> (Vec<(String, Finding)>, Mark) {
    let config = loaded(folder, &text.replace(":4001", ":0")).unwrap();
    let probes = Probes {
        lanes: Box::new(|_| Finding::ok("1 lane")),
        key: Box::new(|_| Finding::ok("key 0")),
        copy: Box::new(|_| Finding::ok("1 dataset")),
        find: Box::new(|_| Finding::warn("no answer yet")),
    };
    let mut told = Vec::new();
    let mark =
        check(&config, &clock(), probes, &mut |name, found| told.push((name.to_owned(), found.clone())));
    (told, mark)
}

fn stage(told: &[(String, Finding)], name: &str) -> Finding {
    told.iter().find(|(stage, _)| stage == name).unwrap().1.clone()
}

// Proves that every stage is told in order where all is well, and that the worst mark is the result.
#[test]
fn all_is_well() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path());
    let (told, mark) = stages(folder.path(), SOUND);
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    let all = ["clock", "keys", "grants", "journal", "listeners", "lanes", "site key", "copy", "find"];
    assert_eq!(names, all);
    let amiss: Vec<_> = told.iter().filter(|(_, found)| found.mark != Mark::Ok).collect();
    assert_eq!(amiss.len(), 1, "{amiss:?}");
    assert_eq!(mark, Mark::Warn);
    assert!(!folder.path().join("journal").exists());
}

// Proves that missing secrets and grants fail their stages, and the other stages are told all the same.
#[test]
fn nothing_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (told, mark) = stages(folder.path(), SOUND);
    assert_eq!(mark, Mark::Fail);
    assert_eq!(stage(&told, "keys").mark, Mark::Fail);
    assert_eq!(stage(&told, "grants").mark, Mark::Fail);
    assert_eq!(stage(&told, "journal").mark, Mark::Ok);
}

// Proves that grants of another key or environment fail, and a client without a grant is a warning.
#[test]
fn grants_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path());
    let (told, _) = stages(folder.path(), &SOUND.replace("\"training\"", "\"production\""));
    assert_eq!(stage(&told, "grants").detail, "the document is for training");
    let (told, _) = stages(folder.path(), &SOUND.replace("client = \"c\"", "client = \"d\""));
    assert_eq!(stage(&told, "grants").mark, Mark::Warn);
    let (foreign, _) = grants::sign(GRANTS, &PrivateKey::generate().unwrap()).unwrap();
    fs::write(folder.path().join("g"), foreign).unwrap();
    let (told, _) = stages(folder.path(), SOUND);
    assert!(stage(&told, "grants").detail.contains("does not verify"));
}

// Proves that an address that is taken is told, with its lane.
#[test]
fn taken_addresses() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (told, _) = stages(folder.path(), &SOUND.replace("127.0.0.1:4001", &address));
    let found = stage(&told, "listeners");
    assert_eq!(found.mark, Mark::Warn);
    assert!(found.detail.starts_with("lane.gate: "), "{}", found.detail);
}

/// The sound lane as one over HTTPS whose clients show tokens.
fn https() -> String {
    SOUND
        .replace("\"tcp\"", "\"http\"")
        .replace("framing = \"line\"\n", "")
        .replace("client = \"c\"", "token_file = \"t\"\ntls = { cert_file = \"cert\", key_file = \"key\" }")
}

// Proves that a chain is read with its key, and that a key of another certificate fails.
#[test]
fn certificates() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path());
    let made = |name: &str| rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let (one, other) = (made("lane"), made("other"));
    fs::write(folder.path().join("cert"), one.cert.pem()).unwrap();
    private(&folder.path().join("key"), &one.signing_key.serialize_pem());
    let (told, _) = stages(folder.path(), &https());
    assert_eq!(stage(&told, "keys").mark, Mark::Ok, "{told:?}");
    private(&folder.path().join("key"), &other.signing_key.serialize_pem());
    let (told, _) = stages(folder.path(), &https());
    assert_eq!(stage(&told, "keys").mark, Mark::Fail);
}
