//! A record in 68 bits, and the lists of codes that its fields are numbers of.
//!
//! States, types, kinds of theft and notices repeat without end, so a record holds their numbers in lists that stand in
//! the manifest. The lists of a generation only grow, because a sealed record can't be packed anew. A date is kept with
//! the parts that are known; the number 0 says that a field is empty.

use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;
use postern_sdk::{Database, PartialDate, State};
use serde::{Deserialize, Serialize};

use super::seal::{Packed, RECORD_BITS};

const DATABASE_BITS: u32 = 2;
const STATE_BITS: u32 = 9;
const TYPE_BITS: u32 = 7;
const THEFT_BITS: u32 = 5;
const NOTICE_BITS: u32 = 4;
const DATE_BITS: u32 = 16;
const _: () = assert!(
    DATABASE_BITS + 2 * STATE_BITS + TYPE_BITS + THEFT_BITS + NOTICE_BITS + 2 * DATE_BITS == RECORD_BITS
);

/// The years of a theft date that has a number of its own; others stand in a list.
const THEFT_YEARS: std::ops::RangeInclusive<i16> = 1950..=2077;
const MONTHS: u32 = 13;
const DAYS: u32 = 32;
/// The first number of a theft date that stands in the list.
const LISTED: u32 = 1 + 129 * MONTHS * DAYS;
/// The first day of retention that can be kept; the last is 65 534 days later, in 2149.
const RETENTION_EPOCH: Date = Date::constant(1970, 1, 1);

/// What a record says, but for its number and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The database.
    pub database: Database,
    /// The issuer, or the country of registration.
    pub issuer: Option<State>,
    /// The type: of a document INTERPOL's code of three characters.
    pub type_code: Option<Cow<'a, str>>,
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
    /// Issuers and countries, at most 511.
    pub states: Vec<State>,
    /// Types, at most 127.
    pub types: Vec<String>,
    /// Codes of theft or fraud, at most 31.
    pub thefts: Vec<String>,
    /// Colours of notices, at most 15.
    pub notices: Vec<String>,
    /// Theft dates of which only the century or only the year of the century is known, or before 1950 or after 2077: at
    /// most 11 871.
    pub dates: Vec<PartialDate>,
}

/// More different codes than a list holds; the name of the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListFull(pub(super) &'static str);

/// The number of a database within its dataset; none if no dataset of records by number holds it.
pub(super) const fn database_number(database: Database) -> Option<u8> {
    match database {
        Database::Sltd | Database::Smv | Database::Firearms | Database::Vessels => Some(1),
        Database::Tdawn => Some(2),
        Database::Sad => Some(3),
        _ => None,
    }
}

/// The number of the database that a packed record is of, 0 for none.
pub(super) const fn database_of(packed: Packed) -> u8 {
    (packed.0 & ((1 << DATABASE_BITS) - 1)) as u8
}

/// The lists while records are packed, by several threads at once.
#[derive(Default)]
pub(super) struct SharedCodes(Mutex<Lists>);

#[derive(Default)]
struct Lists {
    states: List<State>,
    types: List<String>,
    thefts: List<String>,
    notices: List<String>,
    dates: List<PartialDate>,
}

impl SharedCodes {
    /// Goes on from the lists of a generation.
    pub(super) fn new(codes: &Codes) -> Self {
        Self(Mutex::new(Lists {
            states: List::from(&codes.states),
            types: List::from(&codes.types),
            thefts: List::from(&codes.thefts),
            notices: List::from(&codes.notices),
            dates: List::from(&codes.dates),
        }))
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lists as they are now.
    pub(super) fn codes(&self) -> Codes {
        let lists = self.lists();
        Codes {
            states: lists.states.values.clone(),
            types: lists.types.values.clone(),
            thefts: lists.thefts.values.clone(),
            notices: lists.notices.values.clone(),
            dates: lists.dates.values.clone(),
        }
    }
}

/// Packs the records of one thread: it asks the shared lists only for codes that it has not met.
pub(super) struct Packer<'a> {
    shared: &'a SharedCodes,
    known: Known,
}

