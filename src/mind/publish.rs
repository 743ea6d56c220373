//! Builds the state after another one: from a feed of changes, or from a whole feed of which only the differences go out.
//!
//! The publisher makes the new state in full, as a site's fold will, so that the manifest can say what it must come to, and
//! beside it the delta that leads there.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Mutex;

use postern_sdk::Database;

use super::build::{BuildError, BuildOptions, PROGRESS_EVERY, Progress, each_sorted};
use super::copy::{Copy, Entries};
use super::delta::Delta;
use super::disk::{Disk, RealDisk};
use super::entry::{Entry, Key};
use super::feed_reader::{Faults, FeedReader, Taken};
use super::folder::version_name;
use super::manifest::{Coverage, Holding, Manifest};
use super::overlay::CHANGES_MAX;
use super::record::SharedCodes;
use super::rows::{Layout, RowError};
use super::self_test::Sample;
use super::spill::Spill;
use super::state::StateWriter;

/// The manifest of the state before contradicts its own table.
const FEWER: &str =
    "the state before says that it has fewer records of a database than the changes take out: build it anew";

/// What came of a feed of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Records that are new.
    pub added: u64,
    /// Records that say something else now.
    pub changed: u64,
    /// Records that are gone.
    pub withdrawn: u64,
    /// Withdrawals of records that were not there.
    pub unknown: u64,
    /// Records that are there already as they are.
    pub same: u64,
}

/// A change that a feed asks for.
struct Asked {
    key: Key,
    line: u64,
    database: Database,
    to: Option<Entry>,
}

/// Builds the state after `before` from a feed of changes in CSV.
///
/// # Errors
/// Any [`BuildError`]; nothing is left behind then.
pub fn build_changes(
    input: impl Read,
    before: &Copy,
    options: &BuildOptions<'_>,
    progress: impl FnMut(Progress),
) -> Result<(Manifest, Outcome), BuildError> {
    build_changes_on(&RealDisk, input, before, options, progress)
}

pub(super) fn build_changes_on(
    disk: &dyn Disk,
    input: impl Read,
    before: &Copy,
    options: &BuildOptions<'_>,
    mut progress: impl FnMut(Progress),
) -> Result<(Manifest, Outcome), BuildError> {
    follows(before, options)?;
    covers(before, options)?;
    let workshop = options.begin(disk)?;
    let codes = SharedCodes::new(&before.manifest.codes);
    let (asked, newer) = read_changes(input, options, &codes, &mut progress)?;
    let mut compare = Compare::default();
    plan(before, &asked, &mut compare)?;
    let holdings = compare.holdings(before, options)?;
    let records = holdings.values().map(|holding| holding.records).sum();
    let mut writer = StateWriter::create(disk, workshop.path(), records)?;
    let after = before.changed_by(&compare.delta)?;
    let mut entries = after.entries()?;
    let mut written = 0;
    while let Some(entry) = entries.next()? {
        writer.push(&entry)?;
        written += 1;
        if written % PROGRESS_EVERY == 0 {
            progress(Progress::Writing(written, records));
        }
    }
    progress(Progress::Syncing);
    finish(disk, workshop, writer, before, options, Finished { holdings, codes, compare, newer })
}

/// Builds the state after `before` from a whole feed in CSV.
///
/// # Errors
/// Any [`BuildError`]; nothing is left behind then.
pub fn build_differences(
    input: impl Read,
    before: &Copy,
    options: &BuildOptions<'_>,
    mut progress: impl FnMut(Progress),
) -> Result<(Manifest, Outcome), BuildError> {
    follows(before, options)?;
    let disk = &RealDisk;
    let workshop = options.begin(disk)?;
    let codes = SharedCodes::new(&before.manifest.codes);
    let spill = Spill::new(workshop.path());
    let learnt = options.read_feed(&spill, &codes, input, &mut progress)?;
    let holdings = options.holdings(&learnt)?;
    let records = holdings.values().map(|holding| holding.records).sum();
    let mut writer = StateWriter::create(disk, workshop.path(), records)?;
    let mut compare = Compare::default();
    let mut old = Old::new(before.entries()?)?;
    let mut written = 0;
    each_sorted(&spill, |entry| {
        while let Some(gone) = old.before(entry.key())? {
            compare.gone(gone)?;
        }
        compare.there(old.at(entry.key())?, entry)?;
        written += 1;
        if written % PROGRESS_EVERY == 0 {
            progress(Progress::Writing(written, records));
        }
        Ok(writer.push(entry)?)
    })?;
    while let Some(gone) = old.next()? {
        compare.gone(gone)?;
    }
    progress(Progress::Syncing);
    let finished = Finished { holdings, codes, compare, newer: learnt.sample };
    finish(disk, workshop, writer, before, options, finished)
}

