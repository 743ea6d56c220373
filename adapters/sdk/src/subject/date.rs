//! Dates of which parts may be unknown.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Nobody older than this crosses a border, so an earlier century is not a candidate.
const AGE_MAX_YEARS: i16 = 120;
/// From this age on both centuries of a two-digit year are possible.
const AGE_AMBIGUOUS_YEARS: i16 = 100;

/// A date of which century, year, month or day may be unknown, written `YYYY-MM-DD` with `X` for an unknown digit:
/// `1974-08-12`, `XX74-08-12` (the machine-readable zone holds no century), `1974-XX-XX`, `XXXX-XX-XX`.
///
/// It dates a person's birth or document, so its `Debug` is masked.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartialDate {
    /// The first two digits of the year, 0 to 99.
    pub century: Option<u8>,
    /// The last two digits of the year, 0 to 99.
    pub year: Option<u8>,
    /// The month, 1 to 12.
    pub month: Option<u8>,
    /// The day, 1 to 31.
    pub day: Option<u8>,
}

/// Text is not a date: wrong shape, or a month or day that does not exist. It never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateError;

impl PartialDate {
    /// A date of which all parts are known.
    pub fn full(date: Date) -> Self {
        let [century, year] = [date.year() / 100, date.year() % 100].map(|part| u8::try_from(part).ok());
        Self { century, year, month: u8::try_from(date.month()).ok(), day: u8::try_from(date.day()).ok() }
    }

    /// The date, if all parts are known and it exists.
    pub fn date(&self) -> Option<Date> {
        let year = i16::from(self.century?) * 100 + i16::from(self.year?);
        Date::new(year, i8::try_from(self.month?).ok()?, i8::try_from(self.day?).ok()?).ok()
    }

    /// The year, if century and year are known.
    pub fn full_year(&self) -> Option<i16> {
        Some(i16::from(self.century?) * 100 + i16::from(self.year?))
    }

    /// The birth dates that this one can mean on the day `today`, the likelier first: itself if the century is known,
    /// else the latest century that is not in the future, and the one before where the person could be 100 or more.
    pub fn birth_candidates(&self, today: Date) -> impl Iterator<Item = Self> + use<> {
        let this = *self;
        let years = match (this.century, this.year) {
            (None, Some(year)) => two_digit_years(i16::from(year), today.year()),
            _ => [None, None],
        };
        let itself = years[0].is_none().then_some(this);
        let in_century = move |year: i16| Self { century: u8::try_from(year / 100).ok(), ..this };
        itself.into_iter().chain(years.into_iter().flatten().map(in_century))
    }

    /// Whether the two can be the same day: no part that both know differs.
    pub fn may_equal(&self, other: &Self) -> bool {
        fn agree(a: Option<u8>, b: Option<u8>) -> bool {
            a.is_none() || b.is_none() || a == b
        }
        agree(self.century, other.century)
            && agree(self.year, other.year)
            && agree(self.month, other.month)
            && agree(self.day, other.day)
    }
}

fn two_digit_years(year: i16, this_year: i16) -> [Option<i16>; 2] {
    let latest = this_year - (this_year - year).rem_euclid(100);
    let earlier = latest - 100;
    let age = this_year - earlier;
    [Some(latest), (AGE_AMBIGUOUS_YEARS..=AGE_MAX_YEARS).contains(&age).then_some(earlier)]
}

impl fmt::Display for DateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a date of the form YYYY-MM-DD with X for unknown digits")
    }
}

impl std::error::Error for DateError {}

impl FromStr for PartialDate {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let bytes: &[u8; 10] = text.as_bytes().try_into().map_err(|_| DateError)?;
        if bytes[4] != b'-' || bytes[7] != b'-' {
            return Err(DateError);
        }
        let date = Self {
            century: pair(bytes[0], bytes[1])?,
            year: pair(bytes[2], bytes[3])?,
            month: pair(bytes[5], bytes[6])?,
            day: pair(bytes[8], bytes[9])?,
        };
        date.check()
    }
}

