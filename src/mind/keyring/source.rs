//! Where the site's key comes from.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postern_sdk::Environment;

use super::error::KeySourceError;
use super::server;
use super::site::SiteKey;
use super::vault::Vault;
use crate::config::disk;
use crate::config::settings::{Config, KeyFrom, MindKey};
use crate::keys::KeyError;

/// The variable by which systemd tells a service where its credentials are.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The bits of a key file's mode that let others do anything.
const OTHERS: u32 = 0o077;

/// The bits of a credential's mode that let everybody do anything. Those of the group say nothing: systemd gives the
/// service's user access by a list, whose mask shows there.
const EVERYBODY: u32 = 0o007;

/// How long is waited after the first try of a key server; it doubles with each.
const RETRY_FIRST: Duration = Duration::from_secs(1);

/// A source of the site's key, as configured.
#[derive(Clone, Debug)]
pub struct KeySource {
    settings: MindKey,
    /// The folders whose disk the key must not be on.
    folders: Vec<PathBuf>,
    environment: Environment,
    credentials: Option<PathBuf>,
}

impl KeySource {
    /// The source that a configuration names; none without a copy. Credentials are where systemd says.
    pub fn of(config: &Config) -> Option<Self> {
        let mind = config.mind.as_ref()?;
        Some(Self {
            settings: mind.key.clone(),
            folders: vec![mind.folder.clone(), config.journal.folder.clone()],
            environment: config.instance.environment,
            credentials: std::env::var_os(CREDENTIALS).map(PathBuf::from),
        })
    }

    #[cfg(test)]
    pub(super) fn for_test(settings: MindKey, folders: Vec<PathBuf>, credentials: Option<PathBuf>) -> Self {
        Self { settings, folders, environment: Environment::Training, credentials }
    }

    /// The source as the configuration names it.
    pub const fn settings(&self) -> &MindKey {
        &self.settings
    }

    /// Whether the key lies on the disk of the copy or the journal, which the configuration allows.
    pub fn is_on_disk(&self) -> bool {
        self.settings.allow_key_on_disk && self.file().is_ok_and(|file| self.beside(&file).is_some())
    }

    /// Gets the key, once.
    ///
    /// # Errors
    /// [`KeySourceError`]; of those that [pass](KeySourceError::passes) another try may do better.
    pub async fn load(&self) -> Result<SiteKey, KeySourceError> {
        match &self.settings.from {
            KeyFrom::Credential { .. } => self.read(EVERYBODY),
            KeyFrom::File { .. } => self.read(OTHERS),
            KeyFrom::Operator { .. } => Err(KeySourceError::Operator),
            KeyFrom::Server(server) => server::fetch(server, self.environment).await,
        }
    }

    /// Asks the source again and again until it gives the key, and puts it into the vault. Ends at once for an operator,
    /// who comes by himself, and with an error that does not pass.
    pub async fn keep_asking(&self, vault: &Vault) {
        let KeyFrom::Server(server) = &self.settings.from else { return };
        let mut rest = RETRY_FIRST;
        loop {
            tokio::time::sleep(rest.min(server.retry_max)).await;
            match self.load().await {
                Ok(key) => {
                    tracing::info!(key = key.public().id(), "The key server gave the site's key.");
                    return vault.unlock(key);
                }
                Err(error) => {
                    metrics::counter!("postern_copy_key_failures_total").increment(1);
                    tracing::warn!(%error, code = error.code(), "The copy stays locked.");
                    if !error.passes() {
                        return;
                    }
                }
            }
            rest = rest.saturating_mul(2);
        }
    }

    /// The file that the key is in.
    fn file(&self) -> Result<PathBuf, KeySourceError> {
        match &self.settings.from {
            KeyFrom::Credential { name } => {
                self.credentials.as_ref().map(|folder| folder.join(name)).ok_or(KeySourceError::NoCredentials)
            }
            KeyFrom::File { path } => Ok(path.clone()),
            KeyFrom::Operator { .. } => Err(KeySourceError::Operator),
            KeyFrom::Server(_) => Err(KeySourceError::NoCredentials),
        }
    }

    fn read(&self, foreign: u32) -> Result<SiteKey, KeySourceError> {
        let path = self.file()?;
        let found = fs::metadata(&path).map_err(|error| KeyError::File(path.clone(), error))?;
        if found.mode() & foreign != 0 {
            return Err(KeySourceError::Mode(path, found.mode() & 0o7777));
        }
        match self.beside(&path) {
            Some(folder) if !self.settings.allow_key_on_disk => {
                Err(KeySourceError::OnDisk(path, folder.to_owned()))
            }
            _ => Ok(SiteKey::read(&path)?),
        }
    }

    fn beside(&self, file: &Path) -> Option<&Path> {
        disk::beside(file, self.folders.iter().map(PathBuf::as_path))
    }
}
