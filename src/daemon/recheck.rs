//! What asks FIND later, as the settings name it.

use std::sync::Arc;
use std::time::Duration;

use super::error::StartError;
use crate::config::settings::Config;
use crate::engine::Shared;
use crate::find::Online;
use crate::recheck::{Figures, Parts, Services, Worker};

/// The worker and its figures, if FIND is configured and rechecks are done here.
pub(super) async fn open(
    config: &Config,
    shared: &Arc<Shared>,
    find: Option<&Online>,
) -> Result<Option<(Arc<Figures>, Worker)>, StartError> {
    let (Some(settings), Some(find), Some(options)) = (&config.recheck, find, &config.find) else {
        return Ok(None);
    };
    let figures = Arc::new(Figures::default());
    let asked = find.clone();
    let services: Services = Arc::new(move || asked.status());
    let parts = Parts {
        shared: Arc::clone(shared),
        find: find.in_background(),
        services,
        find_concurrency_max: options.concurrency_max,
        request_timeout: Duration::from_millis(options.request_timeout_ms),
        state_file: settings.state_file.clone(),
        rate_per_s_max: settings.rate_per_s_max,
        concurrency_max: settings.concurrency_max,
        oldest_percent: settings.oldest_percent,
        age_max: settings.age_max,
        figures: Arc::clone(&figures),
    };
    let opened = tokio::task::spawn_blocking(move || Worker::new(parts)).await;
    let worker = opened.map_err(StartError::unavailable)?.map_err(StartError::unavailable)?;
    Ok(Some((figures, worker)))
}
