//! Asking FIND for edges, as the settings name it.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::error::StartError;
use super::{DRAIN_LIMIT, Parts, lanes};
use crate::config::settings::{Config, Limits, Relay};
use crate::engine::Shared;
use crate::find::Online;
use crate::find::relay::PATH;
use crate::lane::HttpLane;
use crate::relay::{Desk, Sources};
use crate::tls::{self, Speaks};

/// How long an edge's connection may be silent, in milliseconds: longer than an edge keeps one.
const IDLE_TIMEOUT_MS: u64 = 120_000;

/// How large a question may be, in bytes.
const QUESTION_BYTES_MAX: usize = 64 << 10;

/// Binds the socket for edges, if there are any.
pub(super) async fn bind(config: &Config) -> Result<Option<TcpListener>, StartError> {
    match &config.relay {
        Some(relay) => lanes::listen("relay", relay.listen).await.map(Some),
        None => Ok(None),
    }
}

/// The desk that answers edges, if FIND is asked for any.
pub(super) fn desk(config: &Config, shared: &Arc<Shared>, find: Option<&Online>) -> Option<Desk> {
    let (relay, find) = (config.relay.as_ref()?, find?);
    let sources = Sources { for_lanes: find.for_lanes(), in_background: find.in_background() };
    let environment = config.instance.environment;
    Some(Desk::new(Arc::clone(shared), sources, environment, config.journal.commit_budget, &relay.edge))
}

/// Serves edges in a task of its own.
pub(super) fn serve(
    parts: &Parts,
    listener: Option<TcpListener>,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Result<(), StartError> {
    let (Some(relay), Some(desk), Some(listener)) = (&parts.config.relay, &parts.relay, listener) else {
        return Ok(());
    };
    let tls = tls::Server::from_config(&relay.tls, parts.config.instance.environment, Speaks::Http);
    let tls = tls.map_err(StartError::config)?;
    let address = listener.local_addr().map_err(StartError::unavailable)?;
    tracing::info!(%address, "The relay listens.");
    let lane = HttpLane::new("relay", limits(relay), None, Some(tls), Arc::new(desk.clone()))
        .at(PATH)
        .with_connections_per_client(relay.connections_per_edge_max);
    tasks.spawn(lane.run(listener, shutdown.clone().cancelled_owned(), DRAIN_LIMIT));
    Ok(())
}

fn limits(relay: &Relay) -> Limits {
    Limits {
        frame_bytes_max: QUESTION_BYTES_MAX,
        connections_max: relay.connections_max,
        idle_timeout_ms: IDLE_TIMEOUT_MS,
        ..Limits::default()
    }
}
