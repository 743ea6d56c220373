//! The site's key, by the built binary: locked starts, credentials, key servers, and what is refused.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use postern::config::file::ServerTls;
use postern::mind::keyring::SiteKey;
use postern::tls::{self, Speaks};
use postern_sdk::Environment;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::Value;

use crate::client::{self, document, get};
use crate::world::{Daemon, POSTERN, Setup, World, postern, told, until};

/// What the copy says of a stolen passport: its verdict, and the reason if it was not checked.
fn asked(world: &World, daemon: &Daemon) -> (String, String) {
    let stolen = world.stolen().next().unwrap();
    let question = document(&stolen.number, stolen.issuer.as_str(), "PAS");
    let answer = client::screen(daemon.lane("booths"), None, &question).unwrap().json();
    let outcome = &answer["outcomes"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&outcome["verdict"]), text(&outcome["databases"][0]["reason"]))
}

fn is_locked(daemon: &Daemon) -> bool {
    asked_status(daemon)["key"]["locked"] == true
}

fn asked_status(daemon: &Daemon) -> Value {
    get(daemon.console(), "/api/status").unwrap().json()
}

/// The key of the world, made anew in memory's own file system, which is not the copy's disk.
fn key_elsewhere(world: &World) -> (tempfile::TempDir, PathBuf, SiteKey) {
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let key = SiteKey::read(&world.path("site.key")).unwrap();
    let path = memory.path().join("postern-site-key");
    key.write(&path).unwrap();
    (memory, path, key)
}

