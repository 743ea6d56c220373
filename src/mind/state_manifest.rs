//! What a state says of itself, whatever it is of: records that are found by number, or persons. Who carries states from
//! place to place asks this, so that both are carried by the same rules.

use std::path::Path;

use super::base::Base;
use super::copy::{Generation, Opening};
use super::dataset::Dataset;
use super::delta::{DELTA, DELTA_BYTES_MAX};
use super::manifest::{DeltaState, MANIFEST, Manifest, SIGNATURE, read_signed};
use super::names::PERSONS_FILE;
use super::persons::PersonsManifest;
use super::trust::{Claims, Refusal};

/// The files of a base, in the order in which they are taken in: the last of them counts.
const BASE_FILES: [&str; 4] = ["ids.tree", "ids.bin", "table.tree", "table.bin"];

/// The files by which a state of a dataset is opened without another state.
pub(super) const fn base_files(dataset: Dataset) -> &'static [&'static str] {
    if dataset.is_by_number() { &BASE_FILES } else { &[PERSONS_FILE] }
}

/// The file of this name, if a state of the dataset can have it.
pub(super) fn state_file(dataset: Dataset, name: &str) -> Option<&'static str> {
    let delta: &[&str] = if dataset.is_by_number() { &[DELTA] } else { &[] };
    let files = [MANIFEST, SIGNATURE].iter().chain(delta).chain(base_files(dataset));
    files.copied().find(|file| *file == name)
}

/// Whether a state's folder holds that by which it is opened without another state.
pub(super) fn has_base(dataset: Dataset, state: &Path) -> bool {
    if dataset.is_by_number() { Base::is_in(state) } else { state.join(PERSONS_FILE).exists() }
}

/// What a state says of itself.
#[derive(Clone, Debug)]
pub(super) enum StateManifest {
    /// Of records that are found by number.
    Numbers(Box<Manifest>),
    /// Of persons.
    Persons(Box<PersonsManifest>),
}

impl StateManifest {
    /// Reads the manifest in a state's folder, believing nothing before its signatures are checked.
    ///
    /// # Errors
    /// [`Refusal::Missing`], or as [`parse`](Self::parse).
    pub(super) fn read(opening: &Opening<'_>, state: &Path) -> Result<Self, Refusal> {
        let (text, signatures) = read_signed(state)?;
        Self::parse(&text, &signatures, opening)
    }

    /// The manifest of this text, if enough of the publisher's keys signed it and it is of what is wanted.
    ///
    /// # Errors
    /// Of the signatures, of its form, or [`Refusal::Environment`] or [`Refusal::Dataset`].
    pub(super) fn parse(text: &[u8], signatures: &[u8], opening: &Opening<'_>) -> Result<Self, Refusal> {
        if opening.dataset.is_by_number() {
            let manifest = opening.accepts(Manifest::parse(text, signatures, opening.root)?)?;
            return Ok(Self::Numbers(Box::new(manifest)));
        }
        Ok(Self::Persons(Box::new(PersonsManifest::parse(text, signatures, opening)?)))
    }

    /// What a text says, whoever wrote it: a hint, to plan by.
    pub(super) fn unverified(dataset: Dataset, text: &[u8]) -> Option<Self> {
        if dataset.is_by_number() {
            return serde_json::from_slice(text).ok().map(Self::Numbers);
        }
        serde_json::from_slice(text).ok().map(Self::Persons)
    }

    /// What is asked of it before it is served. That a delta fits is seen when the state is opened.
    pub(super) fn claims(&self) -> Claims {
        match self {
            Self::Numbers(manifest) => manifest.claims(),
            Self::Persons(manifest) => manifest.claims(),
        }
    }

    /// The number of the state.
    pub(super) fn version(&self) -> u64 {
        match self {
            Self::Numbers(manifest) => manifest.version,
            Self::Persons(manifest) => manifest.version,
        }
    }

    /// The name of its key.
    pub(super) fn generation(&self) -> &str {
        match self {
            Self::Numbers(manifest) => &manifest.generation,
            Self::Persons(manifest) => &manifest.generation,
        }
    }

    /// How many records or persons there are.
    pub(super) fn records(&self) -> u64 {
        match self {
            Self::Numbers(manifest) => manifest.records,
            Self::Persons(manifest) => manifest.records,
        }
    }

    /// How the state is reached from the one before, if it can be. Persons have no changes.
    pub(super) fn delta(&self) -> Option<&DeltaState> {
        match self {
            Self::Numbers(manifest) => manifest.delta.as_ref(),
            Self::Persons(_) => None,
        }
    }

    /// Whether a key is that of the state.
    pub(super) fn is_opened_by(&self, generation: &Generation) -> bool {
        match self {
            Self::Numbers(manifest) => generation.check(&manifest.dataset) == manifest.key_check,
            Self::Persons(manifest) => generation.check(&manifest.dataset) == manifest.key_check,
        }
    }

    /// The size of its base in bytes, as it says.
    pub(super) fn base_bytes(&self) -> u64 {
        match self {
            Self::Numbers(manifest) => {
                [&manifest.table, &manifest.ids].iter().map(|file| file.bytes + file.tree_bytes()).sum()
            }
            Self::Persons(manifest) => manifest.persons.bytes,
        }
    }

    /// The files of its base with their sizes.
    ///
    /// # Errors
    /// [`Refusal::EndlessData`] if it says that one is larger than any can be.
    pub(super) fn base(&self) -> Result<Vec<(&'static str, u64)>, Refusal> {
        match self {
            Self::Numbers(manifest) => Ok(Base::files(manifest)?.to_vec()),
            Self::Persons(manifest) => Ok(vec![(PERSONS_FILE, manifest.measure()?.left())]),
        }
    }

    /// The file of its change with its size.
    ///
    /// # Errors
    /// [`Refusal::Missing`] if it has none, [`Refusal::EndlessData`] if it says that it is larger than any can be.
    pub(super) fn change(&self) -> Result<Vec<(&'static str, u64)>, Refusal> {
        let missing = || Refusal::Missing(std::io::ErrorKind::NotFound.into());
        let delta = self.delta().ok_or_else(missing)?;
        if delta.bytes > DELTA_BYTES_MAX {
            return Err(Refusal::EndlessData { limit: DELTA_BYTES_MAX });
        }
        Ok(vec![(DELTA, delta.bytes)])
    }
}
