//! Connections of one client at once, so that none takes the room of all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts connections by client. Only clients that are connected are kept.
#[derive(Default)]
pub(super) struct PerClient {
    counts: Mutex<BTreeMap<String, usize>>,
}

/// A connection that is counted for as long as it lives.
pub(super) struct Counted {
    of: Arc<PerClient>,
    client: String,
}

impl PerClient {
    /// Counts one more connection of the client. None: it has as many as it may.
    pub(super) fn enter(self: &Arc<Self>, client: &str, max: usize) -> Option<Counted> {
        let mut counts = self.counts();
        let count = counts.entry(client.to_owned()).or_default();
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Counted { of: Arc::clone(self), client: client.to_owned() })
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.of.counts();
        if let Some(count) = counts.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that a client has so many connections and no more, that another has its own, and that nobody is kept who left.
    #[test]
    fn each_has_its_own() {
        let all = Arc::new(PerClient::default());
        let first = all.enter("airport", 2).unwrap();
        let _second = all.enter("airport", 2).unwrap();
        assert!(all.enter("airport", 2).is_none() && all.enter("port", 2).is_some());
        drop(first);
        let again = all.enter("airport", 2);
        assert!(again.is_some());
        assert_eq!(all.counts().len(), 1);
    }
}
