//! The site's key: had before the copy is opened, or waited for while the copy is locked.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::error::StartError;
use crate::config::settings::{Config, KeyFrom};
use crate::console::KeyStatus;
use crate::mind::keyring::{KeySource, KeySourceError, SiteKey, UnlockSocket, Vault};

/// What is done as long as the daemon runs, for a key that may come later.
pub(super) type Keeping = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The vault, and where its key comes from.
pub(super) struct Key {
    vault: Arc<Vault>,
    source: KeySource,
    on_disk: bool,
}

/// Gets the key, or begins to wait for it where it may come later. None if there is no copy.
///
/// # Errors
/// If the source can't give a key before somebody mends something.
pub(super) async fn open(config: &Config) -> Result<Option<(Key, Option<Keeping>)>, StartError> {
    let Some(source) = KeySource::of(config) else { return Ok(None) };
    let vault = Arc::new(vault(source.load().await)?);
    let keeping = keeping(&source, &vault)?;
    let key = Key { vault, on_disk: source.is_on_disk(), source };
    key.tell();
    Ok(Some((key, keeping)))
}

fn vault(loaded: Result<SiteKey, KeySourceError>) -> Result<Vault, StartError> {
    match loaded {
        Ok(key) => {
            tracing::info!(key = key.public().id(), "The site's key is here.");
            Ok(Vault::holding(key))
        }
        Err(error) if error.passes() => {
            tracing::warn!(%error, code = error.code(), "The copy is locked.");
            Ok(Vault::locked())
        }
        Err(error) => Err(StartError::config(error)),
    }
}

fn keeping(source: &KeySource, vault: &Arc<Vault>) -> Result<Option<Keeping>, StartError> {
    match &source.settings().from {
        KeyFrom::Operator { socket } => {
            let listening = UnlockSocket::bind(socket).map_err(StartError::unavailable)?;
            Ok(Some(Box::pin(listening.serve(Arc::clone(vault)))))
        }
        KeyFrom::Server(_) if vault.is_locked() => {
            let (source, vault) = (source.clone(), Arc::clone(vault));
            Ok(Some(Box::pin(async move { source.keep_asking(&vault).await })))
        }
        _ => Ok(None),
    }
}

impl Key {
    /// Where the key is, or is waited for.
    pub(super) const fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    /// What the console shows of it.
    pub(super) fn status(&self) -> KeyStatus {
        let key = self.vault.site_key();
        KeyStatus {
            source: self.source.settings().from.code(),
            locked: key.is_none(),
            on_disk: self.on_disk,
            id: key.map(|key| key.public().id()),
        }
    }

    /// Hands the figures to the metrics.
    pub(super) fn tell(&self) {
        let flag = |is: bool| if is { 1.0 } else { 0.0 };
        metrics::gauge!("postern_copy_key_on_disk").set(flag(self.on_disk));
        metrics::gauge!("postern_copy_locked").set(flag(self.vault.is_locked()));
    }
}
