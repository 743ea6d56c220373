//! Pulling again and again, as long as the daemon runs or until the hub revokes this site.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::error::PullError;
use super::link::Link;
use super::pull::Pulled;
use crate::clock::Clock;
use crate::config::settings::MindSource;
use crate::mind::copy::Opening;
use crate::mind::dataset::Dataset;
use crate::mind::keyring::{KeyFile, KeyringError};
use crate::mind::serve::{Mind, MindOptions, Purged};
use crate::mind::trust::{Chain, Refusal};

/// How long is waited after the first failure; it doubles with each.
const RETRY_FIRST: Duration = Duration::from_secs(1);

/// Is told of each dataset that was purged because the hub has revoked this site. It is waited for: what it does with the
/// certificate is done before the source ends.
pub type TellPurged = Arc<dyn Fn(Purged) -> BoxFuture<'static, ()> + Send + Sync>;

/// What pulls the copy from a hub.
pub struct Source {
    settings: MindSource,
    mind: Arc<Mind>,
    clock: Clock,
    purged: TellPurged,
    /// Bytes that were stored, so that a cut after some of them is told from one before the first.
    stored: AtomicU64,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("url", &self.settings.url).finish_non_exhaustive()
    }
}

impl Source {
    /// A source for a copy.
    pub fn new(settings: MindSource, mind: Arc<Mind>, clock: Clock, purged: TellPurged) -> Self {
        Self { settings, mind, clock, purged, stored: AtomicU64::new(0) }
    }

    pub(super) fn options(&self) -> &MindOptions {
        self.mind.options()
    }

    pub(super) fn mind(&self) -> &Mind {
        &self.mind
    }

    pub(super) const fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn trust(&self) -> PathBuf {
        self.options().folder.join("trust")
    }

    pub(super) fn wants(&self, dataset: Dataset) -> bool {
        let named = &self.settings.datasets;
        named.is_empty() || named.iter().any(|name| name == dataset.name())
    }

    pub(super) fn opening<'a>(&'a self, dataset: Dataset, chain: &'a Chain) -> Opening<'a> {
        let options = self.options();
        Opening {
            folder: &options.folder,
            dataset,
            root: chain.root(),
            environment: options.environment,
            generation: &|_| Err(Refusal::KeyMissing),
        }
    }

    pub(super) fn got(&self, bytes: u64) {
        self.stored.fetch_add(bytes, Ordering::Relaxed);
        metrics::counter!("postern_source_bytes_total").increment(bytes);
    }

    /// Pulls once.
    ///
    /// # Errors
    /// [`PullError`].
    pub async fn once(&self) -> Result<Pulled, PullError> {
        if self.options().vault.is_locked() {
            return Err(PullError::Locked);
        }
        let mut link = Link::connect(&self.settings, self.options().environment).await?;
        self.pull(&mut link).await
    }

    /// Pulls until `stop`, or until the hub revokes this site. Files are written and checked on a thread of their own,
    /// where no lane waits.
    pub async fn run(self, stop: CancellationToken) {
        let source = Arc::new(self);
        let mut failures = 0;
        loop {
            let before = source.stored.load(Ordering::Relaxed);
            let (pulling, stopped) = (Arc::clone(&source), stop.clone());
            let pulled = spawn_blocking(move || {
                Handle::current().block_on(async {
                    tokio::select! {
                        () = stopped.cancelled() => Err(PullError::Stopped),
                        pulled = pulling.once() => pulled,
                    }
                })
            });
            let pulled = pulled.await.unwrap_or(Err(PullError::Stopped));
            if matches!(pulled, Err(PullError::Revoked)) {
                source.revoked().await;
            }
            let progressed = source.stored.load(Ordering::Relaxed) > before;
            let Some(rest) = source.came_of(pulled, progressed, &mut failures) else { return };
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(rest) => {}
            }
        }
    }

    /// Tells what came of a pull: how long to rest before the next, or nothing if there is none.
    fn came_of(
        &self,
        pulled: Result<Pulled, PullError>,
        progressed: bool,
        failures: &mut u32,
    ) -> Option<Duration> {
        let code = match &pulled {
            Ok(pulled) => pulled.refused.first().map_or("ok", |(_, refusal)| refusal.code()),
            Err(error) => error.code(),
        };
        metrics::counter!("postern_source_pulls_total", "result" => code).increment(1);
        match pulled {
            Ok(pulled) => {
                *failures = 0;
                tell(&pulled);
                let now = self.clock.now().as_second();
                metrics::gauge!("postern_source_last_pull_timestamp_seconds").set(now as f64);
                Some(jittered(Duration::from_secs(self.settings.interval_s)))
            }
            Err(PullError::Stopped | PullError::Revoked) => None,
            Err(error @ PullError::Link(_)) if progressed => {
                *failures = 0;
                tracing::info!(%error, "A download was cut and goes on.");
                Some(Duration::ZERO)
            }
            Err(error) => {
                if !matches!(error, PullError::Locked) {
                    tracing::warn!(%error, code = error.code(), "The copy could not be pulled.");
                }
                let max = Duration::from_secs(self.settings.retry_s_max);
                let rest = RETRY_FIRST.saturating_mul(1 << (*failures).min(16)).min(max);
                *failures += 1;
                Some(jittered(rest))
            }
        }
    }

    /// Destroys every key that is here, and tells of each dataset that was served.
    async fn revoked(self: &Arc<Self>) {
        tracing::error!(code = "revoked", "The hub has revoked this site: the copy's keys are destroyed.");
        let source = Arc::clone(self);
        for purged in spawn_blocking(move || source.destroy_keys()).await.unwrap_or_default() {
            (self.purged)(purged).await;
        }
    }

    /// Destroys every key that is here; what was purged by it.
    fn destroy_keys(&self) -> Vec<Purged> {
        let mut purged = Vec::new();
        for dataset in Dataset::ALL {
            match self.mind.purge(dataset, "revoked") {
                Ok(one) => purged.extend(one),
                Err(error) => tell_left(&error),
            }
        }
        let folder = &self.options().folder;
        for name in KeyFile::all(folder) {
            if let Err(error) = KeyFile::destroy(folder, &name) {
                tell_left(&error);
            }
        }
        purged
    }
}

fn tell_left(error: &KeyringError) {
    tracing::error!(%error, code = error.code(), "A key could not be destroyed for certain.");
}

fn tell(pulled: &Pulled) {
    for (dataset, refusal) in &pulled.refused {
        metrics::counter!("postern_copy_refused_total", "code" => refusal.code()).increment(1);
        let dataset = dataset.map_or("roots", Dataset::name);
        tracing::error!(dataset, code = refusal.code(), error = %refusal, "What the hub sent was refused.");
    }
}

/// From three quarters to five quarters of a time, so that sites do not come all at once.
fn jittered(time: Duration) -> Duration {
    let mut byte = [128];
    // Without randomness the time is as it was.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    time.mul_f64(0.75 + f64::from(byte[0]) / 512.0)
}
