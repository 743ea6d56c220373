//! What was done to the country's own records beside the daemon, which holds the journal: it writes it down.

use super::Parts;
use crate::wisdm;

/// Writes down what was done since the last look. What can't be written down waits for the next one.
pub(super) async fn look(parts: &Parts) {
    let (folder, shared) = (parts.config.journal.folder.clone(), parts.shared.clone());
    let written = tokio::task::spawn_blocking(move || {
        wisdm::journal_notes(&folder, &shared.journal, shared.clock.now())
    });
    match written.await {
        Ok(Ok(written)) => {
            for note in written {
                let (operation, outcome) = (note.operation, note.outcome.unwrap_or_default());
                tracing::info!(operation, outcome, "The country's own records were managed.");
            }
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "A note of managed records could not be written into the journal.");
        }
        Err(_) => tracing::error!("Writing down a note of managed records panicked."),
    }
}
