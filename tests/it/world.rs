//! A small world for the tests: keys, grants, a copy, a configuration, and daemons that are the built binary.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use postern::clock::Clock;
use postern::find::Profile;
use postern::grants;
use postern::keys::PrivateKey;
use postern::sim::feed::{self, Feed, Row};
use postern::sim::publisher::Publisher;
use postern::sim::{DocumentRecord, Faults, Logged, RunningSim, SimOptions, SimRecords, Simulator};
use postern_sdk::{DocumentType, Environment};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::client;

/// The built binary.
pub(crate) const POSTERN: &str = env!("CARGO_BIN_EXE_postern");
/// Records of the copy.
pub(crate) const RECORDS: u64 = 20_000;
/// How long anything may take on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(10);

/// Waits for a condition and gives what it found. The only place in these tests that waits for time.
#[allow(clippy::disallowed_methods)]
#[track_caller]
pub(crate) fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(POLL);
    }
}

/// Runs the binary to its end.
pub(crate) fn postern<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    Command::new(POSTERN).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// The exit code and both outputs, to look at or to show when a test fails.
pub(crate) fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// How a daemon is configured.
pub(crate) struct Setup {
    /// INTERPOL, if it is asked.
    pub(crate) find: Option<SocketAddr>,
    /// The mode of the policies.
    pub(crate) mode: &'static str,
    /// The log's level.
    pub(crate) level: &'static str,
    /// Deadline of the lanes in milliseconds. Generous, because these tests run beside a hundred others.
    pub(crate) deadline_ms: u64,
    /// Where the site's key comes from.
    pub(crate) key: String,
    /// Options of the copy beyond the usual ones.
    pub(crate) mind: &'static str,
    /// Options of the instance beyond the usual ones, each on a line of its own.
    pub(crate) instance: &'static str,
    /// Tables beyond the usual ones.
    pub(crate) more: String,
}

impl Default for Setup {
    fn default() -> Self {
        let key = r#"source = "file", file = "site.key", allow_key_on_disk = true"#.to_owned();
        Self {
            find: None,
            mode: "mind",
            level: "info",
            deadline_ms: 20_000,
            key,
            mind: "",
            instance: "",
            more: String::new(),
        }
    }
}

/// A folder with everything that a daemon needs but its configuration.
pub(crate) struct World {
    folder: TempDir,
    pub(crate) feed: Feed,
    publisher: OnceLock<Publisher>,
    started: AtomicU32,
}

