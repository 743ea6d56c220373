//! Keeping the copy: newer states are taken into service, changes are folded, what is too old is purged. Each purge,
//! whoever asked for it, leaves its certificate in the journal.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::engine::{Body, Section, Shared};
use crate::ids::new_id;
use crate::journal::{Entry, Kind};
use crate::mind::keyring::SiteKey;
use crate::mind::{Dataset, Mind, Purged, Reload};

use super::Parts;

/// How often it is asked whether changes are to be folded.
const MAINTENANCE: Duration = Duration::from_secs(5);

/// Looks for newer states, and purges what is past its purge age or whose key was destroyed by command.
pub(super) async fn look(parts: &Parts) {
    let Some(mind) = parts.mind.clone() else { return };
    let looked = tokio::task::spawn_blocking(move || (mind.reload(), mind.purge_aged(), figures(&mind)));
    let Ok((reload, purged, figures)) = looked.await else { return };
    tell_reload(&reload);
    for purged in &reload.purged {
        certify(&parts.shared, purged).await;
    }
    figures.iter().for_each(tell);
    for purged in purged {
        match purged {
            Ok(purged) => certify(&parts.shared, &purged).await,
            Err(error) => {
                tracing::error!(code = error.code(), %error, "A key of the copy could not be destroyed for certain.");
            }
        }
    }
}

/// Looks at once when the site's key comes or goes.
pub(super) async fn look_when_unlocked(
    parts: Arc<Parts>,
    mut vault: watch::Receiver<Option<Arc<SiteKey>>>,
    shutdown: CancellationToken,
) {
    loop {
        let changed = tokio::select! {
            () = shutdown.cancelled() => return,
            changed = vault.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
        look(&parts).await;
    }
}

/// Folds changes when that is due, for as long as the daemon runs.
pub(super) async fn maintain(mind: Arc<Mind>) {
    let mut ticks = tokio::time::interval(MAINTENANCE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mind = Arc::clone(&mind);
        match tokio::task::spawn_blocking(move || mind.maintain()).await {
            Ok(Ok(folded)) => {
                for (dataset, version) in folded {
                    metrics::counter!("postern_copy_folds_total").increment(1);
                    tracing::info!(%dataset, version, "Changes were folded into a new base.");
                }
            }
            Ok(Err((dataset, error))) => {
                metrics::counter!("postern_copy_fold_failures_total").increment(1);
                tracing::error!(%dataset, code = error.code(), %error, "Changes could not be folded.");
            }
            Err(_) => tracing::error!("Folding panicked."),
        }
    }
}

/// Logs what came of looking for newer states, and counts each refusal.
pub(super) fn tell_reload(reload: &Reload) {
    for (dataset, version, error) in &reload.refused {
        metrics::counter!("postern_copy_refused_total", "code" => error.code()).increment(1);
        let dataset = dataset.map_or("roots", Dataset::name);
        tracing::error!(dataset, version, code = error.code(), %error, "A state of the copy was refused.");
    }
    for (dataset, version) in &reload.changed {
        tracing::info!(%dataset, version, "A state of the copy is in service.");
    }
}

/// A dataset's version, records, changes in memory, and the time of its data.
type Figures = (String, u64, u64, u64, i64);

fn figures(mind: &Mind) -> Vec<Figures> {
    let of = |info: crate::mind::Info| {
        (info.dataset, info.version, info.records, info.changes, info.data_as_of.as_second())
    };
    mind.infos().into_iter().map(of).collect()
}

fn tell((dataset, version, records, changes, as_of_s): &Figures) {
    let gauge =
        |name: &'static str, value: f64| metrics::gauge!(name, "dataset" => dataset.clone()).set(value);
    gauge("postern_copy_version", *version as f64);
    gauge("postern_copy_records", *records as f64);
    gauge("postern_copy_changes", *changes as f64);
    gauge("postern_copy_data_as_of_seconds", *as_of_s as f64);
}

/// Puts the certificate of a purge into the journal.
pub(super) async fn certify(shared: &Shared, purged: &Purged) {
    let body = Body::new().json(Section::Purge, purged).into_bytes();
    let entry = Entry::new(Kind::Administrative, new_id(purged.purged_at), body);
    let durable = shared.journal.append(entry).await.is_ok();
    metrics::counter!("postern_copy_purges_total").increment(1);
    let Purged { dataset, generation, version, cause, .. } = purged;
    tracing::warn!(
        dataset,
        generation,
        version,
        cause,
        durable,
        "The copy was purged: its key is destroyed."
    );
}