impl PartialDate {
    fn check(self) -> Result<Self, DateError> {
        let month_fits = self.month.is_none_or(|month| (1..=12).contains(&month));
        let day_fits = self.day.is_none_or(|day| (1..=31).contains(&day));
        let century_fits = self.century.is_none() || self.year.is_some();
        let complete = self.century.is_some() && self.month.is_some() && self.day.is_some();
        let exists = !complete || self.date().is_some();
        (month_fits && day_fits && century_fits && exists).then_some(self).ok_or(DateError)
    }
}

fn pair(a: u8, b: u8) -> Result<Option<u8>, DateError> {
    match (a, b) {
        (b'X', b'X') => Ok(None),
        (b'0'..=b'9', b'0'..=b'9') => Ok(Some((a - b'0') * 10 + (b - b'0'))),
        _ => Err(DateError),
    }
}

fn digits(part: Option<u8>) -> [u8; 2] {
    part.map_or(*b"XX", |part| [b'0' + part / 10 % 10, b'0' + part % 10])
}

impl fmt::Debug for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::personal::MASK)
    }
}

impl Serialize for PartialDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ([c1, c2], [y1, y2]) = (digits(self.century), digits(self.year));
        let ([m1, m2], [d1, d2]) = (digits(self.month), digits(self.day));
        let text = [c1, c2, y1, y2, b'-', m1, m2, b'-', d1, d2];
        serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for PartialDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for PartialDate {
    fn schema_name() -> Cow<'static, str> {
        "PartialDate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A date YYYY-MM-DD, with XX for a century, year, month or day that is not known.",
            "pattern": "^([0-9]{2}|XX)([0-9]{2}|XX)-([0-9]{2}|XX)-([0-9]{2}|XX)$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(text: &str) -> PartialDate {
        text.parse().unwrap()
    }

    fn text(date: &PartialDate) -> String {
        serde_json::to_value(date).unwrap().as_str().unwrap().to_owned()
    }

    // Proves that each way of not knowing a part survives text and back, and that Debug shows nothing.
    #[test]
    fn text_round_trip() {
        for written in ["1974-08-12", "XX74-08-12", "1974-XX-XX", "XXXX-XX-XX", "2000-02-29"] {
            assert_eq!(text(&partial(written)), written);
        }
        assert!(!format!("{:?}", partial("1974-08-12")).contains("74"));
    }

    // Proves that what is no date is refused.
    #[test]
    fn refuses_what_is_no_date() {
        for written in
            ["1974-13-01", "1974-00-01", "1974-08-32", "2001-02-29", "19XX-08-12", "74-08-12", "1974/08/12"]
        {
            assert_eq!(written.parse::<PartialDate>(), Err(DateError), "{written}");
        }
    }

    // Proves the choice of centuries: never the future, and both where the person could be a hundred.
    #[test]
    fn centuries_of_a_birth() {
        let today = Date::constant(2026, 11, 24);
        let candidates = |written: &str| {
            partial(written).birth_candidates(today).map(|date| text(&date)).collect::<Vec<_>>()
        };
        assert_eq!(candidates("XX74-08-12"), ["1974-08-12"]);
        assert_eq!(candidates("XX20-01-01"), ["2020-01-01", "1920-01-01"]);
        assert_eq!(candidates("XX26-01-01"), ["2026-01-01", "1926-01-01"]);
        assert_eq!(candidates("XX27-01-01"), ["1927-01-01"]);
        assert_eq!(candidates("XX05-01-01"), ["2005-01-01"]);
        assert_eq!(candidates("1905-01-01"), ["1905-01-01"]);
        assert_eq!(candidates("XXXX-XX-XX"), ["XXXX-XX-XX"]);
    }

    // Proves that unknown parts agree with anything.
    #[test]
    fn unknown_parts_agree() {
        assert!(partial("1974-XX-XX").may_equal(&partial("XX74-08-12")));
        assert!(!partial("1974-09-XX").may_equal(&partial("XX74-08-12")));
    }
}
