//! What was begun and what was applied, in one small file that is replaced in one step.
//!
//! A feed stands here before it is built, with the version that it becomes and the moment that its manifest will carry.
//! Whether that version is there, with that moment, then tells after any crash whether the feed was applied: the rename
//! by which a state becomes visible is the one step that counts.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::inbox::Mark;
use crate::mind::disk::{RealDisk, read_small, replace_small};

const FORMAT: u32 = 1;
const BYTES_MAX: u64 = 4 << 20;
/// How many applied feeds of a dataset are remembered. What is older than the newest state is refused anyway.
const APPLIED_MAX: usize = 1_000;

/// What was begun and what was applied.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    /// Held as long as the ledger is: two publishers of one copy would undo each other.
    _lock: File,
    page: Page,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    format: u32,
    begun: Option<Begun>,
    datasets: BTreeMap<String, Past>,
}

/// A feed that is being dealt with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begun {
    /// The feed's name.
    pub(super) file: String,
    /// What tells the file from a later one of the same name.
    pub(super) mark: Mark,
    /// The state that is being built of it, if one is.
    pub(super) building: Option<Building>,
    /// Where it goes, once that is decided.
    pub(super) end: Option<End>,
}

/// A state that is being built.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Building {
    pub(super) dataset: String,
    /// The feed by its content, kind and time.
    pub(super) identity: String,
    pub(super) version: u64,
    /// When it was begun, which its manifest carries: no other state has the same.
    pub(super) created: Timestamp,
    pub(super) as_of: Timestamp,
    /// Whether the feed is all records.
    pub(super) full: bool,
}

/// Where a feed goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    /// To `done`, under its name with this before it.
    Done(String),
    /// To `failed`, with this report.
    Failed(String),
}

/// What happened to a dataset so far.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Past {
    applied: VecDeque<Applied>,
    /// The extraction time of the last full feed.
    full: Option<Timestamp>,
    /// The changes that were refused: later ones wait until they are mended, or until a full feed comes.
    pub(super) waits_for: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Applied {
    identity: String,
    version: u64,
}

impl Past {
    /// The version that a feed became.
    pub(super) fn version_of(&self, identity: &str) -> Option<u64> {
        self.applied.iter().find(|applied| applied.identity == identity).map(|applied| applied.version)
    }

    /// Whether a full feed that was applied holds all that changes of this time do.
    pub(super) fn overtook(&self, as_of: Timestamp) -> bool {
        self.full.is_some_and(|full| as_of <= full)
    }

    fn apply(&mut self, file: &str, building: &Building) {
        let Building { identity, version, .. } = building;
        self.applied.push_back(Applied { identity: identity.clone(), version: *version });
        if self.applied.len() > APPLIED_MAX {
            self.applied.pop_front();
        }
        if building.full {
            self.full = Some(building.as_of);
        }
        if building.full || self.waits_for.as_deref() == Some(file) {
            self.waits_for = None;
        }
    }
}

impl Ledger {
    /// Opens the ledger, or begins one. Nobody else may have it open.
    ///
    /// # Errors
    /// If another publisher has it, or if it can't be read: it is never taken for an empty one.
    pub fn open(path: &Path) -> io::Result<Self> {
        let lock = File::create(path.with_extension("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::new(io::ErrorKind::ResourceBusy, "another publisher runs"),
            TryLockError::Error(error) => error,
        })?;
        let page = match read_small(path, BYTES_MAX) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Page { format: FORMAT, ..Page::default() }
            }
            Err(error) => return Err(error),
        };
        if page.format != FORMAT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the ledger is of another version"));
        }
        Ok(Self { path: path.to_owned(), _lock: lock, page })
    }

    fn save(&self) -> io::Result<()> {
        replace_small(&RealDisk, &self.path, &serde_json::to_vec_pretty(&self.page)?)
    }

    /// The feed that is being dealt with.
    pub(super) const fn begun(&self) -> Option<&Begun> {
        self.page.begun.as_ref()
    }

    /// What happened to a dataset so far.
    pub(super) fn past(&mut self, dataset: &str) -> &mut Past {
        self.page.datasets.entry(dataset.to_owned()).or_default()
    }

    /// The datasets whose later changes wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (&str, bool)> {
        self.page.datasets.iter().map(|(dataset, past)| (dataset.as_str(), past.waits_for.is_some()))
    }

    /// Notes that a feed is being dealt with.
    pub(super) fn begin(&mut self, begun: Begun) -> io::Result<()> {
        self.page.begun = Some(begun);
        self.save()
    }

    /// Notes that the feed that was begun is applied, in the same step as where it goes.
    pub(super) fn applied(&mut self) -> io::Result<()> {
        let Some(begun) = &mut self.page.begun else { return Ok(()) };
        if let Some(building) = begun.building.take() {
            begun.end = Some(End::Done(done_prefix(building.version)));
            let file = begun.file.clone();
            self.past(&building.dataset).apply(&file, &building);
        }
        self.save()
    }

    /// Notes that nothing is being dealt with any more.
    pub(super) fn ended(&mut self) -> io::Result<()> {
        self.page.begun = None;
        self.save()
    }
}

/// What stands before the name of a feed that became this version.
pub(super) fn done_prefix(version: u64) -> String {
    format!("{version:012}-")
}
