//! Whether feeds of public notices become versions of their dataset, by the rules of all others.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use postern_sdk::{Database, Name, PersonKey, QueryKey, Sex};
use serde_json::{Value, json};

use super::Watcher;
use super::settings::DatasetSettings;
use super::tests::{Hub, KNOWN, NOTHING, PUBLISHED, REFUSED};
use crate::mind::keyring::{SiteKey, Vault};
use crate::mind::trust::Chain;
use crate::mind::{Coverage, Dataset, Opening, PersonsCopy, open_generation, versions};

const FIRST: &str = "notices.20260301T000000Z.json";

fn notice(number: usize, birth: &str) -> Value {
    let href = format!("https://notices.example/notices/v1/red/2020-{number}");
    json!({ "entity_id": format!("2020/{number}"), "name": format!("KORVATZ{number}"), "forename": "LIMA",
            "date_of_birth": birth, "_links": { "self": { "href": href } } })
}

fn notices(count: usize) -> String {
    (0..count).map(|number| notice(number, "1974/08/12").to_string() + "\n").collect()
}

impl Hub {
    fn persons_watcher(&self) -> Watcher {
        let mut settings = self.settings();
        let coverage = [(Database::PublicNotices, Coverage::Partial)].into();
        let notices = DatasetSettings { recipients: vec![self.path("site.pub")], coverage, expires_days: 30 };
        settings.datasets.insert(Dataset::Notices, notices);
        self.watcher_of(settings)
    }

    fn persons_versions(&self) -> Vec<u64> {
        versions(&self.path("mind"), "notices")
    }

    fn persons_manifest(&self, version: u64) -> Value {
        let path = format!("mind/notices/{version:012}/manifest.json");
        serde_json::from_str(&self.read(&path)).unwrap()
    }

    fn ledger(&self) -> Value {
        serde_json::from_str(&self.read("ledger.json")).unwrap()
    }

    fn report(&self, name: &str) -> String {
        self.read(&format!("feeds/failed/{name}.report"))
    }

    /// Whether a site that the version is for opens it and finds a person in it.
    fn finds(&self, version: u64, number: usize) -> bool {
        let folder = self.path("mind");
        let vault = Vault::holding(SiteKey::read(&self.path("site.key")).unwrap());
        let chain = Chain::walk(&self.path("root.json"), &folder.join("trust")).unwrap().chain;
        let opening = Opening {
            folder: &folder,
            dataset: Dataset::Notices,
            root: chain.root(),
            environment: chain.root().environment,
            generation: &|name| open_generation(&folder, &vault, "notices", name),
        };
        let copy = PersonsCopy::open(&opening, version).unwrap();
        copy.self_test().unwrap();
        let name = Name {
            primary: format!("KORVATZ{number}").into(),
            secondary: Some("LIMA".into()),
            truncated: false,
        };
        let birth = "1974-08-12".parse().ok();
        let key = PersonKey { name, birth, sex: Sex::Unspecified, nationality: None, document: None };
        let query = postern_sdk::Query { key: QueryKey::Person(key), basis: postern_sdk::Basis::Stated };
        let answers = copy.answer(&query, &[Database::PublicNotices], 1, self.now);
        answers[0].finding.hits().iter().any(|hit| hit.record == format!("2020/{number}"))
    }
}

