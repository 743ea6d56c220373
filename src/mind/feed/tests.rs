//! Whether feeds become versions, once each, whatever happens in between.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use postern_sdk::{Database, Environment};

use super::settings::{CopySettings, DatasetSettings, FeedSettings, FolderSettings, SignalledBy};
use super::{Pass, Watcher};
use crate::clock::Clock;
use crate::mind::{COLUMNS, Coverage, Dataset, versions};
use crate::sim::publisher::Publisher;

const SETTLE: Duration = Duration::from_secs(2);

/// A publisher's folder with its keys, and a clock that the test sets.
pub(super) struct Hub {
    folder: tempfile::TempDir,
    pub(super) now: Timestamp,
    /// Runs ahead by what feeds must settle with each pass.
    pub(super) instant: Instant,
}

impl Hub {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-03-10T00:00:00Z".parse().unwrap();
        Publisher::create(folder.path(), Environment::Training, now).unwrap();
        Self { folder, now, instant: Instant::now() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn settings(&self) -> FeedSettings {
        let coverage = [(Database::Sltd, Coverage::Full)].into();
        let dataset = DatasetSettings { recipients: vec![self.path("site.pub")], coverage, expires_days: 30 };
        FeedSettings {
            environment: Environment::Training,
            folder: FolderSettings {
                path: self.path("feeds"),
                complete: SignalledBy::Rename,
                settle: SETTLE,
                file_bytes_max: 1 << 20,
                files_max: 10,
                keep_done: 10,
                keep_failed: 20,
                shrink_percent_max: 50,
            },
            copy: CopySettings {
                folder: self.path("mind"),
                root_file: self.path("root.json"),
                signing_key_files: vec![self.path("publisher.key")],
                site_key_file: self.path("site.key"),
                ledger_file: self.path("ledger.json"),
                keep_states: 8,
                keep_bases: 2,
            },
            datasets: [(Dataset::Documents, dataset)].into(),
        }
    }

    fn watcher(&self) -> Watcher {
        self.watcher_of(self.settings())
    }

    pub(super) fn watcher_of(&self, settings: FeedSettings) -> Watcher {
        let now = self.now;
        Watcher::open(settings, Clock::from_fn(move || now)).unwrap()
    }

    /// Two looks, between which everything settles; what both came to.
    pub(super) fn look(&mut self, watcher: &mut Watcher) -> Pass {
        let first = watcher.pass(self.instant);
        self.instant += SETTLE;
        let second = watcher.pass(self.instant);
        // What rests after trouble has rested by the next look.
        self.instant += Duration::from_secs(3_600);
        Pass {
            published: first.published + second.published,
            refused: first.refused + second.refused,
            known: first.known + second.known,
        }
    }

    pub(super) fn bring(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path("feeds")).unwrap();
        fs::write(self.path("feeds").join(name), text).unwrap();
    }

    fn versions(&self) -> Vec<u64> {
        versions(&self.path("mind"), "documents")
    }

