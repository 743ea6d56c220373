//! A hub and its sites over mutual TLS: who is served what, and what a site takes.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::hub::{Hub, Offer, Sites, current_generations};
use super::super::keyring::{GenerationName, KeyFile, SiteKey, Vault};
use super::super::source::{Link, PullError, Pulled, Source};
use super::super::trust;
use super::*;
use crate::clock::Clock;
use crate::config::settings::{MindHub, MindSource};
use crate::tls::testing::Authority;

const CHANGE: &str = "upsert,sltd,L898902C4,UTO,PAS,,,,,,id-9";

/// A hub's copy, its authority and its sites.
pub(super) struct Net {
    pub(super) site: Site,
    pub(super) own: Vault,
    authority: Authority,
    settings: MindHub,
}

impl Net {
    pub(super) fn new(rows: &str) -> Self {
        let site = Site::new();
        let own = SiteKey::generate().unwrap();
        site.build(1, rows).unwrap();
        let mut file = KeyFile::new(&GenerationName::new("documents", site.generation.name()).unwrap());
        file.add(site.generation.key(), own.public()).unwrap();
        file.write(&site.folder).unwrap();
        let authority = Authority::new("PRODUCTION");
        let folder = site.temporary.path();
        let text = site.root.text();
        fs::write(folder.join("root.json"), &text).unwrap();
        fs::write(folder.join("root.sig"), trust::sign(&text, b"", &site.key).unwrap()).unwrap();
        let tls = authority.server(folder, Some(&authority));
        let settings = MindHub {
            listen: ([127, 0, 0, 1], 0).into(),
            tls,
            connections_max: 64,
            connections_per_site_max: 8,
            requests_per_minute_max: 1_000_000,
            mib_per_second: 0,
            write_timeout_ms: 10_000,
        };
        Self { site, own: Vault::holding(own), authority, settings }
    }

    pub(super) fn sites(&self) -> Sites {
        Sites::of(&self.site.folder)
    }

    /// Serves until the guard is dropped.
    pub(super) async fn serve(&self) -> (SocketAddr, DropGuard) {
        let clock = Clock::from_fn(|| NOW);
        let hub = Hub::new(self.site.folder.clone(), self.settings.clone(), Environment::Training, clock);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let end = CancellationToken::new();
        tokio::spawn(Arc::new(hub.unwrap()).run(listener, end.clone().cancelled_owned()));
        (address, end.drop_guard())
    }

    /// A site with a key pair of its own, which is not enrolled.
    pub(super) fn edge(&self, name: &str) -> Edge {
        let folder = tempfile::tempdir().unwrap();
        let key = SiteKey::generate().unwrap();
        let public = key.public().clone();
        let options = MindOptions {
            folder: folder.path().join("copy"),
            root_file: self.site.temporary.path().join("root.json"),
            environment: Environment::Training,
            purge: std::time::Duration::from_secs(720 * 3600),
            vault: Arc::new(Vault::holding(key)),
            country: None,
            fold: FoldSettings::default(),
        };
        let (mind, _) = Mind::open(options, Clock::from_fn(|| NOW));
        let tls = self.authority.client(folder.path(), &self.authority, Some(name));
        Edge { name: name.to_owned(), folder, public, mind: Arc::new(mind), tls }
    }

    pub(super) fn enrol(&self, edge: &Edge) {
        let generations = current_generations(&self.site.folder, &self.site.root, &self.own).unwrap();
        self.sites().request(&edge.name, &edge.public, NOW).unwrap();
        self.sites().approve(&edge.name, &edge.public.id(), &generations, NOW).unwrap();
    }
}

pub(super) struct Edge {
    name: String,
    pub(super) folder: tempfile::TempDir,
    public: super::super::keyring::SitePublic,
    pub(super) mind: Arc<Mind>,
    tls: crate::config::settings::ClientTls,
}

impl Edge {
    pub(super) fn settings(&self, hub: SocketAddr) -> MindSource {
        MindSource {
            url: format!("https://localhost:{}", hub.port()),
            tls: self.tls.clone(),
            datasets: Vec::new(),
            interval_s: 1,
            request_timeout_ms: 10_000,
            retry_s_max: 1,
        }
    }

    fn source(&self, hub: SocketAddr) -> Source {
        let clock = Clock::from_fn(|| NOW);
        Source::new(self.settings(hub), Arc::clone(&self.mind), clock, Arc::new(|_| Box::pin(async {})))
    }

