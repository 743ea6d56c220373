//! What was accepted, so that nothing older is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use postern_sdk::Environment;
use serde::{Deserialize, Serialize};

use super::admit::Claims;
use super::chain::Chain;
use super::measure::read_at_most;
use super::refusal::Refusal;
use super::root::KeyId;
use crate::keys::hex;

/// The name of the file in the folder `trust`.
pub const HIGHEST: &str = "highest.json";

const FORMAT: u32 = 1;
const BYTES_MAX: u64 = 1 << 20;

/// How many keys are remembered at most. A line of roots that lists more is refused.
const COPY_KEYS_MAX: usize = 10_000;

/// What was accepted of a dataset last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The state's generation.
    pub generation: String,
    /// Its number.
    pub version: u64,
    /// When its data was extracted at its source.
    pub data_as_of: Timestamp,
    /// When it was built.
    pub created: Timestamp,
}

/// What was accepted: the newest root, and of each dataset the newest state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Highest {
    environment: Environment,
    root: u64,
    copy_keys: BTreeSet<KeyId>,
    datasets: BTreeMap<String, Accepted>,
}

/// What came of following a chain of roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// The root is the one that was known.
    Same,
    /// The root is a newer one; what was accepted stays accepted.
    Newer,
    /// The copy keys were replaced. What was accepted is forgotten, and what is served must be verified anew: it was
    /// signed by keys that are no longer believed.
    Reset,
}

/// The file: the content and its digest, so that damage which still reads as JSON is noticed too.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: u32,
    sha256: String,
    highest: Highest,
}

impl Highest {
    /// Begins where nothing was accepted yet.
    pub fn new(chain: &Chain) -> Self {
        Self {
            environment: chain.root().environment,
            root: chain.root().version,
            copy_keys: chain.copy_keys().clone(),
            datasets: BTreeMap::new(),
        }
    }

    /// The version of the newest root.
    pub const fn root(&self) -> u64 {
        self.root
    }

    /// The newest state of a dataset.
    pub fn of(&self, dataset: &str) -> Option<&Accepted> {
        self.datasets.get(dataset)
    }

    /// Takes a chain's newest root for the newest. Write the file before anything is done under that root.
    ///
    /// What was accepted is forgotten if no threshold of the new copy role can be reached with keys that any root
    /// listed before: then no state that was signed earlier can pass again, and a site that stolen keys led far ahead
    /// can be led back. Replacing fewer keys forgets nothing.
    ///
    /// # Errors
    /// [`Refusal::Environment`], [`Refusal::RootRollback`], or [`Refusal::RootMalformed`] if the roots listed more keys
    /// than are remembered; nothing is changed.
    pub fn follow(&mut self, chain: &Chain) -> Result<Followed, Refusal> {
        let root = chain.root();
        if root.environment != self.environment {
            return Err(Refusal::Environment(root.environment));
        }
        if root.version < self.root {
            return Err(Refusal::RootRollback { highest: self.root, found: root.version });
        }
        let listed: BTreeSet<KeyId> = self.copy_keys.union(chain.copy_keys()).cloned().collect();
        if listed.len() > COPY_KEYS_MAX {
            return Err(Refusal::RootMalformed("the roots list too many copy keys".to_owned()));
        }
        let known = root.roles.copy.keys.intersection(&self.copy_keys).count();
        let followed = match root.version {
            _ if known < root.roles.copy.threshold => Followed::Reset,
            version if version > self.root => Followed::Newer,
            _ => Followed::Same,
        };
        if followed == Followed::Reset {
            self.datasets.clear();
        }
        (self.root, self.copy_keys) = (root.version, listed);
        Ok(followed)
    }

    /// Remembers a state that was admitted and proved sound. Write the file before the state is served.
    ///
    /// Whatever it is told, it never goes back.
    pub fn accept(&mut self, claims: &Claims) {
        if self.of(&claims.dataset).is_some_and(|accepted| accepted.version >= claims.version) {
            return;
        }
        let earlier = self.of(&claims.dataset).map(|accepted| accepted.data_as_of);
        let accepted = Accepted {
            generation: claims.generation.clone(),
            version: claims.version,
            data_as_of: earlier.map_or(claims.data_as_of, |earlier| earlier.max(claims.data_as_of)),
            created: claims.created,
        };
        self.datasets.insert(claims.dataset.clone(), accepted);
    }

    /// Reads the file of the folder `trust`; none if there is none, which is so at the first start only.
    ///
    /// # Errors
    /// [`Refusal::HighestDamaged`] if it can't be read or is not what was written: it is refused rather than forgotten.
    pub fn read(trust: &Path) -> Result<Option<Self>, Refusal> {
        let text = match read_at_most(&trust.join(HIGHEST), BYTES_MAX) {
            Ok(text) => text,
            Err(Refusal::Missing(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(_) => return Err(Refusal::HighestDamaged),
        };
        let stored: Stored = serde_json::from_slice(&text).map_err(|_| Refusal::HighestDamaged)?;
        if stored.format != FORMAT {
            return Err(Refusal::Format(stored.format));
        }
        if stored.highest.digest() != stored.sha256 {
            return Err(Refusal::HighestDamaged);
        }
        Ok(Some(stored.highest))
    }

    /// Writes the file in one step: after a crash it is the old one or the new one.
    ///
    /// # Errors
    /// What the system says; the old file is still there. Nothing new may be served then.
    pub fn write(&self, trust: &Path) -> io::Result<()> {
        let stored = Stored { format: FORMAT, sha256: self.digest(), highest: self.clone() };
        let mut file = tempfile::Builder::new().prefix(".highest-").tempfile_in(trust)?;
        serde_json::to_writer_pretty(&mut file, &stored)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(trust.join(HIGHEST)).map_err(|error| error.error)?;
        File::open(trust)?.sync_all()
    }

    fn digest(&self) -> String {
        hex(digest(&SHA256, &serde_json::to_vec(self).unwrap_or_default()).as_ref())
    }
}
