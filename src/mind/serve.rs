//! The copy as a source of answers: the newest snapshot of a dataset, replaced by one atomic swap.

use std::fs;
use std::future::ready;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use postern_sdk::{Answer, Environment, Finding, QueryKey, Reason, Source};

use super::build::version_name;
use super::copy::{Copy, OpenError};
use super::manifest::Info;
use crate::clock::Clock;
use crate::keys::PublicKey;
use crate::screening::{Answers, Ask, Lookup};

/// The dataset of travel and administrative documents.
pub const DOCUMENTS: &str = "documents";

/// How far the clock of the machine that built a snapshot may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The versions that are in a dataset's folder, the newest first.
fn versions(dataset: &Path) -> Vec<u64> {
    let entries = fs::read_dir(dataset).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let version = |name: String| name.parse().ok().filter(|version| version_name(*version) == name);
    let mut versions: Vec<u64> = names.filter_map(version).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions
}

/// The folder of the newest snapshot of a dataset, if there is one.
pub fn newest(folder: &Path, dataset: &str) -> Option<PathBuf> {
    let dataset = folder.join(dataset);
    versions(&dataset).first().map(|version| dataset.join(version_name(*version)))
}

/// Where the copy is and what is accepted.
#[derive(Clone, Debug)]
pub struct MindOptions {
    /// The folder of the datasets.
    pub folder: PathBuf,
    /// The dataset, [`DOCUMENTS`].
    pub dataset: String,
    /// The key that snapshots must be signed with.
    pub publisher: PublicKey,
    /// The environment that snapshots must be of.
    pub environment: Environment,
    /// At this age of its data a snapshot is no longer answered from.
    pub purge: Duration,
}

/// What came of looking for a newer snapshot.
#[derive(Debug, Default)]
pub struct Reload {
    /// The version that answers now, if any.
    pub version: Option<u64>,
    /// Whether it is another than before.
    pub changed: bool,
    /// The versions that were refused, and why: each is an alarm.
    pub refused: Vec<(u64, OpenError)>,
}

/// The copy as a source of answers. Look-ups never wait, not even while a new snapshot is opened.
#[derive(Debug)]
pub struct Mind {
    options: MindOptions,
    clock: Clock,
    state: ArcSwap<State>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one, behind a pointer")]
enum State {
    Serving(Serving),
    Without(Reason),
}

#[derive(Debug)]
struct Serving {
    copy: Copy,
    purge_at: Timestamp,
}

impl Mind {
    /// Opens the newest snapshot that can be served. Without one, every answer says why; a [`reload`](Self::reload) may
    /// find one later.
    pub fn open(options: MindOptions, clock: Clock) -> (Self, Reload) {
        let state = ArcSwap::from_pointee(State::Without(Reason::CopyMissing));
        let mind = Self { options, clock, state };
        let reload = mind.reload();
        (mind, reload)
    }

    /// Looks for a newer snapshot and serves it. The one that is served stays if there is none, or if all newer ones are
    /// refused; a state is never replaced by an older one.
    pub fn reload(&self) -> Reload {
        let serving = self.info().map(|info| info.version);
        let mut refused = Vec::new();
        for version in versions(&self.options.folder.join(&self.options.dataset))
            .into_iter()
            .filter(|version| Some(*version) > serving)
        {
            match self.open_version(version) {
                Ok(new) => {
                    self.clock.has_passed(
                        new.copy.manifest().created.saturating_sub(CLOCK_SKEW).unwrap_or_default(),
                    );
                    self.state.store(Arc::new(State::Serving(new)));
                    return Reload { version: Some(version), changed: true, refused };
                }
                Err(error) => refused.push((version, error)),
            }
        }
        if serving.is_none() {
            let reason = refused.first().map_or(Reason::CopyMissing, |(_, error)| error.reason());
            self.state.store(Arc::new(State::Without(reason)));
        }
        Reload { version: serving, changed: false, refused }
    }

    fn open_version(&self, version: u64) -> Result<Serving, OpenError> {
        let options = &self.options;
        let folder = options.folder.join(&options.dataset).join(version_name(version));
        let copy = Copy::open(&folder, &options.publisher, options.environment)?;
        let manifest = copy.manifest();
        if manifest.version != version || manifest.dataset != options.dataset {
            return Err(OpenError::Misplaced);
        }
        let purge = SignedDuration::try_from(options.purge).unwrap_or(SignedDuration::MAX);
        let purge_at = manifest.data_as_of.saturating_add(purge).unwrap_or(Timestamp::MAX);
        if self.clock.now() >= purge_at { Err(OpenError::Purged) } else { Ok(Serving { copy, purge_at }) }
    }

    /// What the snapshot that is served says of itself.
    pub fn info(&self) -> Option<Info> {
        match &**self.state.load() {
            State::Serving(serving) => Some(serving.copy.manifest().info()),
            State::Without(_) => None,
        }
    }

    /// Why nothing is served, if so.
    pub fn without(&self) -> Option<Reason> {
        let now = self.clock.now();
        match &**self.state.load() {
            State::Serving(serving) if now < serving.purge_at => None,
            State::Serving(_) => Some(Reason::CopyPurged),
            State::Without(reason) => Some(*reason),
        }
    }

    /// Answers at once: an answer for each database that is asked.
    pub fn answer(&self, ask: &Ask) -> Vec<Answer> {
        let begun = Instant::now();
        let now = self.clock.now();
        let state = self.state.load();
        let mut answers = match (&**state, &ask.query.key) {
            (State::Without(reason), _) => not_checked(ask, *reason),
            (State::Serving(serving), _) if now >= serving.purge_at => not_checked(ask, Reason::CopyPurged),
            (State::Serving(serving), QueryKey::Document(key)) => {
                serving.copy.answer(key, &ask.databases, ask.number, now)
            }
            (State::Serving(_), _) => not_checked(ask, Reason::CopyMissing),
        };
        let elapsed_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        answers.iter_mut().for_each(|answer| answer.elapsed_us = elapsed_us);
        answers
    }
}

fn not_checked(ask: &Ask, reason: Reason) -> Vec<Answer> {
    let answer = |database| Answer::new(database, ask.number, Source::Mind, Finding::NotChecked(reason));
    ask.databases.iter().copied().map(answer).collect()
}

impl Lookup for Mind {
    fn source(&self) -> Source {
        Source::Mind
    }

    fn ask(self: Arc<Self>, ask: Ask) -> Answers {
        Box::pin(ready(self.answer(&ask)))
    }

    fn ask_now(&self, ask: &Ask) -> Option<Vec<Answer>> {
        Some(self.answer(ask))
    }
}