#[derive(Default)]
struct Known {
    states: HashMap<State, u32>,
    types: HashMap<String, u32>,
    thefts: HashMap<String, u32>,
    notices: HashMap<String, u32>,
}

impl<'a> Packer<'a> {
    pub(super) fn new(shared: &'a SharedCodes) -> Self {
        Self { shared, known: Known::default() }
    }

    /// Packs a record, whose database must have a [`database_number`].
    pub(super) fn pack(&mut self, record: &Record<'_>) -> Result<Packed, ListFull> {
        let Self { shared, known } = self;
        let state = |known: &mut HashMap<State, u32>, state: Option<&State>, column| {
            number(known, state, |state| shared.lists().states.number(state, STATE_BITS, column))
        };
        let mut bits = Bits::default();
        bits.put(DATABASE_BITS, database_number(record.database).unwrap_or(0).into());
        bits.put(STATE_BITS, state(&mut known.states, record.issuer.as_ref(), "issuer")?);
        bits.put(
            TYPE_BITS,
            number(&mut known.types, record.type_code.as_deref(), |code| {
                shared.lists().types.number(code, TYPE_BITS, "type")
            })?,
        );
        bits.put(
            THEFT_BITS,
            number(&mut known.thefts, record.theft_type, |code| {
                shared.lists().thefts.number(code, THEFT_BITS, "theft_type")
            })?,
        );
        bits.put(STATE_BITS, state(&mut known.states, record.theft_country.as_ref(), "theft_country")?);
        bits.put(
            NOTICE_BITS,
            number(&mut known.notices, record.notice, |code| {
                shared.lists().notices.number(code, NOTICE_BITS, "notice")
            })?,
        );
        bits.put(DATE_BITS, self.theft_date(record.theft_date)?);
        bits.put(DATE_BITS, record.retention.and_then(pack_retention).unwrap_or(0));
        Ok(Packed(bits.word))
    }

    fn theft_date(&self, date: Option<PartialDate>) -> Result<u32, ListFull> {
        let Some(date) = date else { return Ok(0) };
        if let Some(number) = pack_date(date) {
            return Ok(number);
        }
        let mut lists = self.shared.lists();
        let bits_max = u32::from(u16::MAX) - LISTED + 1;
        let listed = lists.dates.position(&date, bits_max, "theft_date")?;
        Ok(LISTED + listed - 1)
    }
}

impl Codes {
    /// Unpacks a record of a dataset that holds these databases; none if it holds a number that no list knows.
    pub(super) fn unpack(&self, packed: Packed, database: Database) -> Option<Record<'_>> {
        let mut bits = Bits { word: packed.0, used: 0 };
        if database_number(database) != Some(bits.take(DATABASE_BITS) as u8) {
            return None;
        }
        let issuer = pick(&self.states, bits.take(STATE_BITS))?.copied();
        let type_code = pick(&self.types, bits.take(TYPE_BITS))?.map(|code| code.as_str().into());
        let theft_type = pick(&self.thefts, bits.take(THEFT_BITS))?.map(String::as_str);
        let theft_country = pick(&self.states, bits.take(STATE_BITS))?.copied();
        let notice = pick(&self.notices, bits.take(NOTICE_BITS))?.map(String::as_str);
        let theft_date = self.theft_date(bits.take(DATE_BITS))?;
        let retention = unpack_retention(bits.take(DATE_BITS));
        Some(Record { database, issuer, type_code, theft_type, theft_date, theft_country, notice, retention })
    }

    fn theft_date(&self, number: u32) -> Option<Option<PartialDate>> {
        match number {
            0 => Some(None),
            number if number < LISTED => Some(Some(unpack_date(number))),
            number => self.dates.get((number - LISTED) as usize).copied().map(Some),
        }
    }

    /// Whether these lists begin with all of the others: sealed records of both can be read by these.
    pub(super) fn continues(&self, other: &Self) -> bool {
        self.states.starts_with(&other.states)
            && self.types.starts_with(&other.types)
            && self.thefts.starts_with(&other.thefts)
            && self.notices.starts_with(&other.notices)
            && self.dates.starts_with(&other.dates)
    }
}

