//! A synthetic feed: documents that look like the real data in all that a look-up depends on, and belong to nobody.
//!
//! Each row is a pure function of seed and place, so a feed of any size comes from nothing and is the same everywhere.
//! 198 issuers of unequal weight, ten types, twelve formats of numbers; of each 64 rows 14 are a consecutive run, as a
//! stolen batch of blanks is (21.9 %); of each 100 documents three are in TDAWN, with the colour of a notice.
//!
//! Of each 64 rows one has a number that no other row can have (it begins with `QQ`). From these are planted
//! questions made whose answer is known: [`Feed::plant`].

use std::fmt::Write as _;
use std::io::{self, Write};

use postern_sdk::{Database, DocumentNumber, DocumentType, State, TypeRelation};

use crate::mind::COLUMNS;

use super::DocumentRecord;

const BLOCK: u64 = 64;
/// How many rows of a block are a consecutive run.
const RUN: u64 = 14;
const ISSUERS: usize = 198;
/// Of a hundred documents, how many are in TDAWN.
const TDAWN_PERCENT: u64 = 3;
/// Spreads unique numbers over nine digits; coprime to 10^9, so that no two meet.
const SPREAD: u64 = 618_033_989;
const UNIQUE: u64 = 1_000_000_000;

/// Types with their weights.
const TYPES: [(&str, u64); 10] = [
    ("PAS", 60),
    ("IDC", 22),
    ("VSA", 6),
    ("NID", 4),
    ("RES", 3),
    ("DIP", 1),
    ("OFP", 1),
    ("SEP", 1),
    ("EMP", 1),
    ("RFP", 1),
];

/// Formats of numbers: `A` is a letter, `9` a digit, `X` either.
const FORMATS: [&str; 12] = [
    "999999999",
    "A99999999",
    "AA9999999",
    "A9999999",
    "AA999999",
    "99AA99999",
    "AAA999999",
    "9999999999",
    "A9999999A",
    "99999999",
    "AXXXXX999",
    "AA99999999999",
];

const THEFTS: [&str; 4] = ["STL", "LST", "SBL", "RVK"];
const NOTICES: [&str; 5] = ["red", "blue", "green", "yellow", "orange"];
const LETTERS: &[u8; 26] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LETTERS_AND_DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// One row of the feed; the fields are the columns of the copy's CSV, empty where the row says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The database: SLTD or TDAWN.
    pub database: Database,
    /// The number.
    pub number: String,
    /// The issuer.
    pub issuer: State,
    /// The type.
    pub doc_type: DocumentType,
    /// The code of theft.
    pub theft_type: &'static str,
    /// The date of theft.
    pub theft_date: String,
    /// The country of theft.
    pub theft_country: Option<State>,
    /// The colour of the notice.
    pub notice: &'static str,
    /// The retention date.
    pub retention_date: String,
    /// The record's id.
    pub record_id: String,
}

/// What a planted question must find in its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A record whose number, issuer and type agree.
    Exact,
    /// A record of another type.
    TypeDiffers,
    /// A record of another issuer.
    IssuerDiffers,
    /// A record of another issuer and type.
    NumberOnly,
    /// Nothing.
    NoRecord,
}

impl Expected {
    /// Every expectation, in the order in which they are planted.
    pub const ALL: [Self; 5] =
        [Self::Exact, Self::TypeDiffers, Self::IssuerDiffers, Self::NumberOnly, Self::NoRecord];

    /// The name in the file of plants: that of the match class, or `no_record`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::TypeDiffers => "type_differs",
            Self::IssuerDiffers => "issuer_differs",
            Self::NumberOnly => "number_only",
            Self::NoRecord => "no_record",
        }
    }
}

/// A question whose answer is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planted {
    /// The number to ask for.
    pub number: String,
    /// The issuer to ask for.
    pub issuer: State,
    /// The type to ask for.
    pub doc_type: DocumentType,
    /// The database that must answer so; every other one has no record.
    pub database: Database,
    /// What must be found.
    pub expected: Expected,
}

/// A feed of so many rows.
#[derive(Clone, Debug)]
pub struct Feed {
    records: u64,
    seed: u64,
    issuers: Vec<State>,
    types: Vec<DocumentType>,
}

/// A feed of so many records: the same for the same seed.
pub fn generate(records: u64, seed: u64) -> Feed {
    Feed { records, seed: mix(seed), issuers: issuers(), types: types() }
}

