//! Whether the machine is as the configuration needs it: files, keys, addresses, disk, the copy, INTERPOL.
//!
//! [`super::load`] can't know whether a certificate is expired or a disk read-only. This is a list of named stages; each
//! says in one line whether it is well, and all are run even where one fails, so that one run tells everything. It
//! changes nothing: a journal that doesn't exist is not made.

mod files;
mod machine;

use std::fmt;
use std::path::Path;

use super::Config;
use crate::clock::Clock;

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// All is well, or there is nothing to look at.
    Ok,
    /// Postern starts, and something will not be as one may think.
    Warn,
    /// Postern does not start, or will answer nothing.
    Fail,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        })
    }
}

/// What one stage found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How it ended.
    pub mark: Mark,
    /// What was found, in one line.
    pub detail: String,
}

impl Finding {
    /// All is well.
    pub fn ok(detail: impl Into<String>) -> Self {
        Self { mark: Mark::Ok, detail: detail.into() }
    }

    /// Something will not be as one may think.
    pub fn warn(detail: impl Into<String>) -> Self {
        Self { mark: Mark::Warn, detail: detail.into() }
    }

    /// Postern does not start, or will answer nothing.
    pub fn fail(detail: impl Into<String>) -> Self {
        Self { mark: Mark::Fail, detail: detail.into() }
    }

    /// Well with the detail, or failed with the error.
    pub fn of<E: fmt::Display>(result: Result<String, E>) -> Self {
        match result {
            Ok(detail) => Self::ok(detail),
            Err(error) => Self::fail(error.to_string()),
        }
    }

    /// The findings of one stage in one: the worst mark, and the details of those that have it.
    pub fn all(found: Vec<Self>, nothing: &str) -> Self {
        let mark = found.iter().map(|finding| finding.mark).max();
        let Some(mark) = mark else { return Self::ok(nothing) };
        let worst: Vec<String> =
            found.into_iter().filter(|one| one.mark == mark).map(|one| one.detail).collect();
        Self { mark, detail: worst.join("; ") }
    }
}

/// A stage that another room looks after.
pub type Probe<'a> = Box<dyn FnOnce(&Config) -> Finding + 'a>;

/// The stages that the rooms above look after. Each is run only if its part is configured.
pub struct Probes<'a> {
    /// Opens the lanes' side: whether TLS and tokens can be used as they are.
    pub lanes: Probe<'a>,
    /// Gets the site's key, and says whose it is.
    pub key: Probe<'a>,
    /// Opens the copy, and says its datasets and ages.
    pub copy: Probe<'a>,
    /// Asks whether INTERPOL's services answer.
    pub find: Probe<'a>,
}

/// Runs every stage in order and hands each line to `tell`: the stage's name and what it found. Gives the worst mark.
pub fn check(
    config: &Config,
    clock: &Clock,
    probes: Probes<'_>,
    tell: &mut dyn FnMut(&str, &Finding),
) -> Mark {
    let mut worst = Mark::Ok;
    let mut stage = |name: &str, found: Finding| {
        worst = worst.max(found.mark);
        tell(name, &found);
    };
    stage("clock", machine::clock(clock));
    stage("keys", files::keys(config, clock));
    stage("grants", files::grants(config, clock));
    stage("journal", machine::journal(&config.journal));
    stage("listeners", machine::listeners(config));
    stage("lanes", (probes.lanes)(config));
    let absent = || Finding::ok("not configured");
    stage("site key", if config.mind.is_some() { (probes.key)(config) } else { absent() });
    stage("copy", if config.mind.is_some() { (probes.copy)(config) } else { absent() });
    stage("find", if config.find.is_some() { (probes.find)(config) } else { absent() });
    worst
}

fn at(path: &Path, error: impl fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests;
