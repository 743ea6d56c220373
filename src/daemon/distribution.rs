//! The copy's distribution: the hub that publishes it, and the source that it is pulled from.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::error::StartError;
use super::{Parts, copy, lanes};
use crate::config::settings::Config;
use crate::mind::hub::Hub;
use crate::mind::source::{Source, TellPurged};

/// Binds the hub's socket, if there is a hub.
pub(super) async fn bind(config: &Config) -> Result<Option<TcpListener>, StartError> {
    match config.mind.as_ref().and_then(|mind| mind.hub.as_ref()) {
        Some(hub) => lanes::listen("hub", hub.listen).await.map(Some),
        None => Ok(None),
    }
}

/// Serves as a hub and pulls from one, as configured, each in a task of its own.
pub(super) fn serve(
    parts: &Parts,
    listener: Option<TcpListener>,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Result<(), StartError> {
    let Some(settings) = &parts.config.mind else { return Ok(()) };
    let clock = &parts.shared.clock;
    if let (Some(hub), Some(listener)) = (&settings.hub, listener) {
        let environment = parts.config.instance.environment;
        let hub = Hub::new(settings.folder.clone(), hub.clone(), environment, clock.clone());
        let address = listener.local_addr().map_err(StartError::unavailable)?;
        tracing::info!(%address, "The hub listens.");
        let hub = Arc::new(hub.map_err(StartError::config)?);
        tasks.spawn(hub.run(listener, shutdown.clone().cancelled_owned()));
    }
    if let (Some(source), Some(mind)) = (&settings.source, &parts.mind) {
        let shared = Arc::clone(&parts.shared);
        let certify: TellPurged = Arc::new(move |purged| {
            let shared = Arc::clone(&shared);
            Box::pin(async move { copy::certify(&shared, &purged).await })
        });
        let source = Source::new(source.clone(), Arc::clone(mind), clock.clone(), certify);
        tasks.spawn(source.run(shutdown.clone()));
    }
    Ok(())
}