    pub(super) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap().map(|entry| entry.unwrap());
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        let mut names: Vec<String> = files.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

pub(super) const PUBLISHED: Pass = Pass { published: 1, refused: 0, known: 0 };
pub(super) const REFUSED: Pass = Pass { published: 0, refused: 1, known: 0 };
pub(super) const KNOWN: Pass = Pass { published: 0, refused: 0, known: 1 };
pub(super) const NOTHING: Pass = Pass { published: 0, refused: 0, known: 0 };

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

// Proves that a feed is taken only when it has settled, becomes a version, and is moved to done with its sidecar; that
// changes and differences become the next ones; and that what is no feed is left alone.
#[test]
fn feeds_become_versions() {
    let mut hub = Hub::new();
    let mut watcher = hub.watcher();
    hub.bring("documents.a.csv", &full(0..20));
    hub.bring("documents.a.csv.meta", r#"{"as_of": "2026-03-01T00:00:00Z", "expires_days": 60}"#);
    hub.bring("documents.b.csv.part", "half");
    hub.bring(".documents.c.csv", "hidden");
    assert_eq!(watcher.pass(hub.instant), NOTHING, "it has not settled");
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    hub.bring("documents.changes.20260302T000000Z.csv", &changes(&[("upsert", 30), ("withdraw", 1)]));
    hub.bring("documents.differences.20260303T000000Z.csv", &full(0..25));
    let manifest = |hub: &Hub, version: &str| -> serde_json::Value {
        serde_json::from_str(&hub.read(&format!("mind/documents/{version}/manifest.json"))).unwrap()
    };
    assert_eq!(manifest(&hub, "000000000001")["expires"], "2026-04-30T00:00:00Z");
    assert_eq!(hub.look(&mut watcher).published, 2);
    assert_eq!(hub.versions(), [3, 2], "a snapshot without its base is of no use");
    let done = [
        "000000000001-documents.a.csv",
        "000000000001-documents.a.csv.meta",
        "000000000002-documents.changes.20260302T000000Z.csv",
        "000000000003-documents.differences.20260303T000000Z.csv",
    ];
    assert_eq!(hub.names("feeds/done"), done);
    assert_eq!(hub.names("feeds"), [".documents.c.csv", "documents.b.csv.part"]);
    assert_eq!(manifest(&hub, "000000000002")["records"], 20);
    assert_eq!(manifest(&hub, "000000000003")["records"], 25);
}

// Proves that the same feed under another name makes no second version, and that the same records of a later time do.
#[test]
fn content_tells_a_feed() {
    let mut hub = Hub::new();
    let mut watcher = hub.watcher();
    let time = "20260301T000000Z";
    hub.bring(&format!("documents.a.{time}.csv"), &full(0..5));
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    hub.bring(&format!("documents.b.{time}.csv"), &full(0..5));
    assert_eq!(hub.look(&mut watcher), KNOWN);
    let change = changes(&[("upsert", 9)]);
    hub.bring("documents.changes.20260301T000001Z.csv", &change);
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    drop(watcher);
    let mut watcher = hub.watcher();
    hub.bring("documents.changes.again.20260301T000001Z.csv", &change);
    assert_eq!(hub.look(&mut watcher), KNOWN);
    hub.bring("documents.differences.20260302T000000Z.csv", &full(0..5));
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    assert_eq!(hub.versions(), [3, 2]);
}

// Proves that faults put a feed aside with a report that names lines and codes and never content, that the state stays,
// and that each fault has its code.
#[test]
fn faulty_feeds() {
    let mut hub = Hub::new();
    let mut watcher = hub.watcher();
    let report = |hub: &Hub, name: &str| hub.read(&format!("feeds/failed/{name}.report"));
    hub.bring("documents.differences.20260301T000000Z.csv", &full(0..5));
    assert_eq!(hub.look(&mut watcher), REFUSED);
    assert!(report(&hub, "documents.differences.20260301T000000Z.csv").contains("code: no_state\n"));
    hub.bring("documents.20260303T000000Z.csv", &full(0..20));
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    let sha = |digest: &str| format!(r#"{{"as_of": "2026-03-04T00:00:00Z", "sha256": "{digest}"}}"#);
    let wrong = sha(&"0".repeat(64));
    let secret = full(0..20)
        .replacen("AB000003", "SECRET-THAT-IS-MUCH-TOO-LONG-FOR-ANY-NUMBER-OF-A-DOCUMENT", 1)
        .replacen("2026-01-02", "2026-99-02", 1);
    for (name, text, meta, code) in [
        ("documents.rows.20260304T000000Z.csv", &*secret, None, "rows"),
        ("documents.time.csv", "", None, "no_time"),
        ("documents.meta.csv", "", Some("{"), "meta"),
        ("documents.more.csv", "", Some(r#"{"asof": 1}"#), "meta"),
        ("documents.sha.csv", "", Some(&*wrong), "digest"),
        ("documents.old.20260302T000000Z.csv", &*full(0..20), None, "older"),
        ("documents.cut.20260304T000000Z.csv", &*full(0..9), None, "shrunk"),
        ("documents.none.20260304T000000Z.csv", "", None, "shrunk"),
        ("persons.20260304T000000Z.csv", "", None, "name"),
        ("vehicles.20260304T000000Z.csv", "", None, "dataset"),
        ("notices.20260304T000000Z.json", "[]", None, "dataset"),
        ("notices.20260304T000000Z.csv", "", None, "name"),
        ("documents.big.20260304T000000Z.csv", &*" ".repeat(2 << 20), None, "too_large"),
    ] {
        hub.bring(name, text);
        meta.iter().for_each(|meta| hub.bring(&format!("{name}.meta"), meta));
        assert_eq!(hub.look(&mut watcher), REFUSED, "{name}");
        let report = report(&hub, name);
        assert!(report.contains(&format!("feed: {name}\ncode: {code}\n")), "{report}");
    }
    let rows = report(&hub, "documents.rows.20260304T000000Z.csv");
    assert!(rows.contains("line 2, column theft_date:") && rows.contains("line 5, column number:"), "{rows}");
    assert!(!rows.contains("SECRET") && !rows.contains("2026-99"), "{rows}");
    assert_eq!(hub.versions(), [1]);
    assert_eq!(hub.names("feeds"), Vec::<String>::new());
    assert_eq!(fs::read_dir(hub.path("mind/keys")).unwrap().count(), 1, "keys of what was refused are gone");
}

// Proves that after changes that were refused later ones wait, until the mended ones or a full feed come, and that what a
// full feed holds already is put aside.
#[test]
fn no_change_is_left_out() {
    let mut hub = Hub::new();
    let mut watcher = hub.watcher();
    hub.bring("documents.20260301T000000Z.csv", &full(0..20));
    hub.bring("documents.changes.20260302T000000Z.csv", "not changes\n");
    hub.bring("documents.changes.20260303T000000Z.csv", &changes(&[("upsert", 33)]));
    assert_eq!(hub.look(&mut watcher), Pass { published: 1, refused: 1, known: 0 });
    drop(watcher);
    let mut watcher = hub.watcher();
    assert_eq!((hub.look(&mut watcher), hub.names("feeds").len()), (NOTHING, 1));
    hub.bring("documents.changes.20260302T000000Z.csv", &changes(&[("upsert", 32)]));
    assert_eq!(hub.look(&mut watcher).published, 2);
    assert_eq!(hub.versions(), [3, 2]);

    hub.bring("documents.changes.20260304T000000Z.csv", "not changes\n");
    assert_eq!(hub.look(&mut watcher), REFUSED);
    hub.bring("documents.changes.20260305T000000Z.csv", &changes(&[("upsert", 35)]));
    hub.bring("documents.changes.20260307T000000Z.csv", &changes(&[("upsert", 37)]));
    hub.bring("documents.differences.20260306T000000Z.csv", &full(0..20));
    assert_eq!(hub.look(&mut watcher), Pass { published: 2, refused: 0, known: 0 });
    assert_eq!(hub.look(&mut watcher), KNOWN);
    assert!(hub.names("feeds/done").contains(&"overtaken-documents.changes.20260305T000000Z.csv".to_owned()));
    assert_eq!(hub.versions()[0], 5);
}

// Proves that a crash at each step of a feed repeats or finishes it: after every step that the ledger or the disk can
// show, a new watcher comes to one version and the feed in done.
#[test]
fn crashes() {
    let mut hub = Hub::new();
    let (feed, change) = ("documents.20260301T000000Z.csv", "documents.changes.20260302T000000Z.csv");
    hub.bring(feed, &full(0..20));
    let mut watcher = hub.watcher();
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    let before = hub.read("ledger.json");
    hub.bring(change, &changes(&[("upsert", 21)]));
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    drop(watcher);
    let after: serde_json::Value = serde_json::from_str(&hub.read("ledger.json")).unwrap();
    let applied = &after["datasets"]["documents"]["applied"][1];
    let manifest: serde_json::Value =
        serde_json::from_str(&hub.read("mind/documents/000000000002/manifest.json")).unwrap();
    let done = format!("feeds/done/000000000002-{change}");

    // As it stood when the feed was begun, with the state there or not, and the feed still in the folder.
    let back = |hub: &Hub| fs::rename(hub.path(&done), hub.path("feeds").join(change)).unwrap();
    let begun = |hub: &Hub, created: &serde_json::Value, end: Option<&str>| {
        use std::os::unix::fs::MetadataExt as _;
        let file =
            fs::metadata(hub.path("feeds").join(change)).or_else(|_| fs::metadata(hub.path(&done))).unwrap();
        let mut ledger: serde_json::Value = serde_json::from_str(&before).unwrap();
        ledger["begun"] = serde_json::json!({
            "file": change,
            "mark": { "inode": file.ino(), "bytes": file.len(), "modified_s": file.mtime(), "modified_ns": file.mtime_nsec() },
            "building": { "dataset": "documents", "identity": applied["identity"], "version": 2, "created": created,
                          "as_of": "2026-03-02T00:00:00Z", "full": false },
            "end": null,
        });
        if let Some(prefix) = end {
            ledger["datasets"] = after["datasets"].clone();
            ledger["begun"]["building"] = serde_json::Value::Null;
            ledger["begun"]["end"] = serde_json::json!({ "done": prefix });
        }
        fs::write(hub.path("ledger.json"), ledger.to_string()).unwrap();
    };
    let ends_well = |hub: &mut Hub, expected: Pass| {
        let mut watcher = hub.watcher();
        assert_eq!(hub.look(&mut watcher), expected);
        assert_eq!(hub.versions(), [2, 1]);
        assert!(hub.path(&done).exists() && hub.names("feeds").is_empty());
        let ledger: serde_json::Value = serde_json::from_str(&hub.read("ledger.json")).unwrap();
        assert_eq!(ledger["datasets"]["documents"]["applied"], after["datasets"]["documents"]["applied"]);
        assert!(ledger["begun"].is_null());
    };

    // The state is visible, nothing else: it is finished, not repeated.
    back(&hub);
    begun(&hub, &manifest["created"], None);
    ends_well(&mut hub, NOTHING);
    // It was applied, and not yet moved; or moved, and not yet forgotten.
    back(&hub);
    begun(&hub, &manifest["created"], Some("000000000002-"));
    ends_well(&mut hub, NOTHING);
    begun(&hub, &manifest["created"], Some("000000000002-"));
    ends_well(&mut hub, NOTHING);
    // It was begun, and the state is not there: it is repeated.
    back(&hub);
    begun(&hub, &manifest["created"], None);
    fs::remove_dir_all(hub.path("mind/documents/000000000002")).unwrap();
    ends_well(&mut hub, PUBLISHED);
}

// Proves that a version which somebody else made in the meantime is not taken for the feed that was begun.
#[test]
fn another_version_is_not_ours() {
    let mut hub = Hub::new();
    let feed = "documents.20260301T000000Z.csv";
    hub.bring(feed, &full(0..20));
    let mut watcher = hub.watcher();
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    drop(watcher);
    let change = "documents.changes.20260302T000000Z.csv";
    hub.bring(change, &changes(&[("upsert", 21)]));
    let mut ledger: serde_json::Value = serde_json::from_str(&hub.read("ledger.json")).unwrap();
    ledger["begun"] = serde_json::json!({
        "file": change,
        "mark": { "inode": 1, "bytes": 1, "modified_s": 1, "modified_ns": 1 },
        "building": { "dataset": "documents", "identity": "x", "version": 1, "created": "2026-03-09T00:00:00Z",
                      "as_of": "2026-03-02T00:00:00Z", "full": false },
        "end": null,
    });
    fs::write(hub.path("ledger.json"), ledger.to_string()).unwrap();
    let mut watcher = hub.watcher();
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    assert_eq!(hub.versions(), [2, 1]);
}

// Proves that a feed that is put under the name of one that was being moved when a crash came is not moved unread.
#[test]
fn a_later_feed_is_not_moved_unread() {
    let mut hub = Hub::new();
    let name = "documents.20260301T000000Z.csv";
    hub.bring(name, &full(0..20));
    let ledger = serde_json::json!({
        "format": 1, "datasets": {},
        "begun": { "file": name, "mark": { "inode": 1, "bytes": 1, "modified_s": 1, "modified_ns": 1 },
                   "building": null, "end": { "failed": "code: rows\n" } },
    });
    fs::write(hub.path("ledger.json"), ledger.to_string()).unwrap();
    let mut watcher = hub.watcher();
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    assert!(hub.path(&format!("feeds/failed/{name}.report")).exists());
}

// Proves that with markers a feed is taken when its marker is there and not before, and the marker goes with it.
#[test]
fn markers() {
    let mut hub = Hub::new();
    let mut settings = hub.settings();
    settings.folder.complete = SignalledBy::Marker;
    let mut watcher = hub.watcher_of(settings);
    hub.bring("documents.20260301T000000Z.csv", &full(0..20));
    assert_eq!(hub.look(&mut watcher), NOTHING);
    hub.bring("documents.20260301T000000Z.csv.done", "");
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    assert_eq!(hub.names("feeds"), Vec::<String>::new());
}

// Proves that trouble that is not the feed's leaves it, and that it is built when the trouble has passed.
#[test]
fn trouble_passes() {
    let mut hub = Hub::new();
    let mut watcher = hub.watcher();
    hub.bring("documents.20260301T000000Z.csv", &full(0..20));
    fs::rename(hub.path("publisher.key"), hub.path("away")).unwrap();
    assert_eq!(hub.look(&mut watcher), NOTHING);
    assert_eq!(hub.names("feeds").len(), 1);
    fs::rename(hub.path("away"), hub.path("publisher.key")).unwrap();
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    hub.bring("documents.changes.20260302T000000Z.csv", &changes(&[("upsert", 21)]));
    fs::rename(hub.path("site.key"), hub.path("away")).unwrap();
    assert_eq!(hub.look(&mut watcher), NOTHING);
    fs::rename(hub.path("away"), hub.path("site.key")).unwrap();
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    for n in 0..11 {
        hub.bring(&format!("documents.changes.{n}.20260303T000000Z.csv"), &changes(&[("upsert", 30 + n)]));
    }
    assert_eq!(hub.look(&mut watcher), NOTHING, "more wait than are allowed");
    assert_eq!(hub.names("feeds").len(), 11);
}

// Proves that a feed whose time is a little ahead of our clock waits, and one that is far ahead is refused.
#[test]
fn feeds_of_the_future() {
    let mut hub = Hub::new();
    let mut watcher = hub.watcher();
    hub.bring("documents.20260310T000500Z.csv", &full(0..20));
    assert_eq!(hub.look(&mut watcher), NOTHING);
    drop(watcher);
    hub.now += SignedDuration::from_mins(6);
    let mut watcher = hub.watcher();
    hub.bring("documents.20260311T000000Z.csv", &full(0..20));
    assert_eq!(hub.look(&mut watcher), Pass { published: 1, refused: 1, known: 0 });
}

// Proves that two publishers do not share a ledger, and that one that can't be read is not taken for an empty one.
#[test]
fn ledgers() {
    let hub = Hub::new();
    let watcher = hub.watcher();
    let again = || Watcher::open(hub.settings(), Clock::system());
    assert!(again().unwrap_err().to_string().contains("another publisher"));
    drop(watcher);
    for text in ["", "{", r#"{"format": 2, "begun": null, "datasets": {}}"#] {
        fs::write(hub.path("ledger.json"), text).unwrap();
        assert!(again().is_err(), "{text}");
    }
}

// Proves that old states lose their base and then go, that the newest keep theirs, and that feeds put aside are bounded.
#[test]
fn old_things_go() {
    let mut hub = Hub::new();
    let mut settings = hub.settings();
    settings.folder.keep_done = 3;
    settings.copy.keep_states = 4;
    let mut watcher = hub.watcher_of(settings);
    hub.bring("documents.20260301T000000Z.csv", &full(0..20));
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    for n in 0..6 {
        hub.bring(
            &format!("documents.changes.2026030{}T000000Z.csv", n + 2),
            &changes(&[("upsert", 30 + n)]),
        );
        assert_eq!(hub.look(&mut watcher), PUBLISHED);
    }
    assert_eq!(hub.versions(), [7, 6, 5, 4]);
    let base =
        |version: u64| Path::new(&hub.path(&format!("mind/documents/{version:012}/table.bin"))).exists();
    assert_eq!([7, 6, 5, 4].map(base), [true, true, false, false]);
    assert_eq!(hub.names("feeds/done").len(), 3);
}
