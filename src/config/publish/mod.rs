//! The configuration of a publisher that runs by itself: a file of its own, and what is checked of it.
//!
//! The rules are those of the daemon's configuration: everything that is wrong is told in one run, each with its place,
//! its cause and its remedy. Files of `conf.d` are the daemon's and are not read.

mod check;
pub mod file;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Uri;
use postern_sdk::Database;
use serde::Deserialize;

use self::file::{Complete, Copy, Feeds, Fetched, File, Held, Published, Rows};
use super::file::{ClientTls, Log};
use super::problem::{Place, Problem, Severity};
use super::shape::Shape;
use super::tree::{self, Places};
use crate::mind::feed::{
    Build, CopySettings, DatasetSettings, FeedSettings, FolderSettings, SignalledBy, SourceLimits,
    SourceSettings,
};
use crate::mind::{Coverage, Dataset};

#[cfg(test)]
mod tests;

/// The configuration of a publisher, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is watched and published.
    pub feeds: FeedSettings,
    /// How often the folder is looked at.
    pub look: Duration,
    /// Where feeds are fetched from.
    pub sources: Vec<SourceSettings>,
    /// Where the figures are served.
    pub metrics: Option<SocketAddr>,
    /// The operational log.
    pub log: Log,
}

/// Loads a file and checks all of it.
///
/// # Errors
/// Every problem, in the order of their places.
pub fn load(path: &Path) -> Result<Settings, Vec<Problem>> {
    let (mut root, mut problems) = tree::read_alone(path);
    let places = Places::of(&root);
    let usable = Shape::of::<File>().prune(&mut root, &mut problems);
    let file: Option<File> = if usable {
        Deserialize::deserialize(root.plain())
            .map_err(|error: toml::de::Error| {
                let remedy = "see docs/publish-config.md";
                problems.push(Problem::error(Place::file(path), "", error.message(), remedy));
            })
            .ok()
    } else {
        None
    };
    if let Some(file) = &file {
        problems.append(&mut check::check(file, &places));
    }
    problems.sort_by(|a, b| (&a.place, &a.key).cmp(&(&b.place, &b.key)));
    match file {
        Some(file) if !problems.iter().any(|problem| problem.severity == Severity::Error) => {
            Ok(Base(path.parent().unwrap_or(Path::new(""))).settings(&file))
        }
        _ => Err(problems),
    }
}

fn url(text: &str) -> Option<Uri> {
    let url: Uri = text.parse().ok()?;
    let authority = url.authority()?;
    let plain = !authority.as_str().contains('@') && !authority.host().is_empty();
    (plain && url.scheme_str() == Some("https")).then_some(url)
}

/// Where relative paths begin.
struct Base<'a>(&'a Path);

impl Base<'_> {
    fn settings(&self, file: &File) -> Settings {
        let datasets = file.dataset.iter();
        let datasets = datasets.filter_map(|(name, one)| Some((Dataset::from_name(name)?, one)));
        let feeds = FeedSettings {
            environment: file.environment,
            folder: self.folder(&file.feeds),
            copy: self.copy(&file.copy),
            datasets: datasets.map(|(dataset, one)| (dataset, self.dataset(dataset, one))).collect(),
        };
        let sources = file.source.iter();
        Settings {
            feeds,
            look: Duration::from_millis(file.feeds.look_ms),
            sources: sources.filter_map(|(name, one)| self.source(name, one, &file.feeds)).collect(),
            metrics: file.metrics.as_ref().map(|metrics| metrics.listen),
            log: file.log,
        }
    }

    fn folder(&self, feeds: &Feeds) -> FolderSettings {
        FolderSettings {
            path: self.0.join(&feeds.folder),
            complete: match feeds.complete {
                Complete::Rename => SignalledBy::Rename,
                Complete::Marker => SignalledBy::Marker,
            },
            settle: Duration::from_millis(feeds.settle_ms),
            file_bytes_max: feeds.file_bytes_max,
            files_max: feeds.files_max,
            keep_done: feeds.keep_done,
            keep_failed: feeds.keep_failed,
            shrink_percent_max: feeds.shrink_percent_max,
        }
    }

    fn copy(&self, copy: &Copy) -> CopySettings {
        CopySettings {
            folder: self.0.join(&copy.folder),
            root_file: self.0.join(&copy.root_file),
            signing_key_files: copy.signing_key_files.iter().map(|file| self.0.join(file)).collect(),
            site_key_file: self.0.join(&copy.site_key_file),
            ledger_file: self.0.join(&copy.ledger_file),
            keep_states: copy.keep_states,
            keep_bases: copy.keep_bases,
        }
    }

    fn dataset(&self, dataset: Dataset, written: &Published) -> DatasetSettings {
        let held = |(database, held): (&Database, &Held)| {
            let coverage = if *held == Held::Full { Coverage::Full } else { Coverage::Partial };
            (*database, coverage)
        };
        let usual = dataset.databases().iter().filter(|database| **database != Database::Sad);
        let most = if dataset.is_by_number() { Coverage::Full } else { Coverage::Partial };
        let coverage: BTreeMap<_, _> = match written.databases.is_empty() {
            true => usual.map(|database| (*database, most)).collect(),
            false => written.databases.iter().map(held).collect(),
        };
        let recipients = written.recipients.iter().map(|file| self.0.join(file)).collect();
        DatasetSettings { recipients, coverage, expires_days: written.expires_days }
    }

    fn source(&self, name: &str, written: &Fetched, feeds: &Feeds) -> Option<SourceSettings> {
        let tls = &written.tls;
        let optional = |path: &Option<PathBuf>| path.as_ref().map(|path| self.0.join(path));
        Some(SourceSettings {
            name: name.to_owned(),
            url: url(&written.url)?,
            dataset: Dataset::from_name(&written.dataset)?,
            build: match written.rows {
                Rows::Snapshot => Build::Snapshot,
                Rows::Changes => Build::Changes,
                Rows::Differences => Build::Differences,
            },
            as_of_header: written.as_of_header.clone(),
            tls: ClientTls {
                ca_file: self.0.join(&tls.ca_file),
                crl_files: tls.crl_files.iter().map(|file| self.0.join(file)).collect(),
                cert_file: optional(&tls.cert_file),
                key_file: optional(&tls.key_file),
            },
            limits: SourceLimits {
                interval: Duration::from_secs(written.interval_s),
                jitter_percent: written.jitter_percent,
                retry: Duration::from_millis(written.retry_ms),
                idle_timeout: Duration::from_millis(written.idle_timeout_ms),
                total_timeout: Duration::from_secs(written.total_timeout_s),
                file_bytes_max: feeds.file_bytes_max,
            },
        })
    }
}
