//! What the console shows, gathered from the rooms.

use std::collections::BTreeMap;

use jiff::Timestamp;
use postern_sdk::{Database, Environment};
use serde::Serialize;

use crate::batch::BatchStatus;
use crate::engine::{Figures, Recent};
use crate::find::{LinkStatus, ServiceStatus};
use crate::recheck::RecheckStatus;
use crate::relay::EdgeStatus;

/// Everything that the first screen shows.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The instance's name.
    pub instance: String,
    /// The program's version.
    pub version: &'static str,
    /// Production or training.
    pub environment: Environment,
    /// The time of the status.
    pub now: Timestamp,
    /// Whether the clock can be trusted.
    pub clock_trusted: bool,
    /// Why the instance is not ready; empty if it is.
    pub not_ready: Vec<String>,
    /// Each database of a policy.
    pub databases: Vec<DatabaseStatus>,
    /// Each service of FIND; none if it is not configured.
    pub find: Vec<ServiceStatus>,
    /// The link to them: what of TLS ends when.
    pub find_link: LinkStatus,
    /// Each edge that asks FIND by way of this instance.
    pub relay: Vec<EdgeStatus>,
    /// What is to be asked again; none if that is not done here.
    pub rechecks: Option<RecheckStatus>,
    /// The lists that are open, and the latest that have ended.
    pub batches: Vec<BatchStatus>,
    /// The key of the copy; none if there is no copy.
    pub key: Option<KeyStatus>,
    /// Each lane with the address that it listens at.
    pub lanes: BTreeMap<String, String>,
    /// The figures.
    pub figures: Figures,
    /// The latest outcomes, masked, the newest first.
    pub latest: Vec<Recent>,
    /// The latest hits, masked, the newest first.
    pub hits: Vec<Recent>,
}

/// One database.
#[derive(Clone, Debug, Serialize)]
pub struct DatabaseStatus {
    /// The database.
    pub database: Database,
    /// Its name for people.
    pub name: String,
    /// Its mode in each policy.
    pub modes: BTreeMap<String, &'static str>,
    /// The copy of it: none, or its state.
    pub copy: Option<CopyStatus>,
}

/// The site's key, which opens the copy.
#[derive(Clone, Debug, Serialize)]
pub struct KeyStatus {
    /// Where it comes from: `credential`, `file`, `operator` or `server`.
    pub source: &'static str,
    /// Whether it is waited for, and the copy answers nothing.
    pub locked: bool,
    /// Whether it lies on the disk of the copy or the journal, and opens a stolen disk.
    pub on_disk: bool,
    /// The id of its public key, when it is here.
    pub id: Option<String>,
}

/// The copy of one database.
#[derive(Clone, Debug, Serialize)]
pub struct CopyStatus {
    /// The dataset's version.
    pub version: u64,
    /// Records of this database.
    pub records: u64,
    /// When the data was extracted at INTERPOL.
    pub data_as_of: Timestamp,
    /// Its age in seconds.
    pub age_s: i64,
    /// `fresh`, `aged`, `stale` or `purged`.
    pub state: &'static str,
    /// Whether it covers the whole database.
    pub full_coverage: bool,
}
