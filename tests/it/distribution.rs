//! A hub and its edges as processes: enrolled, pulled, revoked, cut off, and served by hand.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::SignedDuration;
use postern::clock::Clock;
use postern::engine::record::{Section, section};
use postern::journal::storage::FileStorage;
use postern::journal::{Kind, Reader};
use postern::mind::keyring::SiteKey;
use postern::sim::persons;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::Value;

use crate::client::get;
use crate::world::{Daemon, Setup, World, postern, told, until};

/// An authority whose certificates the hub and its sites show each other.
pub(crate) struct Pki {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "sites authority");
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// The authority as a file of a world.
    pub(crate) fn trust(&self, world: &World) {
        world.write("tls-ca.pem", &self.pem);
    }

    /// Authority, certificate and key of this name as files of a world.
    pub(crate) fn issue(&self, world: &World, name: &str) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        self.trust(world);
        world.write("tls.pem", &params.signed_by(&key, &self.issuer).unwrap().pem());
        let path = world.write("tls.key", &key.serialize_pem());
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// A way to the hub that ends each connection after so many bytes from it; none for no end.
struct Way {
    address: SocketAddr,
    bytes: Arc<AtomicU64>,
    cuts: Arc<AtomicU64>,
}

impl Way {
    fn to(hub: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (bytes, cuts) = (Arc::new(AtomicU64::new(u64::MAX)), Arc::new(AtomicU64::new(0)));
        let way = Self { address, bytes: Arc::clone(&bytes), cuts: Arc::clone(&cuts) };
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(hub)) else { continue };
                let (left, cuts) = (bytes.load(Ordering::SeqCst), Arc::clone(&cuts));
                std::thread::spawn(move || relay(client, server, left, &cuts));
            }
        });
        way
    }

    fn cut_after(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::SeqCst);
    }
}

