//! Folding: a base and the changes since become a new base, by locator and without knowing a number.
//!
//! Layout and order are functions of the state, so a fold gives the very bytes that the publisher signed, or it is thrown
//! away. It reads and writes in the background, at a rate that may be capped, while look-ups go on.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::build::PROGRESS_EVERY;
use super::copy::Copy;
use super::disk::{Disk, RealDisk};
use super::entry::Digest;
use super::folder::{Workshop, dataset_folder, version_folder, version_name};
use super::manifest::Manifest;
use super::pages::{Damaged, Kind};
use super::state::{StateWriter, WriteError};
use super::trust::Refusal;

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Io(error) => Self::Missing(error),
            WriteError::Order | WriteError::Frequent => Self::Damaged,
        }
    }
}

impl From<Damaged> for Refusal {
    fn from(Damaged: Damaged) -> Self {
        Self::Damaged
    }
}

/// Bytes of a record with the longest id, in table, ids and trees.
const BYTES_A_RECORD_MAX: f64 = 128.0;

/// How a fold is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct FoldOptions {
    /// Most bytes a second that are written; none for as fast as it goes.
    pub bytes_per_second: Option<u64>,
}

impl Copy {
    /// Makes the base of this state in the copy's folder and checks it against the manifest. A state that has its base
    /// already is left as it is.
    ///
    /// # Errors
    /// [`Refusal::Damaged`] if the base before is damaged, [`Refusal::MixAndMatch`] if the result is not what the
    /// publisher signed, [`Refusal::Missing`] with what the disk says. Nothing has changed then.
    pub fn fold(
        &self,
        folder: &Path,
        options: FoldOptions,
        progress: impl FnMut(u64, u64),
    ) -> Result<(), Refusal> {
        self.fold_on(&RealDisk, folder, options, progress)
    }

    pub(super) fn fold_on(
        &self,
        disk: &dyn Disk,
        folder: &Path,
        options: FoldOptions,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<(), Refusal> {
        let manifest = &self.manifest;
        if self.base.version == manifest.version {
            return Ok(());
        }
        let dataset = dataset_folder(folder, &manifest.dataset);
        let name = format!("fold-{}", version_name(manifest.version));
        let io = Refusal::Missing;
        let workshop = Workshop::create(disk, &dataset, &name).map_err(io)?;
        let mut writer = StateWriter::create(disk, workshop.path(), manifest.records).map_err(io)?;
        let mut entries = self.entries().map_err(io)?;
        let mut pace = Pace::new(options, manifest);
        let mut written = 0;
        while let Some(entry) = entries.next()? {
            writer.push(&entry)?;
            written += 1;
            if written % PROGRESS_EVERY == 0 {
                progress(written, manifest.records);
                pace.keep(written);
            }
        }
        let made = writer.finish(disk, workshop.path()).map_err(io)?;
        let agrees = made.table == manifest.table
            && made.ids == manifest.ids
            && made.digest == manifest.digest
            && written == manifest.records;
        if !agrees {
            return Err(Refusal::MixAndMatch("the folded state is not the one that was signed"));
        }
        let target = version_folder(folder, &manifest.dataset, manifest.version);
        let files = [Kind::Ids.tree_name(), Kind::Ids.name(), Kind::Table.tree_name(), Kind::Table.name()];
        workshop.move_into(&target, &files).map_err(io)
    }

    /// Checks every byte of the state: all pages and trees, the order of the entries, and that they are those that the
    /// publisher signed.
    ///
    /// # Errors
    /// [`Refusal::Damaged`], or [`Refusal::MixAndMatch`] if all is whole but another state.
    pub fn verify(&self, mut progress: impl FnMut(u64, u64)) -> Result<(), Refusal> {
        let manifest = &self.manifest;
        self.base.table.file().verify()?;
        self.base.ids.verify()?;
        let mut entries = self.entries().map_err(Refusal::Missing)?;
        let mut digest = Digest::new();
        let (mut count, mut last) = (0, None);
        while let Some(entry) = entries.next()? {
            if last.replace(entry.key()).is_some_and(|last| last >= entry.key()) {
                return Err(Refusal::Damaged);
            }
            digest.add(&entry);
            count += 1;
            if count % PROGRESS_EVERY == 0 {
                progress(count, manifest.records);
            }
        }
        if count != manifest.records || digest.finish() != manifest.digest {
            return Err(Refusal::MixAndMatch("the state is not the one that was signed"));
        }
        Ok(())
    }
}

/// Keeps a fold to its rate.
struct Pace {
    began: Instant,
    bytes_a_record: f64,
    bytes_per_second: Option<u64>,
}

impl Pace {
    /// What the manifest says of sizes is found to be true at the end alone, so it can't make a fold rest for long.
    fn new(options: FoldOptions, manifest: &Manifest) -> Self {
        let bytes = manifest.table.bytes.saturating_add(manifest.ids.bytes);
        let bytes_a_record = (bytes as f64 / manifest.records.max(1) as f64).min(BYTES_A_RECORD_MAX);
        Self { began: Instant::now(), bytes_a_record, bytes_per_second: options.bytes_per_second }
    }

    #[allow(clippy::disallowed_methods, reason = "time itself is meant: the disk is to have a rest")]
    fn keep(&mut self, written: u64) {
        let Some(rate) = self.bytes_per_second.filter(|rate| *rate > 0) else { return };
        let due = Duration::from_secs_f64(written as f64 * self.bytes_a_record / rate as f64);
        std::thread::sleep(due.saturating_sub(self.began.elapsed()));
    }
}

/// What differs between two states of a generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Records in both, as they are.
    pub same: u64,
    /// Records in both that say something else.
    pub changed: u64,
    /// Records in the later alone.
    pub added: u64,
    /// Records in the earlier alone.
    pub removed: u64,
}

/// Compares two states of a generation, record by record, without knowing a number.
///
/// # Errors
/// [`Refusal::MixAndMatch`] if they are of two generations, [`Refusal::Damaged`].
pub fn diff(earlier: &Copy, later: &Copy) -> Result<Difference, Refusal> {
    if earlier.manifest.generation != later.manifest.generation {
        return Err(Refusal::MixAndMatch("states of two generations can't be compared"));
    }
    let io = |error: io::Error| Refusal::Missing(error);
    let (mut old, mut new) = (earlier.entries().map_err(io)?, later.entries().map_err(io)?);
    let (mut a, mut b) = (old.next()?, new.next()?);
    let mut difference = Difference::default();
    loop {
        let order = match (&a, &b) {
            (None, None) => return Ok(difference),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => a.key().cmp(&b.key()),
        };
        match order {
            std::cmp::Ordering::Less => difference.removed += 1,
            std::cmp::Ordering::Greater => difference.added += 1,
            std::cmp::Ordering::Equal if a == b => difference.same += 1,
            std::cmp::Ordering::Equal => difference.changed += 1,
        }
        if order.is_le() {
            a = old.next()?;
        }
        if order.is_ge() {
            b = new.next()?;
        }
    }
}
