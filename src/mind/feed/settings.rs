//! What feeds are taken from, and what is built of them: the checked settings of a publisher.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;
use postern_sdk::{Database, Environment};

use super::name::Build;
use crate::config::ClientTls;
use crate::mind::{Coverage, Dataset};

/// All settings of a publisher that watches a folder.
#[derive(Clone, Debug)]
pub struct FeedSettings {
    /// Whether the data is real.
    pub environment: Environment,
    /// The watched folder.
    pub folder: FolderSettings,
    /// The copy that is published.
    pub copy: CopySettings,
    /// The datasets that are published.
    pub datasets: BTreeMap<Dataset, DatasetSettings>,
}

/// How a writer says that a feed is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalledBy {
    /// It gets its name by a rename when it is complete.
    Rename,
    /// An empty file of its name and `.done` appears beside it.
    Marker,
}

/// The watched folder.
#[derive(Clone, Debug)]
pub struct FolderSettings {
    /// Where it is.
    pub path: PathBuf,
    /// How a writer says that a feed is complete.
    pub complete: SignalledBy,
    /// How long a feed must have been the same before it is taken.
    pub settle: Duration,
    /// Largest feed in bytes.
    pub file_bytes_max: u64,
    /// Most feeds that wait.
    pub files_max: usize,
    /// How many feeds that were built are kept.
    pub keep_done: usize,
    /// How many feeds that were refused are kept.
    pub keep_failed: usize,
    /// By how many percent a full feed may be smaller than the state before.
    pub shrink_percent_max: u64,
}

impl FolderSettings {
    /// Whether a full feed of so many records is too small to be whole, after a state of so many.
    pub(super) const fn is_shrunk(&self, before: u64, records: u64) -> bool {
        let kept = 100_u64.saturating_sub(self.shrink_percent_max);
        records.saturating_mul(100) < before.saturating_mul(kept)
    }
}

/// The copy that is published.
#[derive(Clone, Debug)]
pub struct CopySettings {
    /// The folder of the copy.
    pub folder: PathBuf,
    /// The root that is believed from the start.
    pub root_file: PathBuf,
    /// The publisher's private keys.
    pub signing_key_files: Vec<PathBuf>,
    /// The private key of a site that the copy is wrapped to, with which the newest state is opened.
    pub site_key_file: PathBuf,
    /// What was begun and applied.
    pub ledger_file: PathBuf,
    /// How many states are kept.
    pub keep_states: usize,
    /// How many of them are kept with their base; older ones only with their change.
    pub keep_bases: usize,
}

/// A dataset that is published.
#[derive(Clone, Debug)]
pub struct DatasetSettings {
    /// The public keys of the sites that may open it.
    pub recipients: Vec<PathBuf>,
    /// The databases that its feeds hold.
    pub coverage: BTreeMap<Database, Coverage>,
    /// How many days after its extraction a state's silence still says something, unless a feed says otherwise.
    pub expires_days: u32,
}

/// A source that feeds are fetched from.
#[derive(Clone, Debug)]
pub struct SourceSettings {
    /// Its name, in the names of the feeds and in metrics.
    pub name: String,
    /// Where the feed is.
    pub url: Uri,
    /// What it is a feed of.
    pub dataset: Dataset,
    /// What its rows are.
    pub build: Build,
    /// The header that tells when the data was extracted.
    pub as_of_header: String,
    /// The server's authority, and our certificate.
    pub tls: ClientTls,
    /// Its limits.
    pub limits: SourceLimits,
}

/// The limits of a source.
#[derive(Clone, Copy, Debug)]
pub struct SourceLimits {
    /// How often it is asked.
    pub interval: Duration,
    /// By up to how many percent of it each wait is longer.
    pub jitter_percent: u64,
    /// How long is waited after a failure; twice as long after each further one, up to the interval.
    pub retry: Duration,
    /// How long a connection, an answer's head, or a pause within its body may take.
    pub idle_timeout: Duration,
    /// How long a fetch may take in all.
    pub total_timeout: Duration,
    /// Largest feed in bytes.
    pub file_bytes_max: u64,
}