impl World {
    /// Keys, grants, and a copy of a synthetic feed that is three hours old.
    pub(crate) fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            feed: feed::generate(RECORDS, 1),
            publisher: OnceLock::new(),
            started: AtomicU32::new(0),
        };
        world.build_copy();
        world.sign_grants();
        let password = world.write("find.password", "simulated");
        fs::set_permissions(password, fs::Permissions::from_mode(0o600)).unwrap();
        world
    }

    /// The publisher of the copy.
    pub(crate) fn publisher(&self) -> &Publisher {
        self.publisher.get().unwrap()
    }

    /// Another site of the same country: the same grants and root, a key pair of its own, and no copy yet.
    pub(crate) fn edge(&self) -> Self {
        let edge = Self {
            folder: tempfile::tempdir().unwrap(),
            feed: feed::generate(RECORDS, 1),
            publisher: OnceLock::new(),
            started: AtomicU32::new(0),
        };
        for name in ["grants.toml", "bureau.pub", "root.json", "root.sig", "find.password"] {
            fs::copy(self.path(name), edge.path(name)).unwrap();
        }
        fs::create_dir(edge.path("mind")).unwrap();
        edge
    }

    fn build_copy(&self) {
        self.feed.write_csv(File::create(self.path("feed.csv")).unwrap()).unwrap();
        let now = Clock::system().now();
        let publisher = Publisher::create(&self.path(""), Environment::Training, now).unwrap();
        let csv = File::open(self.path("feed.csv")).unwrap();
        publisher.snapshot(csv, 7, now - SignedDuration::from_hours(3), now, |_| {}).unwrap();
        self.publisher.set(publisher).unwrap();
    }

    fn sign_grants(&self) {
        let key = PrivateKey::generate().unwrap();
        key.public().write(&self.path("bureau.pub")).unwrap();
        let now = Clock::system().now();
        let document = format!(
            r#"format = 1
number = 1
environment = "training"
issuer = "NCB Utopia"
issued_at = "{now:.0}"
expires_at = "{:.0}"

[[grant]]
client = "egates"
databases = ["sltd", "tdawn"]
sites = ["ZZA-T1"]
purposes = ["border_control"]
view = "gate"

[[grant]]
client = "booths"
databases = ["sltd", "tdawn", "nominal", "smv", "public_notices"]
operations = ["search", "details", "images", "report"]
sites = ["ZZA-T1"]
purposes = ["border_control"]
view = "full"
"#,
            now + SignedDuration::from_hours(24)
        );
        self.write("grants.toml", &grants::sign(&document, &key).unwrap().0);
    }

    /// A file or folder of the world.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Passports of the feed whose number fits a machine-readable zone.
    pub(crate) fn stolen(&self) -> impl Iterator<Item = Row> + '_ {
        self.feed.rows().filter(|row| row.doc_type == DocumentType::PASSPORT && row.number.len() <= 9)
    }

    /// Writes the configuration.
    pub(crate) fn configure(&self, setup: &Setup) -> PathBuf {
        self.write("postern.toml", &config(setup))
    }

    /// Configures and starts a daemon, and waits until it is ready.
    pub(crate) fn start(&self, setup: &Setup) -> Daemon {
        self.start_as(Command::new(POSTERN), setup)
    }

    /// The same, by a command of which the binary's arguments are the last ones.
    pub(crate) fn start_as(&self, command: Command, setup: &Setup) -> Daemon {
        let daemon = self.launch(command, setup);
        until("the daemon to be ready", || {
            client::get(daemon.console, "/ready").ok().filter(|ready| ready.status == 200)
        });
        daemon
    }

    /// The same, without waiting until it is ready: its copy may be locked.
    pub(crate) fn launch(&self, mut command: Command, setup: &Setup) -> Daemon {
        let config = self.configure(setup);
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let log = self.path(&format!("log-{number}"));
        let child = command
            .arg("run")
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} can't be started: {error}"));
        Daemon::listening(child, log)
    }
}

/// INTERPOL, simulated from the world's feed.
pub(crate) struct Interpol {
    runtime: Runtime,
    sim: Option<RunningSim>,
}

impl Interpol {
    pub(crate) fn of(world: &World) -> Self {
        Self::with(world, [])
    }

    /// With documents that the copy does not have.
    pub(crate) fn with(world: &World, more: impl IntoIterator<Item = DocumentRecord>) -> Self {
        let records = SimRecords::from_csv(File::open(world.path("feed.csv")).unwrap()).unwrap();
        let records = records.and_documents(more);
        let options = SimOptions {
            listen: ([127, 0, 0, 1], 0).into(),
            admin_listen: None,
            tls: None,
            records: Arc::new(records.with_nominals(1, 50)),
            seed: 1,
            profile: Arc::new(Profile::built_in()),
            clock: Clock::system(),
        };
        let runtime = Runtime::new().unwrap();
        let sim = runtime.block_on(Simulator::start(options)).unwrap();
        Self { runtime, sim: Some(sim) }
    }

    fn sim(&self) -> &RunningSim {
        self.sim.as_ref().unwrap()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.sim().addr
    }

    /// How many records the countries manage.
    pub(crate) fn managed(&self) -> usize {
        self.sim().managed()
    }

    /// Writes every request from now on into a file, a line of JSON each.
    pub(crate) fn log_to(&self, path: &Path) {
        self.sim().log_to(File::create(path).unwrap());
    }

    /// How many requests it answered, by service, step and result.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.sim().log().counts
    }

    /// What it was asked, the latest last.
    pub(crate) fn asked(&self) -> Vec<Logged> {
        self.sim().log().latest
    }

    /// Makes it behave otherwise from now on.
    pub(crate) fn behave(&self, faults: Faults) {
        self.sim().set_faults(faults).unwrap();
    }
}

impl Drop for Interpol {
    fn drop(&mut self) {
        let sim = self.sim.take().unwrap();
        self.runtime.block_on(sim.shutdown());
    }
}

