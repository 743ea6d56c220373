//! Persons from a hub to its sites, over the link and by hand: by the rules of all other states.

use std::fs;

use tokio_util::sync::CancellationToken;

use super::super::bundle::{ExportOptions, ImportOptions, Imported, export, import};
use super::super::hub::{Offer, current_generations};
use super::super::keyring::{GenerationName, KeyFile};
use super::super::names::{PERSONS_FILE, Person};
use super::super::source::{PullError, Source};
use super::distribution::{Edge, Net, cutting, damage};
use super::persons::listed;
use super::*;
use crate::clock::Clock;
use crate::sim::persons::generate;

/// The version of the documents and of the notices.
const BOTH: [(Dataset, u64); 2] = [(Dataset::Documents, 1), (Dataset::Notices, 1)];

impl Net {
    /// A hub with documents and these persons, whose keys are wrapped to itself.
    fn with_persons(persons: &[Person]) -> Self {
        let net = Self::new(&csv(&[ROW, TDAWN]));
        let name = GenerationName::new("notices", net.site.generation.name()).unwrap();
        let mut file = KeyFile::new(&name);
        file.add(net.site.generation.key(), net.own.site_key().unwrap().public()).unwrap();
        file.write(&net.site.folder).unwrap();
        net.site.build_notices(1, persons);
        net
    }

    fn export(&self, site: Option<&str>) -> PathBuf {
        let from = BTreeMap::new();
        let options = ExportOptions { folder: &self.site.folder, datasets: &Dataset::ALL, from: &from, site };
        let out = self.site.temporary.path().join("bundle");
        export(&options, &out, |_, _| {}).unwrap();
        out
    }

    fn import(&self, edge: &Edge, bundle: &std::path::Path) -> Result<Imported, Refusal> {
        let options = ImportOptions {
            folder: &edge.copy(),
            root_file: &self.site.temporary.path().join("root.json"),
            vault: &edge.mind.options().vault,
            country: None,
            now: NOW,
        };
        import(&options, bundle, |_, _| {})
    }
}

impl Edge {
    fn copy(&self) -> PathBuf {
        self.folder.path().join("copy")
    }

    fn persons_version(&self) -> Option<u64> {
        self.mind.served(Dataset::Notices)
    }

    /// What is in the folder of the notices.
    fn persons_left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.copy().join("notices")).into_iter().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

// Proves that an enrolled site gets the persons with their key and serves them, fetches nothing twice, and takes a newer
// state in place of the one before; and that the hub gives files of persons by their own names and to the enrolled alone.
#[tokio::test]
async fn persons_come_from_the_hub() {
    let net = Net::with_persons(&listed());
    let (hub, _end) = net.serve().await;
    let edge = net.edge("airport");
    let mut link = edge.link(hub).await;
    let file = "/v1/states/notices/000000000001/persons.bin";
    assert!(matches!(link.small(file, 1 << 20).await, Err(PullError::NotEnrolled(_))));
    net.enrol(&edge);
    let bytes = fs::read(net.site.persons_path(1).join(PERSONS_FILE)).unwrap();
    assert_eq!(link.small(file, 1 << 20).await.unwrap(), bytes);
    for path in ["/v1/states/notices/000000000001/table.bin", "/v1/states/documents/000000000001/persons.bin"]
    {
        assert!(matches!(link.small(path, 1 << 20).await, Err(PullError::Hub(404, _))), "{path}");
    }
    let offer: Offer = serde_json::from_slice(&link.small("/v1/copy", 1 << 20).await.unwrap()).unwrap();
    let state = &offer.datasets["notices"][0];
    assert_eq!((state.base_bytes, state.delta), (Some(bytes.len() as u64), None));

    assert_eq!(edge.pull(hub).await.unwrap().states, BOTH);
    assert_eq!(edge.persons_version(), Some(1));
    assert!(edge.pull(hub).await.unwrap().states.is_empty());
    net.site.build_notices(2, &listed()[..1]);
    assert_eq!(edge.pull(hub).await.unwrap().states, [(Dataset::Notices, 2)]);
    assert_eq!(edge.persons_version(), Some(2));
    assert_eq!(edge.mind.infos()[1].records, 1);
    net.sites().revoke("airport", NOW).unwrap();
    assert!(matches!(link.small(file, 1 << 20).await, Err(PullError::Revoked)));
}

