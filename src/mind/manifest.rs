//! What a state of the copy says of itself, signed by its publisher.
//!
//! There is one manifest a state, whether the state arrives as a snapshot or as the change from an earlier one. It says
//! all of the state: the digest of its entries and the roots of the table and ids that they make, which are the same
//! wherever they are made. So what a site folds by itself is checked against the publisher's word.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use postern_sdk::{Database, Environment};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::disk::{Disk, read_small, write_small};
use super::hex;
use super::keyring::GenerationName;
use super::pages::FileState;
use super::record::Codes;
use super::seal::SEAL;
use super::table::SLOTS_MAX;
use super::trust::{Claims, Refusal, Root};
use crate::keys::{self, PrivateKey};

/// The version of the format that is written and read here.
pub const FORMAT: u32 = 2;

/// The manifest's file in a state's folder.
pub(super) const MANIFEST: &str = "manifest.json";
/// The file of its signatures.
pub(super) const SIGNATURE: &str = "manifest.sig";
/// Most bytes of a manifest.
pub(super) const MANIFEST_BYTES_MAX: u64 = 4 << 20;
/// Most bytes of its signatures.
pub(super) const SIGNATURE_BYTES_MAX: u64 = 1 << 14;
/// For what a manifest is signed, so that no other signed document can pass for one.
const SIGNED_AS: &str = "postern mind manifest 2";

/// How much of a database a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// All of it: its silence says that there is no record.
    Full,
    /// A part: its silence says nothing.
    Partial,
}

/// What a snapshot holds of one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// How much of the database.
    pub coverage: Coverage,
    /// How many records.
    pub records: u64,
}

/// How a state is reached from an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeltaState {
    /// The version that it starts from.
    pub from: u64,
    /// Size of the delta in bytes.
    pub bytes: u64,
    /// SHA-256 of the delta.
    #[serde(with = "hex")]
    pub sha256: [u8; 32],
    /// Records that it brings, those that it changes among them.
    pub added: u64,
    /// Records that it takes out, those that it changes among them.
    pub removed: u64,
}

/// What a state says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format, [`FORMAT`].
    pub format: u32,
    /// The dataset, such as `documents`.
    pub dataset: String,
    /// The number of the state; a later state has a higher one.
    pub version: u64,
    /// The name of the states under one generation key.
    pub generation: String,
    /// Whether the data is real.
    pub environment: Environment,
    /// The databases of which there are records.
    pub databases: BTreeMap<Database, Holding>,
    /// How many records there are in all.
    pub records: u64,
    /// When the data was extracted at its source.
    pub data_as_of: Timestamp,
    /// When the state was built.
    pub created: Timestamp,
    /// From when on its silence says nothing, whatever the ages that are configured.
    pub expires: Timestamp,
    /// SHA-256 over all entries in their order.
    #[serde(with = "hex")]
    pub digest: [u8; 32],
    /// The table.
    pub table: FileState,
    /// The record ids.
    pub ids: FileState,
    /// How the state is reached from the one before, if it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<DeltaState>,
    /// The name of the construction by which records are sealed.
    pub seal: String,
    /// What tells the right generation key from any other.
    #[serde(with = "hex")]
    pub key_check: [u8; 16],
    /// Numbers with what must be found under them, sealed.
    pub self_test: String,
    /// The lists of codes.
    pub codes: Codes,
}

/// What the console and the command line tell of a state: the manifest without its seals and lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Info {
    /// The dataset.
    pub dataset: String,
    /// The number of the state.
    pub version: u64,
    /// The version of the table that it is answered from; the changes since then are held in memory.
    pub base: u64,
    /// How many records were added and how many taken out since then.
    pub changes: u64,
    /// How many records the country itself has withdrawn.
    pub withdrawn: u64,
    /// The name of the states under one generation key.
    pub generation: String,
    /// Whether the data is real.
    pub environment: Environment,
    /// What it holds of each database.
    pub databases: BTreeMap<Database, Holding>,
    /// How many records there are in all.
    pub records: u64,
    /// When the data was extracted at its source: ages count from here.
    pub data_as_of: Timestamp,
    /// When the state was built.
    pub created: Timestamp,
    /// From when on its silence says nothing.
    pub expires: Timestamp,
    /// Size of the table in bytes; of persons, that of their file.
    pub table_bytes: u64,
    /// Size of the record ids in bytes; persons have none beside their file.
    pub ids_bytes: u64,
    /// SHA-256 over all entries in their order; of persons, that of their file.
    pub digest: String,
}

