//! Builds a snapshot from a feed.
//!
//! Nothing is half-imported: a single faulty line refuses the whole feed, and what is written becomes visible by one
//! rename after every byte is synced. Records are gathered and sorted in memory, at 40 bytes and their id each, which
//! bounds a build to [`RECORDS_MAX`] records and about 3 GB.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use jiff::Timestamp;
use postern_sdk::{Database, Environment};

use super::ids;
use super::locator::{LocatorKey, PRF, Prf};
use super::manifest::{Coverage, FORMAT, Holding, Manifest};
use super::pages::{FileState, Kind, PageWriter};
use super::record::{self, Packer, RECORD, unpack_database};
use super::rows::{Row, RowError, Rows};
use super::table::{self, Shape};
use crate::keys::{PrivateKey, hex};

/// Most records of one build.
pub const RECORDS_MAX: usize = 40_000_000;
/// Most faults that are reported one by one.
const FAULTS_MAX: usize = 100;
/// Most records of one number: as many as a year's states times types would hardly reach.
const SAME_NUMBER_MAX: usize = 10_000;
/// After how many records progress is told.
const PROGRESS_EVERY: u64 = 1 << 16;

/// What to build, and how to sign it.
#[derive(Debug)]
pub struct BuildOptions<'a> {
    /// The folder of the datasets; the snapshot becomes `<dataset>/<version>` in it.
    pub folder: PathBuf,
    /// The dataset: letters, digits, `-` and `_`.
    pub dataset: String,
    /// The number of the state.
    pub version: u64,
    /// When the data was extracted at its source.
    pub data_as_of: Timestamp,
    /// Now.
    pub created: Timestamp,
    /// From when on the snapshot's silence says nothing.
    pub expires: Timestamp,
    /// Whether the data is real.
    pub environment: Environment,
    /// The databases that the feed holds, and how much of each. A row of another database is a fault.
    pub coverage: BTreeMap<Database, Coverage>,
    /// The publisher's key.
    pub signing_key: &'a PrivateKey,
}

