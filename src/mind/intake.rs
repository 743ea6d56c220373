//! Taking in what came from elsewhere, over a link or by hand: the same checks for both.

use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::copy::Generation;
use super::dataset::Dataset;
use super::disk::{Disk, RealDisk, replace_small};
use super::folder::versions;
use super::hub::OfferedState;
use super::keyring::{GenerationName, KeyFile, KeyringError, SiteKey};
use super::state_manifest::StateManifest;
use super::trust::{Chain, Highest, Refusal, admit, root_path};
use super::withdrawn::Withdrawn;
use crate::keys::PublicKey;

/// Writes a root that a chain has taken: the signatures first, as the root counts from when its text is there.
pub(super) fn keep_root(trust: &Path, version: u64, text: &[u8], signatures: &[u8]) -> Result<(), Refusal> {
    let path = root_path(trust, version);
    let written = RealDisk
        .create_folder(trust)
        .and_then(|()| replace_small(&RealDisk, &path.with_extension("sig"), signatures))
        .and_then(|()| replace_small(&RealDisk, &path, text));
    written.map_err(Refusal::Missing)
}

/// Whether a state would be served here if all of it came: so that nothing is fetched which is refused afterwards.
pub(super) fn check_admitted(
    trust: &Path,
    chain: &Chain,
    manifest: &StateManifest,
    purge: Option<Duration>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let mut highest = Highest::read(trust)?.unwrap_or_else(|| Highest::new(chain));
    highest.follow(chain)?;
    let claims = manifest.claims();
    admit(chain.root(), &highest, &claims, now)?;
    let purge = purge.and_then(|purge| SignedDuration::try_from(purge).ok()).unwrap_or(SignedDuration::MAX);
    let purge_at = claims.data_as_of.saturating_add(purge).unwrap_or(Timestamp::MAX);
    if now >= purge_at { Err(Refusal::Purged) } else { Ok(()) }
}

/// Whether a state of this generation is here already.
pub(super) fn generation_is_here(folder: &Path, dataset: Dataset, generation: &str) -> bool {
    let mut here = versions(folder, dataset.name()).into_iter();
    here.any(|version| {
        OfferedState::read(folder, dataset, version).is_some_and(|state| state.generation == generation)
    })
}

/// The part of a key file that is this site's, if it opens the generation of a manifest that was verified.
///
/// # Errors
/// [`Refusal::Revoked`] if the key is not wrapped to this site, [`Refusal::KeyWrong`] if it is another key.
pub(super) fn own_key(file: &KeyFile, site: &SiteKey, manifest: &StateManifest) -> Result<KeyFile, Refusal> {
    let own = file.only(&site.public().id()).ok_or(Refusal::Revoked)?;
    let key = own.unwrap(site).map_err(|_| Refusal::KeyWrong)?;
    let generation = Generation::new(manifest.generation(), key);
    if manifest.is_opened_by(&generation) { Ok(own) } else { Err(Refusal::KeyWrong) }
}

/// Keeps a key beside those that are here for other sites. What is the same already is not written.
pub(super) fn keep_key(folder: &Path, name: &GenerationName, new: KeyFile) -> Result<(), KeyringError> {
    let here = KeyFile::read(folder, name).ok();
    let mut file = here.clone().unwrap_or_else(|| KeyFile::new(name));
    file.take_in(new)?;
    if here.as_ref() == Some(&file) { Ok(()) } else { file.write(folder) }
}

/// Keeps the country's withdrawals if they are newer than those that are here; whether they were.
///
/// # Errors
/// If they are not the country's, or can't be written.
pub(super) fn keep_withdrawn(
    folder: &Path,
    name: &GenerationName,
    bytes: &[u8],
    country: &PublicKey,
) -> Result<bool, Refusal> {
    let (dataset, generation) = (name.dataset(), name.generation());
    let (_, number) = Withdrawn::parse(bytes, dataset, generation, country)?;
    let (_, here) = Withdrawn::read(folder, dataset, generation, country).unwrap_or_default();
    if number <= here {
        return Ok(false);
    }
    let path = Withdrawn::path(folder, dataset, generation);
    let written = RealDisk
        .create_folder(path.parent().unwrap_or(folder))
        .and_then(|()| replace_small(&RealDisk, &path, bytes));
    written.map(|()| true).map_err(Refusal::Missing)
}
