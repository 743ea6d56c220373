//! The publisher that runs by itself: feeds in a folder become versions, fetched ones too, and a `kill -9` loses nothing.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use jiff::{SignedDuration, Timestamp};
use postern::clock::Clock;
use postern::config::ServerTls;
use postern::mind::{COLUMNS, versions};
use postern::sim::pki::TrainingPki;
use postern::sim::publisher::Publisher;
use postern::tls::{self, Speaks};
use postern_sdk::Environment;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::get;
use crate::world::{POSTERN, postern, told, until};

/// Rounds of changes that are each cut off by a kill.
const KILLS: u64 = 8;
/// Records of the first state: enough that building takes a moment.
const RECORDS: u64 = 20_000;

/// A publisher's folder with its keys, its configuration and its feeds.
struct Hub {
    folder: TempDir,
    now: Timestamp,
}

/// A running publisher, killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Hub {
    fn new(more: &str) -> Self {
        let hub = Self { folder: tempfile::tempdir().unwrap(), now: Clock::system().now() };
        Publisher::create(hub.folder.path(), Environment::Training, hub.now).unwrap();
        fs::create_dir(hub.path("feeds")).unwrap();
        let config = format!(
            r#"environment = "training"
copy = {{ folder = "mind", root_file = "root.json", signing_key_files = ["publisher.key"], site_key_file = "site.key" }}
feeds = {{ folder = "feeds", look_ms = 20, settle_ms = 60 }}
dataset.documents = {{ recipients = ["site.pub"], databases = {{ sltd = "full" }} }}
metrics.listen = "127.0.0.1:0"
log.format = "json"
{more}
"#
        );
        fs::write(hub.path("publish.toml"), config).unwrap();
        hub
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self) -> Running {
        let log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        let command = Command::new(POSTERN)
            .args(["mind", "publish", "--config"])
            .arg(self.path("publish.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Running(command.unwrap())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The time of a feed, so many minutes before now but later than that of all before it.
    fn time(&self, feed: u64) -> String {
        let time = self.now - SignedDuration::from_mins(600) + SignedDuration::from_mins(feed as i64);
        time.strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// Writes a feed under another name, and renames it when it is whole.
    fn bring(&self, name: &str, text: &str) {
        let hidden = self.path("feeds").join(format!(".{name}"));
        fs::write(&hidden, text).unwrap();
        fs::rename(hidden, self.path("feeds").join(name)).unwrap();
    }

    fn newest(&self) -> u64 {
        versions(&self.path("mind"), "documents").first().copied().unwrap_or(0)
    }

    fn until_version(&self, version: u64) {
        let waits = || fs::read_dir(self.path("feeds")).unwrap().any(|entry| is_feed(&entry.unwrap().path()));
        until(&format!("version {version}"), || (self.newest() >= version && !waits()).then_some(()));
        assert_eq!(self.newest(), version, "{}", self.log());
    }

    /// Whether SLTD has a record of a number.
    fn has(&self, number: u64) -> bool {
        let arguments: [PathBuf; 8] = [
            "mind".into(),
            "lookup".into(),
            self.path("mind"),
            format!("AB{number:06}").into(),
            "--root".into(),
            self.path("root.json"),
            "--site-key".into(),
            self.path("site.key"),
        ];
        let (code, out, err) = told(&postern(arguments));
        assert_eq!(code, Some(0), "{out}{err}");
        out.contains("\"hits\"")
    }

    fn console(&self) -> SocketAddr {
        until("the address of the figures", || {
            let log = self.log();
            let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut served = events.filter(|event| event["message"] == "The figures are served.");
            served.next_back()?["address"].as_str()?.parse().ok()
        })
    }

    fn persons(&self) -> u64 {
        versions(&self.path("mind"), "notices").first().copied().unwrap_or(0)
    }

    /// What the copy tells of a person of this name.
    fn person(&self, name: &str) -> String {
        let path = |name: &str| self.path(name).into_os_string();
        let words = ["mind", "lookup", "--kind", "person", "--name", name, "--birth", "1974-08-12"];
        let words = words.iter().map(|word| (*word).into());
        let place = [path("mind"), "--root".into(), path("root.json"), "--site-key".into(), path("site.key")];
        told(&postern(words.chain(place).collect::<Vec<std::ffi::OsString>>())).1
    }
}

/// Notices of so many persons, one behind the other.
fn notices(count: usize) -> String {
    let notice = |number| {
        let id = format!("2020-{number}");
        let link = format!("https://notices.example/notices/v1/red/{id}");
        json!({ "entity_id": id, "name": format!("KORVATZ{number}"), "forename": "LIMA",
                "date_of_birth": "1974/08/12", "_links": { "self": { "href": link } } })
    };
    (0..count).map(|number| notice(number).to_string() + "\n").collect()
}

fn is_feed(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    (name.ends_with(".csv") || name.ends_with(".json")) && !name.starts_with('.')
}

fn row(number: u64) -> String {
    format!("sltd,AB{number:06},UTO,P,STL,2026-01-02,UTO,,,id-{number}\n")
}

fn full(numbers: std::ops::Range<u64>) -> String {
    numbers.fold(COLUMNS.join(",") + "\n", |text, number| text + &row(number))
}

fn changes(lines: &[(&str, u64)]) -> String {
    let head = format!("change,{}\n", COLUMNS.join(","));
    lines.iter().fold(head, |text, (change, number)| text + change + "," + &row(*number))
}

// Proves with the built binary that feeds become versions which answer, that a faulty one goes to failed with a report
// without content while the state before stays, that the figures tell both, and that a second publisher is refused.
#[test]
fn feeds_become_versions_that_answer() {
    let hub = Hub::new("");
    let running = hub.start();
    hub.bring(&format!("documents.{}.csv", hub.time(1)), &full(0..50));
    hub.until_version(1);
    assert!(hub.has(7) && !hub.has(77));
    hub.bring(
        &format!("documents.changes.{}.csv", hub.time(2)),
        &changes(&[("upsert", 77), ("withdraw", 7)]),
    );
    hub.until_version(2);
    assert!(!hub.has(7) && hub.has(77));
    hub.bring(&format!("documents.differences.{}.csv", hub.time(3)), &full(0..60));
    hub.until_version(3);
    assert!(hub.has(7) && !hub.has(77));

    let faulty = format!("documents.differences.{}.csv", hub.time(4));
    hub.bring(
        &faulty,
        &full(0..60).replacen("AB000009", "SECRET-THAT-IS-MUCH-TOO-LONG-FOR-ANY-NUMBER-OF-A-DOCUMENT", 1),
    );
    let report =
        until("the report", || fs::read_to_string(hub.path(&format!("feeds/failed/{faulty}.report"))).ok());
    assert!(report.contains("code: rows\n") && report.contains("line 11, column number:"), "{report}");
    until("the faulty feed", || hub.path(&format!("feeds/failed/{faulty}")).exists().then_some(()));
    assert_eq!(hub.newest(), 3);
    assert!(hub.has(9));
    assert!(!report.contains("SECRET") && !hub.log().contains("SECRET"));

    let metrics = get(hub.console(), "/metrics").unwrap().text();
    for line in [
        "postern_feed_published_total{dataset=\"documents\"} 3",
        "postern_feed_refused_total{dataset=\"documents\",code=\"rows\"} 1",
        "postern_feed_as_of_seconds{dataset=\"documents\"} ",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let arguments = ["mind".into(), "publish".into(), "--config".into(), hub.path("publish.toml")];
    let (code, out, err) = told(&postern(arguments));
    assert!(code == Some(69) && err.contains("another publisher runs"), "{out}{err}");
    drop(running);
}

// Proves with the built binary that a feed of notices becomes a version in which persons are found, that a faulty one goes
// to failed by place and code without content while the version before stays, and that a later one replaces it.
#[test]
fn notices_become_versions_that_answer() {
    let hub = Hub::new("dataset.notices = { recipients = [\"site.pub\"] }");
    let running = hub.start();
    hub.bring(&format!("notices.{}.json", hub.time(1)), &notices(5));
    until("the persons", || (hub.persons() == 1).then_some(()));
    assert!(hub.person("KORVATZ4, LIMA").contains("2020/4"), "{}", hub.log());
    let faulty = format!("notices.{}.json", hub.time(2));
    hub.bring(&faulty, &notices(5).replace("1974/08/12", "SECRET"));
    let report =
        until("the report", || fs::read_to_string(hub.path(&format!("feeds/failed/{faulty}.report"))).ok());
    assert!(report.contains("code: notices_faulty\n"), "{report}");
    assert!(report.contains("notice 1, field date_of_birth: date\n"), "{report}");
    assert!(!report.contains("SECRET") && !report.contains("KORVATZ") && !hub.log().contains("KORVATZ"));
    hub.bring(&format!("notices.{}.json", hub.time(3)), &notices(6));
    until("the next version", || (hub.persons() == 2).then_some(()));
    assert!(hub.person("KORVATZ5, LIMA").contains("2020/5"), "{}", hub.log());
    drop(running);
}

// Proves that a publisher that is killed at whatever step of a feed applies each exactly once after the next start, in
// their order.
#[test]
fn kills_lose_nothing_and_repeat_nothing() {
    let hub = Hub::new("");
    hub.bring(&format!("documents.{}.csv", hub.time(0)), &full(0..RECORDS));
    let running = hub.start();
    hub.until_version(1);
    drop(running);
    let ledger = || -> Value {
        serde_json::from_slice(&fs::read(hub.path("publish.ledger.json")).unwrap()).unwrap_or_default()
    };
    for round in 1..=KILLS {
        let name = format!("documents.changes.{}.csv", hub.time(round));
        hub.bring(&name, &changes(&[("upsert", 900_000 + round), ("withdraw", round)]));
        let feed = hub.path("feeds").join(&name);
        let building = hub.path(&format!("mind/documents/.building-{:012}", round + 1));
        let running = hub.start();
        // Each round waits for another step; one that is over before it is seen counts as reached.
        until("a step", || {
            let over = hub.newest() > round;
            let reached = match round % 4 {
                0 => ledger()["begun"].is_object(),
                1 => building.join("table.bin").exists(),
                2 => over,
                _ => !feed.exists(),
            };
            (reached || over).then_some(())
        });
        drop(running);
        assert!(hub.newest() <= round + 1, "applied twice");
    }
    let running = hub.start();
    hub.until_version(KILLS + 1);
    drop(running);
    for round in 1..=KILLS {
        assert!(hub.has(900_000 + round) && !hub.has(round), "{round}");
    }
    assert!(hub.has(0));
    let applied = ledger()["datasets"]["documents"]["applied"].as_array().unwrap().len() as u64;
    assert_eq!(applied, KILLS + 1);
}

/// An HTTPS server of a feed that asks for a certificate, and does with each connection what it is told.
struct Server {
    listener: TcpListener,
    config: Arc<rustls::ServerConfig>,
}

impl Server {
    fn new(hub: &Hub) -> Self {
        let pki = TrainingPki::generate(&["localhost".to_owned()], "hub", hub.now).unwrap();
        let write = |name: &str, text: &str| {
            fs::write(hub.path(name), text).unwrap();
            fs::set_permissions(hub.path(name), fs::Permissions::from_mode(0o600)).unwrap();
            hub.path(name)
        };
        let ca_file = write("feeds-ca.pem", &pki.ca_pem);
        write("hub.pem", &pki.client.cert_pem);
        write("hub.key.pem", &pki.client.key_pem);
        let tls = ServerTls {
            cert_file: write("server.pem", &pki.server.cert_pem),
            key_file: write("server.key.pem", &pki.server.key_pem),
            client_ca_file: Some(ca_file),
        };
        let config = tls::server_config(&tls, Environment::Training, Speaks::Http).unwrap();
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap(), config }
    }

    fn source(&self) -> String {
        format!(
            "[source.bureau]\nurl = \"https://localhost:{}/documents.csv\"\ndataset = \"documents\"\n\
             rows = \"differences\"\nas_of_header = \"x-as-of\"\ninterval_s = 1\njitter_percent = 0\nretry_ms = 50\n\
             tls = {{ ca_file = \"feeds-ca.pem\", cert_file = \"hub.pem\", key_file = \"hub.key.pem\" }}\n",
            self.listener.local_addr().unwrap().port()
        )
    }

    /// Takes a request, gives its head in lower case, and sends this in answer before it breaks the connection.
    fn answer(&self, response: &[u8]) -> String {
        let (stream, _) = self.listener.accept().unwrap();
        let connection = rustls::ServerConnection::new(Arc::clone(&self.config)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        let (mut request, mut byte) = (Vec::new(), [0]);
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            request.extend_from_slice(&byte);
        }
        let leaf = &stream.conn.peer_certificates().unwrap()[0];
        assert_eq!(tls::client_name(leaf).as_deref(), Some("hub"));
        stream.write_all(response).unwrap();
        stream.flush().unwrap();
        String::from_utf8(request).unwrap().to_lowercase()
    }
}

// Proves with the built binary that a source is asked with our certificate, that a body which is cut half way is gone on
// with where it ended and becomes a version whole, and that an unchanged feed is not fetched again.
#[test]
fn a_cut_feed_is_gone_on_with() {
    let hub = Hub::new("");
    let server = Server::new(&hub);
    hub.bring(&format!("documents.{}.csv", hub.time(0)), &full(0..4_000));
    let before = hub.start();
    hub.until_version(1);
    drop(before);
    let config = fs::read_to_string(hub.path("publish.toml")).unwrap() + &server.source();
    fs::write(hub.path("publish.toml"), config).unwrap();

    let feed = full(0..5_000);
    let as_of = hub.now - SignedDuration::from_mins(30);
    let head = format!("etag: \"v2\"\r\nx-as-of: {as_of}\r\nconnection: close\r\n");
    let half = feed.len() / 2;
    let whole = format!("HTTP/1.1 200 OK\r\n{head}content-length: {}\r\n\r\n", feed.len());
    let rest = format!(
        "HTTP/1.1 206 Partial Content\r\n{head}content-range: bytes {half}-{}/{}\r\ncontent-length: {}\r\n\r\n",
        feed.len() - 1,
        feed.len(),
        feed.len() - half
    );
    let unchanged = format!("HTTP/1.1 304 Not Modified\r\n{head}\r\n");
    let running = hub.start();
    thread::scope(|scope| {
        let served = scope.spawn(|| {
            let first = server.answer(&[whole.as_bytes(), &feed.as_bytes()[..half]].concat());
            let second = server.answer(&[rest.as_bytes(), &feed.as_bytes()[half..]].concat());
            let third = server.answer(unchanged.as_bytes());
            [first, second, third]
        });
        let [first, second, third] = served.join().unwrap();
        assert!(
            first.starts_with("get /documents.csv http/1.1\r\n") && !first.contains("\r\nrange:"),
            "{first}"
        );
        assert!(second.contains(&format!("\r\nrange: bytes={half}-\r\n")), "{second}");
        assert!(second.contains("\r\nif-range: \"v2\"\r\n"), "{second}");
        assert!(third.contains("\r\nif-none-match: \"v2\"\r\n") && !third.contains("\r\nrange:"), "{third}");
    });
    hub.until_version(2);
    assert!(hub.has(4_999));
    let manifest = fs::read(hub.path("mind/documents/000000000002/manifest.json")).unwrap();
    let told: Timestamp =
        serde_json::from_slice::<Value>(&manifest).unwrap()["data_as_of"].as_str().unwrap().parse().unwrap();
    assert_eq!(told.as_second(), as_of.as_second());
    until("the figures", || {
        let metrics = get(hub.console(), "/metrics").unwrap().text();
        let line =
            |result: &str| format!("postern_feed_fetches_total{{source=\"bureau\",result=\"{result}\"}} 1");
        ["new", "unchanged", "cut"].iter().all(|result| metrics.contains(&line(result))).then_some(())
    });
    drop(running);
}
