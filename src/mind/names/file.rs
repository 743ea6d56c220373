//! Persons in a file: one JSON object a line, in a sealed stream.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use super::index::{NAMES_MAX, PERSONS_MAX};
use super::person::Person;
use crate::sealed::{Opener, SealedError, Sealer};

/// The name of the file in a snapshot.
pub const PERSONS_FILE: &str = "persons.bin";

/// What the stream is sealed for.
const LABEL: &str = "postern persons v1";
/// Longest line.
const LINE_MAX: usize = 1 << 20;

/// Why persons can't be written or read. It never holds what a person's record says.
#[derive(Debug)]
#[non_exhaustive]
pub enum PersonsError {
    /// The stream can't be sealed or opened. Remedy: as its cause says.
    Sealed(SealedError),
    /// More persons than an index takes. Remedy: split the list.
    TooMany,
    /// A record is longer than a mebibyte, or has more names than an index takes. Remedy: mend the list.
    TooLong {
        /// The record, from 1.
        record: usize,
    },
    /// A record is not a person's of this release. Remedy: the release that wrote it, or a newer one.
    Form {
        /// The record, from 1.
        record: usize,
    },
}

impl PersonsError {
    /// The stable name of the cause.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Sealed(error) => error.code(),
            Self::TooMany => "persons_too_many",
            Self::TooLong { .. } => "persons_too_long",
            Self::Form { .. } => "persons_form",
        }
    }
}

impl fmt::Display for PersonsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sealed(error) => error.fmt(f),
            Self::TooMany => write!(f, "there are more than {PERSONS_MAX} persons"),
            Self::TooLong { record } => write!(f, "person {record} has a record that is too long"),
            Self::Form { record } => write!(f, "person {record} has a record of another form"),
        }
    }
}

impl std::error::Error for PersonsError {}

impl From<SealedError> for PersonsError {
    fn from(error: SealedError) -> Self {
        Self::Sealed(error)
    }
}

impl From<io::Error> for PersonsError {
    fn from(error: io::Error) -> Self {
        Self::Sealed(error.into())
    }
}

/// Writes persons to a new file, synced. Whatever fails, no file is left behind.
///
/// # Errors
/// Any [`PersonsError`]; there being such a file is one of input and output.
pub fn write(path: &Path, persons: &[Person], key: &[u8; 32]) -> Result<(), PersonsError> {
    let file = File::create_new(path)?;
    let written = seal(BufWriter::new(file), persons, key).and_then(|file| Ok(file.get_ref().sync_all()?));
    if written.is_err() {
        // What failed is told; that the rest could not be removed adds nothing.
        let _ = fs::remove_file(path);
    }
    written
}

/// Writes persons, sealed, and hands the writer back, flushed.
///
/// # Errors
/// Any [`PersonsError`]; what was written is worth nothing then.
pub fn seal<W: Write>(to: W, persons: &[Person], key: &[u8; 32]) -> Result<W, PersonsError> {
    if persons.len() > PERSONS_MAX {
        return Err(PersonsError::TooMany);
    }
    let mut sealer = Sealer::new(to, key, LABEL)?;
    for (person, record) in persons.iter().zip(1..) {
        let mut line = serde_json::to_vec(person).map_err(|_| PersonsError::Form { record })?;
        if line.len() > LINE_MAX || person.names.len() > NAMES_MAX {
            return Err(PersonsError::TooLong { record });
        }
        line.push(b'\n');
        sealer.write_all(&line)?;
    }
    Ok(sealer.finish()?)
}

/// Reads persons: all of them, or an error.
///
/// # Errors
/// Any [`PersonsError`].
pub fn read(path: &Path, key: &[u8; 32]) -> Result<Vec<Person>, PersonsError> {
    open(BufReader::new(File::open(path)?), key)
}

/// Reads persons that are sealed: all of them, or an error.
///
/// # Errors
/// Any [`PersonsError`].
pub fn open(from: impl Read, key: &[u8; 32]) -> Result<Vec<Person>, PersonsError> {
    let mut lines = BufReader::new(Opener::new(from, key, LABEL)?);
    let mut persons = Vec::new();
    let mut line = Vec::new();
    while next_line(&mut lines, &mut line, persons.len() + 1)? {
        if persons.len() == PERSONS_MAX {
            return Err(PersonsError::TooMany);
        }
        let record = persons.len() + 1;
        persons.push(serde_json::from_slice(&line).map_err(|_| PersonsError::Form { record })?);
    }
    Ok(persons)
}

/// Reads the next line; false at the end.
fn next_line(from: &mut impl BufRead, line: &mut Vec<u8>, record: usize) -> Result<bool, PersonsError> {
    line.clear();
    let mut bounded = Read::take(from, LINE_MAX as u64 + 1);
    let read = bounded.read_until(b'\n', line)?;
    if read > LINE_MAX && !line.ends_with(b"\n") {
        return Err(PersonsError::TooLong { record });
    }
    Ok(read > 0)
}