/// A code of a list by its number: `Some(None)` for 0, none for a number beyond the list.
fn pick<T>(list: &[T], number: u32) -> Option<Option<&T>> {
    match number {
        0 => Some(None),
        number => list.get(number as usize - 1).map(Some),
    }
}

/// The number of a value, from what the thread knows or else from the shared list.
fn number<T, Q>(
    known: &mut HashMap<T, u32>,
    value: Option<&Q>,
    ask: impl FnOnce(&Q) -> Result<u32, ListFull>,
) -> Result<u32, ListFull>
where
    T: Borrow<Q> + Eq + Hash,
    Q: Hash + Eq + ToOwned<Owned = T> + ?Sized,
{
    let Some(value) = value else { return Ok(0) };
    if let Some(number) = known.get(value) {
        return Ok(*number);
    }
    let number = ask(value)?;
    known.insert(value.to_owned(), number);
    Ok(number)
}

struct List<T> {
    values: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> List<T> {
    fn from(values: &[T]) -> Self {
        Self { values: values.to_vec(), numbers: values.iter().cloned().zip(1..).collect() }
    }

    fn number<Q>(&mut self, value: &Q, bits: u32, column: &'static str) -> Result<u32, ListFull>
    where
        T: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = T> + ?Sized,
    {
        self.position(value, (1 << bits) - 1, column)
    }

    /// The place of a value from 1, which is added if it is not there and the list has room for `most`.
    fn position<Q>(&mut self, value: &Q, most: u32, column: &'static str) -> Result<u32, ListFull>
    where
        T: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = T> + ?Sized,
    {
        if let Some(number) = self.numbers.get(value) {
            return Ok(*number);
        }
        let number = self.values.len() as u32 + 1;
        if number > most {
            return Err(ListFull(column));
        }
        self.values.push(value.to_owned());
        self.numbers.insert(value.to_owned(), number);
        Ok(number)
    }
}

/// Bit fields from the lowest bit on.
#[derive(Default)]
struct Bits {
    word: u128,
    used: u32,
}

impl Bits {
    fn put(&mut self, bits: u32, value: u32) {
        debug_assert!(value < 1 << bits && self.used + bits <= RECORD_BITS);
        self.word |= u128::from(value) << self.used;
        self.used += bits;
    }

    fn take(&mut self, bits: u32) -> u32 {
        let value = (self.word >> self.used) as u32 & ((1 << bits) - 1);
        self.used += bits;
        value
    }
}

/// The number of a date whose year is wholly known and usual, or wholly unknown.
fn pack_date(date: PartialDate) -> Option<u32> {
    let year = match (date.century, date.year) {
        (None, None) => 0,
        (Some(_), Some(_)) => {
            let year = date.full_year().filter(|year| THEFT_YEARS.contains(year))?;
            (year - THEFT_YEARS.start()) as u32 + 1
        }
        _ => return None,
    };
    let (month, day) = (date.month.unwrap_or(0), date.day.unwrap_or(0));
    Some(1 + (year * MONTHS + u32::from(month)) * DAYS + u32::from(day))
}

fn unpack_date(number: u32) -> PartialDate {
    let number = number - 1;
    let known = |part: u32| (part != 0).then_some(part as u8);
    let (day, month) = (number % DAYS, number / DAYS % MONTHS);
    let year = known(number / DAYS / MONTHS).map(|year| *THEFT_YEARS.start() as u16 + u16::from(year) - 1);
    PartialDate {
        century: year.map(|year| (year / 100) as u8),
        year: year.map(|year| (year % 100) as u8),
        month: known(month),
        day: known(day),
    }
}

/// Whether a retention date can be kept.
pub(super) fn fits_retention(date: Date) -> bool {
    pack_retention(date).is_some()
}

fn pack_retention(date: Date) -> Option<u32> {
    let days = date.duration_since(RETENTION_EPOCH).as_hours() / 24;
    u16::try_from(days + 1).ok().filter(|number| *number > 0).map(u32::from)
}

fn unpack_retention(number: u32) -> Option<Date> {
    let days = jiff::SignedDuration::from_hours(24 * (i64::from(number) - 1));
    (number > 0).then(|| RETENTION_EPOCH.checked_add(days).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record<'a>() -> Record<'a> {
        Record {
            database: Database::Sltd,
            issuer: None,
            type_code: None,
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
        // Proves that every field, empty or not, comes back as it was packed, by whichever thread.
        #[test]
        fn round_trip(
            database in proptest::sample::select(vec![Database::Sltd, Database::Tdawn, Database::Sad, Database::Smv]),
            issuer in proptest::option::of("[A-Z]{3}"), country in proptest::option::of("[A-Z]{3}"),
            type_code in proptest::option::of("[A-Z]{3}"), theft in proptest::option::of("[A-Z]{1,16}"),
            notice in proptest::option::of("[a-z]{1,16}"), dated in any::<bool>(),
            century in digits(99), year in digits(99),
            month in proptest::option::of(1..=12u8), day in proptest::option::of(1..=31u8),
            retention in proptest::option::of((1970..=2148i16, 1..=12i8, 1..=28i8)),
        ) {
            let state = |code: Option<String>| code.map(|code| State::normalise(&code).unwrap());
            let record = Record {
                database,
                issuer: state(issuer),
                type_code: type_code.as_deref().map(Cow::Borrowed),
                theft_type: theft.as_deref(),
                theft_date: dated.then_some(PartialDate { century, year, month, day }),
                theft_country: state(country),
                notice: notice.as_deref(),
                retention: retention.map(|(year, month, day)| Date::new(year, month, day).unwrap()),
            };
            let shared = SharedCodes::default();
            let packed = Packer::new(&shared).pack(&record).unwrap();
            prop_assert_eq!(Packer::new(&shared).pack(&record).unwrap(), packed);
            prop_assert_eq!(Some(database_of(packed)), database_number(database));
            let codes = shared.codes();
            prop_assert_eq!(codes.unpack(packed, database), Some(record.clone()));
            let later = SharedCodes::new(&codes);
            prop_assert_eq!(Packer::new(&later).pack(&record).unwrap(), packed);
            prop_assert!(later.codes().continues(&codes));
        }

        // Proves that no bits make unpacking panic.
        #[test]
        fn survives_any_bits(word in any::<u128>()) {
            let _ = Codes::default().unpack(Packed(word & ((1 << RECORD_BITS) - 1)), Database::Sltd);
        }
    }

    // Proves that a list is full when its numbers are used up, and says for which column.
    #[test]
    fn lists_have_an_end() {
        let shared = SharedCodes::default();
        let mut packer = Packer::new(&shared);
        let codes: Vec<String> = (0..16).map(|i| format!("N{i}")).collect();
        let pack = |packer: &mut Packer<'_>, code| packer.pack(&Record { notice: Some(code), ..record() });
        for code in &codes[..15] {
            pack(&mut packer, code).unwrap();
        }
        assert_eq!(pack(&mut packer, &codes[15]), Err(ListFull("notice")));
        assert!(pack(&mut packer, &codes[5]).is_ok());
    }

    // Proves that a number beyond its list gives no record rather than a wrong one.
    #[test]
    fn unknown_numbers_give_nothing() {
        let shared = SharedCodes::default();
        let packed = Packer::new(&shared).pack(&Record { notice: Some("red"), ..record() }).unwrap();
        assert_eq!(Codes::default().unpack(packed, Database::Sltd), None);
        assert_eq!(Codes::default().unpack(Packed(0), Database::Sltd), None);
        assert_eq!(shared.codes().unpack(packed, Database::Tdawn), None);
    }
}