impl Feed {
    /// How many rows there are.
    pub(super) const fn len(&self) -> u64 {
        self.records
    }

    /// The rows.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        (0..self.records).map(|index| self.row(index))
    }

    /// The row at a place, from 0.
    pub fn row(&self, index: u64) -> Row {
        let mut random = Random(mix(self.seed ^ index));
        let in_run = index % BLOCK < RUN;
        let mut shared = Random(mix(self.seed ^ !(index / BLOCK)));
        let of_document = if in_run { &mut shared } else { &mut random };
        let issuer = of_document.skewed(self.issuers.len());
        let doc_type = of_document.weighted();
        let mut number = String::with_capacity(13);
        if index % BLOCK == BLOCK - 1 {
            unique_number(&mut number, index / BLOCK * 2);
        } else {
            of_document.number(FORMATS[issuer % FORMATS.len()], &mut number);
        }
        if in_run {
            number.truncate(number.len() - 2);
            let _ = write!(number, "{:02}", index % BLOCK);
        }
        let tdawn = !in_run && random.below(100) < TDAWN_PERCENT;
        let (issuer, doc_type) = (self.issuers[issuer], self.types[doc_type]);
        let mut row = if tdawn { random.tdawn() } else { random.sltd(in_run, &self.issuers) };
        row.record_id(self.seed, index);
        Row { number, issuer, doc_type, ..row.0 }
    }

    /// Questions whose answers are known: `count` of them if the feed is long enough, each expectation in turn. Of the
    /// expectations that need a record there are at most a 64th of the feed's records.
    pub fn plant(&self, count: u64) -> Vec<Planted> {
        let blocks = self.records / BLOCK;
        let plants = (0..count.min(blocks)).map(|block| {
            let expected = Expected::ALL[(block % Expected::ALL.len() as u64) as usize];
            self.planted(block, expected)
        });
        plants.collect()
    }

    fn planted(&self, block: u64, expected: Expected) -> Planted {
        let row = self.row(block * BLOCK + BLOCK - 1);
        let mut number = row.number;
        if expected == Expected::NoRecord {
            number.clear();
            unique_number(&mut number, block * 2 + 1);
        }
        let other_issuer = self.issuers.iter().find(|issuer| !issuer.agrees(&row.issuer));
        let other_type =
            self.types.iter().find(|other| other.relation(&row.doc_type) == TypeRelation::Differs);
        let keeps_issuer = !matches!(expected, Expected::IssuerDiffers | Expected::NumberOnly);
        let keeps_type = !matches!(expected, Expected::TypeDiffers | Expected::NumberOnly);
        Planted {
            number,
            issuer: if keeps_issuer { row.issuer } else { *other_issuer.unwrap_or(&row.issuer) },
            doc_type: if keeps_type { row.doc_type } else { *other_type.unwrap_or(&row.doc_type) },
            database: row.database,
            expected,
        }
    }

    /// Writes the feed in the copy's CSV.
    ///
    /// # Errors
    /// What writing says.
    pub fn write_csv(&self, mut output: impl Write) -> io::Result<()> {
        output.write_all(COLUMNS.join(",").as_bytes())?;
        output.write_all(b"\n")?;
        self.write_rows(0..self.records, &mut output)?;
        output.flush()
    }

    /// Writes the rows at these places as lines of CSV.
    ///
    /// # Errors
    /// What writing says.
    pub fn write_rows(&self, places: std::ops::Range<u64>, mut output: impl Write) -> io::Result<()> {
        let mut buffer = String::new();
        for place in places {
            self.row(place).write(&mut buffer);
            if buffer.len() > 1 << 16 {
                output.write_all(buffer.as_bytes())?;
                buffer.clear();
            }
        }
        output.write_all(buffer.as_bytes())
    }
}

/// Writes planted questions as CSV: `number,issuer,type,database,expected`.
///
/// # Errors
/// What writing says.
pub fn write_plants(plants: &[Planted], mut output: impl Write) -> io::Result<()> {
    writeln!(output, "number,issuer,type,database,expected")?;
    for plant in plants {
        let Planted { number, issuer, doc_type, database, expected } = plant;
        writeln!(output, "{number},{issuer},{doc_type},{},{}", database.code(), expected.code())?;
    }
    output.flush()
}

