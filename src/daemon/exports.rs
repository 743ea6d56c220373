//! What is exported beside the daemon, which holds the journal: it writes it down.

use std::time::SystemTime;

use super::Parts;
use crate::reconcile;

/// When the last export was that was written down.
#[derive(Default)]
pub(super) struct Exports {
    /// The time of the note that each export replaces; nothing before the first look, which takes what waits from before.
    seen: Option<Option<SystemTime>>,
}

impl Exports {
    /// Writes down what was exported since the last look. What can't be written down waits for the next one.
    pub(super) async fn look(&mut self, parts: &Parts) {
        let folder = parts.config.journal.folder.clone();
        let now = folder.join(reconcile::STATE_FILE).metadata().and_then(|about| about.modified()).ok();
        if self.seen == Some(now) {
            return;
        }
        let shared = parts.shared.clone();
        let written = tokio::task::spawn_blocking(move || {
            reconcile::journal_notes(&folder, &shared.journal, shared.clock.now())
        });
        match written.await {
            Ok(Ok(written)) => {
                self.seen = Some(now);
                for departure in written {
                    let (bundle, records) = (departure.bundle, departure.counts.records);
                    tracing::info!(bundle, records, "A bundle was exported for the hub.");
                }
            }
            Ok(Err(error)) => {
                tracing::error!(code = error.code(), %error, "An export could not be written into the journal.");
            }
            Err(_) => tracing::error!("Writing an export down panicked."),
        }
    }
}
