//! Builds the state that a feed becomes.

use std::io::Read;

use jiff::{SignedDuration, Timestamp};

use super::fault::{Failure, Fault, Trouble};
use super::name::Build;
use super::notices;
use super::settings::{DatasetSettings, FeedSettings};
use crate::keys::{KeyError, PrivateKey};
use crate::mind::keyring::{GenerationName, KeyFile, KeyringError, SiteKey, SitePublic, Vault};
use crate::mind::state_manifest::StateManifest;
use crate::mind::trust::{Chain, Refusal, Root};
use crate::mind::{
    self, BuildError, BuildOptions, Copy, Dataset, Generation, Opening, open_generation, versions,
};

impl From<KeyError> for Trouble {
    fn from(error: KeyError) -> Self {
        Self::Key(error.to_string())
    }
}

impl From<KeyringError> for Trouble {
    fn from(error: KeyringError) -> Self {
        Self::Key(error.to_string())
    }
}

/// What is built.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) dataset: Dataset,
    pub(super) build: Build,
    pub(super) version: u64,
    pub(super) as_of: Timestamp,
    pub(super) created: Timestamp,
    pub(super) expires_days: u32,
}

/// Builds states of one copy.
pub(super) struct Publisher<'a> {
    settings: &'a FeedSettings,
    root: Root,
    signers: Vec<PrivateKey>,
}

impl<'a> Publisher<'a> {
    /// Reads root and keys anew, so that both can be replaced while the publisher runs.
    pub(super) fn open(settings: &'a FeedSettings) -> Result<Self, Trouble> {
        let copy = &settings.copy;
        let root = Chain::walk(&copy.root_file, &copy.folder.join("trust"))?.chain.root().clone();
        let files = copy.signing_key_files.iter();
        let signers = files.map(|file| PrivateKey::read(file)).collect::<Result<Vec<_>, _>>()?;
        let named = |key: &&PrivateKey| root.roles.copy.keys.contains(&key.public().id());
        if signers.iter().filter(named).count() < root.roles.copy.threshold {
            return Err(Trouble::Signers);
        }
        if root.environment != settings.environment {
            return Err(Refusal::Environment(root.environment).into());
        }
        Ok(Self { settings, root, signers })
    }

    fn opening<T>(
        &self,
        dataset: Dataset,
        vault: &Vault,
        with: impl FnOnce(&Opening<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Trouble> {
        let folder = &self.settings.copy.folder;
        let generation = |name: &str| open_generation(folder, vault, dataset.name(), name);
        let environment = self.settings.environment;
        let root = &self.root;
        Ok(with(&Opening { folder, dataset, root, environment, generation: &generation })?)
    }

    /// The manifest of a version, if it is there.
    pub(super) fn manifest(&self, dataset: Dataset, version: u64) -> Result<Option<StateManifest>, Trouble> {
        if !versions(&self.settings.copy.folder, dataset.name()).contains(&version) {
            return Ok(None);
        }
        let manifest = self.opening(dataset, &Vault::locked(), |opening| {
            StateManifest::read(opening, &opening.path(version))
        })?;
        if manifest.version() == version { Ok(Some(manifest)) } else { Err(Refusal::Misplaced.into()) }
    }

    /// The manifest of the newest version, if there is one.
    pub(super) fn newest(&self, dataset: Dataset) -> Result<Option<StateManifest>, Trouble> {
        let newest = versions(&self.settings.copy.folder, dataset.name()).first().copied();
        newest.map_or(Ok(None), |version| self.manifest(dataset, version))
    }

    /// Builds a state.
    pub(super) fn build(&self, order: Order, input: impl Read) -> Result<(), Failure> {
        let dataset = self.settings.datasets.get(&order.dataset).ok_or(Fault::Dataset)?;
        match order.build {
            _ if !order.dataset.is_by_number() => self.persons(order, dataset, input),
            Build::Snapshot => {
                self.snapshot(order, dataset, |options| mind::build(input, options, |_| {}).map(drop))
            }
            Build::Changes | Build::Differences => self.change(order, dataset, input),
        }
    }

    /// A snapshot of the persons in notices, all of which are read before anything is begun: only then is known how many
    /// there are.
    fn persons(&self, order: Order, dataset: &DatasetSettings, input: impl Read) -> Result<(), Failure> {
        let persons = notices::read(input, None).map_err(Failure::of_notices)?;
        let before = self.newest(order.dataset)?.map_or(0, |newest| newest.records());
        if self.settings.folder.is_shrunk(before, persons.len() as u64) {
            return Err(Fault::Shrunk.into());
        }
        self.snapshot(order, dataset, |options| mind::build_persons(&persons, options).map(drop))
    }

    /// A snapshot in a new generation, whose key is wrapped to the sites before anything is sealed under it.
    fn snapshot(
        &self,
        order: Order,
        dataset: &DatasetSettings,
        build: impl FnOnce(&BuildOptions<'_>) -> Result<(), BuildError>,
    ) -> Result<(), Failure> {
        let generation = Generation::random().map_err(|_| Trouble::Crypto)?;
        let folder = &self.settings.copy.folder;
        let name = GenerationName::new(order.dataset.name(), generation.name()).map_err(Trouble::from)?;
        let mut keys = KeyFile::new(&name);
        for file in &dataset.recipients {
            let site = SitePublic::read(file).map_err(Trouble::from)?;
            keys.add(generation.key(), &site).map_err(Trouble::from)?;
        }
        keys.write(folder).map_err(Trouble::from)?;
        let built = self.with_options(order, &dataset.coverage, &generation, build);
        if built.is_err() && self.manifest(order.dataset, order.version)?.is_none() {
            // Nothing was sealed under it.
            KeyFile::destroy(folder, &name).map_err(Trouble::from)?;
        }
        built
    }

    /// The change of the newest state.
    fn change(&self, order: Order, dataset: &DatasetSettings, input: impl Read) -> Result<(), Failure> {
        let before = self.before(order.dataset)?;
        let holdings = before.manifest().databases.iter();
        let held = holdings.map(|(database, holding)| (*database, holding.coverage)).collect();
        let coverage = if order.build == Build::Changes { &held } else { &dataset.coverage };
        self.with_options(order, coverage, &before.generation(), |options| {
            let built = match order.build {
                Build::Changes => mind::build_changes(input, &before, options, |_| {}),
                _ => mind::build_differences(input, &before, options, |_| {}),
            };
            built.map(drop)
        })
    }

    fn before(&self, dataset: Dataset) -> Result<Copy, Failure> {
        let newest = self.newest(dataset)?.ok_or(Fault::NoState)?.version();
        let site = SiteKey::read(&self.settings.copy.site_key_file).map_err(Trouble::from)?;
        let vault = Vault::holding(site);
        Ok(self.opening(dataset, &vault, |opening| Copy::open(opening, newest))?)
    }

    fn with_options(
        &self,
        order: Order,
        coverage: &std::collections::BTreeMap<postern_sdk::Database, mind::Coverage>,
        generation: &Generation,
        build: impl FnOnce(&BuildOptions<'_>) -> Result<(), BuildError>,
    ) -> Result<(), Failure> {
        let signers: Vec<&PrivateKey> = self.signers.iter().collect();
        let options = BuildOptions {
            folder: &self.settings.copy.folder,
            dataset: order.dataset,
            version: order.version,
            data_as_of: order.as_of,
            created: order.created,
            expires: order.as_of + SignedDuration::from_hours(24 * i64::from(order.expires_days)),
            environment: self.settings.environment,
            coverage,
            signers: &signers,
            generation,
        };
        build(&options).map_err(Failure::of)
    }
}