    pub(super) async fn pull(&self, hub: SocketAddr) -> Result<Pulled, PullError> {
        let pulled = self.source(hub).once().await;
        self.mind.reload();
        pulled
    }

    /// The code of what was refused, when everything else went well.
    pub(super) async fn refused(&self, hub: SocketAddr) -> &'static str {
        let pulled = self.pull(hub).await.unwrap();
        assert!(pulled.states.is_empty(), "{pulled:?}");
        pulled.refused[0].1.code()
    }

    fn version(&self) -> Option<u64> {
        self.mind.serving(Dataset::Documents).map(|copy| copy.manifest().version)
    }

    pub(super) async fn link(&self, hub: SocketAddr) -> Link {
        Link::connect(&self.settings(hub), Environment::Training).await.unwrap()
    }

    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join("copy/documents")).into_iter().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A way to a server that ends each connection after so many bytes from it.
pub(super) async fn cutting(server: SocketAddr, bytes: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let server = TcpStream::connect(server).await.unwrap();
                let (from_server, mut to_server) = server.into_split();
                let (mut from_client, mut to_client) = client.into_split();
                let asking = tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                });
                let _ = tokio::io::copy(&mut from_server.take(bytes), &mut to_client).await;
                let _ = to_client.shutdown().await;
                asking.abort();
            });
        }
    });
    address
}

