//! How the copy is distributed, as it is written: a part of [`super::file`].

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::{ClientTls, ServerTls};

/// Publishes the copy's folder to sites that are enrolled.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MindHub {
    /// The address to listen at. Port 0: any free port, told in the log.
    #[schemars(extend("format" = "socket-address"))]
    pub listen: SocketAddr,
    /// The certificate, and the authority of the sites' certificates, which is mandatory here: the common name of a
    /// certificate is the name of the site.
    pub tls: ServerTls,
    /// Connections at once.
    #[serde(default = "default_connections_max")]
    pub connections_max: usize,
    /// Connections at once of one site; all that are not enrolled count as one.
    #[serde(default = "default_connections_per_site_max")]
    pub connections_per_site_max: usize,
    /// Requests a minute of one site; all that are not enrolled count as one.
    #[serde(default = "default_requests_per_minute_max")]
    pub requests_per_minute_max: u32,
    /// Most mebibytes a second of one connection; 0 for as fast as it goes.
    #[serde(default)]
    pub mib_per_second: u64,
    /// How long a site may take nothing of what is sent, in milliseconds.
    #[serde(default = "default_write_timeout_ms")]
    pub write_timeout_ms: u64,
}

/// Pulls the copy from a hub.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MindSource {
    /// Where the hub is: `https://host:port`.
    pub url: String,
    /// The authority of the hub's certificate, and this site's own certificate, which is mandatory here.
    pub tls: ClientTls,
    /// The datasets that are pulled. Empty: all that the hub has.
    #[serde(default)]
    pub datasets: Vec<String>,
    /// How often the hub is asked for news, in seconds.
    #[serde(default = "default_interval_s")]
    pub interval_s: u64,
    /// How long the hub may send nothing while something is expected, in milliseconds.
    #[serde(default = "default_source_request_timeout_ms")]
    pub request_timeout_ms: u64,
    /// How long at most is waited after a failure, in seconds; the first wait is one second, and each is twice as long
    /// as the one before, with jitter. A download that was cut goes on at once.
    #[serde(default = "default_source_retry_s_max")]
    pub retry_s_max: u64,
}

const fn default_connections_max() -> usize {
    64
}
const fn default_connections_per_site_max() -> usize {
    4
}
const fn default_requests_per_minute_max() -> u32 {
    1_200
}
const fn default_write_timeout_ms() -> u64 {
    30_000
}
const fn default_interval_s() -> u64 {
    300
}
const fn default_source_request_timeout_ms() -> u64 {
    30_000
}
const fn default_source_retry_s_max() -> u64 {
    300
}