/// Whether the options are those of the state after this one.
fn follows(before: &Copy, options: &BuildOptions<'_>) -> Result<(), BuildError> {
    let manifest = &before.manifest;
    let fault = if options.dataset != before.dataset {
        "the state before is of another dataset"
    } else if options.generation.name() != manifest.generation {
        "the state before is of another generation"
    } else if options.version <= manifest.version {
        "the version is not higher than that of the state before"
    } else if options.data_as_of < manifest.data_as_of {
        "the data is older than that of the state before"
    } else if options.environment != manifest.environment {
        "the state before is of another environment"
    } else {
        return Ok(());
    };
    Err(BuildError::Options(fault))
}

/// Whether each database that has records goes on: changes alone can't end one, as its records would stay.
fn covers(before: &Copy, options: &BuildOptions<'_>) -> Result<(), BuildError> {
    let mut holdings = before.manifest.databases.iter();
    match holdings.all(|(database, holding)| holding.records == 0 || options.coverage.contains_key(database))
    {
        true => Ok(()),
        false => Err(BuildError::Options(
            "the coverage leaves out a database of which the state before has records",
        )),
    }
}

/// Reads the changes, in the order of keys. Two changes of one record are a fault.
fn read_changes(
    input: impl Read,
    options: &BuildOptions<'_>,
    codes: &SharedCodes,
    progress: &mut impl FnMut(Progress),
) -> Result<(Vec<Asked>, Sample), BuildError> {
    let reader = FeedReader {
        layout: Layout { dataset: options.dataset, changes: true },
        seal: &options.generation.seal,
        codes,
        coverage: options.coverage,
    };
    let all = Mutex::new(Vec::new());
    let locked = || all.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let take = |asked: &mut Vec<Asked>, taken: Taken| {
        if asked.len() == CHANGES_MAX {
            return Err(BuildError::TooManyRecords);
        }
        let Taken { entry, line, database, withdraws } = taken;
        asked.push(Asked { key: entry.key(), line, database, to: (!withdraws).then_some(entry) });
        Ok(())
    };
    let done = |mut asked: Vec<Asked>| locked().append(&mut asked);
    let learnt = reader.read(input, Vec::new, take, done, |read| progress(Progress::Reading(read)))?;
    learnt.faults.refuse()?;
    let mut asked = std::mem::take(&mut *locked());
    asked.sort_unstable_by_key(|one| (one.key, one.line));
    let mut faults = Faults::default();
    for pair in asked.windows(2).filter(|pair| pair[0].key == pair[1].key) {
        let line = pair[1].line;
        faults.add(RowError { line, column: Some("record_id"), code: "duplicate_record" });
    }
    faults.refuse()?;
    Ok((asked, learnt.sample))
}

/// Compares what is asked with what is there.
fn plan(before: &Copy, asked: &[Asked], compare: &mut Compare) -> Result<(), BuildError> {
    for one in asked {
        let there = before.entry(one.key)?;
        match (there, &one.to) {
            (there, Some(entry)) => {
                let new = there.is_none();
                compare.there(there, entry)?;
                *compare.balance.entry(one.database).or_default() += i64::from(new);
            }
            (Some(entry), None) => {
                compare.gone(entry)?;
                *compare.balance.entry(one.database).or_default() -= 1;
            }
            (None, None) => compare.outcome.unknown += 1,
        }
    }
    Ok(())
}

