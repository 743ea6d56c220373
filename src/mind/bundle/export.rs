//! Writing a bundle.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use super::archive::{self, Content};
use super::item::Item;
use crate::mind::dataset::Dataset;
use crate::mind::delta::DELTA;
use crate::mind::folder::versions;
use crate::mind::hub::{EnrolError, OfferedState, Part, Sites, Status, plan, roots, withdrawn};
use crate::mind::keyring::{GenerationName, KeyFile, KeyringError};
use crate::mind::manifest::{MANIFEST, SIGNATURE};
use crate::mind::state_manifest::base_files;

/// Why no bundle could be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// The site is not enrolled. Remedy: enrol it first; for one that is revoked nothing is exported.
    NotEnrolled(String, Status),
    /// A site's file can't be read. Remedy: see the words.
    Enrolment(EnrolError),
    /// The newest state of a dataset can't be reached from the given version. Remedy: leave the version out.
    Unreachable(Dataset),
    /// The key of a generation is not wrapped to the site, or can't be read. Remedy: approve its enrolment again.
    Keyring(KeyringError),
    /// There is nothing to carry. Remedy: name the right folder and datasets.
    Nothing,
    /// The bundle can't be written. Remedy: see the system's words.
    Io(io::Error),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEnrolled(site, status) => write!(f, "nothing is exported for {site}: it is {status}"),
            Self::Enrolment(error) => error.fmt(f),
            Self::Unreachable(dataset) => {
                write!(f, "no deltas lead to the newest state of {dataset} from there")
            }
            Self::Keyring(error) => error.fmt(f),
            Self::Nothing => f.write_str("there is no state to carry"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ExportError {}

impl From<EnrolError> for ExportError {
    fn from(error: EnrolError) -> Self {
        Self::Enrolment(error)
    }
}

impl From<KeyringError> for ExportError {
    fn from(error: KeyringError) -> Self {
        Self::Keyring(error)
    }
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What is put into a bundle.
#[derive(Clone, Debug)]
pub struct ExportOptions<'a> {
    /// The folder of the copy.
    pub folder: &'a Path,
    /// The datasets.
    pub datasets: &'a [Dataset],
    /// The versions that are there where the bundle goes; none: the whole state.
    pub from: &'a BTreeMap<Dataset, u64>,
    /// The site that it is for; none: the keys of all sites go with it.
    pub site: Option<&'a str>,
}

/// What a bundle holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The newest version of each dataset.
    pub states: Vec<(Dataset, u64)>,
    /// Size of its files in bytes.
    pub bytes: u64,
}

/// Writes a bundle: the way to the newest state of each dataset, with roots, keys and withdrawals.
///
/// # Errors
/// [`ExportError`]; no bundle is there then.
pub fn export(
    options: &ExportOptions<'_>,
    out: &Path,
    mut told: impl FnMut(u64, u64),
) -> Result<Exported, ExportError> {
    let sites = Sites::of(options.folder);
    let key = match options.site {
        Some(site) => {
            Some(sites.admitted(site).map_err(|status| ExportError::NotEnrolled(site.to_owned(), status))?)
        }
        None => None,
    };
    let mut items = Vec::new();
    for version in roots(options.folder) {
        for item in [Item::Root(version), Item::RootSignatures(version)] {
            items.push(from_folder(options.folder, item));
        }
    }
    let mut states = Vec::new();
    for dataset in options.datasets {
        let of = |version| OfferedState::read(options.folder, *dataset, version);
        let offered: Vec<OfferedState> =
            versions(options.folder, dataset.name()).into_iter().filter_map(of).collect();
        let Some(newest) = offered.first() else { continue };
        let from = options.from.get(dataset).copied();
        let plan = plan(&offered, from).ok_or(ExportError::Unreachable(*dataset))?;
        for part in plan.parts {
            items.extend(parts(options.folder, *dataset, part));
        }
        let name = GenerationName::new(dataset.name(), &newest.generation)?;
        items.push(keys(options.folder, &name, key.as_deref())?);
        let has = |one: &crate::mind::hub::OfferedWithdrawals| {
            one.dataset == name.dataset() && one.generation == name.generation()
        };
        if withdrawn(options.folder).iter().any(has) {
            items.push(from_folder(options.folder, Item::Withdrawn(name)));
        }
        states.push((*dataset, newest.version));
    }
    if states.is_empty() {
        return Err(ExportError::Nothing);
    }
    let bytes = archive::write(out, &items, &mut told)?;
    Ok(Exported { states, bytes })
}

fn from_folder(folder: &Path, item: Item) -> (Item, Content) {
    let content = Content::File(item.path(folder));
    (item, content)
}

/// The files of a part of a state.
fn parts(folder: &Path, dataset: Dataset, part: Part) -> impl Iterator<Item = (Item, Content)> {
    let files = if part.base { base_files(dataset) } else { &[DELTA] };
    let files = [MANIFEST, SIGNATURE].iter().chain(files);
    files.map(move |file| from_folder(folder, Item::State(dataset, part.version, file)))
}

/// A key file, reduced to one site if the bundle is for one.
fn keys(folder: &Path, name: &GenerationName, key: Option<&str>) -> Result<(Item, Content), KeyringError> {
    let file = KeyFile::read(folder, name)?;
    let file = match key {
        Some(key) => file.only(key).ok_or(KeyringError::NotForThisSite)?,
        None => file,
    };
    Ok((Item::Key(name.clone()), Content::Bytes(file.text())))
}
