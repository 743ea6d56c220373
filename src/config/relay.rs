//! FIND for edges, as it is written: a part of [`super::file`].

use std::collections::BTreeMap;
use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::ServerTls;

/// Asks INTERPOL for edges.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// The address to listen at. Port 0: any free port, told in the log.
    #[schemars(extend("format" = "socket-address"))]
    pub listen: SocketAddr,
    /// The certificate, and the authority of the edges' certificates, which is mandatory here: a certificate names its edge
    /// as it would name a lane's client.
    pub tls: ServerTls,
    /// Connections at once.
    #[serde(default = "default_connections_max")]
    pub connections_max: usize,
    /// Connections at once of one edge. An edge needs as many as it has questions under way.
    #[serde(default = "default_connections_per_edge_max")]
    pub connections_per_edge_max: usize,
    /// The edges by the names in their certificates. Others are refused.
    #[serde(default)]
    pub edge: BTreeMap<String, RelayEdge>,
}

/// An edge's share.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelayEdge {
    /// How many questions a second it may ask. Each may cost the account several requests: the services of its databases, and details.
    #[serde(default = "default_rate_per_s_max")]
    pub rate_per_s_max: u32,
    /// How many of its questions may be under way at once.
    #[serde(default = "default_concurrency_max")]
    pub concurrency_max: usize,
}

const fn default_connections_max() -> usize {
    1_024
}
const fn default_connections_per_edge_max() -> usize {
    160
}
const fn default_rate_per_s_max() -> u32 {
    10
}
const fn default_concurrency_max() -> usize {
    8
}
