//! One pull: everything that the hub has and that is not here.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::PullError;
use super::link::Link;
use super::run::Source;
use crate::mind::copy::Opening;
use crate::mind::dataset::Dataset;
use crate::mind::delta::DELTA;
use crate::mind::disk::{Disk as _, RealDisk};
use crate::mind::folder::{dataset_folder, version_folder, version_name};
use crate::mind::hub::{OFFER_BYTES_MAX, OFFER_FORMAT, Offer, OfferedState, Part, plan};
use crate::mind::install::{self, install};
use crate::mind::intake;
use crate::mind::keyring::{GenerationName, KeyFile};
use crate::mind::manifest::{MANIFEST, MANIFEST_BYTES_MAX, SIGNATURE, SIGNATURE_BYTES_MAX};
use crate::mind::open_generation;
use crate::mind::state_manifest::{StateManifest, has_base};
use crate::mind::trust::{Chain, ROOT_BYTES_MAX, Refusal, SIGNATURES_BYTES_MAX};
use crate::mind::withdrawn::{self, Withdrawn};

/// Most bytes of a key file for one site.
const KEY_FILE_BYTES_MAX: u64 = 64 << 10;
const FETCHING: &str = ".fetching-";

/// What came of a pull.
#[derive(Debug, Default)]
pub struct Pulled {
    /// The states that are here now and were not before.
    pub states: Vec<(Dataset, u64)>,
    /// What was refused: each is an alarm.
    pub refused: Vec<(Option<Dataset>, Refusal)>,
}

/// A manifest that was verified, and the bytes of which it was read.
struct Told {
    manifest: StateManifest,
    text: Vec<u8>,
    signatures: Vec<u8>,
}

impl Source {
    /// Asks the hub for its list, and fetches what is not here.
    pub(super) async fn pull(&self, link: &mut Link) -> Result<Pulled, PullError> {
        let list = link.small("/v1/copy", OFFER_BYTES_MAX).await?;
        let offer: Offer = serde_json::from_slice(&list).map_err(|_| PullError::Answer)?;
        if offer.format != OFFER_FORMAT {
            return Err(PullError::Answer);
        }
        if offer.environment != self.options().environment {
            return Err(Refusal::Environment(offer.environment).into());
        }
        let mut pulled = Pulled::default();
        let chain = self.pull_roots(link, &offer, &mut pulled).await?;
        for dataset in Dataset::ALL.into_iter().filter(|dataset| self.wants(*dataset)) {
            let Some(states) = offer.datasets.get(dataset.name()) else { continue };
            match self.pull_dataset(link, dataset, states, &chain, &mut pulled).await {
                Err(PullError::Refused(refusal)) => pulled.refused.push((Some(dataset), refusal)),
                other => other?,
            }
        }
        self.pull_withdrawn(link, &offer, &mut pulled).await?;
        Ok(pulled)
    }

    /// The chain of roots, with those that the hub has beyond it.
    async fn pull_roots(
        &self,
        link: &mut Link,
        offer: &Offer,
        pulled: &mut Pulled,
    ) -> Result<Chain, PullError> {
        let trust = self.trust();
        let mut chain = Chain::walk(&self.options().root_file, &trust)?.chain;
        loop {
            let version = chain.root().version + 1;
            if !offer.roots.contains(&version) {
                return Ok(chain);
            }
            let text = link.small(&format!("/v1/roots/{version:06}.json"), ROOT_BYTES_MAX).await?;
            let signatures = link.small(&format!("/v1/roots/{version:06}.sig"), SIGNATURES_BYTES_MAX).await?;
            if let Err(refusal) = chain.step(&text, &signatures) {
                pulled.refused.push((None, refusal));
                return Ok(chain);
            }
            intake::keep_root(&trust, version, &text, &signatures)?;
            tracing::info!(version, "A newer root came from the hub.");
        }
    }