fn relay(mut client: TcpStream, mut server: TcpStream, bytes: u64, cuts: &AtomicU64) {
    let (mut asking, mut asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut asking, &mut asked);
        let _ = asked.shutdown(Shutdown::Both);
    });
    let (mut left, mut piece) = (bytes, [0; 16 << 10]);
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(piece.len()).min(piece.len());
        match server.read(&mut piece[..room]) {
            Ok(count) if count > 0 && client.write_all(&piece[..count]).is_ok() => left -= count as u64,
            _ => break,
        }
    }
    if left == 0 {
        cuts.fetch_add(1, Ordering::SeqCst);
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// Runs `postern mind` with words and paths, to its end.
macro_rules! tried {
    ($($word:expr),* $(,)?) => {
        told(&postern([OsStr::new("mind").to_owned(), $(AsRef::<OsStr>::as_ref(&$word).to_owned()),*]))
    };
}

/// The same, where it must succeed: what it told.
macro_rules! mind {
    ($($word:expr),* $(,)?) => {
        succeeded(tried!($($word),*))
    };
}

#[track_caller]
fn succeeded((code, out, err): (Option<i32>, String, String)) -> String {
    assert_eq!(code, Some(0), "{out}{err}");
    out
}

/// The hub's world, with what an operator does there.
struct Hub {
    world: World,
    daemon: Daemon,
    published: AtomicU64,
}

impl Hub {
    fn start(pki: &Pki) -> Self {
        let world = World::new();
        pki.issue(&world, "hub");
        let tls = r#"{ cert_file = "tls.pem", key_file = "tls.key", client_ca_file = "tls-ca.pem" }"#;
        let more =
            format!("[mind.hub]\nlisten = \"127.0.0.1:0\"\nconnections_per_site_max = 64\ntls = {tls}");
        let daemon = world.start(&Setup { more, ..Setup::default() });
        Self { world, daemon, published: AtomicU64::new(0) }
    }

    fn copy(&self) -> PathBuf {
        self.world.path("mind")
    }

    fn approve(&self, site: &str, id: &str) -> (Option<i32>, String, String) {
        let [root, key] = ["root.json", "site.key"].map(|name| self.world.path(name));
        tried!("enrol", "approve", site, self.copy(), "--root", root, "--site-key", key, "--id", id)
    }

    /// Publishes a change, or a snapshot in a new generation.
    fn publish(&self, change: bool) -> u64 {
        let as_of = (Clock::system().now() - SignedDuration::from_hours(2)).to_string();
        let path = |name: &str| self.world.path(name);
        let feed = fs::read_to_string(path("feed.csv")).unwrap();
        let header = feed.lines().next().unwrap();
        let row = "upsert,sltd,L898902C3,UTO,PAS,STL,2019-XX-XX,FRA,,2031-05-02,id-";
        let number = self.published.fetch_add(1, Ordering::SeqCst);
        let changes = format!("change,{header}\n{row}{number}\n");
        let csv = self.world.write("next.csv", if change { &changes } else { &feed });
        let mut words: Vec<OsString> =
            ["--environment", "training", "--json", "--as-of", &as_of].map(OsString::from).into();
        words.extend([OsString::from("--csv"), csv.into(), "--out".into(), self.copy().into()]);
        words.extend(["--key".into(), path("publisher.key").into()]);
        words.extend(if change {
            let site = path("site.key");
            vec![
                "--changes".into(),
                "--root".into(),
                path("root.json").into(),
                "--site-key".into(),
                site.into(),
            ]
        } else {
            vec!["--to".into(), path("site.pub").into()]
        });
        let words = [OsString::from("mind"), "build".into()].into_iter().chain(words);
        let told: Value = serde_json::from_str(&succeeded(told(&postern(words)))).unwrap();
        told["version"].as_u64().unwrap()
    }
}

/// An edge: its world, and its daemon while it runs.
struct Edge {
    world: World,
    daemon: Daemon,
    way: Way,
    id: String,
}

impl Edge {
    fn start(hub: &Hub, pki: &Pki, name: &str) -> Self {
        let (world, way) = (hub.world.edge(), Way::to(hub.daemon.hub()));
        pki.issue(&world, name);
        let key = SiteKey::generate().unwrap();
        key.write(&world.path("site.key")).unwrap();
        key.public().write(&world.path("site.pub")).unwrap();
        let tls = r#"{ ca_file = "tls-ca.pem", cert_file = "tls.pem", key_file = "tls.key" }"#;
        let url = format!("https://localhost:{}", way.address.port());
        let more = format!("[mind.source]\nurl = \"{url}\"\ninterval_s = 1\nretry_s_max = 1\ntls = {tls}");
        let daemon = world.start(&Setup { more, ..Setup::default() });
        Self { daemon, way, id: key.public().id(), world }
    }

    fn request(&self) -> String {
        mind!(
            "enrol",
            "request",
            "--public",
            self.world.path("site.pub"),
            "--config",
            self.world.path("postern.toml")
        )
    }

    fn version(&self) -> Option<u64> {
        let status = get(self.daemon.console(), "/api/status").unwrap().json();
        status["databases"][0]["copy"]["version"].as_u64()
    }

    fn serves(&self, version: u64) {
        until("the edge to serve the version", || (self.version() == Some(version)).then_some(()));
    }

    fn metrics(&self) -> String {
        get(self.daemon.console(), "/metrics").unwrap().text()
    }

    /// Datasets and causes of the purges that the journal certifies, in the order of the datasets. Ends the daemon.
    fn certified(self) -> Vec<(String, String)> {
        assert_eq!(self.daemon.stop().code(), Some(0));
        let storage = Arc::new(FileStorage::at(&self.world.path("journal")));
        let records = Reader::new(storage).unwrap().map(|read| read.unwrap().unwrap());
        let mut certified: Vec<(String, String)> = records
            .filter(|record| record.kind == Kind::Administrative)
            .filter_map(|record| section(&record.body, Section::Purge).map(<[u8]>::to_vec))
            .map(|certificate| {
                let told: Value = serde_json::from_slice(&certificate).unwrap();
                let text = |key: &str| told[key].as_str().unwrap().to_owned();
                assert!(told["version"].as_u64().unwrap() > 0 && told["records"].as_u64().unwrap() > 0);
                assert_eq!(text("generation").len(), 16);
                (text("dataset"), text("cause"))
            })
            .collect();
        certified.sort();
        certified
    }

    fn import(&self, bundle: &Path) -> (Option<i32>, String, String) {
        let [copy, root, key] = ["mind", "root.json", "site.key"].map(|name| self.world.path(name));
        tried!("import", bundle, copy, "--root", root, "--site-key", key, "--json")
    }
}

// Proves, with the built binary as hub and two edges: that nobody is served before the approval; that a copy comes over a
// way that is cut after every 64 KiB, persons with it; that a change arrives; that a revoked edge destroys its keys, and
// opens nothing newer even when it is carried there; that the other misses nothing, over the link or, when that is cut, by
// hand; and that the journal certifies what was purged, by the hub's revocation as by command.
#[test]
fn hub_and_two_edges() {
    let pki = Pki::new();
    let hub = Hub::start(&pki);
    let now = Clock::system().now();
    hub.world.publisher().notices(&persons::generate(40, 7), 1, now, now).unwrap();
    let [airport, port] = ["airport", "port"].map(|name| Edge::start(&hub, &pki, name));
    until("the edges to be sent away", || {
        let sent_away = |edge: &Edge| edge.metrics().contains("result=\"not_enrolled\"");
        (sent_away(&airport) && sent_away(&port)).then_some(())
    });
    for (name, edge) in [("airport", &airport), ("port", &port)] {
        assert!(edge.request().contains(&format!("{name}: requested, key {}", edge.id)));
        assert_eq!(edge.version(), None);
        edge.way.cut_after(64 << 10);
        assert_eq!(hub.approve(name, "0000000000000000").0, Some(64), "another id than was compared");
        let (code, out, err) = hub.approve(name, &edge.id);
        assert_eq!(code, Some(0), "{out}{err}");
        edge.serves(7);
        until("the persons", || {
            edge.world.path("mind/notices/000000000001/persons.bin").exists().then_some(())
        });
        assert!(edge.way.cuts.load(Ordering::SeqCst) >= 3, "nothing was cut");
        edge.way.cut_after(u64::MAX);
    }
    let listed = mind!("enrol", "list", hub.copy());
    assert!(listed.contains("airport: enrolled") && listed.contains("port: enrolled"), "{listed}");

    let version = hub.publish(true);
    airport.serves(version);
    port.serves(version);
    assert!(!airport.world.path(&format!("mind/documents/{version:012}/table.bin")).exists());

    mind!("revoke", "airport", hub.copy());
    until("the revoked edge to purge", || {
        let keys = fs::read_dir(airport.world.path("mind/keys")).unwrap().count();
        (airport.version().is_none() && keys == 0).then_some(())
    });
    let version = hub.publish(false);
    port.serves(version);

    port.way.cut_after(0);
    let version = hub.publish(true);
    let all = hub.world.path("all.bundle");
    mind!("export", hub.copy(), "--out", all);
    let (code, out, _) = airport.import(&all);
    assert_eq!((code, out.trim()), (Some(1), r#"{"refused":"revoked"}"#));
    let refused = tried!("export", hub.copy(), "--out", hub.world.path("x"), "--site", "airport");
    assert_eq!(refused.0, Some(64), "{refused:?}");
    let own = hub.world.path("port.bundle");
    let from = (version - 1).to_string();
    mind!("export", hub.copy(), "--out", own, "--site", "port", "--from", from);
    for new in [true, false] {
        let (code, out, err) = port.import(&own);
        assert_eq!(code, Some(0), "{out}{err}");
        let told: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            (&told["states"][0]["version"], &told["states"][0]["new"]),
            (&version.into(), &new.into())
        );
    }
    port.serves(version);
    assert_eq!(airport.version(), None);
    port.way.cut_after(u64::MAX);
    let version = hub.publish(true);
    port.serves(version);
    let both = |cause: &str| ["documents", "notices"].map(|dataset| (dataset.to_owned(), cause.to_owned()));
    assert_eq!(airport.certified(), both("revoked"));
    for (dataset, purged) in [("documents", 1.0), ("notices", 2.0)] {
        let [copy, root, key] = ["mind", "root.json", "site.key"].map(|name| port.world.path(name));
        mind!("purge", copy, "--root", root, "--site-key", key, "--dataset", dataset, "--confirm", dataset);
        let line = format!("postern_copy_purges_total {purged}");
        until("the purge", || port.metrics().contains(&line).then_some(()));
    }
    assert_eq!(port.certified(), both("elsewhere"));
    assert_eq!(hub.daemon.stop().code(), Some(0));
}