impl Row {
    /// The row as a record. None if its number or a date is not in normal form; none is made so.
    pub(super) fn record(&self) -> Option<DocumentRecord> {
        let word = |text: &str| Some(text).filter(|text| !text.is_empty()).map(Box::from);
        let theft_date = match self.theft_date.as_str() {
            "" => None,
            date => Some(date.parse().ok()?),
        };
        Some(DocumentRecord {
            database: self.database,
            number: DocumentNumber::normalise(&self.number).ok()?,
            issuer: Some(self.issuer),
            doc_type: Some(self.doc_type),
            theft_type: word(self.theft_type),
            theft_date,
            theft_country: self.theft_country,
            notice: word(self.notice),
            record: self.record_id.as_str().into(),
        })
    }

    /// Appends the row as a line of CSV.
    fn write(&self, buffer: &mut String) {
        let country = self.theft_country.as_ref().map_or("", State::as_str);
        let fields = [
            self.database.code(),
            &self.number,
            self.issuer.as_str(),
            self.doc_type.as_str(),
            self.theft_type,
            &self.theft_date,
            country,
            self.notice,
            &self.retention_date,
            &self.record_id,
        ];
        for field in fields {
            buffer.push_str(field);
            buffer.push(',');
        }
        buffer.pop();
        buffer.push('\n');
    }
}

/// A row without its document.
struct Rest(Row);

impl Rest {
    /// Thirty-two hexadecimal digits, as the service's own ids have; unique in a feed.
    fn record_id(&mut self, seed: u64, index: u64) {
        let id = (u128::from(mix(seed.wrapping_add(index))) << 64) | u128::from(mix(!index));
        let mut digits = [0; 32];
        for (place, digit) in digits.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(id >> (4 * place) & 15) as usize];
        }
        self.0.record_id.push_str(std::str::from_utf8(&digits).unwrap_or_default());
    }
}

/// The generator SplitMix64: small, fast, the same on every machine.
struct Random(u64);

fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    fn next(&mut self) -> u64 {
        let value = mix(self.0);
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        value
    }

    fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A place below `limit`, small ones more often: a few issuers have most of the records.
    fn skewed(&mut self, limit: usize) -> usize {
        let (a, b) = (self.below(limit as u64), self.below(limit as u64));
        a.min(b) as usize
    }

    fn weighted(&mut self) -> usize {
        let mut ticket = self.below(TYPES.iter().map(|(_, weight)| weight).sum());
        let drawn = TYPES.iter().position(|(_, weight)| match ticket.checked_sub(*weight) {
            Some(rest) => {
                ticket = rest;
                false
            }
            None => true,
        });
        drawn.unwrap_or(0)
    }

    fn number(&mut self, format: &str, number: &mut String) {
        // No generated number begins with the letters of the unique ones.
        for (place, class) in format.bytes().enumerate() {
            let byte = match class {
                b'A' if place == 0 => LETTERS[self.below(16) as usize],
                b'A' => self.pick(LETTERS),
                b'X' => self.pick(LETTERS_AND_DIGITS),
                _ => b'0' + self.below(10) as u8,
            };
            number.push(char::from(byte));
        }
    }

    fn date(&mut self, year_min: u64, years: u64) -> String {
        let (year, month, day) = (year_min + self.below(years), 1 + self.below(12), 1 + self.below(28));
        let mut date = String::with_capacity(10);
        push_digits(&mut date, year, 4);
        date.push('-');
        push_digits(&mut date, month, 2);
        date.push('-');
        push_digits(&mut date, day, 2);
        date
    }

    fn sltd(&mut self, blanks: bool, issuers: &[State]) -> Rest {
        let theft_type = if blanks { "SBL" } else { self.pick(&THEFTS) };
        let mut theft_date = self.date(2005, 20);
        if self.below(20) == 0 {
            theft_date.replace_range(5.., "XX-XX");
        }
        Rest(Row {
            theft_type,
            theft_date,
            theft_country: (theft_type != "SBL").then(|| self.pick(issuers)),
            retention_date: self.date(2027, 9),
            ..empty(Database::Sltd)
        })
    }

    fn tdawn(&mut self) -> Rest {
        let notice = self.pick(&NOTICES);
        Rest(Row { notice, retention_date: self.date(2027, 4), ..empty(Database::Tdawn) })
    }
}

