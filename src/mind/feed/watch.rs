//! Watches the folder: takes each feed that is complete, in the order of their times, and makes it the next version.
//!
//! The steps of a feed, each of which a crash may follow: it is noted in the ledger with the version that it becomes; the
//! version is built and becomes visible by a rename; the ledger notes that it was applied and where the feed goes; the
//! feed is moved there; the ledger forgets it. Whatever step was the last, [`Watcher::conclude`] goes on from there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::fault::{Failure, Fault, Trouble};
use super::inbox::{Checked, Found, Inbox};
use super::ledger::{Begun, Building, End, Ledger, done_prefix};
use super::name::{Build, FeedName};
use super::publisher::{Order, Publisher};
use super::settings::FeedSettings;
use super::tidy::tidy;
use crate::clock::Clock;
use crate::keys::hex;
use crate::mind::{Dataset, versions};

/// What stands before the name of changes that a full feed holds already.
const OVERTAKEN: &str = "overtaken-";
/// How long is rested after trouble; twice as long after each further one.
const REST: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(60);
/// How far a feed's time may be ahead of our clock, so that it waits rather than is refused.
const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(10);
/// For what a feed is identified, so that no other digest can pass for it.
const IDENTITY: &str = "postern feed 1";

/// Watches a folder and publishes what comes.
#[derive(Debug)]
pub struct Watcher {
    settings: FeedSettings,
    clock: Clock,
    inbox: Inbox,
    ledger: Ledger,
    troubles: u32,
    rests_until: Option<Instant>,
}

/// What a look at the folder came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// Feeds that became a version.
    pub published: usize,
    /// Feeds that were refused.
    pub refused: usize,
    /// Feeds that were put aside because they, or all that they hold, were applied before.
    pub known: usize,
}

/// What a feed asks for, once its name, its time and its content are known.
struct Plan {
    dataset: Dataset,
    build: Build,
    as_of: Timestamp,
    expires_days: u32,
    identity: String,
    sha256: [u8; 32],
}

/// What is to be done with a feed.
enum Next {
    /// It waits: for changes that must come first, or until its time has come.
    Wait,
    /// It is put aside.
    Known(String),
    /// It is built.
    Build(Box<Plan>),
}

impl Watcher {
    /// Opens folder and ledger. Nothing is built before the first look.
    ///
    /// # Errors
    /// If another publisher has the ledger, or a folder or file can't be used.
    pub fn open(settings: FeedSettings, clock: Clock) -> std::io::Result<Self> {
        let ledger = Ledger::open(&settings.copy.ledger_file)?;
        let inbox = Inbox::open(settings.folder.clone())?;
        Ok(Self { settings, clock, inbox, ledger, troubles: 0, rests_until: None })
    }

    /// Takes every feed that is complete. After trouble it rests for a while, so that a large feed is not read in vain
    /// again and again.
    pub fn pass(&mut self, now: Instant) -> Pass {
        if self.rests_until.is_some_and(|until| now < until) {
            return Pass::default();
        }
        let mut pass = Pass::default();
        let trouble = self.try_pass(now, &mut pass).err();
        self.rests_until =
            trouble.as_ref().filter(|trouble| !matches!(trouble, Trouble::Changing)).map(|_| {
                let rest = REST.saturating_mul(1 << self.troubles.min(10)).min(REST_MAX);
                self.troubles = self.troubles.saturating_add(1);
                now + rest
            });
        match trouble {
            None => self.troubles = 0,
            Some(error) => {
                metrics::counter!("postern_feed_troubles_total", "code" => error.code()).increment(1);
                tracing::error!(%error, code = error.code(), "Feeds wait.");
            }
        }
        for (dataset, waits) in self.ledger.waiting() {
            let waits = if waits { 1.0 } else { 0.0 };
            metrics::gauge!("postern_feed_held", "dataset" => dataset.to_owned()).set(waits);
        }
        pass
    }

