//! INTERPOL online, as it is written: a part of [`super::file`].

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// INTERPOL online.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Find {
    /// The profile of the wire format. Left out: the one that is built in.
    #[serde(default)]
    pub profile: Option<PathBuf>,
    /// Where the services are: `http://host:port` or `https://host:port`; the profile adds the path of each. Mandatory,
    /// unless `relay` stands in its place.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The hub that asks INTERPOL for this instance, in place of `base_url`.
    #[serde(default)]
    pub relay: Option<FindRelay>,
    /// The service account's name. Mandatory with `base_url`.
    #[serde(default)]
    pub username: Option<String>,
    /// The file that holds the service account's password. Mandatory with `base_url`.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The authority and the client certificate for `https`.
    #[serde(default)]
    pub tls: Option<ClientTls>,
    /// How long a connection may take to be made, in milliseconds.
    #[serde(default = "default_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// How long a request may take in all, in milliseconds, whatever its lane's deadline: a late answer is still taken.
    #[serde(default = "default_request_timeout_ms")]
    pub request_timeout_ms: u64,
    /// How many requests may be under way at once.
    #[serde(default = "default_concurrency_max")]
    pub concurrency_max: usize,
    /// How many fetches of files (notices, images) may be under way at once, beside the other requests.
    #[serde(default = "default_file_concurrency_max")]
    pub file_concurrency_max: usize,
    /// How long a fetch of a file may take in all, in milliseconds.
    #[serde(default = "default_file_timeout_ms")]
    pub file_timeout_ms: u64,
    /// Whether persons are found by the same name only, for accounts that may not search by likeness.
    #[serde(default)]
    pub exact_names: bool,
    /// How many requests a second the account allows, over all services. 0: no cap.
    #[serde(default)]
    pub rate_per_s_max: u32,
    /// The share of the account's rate that is this instance's, in percent: what several instances have together must not
    /// be more than 100.
    #[serde(default = "default_rate_share_percent")]
    pub rate_share_percent: u8,
    /// For how many of a hundred requests one may be asked again that failed and is safe to repeat. 0: none.
    #[serde(default = "default_retry_percent")]
    pub retry_percent: u8,
    /// How old a connection may become before another takes its place, in seconds, so that a changed address or certificate
    /// of the services is used.
    #[serde(default = "default_connection_age_s_max")]
    pub connection_age_s_max: u64,
    /// How many records a search asks for; a list of this length counts as cut.
    #[serde(default = "default_records_max")]
    pub records_max: u16,
    /// After how many failures in a row the breaker opens.
    #[serde(default = "default_breaker_failures")]
    pub breaker_failures: u32,
    /// Or at which share of failures among the latest requests, in percent.
    #[serde(default = "default_breaker_failure_percent")]
    pub breaker_failure_percent: u8,
    /// So many requests are needed for their share of failures to count.
    #[serde(default = "default_breaker_requests_min")]
    pub breaker_requests_min: u32,
    /// How long a request counts for the share, in milliseconds.
    #[serde(default = "default_breaker_window_ms")]
    pub breaker_window_ms: u64,
    /// How long an open breaker rests before the service is tried with a harmless question, in milliseconds.
    #[serde(default = "default_breaker_rest_ms")]
    pub breaker_rest_ms: u64,
    /// How long that trial may take, in milliseconds.
    #[serde(default = "default_probe_timeout_ms")]
    pub probe_timeout_ms: u64,
}

const fn default_connect_timeout_ms() -> u64 {
    1_000
}
const fn default_request_timeout_ms() -> u64 {
    10_000
}
const fn default_concurrency_max() -> usize {
    64
}
const fn default_file_concurrency_max() -> usize {
    2
}
const fn default_file_timeout_ms() -> u64 {
    60_000
}
const fn default_rate_share_percent() -> u8 {
    100
}
const fn default_retry_percent() -> u8 {
    20
}
const fn default_connection_age_s_max() -> u64 {
    300
}
const fn default_records_max() -> u16 {
    20
}
const fn default_breaker_failures() -> u32 {
    5
}
const fn default_breaker_failure_percent() -> u8 {
    60
}
const fn default_breaker_requests_min() -> u32 {
    20
}
const fn default_breaker_window_ms() -> u64 {
    10_000
}
const fn default_probe_timeout_ms() -> u64 {
    2_000
}
const fn default_breaker_rest_ms() -> u64 {
    2_000
}

/// The hub that asks INTERPOL for an edge.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindRelay {
    /// Where the hub's relay listens: `https://host:port`.
    pub url: String,
    /// The authority of the hub's certificate, and this edge's own certificate, which is mandatory here: it names the edge.
    pub tls: ClientTls,
}

/// The authority that a server's certificate must come from, and our own certificate.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientTls {
    /// The private authority, PEM. The system's store is never used.
    pub ca_file: PathBuf,
    /// The lists of revoked certificates, PEM or DER: one of each authority in a chain. With any, a server whose revocation
    /// can't be told is refused, and so is every server once its list has expired. Files that change are read anew.
    #[serde(default)]
    pub crl_files: Vec<PathBuf>,
    /// Our certificate chain, PEM.
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// Our key, PEM (PKCS#8), readable by its owner alone.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
}
