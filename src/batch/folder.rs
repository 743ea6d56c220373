//! The folder of batches: `in` holds the files that are worked off, `out` their results, `done` the files afterwards.
//!
//! Their names are the batches' ids. All of it is its owner's alone: it holds what the lists hold.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use uuid::Uuid;

use super::error::FileError;
use super::record::Format;
use super::rows::Rows;
use crate::keys::hex;

/// What a file may hold at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileLimits {
    pub(super) file_bytes_max: u64,
    pub(super) row_bytes_max: usize,
    pub(super) rows_max: u64,
}

/// A file that was taken in.
pub(super) struct Taken {
    pub(super) rows: u64,
    pub(super) sha256: String,
}

/// The folder of batches.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// Where the results of a batch are.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Paths {
    /// A JSON object a row.
    pub jsonl: PathBuf,
    /// A line an outcome.
    pub csv: PathBuf,
}

impl Folder {
    /// Makes the folder, if it isn't there.
    ///
    /// # Errors
    /// What the disk said.
    pub fn create(path: &Path) -> io::Result<Self> {
        for name in ["in", "out", "done"] {
            DirBuilder::new().recursive(true).mode(0o700).create(path.join(name))?;
        }
        // Absolute, because operators are told of files in it.
        path.canonicalize().map(Self)
    }

    /// The file of a batch that is worked off.
    pub(super) fn input(&self, id: Uuid, format: Format) -> PathBuf {
        self.0.join("in").join(format!("{id}.{}", format.extension()))
    }

    /// The file of a batch that has ended.
    fn done(&self, id: Uuid, format: Format) -> PathBuf {
        self.0.join("done").join(format!("{id}.{}", format.extension()))
    }

    /// The file of a batch, wherever it is.
    pub(super) fn original(&self, id: Uuid, format: Format) -> PathBuf {
        let (input, done) = (self.input(id, format), self.done(id, format));
        if input.exists() { input } else { done }
    }

    /// Puts the file of a batch that has ended away.
    pub(super) fn put_away(&self, id: Uuid, format: Format) -> io::Result<()> {
        match fs::rename(self.input(id, format), self.done(id, format)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            moved => moved,
        }
    }

    /// Where the results of a batch are.
    pub(super) fn results(&self, id: Uuid) -> Paths {
        let at = |extension| self.0.join("out").join(format!("{id}.{extension}"));
        Paths { jsonl: at("jsonl"), csv: at("csv") }
    }

    /// Copies a file to the place of a batch, durably, and counts its rows.
    pub(super) fn take(
        &self,
        from: &Path,
        id: Uuid,
        format: Format,
        limits: &FileLimits,
    ) -> Result<Taken, FileError> {
        let path = self.input(id, format);
        let taken = copy(from, &path, limits.file_bytes_max)
            .and_then(|sha256| Ok(Taken { rows: count(&path, format, limits)?, sha256 }));
        if taken.is_err() {
            self.drop_input(id, format);
        }
        taken
    }

    /// Removes the file of a batch that was not taken.
    pub(super) fn drop_input(&self, id: Uuid, format: Format) {
        // It may not even be there.
        let _ = fs::remove_file(self.input(id, format));
    }
}

/// A file of our own, in place of one that may be there.
pub(crate) fn own_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn copy(from: &Path, to: &Path, bytes_max: u64) -> Result<String, FileError> {
    let source = File::open(from)?;
    if !source.metadata()?.is_file() {
        return Err(FileError::Io(io::ErrorKind::InvalidInput.into()));
    }
    let (mut source, mut target) = (source.take(bytes_max.saturating_add(1)), own_file(to)?);
    let mut hash = digest::Context::new(&digest::SHA256);
    let (mut piece, mut bytes) = (vec![0; 64 << 10], 0);
    loop {
        let read = source.read(&mut piece)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        hash.update(&piece[..read]);
        target.write_all(&piece[..read])?;
    }
    if bytes > bytes_max {
        return Err(FileError::TooLarge);
    }
    target.sync_all()?;
    if let Some(folder) = to.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(hex(hash.finish().as_ref()))
}

fn count(path: &Path, format: Format, limits: &FileLimits) -> Result<u64, FileError> {
    let mut rows = Rows::open(path, format, limits.row_bytes_max)?;
    let mut count = 0;
    while rows.skip()?.is_some() {
        count += 1;
        if count > limits.rows_max {
            return Err(FileError::TooManyRows);
        }
    }
    if count == 0 { Err(FileError::Empty) } else { Ok(count) }
}

/// Whether a file is still the one of this hash.
pub(super) fn is_of(path: &Path, sha256: &str) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(hash.finish().as_ref()) == sha256),
            read => hash.update(&piece[..read]),
        }
    }
}