/// `postern mind unlock` with this on its standard input.
fn unlock(arguments: &[&Path], input: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(POSTERN)
        .args(["mind", "unlock"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it reads, when there is no daemon.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    told(&child.wait_with_output().unwrap())
}

// Proves that a daemon whose key an operator gives starts locked, is not ready, answers `not checked (copy locked)` and
// never `no record`; that no key but a site's is taken; that the operator's key unlocks it, from the copy's hits on; that
// neither log nor console hold the key; and that a new start is locked again.
#[test]
fn an_operator_unlocks() {
    let world = World::new();
    let key = r#"source = "operator", socket = "run/unlock""#.to_owned();
    let setup = Setup { key, ..Setup::default() };
    let daemon = world.launch(Command::new(POSTERN), &setup);
    assert!(is_locked(&daemon));
    assert_eq!(asked(&world, &daemon), ("not_established".into(), "copy_locked".into()));
    let ready = get(daemon.console(), "/ready").unwrap();
    assert!(ready.status == 503 && ready.text().contains("the copy is locked"), "{}", ready.text());
    let metrics = |daemon: &Daemon| get(daemon.console(), "/metrics").unwrap().text();
    assert!(metrics(&daemon).contains("postern_copy_locked 1"));

    let config = world.path("postern.toml");
    let (code, _, err) = unlock(&[Path::new("--config"), &config], "x25519-private:77\n");
    assert!(code == Some(69) && err.contains("no_key"), "{err}");
    assert!(is_locked(&daemon));
    let line = fs::read_to_string(world.path("site.key")).unwrap();
    let (code, out, err) = unlock(&[Path::new("--config"), &config], &line);
    let id = SiteKey::parse(&line).unwrap().public().id();
    assert_eq!((code, &*out), (Some(0), &*format!("unlocked with key {id}\n")), "{err}");
    until("a hit", || (asked(&world, &daemon).0 == "hit").then_some(()));
    until("ready", || (get(daemon.console(), "/ready").ok()?.status == 200).then_some(()));
    until("the figure", || metrics(&daemon).contains("postern_copy_locked 0").then_some(()));
    let status = asked_status(&daemon);
    assert_eq!((&status["key"]["id"], &status["key"]["source"]), (&id.into(), &"operator".into()));
    let digits = line.trim().split(':').nth(1).unwrap();
    for (place, text) in
        [("log", daemon.log()), ("status", status.to_string()), ("metrics", metrics(&daemon))]
    {
        assert!(!text.contains(digits), "the key stands in the {place}");
    }
    daemon.kill();

    let again = world.launch(Command::new(POSTERN), &setup);
    assert!(is_locked(&again), "what a killed daemon left at the socket is replaced");
    let by_file =
        [Path::new("--socket"), &world.path("run/unlock"), Path::new("--key"), &world.path("site.key")];
    assert_eq!(unlock(&by_file, "").0, Some(0));
    until("a hit", || (asked(&world, &again).0 == "hit").then_some(()));
    again.stop();
    assert_eq!(unlock(&by_file, "").0, Some(69), "nobody listens any more");
}

// Proves that a key under a passphrase is made, that it is not in its file as it is, and that it unlocks a daemon with
// its passphrase alone.
#[test]
fn a_passphrase_unlocks() {
    let world = World::new();
    let (sealed, public, words) =
        (world.path("sealed.key"), world.path("sealed.pub"), "a long enough passphrase");
    let keygen = |typed: String| {
        let mut child = Command::new(POSTERN)
            .args(["mind", "keygen", "--site", "--passphrase", "--private"])
            .args([&sealed, Path::new("--public"), &public])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        told(&child.wait_with_output().unwrap())
    };
    assert_eq!(keygen("short\nshort\n".to_owned()).0, Some(64));
    assert_eq!(keygen(format!("{words}\nanother passphrase!\n")).0, Some(64));
    let (code, made, err) = keygen(format!("{words}\n{words}\n"));
    assert_eq!(code, Some(0), "{err}");
    assert!(fs::read_to_string(&sealed).unwrap().starts_with("x25519-sealed:"));
    assert_eq!(fs::metadata(&sealed).unwrap().permissions().mode() & 0o777, 0o600);
    let key = r#"source = "operator", socket = "run/unlock""#.to_owned();
    let daemon = world.launch(Command::new(POSTERN), &Setup { key, ..Setup::default() });
    let arguments = [Path::new("--socket"), &world.path("run/unlock"), Path::new("--key"), &sealed];
    let (code, _, err) = unlock(&arguments, "a wrong enough passphrase\n");
    assert!(code == Some(64) && err.contains("passphrase") && is_locked(&daemon), "{err}");
    let (code, out, err) = unlock(&arguments, &format!("{words}\n"));
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out.trim().rsplit(' ').next(), made.trim().rsplit(' ').next(), "the same key");
    assert!(!is_locked(&daemon));
}

// Proves that a site's private key can be made without ever being on a disk: it goes to standard output alone.
#[test]
fn a_key_goes_into_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let public = folder.path().join("site.pub");
    let words = ["mind", "keygen", "--site", "--private", "-", "--public"].map(Path::new);
    let made = postern(words.into_iter().chain([&*public]));
    let (code, out, err) = told(&made);
    assert_eq!(code, Some(0), "{err}");
    let key = SiteKey::parse(&out).unwrap();
    assert!(fs::read_to_string(&public).unwrap().starts_with("x25519-public:"));
    assert!(err.contains(&key.public().id()), "{err}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let (code, out, _) = told(&postern(words.into_iter().chain([&*public])));
    assert_eq!((code, &*out), (Some(64), ""), "no key for a public key that can't be written");
}

// Proves that a key file on the copy's disk is refused by `check` and at start with its line and remedy, also by way of a
// link; that it is taken when that is allowed, and then told by check, console and metrics; and that one which others can
// read is refused.
#[test]
fn a_key_on_the_disk_is_refused() {
    let world = World::new();
    let (memory, far, _) = key_elsewhere(&world);
    std::os::unix::fs::symlink(world.path("site.key"), memory.path().join("link")).unwrap();
    let file = |path: &Path| Setup { key: format!("source = \"file\", file = {path:?}"), ..Setup::default() };
    let both = |setup: &Setup| {
        let config = world.configure(setup);
        ["check", "run"].map(|command| told(&postern([Path::new(command), Path::new("--config"), &config])))
    };
    for near in [world.path("site.key"), memory.path().join("link")] {
        for (code, out, _) in both(&file(&near)) {
            assert_eq!(code, Some(78), "{out}");
            let told = out.lines().find(|line| line.contains("mind.key.file: the key is on the disk of"));
            assert!(
                told.is_some_and(|told| told.contains("postern.toml:13:") && told.contains("; remedy: ")),
                "{out}"
            );
        }
    }
    fs::set_permissions(&far, fs::Permissions::from_mode(0o644)).unwrap();
    for (code, out, _) in both(&file(&far)) {
        assert!(code == Some(78) && out.contains("chmod 0600"), "{out}");
    }
    fs::set_permissions(&far, fs::Permissions::from_mode(0o600)).unwrap();
    let daemon = world.start(&file(&far));
    assert_eq!(asked_status(&daemon)["key"]["on_disk"], false);
    assert_eq!(daemon.stop().code(), Some(0));

    let daemon = world.start(&Setup::default());
    assert_eq!(asked_status(&daemon)["key"]["on_disk"], true);
    assert!(get(daemon.console(), "/metrics").unwrap().text().contains("postern_copy_key_on_disk 1"));
    let live = [Path::new("check"), Path::new("--live"), Path::new("--config"), &world.path("postern.toml")];
    let (_, out, _) = told(&postern(live));
    assert!(out.contains("warn  site key   key on disk"), "{out}");
}

// Proves that a key is taken from systemd's folder of credentials, by the daemon and by `check --live`, and that without
// credentials neither goes on.
#[test]
fn a_credential_is_taken() {
    let world = World::new();
    let (memory, _, key) = key_elsewhere(&world);
    let setup = Setup { key: r#"source = "credential""#.to_owned(), ..Setup::default() };
    let config = world.configure(&setup);
    let live = |credentials: Option<&Path>| {
        let mut command = Command::new(POSTERN);
        command.args(["check", "--live", "--config"]).arg(&config).env_remove("CREDENTIALS_DIRECTORY");
        command.envs(credentials.map(|folder| ("CREDENTIALS_DIRECTORY", folder)));
        told(&command.output().unwrap())
    };
    let (code, out, _) = live(None);
    assert!(code == Some(69) && out.contains("fail  site key"), "{out}");
    let (code, _, err) = told(&postern([Path::new("run"), Path::new("--config"), &config]));
    assert!(code == Some(78) && err.contains("LoadCredentialEncrypted="), "{err}");
    let (_, out, _) = live(Some(memory.path()));
    assert!(out.contains(&format!("ok    site key   key {} from credential", key.public().id())), "{out}");
    let mut command = Command::new(POSTERN);
    command.env("CREDENTIALS_DIRECTORY", memory.path());
    let daemon = world.start_as(command, &setup);
    let status = asked_status(&daemon);
    assert_eq!(status["key"]["id"], key.public().id());
    assert_eq!((&status["key"]["locked"], &status["key"]["on_disk"]), (&false.into(), &false.into()));
    assert_eq!(asked(&world, &daemon).0, "hit");
}

/// An authority with a server's and a client's certificate, as files.
struct Pki(PathBuf);

impl Pki {
    fn new(folder: &Path) -> Self {
        let pki = Self(folder.to_owned());
        let authority_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "keys authority");
        pki.write("keys-ca.pem", &params.self_signed(&authority_key).unwrap().pem());
        let issuer = Issuer::new(params, authority_key);
        for name in ["server", "airport"] {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            pki.write(&format!("{name}.pem"), &params.signed_by(&key, &issuer).unwrap().pem());
            pki.write(&format!("{name}.key"), &key.serialize_pem());
        }
        pki
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
        fs::set_permissions(self.0.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Answers requests at a listener, each by the next of these responses, and gives the last one's client.
    fn serve(&self, listener: &TcpListener, responses: &[String]) {
        let tls = ServerTls {
            cert_file: self.0.join("server.pem"),
            key_file: self.0.join("server.key"),
            client_ca_file: Some(self.0.join("keys-ca.pem")),
        };
        let config = tls::server_config(&tls, Environment::Training, Speaks::Http).unwrap();
        for response in responses {
            let (stream, _) = listener.accept().unwrap();
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let (mut request, mut byte) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).unwrap();
                request.extend_from_slice(&byte);
            }
            assert!(request.starts_with(b"GET /sites/airport "), "{}", String::from_utf8_lossy(&request));
            let leaf = &stream.conn.peer_certificates().unwrap()[0];
            assert_eq!(tls::client_name(leaf).as_deref(), Some("airport"));
            stream.write_all(response.as_bytes()).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        }
    }
}

// Proves that a daemon whose key server fails starts locked and asks again, that the key which the server gives over
// mutual TLS unlocks it, and that with the server gone `check --live` says so.
#[test]
fn a_key_server_unlocks() {
    let world = World::new();
    let pki = Pki::new(&world.path(""));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let tls = r#"{ ca_file = "keys-ca.pem", cert_file = "airport.pem", key_file = "airport.key" }"#;
    let url = format!("https://localhost:{}/sites/airport", address.port());
    let key = format!("source = \"server\", url = \"{url}\", tls = {tls}, retry_s_max = 1");
    let line = fs::read_to_string(world.path("site.key")).unwrap();
    let response = |status: u16, body: &str| {
        format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    let serve = |responses: &[String]| pki.serve(&listener, responses);
    let setup = Setup { key, ..Setup::default() };
    let daemon = std::thread::scope(|scope| {
        let failing = scope.spawn(|| serve(&[response(503, ""), response(200, "no key")]));
        let daemon = world.launch(Command::new(POSTERN), &setup);
        assert!(is_locked(&daemon));
        assert_eq!(asked(&world, &daemon), ("not_established".into(), "copy_locked".into()));
        failing.join().unwrap();
        assert!(is_locked(&daemon));
        scope.spawn(|| serve(&[response(200, &line)])).join().unwrap();
        daemon
    });
    until("the key", || (!is_locked(&daemon)).then_some(()));
    until("a hit", || (asked(&world, &daemon).0 == "hit").then_some(()));
    assert!(get(daemon.console(), "/metrics").unwrap().text().contains("postern_copy_key_failures_total 1"));
    assert!(!daemon.log().contains(line.trim().split(':').nth(1).unwrap()));
    drop(listener);
    let live = [Path::new("check"), Path::new("--live"), Path::new("--config"), &world.path("postern.toml")];
    let (_, out, _) = told(&postern(live));
    assert!(out.contains("fail  site key   the key server does not answer"), "{out}");
}

// Proves by what the kernel says of a running daemon that it writes no core dump, and that no key stands in its arguments
// or environment.
#[test]
fn memory_stays_private() {
    let world = World::new();
    let daemon = world.start(&Setup::default());
    let of = |name: &str| fs::read(format!("/proc/{}/{name}", daemon.pid())).unwrap();
    let limits = String::from_utf8(of("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    let line = fs::read_to_string(world.path("site.key")).unwrap();
    let digits = line.trim().split(':').nth(1).unwrap();
    for name in ["cmdline", "environ"] {
        assert!(!String::from_utf8_lossy(&of(name)).contains(digits), "the key stands in {name}");
    }
}
