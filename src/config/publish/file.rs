//! The configuration of a publisher as it is written. These types are the reference of every option.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use postern_sdk::{Database, Environment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::file::{ClientTls, Log};

/// The whole configuration of a publisher.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Whether the data is real (production) or not (training).
    pub environment: Environment,
    /// The copy that is published.
    pub copy: Copy,
    /// The watched folder.
    pub feeds: Feeds,
    /// The datasets that are published, by name: documents, vehicles, firearms, vessels, notices.
    #[serde(default)]
    pub dataset: BTreeMap<String, Published>,
    /// The sources that feeds are fetched from, by name.
    #[serde(default)]
    pub source: BTreeMap<String, Fetched>,
    /// The figures. Left out: none are served.
    #[serde(default)]
    pub metrics: Option<Metrics>,
    /// The operational log.
    #[serde(default)]
    pub log: Log,
}

/// The copy that is published.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// The folder of the copy.
    pub folder: PathBuf,
    /// The file of the root that is believed from the start, as the sites have it.
    pub root_file: PathBuf,
    /// The files of the publisher's private keys: as many as the root asks for.
    pub signing_key_files: Vec<PathBuf>,
    /// The file of the private key of a site that the copy is wrapped to: with it the newest state is opened to be changed.
    pub site_key_file: PathBuf,
    /// Where is noted what was begun and applied. Nobody else may write it.
    #[serde(default = "default_ledger_file")]
    pub ledger_file: PathBuf,
    /// How many states of a dataset are kept. A site that is further behind needs the newest base.
    #[serde(default = "default_keep_states")]
    pub keep_states: usize,
    /// How many of them are kept with their base; older ones only with their change.
    #[serde(default = "default_keep_bases")]
    pub keep_bases: usize,
}

/// The watched folder.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Feeds {
    /// Where it is. Feeds go from there to `done` or `failed` in it.
    pub folder: PathBuf,
    /// How a writer says that a feed is complete.
    #[serde(default)]
    pub complete: Complete,
    /// How often it is looked at, in milliseconds.
    #[serde(default = "default_look_ms")]
    pub look_ms: u64,
    /// How long a feed must have stayed as it is before it is taken, in milliseconds; for `rename`.
    #[serde(default = "default_settle_ms")]
    pub settle_ms: u64,
    /// Largest feed in bytes.
    #[serde(default = "default_file_bytes_max")]
    pub file_bytes_max: u64,
    /// Most feeds that may wait; with more, none is taken.
    #[serde(default = "default_files_max")]
    pub files_max: usize,
    /// How many feeds that became a version are kept in `done`. They are not sealed.
    #[serde(default = "default_keep_done")]
    pub keep_done: usize,
    /// How many feeds that were refused are kept in `failed`. They are not sealed.
    #[serde(default = "default_keep_failed")]
    pub keep_failed: usize,
    /// By how many percent a full feed may be smaller than the state before; a smaller one is taken for cut. 100: by any.
    #[serde(default = "default_shrink_percent_max")]
    pub shrink_percent_max: u64,
}

/// How a writer says that a feed is complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Complete {
    /// It writes under another name (hidden, or with another ending) and renames when all is written.
    #[default]
    Rename,
    /// It puts an empty file of the same name and `.done` beside it when all is written.
    Marker,
}

/// A dataset that is published.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The files of the public keys of the sites that may open it. A new one counts from the next snapshot on.
    pub recipients: Vec<PathBuf>,
    /// The databases that its feeds hold, and how much of each. Left out: sltd and tdawn in full, or the dataset's one;
    /// public notices always in part.
    #[serde(default)]
    pub databases: BTreeMap<Database, Held>,
    /// How many days after its extraction a state's silence still says something, unless a feed's sidecar says otherwise;
    /// of notices, after how many their matches are told as stale.
    #[serde(default = "default_expires_days")]
    pub expires_days: u32,
}

/// How much of a database a feed holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// All of it: its silence says that there is no record.
    Full,
    /// A part of it: its silence says nothing.
    Partial,
}

/// A source that a feed is fetched from.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fetched {
    /// Where the feed is: `https://host:port/path`.
    pub url: String,
    /// What it is a feed of: documents, vehicles, firearms, vessels or notices.
    pub dataset: String,
    /// What its rows are; of notices `snapshot`.
    pub rows: Rows,
    /// The header that tells when the data was extracted, as a time of HTTP or RFC 3339.
    #[serde(default = "default_as_of_header")]
    pub as_of_header: String,
    /// How often it is asked, in seconds.
    #[serde(default = "default_interval_s")]
    pub interval_s: u64,
    /// By up to how many percent of it each wait is longer.
    #[serde(default = "default_jitter_percent")]
    pub jitter_percent: u64,
    /// How long is waited after a failure, in milliseconds; twice as long after each further one, up to the interval.
    #[serde(default = "default_retry_ms")]
    pub retry_ms: u64,
    /// How long a connection, an answer's head, or a pause within its body may take, in milliseconds.
    #[serde(default = "default_idle_timeout_ms")]
    pub idle_timeout_ms: u64,
    /// How long a fetch may take in all, in seconds; what was received is gone on with.
    #[serde(default = "default_total_timeout_s")]
    pub total_timeout_s: u64,
    /// The server's private authority and our certificate; both sides show one.
    pub tls: ClientTls,
}

/// What the rows of a feed are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rows {
    /// All records, published as a snapshot, which every site fetches whole.
    Snapshot,
    /// Changes of the newest state.
    Changes,
    /// All records, of which only what differs from the newest state is published.
    Differences,
}

/// The figures.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// The address of the loopback interface to listen at.
    #[schemars(extend("format" = "socket-address"))]
    pub listen: SocketAddr,
}

fn default_ledger_file() -> PathBuf {
    PathBuf::from("publish.ledger.json")
}
const fn default_keep_states() -> usize {
    64
}
const fn default_keep_bases() -> usize {
    2
}
const fn default_look_ms() -> u64 {
    1_000
}
const fn default_settle_ms() -> u64 {
    2_000
}
const fn default_file_bytes_max() -> u64 {
    64 << 30
}
const fn default_files_max() -> usize {
    10_000
}
const fn default_keep_done() -> usize {
    10
}
const fn default_keep_failed() -> usize {
    100
}
const fn default_shrink_percent_max() -> u64 {
    20
}
const fn default_expires_days() -> u32 {
    30
}
fn default_as_of_header() -> String {
    "last-modified".to_owned()
}
const fn default_interval_s() -> u64 {
    900
}
const fn default_jitter_percent() -> u64 {
    10
}
const fn default_retry_ms() -> u64 {
    5_000
}
const fn default_idle_timeout_ms() -> u64 {
    30_000
}
const fn default_total_timeout_s() -> u64 {
    7_200
}
