//! What a state of persons says of itself, signed by its publisher.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use postern_sdk::{Database, Environment};
use serde::{Deserialize, Serialize};

use super::FILE_BYTES_MAX;
use crate::keys::{self, PrivateKey};
use crate::mind::copy::Opening;
use crate::mind::dataset::Dataset;
use crate::mind::disk::Disk;
use crate::mind::hex;
use crate::mind::keyring::GenerationName;
use crate::mind::manifest::{Coverage, Holding, Info, parse_signed, read_signed, write_signed};
use crate::mind::names::PERSONS_MAX;
use crate::mind::trust::{Claims, Measure, Refusal};

/// The version of the format that is written and read here.
pub(super) const FORMAT: u32 = 1;
/// For what a manifest of persons is signed, so that one of another kind can't pass for it.
const SIGNED_AS: &str = "postern mind persons 1";

/// The sealed file of all persons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonsFile {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    #[serde(with = "hex")]
    pub sha256: [u8; 32],
}

/// What a state of persons says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonsManifest {
    /// The version of the format, 1.
    pub format: u32,
    /// The dataset, `notices`.
    pub dataset: String,
    /// The number of the state; a later state has a higher one.
    pub version: u64,
    /// The name of the states under one generation key.
    pub generation: String,
    /// Whether the data is real.
    pub environment: Environment,
    /// The databases of which there are persons, each of them in part.
    pub databases: BTreeMap<Database, Holding>,
    /// How many persons there are in all.
    pub records: u64,
    /// When the data was fetched from its source.
    pub data_as_of: Timestamp,
    /// When the state was built.
    pub created: Timestamp,
    /// From when on its matches are told as stale.
    pub expires: Timestamp,
    /// The file of all persons.
    pub persons: PersonsFile,
    /// What tells the right generation key from any other.
    #[serde(with = "hex")]
    pub key_check: [u8; 16],
}

impl PersonsManifest {
    /// Reads the manifest of a version, believing nothing before its signatures are checked.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), [`Refusal::Missing`] and [`Refusal::Misplaced`].
    pub fn read(opening: &Opening<'_>, version: u64) -> Result<Self, Refusal> {
        let (text, signatures) = read_signed(&opening.path(version))?;
        let manifest = Self::parse(&text, &signatures, opening)?;
        if manifest.version != version {
            return Err(Refusal::Misplaced);
        }
        Ok(manifest)
    }

    /// The manifest of this text, if enough of the publisher's keys signed it and it is of what is wanted.
    ///
    /// # Errors
    /// Of the signatures, [`Refusal::Format`], [`Refusal::ManifestMalformed`], [`Refusal::Environment`],
    /// [`Refusal::Dataset`].
    pub fn parse(text: &[u8], signatures: &[u8], opening: &Opening<'_>) -> Result<Self, Refusal> {
        let manifest: Self = parse_signed(text, signatures, opening.root, SIGNED_AS, FORMAT)?;
        opening.wants(manifest.environment, &manifest.dataset)?;
        match manifest.fault() {
            Some(fault) => Err(Refusal::ManifestMalformed(fault.to_owned())),
            None => Ok(manifest),
        }
    }

    /// What it says that no state of persons can say.
    fn fault(&self) -> Option<&'static str> {
        let known = Dataset::Notices.databases();
        let holdings = || self.databases.values();
        let records = holdings().try_fold(0_u64, |sum, holding| sum.checked_add(holding.records));
        if GenerationName::new(&self.dataset, &self.generation).is_err() {
            Some("its dataset or generation is no such name")
        } else if self.databases.is_empty() || !self.databases.keys().all(|database| known.contains(database))
        {
            Some("it names a database that holds no public notices, or none")
        } else if holdings().any(|holding| holding.coverage == Coverage::Full) {
            Some("it claims to hold in full what is published in part")
        } else if records != Some(self.records) {
            Some("the numbers of its databases do not add up")
        } else if self.records > PERSONS_MAX as u64 {
            Some("it holds more persons than an index takes")
        } else {
            None
        }
    }

    /// Writes and syncs manifest and signatures.
    pub(super) fn write(
        &self,
        disk: &dyn Disk,
        folder: &Path,
        signers: &[&PrivateKey],
    ) -> std::io::Result<()> {
        write_signed(disk, folder, self, SIGNED_AS, signers)
    }

    /// What measures the file of persons as it is read.
    pub(in crate::mind) fn measure(&self) -> Result<Measure, Refusal> {
        Measure::new(self.persons.bytes, self.persons.sha256, FILE_BYTES_MAX)
    }

    /// What is asked of it before it is served.
    pub(in crate::mind) fn claims(&self) -> Claims {
        Claims {
            wanted: Dataset::Notices.name().to_owned(),
            dataset: self.dataset.clone(),
            environment: self.environment,
            version: self.version,
            generation: self.generation.clone(),
            data_as_of: self.data_as_of,
            created: self.created,
            expires: self.expires,
            from: None,
            serving: None,
        }
    }

    /// What may be told of the state.
    pub fn info(&self) -> Info {
        Info {
            dataset: self.dataset.clone(),
            version: self.version,
            base: self.version,
            changes: 0,
            withdrawn: 0,
            generation: self.generation.clone(),
            environment: self.environment,
            databases: self.databases.clone(),
            records: self.records,
            data_as_of: self.data_as_of,
            created: self.created,
            expires: self.expires,
            table_bytes: self.persons.bytes,
            ids_bytes: 0,
            digest: keys::hex(&self.persons.sha256),
        }
    }
}
