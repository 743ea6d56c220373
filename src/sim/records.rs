//! The records that the simulator knows: documents from a feed, persons and things made from a seed.

use std::fmt;
use std::io::Read;

use postern_sdk::{Database, DocumentNumber, DocumentType, PartialDate, State};

use super::documents::Documents;
use super::feed::Feed;
use super::nominals::{self, Nominal};
use super::things::{self, Thing};
use crate::mind::COLUMNS;

/// A document on record.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    documents: Documents,
    nominals: Vec<Nominal>,
    things: Vec<Thing>,
}

impl SimRecords {
    /// The documents of a feed in CSV with the copy's columns, [`COLUMNS`], in any order.
    ///
    /// # Errors
    /// The first row and column that can't be used.
    pub fn from_csv(feed: impl Read) -> Result<Self, FeedError> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(feed);
        let columns = Columns::of(reader.headers().map_err(|_| FeedError { row: 0, column: "row" })?)?;
        let mut documents = Documents::default();
        let mut row = csv::StringRecord::new();
        loop {
            let number = u64::try_from(documents.len()).unwrap_or(u64::MAX).saturating_add(1);
            let fault = |column| FeedError { row: number, column };
            match reader.read_record(&mut row) {
                Ok(true) => documents.push(&columns.document(&row).map_err(fault)?),
                Ok(false) => return Ok(Self::of(documents)),
                Err(_) => return Err(fault("row")),
            }
        }
    }

    /// The documents of a synthetic feed.
    ///
    /// # Errors
    /// A row that can't be used; none is made so.
    pub fn from_feed(feed: &Feed) -> Result<Self, FeedError> {
        let mut documents = Documents::default();
        documents.reserve(usize::try_from(feed.len()).unwrap_or(0));
        for (row, number) in feed.rows().zip(1..) {
            let record = row.record().ok_or(FeedError { row: number, column: "row" })?;
            documents.push(&record);
        }
        Ok(Self::of(documents))
    }

    /// These documents.
    pub fn from_documents(documents: Vec<DocumentRecord>) -> Self {
        Self::default().and_documents(documents)
    }

    /// Adds documents.
    #[must_use]
    pub fn and_documents(mut self, more: impl IntoIterator<Item = DocumentRecord>) -> Self {
        more.into_iter().for_each(|record| self.documents.push(&record));
        self.documents.sort();
        self
    }

    fn of(mut documents: Documents) -> Self {
        documents.sort();
        Self { documents, ..Self::default() }
    }

    /// Adds synthetic persons, the same for the same seed.
    #[must_use]
    pub fn with_nominals(mut self, seed: u64, count: usize) -> Self {
        self.nominals = nominals::generate(seed, count);
        self
    }

    /// Adds synthetic vehicles, firearms, vessels and works of art, as many of each, the same for the same seed.
    #[must_use]
    pub fn with_things(mut self, seed: u64, count: usize) -> Self {
        self.things = things::generate(seed, count);
        self
    }

    /// Adds vehicles, firearms, vessels and works of art.
    #[must_use]
    pub fn and_things(mut self, more: impl IntoIterator<Item = Thing>) -> Self {
        self.things.extend(more);
        self
    }

    /// Adds persons.
    #[must_use]
    pub fn and_nominals(mut self, more: impl IntoIterator<Item = Nominal>) -> Self {
        self.nominals.extend(more);
        self
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The documents of a number, whatever their issuer and type.
    pub fn by_number(&self, number: &DocumentNumber) -> impl Iterator<Item = DocumentRecord> + '_ {
        self.documents.by_number(number)
    }

    /// The document of a record id.
    pub fn by_record(&self, id: &str) -> Option<DocumentRecord> {
        self.documents.by_record(id)
    }

    /// The vehicles, firearms, vessels and works of art.
    pub fn things(&self) -> &[Thing] {
        &self.things
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
        let number = "L898902C3".parse().unwrap();
        let found = records.by_number(&number);
        assert_eq!(found.map(|record| record.record).collect::<Vec<_>>(), ["S-1".into(), "T-1".into()]);
        assert_eq!(records.by_record("S-2").unwrap().number, "AB123456".parse().unwrap());
        assert!(records.by_record("S-3").is_none());
        assert_eq!(records.by_number(&"XX123456".parse().unwrap()).count(), 0);
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