// Proves that nothing but the enrolment is answered to a site that is unknown, waiting or revoked, whatever it asks for;
// that a revocation counts at the next request of a connection that is open; and that a client without a certificate of
// the authority gets no answer.
#[tokio::test]
async fn only_the_enrolled_are_served() {
    let net = Net::new(&csv(&[ROW, TDAWN]));
    let (hub, _end) = net.serve().await;
    let edge = net.edge("airport");
    let generation = net.site.generation.name();
    let paths = [
        "/v1/copy".to_owned(),
        "/v1/roots/000001.json".to_owned(),
        "/v1/states/documents/000000000001/manifest.json".to_owned(),
        "/v1/states/documents/000000000001/table.bin".to_owned(),
        format!("/v1/keys/documents/{generation}"),
        format!("/v1/withdrawn/documents/{generation}"),
        "/v1/nothing".to_owned(),
    ];
    let mut link = edge.link(hub).await;
    for path in &paths {
        assert_eq!(link.small(path, 1 << 20).await.unwrap_err().to_string(), denied("not_enrolled"));
    }
    let told = link.post("/v1/enrolment", edge.public.line()).await.unwrap();
    assert!(String::from_utf8(told).unwrap().contains(r#""status":"requested""#));
    for path in &paths {
        assert_eq!(link.small(path, 1 << 20).await.unwrap_err().to_string(), denied("not_approved"));
    }
    net.enrol(&edge);
    assert!(link.small(&paths[0], 1 << 20).await.is_ok());
    net.sites().revoke("airport", NOW).unwrap();
    for path in &paths {
        assert!(matches!(link.small(path, 1 << 20).await, Err(PullError::Revoked)), "{path}");
    }
    let mut nameless = edge.settings(hub);
    (nameless.tls.cert_file, nameless.tls.key_file) = (None, None);
    // With TLS 1.3 the client learns of the refusal at its first request.
    let asked = match Link::connect(&nameless, Environment::Training).await {
        Ok(mut link) => link.small("/v1/copy", 1 << 20).await.map(drop),
        Err(error) => Err(error),
    };
    assert!(matches!(asked, Err(PullError::Link(_))), "{asked:?}");
}

fn denied(code: &str) -> String {
    PullError::NotEnrolled(code.to_owned()).to_string()
}

// Proves that a site gets of a key file what is wrapped to itself and nothing of others, and that no odd path is answered.
#[tokio::test]
async fn a_site_gets_its_own_key() {
    let net = Net::new(&csv(&[ROW, TDAWN]));
    let (hub, _end) = net.serve().await;
    let [edge, other] = [net.edge("airport"), net.edge("port")];
    [&edge, &other].iter().for_each(|edge| net.enrol(edge));
    let mut link = edge.link(hub).await;
    let path = format!("/v1/keys/documents/{}", net.site.generation.name());
    let text = String::from_utf8(link.small(&path, 1 << 20).await.unwrap()).unwrap();
    assert!(text.contains(&edge.public.id()) && !text.contains(&other.public.id()), "{text}");
    let list: Offer = serde_json::from_slice(&link.small("/v1/copy", 1 << 20).await.unwrap()).unwrap();
    assert_eq!(list.datasets["documents"][0].version, 1);
    for path in [
        "/v1/states/documents/000000000001/../../../root.json",
        "/v1/states/../000000000001/table.bin",
        "/v1/states/documents/000000000002/table.bin",
        "/v1/states/documents/000000000001/x",
        "/v1/keys/documents/..",
        "/v1/roots/highest.json",
        "/sites/airport.json",
        "/v1/sites/airport",
        "/",
    ] {
        assert!(matches!(link.small(path, 1 << 20).await, Err(PullError::Hub(404, _))), "{path}");
    }
    let post = link.post("/v1/copy", String::new()).await;
    assert!(matches!(post, Err(PullError::Hub(405, _))));
    let bad = link.post("/v1/enrolment", "x25519-public:zz".to_owned()).await;
    assert!(matches!(bad, Err(PullError::Hub(400, _))));
}

// Proves that a download goes on from every length that an earlier try may have left, and from one that is too long. At
// full length every byte is tried, else a sample.
#[tokio::test]
async fn every_byte_is_a_place_to_go_on_from() {
    let net = Net::new(&csv(&[ROW, TDAWN]));
    let (hub, _end) = net.serve().await;
    let edge = net.edge("airport");
    net.enrol(&edge);
    let mut link = edge.link(hub).await;
    let whole = fs::read(net.site.path(1).join("table.bin")).unwrap();
    let to = edge.folder.path().join("part");
    let step = if std::env::var_os("POSTERN_LONG").is_some() { 1 } else { 61 };
    for length in (0..=whole.len()).step_by(step).chain([1, whole.len() - 1, whole.len(), whole.len() + 1]) {
        let mut part = whole.clone();
        part.resize(length, 0);
        fs::write(&to, part).unwrap();
        let at = "/v1/states/documents/000000000001/table.bin";
        link.download(at, &to, whole.len() as u64, |_| {}).await.unwrap();
        assert!(fs::read(&to).unwrap() == whole, "{length}");
    }
}

// Proves that a site gets the snapshot, then the change alone, that nothing is fetched again, that withdrawn states of its
// own are left, and that what was served is served all the while.
#[tokio::test]
async fn snapshot_then_changes() {
    let net = Net::new(&feed_csv(3_000, 2));
    let (hub, _end) = net.serve().await;
    let edge = net.edge("airport");
    net.enrol(&edge);
    let pulled = edge.pull(hub).await.unwrap();
    assert_eq!(pulled.states, [(Dataset::Documents, 1)]);
    assert_eq!(edge.version(), Some(1));
    assert!(edge.pull(hub).await.unwrap().states.is_empty());
    for version in 2..=3 {
        net.site.change(version, &changes_csv(&[CHANGE.replace("C4", &format!("C{version}"))])).unwrap();
    }
    let pulled = edge.pull(hub).await.unwrap();
    assert_eq!(pulled.states, [(Dataset::Documents, 2), (Dataset::Documents, 3)]);
    assert!(!edge.folder.path().join("copy/documents/000000000003/table.bin").exists());
    assert_eq!(edge.version(), Some(3));
    let copy = edge.mind.serving(Dataset::Documents).unwrap();
    assert_eq!(ids(&copy, "L898902C3"), ["id-9"]);
    assert_eq!(edge.left(), ["000000000001", "000000000002", "000000000003"]);
}

// Proves that a pull whose connections are each cut after so many bytes still brings all of the copy: at every 64 KiB, and
// at many odd places; and that a link which is cut before anything comes brings nothing and breaks nothing.
#[tokio::test]
async fn cut_connections() {
    let net = Net::new(&feed_csv(20_000, 2));
    let (hub, _end) = net.serve().await;
    for bytes in [64 << 10, 40_001, 100_003] {
        let edge = net.edge(&format!("site-{bytes}"));
        net.enrol(&edge);
        let way = cutting(hub, bytes).await;
        let mut cuts = 0;
        while let Err(error) = edge.pull(way).await {
            assert!(matches!(error, PullError::Link(_)), "{error}");
            cuts += 1;
            assert!(cuts < 1_000, "it does not come nearer");
        }
        assert!(cuts >= 3, "{cuts}");
        assert_eq!(edge.version(), Some(1));
        edge.mind.serving(Dataset::Documents).unwrap().verify(|_, _| {}).unwrap();
        assert_eq!(edge.left(), ["000000000001"]);
    }
    let edge = net.edge("nowhere");
    net.enrol(&edge);
    let way = cutting(hub, 100).await;
    assert!(matches!(edge.pull(way).await, Err(PullError::Link(_))));
    assert_eq!(edge.version(), None);
}

/// Changes a file of the hub's folder.
pub(super) fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let before = fs::read(path).unwrap();
    let mut after = before.clone();
    change(&mut after);
    fs::write(path, after).unwrap();
    before
}

// Proves that whatever the hub sends that is not what was signed is refused by its name, that what was served stays, that
// nothing is left behind, and that the true state is taken afterwards.
#[tokio::test]
async fn what_is_not_signed_is_refused() {
    let net = Net::new(&csv(&[ROW, TDAWN]));
    let (hub, _end) = net.serve().await;
    let edge = net.edge("airport");
    net.enrol(&edge);
    edge.pull(hub).await.unwrap();
    net.site.change(2, &changes_csv(&[CHANGE.to_owned()])).unwrap();
    net.site.strip(2);
    type Change = fn(&mut Vec<u8>);
    let cases: [(&str, Change, &str); 5] = [
        ("delta.bin", |bytes| bytes.push(0), "endless_data"),
        ("delta.bin", |bytes| bytes[40] ^= 1, "bit_flip"),
        ("manifest.json", |bytes| bytes[35] ^= 1, "signature_wrong"),
        ("manifest.sig", |bytes| bytes.truncate(0), "signature_threshold"),
        ("manifest.sig", |bytes| bytes.resize(1 << 15, b' '), "endless_data"),
    ];
    for (file, change, code) in cases {
        let path = net.site.path(2).join(file);
        let before = damage(&path, change);
        assert_eq!(edge.refused(hub).await, code, "{file}");
        assert_eq!(
            (edge.version(), edge.left()),
            (Some(1), vec!["000000000001".to_owned()]),
            "{file} {code}"
        );
        fs::write(path, before).unwrap();
    }
    // Cut short: the rest may come later, so it is waited for.
    let path = net.site.path(2).join("delta.bin");
    let before = damage(&path, |bytes| bytes.truncate(50));
    assert!(matches!(edge.pull(hub).await, Err(PullError::Link(_))));
    assert_eq!(edge.version(), Some(1));
    fs::write(path, before).unwrap();
    assert_eq!(edge.pull(hub).await.unwrap().states, [(Dataset::Documents, 2)]);
    assert_eq!(edge.version(), Some(2));
}

// Proves that a state which would not be served is not fetched: one older than what was accepted, and one whose version
// stands elsewhere than it says.
#[tokio::test]
async fn what_would_not_be_served_is_not_fetched() {
    let net = Net::new(&csv(&[ROW, TDAWN]));
    let (hub, _end) = net.serve().await;
    let edge = net.edge("airport");
    net.enrol(&edge);
    edge.pull(hub).await.unwrap();
    fs::create_dir(net.site.path(9)).unwrap();
    for file in ["manifest.json", "manifest.sig", "table.bin", "table.tree", "ids.bin", "ids.tree"] {
        fs::copy(net.site.path(1).join(file), net.site.path(9).join(file)).unwrap();
    }
    assert_eq!(edge.refused(hub).await, "copy_misplaced");
    fs::remove_dir_all(net.site.path(9)).unwrap();
    net.site.build(200_000, &csv(&[ROW, TDAWN])).unwrap();
    assert_eq!(edge.refused(hub).await, "fast_forward");
    assert_eq!(edge.left(), ["000000000001"]);
}

// Proves that a newer root comes from the hub and is believed only as the next of the chain.
#[tokio::test]
async fn roots_come_from_the_hub() {
    let net = Net::new(&csv(&[ROW, TDAWN]));
    let (hub, _end) = net.serve().await;
    let edge = net.edge("airport");
    net.enrol(&edge);
    let keys = RoleKeys { threshold: 1, keys: vec![net.site.key.public()] };
    let root = Root::new(2, Environment::Training, after(20_000), &keys, &keys).unwrap();
    let trust_folder = net.site.folder.join("trust");
    fs::create_dir_all(&trust_folder).unwrap();
    fs::write(trust_folder.join("root.000002.json"), root.text()).unwrap();
    let stranger = PrivateKey::generate().unwrap();
    let sign = |key: &PrivateKey| trust::sign(&root.text(), b"", key).unwrap();
    fs::write(trust_folder.join("root.000002.sig"), sign(&stranger)).unwrap();
    let here = edge.folder.path().join("copy/trust/root.000002.json");
    let pulled = edge.pull(hub).await.unwrap();
    assert_eq!(pulled.refused[0].1.code(), "unknown_key");
    assert!(!here.exists());
    fs::write(trust_folder.join("root.000002.sig"), sign(&net.site.key)).unwrap();
    edge.pull(hub).await.unwrap();
    assert!(here.exists());
    assert_eq!(edge.version(), Some(1));
}

// Proves that a site that was revoked destroys its keys and stops, and that a key which was destroyed here on purpose is
// not fetched again.
#[tokio::test]
async fn keys_stay_destroyed() {
    let net = Net::new(&csv(&[ROW, TDAWN]));
    let (hub, _end) = net.serve().await;
    let [edge, purged] = [net.edge("airport"), net.edge("port")];
    for edge in [&edge, &purged] {
        net.enrol(edge);
        edge.pull(hub).await.unwrap();
    }
    purged.mind.purge(Dataset::Documents, "command").unwrap().unwrap();
    net.site.change(2, &changes_csv(&[CHANGE.to_owned()])).unwrap();
    assert_eq!(purged.refused(hub).await, "copy_purged");
    net.sites().revoke("airport", NOW).unwrap();
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let source = Source::new(
        edge.settings(hub),
        Arc::clone(&edge.mind),
        Clock::from_fn(|| NOW),
        Arc::new(move |purged: Purged| {
            tell.lock().unwrap().push((purged.version, purged.cause));
            Box::pin(async {})
        }),
    );
    source.run(CancellationToken::new()).await;
    assert_eq!(*told.lock().unwrap(), [(1, "revoked")]);
    edge.mind.reload();
    assert_eq!(edge.version(), None);
    assert!(KeyFile::all(&edge.folder.path().join("copy")).is_empty());
}

// Proves that a state here that was damaged is fetched again.
#[tokio::test]
async fn damage_is_mended() {
    let net = Net::new(&csv(&[ROW, TDAWN]));
    let (hub, _end) = net.serve().await;
    let edge = net.edge("airport");
    net.enrol(&edge);
    edge.pull(hub).await.unwrap();
    let path = edge.folder.path().join("copy/documents/000000000001/table.tree");
    damage(&path, |bytes| bytes.truncate(100));
    let fresh = Mind::open(edge.mind.options().clone(), Clock::from_fn(|| NOW)).0;
    assert!(fresh.serving(Dataset::Documents).is_none());
    let edge = Edge { mind: Arc::new(fresh), ..edge };
    assert_eq!(edge.pull(hub).await.unwrap().states, [(Dataset::Documents, 1)]);
    let fresh = Mind::open(edge.mind.options().clone(), Clock::from_fn(|| NOW)).0;
    assert!(fresh.serving(Dataset::Documents).is_some());
}

// Proves that a site has no more connections and requests than it may, and that another site is served all the same.
#[tokio::test]
async fn limits() {
    let mut net = Net::new(&csv(&[ROW, TDAWN]));
    net.settings.connections_per_site_max = 1;
    net.settings.requests_per_minute_max = 3;
    let (hub, _end) = net.serve().await;
    let [edge, other] = [net.edge("airport"), net.edge("port")];
    [&edge, &other].iter().for_each(|edge| net.enrol(edge));
    let mut link = edge.link(hub).await;
    for _ in 0..3 {
        link.small("/v1/copy", 1 << 20).await.unwrap();
    }
    assert!(matches!(link.small("/v1/copy", 1 << 20).await, Err(PullError::Hub(429, _))));
    let second = match Link::connect(&edge.settings(hub), Environment::Training).await {
        Ok(mut link) => link.small("/v1/copy", 1 << 20).await.map(drop),
        Err(error) => Err(error),
    };
    assert!(matches!(second, Err(PullError::Link(_))), "{second:?}");
    other.link(hub).await.small("/v1/copy", 1 << 20).await.unwrap();
}
