//! A daemon with a copy, as a process of its own.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use jiff::SignedDuration;
use postern::clock::Clock;
use postern::grants;
use postern::http_client::{self, Ask};
use postern::journal::storage::FileStorage;
use postern::journal::{Kind, Reader};
use postern::keys::PrivateKey;
use postern::sim::feed;
use postern::sim::publisher::Publisher;
use postern_formats::mrz::check_digit;
use postern_sdk::Environment;

type Failure = Box<dyn std::error::Error>;

/// Documents of the copy.
const RECORDS: u64 = 200_000;

/// The folder of everything.
pub(crate) struct World {
    folder: tempfile::TempDir,
    lane: SocketAddr,
    console: SocketAddr,
}

impl World {
    /// Builds the copy and writes grants and configuration.
    pub(crate) fn new() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let world = Self { lane: free_address()?, console: free_address()?, folder };
        world.build_copy()?;
        world.configure()?;
        Ok(world)
    }

    /// Where everything lies.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn build_copy(&self) -> Result<(), Failure> {
        let csv = self.folder().join("feed.csv");
        feed::generate(RECORDS, 1).write_csv(File::create(&csv)?)?;
        let now = Clock::system().now();
        let publisher = Publisher::create(self.folder(), Environment::Training, now)
            .map_err(|error| error.to_string())?;
        let built = publisher.snapshot(File::open(csv)?, 1, now, now, |_| {});
        built.map(drop).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn configure(&self) -> Result<(), Failure> {
        let key = PrivateKey::generate()?;
        key.public().write(&self.folder().join("bureau.pub"))?;
        let now = Clock::system().now();
        let (issued, expires) = (now, now + SignedDuration::from_hours(24));
        let document = format!(
            "format = 1\nnumber = 1\nenvironment = \"training\"\nissuer = \"bench\"\nissued_at = \"{issued:.0}\"\n\
             expires_at = \"{expires:.0}\"\n[[grant]]\nclient = \"gates\"\ndatabases = [\"sltd\", \"tdawn\"]\n\
             sites = \"*\"\npurposes = \"*\"\n"
        );
        fs::write(self.folder().join("grants.toml"), grants::sign(&document, &key)?.0)?;
        let mut options = File::options();
        let mut config =
            options.write(true).create(true).mode(0o600).open(self.folder().join("postern.toml"))?;
        let (lane, console) = (self.lane, self.console);
        write!(
            config,
            r#"
postern = {{ name = "bench", environment = "training", country = "UTO" }}
journal = {{ folder = "journal" }}
mind = {{ folder = "mind", root_file = "root.json", key = {{ source = "file", file = "site.key", allow_key_on_disk = true }} }}
grants = {{ file = "grants.toml", bureau_key_file = "bureau.pub" }}
console = {{ listen = "{console}" }}
log = {{ level = "warn" }}
[policy.copy]
databases = ["sltd", "tdawn"]
mode = "mind"
[lane.gates]
transport = "tcp"
listen = "{lane}"
framing = "length2"
adapter = "mrz"
policy = "copy"
client = "gates"
deadline_ms = 5000
context = {{ agency = "Border Guard", end_user = "e-gate", site = "ZZA", purpose = "border_control" }}
"#
        )?;
        Ok(())
    }

    /// Starts the daemon and waits until it is ready.
    pub(crate) async fn run(&self) -> Result<Daemon, Failure> {
        let child = Command::new(env!("CARGO_BIN_EXE_postern"))
            .args(["--config", "postern.toml", "run"])
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .spawn()?;
        let daemon = Daemon { child, lane: self.lane, console: self.console };
        while !matches!(http_client::ask(self.console, Ask::get("/ready")).await, Ok((200, _))) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(daemon)
    }

    /// What a screening's record takes in the journal, in bytes.
    pub(crate) fn record_bytes(&self) -> Result<usize, Failure> {
        let storage = Arc::new(FileStorage::at(&self.folder().join("journal")));
        for record in Reader::new(storage)? {
            if let Ok(record) = record?
                && record.kind == Kind::Screening
            {
                return Ok(postern::journal::format::frame_bytes(record.body.len()));
            }
        }
        Err("no screening was recorded".into())
    }
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// The daemon's process.
pub(crate) struct Daemon {
    child: Child,
    /// Its lane.
    pub(crate) lane: SocketAddr,
    console: SocketAddr,
}

/// What the journal counted so far.
#[derive(Clone, Copy)]
pub(crate) struct Syncs {
    count: f64,
    seconds: f64,
}

impl Syncs {
    /// The mean time of a sync since then, in seconds, and how many there were.
    pub(crate) fn since(self, then: Self) -> (f64, f64) {
        let count = (self.count - then.count).max(1.0);
        ((self.seconds - then.seconds) / count, count)
    }
}

impl Daemon {
    /// The syncs of the journal so far. The metrics are brought up to date once a second, so this waits for that.
    pub(crate) async fn syncs(&self) -> Result<Syncs, Failure> {
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        let (_, metrics) = http_client::ask(self.console, Ask::get("/metrics")).await?;
        let metrics = String::from_utf8_lossy(&metrics).into_owned();
        let value = |name: &str| -> f64 {
            let line =
                metrics.lines().find(|line| line.starts_with(name) && line.as_bytes()[name.len()] == b' ');
            line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
        };
        Ok(Syncs {
            count: value("postern_journal_groups_total"),
            seconds: value("postern_journal_sync_microseconds_total") / 1e6,
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passports of which nothing is on record, as length-prefixed frames.
pub(crate) fn zones() -> Arc<Vec<Vec<u8>>> {
    Arc::new((0..5_000).map(zone).collect())
}

fn zone(i: u32) -> Vec<u8> {
    let digit = |field: &str| check_digit(field.as_bytes()).map_or('<', char::from);
    let (number, birth, expiry) = (format!("{}X{:07}", i % 10, i), "740812", "320415");
    let optional = "<".repeat(14);
    let [n, b, e, o] = [&number, birth, expiry, &optional].map(digit);
    let composite = digit(&format!("{number}{n}{birth}{b}{expiry}{e}{optional}{o}"));
    let zone = format!(
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<{number}{n}UTO{birth}{b}F{expiry}{e}{optional}{o}{composite}"
    );
    let length = u16::try_from(zone.len()).unwrap_or_default().to_be_bytes();
    [&length[..], zone.as_bytes()].concat()
}
