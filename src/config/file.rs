//! The configuration as it is written: one TOML file and the files of `conf.d` beside it.
//!
//! These types are the reference of every option: name, unit, default and meaning stand here and nowhere else. What they
//! can't say (a policy that a lane names must exist, an address must be free) is checked by [`super::load`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use postern_sdk::{Database, Direction, Environment, State, View};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::batch::Batch;
pub use super::distribution::{MindHub, MindSource};
pub use super::key::{KeySource, MindKey};
pub use super::online::{ClientTls, Find, FindRelay};
pub use super::recheck::Recheck;
pub use super::relay::{Relay, RelayEdge};
use crate::screening::Mode;

/// The whole configuration.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// This instance.
    pub postern: Instance,
    /// The journal.
    #[serde(default)]
    pub journal: Journal,
    /// INTERPOL online. Left out: nothing is asked online.
    #[serde(default)]
    pub find: Option<Find>,
    /// Asking FIND later what could not be asked now. It is on wherever FIND is configured.
    #[serde(default)]
    pub recheck: Recheck,
    /// Asking FIND for edges. Left out: nobody else is served.
    #[serde(default)]
    pub relay: Option<Relay>,
    /// Lists that are worked off beside the lanes. Left out: none is taken.
    #[serde(default)]
    pub batch: Option<Batch>,
    /// The local copy. Left out: there is none.
    #[serde(default)]
    pub mind: Option<Mind>,
    /// What the bureau grants to whom.
    pub grants: Grants,
    /// The policies by name.
    #[serde(default)]
    pub policy: BTreeMap<String, Policy>,
    /// The lanes by name.
    #[serde(default)]
    pub lane: BTreeMap<String, Lane>,
    /// The operations console.
    #[serde(default)]
    pub console: Option<Console>,
    /// The operational log.
    #[serde(default)]
    pub log: Log,
}

/// This instance.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// A name for people: in the console and in metrics.
    pub name: String,
    /// Whether this is production or training. Copy, grants, certificates and services of the other are refused.
    pub environment: Environment,
    /// The country that asks: its three-letter code begins each reference in country.
    pub country: State,
    /// How many worker threads serve lanes. 0: one a core.
    #[serde(default)]
    pub workers: usize,
    /// The socket at which `postern find` and `postern batch` command this daemon. Nobody else may write in its folder. Left out: nobody
    /// commands it.
    #[serde(default)]
    pub control_socket: Option<PathBuf>,
}

/// The journal.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Journal {
    /// Its folder, which must be on a local disk.
    pub folder: PathBuf,
    /// Size of a segment in bytes.
    pub segment_bytes: u64,
    /// How long at most a commit waits for other answers to share its sync, in microseconds.
    pub gather_us_max: u64,
    /// How much of a lane's deadline is kept back for the commit, in milliseconds.
    pub commit_budget_ms: u64,
    /// How long a sender's id is remembered, in seconds: within it a second message is answered as the first was.
    pub duplicate_window_s: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("journal"),
            segment_bytes: 64 << 20,
            gather_us_max: 500,
            commit_budget_ms: 250,
            duplicate_window_s: 86_400,
        }
    }
}

/// The local copy.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mind {
    /// The folder of snapshots, one a dataset.
    pub folder: PathBuf,
    /// The file of the root that is believed from the start: which keys must sign the copy's states. Its signatures
    /// stand beside it, in a file ending in `.sig`; later roots come with the copy.
    pub root_file: PathBuf,
    /// The file with the country's public key, which signs the withdrawals of its own records ahead of the copy.
    #[serde(default)]
    pub country_key_file: Option<PathBuf>,
    /// Where the site's private key comes from, which opens the copy. Mandatory: there is no place that is right for all.
    #[serde(default)]
    pub key: Option<MindKey>,
    /// From this age on an answer says that the copy is old, in hours.
    #[serde(default = "default_warn_age_h")]
    pub warn_age_h: u64,
    /// From this age on the copy's silence is not checked, in hours.
    #[serde(default = "default_stop_age_h")]
    pub stop_age_h: u64,
    /// At this age the copy is no longer opened, in hours.
    #[serde(default = "default_purge_age_h")]
    pub purge_age_h: u64,
    /// Changes are folded into a new base when its data is so many hours older than that of the state.
    #[serde(default = "default_fold_after_h")]
    pub fold_after_h: u64,
    /// Or when there are so many of them.
    #[serde(default = "default_fold_changes")]
    pub fold_changes: u64,
    /// Most bytes a second that a fold writes, in mebibytes; 0 for as fast as it goes.
    #[serde(default)]
    pub fold_mib_per_second: u64,
    /// Publishes the copy to sites that are enrolled. Left out: nobody is served.
    #[serde(default)]
    pub hub: Option<MindHub>,
    /// Pulls the copy from a hub. Left out: states are put here by hand.
    #[serde(default)]
    pub source: Option<MindSource>,
}

const fn default_warn_age_h() -> u64 {
    24
}
const fn default_stop_age_h() -> u64 {
    48
}
const fn default_purge_age_h() -> u64 {
    720
}
const fn default_fold_after_h() -> u64 {
    20
}
const fn default_fold_changes() -> u64 {
    500_000
}

/// What the bureau grants to whom.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// The signed document.
    pub file: PathBuf,
    /// The file with the bureau's public key.
    pub bureau_key_file: PathBuf,
}

