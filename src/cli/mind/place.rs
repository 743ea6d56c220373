//! Where a copy is, whom it believes, and with which key it is opened.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::Failure;
use crate::mind::keyring::{SiteKey, Vault};
use crate::mind::trust::{Chain, Refusal, Root};
use crate::mind::{
    Copy, Dataset, Generation, Info, Opening, PersonsCopy, PersonsManifest, open_generation, versions,
};

/// Where a copy is, whom it believes, and with which key it is opened.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The folder of the copy
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// The root that is believed from the start
    #[arg(long, value_name = "FILE")]
    pub root: PathBuf,
    /// The file with the site's private key, which opens the copy
    #[arg(long, value_name = "FILE")]
    pub site_key: Option<PathBuf>,
}

impl Place {
    /// The newest root: the one that is believed from the start, or the last of those that lead on from it.
    ///
    /// # Errors
    /// If it can't be read or believed.
    pub(super) fn root(&self) -> Result<Root, Refusal> {
        Ok(Chain::walk(&self.root, &self.folder.join("trust"))?.chain.root().clone())
    }

    /// The vault with the site's key, or without one if none is given.
    ///
    /// # Errors
    /// If the key can't be read.
    pub(super) fn vault_or_locked(&self) -> Result<Vault, Failure> {
        self.site_key.as_ref().map_or_else(|| Ok(Vault::locked()), |_| self.vault())
    }

    fn vault(&self) -> Result<Vault, Failure> {
        let file = self.site_key.as_deref().ok_or("the copy is sealed: give --site-key")?;
        Ok(Vault::holding(SiteKey::read(file)?))
    }

    /// Calls `with` with what states of a dataset are opened with.
    ///
    /// # Errors
    /// If root or key can't be had, or what `with` says.
    pub(super) fn opening<T>(
        &self,
        dataset: Dataset,
        with: impl FnOnce(&Opening<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Failure> {
        let vault = self.vault()?;
        let generation = |name: &str| open_generation(&self.folder, &vault, dataset.name(), name);
        self.opened_by(dataset, &generation, with)
    }

    /// The same without a key: manifests can be read, and nothing else.
    ///
    /// # Errors
    /// If the root can't be had, or what `with` says.
    pub(super) fn unopened<T>(
        &self,
        dataset: Dataset,
        with: impl FnOnce(&Opening<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Failure> {
        self.opened_by(dataset, &|_| Err(Refusal::KeyMissing), with)
    }

    fn opened_by<T>(
        &self,
        dataset: Dataset,
        generation: &dyn Fn(&str) -> Result<Arc<Generation>, Refusal>,
        with: impl FnOnce(&Opening<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Failure> {
        let root = self.root()?;
        let opening =
            Opening { folder: &self.folder, dataset, root: &root, environment: root.environment, generation };
        Ok(with(&opening)?)
    }

    /// The newest version of a dataset.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn newest(&self, dataset: Dataset) -> Result<u64, Failure> {
        let newest = versions(&self.folder, dataset.name()).first().copied();
        newest.ok_or_else(|| format!("{}: no state of {dataset}", self.folder.display()).into())
    }

    /// Opens a state of a dataset, the newest unless a version is given.
    ///
    /// # Errors
    /// If it can't be had.
    pub(in crate::cli) fn open(&self, dataset: Dataset, version: Option<u64>) -> Result<Copy, Failure> {
        let version = version.map_or_else(|| self.newest(dataset), Ok)?;
        self.opening(dataset, |opening| Copy::open(opening, version))
    }

    /// Opens the newest state of persons.
    ///
    /// # Errors
    /// If it can't be had.
    pub(super) fn open_persons(&self) -> Result<PersonsCopy, Failure> {
        let version = self.newest(Dataset::Notices)?;
        self.opening(Dataset::Notices, |opening| PersonsCopy::open(opening, version))
    }

    /// What the newest state of a dataset says of itself. It needs no key: a manifest is not secret.
    ///
    /// # Errors
    /// If it can't be had.
    pub(super) fn info(&self, dataset: Dataset) -> Result<Info, Failure> {
        let version = self.newest(dataset)?;
        self.unopened(dataset, |opening| match dataset.is_by_number() {
            true => Ok(opening.manifest(version)?.info(version, 0)),
            false => Ok(PersonsManifest::read(opening, version)?.info()),
        })
    }
}

/// A dataset by its name.
pub(super) fn dataset(text: &str) -> Result<Dataset, String> {
    named(text, |_| true)
}

/// A dataset that is found by number, by its name.
pub(super) fn by_number(text: &str) -> Result<Dataset, String> {
    named(text, Dataset::is_by_number)
}

fn named(text: &str, fits: impl Fn(Dataset) -> bool) -> Result<Dataset, String> {
    Dataset::from_name(text).filter(|dataset| fits(*dataset)).ok_or_else(|| {
        let fitting = Dataset::ALL.into_iter().filter(|dataset| fits(*dataset));
        fitting.map(Dataset::name).collect::<Vec<_>>().join(", ")
    })
}
