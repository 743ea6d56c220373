//! Public notices: the JSON that INTERPOL's public notices service serves, as persons.
//!
//! A file holds what was fetched: one notice in detail, an array of them, a page of a list, or any of these one behind the
//! other, as in JSON lines. The service gives at most 160 results a list, so what was fetched overlaps: a notice that is
//! there several times becomes one person.
//!
//! Nothing is half-imported: a single fault refuses the file. Faults name record and field, or line and column, never
//! content. What is public is a part of what there is, so a dataset of notices never has full coverage.

mod json;
mod person;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};

use serde_json::Deserializer;

use self::json::{Notice, Part};
use self::person::Imported;
use crate::mind::names::Person;

/// Most bytes of a file.
pub const BYTES_MAX: u64 = 64 << 20;
/// Most notices of a file.
pub const NOTICES_MAX: usize = 100_000;
/// Most faults that are reported one by one.
const FAULTS_MAX: usize = 100;

/// The kind of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Colour {
    /// A person wanted.
    Red,
    /// A person missing.
    Yellow,
    /// A person under sanctions of the Security Council.
    Un,
}

impl Colour {
    /// The name under which it is told.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Red => "RED",
            Self::Yellow => "YELLOW",
            Self::Un => "UN",
        }
    }
}

/// Where and what is wrong. It never holds what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoticeError {
    /// The notice, from 1 in the order of the file.
    pub record: usize,
    /// The field.
    pub field: &'static str,
    /// The stable code of the fault: `missing`, `id`, `colour`, `date`, `sex`, `too_long`, `contradicts` (an earlier record
    /// of the same notice).
    pub code: &'static str,
}

impl fmt::Display for NoticeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "notice {}, field {}: {}", self.record, self.field, self.code)
    }
}

/// Why nothing was imported.
#[derive(Debug)]
#[non_exhaustive]
pub enum NoticesError {
    /// The file can't be read. Remedy: see the system's words.
    Io(io::Error),
    /// The file is larger than [`BYTES_MAX`], or holds more than [`NOTICES_MAX`] notices. Remedy: split it.
    TooLarge,
    /// It is not JSON, is cut short, or is nested too deeply. Remedy: fetch it again.
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// It is JSON, but not of notices: something is of another kind than the service gives. Remedy: check that it is the
    /// right file.
    Shape {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// Notices are faulty. Remedy: mend them, or fetch them again.
    Notices {
        /// The first faults, at most 100.
        faults: Vec<NoticeError>,
        /// How many more there are.
        more: usize,
    },
    /// There is no notice in it. Remedy: check that it is the right file.
    Empty,
}

impl NoticesError {
    /// The stable name of the cause.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "notices_io",
            Self::TooLarge => "notices_too_large",
            Self::Syntax { .. } => "notices_syntax",
            Self::Shape { .. } => "notices_shape",
            Self::Notices { .. } => "notices_faulty",
            Self::Empty => "notices_empty",
        }
    }
}

impl fmt::Display for NoticesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::TooLarge => write!(f, "more than {BYTES_MAX} bytes or {NOTICES_MAX} notices"),
            Self::Syntax { line, column } => write!(f, "line {line}, column {column}: not JSON"),
            Self::Shape { line, column } => {
                write!(f, "line {line}, column {column}: not what a notice holds there")
            }
            Self::Notices { faults, more } => {
                write!(f, "{} notices are faulty", faults.len() + more)?;
                faults.first().map_or(Ok(()), |first| write!(f, ", the first: {first}"))
            }
            Self::Empty => f.write_str("there is no notice"),
        }
    }
}

impl std::error::Error for NoticesError {}

impl From<io::Error> for NoticesError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<serde_json::Error> for NoticesError {
    /// Keeps the place only: the library's words may quote the file.
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Data => Self::Shape { line, column },
            _ => Self::Syntax { line, column },
        }
    }
}

/// Reads notices. `colour` is what they are; none if each says so itself, by its link or by what only one kind has.
///
/// # Errors
/// Any [`NoticesError`]; then nothing was imported.
pub fn read(input: impl Read, colour: Option<Colour>) -> Result<Vec<Person>, NoticesError> {
    let mut gathered = Gathered::default();
    gathered.read(input, colour)?;
    Ok(gathered.into_persons())
}

/// Notices of several files: one that is there several times becomes one person. After an error, what was gathered must
/// be thrown away.
#[derive(Default)]
pub struct Gathered {
    persons: Vec<Person>,
    /// Where each notice's person is.
    places: HashMap<(Colour, String), usize>,
    /// What belongs to the file that is being read.
    records: usize,
    faults: Vec<NoticeError>,
    more: usize,
}

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gathered({} persons)", self.persons.len())
    }
}

impl Gathered {
    /// Reads the notices of a file, as [`read`] does.
    ///
    /// # Errors
    /// Any [`NoticesError`], of this file.
    pub fn read(&mut self, input: impl Read, colour: Option<Colour>) -> Result<(), NoticesError> {
        let mut bytes = Vec::new();
        input.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(NoticesError::TooLarge);
        }
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        self.records = 0;
        for part in Deserializer::from_slice(text).into_iter::<Part>() {
            for notice in part?.notices {
                self.take(&notice.0, colour)?;
            }
        }
        self.check()
    }

    /// The persons.
    pub fn into_persons(self) -> Vec<Person> {
        self.persons
    }

    fn take(&mut self, notice: &Notice, colour: Option<Colour>) -> Result<(), NoticesError> {
        self.records += 1;
        if self.records > NOTICES_MAX {
            return Err(NoticesError::TooLarge);
        }
        let added = person::import(notice, colour).and_then(|imported| self.add(imported));
        if let Err((field, code)) = added {
            let fault = NoticeError { record: self.records, field, code };
            if self.faults.len() < FAULTS_MAX { self.faults.push(fault) } else { self.more += 1 }
        }
        Ok(())
    }

    fn add(&mut self, imported: Imported) -> Result<(), person::Fault> {
        let Imported { colour, person } = imported;
        match self.places.get(&(colour, person.id.clone())) {
            Some(place) => person::merge(&mut self.persons[*place], person),
            None => {
                self.places.insert((colour, person.id.clone()), self.persons.len());
                self.persons.push(person);
                Ok(())
            }
        }
    }

    /// Whether the file that was read holds notices, and none is faulty.
    fn check(&mut self) -> Result<(), NoticesError> {
        match (self.faults.is_empty(), self.records) {
            (false, _) => {
                Err(NoticesError::Notices { faults: std::mem::take(&mut self.faults), more: self.more })
            }
            (true, 0) => Err(NoticesError::Empty),
            (true, _) => Ok(()),
        }
    }
}
