//! What a hub has: the list that a site plans from.
//!
//! It is a hint and nothing more. What a site fetches is believed by its manifest's signatures alone, and sized by it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use postern_sdk::Environment;
use serde::{Deserialize, Serialize};

use crate::mind::dataset::Dataset;
use crate::mind::delta::DELTA;
use crate::mind::disk::read_small;
use crate::mind::folder::{version_folder, versions};
use crate::mind::keyring::GenerationName;
use crate::mind::manifest::{MANIFEST, MANIFEST_BYTES_MAX};
use crate::mind::state_manifest::{StateManifest, has_base};

/// The version of the list.
pub const OFFER_FORMAT: u32 = 1;
/// Most states of a dataset in a list, the newest.
pub const STATES_MAX: usize = 4_096;
/// Most bytes of a list.
pub const OFFER_BYTES_MAX: u64 = 4 << 20;

/// What a hub has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// [`OFFER_FORMAT`].
    pub format: u32,
    /// Whether the data is real.
    pub environment: Environment,
    /// The versions of the roots.
    pub roots: Vec<u64>,
    /// The states of each dataset, the newest first.
    pub datasets: BTreeMap<String, Vec<OfferedState>>,
    /// The generations of which there are signed withdrawals.
    pub withdrawn: Vec<OfferedWithdrawals>,
}

/// A state that a hub has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedState {
    /// Its number.
    pub version: u64,
    /// Its generation.
    pub generation: String,
    /// The size of its base in bytes, if that is there.
    pub base_bytes: Option<u64>,
    /// Its delta, if that is there.
    pub delta: Option<OfferedDelta>,
}

/// A delta that a hub has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedDelta {
    /// The version that it starts from.
    pub from: u64,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Withdrawals that a hub has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedWithdrawals {
    /// The dataset.
    pub dataset: String,
    /// The generation.
    pub generation: String,
    /// Size of the file in bytes.
    pub bytes: u64,
}

impl Offer {
    /// What is in a copy's folder.
    pub fn of(folder: &Path, environment: Environment) -> Self {
        let datasets = Dataset::ALL.into_iter().filter_map(|dataset| {
            let newest = versions(folder, dataset.name()).into_iter().take(STATES_MAX);
            let states: Vec<_> =
                newest.filter_map(|version| OfferedState::read(folder, dataset, version)).collect();
            (!states.is_empty()).then(|| (dataset.name().to_owned(), states))
        });
        Self {
            format: OFFER_FORMAT,
            environment,
            roots: roots(folder),
            datasets: datasets.collect(),
            withdrawn: withdrawn(folder),
        }
    }
}

impl OfferedState {
    /// A state of a copy's folder, by what its manifest says, which is not verified here.
    pub(in crate::mind) fn read(folder: &Path, dataset: Dataset, version: u64) -> Option<Self> {
        let folder = version_folder(folder, dataset.name(), version);
        let text = read_small(&folder.join(MANIFEST), MANIFEST_BYTES_MAX).ok()?;
        let manifest = StateManifest::unverified(dataset, &text)?;
        let delta = manifest.delta().filter(|_| folder.join(DELTA).exists());
        Some(Self {
            version,
            base_bytes: has_base(dataset, &folder).then(|| manifest.base_bytes()),
            delta: delta.map(|delta| OfferedDelta { from: delta.from, bytes: delta.bytes }),
            generation: manifest.generation().to_owned(),
        })
    }
}

/// The versions of the roots of a copy's folder, in their order.
pub(in crate::mind) fn roots(folder: &Path) -> Vec<u64> {
    let version = |name: &str| name.strip_prefix("root.")?.strip_suffix(".json")?.parse().ok();
    let mut roots: Vec<u64> = names(&folder.join("trust")).filter_map(|name| version(&name)).collect();
    roots.sort_unstable();
    roots
}

/// The files of withdrawals of a copy's folder.
pub(in crate::mind) fn withdrawn(folder: &Path) -> Vec<OfferedWithdrawals> {
    let folder = folder.join("withdrawn");
    let offered = |name: String| {
        let bytes = fs::metadata(folder.join(&name)).ok()?.len();
        let (dataset, generation) = name.strip_suffix(".json")?.split_once('.')?;
        let named = GenerationName::new(dataset, generation).ok()?;
        let (dataset, generation) = (named.dataset().to_owned(), named.generation().to_owned());
        Some(OfferedWithdrawals { dataset, generation, bytes })
    };
    let mut offered: Vec<_> = names(&folder).filter_map(offered).collect();
    offered.sort_unstable_by(|a, b| (&a.dataset, &a.generation).cmp(&(&b.dataset, &b.generation)));
    offered
}

fn names(folder: &Path) -> impl Iterator<Item = String> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}
