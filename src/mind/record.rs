//! A record in 11 bytes, and the lists of codes that its fields are numbers of.
//!
//! States, types, kinds of theft and notices repeat without end, so a record holds their numbers in lists that stand in
//! the manifest. A date is kept with the parts that are known; the number 0 says that a field is empty.

use std::collections::HashMap;
use std::hash::Hash;

use jiff::civil::Date;
use postern_sdk::{Database, DocumentType, PartialDate, State};
use serde::{Deserialize, Serialize};

/// Size of a packed record.
pub(super) const RECORD: usize = 11;

const STATE_BITS: u32 = 10;
const TYPE_BITS: u32 = 9;
const THEFT_BITS: u32 = 7;
const NOTICE_BITS: u32 = 6;
/// The earliest year of a retention date.
const RETENTION_YEAR_MIN: i16 = 1900;
const RETENTION_YEARS: i16 = 256;

/// What a record of a document says, but for its number and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The database.
    pub database: Database,
    /// The issuer.
    pub issuer: Option<State>,
    /// The type.
    pub doc_type: Option<DocumentType>,
    /// INTERPOL's code of theft or fraud.
    pub theft_type: Option<&'a str>,
    /// The date of theft or loss.
    pub theft_date: Option<PartialDate>,
    /// The country of theft or loss.
    pub theft_country: Option<State>,
    /// The colour of the notice.
    pub notice: Option<&'a str>,
    /// Until when the record may be kept.
    pub retention: Option<Date>,
}

/// The lists of codes. A field's number is the code's place in its list, from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Codes {
    /// Issuers and countries, at most 1023.
    pub states: Vec<State>,
    /// Document types, at most 511.
    pub types: Vec<DocumentType>,
    /// Codes of theft or fraud, at most 127.
    pub thefts: Vec<String>,
    /// Colours of notices, at most 63.
    pub notices: Vec<String>,
}

/// More different codes than a list holds; the name of the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListFull(pub(super) &'static str);

const fn database_number(database: Database) -> Option<u128> {
    match database {
        Database::Sltd => Some(1),
        Database::Tdawn => Some(2),
        Database::Sad => Some(3),
        _ => None,
    }
}

/// Whether a copy of documents holds records of this database.
pub(super) const fn holds(database: Database) -> bool {
    database_number(database).is_some()
}

/// Builds the lists while records are packed.
#[derive(Default)]
pub(super) struct Packer {
    states: List<State>,
    types: List<DocumentType>,
    thefts: List<String>,
    notices: List<String>,
}

impl Packer {
    /// Packs a record, whose database must be one that the copy [`holds`].
    pub(super) fn pack(&mut self, record: &Record<'_>) -> Result<[u8; RECORD], ListFull> {
        let mut bits = Bits::default();
        bits.put(3, database_number(record.database).unwrap_or(0));
        bits.put(STATE_BITS, self.states.number(record.issuer.as_ref(), STATE_BITS, "issuer")?);
        bits.put(TYPE_BITS, self.types.number(record.doc_type.as_ref(), TYPE_BITS, "type")?);
        bits.put(THEFT_BITS, self.thefts.number(record.theft_type, THEFT_BITS, "theft_type")?);
        bits.put(24, pack_date(record.theft_date));
        bits.put(STATE_BITS, self.states.number(record.theft_country.as_ref(), STATE_BITS, "theft_country")?);
        bits.put(NOTICE_BITS, self.notices.number(record.notice, NOTICE_BITS, "notice")?);
        bits.put(17, pack_retention(record.retention));
        Ok(bits.bytes())
    }

    /// The lists.
    pub(super) fn into_codes(self) -> Codes {
        Codes {
            states: self.states.values,
            types: self.types.values,
            thefts: self.thefts.values,
            notices: self.notices.values,
        }
    }
}

