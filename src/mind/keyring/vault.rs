//! Where the site's key is while the daemon runs: in memory, and nowhere else.

use std::sync::Arc;

use tokio::sync::watch;

use super::site::SiteKey;

/// Holds the site's key, or waits for it. While it waits the copy is locked: it answers `not checked`.
#[derive(Debug)]
pub struct Vault {
    key: watch::Sender<Option<Arc<SiteKey>>>,
}

impl Vault {
    /// A vault that waits for the key.
    pub fn locked() -> Self {
        Self { key: watch::Sender::new(None) }
    }

    /// A vault that holds the key.
    pub fn holding(key: SiteKey) -> Self {
        Self { key: watch::Sender::new(Some(Arc::new(key))) }
    }

    /// The key, unless the copy is locked.
    pub fn site_key(&self) -> Option<Arc<SiteKey>> {
        self.key.borrow().clone()
    }

    /// Whether the key is waited for.
    pub fn is_locked(&self) -> bool {
        self.key.borrow().is_none()
    }

    /// Tells of each change from now on: a key that came, was replaced or was taken away.
    pub fn changed(&self) -> watch::Receiver<Option<Arc<SiteKey>>> {
        self.key.subscribe()
    }

    /// Puts the key in, in place of any that is there.
    pub fn unlock(&self, key: SiteKey) {
        self.key.send_replace(Some(Arc::new(key)));
    }

    /// Takes the key away. It is wiped when whoever holds it still has let go of it.
    pub fn lock(&self) {
        self.key.send_replace(None);
    }
}