    async fn pull_dataset(
        &self,
        link: &mut Link,
        dataset: Dataset,
        states: &[OfferedState],
        chain: &Chain,
        pulled: &mut Pulled,
    ) -> Result<(), PullError> {
        let here = self.mind().served(dataset);
        let unreachable = || Refusal::Gap { from: 0, serving: here };
        let plan = plan(states, here).ok_or_else(unreachable)?;
        self.sweep(dataset, &plan.parts);
        let Some(newest) = plan.parts.last().copied() else { return Ok(()) };
        let opening = self.opening(dataset, chain);
        let newest = self.manifest(link, &opening, newest.version).await?;
        let purge = Some(self.options().purge);
        intake::check_admitted(&self.trust(), chain, &newest.manifest, purge, self.clock().now())?;
        self.pull_key(link, dataset, &newest.manifest).await?;
        for part in plan.parts {
            let told = match part.version {
                version if version == newest.manifest.version() => None,
                version => Some(self.manifest(link, &opening, version).await?),
            };
            if self.pull_part(link, &opening, part, told.as_ref().unwrap_or(&newest)).await? {
                pulled.states.push((dataset, part.version));
            }
        }
        Ok(())
    }

    /// The manifest of a version, verified.
    async fn manifest(
        &self,
        link: &mut Link,
        opening: &Opening<'_>,
        version: u64,
    ) -> Result<Told, PullError> {
        let at = path(opening.dataset, version);
        let text = link.small(&format!("{at}/{MANIFEST}"), MANIFEST_BYTES_MAX).await?;
        let signatures = link.small(&format!("{at}/{SIGNATURE}"), SIGNATURE_BYTES_MAX).await?;
        let manifest = StateManifest::parse(&text, &signatures, opening)?;
        if manifest.version() != version {
            return Err(Refusal::Misplaced.into());
        }
        Ok(Told { manifest, text, signatures })
    }

    /// Sees that the key of a state is here. A key that was destroyed here, while states of its generation stayed, is not
    /// fetched again: whoever destroyed it meant it.
    async fn pull_key(
        &self,
        link: &mut Link,
        dataset: Dataset,
        manifest: &StateManifest,
    ) -> Result<(), PullError> {
        let folder = &self.options().folder;
        let generation = manifest.generation();
        let vault = &self.options().vault;
        match open_generation(folder, vault, dataset.name(), generation) {
            Ok(key) if manifest.is_opened_by(&key) => return Ok(()),
            Err(Refusal::KeyMissing) if intake::generation_is_here(folder, dataset, generation) => {
                return Err(Refusal::Purged.into());
            }
            _ => {}
        }
        let site = vault.site_key().ok_or(PullError::Locked)?;
        let name = GenerationName::new(dataset.name(), generation)?;
        let bytes = match link.small(&format!("/v1/keys/{dataset}/{generation}"), KEY_FILE_BYTES_MAX).await {
            Err(PullError::Hub(404, _)) => return Err(Refusal::KeyMissing.into()),
            other => other?,
        };
        let file = KeyFile::parse(&bytes, &name).ok_or(Refusal::KeyWrong)?;
        let own = intake::own_key(&file, &site, manifest)?;
        Ok(intake::keep_key(folder, &name, own)?)
    }

    /// Fetches and takes in a part of a state; false if it was here already.
    async fn pull_part(
        &self,
        link: &mut Link,
        opening: &Opening<'_>,
        part: Part,
        told: &Told,
    ) -> Result<bool, PullError> {
        let io = |error| PullError::Refused(Refusal::Missing(error));
        let target = version_folder(opening.folder, opening.dataset.name(), part.version);
        if is_here(opening, &target, part)? {
            return Ok(false);
        }
        let folder = fetching(opening.folder, opening.dataset, part.version);
        if fs::read(folder.join(MANIFEST)).is_ok_and(|text| text != told.text) {
            fs::remove_dir_all(&folder).map_err(io)?;
        }
        RealDisk.create_folder(&folder).map_err(io)?;
        fs::write(folder.join(MANIFEST), &told.text).map_err(io)?;
        fs::write(folder.join(SIGNATURE), &told.signatures).map_err(io)?;
        let fetched = self.fetch(link, opening, part, &told.manifest, &folder).await;
        match &fetched {
            // What was cut, or finds no room, goes on from here the next time.
            Err(PullError::Refused(Refusal::Missing(_))) => {}
            Ok(()) | Err(PullError::Refused(_)) => fs::remove_dir_all(&folder).map_err(io)?,
            Err(_) => {}
        }
        fetched?;
        tracing::info!(dataset = %opening.dataset, version = part.version, base = part.base, "A state came from the hub.");
        Ok(true)
    }