// Proves that persons come whole over a link that is cut again and again.
#[tokio::test]
async fn cut_persons_go_on() {
    let net = Net::with_persons(&generate(3_000, 5));
    let (hub, _end) = net.serve().await;
    let edge = net.edge("airport");
    net.enrol(&edge);
    let way = cutting(hub, 64 << 10).await;
    let mut cuts = 0;
    while let Err(error) = edge.pull(way).await {
        assert!(matches!(error, PullError::Link(_)), "{error}");
        cuts += 1;
        assert!(cuts < 1_000, "it does not come nearer");
    }
    assert!(cuts >= 3, "{cuts}");
    assert_eq!((edge.persons_version(), edge.persons_left()), (Some(1), vec!["000000000001".to_owned()]));
}

// Proves that whatever of persons is not what was signed, or larger than any can be, is refused by its name, that the state
// before stays and nothing is left behind, and that the true state is taken afterwards.
#[tokio::test]
async fn false_persons_are_refused() {
    let net = Net::with_persons(&listed());
    let (hub, _end) = net.serve().await;
    let edge = net.edge("airport");
    net.enrol(&edge);
    edge.pull(hub).await.unwrap();
    net.site.build_notices(2, &listed());
    let path = net.site.persons_path(2);
    type Change = fn(&mut Vec<u8>);
    let cases: [(&str, Change, &str); 5] = [
        (PERSONS_FILE, |bytes| bytes.push(0), "endless_data"),
        (PERSONS_FILE, |bytes| bytes[90] ^= 1, "bit_flip"),
        ("manifest.json", |bytes| bytes[35] ^= 1, "signature_wrong"),
        ("manifest.sig", |bytes| bytes.truncate(0), "signature_threshold"),
        ("manifest.sig", |bytes| bytes.resize(1 << 15, b' '), "endless_data"),
    ];
    for (file, change, code) in cases {
        let before = damage(&path.join(file), change);
        assert_eq!(edge.refused(hub).await, code, "{file}");
        assert_eq!((edge.persons_version(), edge.persons_left()), (Some(1), vec!["000000000001".to_owned()]));
        fs::write(path.join(file), before).unwrap();
    }
    let (text, signatures) = (path.join("manifest.json"), path.join("manifest.sig"));
    let (told, signed) = (fs::read(&text).unwrap(), fs::read(&signatures).unwrap());
    let label = "postern mind persons 1";
    for (at, value, code) in [
        ("/persons/bytes", serde_json::json!((1_u64 << 30) + 1), "endless_data"),
        ("/generation", "../../trust".into(), "manifest_malformed"),
        ("/version", 3.into(), "copy_misplaced"),
        ("/environment", "production".into(), "wrong_environment"),
        ("/key_check", "00".repeat(16).into(), "key_wrong"),
    ] {
        let mut manifest: serde_json::Value = serde_json::from_slice(&told).unwrap();
        *manifest.pointer_mut(at).unwrap() = value;
        net.site.resign(2, label, manifest.to_string().as_bytes());
        assert_eq!(edge.refused(hub).await, code, "{at}");
    }
    // Signed as a state of numbers is: it does not pass for one of persons.
    net.site.resign(2, "postern mind manifest 2", &told);
    assert_eq!(edge.refused(hub).await, "signature_wrong");
    for name in ["manifest.json", "manifest.sig"] {
        fs::copy(net.site.path(1).join(name), path.join(name)).unwrap();
    }
    // A state of numbers in the place of one of persons is not even offered.
    let pulled = edge.pull(hub).await.unwrap();
    assert!(pulled.states.is_empty() && pulled.refused.is_empty(), "{pulled:?}");
    assert_eq!((edge.persons_version(), edge.persons_left()), (Some(1), vec!["000000000001".to_owned()]));
    fs::write(text, told).unwrap();
    fs::write(signatures, signed).unwrap();
    assert_eq!(edge.pull(hub).await.unwrap().states, [(Dataset::Notices, 2)]);
}

