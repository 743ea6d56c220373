//! Looking for newer states: opened beside the one that is served, checked, and swapped in.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use postern_sdk::Reason;

use super::keeper::Keeper;
use super::{Mind, Reload, Serving, State};
use crate::mind::base::Base;
use crate::mind::copy::{Copy, Opening};
use crate::mind::dataset::Dataset;
use crate::mind::folder::{version_folder, versions};
use crate::mind::trust::{Chain, Claims, Followed, Highest, Refusal, admit};
use crate::mind::withdrawn::Withdrawn;

/// How far the clock of the machine that built a state may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Whom to believe, and what was accepted before.
pub(super) struct Trust {
    pub(super) chain: Chain,
    pub(super) highest: Highest,
    reset: bool,
}

impl Mind {
    /// Looks for newer states and serves them. What is served stays if there is none, or if all newer ones are refused; a
    /// state is never replaced by an older one, unless a new root has forgotten what was accepted.
    pub fn reload(&self) -> Reload {
        let mut keeper = self.keeper();
        let mut reload = Reload::default();
        self.end_without_keys(&mut keeper, &mut reload);
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
                let unserved = Dataset::ALL.into_iter().filter(|dataset| self.served(*dataset).is_none());
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
        let served = self.served(dataset);
        if trust.reset && served.is_some() {
            self.without(dataset, Reason::CopyMissing);
        }
        let floor = served.filter(|_| !trust.reset);
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
        if self.served(dataset).is_none() {
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
    ) -> Result<State, Refusal> {
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
        let (claims, new) = match dataset.is_by_number() {
            true => self.open_by_number(&opening, version, near, trust)?,
            false => self.open_persons(&opening, version, trust)?,
        };
        self.accept(&claims, trust)?;
        Ok(new)
    }

    fn open_by_number(
        &self,
        opening: &Opening<'_>,
        version: u64,
        near: Option<&Copy>,
        trust: &Trust,
    ) -> Result<(Claims, State), Refusal> {
        let copy = Copy::open_near(opening, version, near)?;
        let claims = claims(&copy, opening.dataset);
        let purge_at = self.admit(&claims, trust)?;
        copy.self_test()?;
        Ok((claims, State::Serving(Box::new(Serving { copy, purge_at }))))
    }

    /// Whether a state may be served, and until when its data may be kept.
    pub(super) fn admit(&self, claims: &Claims, trust: &Trust) -> Result<Timestamp, Refusal> {
        let now = self.clock.now();
        admit(trust.chain.root(), &trust.highest, claims, now)?;
        let purge = SignedDuration::try_from(self.options.purge).unwrap_or(SignedDuration::MAX);
        let purge_at = claims.data_as_of.saturating_add(purge).unwrap_or(Timestamp::MAX);
        if now >= purge_at { Err(Refusal::Purged) } else { Ok(purge_at) }
    }

    /// Remembers that a state was accepted, before it is served.
    pub(super) fn accept(&self, claims: &Claims, trust: &mut Trust) -> Result<(), Refusal> {
        trust.highest.accept(claims);
        trust.highest.write(&self.trust_folder()).map_err(Refusal::Missing)?;
        let built = claims.created.saturating_sub(CLOCK_SKEW).unwrap_or_default();
        self.clock.has_passed(built);
        Ok(())
    }

    fn serve(&self, keeper: &mut Keeper, dataset: Dataset, mut new: State) {
        keeper.withdrawn.remove(&dataset);
        if let State::Serving(serving) = &mut new
            && let Some(withdrawn) = self.newer_withdrawn(keeper, &serving.copy)
        {
            serving.copy = serving.copy.clone().with_withdrawn(withdrawn);
        }
        self.state(dataset).store(Arc::new(new));
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
