//! The way from the pinned root to the newest.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::measure::read_at_most;
use super::refusal::Refusal;
use super::root::{KeyId, ROOT_BYTES_MAX, Root, SIGNATURES_BYTES_MAX};

/// How many roots are walked at most.
pub const ROOT_STEPS_MAX: u64 = 1_024;

/// Roots that lead from the pinned one to the newest, each signed by the root role of the one before it and by its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    root: Root,
    copy_keys: BTreeSet<KeyId>,
    steps: u64,
}

/// How far a folder's roots lead.
#[derive(Debug)]
pub struct Walk {
    /// The roots up to the last good one.
    pub chain: Chain,
    /// Why the next one was refused, if so: an alarm. Whether what is left is too old, [`Highest`](super::Highest) knows.
    pub refused: Option<Refusal>,
}

impl Chain {
    /// Begins with the pinned root, which is believed because of where it came from. It must be signed by its own root
    /// role nonetheless: a root that was never finished is not taken for one.
    ///
    /// # Errors
    /// As [`Root::parse_unverified`] and [`Root::verify_copy`].
    pub fn begin(text: &[u8], signatures: &[u8]) -> Result<Self, Refusal> {
        let root = Root::parse_unverified(text)?;
        root.verify_root(text, signatures)?;
        Ok(Self { copy_keys: root.roles.copy.keys.clone(), root, steps: 0 })
    }

    /// Goes on to the next root. Whether it has expired is asked of the last one only.
    ///
    /// # Errors
    /// Those of signatures, [`Refusal::RootMalformed`], [`Refusal::RootRollback`], [`Refusal::RootGap`],
    /// [`Refusal::Environment`]; the chain is as it was.
    pub fn step(&mut self, text: &[u8], signatures: &[u8]) -> Result<(), Refusal> {
        if self.steps == ROOT_STEPS_MAX {
            return Err(Refusal::EndlessData { limit: ROOT_STEPS_MAX });
        }
        self.root.verify_root(text, signatures)?;
        let next = Root::parse_unverified(text)?;
        self.check_successor(&next)?;
        next.verify_root(text, signatures)?;
        self.copy_keys.extend(next.roles.copy.keys.iter().cloned());
        self.root = next;
        self.steps += 1;
        Ok(())
    }

    fn check_successor(&self, next: &Root) -> Result<(), Refusal> {
        let (last, found) = (self.root.version, next.version);
        if found <= last {
            return Err(Refusal::RootRollback { highest: last, found });
        }
        if found - last > 1 {
            return Err(Refusal::RootGap { expected: last + 1, found });
        }
        if next.environment != self.root.environment {
            return Err(Refusal::Environment(next.environment));
        }
        Ok(())
    }

    /// The newest root, whether or not it has expired: what was accepted under it may still be opened.
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The newest root, if it has not expired.
    ///
    /// # Errors
    /// [`Refusal::RootExpired`].
    pub fn current(&self, now: Timestamp) -> Result<&Root, Refusal> {
        if self.root.expired(now) {
            return Err(Refusal::RootExpired { expired: self.root.expires });
        }
        Ok(&self.root)
    }

    /// Every key that one of the roots let sign states.
    pub const fn copy_keys(&self) -> &BTreeSet<KeyId> {
        &self.copy_keys
    }

    /// Begins with a pinned root, signatures beside it, and goes on with those of the folder `trust`, as far as they are
    /// good.
    ///
    /// # Errors
    /// Why the pinned root is refused. A later one that is refused stops the walk without an error.
    pub fn walk(pinned: &Path, trust: &Path) -> Result<Walk, Refusal> {
        let (text, signatures) = read(pinned)?;
        let mut chain = Self::begin(&text, &signatures)?;
        loop {
            match chain.step_in(trust) {
                Ok(true) => {}
                Ok(false) => return Ok(Walk { chain, refused: None }),
                Err(refusal) => return Ok(Walk { chain, refused: Some(refusal) }),
            }
        }
    }

    /// Goes on to the next root of a folder, if there is one.
    fn step_in(&mut self, trust: &Path) -> Result<bool, Refusal> {
        let expected = self.root.version + 1;
        match read(&root_path(trust, expected)) {
            Ok((text, signatures)) => self.step(&text, &signatures).map(|()| true),
            Err(Refusal::Missing(error)) if error.kind() == io::ErrorKind::NotFound => {
                match newest(trust).filter(|found| *found >= expected) {
                    None => Ok(false),
                    Some(found) if found == expected => Err(Refusal::Missing(error)),
                    Some(found) => Err(Refusal::RootGap { expected, found }),
                }
            }
            Err(refusal) => Err(refusal),
        }
    }
}

/// Where a root stands in the folder `trust`; its signatures stand beside it, ending in `.sig`.
pub fn root_path(trust: &Path, version: u64) -> PathBuf {
    trust.join(format!("root.{version:06}.json"))
}

fn read(path: &Path) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
    let text = read_at_most(path, ROOT_BYTES_MAX)?;
    let signatures = read_at_most(&path.with_extension("sig"), SIGNATURES_BYTES_MAX)?;
    Ok((text, signatures))
}

/// The highest version of which the folder has a root.
fn newest(trust: &Path) -> Option<u64> {
    let names = fs::read_dir(trust).into_iter().flatten();
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let version = |name: String| {
        name.strip_prefix("root.")?.strip_suffix(".json").and_then(|digits| digits.parse().ok())
    };
    names.filter_map(version).max()
}