    /// All of a look. Trouble with one dataset does not keep the others; the first is told.
    fn try_pass(&mut self, now: Instant, pass: &mut Pass) -> Result<(), Trouble> {
        self.conclude()?;
        let (mut found, all) = self.inbox.complete(now)?;
        metrics::gauge!("postern_feed_waiting").set(all as f64);
        let time = |found: &Found| {
            let named = FeedName::parse(&found.name).and_then(|name| name.as_of);
            self.inbox.meta(&found.name).ok().and_then(|meta| meta.as_of).or(named)
        };
        found.sort_by_cached_key(|found| (time(found), found.name.clone()));
        let (mut stuck, mut first) = (BTreeSet::new(), None);
        for found in found {
            let dataset = dataset_of(&found.name);
            if stuck.contains(&dataset) {
                continue;
            }
            if let Err(trouble) = self.take(&found, pass) {
                stuck.insert(dataset);
                first.get_or_insert(trouble);
                // What was begun is concluded before anything else is.
                if self.ledger.begun().is_some() {
                    break;
                }
            }
        }
        first.map_or(Ok(()), Err)
    }

    fn take(&mut self, found: &Found, pass: &mut Pass) -> Result<(), Trouble> {
        match self.judge(found) {
            Ok(Next::Wait) => Ok(()),
            Ok(Next::Known(prefix)) => {
                tracing::info!(file = found.name, "A feed was applied before and is put aside.");
                pass.known += 1;
                self.settle(found, End::Done(prefix))
            }
            Ok(Next::Build(plan)) => self.build(found, &plan, pass),
            Err(Failure::Fault(fault)) => self.refuse(found, &fault, pass),
            Err(Failure::Trouble(trouble)) => Err(trouble),
        }
    }

    /// What is to be done with a feed.
    fn judge(&mut self, found: &Found) -> Result<Next, Failure> {
        let name = FeedName::parse(&found.name).ok_or(Fault::Name)?;
        let (dataset, build) = (name.feed.dataset(), name.feed.build());
        let settings = self.settings.datasets.get(&dataset).ok_or(Fault::Dataset)?;
        let meta = self.inbox.meta(&found.name)?;
        let as_of = meta.as_of.or(name.as_of).ok_or(Fault::NoTime)?;
        let expires_days = meta.expires_days.unwrap_or(settings.expires_days);
        let ahead = as_of.duration_since(self.clock.now());
        if ahead.is_positive() && ahead <= AHEAD_MAX {
            return Ok(Next::Wait);
        }
        let past = self.ledger.past(dataset.name());
        if !build.is_full()
            && past.waits_for.as_ref().is_some_and(|file| *file != found.name)
            && !past.overtook(as_of)
        {
            return Ok(Next::Wait);
        }
        let content = self.inbox.content(found)?;
        let sha256 = hex(&content.sha256);
        if meta.sha256.is_some_and(|said| !said.eq_ignore_ascii_case(&sha256)) {
            return Err(Fault::Digest.into());
        }
        let identity = identity(build, as_of, &sha256);
        let past = self.ledger.past(dataset.name());
        if let Some(version) = past.version_of(&identity) {
            return Ok(Next::Known(done_prefix(version)));
        }
        if !build.is_full() && past.overtook(as_of) {
            return Ok(Next::Known(OVERTAKEN.to_owned()));
        }
        match Publisher::open(&self.settings)?.newest(dataset)? {
            None if build != Build::Snapshot => return Err(Fault::NoState.into()),
            Some(newest) if as_of < newest.claims().data_as_of => return Err(Fault::Older.into()),
            // How many persons there are is known only when all notices were read.
            Some(newest) if build.is_full() && dataset.is_by_number() => {
                let rows = content.lines.saturating_sub(1);
                if self.settings.folder.is_shrunk(newest.records(), rows) {
                    return Err(Fault::Shrunk.into());
                }
            }
            _ => {}
        }
        Ok(Next::Build(Box::new(Plan {
            dataset,
            build,
            as_of,
            expires_days,
            identity,
            sha256: content.sha256,
        })))
    }

    fn build(&mut self, found: &Found, plan: &Plan, pass: &mut Pass) -> Result<(), Trouble> {
        let newest = versions(&self.settings.copy.folder, plan.dataset.name()).first().copied();
        let order = Order {
            dataset: plan.dataset,
            build: plan.build,
            version: newest.unwrap_or(0) + 1,
            as_of: plan.as_of,
            created: self.clock.now(),
            expires_days: plan.expires_days,
        };
        let building = Building {
            dataset: plan.dataset.name().to_owned(),
            identity: plan.identity.clone(),
            version: order.version,
            created: order.created,
            as_of: order.as_of,
            full: plan.build.is_full(),
        };
        let input = Checked::new(self.inbox.read(found)?, plan.sha256);
        self.begin(found, Some(building), None)?;
        let built =
            Publisher::open(&self.settings).map_err(Failure::from).and_then(|p| p.build(order, input));
        match built {
            Ok(()) => pass.published += 1,
            Err(Failure::Fault(fault)) => return self.refuse(found, &fault, pass),
            // The state may be there all the same: its rename was the last step but one.
            Err(Failure::Trouble(trouble)) => {
                self.conclude()?;
                return Err(trouble);
            }
        }
        self.conclude()
    }