/// Which databases are asked, and how.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The databases, at least one.
    pub databases: Vec<Database>,
    /// How each of them is asked.
    pub mode: Mode,
    /// The databases that are asked in another way.
    #[serde(default)]
    pub modes: BTreeMap<Database, Mode>,
    /// How long FIND may take before the copy is asked in its place, in milliseconds.
    #[serde(default = "default_find_timeout_ms")]
    pub find_timeout_ms: u64,
    /// How long the copy's silence waits for FIND in the mode `hedged`, in milliseconds.
    #[serde(default = "default_hedge_limit_ms")]
    pub hedge_limit_ms: u64,
    /// Of a thousand fresh misses in the mode `mind_then_find`, how many are rechecked with FIND.
    #[serde(default)]
    pub recheck_permille: u16,
}

const fn default_find_timeout_ms() -> u64 {
    1_200
}
const fn default_hedge_limit_ms() -> u64 {
    600
}

/// How bytes arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// A stream of frames over TCP.
    Tcp,
    /// HTTP/1.1 requests.
    Http,
}

/// How frames are told apart on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// A line that LF, CR or CRLF ends. A message of several lines can't use it.
    Line,
    /// STX (0x02), the message, ETX (0x03).
    StxEtx,
    /// The length in two bytes, big-endian, then the message.
    Length2,
    /// The length in four bytes, big-endian, then the message.
    Length4,
}

/// One connection to a national system: transport, framing, adapter and policy.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// How bytes arrive.
    pub transport: Transport,
    /// The address to listen at. Port 0: any free port, told in the log.
    #[schemars(extend("format" = "socket-address"))]
    pub listen: SocketAddr,
    /// How frames are told apart; for `tcp` only.
    #[serde(default)]
    pub framing: Option<Framing>,
    /// The adapter of the native format.
    pub adapter: String,
    /// Whether deviations from the format's standard are refused rather than reported.
    #[serde(default)]
    pub strict: bool,
    /// The adapter's own options.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub options: BTreeMap<String, toml::Value>,
    /// The name of the policy.
    pub policy: String,
    /// How long an answer may take, in milliseconds, from the last byte of the question to the first of the answer.
    #[serde(default = "default_deadline_ms")]
    pub deadline_ms: u64,
    /// How much the client sees at most; its grant may allow less.
    #[serde(default)]
    pub view: View,
    /// Who the client is, where neither certificate nor token names it. Only an address of the loopback interface may
    /// be served without either.
    #[serde(default)]
    pub client: Option<String>,
    /// The file of tokens that name clients, for `http`: lines `client:sha256-of-token`.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// The certificate that the lane shows, and the authority of its clients' certificates.
    #[serde(default)]
    pub tls: Option<ServerTls>,
    /// What the native format lacks of the context.
    #[serde(default)]
    pub context: LaneContext,
    /// The limits of the lane.
    #[serde(default)]
    pub limits: Limits,
}

const fn default_deadline_ms() -> u64 {
    2_000
}

/// The certificate that a server shows, and the authority of its clients' certificates.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// The certificate chain, PEM.
    pub cert_file: PathBuf,
    /// The key, PEM (PKCS#8), readable by its owner alone.
    pub key_file: PathBuf,
    /// The authority of clients' certificates. Given: every client must show one, and its common name names the client.
    #[serde(default)]
    pub client_ca_file: Option<PathBuf>,
}

/// What the native format lacks of the context; each field that is supplied is marked as such.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LaneContext {
    /// The authority on whose behalf is asked.
    pub agency: Option<String>,
    /// The officer, or the named device, that asks.
    pub end_user: Option<String>,
    /// The gate, booth or workstation.
    pub terminal: Option<String>,
    /// The border crossing point, port, office or ship.
    pub site: Option<String>,
    /// The way of the traveller.
    pub direction: Option<Direction>,
    /// Why is asked, as a code of the grant.
    pub purpose: Option<String>,
    /// The named operation under which is asked.
    pub operation: Option<String>,
    /// Whether records' owners must not learn of the questions.
    pub silent: bool,
}

/// The limits of a lane. Everything has one.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Size of a frame or body in bytes.
    pub frame_bytes_max: usize,
    /// Connections at once.
    pub connections_max: usize,
    /// Frames of one connection that are being answered at once.
    pub in_flight_max: usize,
    /// Subjects of one message.
    pub subjects_max: usize,
    /// How long a frame may take from its first byte to its last, in milliseconds.
    pub frame_timeout_ms: u64,
    /// How long a connection may be silent between frames, in milliseconds.
    pub idle_timeout_ms: u64,
    /// How long a client may take to read an answer, in milliseconds.
    pub write_timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: 64 << 10,
            connections_max: 1_024,
            in_flight_max: 64,
            subjects_max: 1_000,
            frame_timeout_ms: 5_000,
            idle_timeout_ms: 3_600_000,
            write_timeout_ms: 5_000,
        }
    }
}

/// The operations console.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Console {
    /// The address to listen at. Any but an address of the loopback interface needs `tls` with `client_ca_file`.
    #[schemars(extend("format" = "socket-address"))]
    pub listen: SocketAddr,
    /// The certificate, and the authority of operators' certificates.
    #[serde(default)]
    pub tls: Option<ServerTls>,
}

/// The operational log. It holds ids, classes and durations, never personal data.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// From which weight on events are written.
    pub level: LogLevel,
    /// How events are written.
    pub format: LogFormat,
}

/// The weight of an event in the operational log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What failed and needs a person.
    Error,
    /// What is degraded, or will fail if nobody looks.
    Warn,
    /// What changed: a lane opened, a breaker closed.
    #[default]
    Info,
    /// What an engineer needs to follow one exchange.
    Debug,
    /// Everything.
    Trace,
}

/// How the operational log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// A line of text for people.
    #[default]
    Text,
    /// A JSON object a line for a collector.
    Json,
}
