//! The copy as a source of answers: of each dataset the newest state that may be served, replaced by one atomic swap.
//!
//! What is served never waits for what is new. A newer state is opened beside it, checked against the publisher's root and
//! against what was accepted before, asked its own known questions, remembered as accepted, and only then swapped in; if
//! anything is wrong with it the state before stays, and the refusal is an alarm.

use std::collections::BTreeMap;
use std::future::ready;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use postern_sdk::{Answer, Environment, Reason, Source};

use super::answer::not_checked;
use super::base::Base;
use super::copy::{Copy, Generation, Opening};
use super::dataset::Dataset;
use super::fold::FoldOptions;
use super::folder::{prune, version_folder, versions};
use super::keyring::{GenerationName, KeyFile, KeyringError, Vault};
use super::manifest::{Info, Manifest};
use super::trust::{Chain, Claims, Followed, Highest, Refusal, admit};
use super::withdrawn::Withdrawn;
use crate::clock::Clock;
use crate::keys::PublicKey;
use crate::screening::{Answers, Ask, Lookup};

/// How far the clock of the machine that built a state may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// A state that was refused is looked at again after this time, or when its folder changes.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

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
    /// Why: `age`, `command` or `revoked`.
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
}

/// What only the one who looks for new states needs.
#[derive(Debug, Default)]
struct Keeper {
    generations: BTreeMap<(Dataset, String), Arc<Generation>>,
    refused: BTreeMap<(Dataset, u64), Refused>,
    root_refused: Option<&'static str>,
    withdrawn: BTreeMap<Dataset, (String, SystemTime)>,
}

#[derive(Debug)]
struct Refused {
    code: &'static str,
    reason: Reason,
    changed: Option<SystemTime>,
    at: Instant,
}

#[derive(Debug)]
enum State {
    Serving(Box<Serving>),
    Without(Reason),
}

#[derive(Debug)]
struct Serving {
    copy: Copy,
    purge_at: Timestamp,
}

/// Whom to believe, and what was accepted before.
struct Trust {
    chain: Chain,
    highest: Highest,
    reset: bool,
}

