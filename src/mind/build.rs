//! Builds a snapshot from a feed.
//!
//! Nothing is half-imported: a single faulty line refuses the whole feed, and what is written becomes visible by one
//! rename after every byte is synced. The feed is read with all processors and sorted on disk, so memory is bounded
//! however long it is.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::mpsc;

use jiff::Timestamp;
use postern_sdk::{Database, Environment};

use super::copy::Generation;
use super::dataset::Dataset;
use super::disk::{Disk, RealDisk};
use super::entry::Entry;
use super::feed_reader::{Faults, FeedReader, Learnt};
use super::folder::{Workshop, dataset_folder, version_folder, version_name};
use super::manifest::{Coverage, DeltaState, FORMAT, Holding, Manifest};
use super::names::PersonsError;
use super::pages::Damaged;
use super::record::{Codes, SharedCodes};
use super::rows::{Layout, RowError};
use super::seal::SEAL;
use super::self_test::Sample;
use super::spill::{Dealer, PARTS, Sorted, Spill};
use super::state::{SAME_NUMBER_MAX, StateWriter, WriteError, Written};
use super::table::SLOTS_MAX;
use super::trust::Refusal;
use crate::keys::PrivateKey;

/// After how many records progress is told.
pub(super) const PROGRESS_EVERY: u64 = 1 << 16;

/// What to build, and how to sign it.
#[derive(Clone, Copy)]
pub struct BuildOptions<'a> {
    /// The folder of the copy; the state becomes `<dataset>/<version>` in it.
    pub folder: &'a PathBuf,
    /// The dataset.
    pub dataset: Dataset,
    /// The number of the state.
    pub version: u64,
    /// When the data was extracted at its source.
    pub data_as_of: Timestamp,
    /// Now.
    pub created: Timestamp,
    /// From when on the state's silence says nothing.
    pub expires: Timestamp,
    /// Whether the data is real.
    pub environment: Environment,
    /// The databases that the feed holds, and how much of each. A row of another database is a fault.
    pub coverage: &'a BTreeMap<Database, Coverage>,
    /// The publisher's keys.
    pub signers: &'a [&'a PrivateKey],
    /// The generation that it is sealed under.
    pub generation: &'a Generation,
}

/// How far a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes of the feed were read.
    Reading(u64),
    /// So many records were written, of so many.
    Writing(u64, u64),
    /// Everything is written and being synced.
    Syncing,
}

/// Why nothing was built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// Lines of the feed are faulty. Remedy: mend the feed.
    Rows {
        /// The first faults, at most 100.
        faults: Vec<RowError>,
        /// How many more there are.
        more: u64,
    },
    /// An option is wrong. Remedy: as the text says.
    Options(&'static str),
    /// More records than a table holds (2^36). Remedy: none in this version.
    TooManyRecords,
    /// A column has more different codes than a generation holds. Remedy: check that the columns are not mixed up; if
    /// they are right, build a snapshot, which begins a new generation.
    TooManyCodes(&'static str),
    /// One number has more than 10 000 records. Remedy: check that placeholders are not given as numbers.
    NumberTooFrequent,
    /// The feed holds no record of a database that it claims to hold in full. Remedy: check the feed and the coverage.
    Empty(Database),
    /// There is such a version already. Remedy: give a higher number.
    VersionExists(u64),
    /// Persons can't be sealed. Remedy: as it says.
    Persons(PersonsError),
    /// The state that the changes are for can't be used. Remedy: as it says.
    State(Refusal),
    /// The feed can't be read, or the state not written. Remedy: see the system's words.
    Io(io::Error),
    /// The cryptographic library failed. Remedy: try again; the system may lack randomness.
    Crypto,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows { faults, more } => {
                write!(f, "{} lines of the feed are faulty", faults.len() as u64 + more)?;
                faults.first().map_or(Ok(()), |first| write!(f, ", the first: {first}"))
            }
            Self::Options(what) => f.write_str(what),
            Self::TooManyRecords => write!(f, "the feed holds more than {SLOTS_MAX} records"),
            Self::TooManyCodes(column) => write!(f, "the column {column} holds too many different codes"),
            Self::NumberTooFrequent => {
                write!(f, "one number has more than {SAME_NUMBER_MAX} records")
            }
            Self::Empty(database) => {
                write!(f, "the feed holds no record of {database}, yet claims all of it")
            }
            Self::VersionExists(version) => write!(f, "there is a version {version} already"),
            Self::Persons(error) => error.fmt(f),
            Self::State(refusal) => refusal.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::Crypto => f.write_str("the cryptographic library failed"),
        }
    }
}