    /// Fetches the files of a part into a folder, and takes them in.
    async fn fetch(
        &self,
        link: &mut Link,
        opening: &Opening<'_>,
        part: Part,
        manifest: &StateManifest,
        folder: &Path,
    ) -> Result<(), PullError> {
        let files = if part.base { manifest.base()? } else { manifest.change()? };
        for (name, bytes) in files {
            let at = format!("{}/{name}", path(opening.dataset, part.version));
            link.download(&at, &folder.join(name), bytes, |bytes| self.got(bytes)).await?;
        }
        install(opening, folder)?;
        Ok(())
    }

    /// Removes what earlier pulls left of states that are not wanted any more.
    fn sweep(&self, dataset: Dataset, parts: &[Part]) {
        let folder = dataset_folder(&self.options().folder, dataset.name());
        let wanted: Vec<String> = parts.iter().map(|part| version_name(part.version)).collect();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let left =
                name.strip_prefix(FETCHING).is_some_and(|version| !wanted.iter().any(|one| one == version));
            if left && let Err(error) = fs::remove_dir_all(entry.path()) {
                tracing::warn!(%error, "What an earlier pull left can't be removed.");
            }
        }
    }

    /// The country's own withdrawals, where its key is known here.
    async fn pull_withdrawn(
        &self,
        link: &mut Link,
        offer: &Offer,
        pulled: &mut Pulled,
    ) -> Result<(), PullError> {
        let Some(country) = &self.options().country else { return Ok(()) };
        let folder = &self.options().folder;
        for one in &offer.withdrawn {
            let Ok(name) = GenerationName::new(&one.dataset, &one.generation) else { continue };
            let here = Withdrawn::path(folder, name.dataset(), name.generation());
            let same = fs::metadata(&here).is_ok_and(|here| here.len() == one.bytes);
            if same || !KeyFile::path(folder, &name).exists() {
                continue;
            }
            let at = format!("/v1/withdrawn/{}/{}", name.dataset(), name.generation());
            let bytes = link.small(&at, withdrawn::FILE_BYTES_MAX).await?;
            if let Err(refusal) = intake::keep_withdrawn(folder, &name, &bytes, country) {
                pulled.refused.push((Dataset::from_name(name.dataset()), refusal));
            }
        }
        Ok(())
    }
}

fn path(dataset: Dataset, version: u64) -> String {
    format!("/v1/states/{dataset}/{}", version_name(version))
}

fn fetching(folder: &Path, dataset: Dataset, version: u64) -> PathBuf {
    dataset_folder(folder, dataset.name()).join(format!("{FETCHING}{}", version_name(version)))
}

/// Whether a part of a state is here already and sound. A state here that is damaged is removed: it serves nobody.
fn is_here(opening: &Opening<'_>, target: &Path, part: Part) -> Result<bool, PullError> {
    let there = if part.base { has_base(opening.dataset, target) } else { target.join(DELTA).exists() };
    if !there {
        return Ok(false);
    }
    match install::check(opening, target) {
        Ok(_) => Ok(true),
        Err(refusal) => {
            tracing::warn!(version = part.version, %refusal, "A damaged state is fetched again.");
            fs::remove_dir_all(target).map_err(|error| PullError::Refused(Refusal::Missing(error)))?;
            Ok(false)
        }
    }
}
