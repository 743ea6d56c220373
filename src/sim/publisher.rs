//! A publisher of the copy for evaluation, training and tests: a root with one key, a site with its key, and snapshots
//! wrapped to that site.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use postern_sdk::{Database, Environment};

use crate::keys::PrivateKey;
use crate::mind::keyring::Vault;
use crate::mind::keyring::{GenerationName, KeyFile, SiteKey};
use crate::mind::names::Person;
use crate::mind::trust::{self, RoleKeys, Root};
use crate::mind::{
    BuildOptions, Copy, Coverage, Dataset, Generation, Manifest, Opening, Outcome, PersonsManifest, Progress,
    build, build_changes, build_persons, open_generation, versions,
};

/// The root's file in the publisher's folder.
pub const ROOT: &str = "root.json";
/// The site's private key in the publisher's folder.
pub const SITE_KEY: &str = "site.key";
/// The copy's folder in the publisher's folder.
pub const COPY: &str = "mind";

/// Why a publisher could not do its work.
pub type Failure = Box<dyn Error + Send + Sync>;

/// A publisher and the one site that it publishes to.
#[derive(Debug)]
pub struct Publisher {
    folder: PathBuf,
    key: PrivateKey,
    root: Root,
    site: SiteKey,
    environment: Environment,
}

impl Publisher {
    /// Makes keys and root, and writes `root.json`, `publisher.key`, `site.key` and `site.pub` into the folder.
    ///
    /// # Errors
    /// What writing says, or that the machine gives no randomness.
    pub fn create(folder: &Path, environment: Environment, now: Timestamp) -> Result<Self, Failure> {
        let (key, site) = (PrivateKey::generate()?, SiteKey::generate()?);
        let keys = RoleKeys { threshold: 1, keys: vec![key.public()] };
        let expires = now + SignedDuration::from_hours(24 * 365);
        let root = Root::new(1, environment, expires, &keys, &keys)?;
        let text = root.text();
        let signatures = trust::sign(&text, b"", &key)?;
        fs::write(folder.join(ROOT), &text)?;
        fs::write(folder.join(ROOT).with_extension("sig"), signatures)?;
        key.write(&folder.join("publisher.key"))?;
        site.write(&folder.join(SITE_KEY))?;
        site.public().write(&folder.join("site.pub"))?;
        Ok(Self { folder: folder.to_owned(), key, root, site, environment })
    }

    /// The root.
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The key that signs.
    pub const fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The site's key.
    pub const fn site(&self) -> &SiteKey {
        &self.site
    }

    /// The folder of the copy.
    pub fn copy(&self) -> PathBuf {
        self.folder.join(COPY)
    }

    /// Builds a snapshot of documents, SLTD and TDAWN in full, in a generation of its own that is wrapped to the site.
    ///
    /// # Errors
    /// What building says.
    pub fn snapshot(
        &self,
        csv: impl Read,
        version: u64,
        data_as_of: Timestamp,
        now: Timestamp,
        progress: impl FnMut(Progress),
    ) -> Result<Manifest, Failure> {
        let generation = self.generation(Dataset::Documents)?;
        let coverage = coverage();
        let signers = [&self.key];
        let copy = self.copy();
        let options = self.options(&copy, version, (data_as_of, now), &coverage, &signers, &generation);
        Ok(build(csv, &options, progress)?)
    }

    /// Builds the state after the newest one from a feed of changes, in its generation.
    ///
    /// # Errors
    /// What opening the newest state or building says.
    pub fn changes(
        &self,
        csv: impl Read,
        version: u64,
        data_as_of: Timestamp,
        now: Timestamp,
    ) -> Result<(Manifest, Outcome), Failure> {
        let copy = self.copy();
        let newest =
            versions(&copy, Dataset::Documents.name()).first().copied().ok_or("no state is there")?;
        let before = self.open(newest)?;
        let (coverage, signers, generation) = (coverage(), [&self.key], before.generation());
        let options = self.options(&copy, version, (data_as_of, now), &coverage, &signers, &generation);
        Ok(build_changes(csv, &before, &options, |_| {})?)
    }

    /// Opens a state of documents as the site would.
    ///
    /// # Errors
    /// Why the site would refuse it.
    pub fn open(&self, version: u64) -> Result<Copy, Failure> {
        let copy = self.copy();
        let site = SiteKey::parse(&self.site.line()?).ok_or("the site's key can't be read back")?;
        let vault = Vault::holding(site);
        let dataset = Dataset::Documents;
        let generation = |name: &str| open_generation(&copy, &vault, dataset.name(), name);
        let opening = Opening {
            folder: &copy,
            dataset,
            root: &self.root,
            environment: self.environment,
            generation: &generation,
        };
        Ok(Copy::open(&opening, version)?)
    }

    fn options<'a>(
        &self,
        folder: &'a PathBuf,
        version: u64,
        (data_as_of, now): (Timestamp, Timestamp),
        coverage: &'a BTreeMap<Database, Coverage>,
        signers: &'a [&'a PrivateKey],
        generation: &'a Generation,
    ) -> BuildOptions<'a> {
        BuildOptions {
            folder,
            dataset: Dataset::Documents,
            version,
            data_as_of,
            created: now,
            expires: now + SignedDuration::from_hours(24 * 30),
            environment: self.environment,
            coverage,
            signers,
            generation,
        }
    }

    /// Builds a state of public notices, in a generation of its own that is wrapped to the site.
    ///
    /// # Errors
    /// What building says.
    pub fn notices(
        &self,
        persons: &[Person],
        version: u64,
        data_as_of: Timestamp,
        now: Timestamp,
    ) -> Result<PersonsManifest, Failure> {
        let options = BuildOptions {
            folder: &self.copy(),
            dataset: Dataset::Notices,
            version,
            data_as_of,
            created: now,
            expires: now + SignedDuration::from_hours(24 * 30),
            environment: self.environment,
            coverage: &[(Database::PublicNotices, Coverage::Partial)].into(),
            signers: &[&self.key],
            generation: &self.generation(Dataset::Notices)?,
        };
        Ok(build_persons(persons, &options)?)
    }

    /// A new generation of a dataset, its key wrapped to the site.
    fn generation(&self, dataset: Dataset) -> Result<Generation, Failure> {
        let generation = Generation::random()?;
        let mut keys = KeyFile::new(&GenerationName::new(dataset.name(), generation.name())?);
        keys.add(generation.key(), self.site.public())?;
        keys.write(&self.copy())?;
        Ok(generation)
    }
}

/// SLTD and TDAWN in full.
fn coverage() -> BTreeMap<Database, Coverage> {
    [(Database::Sltd, Coverage::Full), (Database::Tdawn, Coverage::Full)].into()
}