impl Manifest {
    /// What may be told of the state, answered from the table of a version.
    pub fn info(&self, base: u64, changes: u64) -> Info {
        Info {
            dataset: self.dataset.clone(),
            version: self.version,
            base,
            changes,
            withdrawn: 0,
            generation: self.generation.clone(),
            environment: self.environment,
            databases: self.databases.clone(),
            records: self.records,
            data_as_of: self.data_as_of,
            created: self.created,
            expires: self.expires,
            table_bytes: self.table.bytes,
            ids_bytes: self.ids.bytes,
            digest: keys::hex(&self.digest),
        }
    }

    /// What is asked of it before it is served. That its delta fits is seen when the state is opened.
    pub(super) fn claims(&self) -> Claims {
        Claims {
            wanted: self.dataset.clone(),
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

    /// Writes and syncs manifest and signatures.
    pub(super) fn write(
        &self,
        disk: &dyn Disk,
        folder: &Path,
        signers: &[&PrivateKey],
    ) -> std::io::Result<()> {
        write_signed(disk, folder, self, SIGNED_AS, signers)
    }

    /// Reads the manifest of a state, believing nothing before its signatures are checked.
    ///
    /// # Errors
    /// [`Refusal::Missing`], [`Refusal::Format`], [`Refusal::ManifestMalformed`], or of the signatures.
    pub fn read(folder: &Path, root: &Root) -> Result<Self, Refusal> {
        let (text, signatures) = read_signed(folder)?;
        Self::parse(&text, &signatures, root)
    }

    /// The manifest of this text, if enough of the publisher's keys signed it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &[u8], signatures: &[u8], root: &Root) -> Result<Self, Refusal> {
        let manifest: Self = parse_signed(text, signatures, root, SIGNED_AS, FORMAT)?;
        match manifest.contradiction() {
            Some(what) => Err(Refusal::ManifestMalformed(what.to_owned())),
            None => Ok(manifest),
        }
    }

    /// What of it makes no sense, though it is signed. Its names become parts of paths, and its numbers are counted with.
    fn contradiction(&self) -> Option<&'static str> {
        let sum = self.databases.values().try_fold(0_u64, |sum, holding| sum.checked_add(holding.records));
        if GenerationName::new(&self.dataset, &self.generation).is_err() {
            Some("its dataset or generation is no such name")
        } else if self.seal != SEAL {
            Some("its records are sealed in a way that is not known")
        } else if sum != Some(self.records) || self.records > SLOTS_MAX {
            Some("its records are too many, or not those of its databases")
        } else if self.delta.as_ref().is_some_and(|delta| delta.from >= self.version) {
            Some("its delta does not lead from an earlier state")
        } else {
            None
        }
    }
}

/// Writes and syncs a manifest and its signatures for the use that the label names.
pub(super) fn write_signed(
    disk: &dyn Disk,
    folder: &Path,
    manifest: &impl Serialize,
    label: &str,
    signers: &[&PrivateKey],
) -> std::io::Result<()> {
    let text = serde_json::to_vec_pretty(manifest)?;
    let line = |key: &&PrivateKey| format!("{} {}\n", key.public().id(), keys::hex(&key.sign(label, &text)));
    let signatures: String = signers.iter().map(line).collect();
    write_small(disk, &folder.join(MANIFEST), &text)?;
    write_small(disk, &folder.join(SIGNATURE), signatures.as_bytes())
}

/// Reads the texts of a manifest and of its signatures; nothing of them is checked.
pub(super) fn read_signed(folder: &Path) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
    let text = read_small(&folder.join(MANIFEST), MANIFEST_BYTES_MAX).map_err(Refusal::Missing)?;
    let signatures = read_small(&folder.join(SIGNATURE), SIGNATURE_BYTES_MAX).map_err(Refusal::Missing)?;
    Ok((text, signatures))
}

/// The manifest of a text, if enough of the publisher's keys signed it for the use that the label names.
pub(super) fn parse_signed<M: DeserializeOwned>(
    text: &[u8],
    signatures: &[u8],
    root: &Root,
    label: &str,
    format: u32,
) -> Result<M, Refusal> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    root.verify_copy(label, text, signatures)?;
    let malformed = |error: serde_json::Error| Refusal::ManifestMalformed(error.to_string());
    let version: Version = serde_json::from_slice(text).map_err(malformed)?;
    if version.format != format {
        return Err(Refusal::Format(version.format));
    }
    serde_json::from_slice(text).map_err(malformed)
}
