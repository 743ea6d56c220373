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
use crate::mind::keyring::{GenerationName, KeyFile, SiteKey};
use crate::mind::trust::{self, RoleKeys, Root};
use crate::mind::{BuildOptions, Coverage, Dataset, Generation, Manifest, Progress, build};

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
        let generation = Generation::random()?;
        let name = GenerationName::new(Dataset::Documents.name(), generation.name())?;
        let mut keys = KeyFile::new(&name);
        keys.add(generation.key(), self.site.public())?;
        keys.write(&self.copy())?;
        let coverage: BTreeMap<_, _> =
            [(Database::Sltd, Coverage::Full), (Database::Tdawn, Coverage::Full)].into();
        let options = BuildOptions {
            folder: &self.copy(),
            dataset: Dataset::Documents,
            version,
            data_as_of,
            created: now,
            expires: now + SignedDuration::from_hours(24 * 30),
            environment: self.environment,
            coverage: &coverage,
            signers: &[&self.key],
            generation: &generation,
        };
        Ok(build(csv, &options, progress)?)
    }
}
