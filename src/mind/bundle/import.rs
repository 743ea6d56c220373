//! Taking a bundle in: all of it is checked, then all of it is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::archive;
use super::item::Item;
use crate::keys::PublicKey;
use crate::mind::copy::Opening;
use crate::mind::dataset::Dataset;
use crate::mind::delta::DELTA;
use crate::mind::disk::{Disk, RealDisk, read_small};
use crate::mind::folder::{version_folder, versions};
use crate::mind::install::{self, Installed, install_on};
use crate::mind::intake;
use crate::mind::keyring::{GenerationName, KeyFile, Vault};
use crate::mind::serve::open_generation;
use crate::mind::state_manifest::{StateManifest, has_base};
use crate::mind::trust::{Chain, ROOT_BYTES_MAX, Refusal, SIGNATURES_BYTES_MAX, read_at_most, root_path};
use crate::mind::withdrawn::{self, Withdrawn};

/// Most bytes of a key file.
const KEY_FILE_BYTES_MAX: u64 = 2 << 20;
/// Where a bundle is unpacked, in the copy's folder.
const IMPORTING: &str = ".importing";

/// Where a bundle is taken in, and whom it is believed of.
#[derive(Clone, Copy, Debug)]
pub struct ImportOptions<'a> {
    /// The folder of the copy.
    pub folder: &'a Path,
    /// The file of the root that is believed from the start.
    pub root_file: &'a Path,
    /// Holds the site's key; if it does, the bundle must be for this site.
    pub vault: &'a Vault,
    /// The country's key; without it withdrawals are left where they are.
    pub country: Option<&'a PublicKey>,
    /// The time.
    pub now: Timestamp,
}

/// What came of taking a bundle in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The roots that were new.
    pub roots: Vec<u64>,
    /// The states, the oldest first of each dataset, and whether they were new.
    pub states: Vec<(Dataset, Installed)>,
    /// Whether withdrawals were taken in.
    pub withdrawn: bool,
}

/// Takes a bundle in. A daemon that serves the folder takes its states into service by itself.
///
/// # Errors
/// The [`Refusal`] of the first thing that is wrong; nothing is changed then.
pub fn import(
    options: &ImportOptions<'_>,
    bundle: &Path,
    told: impl FnMut(u64, u64),
) -> Result<Imported, Refusal> {
    import_on(&RealDisk, options, bundle, told)
}

pub(in crate::mind) fn import_on(
    disk: &dyn Disk,
    options: &ImportOptions<'_>,
    bundle: &Path,
    mut told: impl FnMut(u64, u64),
) -> Result<Imported, Refusal> {
    let unpacked = Unpacked::create(options.folder)?;
    let items = archive::read(bundle, &unpacked.0, &mut told)?;
    let staged = Staged::check(options, &unpacked.0, &items)?;
    staged.keep(disk, options, &unpacked.0)
}

