//! What a snapshot says of itself, signed by its publisher.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use postern_sdk::{Database, Environment};
use serde::{Deserialize, Serialize};

use super::copy::OpenError;
use super::locator::LocatorKey;
use super::pages::{FileState, read_small};
use super::record::Codes;
use crate::keys::{self, PrivateKey, PublicKey};

/// The version of the format that is written and read here.
pub const FORMAT: u32 = 1;

const MANIFEST: &str = "manifest.json";
const SIGNATURE: &str = "manifest.sig";
const MANIFEST_BYTES_MAX: u64 = 1 << 20;
const SIGNATURE_BYTES_MAX: u64 = 1 << 10;
/// For what a manifest is signed, so that no other signed document can pass for one.
const SIGNED_AS: &str = "postern mind manifest 1";

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

/// What a snapshot says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format, [`FORMAT`].
    pub format: u32,
    /// The dataset, such as `documents`.
    pub dataset: String,
    /// The number of the state; a later state has a higher one.
    pub version: u64,
    /// The name of the states under one locator key.
    pub generation: String,
    /// Whether the data is real.
    pub environment: Environment,
    /// The databases of which there are records.
    pub databases: BTreeMap<Database, Holding>,
    /// How many records there are in all.
    pub records: u64,
    /// When the data was extracted at its source.
    pub data_as_of: Timestamp,
    /// When the snapshot was built.
    pub created: Timestamp,
    /// From when on its silence says nothing, whatever the ages that are configured.
    pub expires: Timestamp,
    /// The table.
    pub table: FileState,
    /// The record ids.
    pub ids: FileState,
    /// The name of the function that gives locators.
    pub prf: String,
    /// Its key. It stands here until snapshots are sealed.
    pub(super) locator_key: LocatorKey,
    /// The lists of codes.
    pub codes: Codes,
}

/// What the console and the command line tell of a snapshot: the manifest without its key and lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Info {
    /// The dataset.
    pub dataset: String,
    /// The number of the state.
    pub version: u64,
    /// The name of the states under one locator key.
    pub generation: String,
    /// Whether the data is real.
    pub environment: Environment,
    /// What it holds of each database.
    pub databases: BTreeMap<Database, Holding>,
    /// How many records there are in all.
    pub records: u64,
    /// When the data was extracted at its source: ages count from here.
    pub data_as_of: Timestamp,
    /// When the snapshot was built.
    pub created: Timestamp,
    /// From when on its silence says nothing.
    pub expires: Timestamp,
    /// Size of the table in bytes.
    pub table_bytes: u64,
    /// Size of the record ids in bytes.
    pub ids_bytes: u64,
}

impl Manifest {
    /// What may be told of the snapshot.
    pub fn info(&self) -> Info {
        Info {
            dataset: self.dataset.clone(),
            version: self.version,
            generation: self.generation.clone(),
            environment: self.environment,
            databases: self.databases.clone(),
            records: self.records,
            data_as_of: self.data_as_of,
            created: self.created,
            expires: self.expires,
            table_bytes: self.table.bytes,
            ids_bytes: self.ids.bytes,
        }
    }

    /// Writes and syncs manifest and signature.
    pub(super) fn write(&self, folder: &Path, key: &PrivateKey) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        let signature = format!("{} {}\n", key.public().id(), keys::hex(&key.sign(SIGNED_AS, &text)));
        write_synced(&folder.join(MANIFEST), &text)?;
        write_synced(&folder.join(SIGNATURE), signature.as_bytes())
    }

    /// Reads the manifest of a snapshot, believing nothing before its signature is checked.
    ///
    /// # Errors
    /// [`OpenError::Missing`], [`OpenError::Signature`], [`OpenError::Format`] or [`OpenError::Damaged`].
    pub(super) fn read(folder: &Path, publisher: &PublicKey) -> Result<Self, OpenError> {
        let text = read_small(&folder.join(MANIFEST), MANIFEST_BYTES_MAX).map_err(OpenError::from_io)?;
        let signature =
            read_small(&folder.join(SIGNATURE), SIGNATURE_BYTES_MAX).map_err(OpenError::from_io)?;
        if !verifies(&text, &signature, publisher) {
            return Err(OpenError::Signature);
        }
        parse(&text)
    }
}

fn parse(text: &[u8]) -> Result<Manifest, OpenError> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let version: Version = serde_json::from_slice(text).map_err(|_| OpenError::Damaged)?;
    if version.format != FORMAT {
        return Err(OpenError::Format(version.format));
    }
    serde_json::from_slice(text).map_err(|_| OpenError::Damaged)
}

/// Whether one of the lines `key-id signature` is the publisher's. A line by another key is no harm.
fn verifies(text: &[u8], signatures: &[u8], publisher: &PublicKey) -> bool {
    let lines = std::str::from_utf8(signatures).unwrap_or_default().lines();
    lines.filter_map(|line| line.split_once(' ')).any(|(id, signature)| {
        let signature = keys::unhex(signature);
        id == publisher.id()
            && signature.is_some_and(|signature| publisher.verifies(SIGNED_AS, text, &signature))
    })
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(content)?;
    file.sync_all()
}