impl Mind {
    /// Opens the newest states that can be served. Without one, every answer says why; a [`reload`](Self::reload) may find
    /// one later.
    pub fn open(options: MindOptions, clock: Clock) -> (Self, Reload) {
        let states = Dataset::ALL.map(|_| ArcSwap::from_pointee(State::Without(Reason::CopyMissing)));
        let mind = Self { options, clock, states, keeper: Mutex::default() };
        let reload = mind.reload();
        (mind, reload)
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

    /// Looks for newer states and serves them. What is served stays if there is none, or if all newer ones are refused; a
    /// state is never replaced by an older one, unless a new root has forgotten what was accepted.
    pub fn reload(&self) -> Reload {
        let mut keeper = self.keeper();
        let mut reload = Reload::default();
        if self.options.vault.is_locked() {
            keeper.generations.clear();
            Dataset::ALL.iter().for_each(|dataset| self.without(*dataset, Reason::CopyLocked));
            return reload;
        }
        match self.trust() {
            Ok((mut trust, refused)) => {
                self.tell_root(&mut keeper, refused, &mut reload);
                for dataset in Dataset::ALL {
                    self.reload_dataset(&mut keeper, dataset, &mut trust, &mut reload);
                }
            }
            Err(refusal) => {
                let reason = refusal.reason();
                self.tell_root(&mut keeper, Some(refusal), &mut reload);
                let unserved = Dataset::ALL.into_iter().filter(|dataset| self.serving(*dataset).is_none());
                unserved.for_each(|dataset| self.without(dataset, reason));
            }
        }
        reload
    }

    fn tell_root(&self, keeper: &mut Keeper, refused: Option<Refusal>, reload: &mut Reload) {
        let code = refused.as_ref().map(Refusal::code);
        if std::mem::replace(&mut keeper.root_refused, code) != code {
            reload.refused.extend(refused.map(|refusal| (None, 0, refusal)));
        }
    }

    fn trust(&self) -> Result<(Trust, Option<Refusal>), Refusal> {
        let folder = self.trust_folder();
        let walk = Chain::walk(&self.options.root_file, &folder)?;
        let before = Highest::read(&folder)?;
        let mut highest = before.clone().unwrap_or_else(|| Highest::new(&walk.chain));
        let followed = highest.follow(&walk.chain)?;
        if before.as_ref() != Some(&highest) {
            std::fs::create_dir_all(&folder)
                .and_then(|()| highest.write(&folder))
                .map_err(Refusal::Missing)?;
        }
        let reset = followed == Followed::Reset;
        Ok((Trust { chain: walk.chain, highest, reset }, walk.refused))
    }

    fn reload_dataset(&self, keeper: &mut Keeper, dataset: Dataset, trust: &mut Trust, reload: &mut Reload) {
        let serving = self.serving(dataset);
        if trust.reset && serving.is_some() {
            self.without(dataset, Reason::CopyMissing);
        }
        let floor = serving.as_ref().filter(|_| !trust.reset).map(|copy| copy.manifest.version);
        let mut why = None;
        for version in versions(&self.options.folder, dataset.name()) {
            if floor.is_some_and(|floor| version < floor) {
                break;
            }
            let same = floor == Some(version);
            if same && !self.has_new_base(serving.as_ref()) {
                break;
            }
            let folder = version_folder(&self.options.folder, dataset.name(), version);
            if keeper.is_refused_still(dataset, version, &folder) {
                continue;
            }
            let near = serving.as_ref().filter(|_| !trust.reset && !same);
            match self.open_version(keeper, dataset, version, near, trust) {
                Ok(new) => {
                    self.serve(keeper, dataset, new);
                    reload.changed.push((dataset, version));
                    return;
                }
                Err(refusal) => {
                    why = why.or(Some(refusal.reason()));
                    if keeper.refuse(dataset, version, &folder, &refusal) {
                        reload.refused.push((Some(dataset), version, refusal));
                    }
                    if same {
                        break;
                    }
                }
            }
        }
        if self.serving(dataset).is_none() {
            self.without(dataset, why.or(keeper.reason(dataset)).unwrap_or(Reason::CopyMissing));
        } else {
            self.refresh_withdrawn(keeper, dataset);
        }
    }

    /// Whether the state that is served has a base of its own by now, which its changes were folded into.
    fn has_new_base(&self, serving: Option<&Copy>) -> bool {
        serving.is_some_and(|copy| {
            let manifest = &copy.manifest;
            let folder = version_folder(&self.options.folder, &manifest.dataset, manifest.version);
            copy.base.version < manifest.version && Base::is_in(&folder)
        })
    }

    fn open_version(
        &self,
        keeper: &mut Keeper,
        dataset: Dataset,
        version: u64,
        near: Option<&Copy>,
        trust: &mut Trust,
    ) -> Result<Serving, Refusal> {
        let now = self.clock.now();
        let generations = Mutex::new(keeper);
        let generation = |name: &str| {
            generations.lock().unwrap_or_else(PoisonError::into_inner).generation(
                &self.options,
                dataset,
                name,
            )
        };
        let root = trust.chain.root();
        let opening = Opening {
            folder: &self.options.folder,
            dataset,
            root,
            environment: self.options.environment,
            generation: &generation,
        };
        let copy = Copy::open_near(&opening, version, near)?;
        let claims = claims(&copy, dataset);
        admit(root, &trust.highest, &claims, now)?;
        copy.self_test()?;
        let purge = SignedDuration::try_from(self.options.purge).unwrap_or(SignedDuration::MAX);
        let purge_at = copy.manifest.data_as_of.saturating_add(purge).unwrap_or(Timestamp::MAX);
        if now >= purge_at {
            return Err(Refusal::Purged);
        }
        trust.highest.accept(&claims);
        trust.highest.write(&self.trust_folder()).map_err(Refusal::Missing)?;
        Ok(Serving { copy, purge_at })
    }

    fn serve(&self, keeper: &mut Keeper, dataset: Dataset, mut new: Serving) {
        let built = new.copy.manifest.created.saturating_sub(CLOCK_SKEW).unwrap_or_default();
        self.clock.has_passed(built);
        keeper.withdrawn.remove(&dataset);
        if let Some(withdrawn) = self.newer_withdrawn(keeper, &new.copy) {
            new.copy = new.copy.with_withdrawn(withdrawn);
        }
        self.state(dataset).store(Arc::new(State::Serving(Box::new(new))));
    }

    /// Takes in withdrawals that the country has signed since.
    fn refresh_withdrawn(&self, keeper: &mut Keeper, dataset: Dataset) {
        let state = self.state(dataset).load_full();
        let State::Serving(serving) = &*state else { return };
        if let Some(withdrawn) = self.newer_withdrawn(keeper, &serving.copy) {
            let copy = serving.copy.clone().with_withdrawn(withdrawn);
            let serving = Serving { copy, purge_at: serving.purge_at };
            self.state(dataset).store(Arc::new(State::Serving(Box::new(serving))));
        }
    }

    fn newer_withdrawn(&self, keeper: &mut Keeper, copy: &Copy) -> Option<Withdrawn> {
        let country = self.options.country.as_ref()?;
        let (dataset, generation) = (copy.dataset, copy.manifest.generation.clone());
        let path = Withdrawn::path(&self.options.folder, dataset.name(), &generation);
        let changed = path.metadata().and_then(|about| about.modified()).ok()?;
        if keeper.withdrawn.get(&dataset) == Some(&(generation.clone(), changed)) {
            return None;
        }
        let read = Withdrawn::read(&self.options.folder, dataset.name(), &generation, country);
        keeper.withdrawn.insert(dataset, (generation, changed));
        match read {
            Ok((withdrawn, _)) => Some(withdrawn),
            Err(error) => {
                metrics::counter!("postern_copy_refused_total", "code" => error.code()).increment(1);
                tracing::error!(%dataset, %error, "The country's own withdrawals were refused.");
                None
            }
        }
    }

    fn without(&self, dataset: Dataset, reason: Reason) {
        let same = matches!(&**self.state(dataset).load(), State::Without(now) if *now == reason);
        if !same {
            self.state(dataset).store(Arc::new(State::Without(reason)));
        }
    }

    /// The state of a dataset that is served.
    pub fn serving(&self, dataset: Dataset) -> Option<Copy> {
        match &**self.state(dataset).load() {
            State::Serving(serving) => Some(serving.copy.clone()),
            State::Without(_) => None,
        }
    }

    /// What the states that are served say of themselves.
    pub fn infos(&self) -> Vec<Info> {
        Dataset::ALL.into_iter().filter_map(|dataset| Some(self.serving(dataset)?.info())).collect()
    }

    /// Why nothing of a dataset is served, if so.
    pub fn without_reason(&self, dataset: Dataset) -> Option<Reason> {
        let now = self.clock.now();
        match &**self.state(dataset).load() {
            State::Serving(serving) if now < serving.purge_at => None,
            State::Serving(_) => Some(Reason::CopyPurged),
            State::Without(reason) => Some(*reason),
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
        let refuse = |reason| not_checked(&ask.databases, ask.number, reason);
        let Some(dataset) = Dataset::of(&ask.query.key) else { return refuse(Reason::CopyMissing) };
        let now = self.clock.now();
        match &**self.state(dataset).load() {
            State::Without(reason) => refuse(*reason),
            State::Serving(serving) if now >= serving.purge_at => refuse(Reason::CopyPurged),
            State::Serving(serving) => serving.copy.answer(&ask.query.key, &ask.databases, ask.number, now),
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
            if let Some(copy) = self.serving(dataset) {
                prune(&self.options.folder, dataset.name(), copy.base.version);
            }
        }
        Ok(folded)
    }

    fn is_fold_due(&self, copy: &Copy) -> bool {
        let settings = &self.options.fold;
        let age = copy.manifest.data_as_of.duration_since(copy.base.data_as_of).unsigned_abs();
        copy.overlay.len() > 0 && (age >= settings.after || copy.overlay.len() as u64 >= settings.changes)
    }

    /// Purges the datasets whose data is past its purge age: their keys are destroyed.
    ///
    /// # Errors
    /// That a key could not be destroyed for certain; the dataset is no longer served all the same.
    pub fn purge_aged(&self) -> Result<Vec<Purged>, KeyringError> {
        let now = self.clock.now();
        let mut purged = Vec::new();
        for dataset in Dataset::ALL {
            let due = matches!(&**self.state(dataset).load(), State::Serving(one) if now >= one.purge_at);
            if due {
                purged.extend(self.purge(dataset, "age")?);
            }
        }
        Ok(purged)
    }

    /// Stops serving a dataset and destroys the key of its generation, so that nobody opens it here again.
    ///
    /// # Errors
    /// That the key could not be destroyed for certain.
    pub fn purge(&self, dataset: Dataset, cause: &'static str) -> Result<Option<Purged>, KeyringError> {
        let mut keeper = self.keeper();
        let Some(copy) = self.serving(dataset) else { return Ok(None) };
        self.without(dataset, Reason::CopyPurged);
        keeper.generations.retain(|(of, _), _| *of != dataset);
        purge(&self.options.folder, &copy.manifest, cause, self.clock.now()).map(Some)
    }
}

/// Destroys the key of a state's generation.
///
/// # Errors
/// That it could not be destroyed for certain.
pub fn purge(
    folder: &Path,
    manifest: &Manifest,
    cause: &'static str,
    now: Timestamp,
) -> Result<Purged, KeyringError> {
    let name = GenerationName::new(&manifest.dataset, &manifest.generation)?;
    KeyFile::destroy(folder, &name)?;
    Ok(Purged {
        dataset: manifest.dataset.clone(),
        generation: manifest.generation.clone(),
        version: manifest.version,
        records: manifest.records,
        cause,
        purged_at: now,
    })
}

/// Opens the key of a generation with the site's key.
///
/// # Errors
/// [`Refusal::KeyMissing`] if the site's key or the key file is not here, [`Refusal::Revoked`] if the generation is not
/// wrapped to this site.
pub fn open_generation(
    folder: &Path,
    vault: &Vault,
    dataset: &str,
    name: &str,
) -> Result<Arc<Generation>, Refusal> {
    let site = vault.site_key().ok_or(Refusal::KeyMissing)?;
    let named = GenerationName::new(dataset, name).map_err(|_| Refusal::KeyMissing)?;
    let key = KeyFile::read(folder, &named).and_then(|file| file.unwrap(&site));
    match key {
        Ok(key) => Ok(Arc::new(Generation::new(name, key))),
        Err(KeyringError::NotForThisSite) => Err(Refusal::Revoked),
        Err(KeyringError::Damaged | KeyringError::Form(_)) => Err(Refusal::KeyWrong),
        Err(_) => Err(Refusal::KeyMissing),
    }
}

fn claims(copy: &Copy, dataset: Dataset) -> Claims {
    let manifest = &copy.manifest;
    Claims {
        wanted: dataset.name().to_owned(),
        dataset: manifest.dataset.clone(),
        environment: manifest.environment,
        version: manifest.version,
        generation: manifest.generation.clone(),
        data_as_of: manifest.data_as_of,
        created: manifest.created,
        expires: manifest.expires,
        // Each delta was held against the state before it when the copy was opened.
        from: None,
        serving: None,
    }
}

impl Keeper {
    fn generation(
        &mut self,
        options: &MindOptions,
        dataset: Dataset,
        name: &str,
    ) -> Result<Arc<Generation>, Refusal> {
        let key = (dataset, name.to_owned());
        if let Some(known) = self.generations.get(&key) {
            return Ok(Arc::clone(known));
        }
        let generation = open_generation(&options.folder, &options.vault, dataset.name(), name)?;
        // Of each dataset the generation that is served and the one that is coming are enough.
        if self.generations.keys().filter(|(of, _)| *of == dataset).count() > 1 {
            self.generations.retain(|(of, _), _| *of != dataset);
        }
        self.generations.insert(key, Arc::clone(&generation));
        Ok(generation)
    }

    /// Whether a state was refused lately and has not changed since.
    fn is_refused_still(&self, dataset: Dataset, version: u64, folder: &Path) -> bool {
        let refused = self.refused.get(&(dataset, version));
        refused.is_some_and(|one| one.changed == changed(folder) && one.at.elapsed() < LOOK_AGAIN)
    }

    /// Remembers a refusal; whether it is a new one.
    fn refuse(&mut self, dataset: Dataset, version: u64, folder: &Path, refusal: &Refusal) -> bool {
        if self.refused.len() > 1_000 {
            self.refused.clear();
        }
        let code = refusal.code();
        let refused =
            Refused { code, reason: refusal.reason(), changed: changed(folder), at: Instant::now() };
        let before = self.refused.insert((dataset, version), refused);
        before.is_none_or(|before| before.code != code)
    }

    /// Why the newest state of a dataset was refused.
    fn reason(&self, dataset: Dataset) -> Option<Reason> {
        let of = |(key, _): &(&(Dataset, u64), &Refused)| key.0 == dataset;
        Some(self.refused.iter().rfind(of)?.1.reason)
    }
}

fn changed(folder: &Path) -> Option<SystemTime> {
    folder.metadata().and_then(|about| about.modified()).ok()
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