/// The folder that a bundle is unpacked in, removed when it is dropped. After a crash the next import removes it.
struct Unpacked(PathBuf, #[allow(dead_code, reason = "held for its drop")] fs::File);

impl Unpacked {
    fn create(folder: &Path) -> Result<Self, Refusal> {
        let locked = install::lock(folder, ".import.lock").map_err(Refusal::Missing)?;
        let path = folder.join(IMPORTING);
        let created = match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => RealDisk.create_folder(&path),
        };
        created.map_err(Refusal::Missing)?;
        Ok(Self(path, locked))
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        // What can't be removed now is removed by the next import.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A bundle of which everything was checked.
struct Staged {
    chain: Chain,
    roots: Vec<(u64, Vec<u8>, Vec<u8>)>,
    states: BTreeMap<Dataset, BTreeSet<u64>>,
    keys: Vec<(GenerationName, KeyFile)>,
    withdrawn: Vec<(GenerationName, Vec<u8>)>,
}

impl Staged {
    fn check(options: &ImportOptions<'_>, from: &Path, items: &[Item]) -> Result<Self, Refusal> {
        let (chain, roots) = roots(options, from, items)?;
        let mut states: BTreeMap<Dataset, BTreeSet<u64>> = BTreeMap::new();
        for item in items {
            if let Item::State(dataset, version, _) = item {
                states.entry(*dataset).or_default().insert(*version);
            }
        }
        let mut staged = Self { chain, roots, states, keys: Vec::new(), withdrawn: Vec::new() };
        for (dataset, versions) in staged.states.clone() {
            let newest = staged.check_states(options, from, dataset, &versions)?;
            let trust = options.folder.join("trust");
            intake::check_admitted(&trust, &staged.chain, &newest, None, options.now)?;
            staged.keys.extend(key(options, from, dataset, &newest)?);
        }
        for item in items {
            match (item, options.country) {
                (Item::Withdrawn(name), Some(country)) => {
                    let bytes =
                        read_small(&item.path(from), withdrawn::FILE_BYTES_MAX).map_err(Refusal::Missing)?;
                    Withdrawn::parse(&bytes, name.dataset(), name.generation(), country)?;
                    staged.withdrawn.push((name.clone(), bytes));
                }
                // Of a dataset without news the key alone may come, when a site was enrolled anew.
                (Item::Key(name), _) if !staged.keys.iter().any(|(one, _)| one == name) => {
                    staged.keys.extend(lone_key(options, &staged.chain, from, name));
                }
                _ => {}
            }
        }
        Ok(staged)
    }

    /// Checks the states of a dataset, that they lead to the newest, and gives its manifest.
    fn check_states(
        &self,
        options: &ImportOptions<'_>,
        from: &Path,
        dataset: Dataset,
        staged: &BTreeSet<u64>,
    ) -> Result<StateManifest, Refusal> {
        let opening = opening(options, &self.chain, dataset);
        let mut reached: BTreeSet<u64> = versions(options.folder, dataset.name()).into_iter().collect();
        let mut newest = None;
        for version in staged {
            let folder = version_folder(from, dataset.name(), *version);
            let manifest = install::check(&opening, &folder)?;
            if manifest.version() != *version {
                return Err(Refusal::Misplaced);
            }
            let led = manifest.delta().filter(|_| folder.join(DELTA).exists());
            if !has_base(dataset, &folder) && !led.is_some_and(|delta| reached.contains(&delta.from)) {
                let from = led.map_or(0, |delta| delta.from);
                return Err(Refusal::Gap { from, serving: reached.last().copied() });
            }
            reached.insert(*version);
            newest = Some(manifest);
        }
        newest.ok_or(Refusal::Damaged)
    }

    fn keep(self, disk: &dyn Disk, options: &ImportOptions<'_>, from: &Path) -> Result<Imported, Refusal> {
        let mut imported = Imported::default();
        for (version, text, signatures) in &self.roots {
            intake::keep_root(&options.folder.join("trust"), *version, text, signatures)?;
            imported.roots.push(*version);
        }
        // A key before the states that it opens: a state without its key would be refused.
        for (name, file) in self.keys {
            let kept = intake::keep_key(options.folder, &name, file);
            kept.map_err(|error| Refusal::Missing(std::io::Error::other(error)))?;
        }
        for (dataset, versions) in &self.states {
            let opening = opening(options, &self.chain, *dataset);
            for version in versions {
                let folder = version_folder(from, dataset.name(), *version);
                imported.states.push((*dataset, install_on(disk, &opening, &folder)?));
            }
        }
        for (name, bytes) in &self.withdrawn {
            let Some(country) = options.country else { continue };
            imported.withdrawn |= intake::keep_withdrawn(options.folder, name, bytes, country)?;
        }
        Ok(imported)
    }
}

fn opening<'a>(options: &ImportOptions<'a>, chain: &'a Chain, dataset: Dataset) -> Opening<'a> {
    Opening {
        folder: options.folder,
        dataset,
        root: chain.root(),
        environment: chain.root().environment,
        generation: &|_| Err(Refusal::KeyMissing),
    }
}

type NewRoots = Vec<(u64, Vec<u8>, Vec<u8>)>;

/// The chain of roots with those of the bundle that go on from it.
fn roots(options: &ImportOptions<'_>, from: &Path, items: &[Item]) -> Result<(Chain, NewRoots), Refusal> {
    let mut chain = Chain::walk(options.root_file, &options.folder.join("trust"))?.chain;
    let mut versions: Vec<u64> = items
        .iter()
        .filter_map(|item| if let Item::Root(version) = item { Some(*version) } else { None })
        .collect();
    versions.sort_unstable();
    let mut new = Vec::new();
    for version in versions.into_iter().filter(|version| *version > chain.root().version).collect::<Vec<_>>()
    {
        let path = root_path(&from.join("trust"), version);
        let text = read_at_most(&path, ROOT_BYTES_MAX)?;
        let signatures = read_at_most(&path.with_extension("sig"), SIGNATURES_BYTES_MAX)?;
        chain.step(&text, &signatures)?;
        new.push((version, text, signatures));
    }
    Ok((chain, new))
}

fn read_key(from: &Path, name: &GenerationName) -> Option<KeyFile> {
    let bytes = read_small(&KeyFile::path(from, name), KEY_FILE_BYTES_MAX).ok()?;
    KeyFile::parse(&bytes, name)
}

/// The key of the newest state, if the bundle has one that is needed here.
fn key(
    options: &ImportOptions<'_>,
    from: &Path,
    dataset: Dataset,
    newest: &StateManifest,
) -> Result<Option<(GenerationName, KeyFile)>, Refusal> {
    let (dataset, generation) = (dataset.name(), newest.generation());
    let name = GenerationName::new(dataset, generation).map_err(|_| Refusal::KeyMissing)?;
    let came = read_key(from, &name);
    let Some(site) = options.vault.site_key() else {
        // What can't be tried must not replace what may be right.
        let new = came.filter(|_| !KeyFile::path(options.folder, &name).exists());
        return Ok(new.map(|file| (name, file)));
    };
    match came {
        Some(file) => Ok(Some((name, intake::own_key(&file, &site, newest)?))),
        None => {
            let here = open_generation(options.folder, options.vault, dataset, generation)?;
            if newest.is_opened_by(&here) { Ok(None) } else { Err(Refusal::KeyWrong) }
        }
    }
}

/// A key that came without a state: kept if it opens a state that is here.
fn lone_key(
    options: &ImportOptions<'_>,
    chain: &Chain,
    from: &Path,
    name: &GenerationName,
) -> Option<(GenerationName, KeyFile)> {
    let site = options.vault.site_key()?;
    let opening = opening(options, chain, Dataset::from_name(name.dataset())?);
    let here = versions(options.folder, name.dataset()).into_iter();
    let mut manifests = here.filter_map(|version| StateManifest::read(&opening, &opening.path(version)).ok());
    let manifest = manifests.find(|manifest| manifest.generation() == name.generation())?;
    let own = intake::own_key(&read_key(from, name)?, &site, &manifest).ok()?;
    Some((name.clone(), own))
}
