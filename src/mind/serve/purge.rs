//! The end of a dataset whose key is destroyed, by this process or by another.

use std::path::Path;

use jiff::Timestamp;
use postern_sdk::Reason;

use super::{Keeper, Mind, Purged, Reload, State};
use crate::mind::dataset::Dataset;
use crate::mind::intake::generation_is_here;
use crate::mind::keyring::{GenerationName, KeyFile, KeyringError};
use crate::mind::manifest::Info;

impl Mind {
    /// Purges the datasets whose data is past its purge age: their keys are destroyed. An error says of one that this is
    /// not certain; it is no longer served all the same.
    pub fn purge_aged(&self) -> Vec<Result<Purged, KeyringError>> {
        let now = self.clock.now();
        self.purge_all("age", |dataset| self.state(dataset).load().is_to_purge(now))
    }

    fn purge_all(
        &self,
        cause: &'static str,
        is_to_purge: impl Fn(Dataset) -> bool,
    ) -> Vec<Result<Purged, KeyringError>> {
        let to_purge = Dataset::ALL.into_iter().filter(|dataset| is_to_purge(*dataset));
        to_purge.filter_map(|dataset| self.purge(dataset, cause).transpose()).collect()
    }

    /// Stops serving a dataset and destroys the key of its generation, so that nobody opens it here again.
    ///
    /// # Errors
    /// That the key could not be destroyed for certain.
    pub fn purge(&self, dataset: Dataset, cause: &'static str) -> Result<Option<Purged>, KeyringError> {
        let mut keeper = self.keeper();
        let Some(info) = self.info(dataset) else { return Ok(None) };
        self.end(&mut keeper, dataset, &info);
        purge(&self.options.folder, &info, cause, self.clock.now()).map(Some)
    }

    /// Stops serving each dataset whose key file is gone while its state is not, and forgets its key: another process has
    /// purged it. A publisher's old key goes with its last state. A folder that can't be looked into says nothing.
    pub(super) fn end_without_keys(&self, keeper: &mut Keeper, reload: &mut Reload) {
        let is_gone = |dataset: &str, generation: &str| {
            KeyFile::is_gone(&self.options.folder, &GenerationName::new(dataset, generation).ok()?)
        };
        let gone = |dataset: &str, generation: &str| is_gone(dataset, generation).unwrap_or(false);
        keeper.generations.retain(|(dataset, generation), _| !gone(dataset.name(), generation));
        for dataset in Dataset::ALL {
            let purged = |info: &Info| {
                gone(&info.dataset, &info.generation)
                    && generation_is_here(&self.options.folder, dataset, &info.generation)
            };
            if let Some(info) = self.info(dataset).filter(purged) {
                self.end(keeper, dataset, &info);
                reload.purged.push(Purged::new(&info, "elsewhere", self.clock.now()));
            }
        }
    }

    /// Stops serving a dataset of which the key is, or is to be, destroyed.
    pub(super) fn end(&self, keeper: &mut Keeper, dataset: Dataset, info: &Info) {
        self.without(dataset, Reason::CopyPurged);
        keeper.generations.retain(|(of, _), _| *of != dataset);
        keeper.purged.insert(dataset, info.generation.clone());
    }
}

impl Purged {
    pub(super) fn new(state: &Info, cause: &'static str, purged_at: Timestamp) -> Self {
        let (dataset, generation) = (state.dataset.clone(), state.generation.clone());
        Self { dataset, generation, version: state.version, records: state.records, cause, purged_at }
    }
}

impl State {
    /// Whether its data is past its purge age.
    pub(super) fn is_to_purge(&self, now: Timestamp) -> bool {
        match self {
            Self::Serving(serving) => now >= serving.purge_at,
            Self::Persons(serving) => now >= serving.purge_at,
            Self::Without(_) => false,
        }
    }
}

/// Destroys the key of a state's generation.
///
/// # Errors
/// That it could not be destroyed for certain.
pub fn purge(
    folder: &Path,
    state: &Info,
    cause: &'static str,
    now: Timestamp,
) -> Result<Purged, KeyringError> {
    let name = GenerationName::new(&state.dataset, &state.generation)?;
    KeyFile::destroy(folder, &name)?;
    Ok(Purged::new(state, cause, now))
}
