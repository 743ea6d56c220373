//! What is remembered between two looks: keys, what was refused, and what was purged.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use postern_sdk::Reason;

use super::MindOptions;
use crate::mind::copy::Generation;
use crate::mind::dataset::Dataset;
use crate::mind::keyring::{GenerationName, KeyFile, KeyringError, Vault};
use crate::mind::trust::Refusal;

/// A state that was refused is looked at again after this time, or when its folder changes.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// What only the one who looks for new states needs.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    pub(super) generations: BTreeMap<(Dataset, String), Arc<Generation>>,
    /// The generation of each dataset that was served last when its key was destroyed.
    pub(super) purged: BTreeMap<Dataset, String>,
    refused: BTreeMap<(Dataset, u64), Refused>,
    pub(super) root_refused: Option<&'static str>,
    pub(super) withdrawn: BTreeMap<Dataset, (String, SystemTime)>,
}

#[derive(Debug)]
struct Refused {
    code: &'static str,
    reason: Reason,
    changed: Option<SystemTime>,
    at: Instant,
}

impl Keeper {
    pub(super) fn generation(
        &mut self,
        options: &MindOptions,
        dataset: Dataset,
        name: &str,
    ) -> Result<Arc<Generation>, Refusal> {
        let key = (dataset, name.to_owned());
        if let Some(known) = self.generations.get(&key) {
            return Ok(Arc::clone(known));
        }
        let opened = open_generation(&options.folder, &options.vault, dataset.name(), name);
        let generation = opened.map_err(|refusal| match refusal {
            Refusal::KeyMissing if self.purged.get(&dataset).is_some_and(|purged| purged == name) => {
                Refusal::Purged
            }
            refusal => refusal,
        })?;
        // Of each dataset the generation that is served and the one that is coming are enough.
        if self.generations.keys().filter(|(of, _)| *of == dataset).count() > 1 {
            self.generations.retain(|(of, _), _| *of != dataset);
        }
        self.generations.insert(key, Arc::clone(&generation));
        Ok(generation)
    }

    /// Whether a state was refused lately and has not changed since.
    pub(super) fn is_refused_still(&self, dataset: Dataset, version: u64, folder: &Path) -> bool {
        let refused = self.refused.get(&(dataset, version));
        refused.is_some_and(|one| one.changed == changed(folder) && one.at.elapsed() < LOOK_AGAIN)
    }

    /// Remembers a refusal; whether it is a new one.
    pub(super) fn refuse(
        &mut self,
        dataset: Dataset,
        version: u64,
        folder: &Path,
        refusal: &Refusal,
    ) -> bool {
        if self.refused.len() > 1_000 {
            self.refused.clear();
        }
        let code = refusal.code();
        let refused =
            Refused { code, reason: refusal.reason(), changed: changed(folder), at: Instant::now() };
        let before = self.refused.insert((dataset, version), refused);
        before.is_none_or(|before| before.code != code)
    }

    /// Why the newest state of a dataset was refused.
    pub(super) fn reason(&self, dataset: Dataset) -> Option<Reason> {
        let of = |(key, _): &(&(Dataset, u64), &Refused)| key.0 == dataset;
        Some(self.refused.iter().rfind(of)?.1.reason)
    }
}

/// Opens the key of a generation with the site's key.
///
/// # Errors
/// [`Refusal::KeyMissing`] if the site's key or the key file is not here, [`Refusal::Revoked`] if the generation is not
/// wrapped to this site.
pub fn open_generation(
    folder: &Path,
    vault: &Vault,
    dataset: &str,
    name: &str,
) -> Result<Arc<Generation>, Refusal> {
    let site = vault.site_key().ok_or(Refusal::KeyMissing)?;
    let named = GenerationName::new(dataset, name).map_err(|_| Refusal::KeyMissing)?;
    let key = KeyFile::read(folder, &named).and_then(|file| file.unwrap(&site));
    match key {
        Ok(key) => Ok(Arc::new(Generation::new(name, key))),
        Err(KeyringError::NotForThisSite) => Err(Refusal::Revoked),
        Err(KeyringError::Damaged | KeyringError::Form(_)) => Err(Refusal::KeyWrong),
        Err(_) => Err(Refusal::KeyMissing),
    }
}

fn changed(folder: &Path) -> Option<SystemTime> {
    folder.metadata().and_then(|about| about.modified()).ok()
}