// Proves that a feed of notices becomes a version that a site opens and finds persons in, with the time and expiry that
// name, settings and sidecar say; that a later feed replaces it in a generation of its own; and that older versions go.
#[test]
fn notices_become_versions() {
    let mut hub = Hub::new();
    let mut watcher = hub.persons_watcher();
    hub.bring(FIRST, &notices(6));
    assert_eq!(watcher.pass(hub.instant), NOTHING, "it has not settled");
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    let first = hub.persons_manifest(1);
    assert_eq!((&first["records"], &first["data_as_of"]), (&6.into(), &"2026-03-01T00:00:00Z".into()));
    assert_eq!(first["expires"], "2026-03-31T00:00:00Z");
    assert_eq!(first["databases"]["public_notices"]["coverage"], "partial");
    assert!(hub.finds(1, 5));

    hub.bring(
        "notices.all.json",
        &json!((2..8).map(|n| notice(n, "1974/08/12")).collect::<Vec<_>>()).to_string(),
    );
    hub.bring("notices.all.json.meta", r#"{"as_of": "2026-03-02T00:00:00Z", "expires_days": 60}"#);
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    let second = hub.persons_manifest(2);
    assert_eq!(second["expires"], "2026-05-01T00:00:00Z");
    assert_ne!(second["generation"], first["generation"]);
    assert!(hub.finds(2, 7) && !hub.finds(2, 0));
    let done = [
        "000000000001-notices.20260301T000000Z.json",
        "000000000002-notices.all.json",
        "000000000002-notices.all.json.meta",
    ];
    assert_eq!((hub.names("feeds/done"), hub.names("feeds").len()), (done.map(String::from).to_vec(), 0));

    hub.bring("notices.20260303T000000Z.json", &notices(6));
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    assert_eq!(hub.persons_versions(), [3, 2], "as many as are kept with their base");
    let keys = fs::read_dir(hub.path("mind/keys")).unwrap().count();
    assert_eq!(keys, 2, "the key of a version goes with it");
}

// Proves that the same notices of the same time make no second version, also after a restart, and of a later time do.
#[test]
fn known_notices() {
    let mut hub = Hub::new();
    let mut watcher = hub.persons_watcher();
    hub.bring(FIRST, &notices(3));
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    drop(watcher);
    let mut watcher = hub.persons_watcher();
    hub.bring("notices.again.20260301T000000Z.json", &notices(3));
    assert_eq!(hub.look(&mut watcher), KNOWN);
    hub.bring("notices.20260302T000000Z.json", &notices(3));
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    assert_eq!(hub.persons_versions(), [2, 1]);
}

// Proves that each fault puts a feed of notices aside whole, with a report that names places and codes and no content,
// that the state stays, and that no key of a refused one is left.
#[test]
fn faulty_notices() {
    let mut hub = Hub::new();
    let mut watcher = hub.persons_watcher();
    hub.bring("notices.20260302T000000Z.json", &notices(10));
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    let bad_date =
        [notice(1, "1974/08/12"), notice(2, "SECRET"), notice(3, "SECRET")].map(|one| one.to_string());
    let cut = notices(10);
    let digest = format!(r#"{{"sha256": "{}"}}"#, "0".repeat(64));
    for (name, text, meta, code, place) in [
        (
            "notices.a.20260303T000000Z.json",
            &*bad_date.join("\n"),
            None,
            "notices_faulty",
            "notice 2, field date_of_birth: date\nnotice 3",
        ),
        (
            "notices.b.20260303T000000Z.json",
            &cut[..cut.len() - 9],
            None,
            "notices_syntax",
            "line 10, column ",
        ),
        (
            "notices.c.20260303T000000Z.json",
            r#"[{"entity_id": {"SECRET": 1}}]"#,
            None,
            "notices_shape",
            "line 1, column ",
        ),
        ("notices.d.20260303T000000Z.json", "[]", None, "notices_empty", "no notice"),
        ("notices.e.20260303T000000Z.json", &*notices(4), None, "shrunk", "smaller"),
        ("notices.f.20260301T000000Z.json", &*notices(10), None, "older", "older"),
        ("notices.g.20260303T000000Z.json", &*notices(10), Some(&*digest), "digest", "sidecar"),
        ("notices.h.json", &*notices(10), None, "no_time", "when"),
        ("notices.changes.20260303T000000Z.json", &*notices(10), None, "name", "name"),
        ("notices.i.20260303T000000Z.csv", &*notices(10), None, "name", "name"),
    ] {
        hub.bring(name, text);
        meta.iter().for_each(|meta| hub.bring(&format!("{name}.meta"), meta));
        assert_eq!(hub.look(&mut watcher), REFUSED, "{name}");
        let report = hub.report(name);
        assert!(report.contains(&format!("code: {code}\n")) && report.contains(place), "{report}");
        assert!(!report.contains("SECRET") && !report.contains("KORVATZ"), "{report}");
    }
    assert_eq!((hub.persons_versions(), hub.names("feeds").len()), (vec![1], 0));
    assert_eq!(fs::read_dir(hub.path("mind/keys")).unwrap().count(), 1);
    hub.bring("notices.20260304T000000Z.json", &notices(9));
    assert_eq!(hub.look(&mut watcher), PUBLISHED, "a refused feed of notices holds up no later one");
}

// Proves that trouble that is not the feed's leaves it where it is.
#[test]
fn trouble_passes() {
    let mut hub = Hub::new();
    let mut watcher = hub.persons_watcher();
    hub.bring(FIRST, &notices(3));
    fs::rename(hub.path("publisher.key"), hub.path("away")).unwrap();
    assert_eq!(hub.look(&mut watcher), NOTHING);
    assert_eq!(hub.names("feeds"), [FIRST]);
    fs::rename(hub.path("away"), hub.path("publisher.key")).unwrap();
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
}

// Proves that a crash at each step of a feed of notices repeats or finishes it: one version, and the feed in done.
#[test]
fn crashes() {
    let mut hub = Hub::new();
    let mut watcher = hub.persons_watcher();
    hub.bring(FIRST, &notices(3));
    assert_eq!(hub.look(&mut watcher), PUBLISHED);
    drop(watcher);
    let (after, manifest) = (hub.ledger(), hub.persons_manifest(1));
    let applied = &after["datasets"]["notices"]["applied"];
    let done = hub.path(&format!("feeds/done/000000000001-{FIRST}"));
    // As the ledger stood when the feed was begun (not applied) or was decided on (applied).
    let crashed = |hub: &Hub, is_applied: bool| {
        let feed = hub.path("feeds").join(FIRST);
        fs::rename(&done, &feed).unwrap();
        let file = fs::metadata(&feed).unwrap();
        let mark = json!({ "inode": file.ino(), "bytes": file.len(), "modified_s": file.mtime(), "modified_ns": file.mtime_nsec() });
        let building = json!({ "dataset": "notices", "identity": applied[0]["identity"], "version": 1,
            "created": manifest["created"], "as_of": "2026-03-01T00:00:00Z", "full": true });
        let begun = match is_applied {
            true => {
                json!({ "file": FIRST, "mark": mark, "building": null, "end": { "done": "000000000001-" } })
            }
            false => json!({ "file": FIRST, "mark": mark, "building": building, "end": null }),
        };
        let datasets = if is_applied { after["datasets"].clone() } else { json!({}) };
        let ledger = json!({ "format": 1, "datasets": datasets, "begun": begun });
        fs::write(hub.path("ledger.json"), ledger.to_string()).unwrap();
    };
    for (is_applied, is_visible, expected) in
        [(true, true, NOTHING), (false, true, NOTHING), (false, false, PUBLISHED)]
    {
        crashed(&hub, is_applied);
        if !is_visible {
            let state = hub.path("mind/notices/000000000001");
            fs::rename(state, hub.path("mind/notices/.building-000000000001")).unwrap();
        }
        let mut watcher = hub.persons_watcher();
        assert_eq!(hub.look(&mut watcher), expected, "{is_applied} {is_visible}");
        assert_eq!((hub.persons_versions(), hub.names("feeds").len()), (vec![1], 0));
        assert!(done.exists() && hub.finds(1, 2));
        assert_eq!(hub.ledger()["datasets"]["notices"]["applied"], *applied);
        assert!(!hub.path("mind/notices/.building-000000000001").exists());
    }
}
