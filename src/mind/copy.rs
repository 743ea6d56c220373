//! A state of the copy, opened: a base and the changes since, with their keys.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use postern_sdk::Environment;

use super::base::{Base, Scan};
use super::dataset::Dataset;
use super::delta::Delta;
use super::entry::Entry;
use super::folder::version_folder;
use super::identifier::Identifier;
use super::keyring::{GenerationKey, key_check};
use super::manifest::{Info, Manifest};
use super::overlay::{Change, Overlay};
use super::pages::Damaged;
use super::seal::Seal;
use super::self_test::Sample;
use super::trust::{Refusal, Root};
use super::withdrawn::Withdrawn;

/// Most deltas between a base and a state.
const CHAIN_MAX: usize = 4096;

/// A generation's keys, opened.
#[derive(Debug)]
pub struct Generation {
    name: String,
    pub(super) seal: Seal,
    pub(super) key: GenerationKey,
}

impl Generation {
    /// The generation of this name with this key.
    pub fn new(name: impl Into<String>, key: GenerationKey) -> Self {
        Self { name: name.into(), seal: Seal::new(&key), key }
    }

    /// A new generation with a random name and key.
    ///
    /// # Errors
    /// [`Refusal::KeyMissing`] if the machine gives no randomness.
    pub fn random() -> Result<Self, Refusal> {
        let mut name = [0; 8];
        aws_lc_rs::rand::fill(&mut name).map_err(|_| Refusal::KeyMissing)?;
        let key = GenerationKey::random().map_err(|_| Refusal::KeyMissing)?;
        Ok(Self::new(crate::keys::hex(&name), key))
    }

    /// The name: 16 hexadecimal digits.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key, to be wrapped to sites.
    pub const fn key(&self) -> &GenerationKey {
        &self.key
    }

    /// The locator of an identifier: 48 bits that tell nothing of it.
    pub fn locator(&self, identifier: &Identifier) -> u64 {
        self.seal.locator(identifier)
    }

    /// The locators of many identifiers, side by side.
    pub fn locators(&self, identifiers: &[Identifier], locators: &mut [u64]) {
        self.seal.locators(identifiers, locators);
    }

    /// What a manifest of a dataset holds to tell this key from any other.
    pub(super) fn check(&self, dataset: &str) -> [u8; 16] {
        key_check(&self.key, dataset, &self.name)
    }
}

/// What a state is opened with.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// The folder of the copy.
    pub folder: &'a Path,
    /// The dataset.
    pub dataset: Dataset,
    /// Who signs states.
    pub root: &'a Root,
    /// The environment that states must be of.
    pub environment: Environment,
    /// Gives a generation by its name, or says why its key is not here.
    pub generation: &'a dyn Fn(&str) -> Result<Arc<Generation>, Refusal>,
}

impl Opening<'_> {
    /// The manifest of a version, with all that it says of itself checked against its place and what is wanted.
    ///
    /// # Errors
    /// Of reading, signatures, environment or place.
    pub fn manifest(&self, version: u64) -> Result<Manifest, Refusal> {
        let manifest = self.accepts(Manifest::read(&self.path(version), self.root)?)?;
        if manifest.version != version {
            return Err(Refusal::Misplaced);
        }
        Ok(manifest)
    }

    /// A manifest, if it is of what is wanted.
    pub(super) fn accepts(&self, manifest: Manifest) -> Result<Manifest, Refusal> {
        self.wants(manifest.environment, &manifest.dataset)?;
        Ok(manifest)
    }

    /// Whether a state of this environment and dataset is what is wanted.
    pub(super) fn wants(&self, environment: Environment, dataset: &str) -> Result<(), Refusal> {
        if environment != self.environment {
            return Err(Refusal::Environment(environment));
        }
        if dataset != self.dataset.name() {
            return Err(Refusal::Dataset);
        }
        Ok(())
    }

    /// The folder of a version.
    pub(super) fn path(&self, version: u64) -> std::path::PathBuf {
        version_folder(self.folder, self.dataset.name(), version)
    }
}

