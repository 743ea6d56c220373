//! The copy as a source of answers: of each dataset the newest state that may be served, replaced by one atomic swap.
//!
//! What is served never waits for what is new. A newer state is opened beside it, checked against the publisher's root and
//! against what was accepted before, asked its own known questions, remembered as accepted, and only then swapped in; if
//! anything is wrong with it the state before stays, and the refusal is an alarm.

mod keeper;
mod persons;
mod purge;
mod reload;

pub use keeper::open_generation;
pub use purge::purge;

use keeper::Keeper;
use reload::Trust;

use std::future::ready;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use postern_sdk::{Answer, Database, Environment, Finding, Reason, Source};
use tokio::sync::Semaphore;

use self::persons::{SEARCHES_MAX, ServingPersons};
use super::copy::Copy;
use super::dataset::Dataset;
use super::fold::FoldOptions;
use super::folder::prune;
use super::keyring::Vault;
use super::manifest::Info;
use super::trust::Refusal;
use crate::clock::Clock;
use crate::keys::PublicKey;
use crate::screening::{Answers, Ask, Lookup};

/// Where the copy is, what is accepted, and how it is kept.
#[derive(Clone, Debug)]
pub struct MindOptions {
    /// The folder of the copy.
    pub folder: PathBuf,
    /// The file of the root that is believed from the start.
    pub root_file: PathBuf,
    /// The environment that states must be of.
    pub environment: Environment,
    /// At this age of its data a state is no longer answered from, and its key is destroyed.
    pub purge: Duration,
    /// Where the site's key is.
    pub vault: Arc<Vault>,
    /// The country's key, which signs its own withdrawals.
    pub country: Option<PublicKey>,
    /// When and how changes are folded.
    pub fold: FoldSettings,
}

/// When and how the changes since a base become part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoldSettings {
    /// A base is folded when its data is older than that of the state by so much.
    pub after: Duration,
    /// Or when there are so many changes.
    pub changes: u64,
    /// Most bytes a second that are written.
    pub bytes_per_second: Option<u64>,
}

impl Default for FoldSettings {
    fn default() -> Self {
        Self { after: Duration::from_secs(20 * 3600), changes: 500_000, bytes_per_second: None }
    }
}

/// What came of looking for newer states.
#[derive(Debug, Default)]
pub struct Reload {
    /// The states that answer now and did not before.
    pub changed: Vec<(Dataset, u64)>,
    /// The states that were refused, and why: each is an alarm. A version of 0 stands for the roots.
    pub refused: Vec<(Option<Dataset>, u64, Refusal)>,
    /// The datasets that are no longer served because another process has destroyed their key.
    pub purged: Vec<Purged>,
}

/// That a dataset was purged: what a purge certificate says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Purged {
    /// The dataset.
    pub dataset: String,
    /// The generation whose key was destroyed.
    pub generation: String,
    /// The state that was served.
    pub version: u64,
    /// How many records it held.
    pub records: u64,
    /// Why: `age`, `command` or `revoked`; `elsewhere` if another process destroyed the key.
    pub cause: &'static str,
    /// When.
    pub purged_at: Timestamp,
}

/// The copy as a source of answers. Look-ups never wait, not even while a new state is opened.
#[derive(Debug)]
pub struct Mind {
    options: MindOptions,
    clock: Clock,
    states: [ArcSwap<State>; Dataset::ALL.len()],
    keeper: Mutex<Keeper>,
    /// Searches for persons that take so long that none may wait for them, side by side.
    searches: Arc<Semaphore>,
}

#[derive(Debug)]
enum State {
    Serving(Box<Serving>),
    Persons(Box<ServingPersons>),
    Without(Reason),
}

#[derive(Debug)]
struct Serving {
    copy: Copy,
    purge_at: Timestamp,
}

impl Mind {
    /// Opens the newest states that can be served. Without one, every answer says why; a [`reload`](Self::reload) may find
    /// one later.
    pub fn open(options: MindOptions, clock: Clock) -> (Self, Reload) {
        let states = Dataset::ALL.map(|_| ArcSwap::from_pointee(State::Without(Reason::CopyMissing)));
        let searches = Arc::new(Semaphore::new(SEARCHES_MAX));
        let mind = Self { options, clock, states, keeper: Mutex::default(), searches };
        let reload = mind.reload();
        (mind, reload)
    }

    /// What it was opened with.
    pub const fn options(&self) -> &MindOptions {
        &self.options
    }

    fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self, dataset: Dataset) -> &ArcSwap<State> {
        &self.states[dataset as usize]
    }

    fn trust_folder(&self) -> PathBuf {
        self.options.folder.join("trust")
    }

    fn without(&self, dataset: Dataset, reason: Reason) {
        let same = matches!(&**self.state(dataset).load(), State::Without(now) if *now == reason);
        if !same {
            self.state(dataset).store(Arc::new(State::Without(reason)));
        }
    }

    /// The state of a dataset that is served, if it is found by number.
    pub fn serving(&self, dataset: Dataset) -> Option<Copy> {
        match &**self.state(dataset).load() {
            State::Serving(serving) => Some(serving.copy.clone()),
            State::Persons(_) | State::Without(_) => None,
        }
    }

    /// The version of a dataset that is served.
    pub(super) fn served(&self, dataset: Dataset) -> Option<u64> {
        Some(self.info(dataset)?.version)
    }

    fn info(&self, dataset: Dataset) -> Option<Info> {
        match &**self.state(dataset).load() {
            State::Serving(serving) => Some(serving.copy.info()),
            State::Persons(serving) => Some(serving.copy.info()),
            State::Without(_) => None,
        }
    }

    /// What the states that are served say of themselves.
    pub fn infos(&self) -> Vec<Info> {
        Dataset::ALL.into_iter().filter_map(|dataset| self.info(dataset)).collect()
    }

    /// Why nothing of a dataset is served, if so.
    pub fn without_reason(&self, dataset: Dataset) -> Option<Reason> {
        let state = self.state(dataset).load();
        match &**state {
            State::Without(reason) => Some(*reason),
            _ => state.is_to_purge(self.clock.now()).then_some(Reason::CopyPurged),
        }
    }

    /// Answers at once: an answer for each database that is asked.
    pub fn answer(&self, ask: &Ask) -> Vec<Answer> {
        let begun = Instant::now();
        let mut answers = self.answer_untimed(ask);
        let elapsed_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        answers.iter_mut().for_each(|answer| answer.elapsed_us = elapsed_us);
        answers
    }

    fn answer_untimed(&self, ask: &Ask) -> Vec<Answer> {
        let Some(dataset) = Dataset::of(&ask.query.key) else {
            return refuse(ask, None, Reason::CopyMissing);
        };
        let now = self.clock.now();
        let state = self.state(dataset).load();
        match &**state {
            State::Without(reason) => refuse(ask, Some(dataset), *reason),
            _ if state.is_to_purge(now) => refuse(ask, Some(dataset), Reason::CopyPurged),
            State::Serving(serving) => serving.copy.answer(&ask.query.key, &ask.databases, ask.number, now),
            State::Persons(serving) => serving.copy.answer(&ask.query, &ask.databases, ask.number, now),
        }
    }

    /// Does what is due: folds changes that are many or old, removes states that are no longer needed. It may take
    /// minutes and must not run where others wait.
    ///
    /// # Errors
    /// Why a fold failed; what is served stays.
    pub fn maintain(&self) -> Result<Vec<(Dataset, u64)>, (Dataset, Refusal)> {
        let mut folded = Vec::new();
        for dataset in Dataset::ALL {
            let Some(copy) = self.serving(dataset).filter(|copy| self.is_fold_due(copy)) else { continue };
            let options = FoldOptions { bytes_per_second: self.options.fold.bytes_per_second };
            copy.fold(&self.options.folder, options, |_, _| {}).map_err(|refusal| (dataset, refusal))?;
            folded.push((dataset, copy.manifest.version));
        }
        for dataset in Dataset::ALL {
            if let Some(info) = self.info(dataset) {
                prune(&self.options.folder, dataset, info.base);
            }
        }
        Ok(folded)
    }

    fn is_fold_due(&self, copy: &Copy) -> bool {
        let settings = &self.options.fold;
        let age = copy.manifest.data_as_of.duration_since(copy.base.data_as_of).unsigned_abs();
        copy.overlay.len() > 0 && (age >= settings.after || copy.overlay.len() as u64 >= settings.changes)
    }
}

/// That nothing can be said, and why: of databases that the dataset does not hold, that they are not here.
fn refuse(ask: &Ask, dataset: Option<Dataset>, reason: Reason) -> Vec<Answer> {
    let answer = |database: &Database| {
        let held = dataset.is_some_and(|dataset| dataset.databases().contains(database));
        let finding = Finding::NotChecked(if held { reason } else { Reason::CopyMissing });
        Answer::new(*database, ask.number, Source::Mind, finding)
    };
    ask.databases.iter().map(answer).collect()
}

impl Lookup for Mind {
    fn source(&self) -> Source {
        Source::Mind
    }

    fn ask(self: Arc<Self>, ask: Ask) -> Answers {
        match self.is_prompt(&ask) {
            true => Box::pin(ready(self.answer(&ask))),
            false => Box::pin(self.search(ask)),
        }
    }

    fn ask_now(&self, ask: &Ask) -> Option<Vec<Answer>> {
        self.is_prompt(ask).then(|| self.answer(ask))
    }
}