fn config(setup: &Setup) -> String {
    let Setup { mode, level, deadline_ms, key, mind, instance, more, .. } = setup;
    let find = setup.find.map(|address| {
        format!(
            "[find]\nbase_url = \"http://{address}\"\nusername = \"it\"\npassword_file = \"find.password\"\n\
             breaker_failures = 1000000\nbreaker_requests_min = 1000000\n"
        )
    });
    let find = find.unwrap_or_default();
    format!(
        r#"[postern]
name = "it"
environment = "training"
country = "UTO"{instance}

[journal]
folder = "journal"
segment_bytes = 1048576

[mind]
folder = "mind"
root_file = "root.json"
key = {{ {key} }}
{mind}

[grants]
file = "grants.toml"
bureau_key_file = "bureau.pub"

[policy.documents]
databases = ["sltd", "tdawn"]
mode = "{mode}"
find_timeout_ms = 700

[policy.everything]
databases = ["sltd", "tdawn", "nominal", "smv"]
mode = "{mode}"
find_timeout_ms = 700

[lane.egates]
transport = "tcp"
listen = "127.0.0.1:0"
framing = "stx_etx"
adapter = "mrz"
policy = "documents"
client = "egates"
view = "gate"
deadline_ms = {deadline_ms}
context = {{ agency = "Border Guard", end_user = "e-gate", site = "ZZA-T1", direction = "entry", purpose = "border_control" }}

[lane.booths]
transport = "http"
listen = "127.0.0.1:0"
adapter = "json"
policy = "everything"
client = "booths"
view = "full"
deadline_ms = {deadline_ms}
context = {{ agency = "Border Guard", site = "ZZA-T1", direction = "entry", purpose = "border_control" }}

[console]
listen = "127.0.0.1:0"

[log]
level = "{level}"
format = "json"

{find}
{more}
"#
    )
}

/// A running daemon, killed when it is dropped.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
    lanes: BTreeMap<String, SocketAddr>,
    hub: Option<SocketAddr>,
    relay: Option<SocketAddr>,
    console: SocketAddr,
}

impl Daemon {
    fn listening(child: Child, log: PathBuf) -> Self {
        let mut daemon = Self {
            child,
            log,
            lanes: BTreeMap::new(),
            hub: None,
            relay: None,
            console: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        until("the daemon's addresses", || daemon.learn());
        daemon
    }

    /// Learns the addresses from the log; the console's comes last.
    fn learn(&mut self) -> Option<()> {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("the daemon ended with {status}:\n{}", self.log());
        }
        let log = self.log();
        let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        for event in events {
            let address = event["address"].as_str().and_then(|address| address.parse().ok());
            match (event["message"].as_str(), address) {
                (Some("The lane listens."), Some(address)) => {
                    self.lanes.insert(event["lane"].as_str()?.to_owned(), address);
                }
                (Some("The hub listens."), address) => self.hub = address,
                (Some("The relay listens."), address) => self.relay = address,
                (Some("The console listens."), Some(address)) => {
                    self.console = address;
                    return Some(());
                }
                _ => {}
            }
        }
        None
    }

    /// Where a lane listens.
    pub(crate) fn lane(&self, name: &str) -> SocketAddr {
        self.lanes[name]
    }

    /// Where the hub listens.
    pub(crate) fn hub(&self) -> SocketAddr {
        self.hub.unwrap()
    }

    /// Where the hub asks FIND for edges.
    pub(crate) fn relay(&self) -> SocketAddr {
        self.relay.unwrap()
    }

    pub(crate) fn console(&self) -> SocketAddr {
        self.console
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would: nothing that it still wanted to do is done.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as an administrator does.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        until("the daemon to end", || self.child.try_wait().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            #[allow(clippy::print_stderr)]
            {
                eprintln!("the daemon's log:\n{}", tail(&self.log()));
            }
        }
    }
}

fn tail(log: &str) -> &str {
    let from = log.char_indices().rev().nth(4_000).map_or(0, |(at, _)| at);
    &log[from..]
}

/// The exit code of `postern journal verify`, with what it told.
pub(crate) fn verify_journal(folder: &Path) -> (Option<i32>, String, String) {
    told(&postern(["journal".as_ref(), "verify".as_ref(), folder.as_os_str()]))
}