    fn begin(&mut self, found: &Found, building: Option<Building>, end: Option<End>) -> Result<(), Trouble> {
        let (file, mark) = (found.name.clone(), found.mark);
        Ok(self.ledger.begin(Begun { file, mark, building, end })?)
    }

    /// Puts a feed aside.
    fn settle(&mut self, found: &Found, end: End) -> Result<(), Trouble> {
        self.begin(found, None, Some(end))?;
        self.conclude()
    }

    /// Puts a faulty feed aside with its report. After changes, later ones wait.
    fn refuse(&mut self, found: &Found, fault: &Fault, pass: &mut Pass) -> Result<(), Trouble> {
        let dataset = dataset_of(&found.name);
        let (file, code) = (&found.name, fault.code());
        tracing::error!(file, code, "A feed is refused; its report lies beside it.");
        let label = dataset.map_or("none", Dataset::name);
        metrics::counter!("postern_feed_refused_total", "dataset" => label, "code" => code).increment(1);
        pass.refused += 1;
        let changes = FeedName::parse(&found.name).is_some_and(|name| !name.feed.build().is_full());
        if let (true, Some(dataset)) =
            (changes, dataset.filter(|one| self.settings.datasets.contains_key(one)))
        {
            self.ledger.past(dataset.name()).waits_for = Some(found.name.clone());
            tracing::warn!(%dataset, "Later changes wait until these are mended, or a full feed comes.");
        }
        self.settle(found, End::Failed(fault.report(&found.name)))
    }

    /// Goes on with the feed that was begun, from whatever step was the last.
    fn conclude(&mut self) -> Result<(), Trouble> {
        let Some(begun) = self.ledger.begun().cloned() else { return Ok(()) };
        if begun.end.is_none() {
            let Some(building) = begun.building.as_ref().filter(|one| dataset_named(one).is_some()) else {
                return Ok(self.ledger.ended()?);
            };
            if !self.is_published(building)? {
                return Ok(self.ledger.ended()?);
            }
            self.ledger.applied()?;
            self.tell(building, &begun.file);
        }
        if let Some(begun) = self.ledger.begun() {
            self.inbox.put_aside(begun)?;
        }
        Ok(self.ledger.ended()?)
    }

    /// Whether the state that was begun is there, and is ours.
    fn is_published(&self, building: &Building) -> Result<bool, Trouble> {
        let Some(dataset) = dataset_named(building) else { return Ok(false) };
        if !versions(&self.settings.copy.folder, dataset.name()).contains(&building.version) {
            return Ok(false);
        }
        let manifest = Publisher::open(&self.settings)?.manifest(dataset, building.version)?;
        Ok(manifest.is_some_and(|manifest| manifest.claims().created == building.created))
    }

    fn tell(&self, building: &Building, file: &str) {
        let (dataset, version) = (&building.dataset, building.version);
        tracing::info!(file, dataset, version, as_of = %building.as_of, "A version is published.");
        metrics::counter!("postern_feed_published_total", "dataset" => dataset.clone()).increment(1);
        metrics::gauge!("postern_feed_as_of_seconds", "dataset" => dataset.clone())
            .set(building.as_of.as_second() as f64);
        let copy = &self.settings.copy;
        let tidied = dataset_named(building)
            .map_or(Ok(()), |dataset| tidy(&copy.folder, dataset, copy.keep_states, copy.keep_bases));
        if let Err(error) = tidied {
            tracing::warn!(%error, dataset, "Old states can't be removed.");
        }
    }
}

/// The dataset of a feed, if its name says one.
fn dataset_of(name: &str) -> Option<Dataset> {
    FeedName::parse(name).map(|name| name.feed.dataset())
}

fn dataset_named(building: &Building) -> Option<Dataset> {
    Dataset::from_name(&building.dataset)
}

/// What makes a feed the same as another: what its rows are, its time and its content. The same records of a later time
/// are another feed, which keeps the copy fresh.
fn identity(build: Build, as_of: Timestamp, sha256: &str) -> String {
    let text = format!("{IDENTITY}\n{build:?}\n{as_of}\n{sha256}");
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref())
}
