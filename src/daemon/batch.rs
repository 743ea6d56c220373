//! Lists that are worked off beside the lanes, as the settings name them.

use std::sync::Arc;
use std::time::Duration;

use super::Late;
use super::control::refused;
use super::error::StartError;
use crate::batch::{BatchError, Ledger, Office, Parts, Services, Worker};
use crate::config::settings::Config;
use crate::control::{Command, Reply};
use crate::engine::Shared;
use crate::find::Online;
use crate::mind::Mind;
use crate::screening::{Lookup, Screener};

/// What lists are asked of.
pub(super) struct Sources<'a> {
    pub(super) find: Option<&'a Online>,
    pub(super) mind: &'a Option<Arc<Mind>>,
    pub(super) late: Late,
}

/// The office and its worker, if lists are taken.
pub(super) async fn open(
    config: &Config,
    shared: &Arc<Shared>,
    sources: Sources<'_>,
    ledger: Ledger,
) -> Result<Option<(Arc<Office>, Worker)>, StartError> {
    let Some(settings) = &config.batch else { return Ok(None) };
    let find = sources.find.map(Online::in_background);
    let copy = sources.mind.clone().map(|mind| mind as Arc<dyn Lookup>);
    let screener = Screener::new(find, copy, shared.clock.clone(), sources.late);
    let asked = sources.find.cloned();
    let services: Services = Arc::new(move || asked.as_ref().map(Online::status).unwrap_or_default());
    let parts = Parts {
        shared: Arc::clone(shared),
        screener,
        services,
        policies: config.policies.clone(),
        environment: config.instance.environment,
        folder: settings.folder.clone(),
        rate_per_s_max: settings.rate_per_s_max,
        concurrency_max: settings.concurrency_max,
        row_timeout: Duration::from_millis(settings.row_timeout_ms),
        open_max: settings.open_max,
        rows_max: settings.rows_max,
        row_bytes_max: settings.row_bytes_max,
        file_bytes_max: settings.file_mib_max.saturating_mul(1 << 20),
    };
    let folder = settings.folder.display().to_string();
    let opened = tokio::task::spawn_blocking(move || Worker::open(parts, ledger)).await;
    let opened = opened.map_err(StartError::unavailable)?;
    opened.map(Some).map_err(|error| StartError::unavailable(format_args!("batch.folder {folder}: {error}")))
}

/// Follows a command about lists.
pub(super) async fn followed(command: Command, office: &Arc<Office>, uid: u32) -> Reply {
    let told = |error: BatchError| {
        if let BatchError::File(error) = &error {
            tracing::warn!(code = error.code(), %error, "A file of a batch can't be used.");
        }
        refused(error.code())
    };
    match command {
        Command::BatchSubmit(request) => {
            office.submit(*request, uid).await.map_or_else(told, Reply::BatchTaken)
        }
        Command::BatchStatus => Reply::Batches(office.status()),
        Command::BatchCancel { batch } => office.cancel(batch, uid).await.map_or_else(told, |()| Reply::Done),
        Command::BatchResults { batch } => office.results(batch).await.map_or_else(told, Reply::BatchResults),
        Command::FindStatus | Command::FindOrder { .. } => refused("not_understood"),
    }
}
