//! The rows of a list, all checked.

use std::collections::HashSet;
use std::fmt;
use std::io::Read;

use serde::Serialize;

use super::super::document::{Document, Draft};
use super::super::rules::{Rule, Rules};

/// The columns of a list. The first three must be there; others may be left out.
pub const COLUMNS: [&str; 13] = [
    "number",
    "type",
    "loss",
    "country",
    "date",
    "batch",
    "issued",
    "expires",
    "national_reference",
    "ncb_reference",
    "info",
    "keep_until",
    "keep_reason",
];
const MANDATORY: usize = 3;
/// Most rows of a list.
const ROWS_MAX: usize = 1_000_000;
/// Most faulty rows that are told one by one.
const FAULTS_MAX: usize = 1_000;

/// A list with every row looked at.
#[derive(Debug, Default)]
pub struct Checked {
    /// The documents that keep every rule, by their lines.
    pub documents: Vec<(u64, Document)>,
    /// The first rows that don't.
    pub faults: Vec<RowFault>,
    /// How many don't.
    pub faulty: u64,
}

/// A row that breaks rules. It holds nothing of the row's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowFault {
    /// The line at which the row begins, the header being line 1.
    pub line: u64,
    /// What it breaks.
    pub rules: Vec<Rule>,
}

/// Why a file is no list at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faulty {
    /// The header can't be read.
    Header,
    /// A column that must be there is missing.
    Missing(&'static str),
    /// A column that is not known, counted from 1.
    Unknown(usize),
    /// A column stands there twice, counted from 1.
    Twice(usize),
    /// There are more rows than a list may have.
    TooLong,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("line 1: the header can't be read"),
            Self::Missing(column) => write!(f, "line 1: the column {column} is missing"),
            Self::Unknown(place) => write!(f, "line 1: column {place} is none of {}", COLUMNS.join(", ")),
            Self::Twice(place) => write!(f, "line 1: column {place} stands there twice"),
            Self::TooLong => write!(f, "more than {ROWS_MAX} rows: divide the list"),
        }
    }
}

impl std::error::Error for Faulty {}

/// Reads a list and checks every row.
///
/// # Errors
/// Why it is no list; faults of rows are told in [`Checked`].
pub fn read_rows(file: impl Read, rules: &Rules<'_>) -> Result<Checked, Faulty> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let header = reader.headers().map_err(|_| Faulty::Header)?.clone();
    check_header(&header)?;
    let (mut checked, mut seen) = (Checked::default(), HashSet::new());
    let mut row = csv::StringRecord::new();
    let mut at = reader.position().line();
    loop {
        let read = reader.read_record(&mut row);
        let line = row.position().map_or(at, csv::Position::line);
        at = reader.position().line();
        let rules_broken = match read {
            Ok(false) => return Ok(checked),
            Ok(true) => match row.deserialize::<Draft>(Some(&header)) {
                Ok(draft) => match rules.check(&draft) {
                    Ok(document) if seen.insert((document.number, document.doc_type)) => {
                        checked.documents.push((line, document));
                        Vec::new()
                    }
                    Ok(_) => vec![Rule::Twice],
                    Err(broken) => broken,
                },
                Err(_) => vec![Rule::RowUnreadable],
            },
            Err(error) => {
                if error.is_io_error() {
                    return Err(Faulty::Header);
                }
                vec![Rule::RowUnreadable]
            }
        };
        if !rules_broken.is_empty() {
            checked.faulty += 1;
            if checked.faults.len() < FAULTS_MAX {
                checked.faults.push(RowFault { line, rules: rules_broken });
            }
        }
        if checked.documents.len() > ROWS_MAX {
            return Err(Faulty::TooLong);
        }
    }
}

fn check_header(header: &csv::StringRecord) -> Result<(), Faulty> {
    let mut seen = HashSet::new();
    for (column, place) in header.iter().zip(1..) {
        if !COLUMNS.contains(&column) {
            return Err(Faulty::Unknown(place));
        }
        if !seen.insert(column) {
            return Err(Faulty::Twice(place));
        }
    }
    match COLUMNS[..MANDATORY].iter().find(|column| !seen.contains(*column)) {
        Some(column) => Err(Faulty::Missing(column)),
        None => Ok(()),
    }
}
