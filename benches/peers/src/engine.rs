//! What an engine is, and which there are.
//!
//! Each has a file of its own with the same rhythm: what it is and how it is tuned, `build`, `open`, `get`.

use std::fs::{self, File};
use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};

use crate::data::{Data, Payload};
use crate::measure::{self, Figures};
use crate::questions::Questions;

/// Whatever fails ends the run.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// An opened engine.
pub trait Engine: Sized {
    /// The name, as an argument and in the table.
    const NAME: &'static str;

    /// Writes what `build` reads and the others have in memory. Not timed.
    fn prepare(_: &Data, _: &Path) -> Result<()> {
        Ok(())
    }

    /// Builds it in a folder that exists. The caller syncs what was written, as part of the time.
    fn build(data: &Data, folder: &Path) -> Result<()>;

    /// Opens what was built.
    fn open(folder: &Path) -> Result<Self>;

    /// Looks a number up, and reads what is kept under it.
    fn get(&self, number: &str) -> bool;

    /// Looks many numbers up at once and says how many are there; none if the engine can't.
    fn get_batch(&self, _: &[&str]) -> Option<usize> {
        None
    }

    /// How large the built files are.
    fn bytes(folder: &Path) -> io::Result<u64> {
        size(&files(folder)?)
    }

    /// What the reader of the table must know, of so many records.
    fn note(_: &Path, _: usize) -> io::Result<Option<String>> {
        Ok(None)
    }
}

/// An engine as a row of the registry.
pub struct Entry {
    pub name: &'static str,
    pub prepare: fn(&Data, &Path) -> Result<()>,
    pub build: fn(&Data, &Path) -> Result<()>,
    pub bytes: fn(&Path) -> io::Result<u64>,
    pub note: fn(&Path, usize) -> io::Result<Option<String>>,
    pub measure: fn(&Path, &Questions) -> Result<Figures>,
}

impl Entry {
    const fn of<E: Engine>() -> Self {
        Self {
            name: E::NAME,
            prepare: E::prepare,
            build: E::build,
            bytes: E::bytes,
            note: E::note,
            measure: measure::measure::<E>,
        }
    }
}

/// Every engine, in the order of the table.
pub static ENGINES: [Entry; 7] = [
    Entry::of::<crate::postern::Postern>(),
    Entry::of::<crate::hashbrown::Hashbrown>(),
    Entry::of::<crate::rocksdb::RocksDb>(),
    Entry::of::<crate::fst::Fst>(),
    Entry::of::<crate::lmdb::Lmdb>(),
    Entry::of::<crate::sqlite::Sqlite>(),
    Entry::of::<crate::redb::Redb>(),
];

/// Reads a payload that was found: all of it, as one who asked would.
pub fn read(payload: &[u8]) -> bool {
    payload.first_chunk::<{ size_of::<Payload>() }>().map(|payload| black_box(*payload)).is_some()
}

/// Brings every file of a folder to the disk.
pub fn sync(folder: &Path) -> io::Result<()> {
    files(folder)?.iter().try_for_each(|file| File::open(file)?.sync_all())
}

/// How large files are together.
pub fn size(files: &[PathBuf]) -> io::Result<u64> {
    files.iter().map(|file| Ok(fs::metadata(file)?.len())).sum()
}

/// The files in a folder and in those below it.
pub fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}
