//! Building lanes from their settings.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::error::StartError;
use super::{DRAIN_LIMIT, Parts};
use crate::config::settings::{ClientIdentity, Config, Lane, Wire};
use crate::engine::{LaneHandler, LaneSettings};
use crate::find::{Find, Online};
use crate::lane::{Documents, Fetches, Handler, HttpLane, TcpLane, Tokens};
use crate::second_line::{FetchHandler, Looking};
use crate::tls::{self, Speaks};
use crate::wisdm::{Act, DocumentsHandler, OpenError, Speed, Wisdm};

/// A lane with its address and listening socket.
pub(super) type Bound = (Lane, SocketAddr, TcpListener);

/// Binds every lane's socket, so that addresses are known before anything is served.
pub(super) async fn bind(config: &Config) -> Result<Vec<Bound>, StartError> {
    let mut bound = Vec::with_capacity(config.lanes.len());
    for lane in &config.lanes {
        let listener = listen(&lane.name, lane.listen).await?;
        let address = listener.local_addr().map_err(StartError::unavailable)?;
        bound.push((lane.clone(), address, listener));
    }
    Ok(bound)
}

/// Binds a socket.
pub(super) async fn listen(name: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| StartError::unavailable(format_args!("{name} can't listen at {address}: {error}")))
}

/// Serves every lane in a task of its own.
pub(super) fn serve(
    parts: &Parts,
    bound: Vec<Bound>,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Result<(), StartError> {
    let (wisdm, looking) = (wisdm(parts)?, Looking::default());
    for (lane, address, listener) in bound {
        let handler: Arc<dyn Handler> =
            Arc::new(LaneHandler::new(Arc::clone(&parts.shared), settings(&lane, &parts.config)));
        let shutdown = shutdown.clone().cancelled_owned();
        tracing::info!(lane = lane.name, %address, adapter = lane.adapter.name, "The lane listens.");
        match lane.wire {
            Wire::Tcp(framing) => {
                let tls = tls(&lane, &parts.config, Speaks::Frames)?;
                let tcp = TcpLane::new(&lane.name, framing, lane.limits, named(&lane), tls, handler);
                tasks.spawn(tcp.run(listener, shutdown, DRAIN_LIMIT));
            }
            Wire::Http => {
                let mut http = http(&lane, &parts.config, handler)?;
                if let Some(wisdm) = &wisdm {
                    http = http.with_documents(documents(&lane, parts, wisdm));
                }
                if let Some(find) = parts.find.as_ref().and_then(Online::interpol) {
                    http = http.with_fetches(fetches(&lane, parts, find, &looking));
                }
                tasks.spawn(http.run(listener, shutdown, DRAIN_LIMIT));
            }
        }
    }
    Ok(())
}

fn http(lane: &Lane, config: &Config, handler: Arc<dyn Handler>) -> Result<HttpLane, StartError> {
    let tls = tls(lane, config, Speaks::Http)?;
    let http = HttpLane::new(&lane.name, lane.limits, named(lane), tls, handler)
        .with_openapi(postern_json::openapi().to_string());
    match &lane.client {
        ClientIdentity::Token(file) => Ok(http.with_tokens(Tokens::read(file).map_err(StartError::config)?)),
        _ => Ok(http),
    }
}

/// The service of the country's own records, if INTERPOL is asked from here and the profile has it.
fn wisdm(parts: &Parts) -> Result<Option<Arc<Wisdm>>, StartError> {
    let Some(find) = parts.find.as_ref().and_then(Online::interpol) else { return Ok(None) };
    match Wisdm::beside(find, Speed::default()) {
        Ok(wisdm) => Ok(Some(Arc::new(wisdm))),
        Err(OpenError::NotInProfile) => Ok(None),
        Err(error) => Err(StartError::config(error)),
    }
}

/// Who answers what a lane's clients report and withdraw. Their grant says whether they may.
fn documents(lane: &Lane, parts: &Parts, wisdm: &Arc<Wisdm>) -> Documents {
    let handler = |act| -> Arc<dyn Handler> {
        let (shared, wisdm) = (Arc::clone(&parts.shared), Arc::clone(wisdm));
        Arc::new(DocumentsHandler { shared, wisdm, context: lane.context.clone(), act })
    };
    Documents { report: handler(Act::Report), withdraw: handler(Act::Withdraw) }
}

/// Who answers what a lane's second line asks about the records behind its hits.
fn fetches(lane: &Lane, parts: &Parts, find: &Arc<Find>, looking: &Looking) -> Fetches {
    let handler = |files| -> Arc<dyn Handler> {
        Arc::new(FetchHandler {
            shared: Arc::clone(&parts.shared),
            find: Arc::clone(find),
            looking: looking.clone(),
            lane: lane.name.clone(),
            context: lane.context.clone(),
            view: lane.view,
            files,
        })
    };
    Fetches { details: handler(false), files: handler(true) }
}

fn tls(lane: &Lane, config: &Config, speaks: Speaks) -> Result<Option<tls::Server>, StartError> {
    let Some(files) = &lane.tls else { return Ok(None) };
    tls::Server::from_config(files, config.instance.environment, speaks).map(Some).map_err(StartError::config)
}

fn named(lane: &Lane) -> Option<&str> {
    match &lane.client {
        ClientIdentity::Lane(name) => Some(name),
        _ => None,
    }
}

fn settings(lane: &Lane, config: &Config) -> LaneSettings {
    LaneSettings {
        name: lane.name.clone(),
        adapter: (lane.adapter.make)(),
        options: lane.options.clone(),
        policy: Arc::clone(&lane.policy),
        deadline: lane.deadline,
        commit_budget: config.journal.commit_budget,
        view: lane.view,
        context: lane.context.clone(),
        subjects_max: lane.limits.subjects_max,
    }
}