// Proves that persons that were damaged here are fetched again, that a key of theirs that was destroyed here is not, and
// that a revoked site destroys it too, with a certificate of each dataset.
#[tokio::test]
async fn persons_are_mended_purged_and_revoked() {
    let net = Net::with_persons(&listed());
    let (hub, _end) = net.serve().await;
    let [mut edge, purged] = [net.edge("airport"), net.edge("port")];
    for edge in [&edge, &purged] {
        net.enrol(edge);
        edge.pull(hub).await.unwrap();
    }
    purged.mind.purge(Dataset::Notices, "command").unwrap().unwrap();
    net.site.build_notices(2, &listed());
    assert_eq!(purged.refused(hub).await, "copy_purged");

    damage(&edge.copy().join("notices/000000000001/persons.bin"), |bytes| bytes[90] ^= 1);
    fs::remove_dir_all(net.site.persons_path(2)).unwrap();
    let fresh = Mind::open(edge.mind.options().clone(), Clock::from_fn(|| NOW)).0;
    assert_eq!(fresh.served(Dataset::Notices), None);
    edge.mind = Arc::new(fresh);
    assert_eq!(edge.pull(hub).await.unwrap().states, [(Dataset::Notices, 1)]);

    net.sites().revoke("airport", NOW).unwrap();
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let certify = move |purged: Purged| -> futures_util::future::BoxFuture<'static, ()> {
        let tell = Arc::clone(&tell);
        Box::pin(async move { tell.lock().unwrap().push((purged.dataset, purged.cause)) })
    };
    // Reloaded as the daemon does it, so that what was mended is served.
    edge.mind.reload();
    let mind = Arc::clone(&edge.mind);
    let source = Source::new(edge.settings(hub), mind, Clock::from_fn(|| NOW), Arc::new(certify));
    source.run(CancellationToken::new()).await;
    let both = [("documents".to_owned(), "revoked"), ("notices".to_owned(), "revoked")];
    assert_eq!(*told.lock().unwrap(), both);
    assert!(KeyFile::all(&edge.copy()).is_empty());
    edge.mind.reload();
    assert_eq!(edge.persons_version(), None);
}

// Proves that a bundle brings persons with the key of its site and no other, that twice changes nothing, that false or
// older persons are refused by name with nothing changed, and that a key alone is taken in for a state that is here.
#[test]
fn persons_are_carried_by_hand() {
    let net = Net::with_persons(&listed());
    let edge = net.edge("ship");
    net.enrol(&edge);
    let first = net.site.temporary.path().join("first");
    fs::copy(net.export(Some("ship")), &first).unwrap();
    let persons = net.site.persons_path(1).join(PERSONS_FILE);
    for (change, code) in [(0, "bit_flip"), (1, "truncated"), (2, "endless_data")] {
        let before = damage(&persons, |bytes| match change {
            0 => bytes[90] ^= 1,
            1 => bytes.truncate(100),
            _ => bytes.push(0),
        });
        assert_eq!(net.import(&edge, &net.export(Some("ship"))).unwrap_err().code(), code);
        fs::write(&persons, before).unwrap();
        assert!(!edge.copy().join("notices").exists() && !edge.copy().join("documents").exists());
    }
    let new = BOTH.map(|(dataset, version)| (dataset, Installed::New(version)));
    assert_eq!(net.import(&edge, &first).unwrap().states, new);
    edge.mind.reload();
    assert_eq!(edge.persons_version(), Some(1));
    let known = BOTH.map(|(dataset, version)| (dataset, Installed::Known(version)));
    assert_eq!(net.import(&edge, &first).unwrap().states, known);

    net.site.build_notices(2, &listed()[..1]);
    let states = net.import(&edge, &net.export(Some("ship"))).unwrap().states;
    assert_eq!(states[1], (Dataset::Notices, Installed::New(2)));
    edge.mind.reload();
    assert_eq!(edge.persons_version(), Some(2));
    assert_eq!(net.import(&edge, &first).unwrap_err().code(), "rollback");
}

// Proves that the generations that are wrapped to a new site are those of persons too, and that a false key is refused.
#[test]
fn persons_belong_to_what_is_wrapped() {
    let net = Net::with_persons(&listed());
    let current = || current_generations(&net.site.folder, &net.site.root, &net.own);
    let names: Vec<String> = current().unwrap().iter().map(|(name, _)| name.dataset().to_owned()).collect();
    assert_eq!(names, ["documents", "notices"]);
    let name = GenerationName::new("notices", net.site.generation.name()).unwrap();
    let mut file = KeyFile::new(&name);
    let other = Generation::random().unwrap();
    file.add(other.key(), net.own.site_key().unwrap().public()).unwrap();
    file.write(&net.site.folder).unwrap();
    assert_eq!(current().unwrap_err().code(), "key_wrong");
}