/// A state that is open. It never changes: what comes later is another one.
#[derive(Clone)]
pub struct Copy {
    pub(super) dataset: Dataset,
    pub(super) manifest: Arc<Manifest>,
    /// From when on silence says nothing: when the state expires, or the root under which it was signed.
    expires: Timestamp,
    pub(super) generation: Arc<Generation>,
    pub(super) base: Arc<Base>,
    pub(super) overlay: Arc<Overlay>,
    pub(super) withdrawn: Arc<Withdrawn>,
}

impl fmt::Debug for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Copy({} {} on {})", self.dataset, self.manifest.version, self.base.version)
    }
}

impl Copy {
    /// Opens a version: its own base if it has one, else the nearest base below it and the deltas from there. Manifests,
    /// sizes, roots and deltas are checked; pages of the base at their first touch.
    ///
    /// # Errors
    /// Any [`Refusal`] but those of what was accepted before.
    pub fn open(opening: &Opening<'_>, version: u64) -> Result<Self, Refusal> {
        Self::open_near(opening, version, None)
    }

    /// As [`open`](Self::open), from a state that is open already where the deltas lead back to it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_near(opening: &Opening<'_>, version: u64, near: Option<&Self>) -> Result<Self, Refusal> {
        let mut chain = vec![opening.manifest(version)?];
        let mut copy = loop {
            let Some(first) = chain.last() else { return Err(Refusal::Damaged) };
            if let Some(near) = near.filter(|near| near.leads_to(first)) {
                break near.clone();
            }
            if Base::is_in(&opening.path(first.version)) {
                break Self::on_base(opening, chain.pop().ok_or(Refusal::Damaged)?)?;
            }
            let missing = || Refusal::Missing(std::io::ErrorKind::NotFound.into());
            let delta = first.delta.as_ref().ok_or_else(missing)?;
            if delta.from >= first.version || chain.len() > CHAIN_MAX {
                return Err(Refusal::Misplaced);
            }
            chain.push(opening.manifest(delta.from)?);
        };
        while let Some(manifest) = chain.pop() {
            copy = copy.and_then(manifest, opening)?;
        }
        Ok(copy)
    }

    /// Whether a state is the next one after this, by its delta.
    fn leads_to(&self, next: &Manifest) -> bool {
        next.delta.as_ref().is_some_and(|delta| delta.from == self.manifest.version)
            && next.generation == self.manifest.generation
    }

    fn on_base(opening: &Opening<'_>, manifest: Manifest) -> Result<Self, Refusal> {
        let generation = (opening.generation)(&manifest.generation)?;
        if generation.check(&manifest.dataset) != manifest.key_check {
            return Err(Refusal::KeyWrong);
        }
        let base = Base::open(&opening.path(manifest.version), &manifest)?;
        Ok(Self {
            dataset: opening.dataset,
            expires: manifest.expires.min(opening.root.expires),
            manifest: Arc::new(manifest),
            generation,
            base,
            overlay: Arc::default(),
            withdrawn: Arc::default(),
        })
    }

    /// The state after this one, by its delta.
    ///
    /// # Errors
    /// [`Refusal::Gap`] or [`Refusal::MixAndMatch`] if the delta is none of this state, or what its file says.
    pub fn advance(&self, opening: &Opening<'_>, version: u64) -> Result<Self, Refusal> {
        let manifest = opening.manifest(version)?;
        self.clone().and_then(manifest, opening)
    }

    fn and_then(self, manifest: Manifest, opening: &Opening<'_>) -> Result<Self, Refusal> {
        let serving = self.manifest.version;
        let Some(delta) = manifest.delta.as_ref().filter(|delta| delta.from == serving) else {
            let from = manifest.delta.as_ref().map_or(0, |delta| delta.from);
            return Err(Refusal::Gap { from, serving: Some(serving) });
        };
        if manifest.generation != self.manifest.generation || manifest.key_check != self.manifest.key_check {
            return Err(Refusal::MixAndMatch("the delta is of another generation than what is served"));
        }
        if !manifest.codes.continues(&self.manifest.codes) {
            return Err(Refusal::MixAndMatch("the lists of codes do not continue those before"));
        }
        let records = self.manifest.records.checked_add(delta.added);
        if records.and_then(|records| records.checked_sub(delta.removed)) != Some(manifest.records) {
            return Err(Refusal::MixAndMatch("the number of records does not follow from the delta"));
        }
        let change = Delta::read(&opening.path(manifest.version), delta)?;
        let expires = manifest.expires.min(opening.root.expires);
        Ok(Self { manifest: Arc::new(manifest), expires, ..self.changed_by(&change)? })
    }

    /// The entries of this state with a delta over them; the manifest is still this state's.
    pub(super) fn changed_by(&self, delta: &Delta) -> Result<Self, Refusal> {
        Ok(Self { overlay: Arc::new(self.overlay.and_then(delta)?), ..self.clone() })
    }

    /// What the state says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The generation that it is sealed under.
    pub fn generation(&self) -> Arc<Generation> {
        Arc::clone(&self.generation)
    }

    /// What may be told of the state.
    pub fn info(&self) -> Info {
        let (base, changes) = (self.base.version, self.overlay.len() as u64);
        Info { withdrawn: self.withdrawn.len() as u64, ..self.manifest.info(base, changes) }
    }

    /// Whether the state's silence says nothing any more.
    pub fn expired(&self, now: Timestamp) -> bool {
        now >= self.expires
    }

    /// Asks the state the questions that its publisher put into its manifest.
    ///
    /// # Errors
    /// [`Refusal::SelfTest`] if one is answered otherwise than it must be.
    pub fn self_test(&self) -> Result<(), Refusal> {
        let sample = Sample::open(&self.manifest.self_test, &self.generation.key).ok_or(Refusal::KeyWrong)?;
        let found = |identifier: &_, database, mark| {
            let found = self.find(identifier);
            found.matches.iter().any(|one| one.is(database) && self.mark(one) == Ok(mark))
        };
        if sample.holds(found) { Ok(()) } else { Err(Refusal::SelfTest) }
    }

    /// All entries in their order.
    pub(super) fn entries(&self) -> std::io::Result<Entries<'_>> {
        let mut base = self.base.scan()?;
        let next_base = base.next();
        let mut overlay: Box<dyn Iterator<Item = _>> = Box::new(self.overlay.all());
        let next_change = overlay.next();
        Ok(Entries { base, next_base, overlay, next_change })
    }
}

type KeyedChange = (super::entry::Key, Change);

/// The entries of a state in their order.
pub(super) struct Entries<'a> {
    base: Scan<'a>,
    next_base: Result<Option<Entry>, Damaged>,
    overlay: Box<dyn Iterator<Item = KeyedChange> + 'a>,
    next_change: Option<KeyedChange>,
}

impl Entries<'_> {
    /// The next entry; none after the last.
    ///
    /// # Errors
    /// [`Damaged`] if a page of the base is damaged.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Damaged> {
        loop {
            let base = self.next_base?;
            match (base, self.next_change) {
                (base, None) => {
                    self.step_base();
                    return Ok(base);
                }
                (Some(entry), Some((key, _))) if entry.key() < key => {
                    self.step_base();
                    return Ok(Some(entry));
                }
                (base, Some((key, change))) => {
                    if base.is_some_and(|entry| entry.key() == key) {
                        self.step_base();
                    }
                    self.next_change = self.overlay.next();
                    if let Change::Now(entry) = change {
                        return Ok(Some(entry));
                    }
                }
            }
        }
    }

    fn step_base(&mut self) {
        if let Ok(Some(_)) = self.next_base {
            self.next_base = self.base.next();
        }
    }
}
