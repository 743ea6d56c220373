//! The records that the country itself has withdrawn, ahead of the delta that takes them out.
//!
//! A withdrawal names a record by its key within a generation and by its tag, so that the file tells nobody which documents
//! were found again, and so that it is about what the record said then: a document that is reported anew, even under the
//! same id, hits again. It is signed by the country's own key, and takes effect by one swap. A withdrawn record does not
//! count as a hit; the second line sees it as withdrawn.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::copy::Copy;
use super::disk::{RealDisk, read_small, replace_small};
use super::entry::Key;
use super::identifier::Identifier;
use super::lookup::Match;
use super::record::database_number;
use super::trust::Refusal;
use crate::keys::{PrivateKey, PublicKey, hex, unhex};
use postern_sdk::Database;

/// Most withdrawals of a generation.
const WITHDRAWN_MAX: usize = 1_000_000;
/// Most bytes of a file of withdrawals.
pub(super) const FILE_BYTES_MAX: u64 = 64 << 20;
const SIGNED_AS: &str = "postern mind withdrawals 1";

/// The withdrawals of a generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Withdrawn {
    records: BTreeSet<Named>,
}

/// A record as a withdrawal names it: its key, and the tag of what it said.
type Named = (Key, u64);

fn named_bytes((key, tag): &Named) -> String {
    hex(&[&key.bytes()[..], &tag.to_be_bytes()].concat())
}

fn named(text: &str) -> Option<Named> {
    let bytes = unhex(text)?;
    let (key, tag) = bytes.split_first_chunk::<{ Key::BYTES }>()?;
    Some((Key::from_bytes(key), u64::from_be_bytes(tag.try_into().ok()?)))
}

/// What came of withdrawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrew {
    /// How many records of the generation are withdrawn now.
    pub withdrawn: usize,
    /// How many of the withdrawals were of records that the state does not hold.
    pub unknown: usize,
}

/// What a country withdraws, to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// The database.
    pub database: Database,
    /// The number.
    pub identifier: Identifier,
    /// The record's id at its source.
    pub record_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    dataset: String,
    generation: String,
    /// Counts up with each change, so that an older file does not bring a record back.
    number: u64,
    /// Locator, mark and tag of each record, in hexadecimal.
    records: Vec<String>,
}

impl Withdrawn {
    /// Where the withdrawals of a generation are in a copy's folder.
    pub fn path(folder: &Path, dataset: &str, generation: &str) -> PathBuf {
        folder.join("withdrawn").join(format!("{dataset}.{generation}.json"))
    }

    /// Reads the withdrawals of a generation: none if there is no file. Gives their number too.
    ///
    /// # Errors
    /// [`Refusal::SignatureWrong`] if they are not signed by the country, or what is wrong with the file.
    pub fn read(
        folder: &Path,
        dataset: &str,
        generation: &str,
        country: &PublicKey,
    ) -> Result<(Self, u64), Refusal> {
        let path = Self::path(folder, dataset, generation);
        let bytes = match read_small(&path, FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Self::default(), 0)),
            Err(error) => return Err(Refusal::Missing(error)),
        };
        Self::parse(&bytes, dataset, generation, country)
    }

    /// The withdrawals of these bytes, and their number: a higher one replaces a lower one.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(
        bytes: &[u8],
        dataset: &str,
        generation: &str,
        country: &PublicKey,
    ) -> Result<(Self, u64), Refusal> {
        let malformed = || Refusal::ManifestMalformed("the withdrawals can't be read".to_owned());
        let end = memchr::memchr(b'\n', bytes).ok_or_else(malformed)?;
        let (signature, text) = (&bytes[..end], &bytes[end + 1..]);
        let signature = std::str::from_utf8(signature).ok().and_then(unhex).ok_or_else(malformed)?;
        if !country.verifies(SIGNED_AS, text, &signature) {
            return Err(Refusal::SignatureWrong { key: country.id() });
        }
        let file: File = serde_json::from_slice(text).map_err(|_| malformed())?;
        if file.format != 1 || file.dataset != dataset || file.generation != generation {
            return Err(Refusal::MixAndMatch("the withdrawals are of another generation"));
        }
        let records: Option<BTreeSet<Named>> = file.records.iter().map(|text| named(text)).collect();
        Ok((Self { records: records.ok_or_else(malformed)? }, file.number))
    }

    /// Whether nothing is withdrawn.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many records are withdrawn.
    pub fn len(&self) -> usize {
        self.records.len()
    }
}

impl Copy {
    /// Adds withdrawals to those of the state's generation, signs them and writes them in one step. What the
    /// state does not hold can't be withdrawn, and is counted.
    ///
    /// # Errors
    /// As of [`Withdrawn::read`], [`Refusal::EndlessData`] if there would be too many, or what writing says.
    pub fn withdraw(
        &self,
        folder: &Path,
        withdrawals: &[Withdrawal],
        country: &PrivateKey,
    ) -> Result<Withdrew, Refusal> {
        let (dataset, generation) = (self.manifest.dataset.as_str(), self.manifest.generation.as_str());
        let (mut withdrawn, number) = Withdrawn::read(folder, dataset, generation, &country.public())?;
        let mut unknown = 0;
        for one in withdrawals {
            match self.named(one)? {
                Some(named) => drop(withdrawn.records.insert(named)),
                None => unknown += 1,
            }
        }
        if withdrawn.len() > WITHDRAWN_MAX {
            return Err(Refusal::EndlessData { limit: WITHDRAWN_MAX as u64 });
        }
        let file = File {
            format: 1,
            dataset: dataset.to_owned(),
            generation: generation.to_owned(),
            number: number + 1,
            records: withdrawn.records.iter().map(named_bytes).collect(),
        };
        let text = serde_json::to_vec(&file).map_err(|error| Refusal::Missing(error.into()))?;
        let content = [hex(&country.sign(SIGNED_AS, &text)).as_bytes(), b"\n", &text].concat();
        let path = Withdrawn::path(folder, dataset, generation);
        std::fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(Refusal::Missing)?;
        replace_small(&RealDisk, &path, &content).map_err(Refusal::Missing)?;
        Ok(Withdrew { withdrawn: withdrawn.len(), unknown })
    }

    /// The record that a withdrawal is about, as the state holds it.
    fn named(&self, one: &Withdrawal) -> Result<Option<Named>, Refusal> {
        let seal = &self.generation.seal;
        let number = database_number(one.database).unwrap_or(0);
        let mark = seal.mark(&seal.secret(&one.identifier), number, &one.record_id);
        let key = Key { locator: seal.locator(&one.identifier), mark };
        Ok(self.entry(key)?.map(|entry| (key, entry.sealed.tag)))
    }

    /// This state with these withdrawals.
    #[must_use]
    pub fn with_withdrawn(mut self, withdrawn: Withdrawn) -> Self {
        self.withdrawn = std::sync::Arc::new(withdrawn);
        self
    }

    /// Whether the country has withdrawn a record that was found. An id that can't be read is not taken for withdrawn.
    pub(super) fn is_withdrawn(&self, identifier: &Identifier, one: &Match) -> bool {
        if self.withdrawn.is_empty() {
            return false;
        }
        let seal = &self.generation.seal;
        let (locator, tag) = (seal.locator(identifier), seal.tag(&seal.secret(identifier), one.packed));
        self.mark(one).is_ok_and(|mark| self.withdrawn.records.contains(&(Key { locator, mark }, tag)))
    }
}

impl fmt::Display for Withdrawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records withdrawn", self.len())
    }
}