impl Codes {
    /// Unpacks a record; none if it holds a number that no list knows.
    pub(super) fn unpack(&self, bytes: &[u8; RECORD]) -> Option<Record<'_>> {
        let mut bits = Bits::from(bytes);
        let database = unpack_database(bytes)?;
        bits.take(3);
        Some(Record {
            database,
            issuer: pick(&self.states, bits.take(STATE_BITS))?.copied(),
            doc_type: pick(&self.types, bits.take(TYPE_BITS))?.copied(),
            theft_type: pick(&self.thefts, bits.take(THEFT_BITS))?.map(String::as_str),
            theft_date: unpack_date(bits.take(24)),
            theft_country: pick(&self.states, bits.take(STATE_BITS))?.copied(),
            notice: pick(&self.notices, bits.take(NOTICE_BITS))?.map(String::as_str),
            retention: unpack_retention(bits.take(17)),
        })
    }
}

/// The database of a packed record, if it is a known one.
pub(super) const fn unpack_database(bytes: &[u8; RECORD]) -> Option<Database> {
    match bytes[0] & 7 {
        1 => Some(Database::Sltd),
        2 => Some(Database::Tdawn),
        3 => Some(Database::Sad),
        _ => None,
    }
}

/// A code of a list by its number: `Some(None)` for 0, none for a number beyond the list.
fn pick<T>(list: &[T], number: u128) -> Option<Option<&T>> {
    match number {
        0 => Some(None),
        number => list.get(number as usize - 1).map(Some),
    }
}