impl std::error::Error for BuildError {}

impl From<io::Error> for BuildError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Refusal> for BuildError {
    fn from(refusal: Refusal) -> Self {
        Self::State(refusal)
    }
}

impl From<PersonsError> for BuildError {
    fn from(error: PersonsError) -> Self {
        Self::Persons(error)
    }
}

impl From<Damaged> for BuildError {
    fn from(Damaged: Damaged) -> Self {
        Self::State(Refusal::Damaged)
    }
}

impl From<WriteError> for BuildError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Frequent => Self::NumberTooFrequent,
            WriteError::Order => Self::State(Refusal::Damaged),
            WriteError::Io(error) => Self::Io(error),
        }
    }
}

/// Builds a snapshot from a feed in CSV.
///
/// # Errors
/// Any [`BuildError`]; nothing is left behind then.
pub fn build(
    input: impl Read,
    options: &BuildOptions<'_>,
    progress: impl FnMut(Progress),
) -> Result<Manifest, BuildError> {
    build_on(&RealDisk, input, options, progress)
}

pub(super) fn build_on(
    disk: &dyn Disk,
    input: impl Read,
    options: &BuildOptions<'_>,
    mut progress: impl FnMut(Progress),
) -> Result<Manifest, BuildError> {
    let workshop = options.begin(disk)?;
    let codes = SharedCodes::default();
    let spill = Spill::new(workshop.path());
    let learnt = options.read_feed(&spill, &codes, input, &mut progress)?;
    let holdings = options.holdings(&learnt)?;
    let records = holdings.values().map(|holding| holding.records).sum();
    if records > SLOTS_MAX {
        return Err(BuildError::TooManyRecords);
    }
    let mut writer = StateWriter::create(disk, workshop.path(), records)?;
    let mut written = 0;
    each_sorted(&spill, |entry| {
        writer.push(entry)?;
        written += 1;
        if written % PROGRESS_EVERY == 0 {
            progress(Progress::Writing(written, records));
        }
        Ok(())
    })?;
    progress(Progress::Syncing);
    let state = writer.finish(disk, workshop.path())?;
    let manifest = options.manifest(holdings, state, None, codes.codes(), &learnt.sample)?;
    manifest.write(disk, workshop.path(), options.signers)?;
    workshop.publish(&version_name(options.version))?;
    Ok(manifest)
}

