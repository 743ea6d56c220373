//! The records that the simulator knows: documents from a feed, persons made from a seed.

use std::fmt;
use std::io::Read;

use postern_sdk::{Database, DocumentNumber, DocumentType, PartialDate, State};

use super::nominals::{self, Nominal};
use crate::mind::COLUMNS;

/// A document on record.
#[derive(Clone, Debug)]
pub struct DocumentRecord {
    /// SLTD, TDAWN or SAD.
    pub database: Database,
    /// The number.
    pub number: DocumentNumber,
    /// The issuer.
    pub issuer: Option<State>,
    /// The type.
    pub doc_type: Option<DocumentType>,
    /// The code of theft.
    pub theft_type: Option<Box<str>>,
    /// The date of theft.
    pub theft_date: Option<PartialDate>,
    /// The country of theft.
    pub theft_country: Option<State>,
    /// The colour of the notice.
    pub notice: Option<Box<str>>,
    /// The record's id.
    pub record: Box<str>,
}

/// Why a feed can't be used: the row, counted from 1 without the header, and the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedError {
    /// The row; 0 for the header.
    pub row: u64,
    /// The column, or `row` where the whole row can't be read.
    pub column: &'static str,
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} of the feed: {} can't be used", self.row, self.column)
    }
}

impl std::error::Error for FeedError {}

/// The records that the simulator knows.
#[derive(Debug, Default)]
pub struct SimRecords {
    /// Sorted by number.
    documents: Vec<DocumentRecord>,
    /// Places in `documents`, sorted by record id.
    by_record: Vec<u32>,
    nominals: Vec<Nominal>,
}

impl SimRecords {
    /// The documents of a feed in CSV with the copy's columns, [`COLUMNS`], in any order.
    ///
    /// # Errors
    /// The first row and column that can't be used.
    pub fn from_csv(feed: impl Read) -> Result<Self, FeedError> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(feed);
        let columns = Columns::of(reader.headers().map_err(|_| FeedError { row: 0, column: "row" })?)?;
        let mut documents = Vec::new();
        let mut row = csv::StringRecord::new();
        loop {
            let number = u64::try_from(documents.len()).unwrap_or(u64::MAX).saturating_add(1);
            let fault = |column| FeedError { row: number, column };
            match reader.read_record(&mut row) {
                Ok(true) => documents.push(columns.document(&row).map_err(fault)?),
                Ok(false) => return Ok(Self::from_documents(documents)),
                Err(_) => return Err(fault("row")),
            }
        }
    }

    /// These documents.
    pub fn from_documents(mut documents: Vec<DocumentRecord>) -> Self {
        documents.sort_unstable_by(|a, b| {
            (a.number, a.database, &a.record).cmp(&(b.number, b.database, &b.record))
        });
        let count = u32::try_from(documents.len()).unwrap_or(u32::MAX);
        let mut by_record: Vec<u32> = (0..count).collect();
        by_record.sort_unstable_by(|a, b| documents[*a as usize].record.cmp(&documents[*b as usize].record));
        Self { documents, by_record, nominals: Vec::new() }
    }

    /// Adds documents.
    #[must_use]
    pub fn and_documents(self, more: impl IntoIterator<Item = DocumentRecord>) -> Self {
        let mut documents = self.documents;
        documents.extend(more);
        Self { nominals: self.nominals, ..Self::from_documents(documents) }
    }

    /// Adds synthetic persons, the same for the same seed.
    #[must_use]
    pub fn with_nominals(mut self, seed: u64, count: usize) -> Self {
        self.nominals = nominals::generate(seed, count);
        self
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// The documents of a number, whatever their issuer and type.
    pub fn by_number(&self, number: &DocumentNumber) -> &[DocumentRecord] {
        let begin = self.documents.partition_point(|record| record.number < *number);
        let count = self.documents[begin..].partition_point(|record| record.number == *number);
        &self.documents[begin..begin + count]
    }

    /// The document of a record id.
    pub fn by_record(&self, id: &str) -> Option<&DocumentRecord> {
        let found =
            self.by_record.binary_search_by(|place| (*self.documents[*place as usize].record).cmp(id));
        found.ok().map(|at| &self.documents[self.by_record[at] as usize])
    }

    /// The persons.
    pub fn nominals(&self) -> &[Nominal] {
        &self.nominals
    }
}

/// Where each column stands in the feed.
struct Columns([usize; COLUMNS.len()]);

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self, FeedError> {
        let mut places = [0; COLUMNS.len()];
        for (place, column) in places.iter_mut().zip(COLUMNS) {
            let found = header.iter().position(|name| name == column);
            *place = found.ok_or(FeedError { row: 0, column })?;
        }
        Ok(Self(places))
    }

    fn document(&self, row: &csv::StringRecord) -> Result<DocumentRecord, &'static str> {
        let text = |column: usize| row.get(self.0[column]).unwrap_or_default();
        let kept = |column: usize| Some(text(column)).filter(|text| !text.is_empty()).map(Box::from);
        Ok(DocumentRecord {
            database: Database::from_code(text(0)).ok_or(COLUMNS[0])?,
            number: DocumentNumber::normalise(text(1)).map_err(|_| COLUMNS[1])?,
            issuer: optional(text(2)).ok_or(COLUMNS[2])?,
            doc_type: optional(text(3)).ok_or(COLUMNS[3])?,
            theft_type: kept(4),
            theft_date: date(text(5)).ok_or(COLUMNS[5])?,
            theft_country: optional(text(6)).ok_or(COLUMNS[6])?,
            notice: kept(7),
            record: kept(9).ok_or(COLUMNS[9])?,
        })
    }
}

/// A value that may be left out. None if it is there and can't be read.
fn optional<T: std::str::FromStr>(text: &str) -> Option<Option<T>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}

/// A date, dashed or of eight digits.
fn date(text: &str) -> Option<Option<PartialDate>> {
    match text.len() {
        8 if text.is_ascii() => optional(&format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..])),
        _ => optional(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEED: &str = "database,number,issuer,type,theft_type,theft_date,theft_country,notice,retention_date,record_id\n\
        sltd,L898902C3,UTO,PAS,STL,2020-01-02,UTO,,2030-01-01,S-1\n\
        tdawn,L898902C3,UTO,PAS,,,,RED,,T-1\n\
        sltd,AB123456,,,,20200102,,,,S-2\n";

    // Proves that a feed is read, and found by number and by id.
    #[test]
    fn reads_a_feed() {
        let records = SimRecords::from_csv(FEED.as_bytes()).unwrap();
        let found = records.by_number(&"L898902C3".parse().unwrap());
        assert_eq!(found.iter().map(|record| &*record.record).collect::<Vec<_>>(), ["S-1", "T-1"]);
        assert_eq!(records.by_record("S-2").unwrap().number, "AB123456".parse().unwrap());
        assert!(records.by_record("S-3").is_none());
        assert!(records.by_number(&"XX123456".parse().unwrap()).is_empty());
        assert_eq!(records.len(), 3);
    }

    // Proves that a mistake is told by row and column.
    #[test]
    fn mistakes_are_located() {
        let wrong =
            |from: &str, to: &str| SimRecords::from_csv(FEED.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(wrong("tdawn,", "dna,"), FeedError { row: 2, column: "database" });
        assert_eq!(wrong("AB123456", "A1"), FeedError { row: 3, column: "number" });
        assert_eq!(wrong("record_id", "id"), FeedError { row: 0, column: "record_id" });
    }
}