/// How far a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many rows were read.
    Reading(u64),
    /// All rows are read and being sorted.
    Sorting,
    /// So many records of the table were written, of so many.
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
    /// More records than one build takes ([`RECORDS_MAX`]). Remedy: none in this version.
    TooManyRecords,
    /// A column has more different codes than a snapshot holds. Remedy: check that the columns are not mixed up.
    TooManyCodes(&'static str),
    /// One number has more than 10 000 records. Remedy: check that placeholders are not given as numbers.
    NumberTooFrequent,
    /// The feed holds no record of a database that it claims to hold in full. Remedy: check the feed and the coverage.
    Empty(Database),
    /// There is such a version already. Remedy: give a higher number.
    VersionExists(u64),
    /// The feed can't be read, or the snapshot not written. Remedy: see the system's words.
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
            Self::TooManyRecords => write!(f, "the feed holds more than {RECORDS_MAX} records"),
            Self::TooManyCodes(column) => write!(f, "the column {column} holds too many different codes"),
            Self::NumberTooFrequent => {
                write!(f, "one number has more than {SAME_NUMBER_MAX} records")
            }
            Self::Empty(database) => {
                write!(f, "the feed holds no record of {database}, yet claims all of it")
            }
            Self::VersionExists(version) => write!(f, "there is a version {version} already"),
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

impl From<Unspecified> for BuildError {
    fn from(_: Unspecified) -> Self {
        Self::Crypto
    }
}

/// Builds a snapshot from a feed in CSV.
///
/// # Errors
/// Any [`BuildError`]; nothing is left behind then.
pub fn build(
    input: impl BufRead,
    options: &BuildOptions<'_>,
    mut progress: impl FnMut(Progress),
) -> Result<Manifest, BuildError> {
    check(options)?;
    let parent = options.folder.join(&options.dataset);
    let target = parent.join(version_name(options.version));
    if target.exists() {
        return Err(BuildError::VersionExists(options.version));
    }
    let key = LocatorKey::random()?;
    let mut gathered = gather(input, &Prf::new(&key)?, &options.coverage, &mut progress)?;
    progress(Progress::Sorting);
    gathered.sort()?;
    let holdings = gathered.holdings(&options.coverage)?;
    fs::create_dir_all(&parent)?;
    let building = tempfile::Builder::new().prefix(".building-").tempdir_in(&parent)?;
    let table = write_table(building.path(), &gathered.entries, &mut progress)?;
    let ids = ids::write(building.path(), gathered.entries.iter().map(|entry| entry.id(&gathered.ids)))?;
    progress(Progress::Syncing);
    let manifest = Manifest {
        format: FORMAT,
        dataset: options.dataset.clone(),
        version: options.version,
        generation: random_name()?,
        environment: options.environment,
        databases: holdings,
        records: gathered.entries.len() as u64,
        data_as_of: options.data_as_of,
        created: options.created,
        expires: options.expires,
        table,
        ids,
        prf: PRF.to_owned(),
        locator_key: key,
        codes: gathered.packer.into_codes(),
    };
    manifest.write(building.path(), options.signing_key)?;
    publish(building, &target, &parent)?;
    Ok(manifest)
}

/// The name of a version's folder.
pub(super) fn version_name(version: u64) -> String {
    format!("{version:012}")
}

fn check(options: &BuildOptions<'_>) -> Result<(), BuildError> {
    let dataset_fits = !options.dataset.is_empty()
        && options.dataset.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let fault = if !dataset_fits {
        "the dataset's name may hold letters, digits, - and _ only"
    } else if options.coverage.is_empty() {
        "the coverage names no database"
    } else if !options.coverage.keys().all(|database| record::holds(*database)) {
        "the coverage names a database that a copy of documents does not hold"
    } else if options.data_as_of > options.created {
        "the data would be of the future"
    } else if options.expires <= options.created {
        "the snapshot would be expired from the start"
    } else {
        return Ok(());
    };
    Err(BuildError::Options(fault))
}

fn random_name() -> Result<String, Unspecified> {
    let mut name = [0; 8];
    rand::fill(&mut name)?;
    Ok(hex(&name))
}

/// A record on its way from the feed to the table.
struct Entry {
    place: u64,
    id_at: u64,
    check: u32,
    line: u32,
    record: [u8; RECORD],
    id_length: u8,
}

impl Entry {
    fn id<'a>(&self, ids: &'a [u8]) -> &'a [u8] {
        let start = self.id_at as usize;
        &ids[start..start + usize::from(self.id_length)]
    }

    const fn same_number(&self, other: &Self) -> bool {
        self.place == other.place && self.check == other.check
    }
}

#[derive(Default)]
struct Gathered {
    entries: Vec<Entry>,
    ids: Vec<u8>,
    packer: Packer,
    faults: Faults,
}

#[derive(Default)]
struct Faults {
    first: Vec<RowError>,
    more: u64,
}

impl Faults {
    fn add(&mut self, fault: RowError) {
        if self.first.len() < FAULTS_MAX { self.first.push(fault) } else { self.more += 1 }
    }

    fn refuse(&mut self) -> Result<(), BuildError> {
        if self.first.is_empty() {
            return Ok(());
        }
        Err(BuildError::Rows { faults: std::mem::take(&mut self.first), more: self.more })
    }
}

fn gather(
    input: impl BufRead,
    prf: &Prf,
    coverage: &BTreeMap<Database, Coverage>,
    progress: &mut impl FnMut(Progress),
) -> Result<Gathered, BuildError> {
    let mut gathered = Gathered::default();
    let mut rows = Rows::new(input);
    let mut count = 0;
    while let Some(row) = rows.next()? {
        match row {
            Ok(row) if !coverage.contains_key(&row.record.database) => {
                let code = "database_undeclared";
                gathered.faults.add(RowError { line: row.line, column: Some("database"), code });
            }
            Ok(row) => gathered.take(&row, prf)?,
            Err(fault) => gathered.faults.add(fault),
        }
        count += 1;
        if count % PROGRESS_EVERY == 0 {
            progress(Progress::Reading(count));
        }
    }
    progress(Progress::Reading(count));
    gathered.faults.refuse()?;
    Ok(gathered)
}