impl BuildOptions<'_> {
    /// Checks the options and makes the folder to build in.
    pub(super) fn begin<'d>(&self, disk: &'d dyn Disk) -> Result<Workshop<'d>, BuildError> {
        self.check()?;
        if version_folder(self.folder, self.dataset.name(), self.version).exists() {
            return Err(BuildError::VersionExists(self.version));
        }
        let parent = dataset_folder(self.folder, self.dataset.name());
        Ok(Workshop::create(disk, &parent, &version_name(self.version))?)
    }

    fn check(&self) -> Result<(), BuildError> {
        let fault = if self.coverage.is_empty() {
            "the coverage names no database"
        } else if !self.coverage.keys().all(|database| self.dataset.databases().contains(database)) {
            "the coverage names a database that the dataset does not hold"
        } else if self.signers.is_empty() {
            "there is no key to sign with"
        } else if self.data_as_of > self.created {
            "the data would be of the future"
        } else if self.expires <= self.created {
            "the state would be expired from the start"
        } else {
            return Ok(());
        };
        Err(BuildError::Options(fault))
    }

    /// Reads a feed of whole records into parts to be sorted.
    pub(super) fn read_feed(
        &self,
        spill: &Spill,
        codes: &SharedCodes,
        input: impl Read,
        progress: &mut impl FnMut(Progress),
    ) -> Result<Learnt, BuildError> {
        if !self.dataset.is_by_number() {
            return Err(BuildError::Options("a dataset of persons is not built from rows"));
        }
        let reader = FeedReader {
            layout: Layout { dataset: self.dataset, changes: false },
            seal: &self.generation.seal,
            codes,
            coverage: self.coverage,
        };
        let mut learnt = reader.read(
            input,
            || Dealer::new(spill),
            |dealer, taken| Ok(dealer.push(&taken.entry, taken.line)?),
            Dealer::finish,
            |read| progress(Progress::Reading(read)),
        )?;
        std::mem::take(&mut learnt.faults).refuse()?;
        Ok(learnt)
    }

    pub(super) fn holdings(&self, learnt: &Learnt) -> Result<BTreeMap<Database, Holding>, BuildError> {
        let holding = |(database, coverage): (&Database, &Coverage)| {
            let records = learnt.records.get(database).copied().unwrap_or(0);
            (*database, Holding { coverage: *coverage, records })
        };
        let holdings: BTreeMap<_, _> = self.coverage.iter().map(holding).collect();
        let claims_all = |holding: &Holding| holding.coverage == Coverage::Full && holding.records == 0;
        match holdings.iter().find(|(_, holding)| claims_all(holding)) {
            Some((database, _)) => Err(BuildError::Empty(*database)),
            None => Ok(holdings),
        }
    }

    pub(super) fn manifest(
        &self,
        databases: BTreeMap<Database, Holding>,
        written: Written,
        delta: Option<DeltaState>,
        codes: Codes,
        sample: &Sample,
    ) -> Result<Manifest, BuildError> {
        Ok(Manifest {
            format: FORMAT,
            dataset: self.dataset.name().to_owned(),
            version: self.version,
            generation: self.generation.name().to_owned(),
            environment: self.environment,
            records: databases.values().map(|holding| holding.records).sum(),
            databases,
            data_as_of: self.data_as_of,
            created: self.created,
            expires: self.expires,
            digest: written.digest,
            table: written.table,
            ids: written.ids,
            delta,
            seal: SEAL.to_owned(),
            key_check: self.generation.check(self.dataset.name()),
            self_test: sample.seal(&self.generation.key).ok_or(BuildError::Crypto)?,
            codes,
        })
    }
}

/// Hands every entry of sorted parts to `each`, in order, while the next part is being sorted. A record that is there
/// twice refuses all of them, told by its line; what comes after the first such record is not handed over.
pub(super) fn each_sorted(
    spill: &Spill,
    mut each: impl FnMut(&Entry) -> Result<(), BuildError>,
) -> Result<(), BuildError> {
    let mut faults = Faults::default();
    std::thread::scope(|scope| {
        let (send, receive) = mpsc::sync_channel::<io::Result<Sorted>>(1);
        scope.spawn(move || {
            // If nobody receives any more, the rest need not be sorted.
            let _ = (0..PARTS).try_for_each(|part| send.send(spill.take(part)));
        });
        for sorted in receive {
            let sorted = sorted?;
            let mut last = None;
            for (entry, line) in sorted.entries() {
                if last.replace(entry.key()) == Some(entry.key()) {
                    faults.add(RowError { line, column: Some("record_id"), code: "duplicate_record" });
                }
                if faults.is_empty() {
                    each(&entry)?;
                }
            }
        }
        Ok::<_, BuildError>(())
    })?;
    faults.refuse()
}
