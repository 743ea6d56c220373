//! The demo's small world: keys, grants, a copy, and the configuration of the daemon, all as files that a person can read.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use postern_sdk::Environment;

use crate::clock::Clock;
use crate::grants;
use crate::keys::PrivateKey;
use crate::mind::{Manifest, Progress};
use crate::sim::feed::Feed;
use crate::sim::publisher::Publisher;

/// How old the copy's data is when the demo begins.
const DATA_AGE: SignedDuration = SignedDuration::from_hours(3);

/// Where everything lies.
pub(super) struct World {
    /// The folder.
    pub(super) folder: PathBuf,
    /// The daemon's configuration.
    pub(super) config: PathBuf,
    /// The copy's feed.
    pub(super) feed: PathBuf,
}

/// What went wrong while the world was built.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

impl World {
    /// An empty world in a folder.
    ///
    /// # Errors
    /// If the folder can't be made.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        Ok(Self { config: folder.join("postern.toml"), feed: folder.join("feed.csv"), folder })
    }

    /// Writes the feed and builds the copy from it, signed by a new key of the publisher.
    ///
    /// # Errors
    /// If a file can't be written or the copy not built.
    pub(super) fn build_copy(
        &self,
        feed: &Feed,
        clock: &Clock,
        progress: impl FnMut(Progress),
    ) -> Result<Manifest, Failure> {
        feed.write_csv(BufWriter::new(File::create(&self.feed)?))?;
        let now = clock.now();
        let publisher = Publisher::create(&self.folder, Environment::Training, now)?;
        publisher.snapshot(File::open(&self.feed)?, 1, now - DATA_AGE, now, progress)
    }

    /// Writes the bureau's grants and the daemon's configuration.
    ///
    /// # Errors
    /// If a file can't be written.
    pub(super) fn configure(
        &self,
        simulator: SocketAddr,
        console: SocketAddr,
        clock: &Clock,
    ) -> Result<(), Failure> {
        let key = PrivateKey::generate()?;
        key.public().write(&self.folder.join("bureau.pub"))?;
        let (signed, _) = grants::sign(&granted(clock.now()), &key)?;
        fs::write(self.folder.join("grants.toml"), signed)?;
        write_secret(&self.folder.join("find.password"), "simulated")?;
        fs::write(&self.config, config(simulator, console))?;
        Ok(())
    }
}

fn write_secret(path: &Path, secret: &str) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(secret.as_bytes())
}

fn granted(now: Timestamp) -> String {
    let expires = now + SignedDuration::from_hours(24 * 30);
    format!(
        r#"format = 1
number = 1
environment = "training"
issuer = "NCB Utopia"
issued_at = "{now:.0}"
expires_at = "{expires:.0}"

[[grant]]
client = "egates"
databases = ["sltd", "tdawn"]
sites = ["ZZA-T1"]
purposes = ["border_control"]
view = "gate"

[[grant]]
client = "booths"
databases = ["sltd", "tdawn", "nominal"]
operations = ["search", "details"]
sites = ["ZZA-T1"]
purposes = ["border_control"]
view = "full"
"#
    )
}

fn config(simulator: SocketAddr, console: SocketAddr) -> String {
    format!(
        r#"# The demo's daemon: two lanes, the simulator as INTERPOL, a copy of the same data as it was three hours ago.
[postern]
name = "demo"
environment = "training"
country = "UTO"

[journal]
folder = "journal"

[find]
base_url = "http://{simulator}"
username = "demo"
password_file = "find.password"
connect_timeout_ms = 500
breaker_failures = 3
breaker_rest_ms = 500

[mind]
folder = "mind"
root_file = "root.json"
key = {{ source = "file", file = "site.key", allow_key_on_disk = true }}

[grants]
file = "grants.toml"
bureau_key_file = "bureau.pub"

[policy.documents]
databases = ["sltd", "tdawn"]
mode = "find_then_mind"
find_timeout_ms = 400

[policy.everything]
databases = ["sltd", "tdawn", "nominal"]
mode = "find_then_mind"
find_timeout_ms = 400

[lane.egates]
transport = "tcp"
listen = "127.0.0.1:0"
framing = "stx_etx"
adapter = "mrz"
policy = "documents"
client = "egates"
view = "gate"
context = {{ agency = "Border Guard", end_user = "e-gate", site = "ZZA-T1", direction = "entry", purpose = "border_control" }}

[lane.booths]
transport = "http"
listen = "127.0.0.1:0"
adapter = "json"
policy = "everything"
client = "booths"
view = "full"
context = {{ agency = "Border Guard", site = "ZZA-T1", direction = "entry", purpose = "border_control" }}

[console]
listen = "{console}"

[log]
level = "warn"
"#
    )
}