impl Gathered {
    fn take(&mut self, row: &Row<'_>, prf: &Prf) -> Result<(), BuildError> {
        if self.entries.len() == RECORDS_MAX {
            return Err(BuildError::TooManyRecords);
        }
        let locator = prf.document(&row.number);
        let record = self.packer.pack(&row.record).map_err(|full| BuildError::TooManyCodes(full.0))?;
        self.entries.push(Entry {
            place: locator.place,
            check: locator.check,
            line: u32::try_from(row.line).unwrap_or(u32::MAX),
            record,
            id_at: self.ids.len() as u64,
            id_length: row.id.len() as u8,
        });
        self.ids.extend_from_slice(row.id.as_bytes());
        Ok(())
    }

    /// Sorts by locator; refuses a record that is there twice, and a number that is no number.
    fn sort(&mut self) -> Result<(), BuildError> {
        let ids = &self.ids;
        let database = |entry: &Entry| unpack_database(&entry.record);
        self.entries.sort_unstable_by(|a, b| {
            let by_number = a.place.cmp(&b.place).then(a.check.cmp(&b.check));
            by_number
                .then_with(|| database(a).cmp(&database(b)))
                .then_with(|| a.id(ids).cmp(b.id(ids)))
                .then(a.line.cmp(&b.line))
        });
        for pair in self.entries.windows(2) {
            let (a, b) = (&pair[0], &pair[1]);
            if a.same_number(b) && database(a) == database(b) && a.id(ids) == b.id(ids) {
                let (line, code) = (u64::from(b.line), "duplicate_record");
                self.faults.add(RowError { line, column: Some("record_id"), code });
            }
        }
        self.faults.refuse()?;
        let mut frequent = self.entries.chunk_by(Entry::same_number);
        match frequent.any(|same| same.len() > SAME_NUMBER_MAX) {
            true => Err(BuildError::NumberTooFrequent),
            false => Ok(()),
        }
    }

    fn holdings(
        &self,
        coverage: &BTreeMap<Database, Coverage>,
    ) -> Result<BTreeMap<Database, Holding>, BuildError> {
        let holding = |coverage: &Coverage| Holding { coverage: *coverage, records: 0 };
        let mut holdings: BTreeMap<_, _> =
            coverage.iter().map(|(database, coverage)| (*database, holding(coverage))).collect();
        for database in self.entries.iter().filter_map(|entry| unpack_database(&entry.record)) {
            if let Some(holding) = holdings.get_mut(&database) {
                holding.records += 1;
            }
        }
        let claims_all = |holding: &Holding| holding.coverage == Coverage::Full && holding.records == 0;
        match holdings.iter().find(|(_, holding)| claims_all(holding)) {
            Some((database, _)) => Err(BuildError::Empty(*database)),
            None => Ok(holdings),
        }
    }
}

fn write_table(
    folder: &Path,
    entries: &[Entry],
    progress: &mut impl FnMut(Progress),
) -> io::Result<FileState> {
    let shape = Shape::of(entries.len() as u64);
    let mut writer = PageWriter::create(folder, Kind::Table)?;
    writer.put(&shape.header())?;
    let mut start = 0;
    for bucket in 0..=shape.buckets {
        let rest = &entries[start..];
        let count = rest.partition_point(|entry| shape.split(entry.place).0 <= bucket);
        writer.put(&table::bucket_bytes(start as u64, rest[..count].iter().map(|entry| entry.check)))?;
        start += count;
    }
    writer.end_page()?;
    for (entry, slot) in entries.iter().zip(0..) {
        if table::begins_page(slot) {
            writer.end_page()?;
        }
        writer.put(&table::slot_bytes(shape.split(entry.place).1, entry.check, &entry.record))?;
        if slot % PROGRESS_EVERY == 0 {
            progress(Progress::Writing(slot, shape.slots));
        }
    }
    progress(Progress::Writing(shape.slots, shape.slots));
    writer.finish()
}

/// Makes a finished snapshot visible, by one rename between two syncs of folders.
fn publish(building: tempfile::TempDir, target: &Path, parent: &Path) -> io::Result<()> {
    File::open(building.path())?.sync_all()?;
    fs::rename(building.path(), target)?;
    // The folder has its final name now and must not be removed under its old one.
    drop(building.keep());
    File::open(parent)?.sync_all()?;
    match parent.parent() {
        Some(grandparent) if !grandparent.as_os_str().is_empty() => File::open(grandparent)?.sync_all(),
        _ => Ok(()),
    }
}