fn empty(database: Database) -> Row {
    Row {
        database,
        number: String::new(),
        issuer: State::GERMANY,
        doc_type: DocumentType::PASSPORT,
        theft_type: "",
        theft_date: String::new(),
        theft_country: None,
        notice: "",
        retention_date: String::new(),
        record_id: String::with_capacity(32),
    }
}

fn unique_number(number: &mut String, serial: u64) {
    number.push_str("QQ");
    push_digits(number, serial % UNIQUE * SPREAD % UNIQUE, 9);
}

fn push_digits(text: &mut String, value: u64, count: u32) {
    for place in (0..count).rev() {
        text.push(char::from(b'0' + (value / 10_u64.pow(place) % 10) as u8));
    }
}

/// The issuers: the known codes in a fixed order, without those that begin with X, which are organisations.
fn issuers() -> Vec<State> {
    let code =
        |n: usize| [n / 676, n / 26 % 26, n % 26].map(|letter| char::from(LETTERS[letter])).iter().collect();
    let states = (0..26_usize.pow(3)).map(code).filter(|code: &String| !code.starts_with('X'));
    let known = states.filter_map(|code| State::normalise(&code).ok()).filter(State::is_known);
    let mut issuers: Vec<State> = known.take(ISSUERS).collect();
    // An order that has nothing to do with the alphabet, since the first ones weigh most.
    issuers
        .sort_by_key(|issuer| mix(issuer.as_str().bytes().fold(0, |sum, byte| sum << 8 | u64::from(byte))));
    issuers
}

fn types() -> Vec<DocumentType> {
    TYPES.iter().filter_map(|(code, _)| DocumentType::normalise(code).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    // Proves that a feed is the same for the same seed, another for another, and a prefix of a longer one.
    #[test]
    fn is_deterministic() {
        let rows = |records, seed| generate(records, seed).rows().collect::<Vec<_>>();
        assert_eq!(rows(300, 7), rows(300, 7));
        assert_ne!(rows(300, 7), rows(300, 8));
        assert_eq!(rows(300, 7)[..100], rows(100, 7));
    }

    // Proves the measures: issuers, types, share of TDAWN, of runs; that ids and marked numbers are unique and normal.
    #[test]
    fn has_its_measures() {
        let rows: Vec<Row> = generate(64_000, 1).rows().collect();
        let issuers: BTreeSet<&str> = rows.iter().map(|row| row.issuer.as_str()).collect();
        let types: BTreeSet<&str> = rows.iter().map(|row| row.doc_type.as_str()).collect();
        assert_eq!((issuers.len(), types.len()), (ISSUERS, TYPES.len()));
        let tdawn = rows.iter().filter(|row| row.database == Database::Tdawn).count();
        assert!((1_000..2_200).contains(&tdawn), "{tdawn}");
        let ids: BTreeSet<&str> = rows.iter().map(|row| row.record_id.as_str()).collect();
        assert_eq!(ids.len(), rows.len());
        let marked: BTreeSet<&str> =
            rows.iter().map(|row| row.number.as_str()).filter(|n| n.starts_with("QQ")).collect();
        assert_eq!(marked.len(), 1_000);
        for row in &rows {
            assert_eq!(DocumentNumber::normalise(&row.number).unwrap().reveal(), row.number);
        }
    }

    // Proves that plants are what they claim, by a search through all rows.
    #[test]
    fn plants_are_true() {
        let feed = generate(6_400, 3);
        let mut rows: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for row in feed.rows() {
            rows.entry(row.number.clone()).or_default().push(row);
        }
        let plants = feed.plant(1_000);
        assert_eq!(plants.len(), 100);
        for plant in plants {
            let found = rows.get(&plant.number).map_or(&[][..], Vec::as_slice);
            let agrees = |row: &Row| {
                let types_agree = plant.doc_type.relation(&row.doc_type) == TypeRelation::Agrees;
                (row.issuer.agrees(&plant.issuer), types_agree)
            };
            let expected = match found {
                [] => Expected::NoRecord,
                [row] => match agrees(row) {
                    (true, true) => Expected::Exact,
                    (true, false) => Expected::TypeDiffers,
                    (false, true) => Expected::IssuerDiffers,
                    (false, false) => Expected::NumberOnly,
                },
                _ => panic!("a planted number is not unique"),
            };
            assert_eq!(expected, plant.expected);
            assert!(found.iter().all(|row| row.database == plant.database));
        }
    }
}
