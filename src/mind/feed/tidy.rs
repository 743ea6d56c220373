//! Removes old states, so that a publisher that runs by itself does not fill its disk.
//!
//! A new site needs the newest base; a site that is behind needs the changes since its state. So bases go first, and
//! whole states when they are older than any site should be. With the last state of a generation its key goes too: each
//! snapshot brings one, and those of notices come often.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use crate::mind::base::Base;
use crate::mind::dataset::Dataset;
use crate::mind::disk::{Disk as _, RealDisk};
use crate::mind::folder::{version_folder, versions};
use crate::mind::hub::{OfferedState, Sites};
use crate::mind::keyring::{GenerationName, KeyFile};
use crate::mind::pages::Kind;

/// The change of a state, by which it is reached from the one before.
const DELTA: &str = "delta.bin";

/// Keeps so many of a dataset's newest states, and so many of these with their base.
pub(super) fn tidy(folder: &Path, dataset: Dataset, states: usize, bases: usize) -> io::Result<()> {
    let all = versions(folder, dataset.name());
    let generation = |version| OfferedState::read(folder, dataset, version).map(|state| state.generation);
    let mut gone = BTreeSet::new();
    for (place, version) in all.iter().enumerate() {
        let state = version_folder(folder, dataset.name(), *version);
        if place >= states || (place >= bases && !state.join(DELTA).exists()) {
            gone.extend(generation(*version));
            RealDisk.remove_folder(&state)?;
        } else if place >= bases && Base::is_in(&state) {
            strip(&state)?;
        }
    }
    let kept: BTreeSet<String> =
        versions(folder, dataset.name()).into_iter().filter_map(generation).collect();
    gone.retain(|generation| !kept.contains(generation));
    forget(folder, dataset, &gone)
}

/// Destroys the keys of generations of which no state is left.
fn forget(folder: &Path, dataset: Dataset, generations: &BTreeSet<String>) -> io::Result<()> {
    if generations.is_empty() {
        return Ok(());
    }
    let _locked = Sites::of(folder).lock().map_err(io::Error::other)?;
    for generation in generations {
        let name = GenerationName::new(dataset.name(), generation).map_err(io::Error::other)?;
        KeyFile::destroy(folder, &name).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Removes the base of a state: the table first, which says whether there is one.
fn strip(state: &Path) -> io::Result<()> {
    for kind in [Kind::Table, Kind::Ids] {
        for path in [kind.path(state), kind.tree_path(state)] {
            if path.exists() {
                RealDisk.remove_file(&path)?;
            }
        }
    }
    RealDisk.sync_folder(state)
}