struct List<T> {
    values: Vec<T>,
    numbers: HashMap<T, u16>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> List<T> {
    fn number<Q>(&mut self, value: Option<&Q>, bits: u32, column: &'static str) -> Result<u128, ListFull>
    where
        T: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = T> + ?Sized,
    {
        let Some(value) = value else { return Ok(0) };
        if let Some(number) = self.numbers.get(value) {
            return Ok(u128::from(*number));
        }
        let number = u16::try_from(self.values.len() + 1).map_err(|_| ListFull(column))?;
        if number >= 1 << bits {
            return Err(ListFull(column));
        }
        self.values.push(value.to_owned());
        self.numbers.insert(value.to_owned(), number);
        Ok(u128::from(number))
    }
}

/// Bit fields from the lowest bit on.
#[derive(Default)]
struct Bits {
    word: u128,
    used: u32,
}

impl Bits {
    fn put(&mut self, bits: u32, value: u128) {
        debug_assert!(value < 1 << bits);
        self.word |= value << self.used;
        self.used += bits;
    }

    fn take(&mut self, bits: u32) -> u128 {
        let value = self.word & ((1 << bits) - 1);
        self.word >>= bits;
        value
    }

    fn bytes(&self) -> [u8; RECORD] {
        debug_assert!(self.used as usize <= RECORD * 8);
        let mut bytes = [0; RECORD];
        bytes.copy_from_slice(&self.word.to_le_bytes()[..RECORD]);
        bytes
    }

    fn from(bytes: &[u8; RECORD]) -> Self {
        let mut word = [0; 16];
        word[..RECORD].copy_from_slice(bytes);
        Self { word: u128::from_le_bytes(word), used: 0 }
    }
}

/// One bit that there is a date, then century, year, month and day, each 0 where it is not known.
fn pack_date(date: Option<PartialDate>) -> u128 {
    let Some(date) = date else { return 0 };
    let part = |part: Option<u8>, from: u8| part.map_or(0, |part| u128::from(part + from));
    1 | part(date.century, 1) << 1
        | part(date.year, 1) << 8
        | part(date.month, 0) << 15
        | part(date.day, 0) << 19
}

fn unpack_date(bits: u128) -> Option<PartialDate> {
    let part = |shift: u32, mask: u128, from: u8| ((bits >> shift & mask) as u8).checked_sub(from);
    let known = |part: Option<u8>| part.filter(|part| *part != 0);
    (bits & 1 == 1).then(|| PartialDate {
        century: part(1, 127, 1),
        year: part(8, 127, 1),
        month: known(part(15, 15, 0)),
        day: known(part(19, 31, 0)),
    })
}

/// Whether a retention date can be kept.
pub(super) fn fits_retention(date: Date) -> bool {
    (RETENTION_YEAR_MIN..RETENTION_YEAR_MIN + RETENTION_YEARS).contains(&date.year())
}

fn pack_retention(date: Option<Date>) -> u128 {
    let Some(date) = date else { return 0 };
    let part = |part: i16| u128::from(part.unsigned_abs());
    part(date.year() - RETENTION_YEAR_MIN) << 9 | part(date.month().into()) << 5 | part(date.day().into())
}

fn unpack_retention(bits: u128) -> Option<Date> {
    let part = |shift: u32, mask: u128| (bits >> shift & mask) as i16;
    Date::new(part(9, 255) + RETENTION_YEAR_MIN, part(5, 15) as i8, part(0, 31) as i8).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record<'a>() -> Record<'a> {
        Record {
            database: Database::Sltd,
            issuer: None,
            doc_type: None,
            theft_type: None,
            theft_date: None,
            theft_country: None,
            notice: None,
            retention: None,
        }
    }

    fn digits(max: u8) -> impl Strategy<Value = Option<u8>> {
        proptest::option::of(0..=max)
    }

    proptest! {
        // Proves that every field, empty or not, comes back as it was packed.
        #[test]
        fn round_trip(
            database in proptest::sample::select(vec![Database::Sltd, Database::Tdawn, Database::Sad]),
            issuer in proptest::option::of("[A-Z]{3}"), country in proptest::option::of("[A-Z]{3}"),
            doc_type in proptest::option::of("[A-Z]{3}"), theft in proptest::option::of("[A-Z]{1,16}"),
            notice in proptest::option::of("[a-z]{1,16}"), dated in any::<bool>(),
            century in digits(99), year in digits(99),
            month in proptest::option::of(1..=12u8), day in proptest::option::of(1..=31u8),
            retention in proptest::option::of((1900..=2155i16, 1..=12i8, 1..=28i8)),
        ) {
            let state = |code: Option<String>| code.map(|code| State::normalise(&code).unwrap());
            let record = Record {
                database,
                issuer: state(issuer),
                doc_type: doc_type.map(|code| DocumentType::normalise(&code).unwrap()),
                theft_type: theft.as_deref(),
                theft_date: dated.then_some(PartialDate { century, year, month, day }),
                theft_country: state(country),
                notice: notice.as_deref(),
                retention: retention.map(|(year, month, day)| Date::new(year, month, day).unwrap()),
            };
            let mut packer = Packer::default();
            let packed = packer.pack(&record).unwrap();
            prop_assert_eq!(packer.pack(&record).unwrap(), packed);
            prop_assert_eq!(unpack_database(&packed), Some(database));
            let codes = packer.into_codes();
            prop_assert_eq!(codes.unpack(&packed), Some(record));
        }

        // Proves that no bytes make unpacking panic.
        #[test]
        fn survives_any_bytes(bytes in any::<[u8; RECORD]>()) {
            let _ = Codes::default().unpack(&bytes);
        }
    }

    // Proves that a list is full when its numbers are used up, and says for which column.
    #[test]
    fn lists_have_an_end() {
        let mut packer = Packer::default();
        let codes: Vec<String> = (0..64).map(|i| format!("N{i}")).collect();
        let pack = |packer: &mut Packer, code| packer.pack(&Record { notice: Some(code), ..record() });
        for code in &codes[..63] {
            pack(&mut packer, code).unwrap();
        }
        assert_eq!(pack(&mut packer, &codes[63]), Err(ListFull("notice")));
        assert!(pack(&mut packer, &codes[5]).is_ok());
    }

    // Proves that a number beyond its list gives no record rather than a wrong one.
    #[test]
    fn unknown_numbers_give_nothing() {
        let mut packer = Packer::default();
        let packed = packer.pack(&Record { notice: Some("red"), ..record() }).unwrap();
        assert_eq!(Codes::default().unpack(&packed), None);
        assert_eq!(Codes::default().unpack(&[0; RECORD]), None);
    }
}