/// What differs between two states, found in the order of keys.
#[derive(Default)]
struct Compare {
    delta: Delta,
    outcome: Outcome,
    /// How many records more each database has.
    balance: BTreeMap<Database, i64>,
}

impl Compare {
    fn gone(&mut self, entry: Entry) -> Result<(), BuildError> {
        self.outcome.withdrawn += 1;
        self.delta.removed.push(entry.key());
        self.bounded()
    }

    fn there(&mut self, old: Option<Entry>, new: &Entry) -> Result<(), BuildError> {
        match old {
            Some(old) if old == *new => self.outcome.same += 1,
            Some(_) => {
                self.outcome.changed += 1;
                self.delta.removed.push(new.key());
                self.delta.added.push(*new);
            }
            None => {
                self.outcome.added += 1;
                self.delta.added.push(*new);
            }
        }
        self.bounded()
    }

    fn bounded(&self) -> Result<(), BuildError> {
        let changes = self.delta.removed.len().max(self.delta.added.len());
        if changes > CHANGES_MAX { Err(BuildError::TooManyRecords) } else { Ok(()) }
    }

    /// What the new state holds of each database.
    fn holdings(
        &self,
        before: &Copy,
        options: &BuildOptions<'_>,
    ) -> Result<BTreeMap<Database, Holding>, BuildError> {
        let holding = |(database, coverage): (&Database, &Coverage)| {
            let old = before.manifest.databases.get(database).map_or(0, |holding| holding.records);
            let balance = self.balance.get(database).copied().unwrap_or(0);
            let records = old.checked_add_signed(balance).ok_or(BuildError::Options(FEWER))?;
            Ok((*database, Holding { coverage: *coverage, records }))
        };
        options.coverage.iter().map(holding).collect()
    }
}

/// What is known when a state is written.
struct Finished {
    holdings: BTreeMap<Database, Holding>,
    codes: SharedCodes,
    compare: Compare,
    newer: Sample,
}

fn finish(
    disk: &dyn Disk,
    workshop: super::folder::Workshop<'_>,
    writer: StateWriter,
    before: &Copy,
    options: &BuildOptions<'_>,
    finished: Finished,
) -> Result<(Manifest, Outcome), BuildError> {
    let Finished { holdings, codes, compare, newer } = finished;
    let written = writer.finish(disk, workshop.path())?;
    let delta = compare.delta.write(disk, workshop.path(), before.manifest.version)?;
    let seal = &options.generation.seal;
    let mut sample = Sample::open(&before.manifest.self_test, &options.generation.key)
        .ok_or(BuildError::Crypto)?
        .locate(|identifier| seal.locator(identifier));
    sample.withdrawn(|key| compare.delta.removed.binary_search(&key).is_ok());
    sample.join(newer);
    let manifest = options.manifest(holdings, written, Some(delta), codes.codes(), &sample)?;
    manifest.write(disk, workshop.path(), options.signers)?;
    workshop.publish(&version_name(options.version))?;
    Ok((manifest, compare.outcome))
}

/// The entries of the state before, with the next one ahead.
struct Old<'a> {
    entries: Entries<'a>,
    ahead: Option<Entry>,
}

impl<'a> Old<'a> {
    fn new(mut entries: Entries<'a>) -> Result<Self, BuildError> {
        let ahead = entries.next()?;
        Ok(Self { entries, ahead })
    }

    fn next(&mut self) -> Result<Option<Entry>, BuildError> {
        let ahead = self.ahead;
        if ahead.is_some() {
            self.ahead = self.entries.next()?;
        }
        Ok(ahead)
    }

    /// The next entry if it is before this key.
    fn before(&mut self, key: Key) -> Result<Option<Entry>, BuildError> {
        if self.ahead.is_some_and(|ahead| ahead.key() < key) { self.next() } else { Ok(None) }
    }

    /// The entry of this key, if there is one; those before it must have been taken.
    fn at(&mut self, key: Key) -> Result<Option<Entry>, BuildError> {
        if self.ahead.is_some_and(|ahead| ahead.key() == key) { self.next() } else { Ok(None) }
    }
}
