//! Dates of six columns, of which any part may be unknown and whose century is never written.
//!
//! Doc 9303 has no century rule. What is in use: a birth in a year after the present one lies in the last century, any
//! other in this one; an expiry lies in this century unless its year is 70 or more. A traveller of a hundred years is
//! then a baby, so whenever both readings are possible both are offered. The parser has no clock: the caller brings the
//! reference date.

use std::fmt;

use super::check::FILLER;

/// A day to reckon centuries from: today, or the day of a recorded message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReferenceDay {
    /// Four digits.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// How much of a date is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DateState {
    /// Year, month and day stand there and exist in at least one century.
    Complete,
    /// A part is unknown: written as fillers or, as some issuers do, `00` for month or day.
    Partial,
    /// Nothing is known.
    Unknown,
    /// All digits, but no such day: month 13, 30 February.
    Impossible,
    /// Characters that no date holds.
    Unreadable,
}

/// The years that two digits may mean, the likelier first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Years {
    /// The likelier, four digits.
    pub likely: u16,
    /// The other, where it can't be excluded.
    pub other: Option<u16>,
}

/// `YYMMDD` as printed, `<` for what is unknown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MrzDate {
    raw: [u8; 6],
}

impl fmt::Debug for MrzDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MrzDate({:?})", self.state())
    }
}

/// Two columns.
enum Pair {
    Known(u8),
    Unknown,
    Unreadable,
}

impl MrzDate {
    pub(super) const fn new(raw: [u8; 6]) -> Self {
        Self { raw }
    }

    /// The six columns in ASCII.
    pub const fn raw(&self) -> [u8; 6] {
        self.raw
    }

    /// Bit 0 for the first column to bit 5 for the last: set where a filler stands.
    pub fn unknown_mask(&self) -> u8 {
        (0..6).filter(|column| self.raw[*column] == FILLER).fold(0, |mask, column| mask | 1 << column)
    }

    fn pair(&self, index: usize) -> Pair {
        match (self.raw[index * 2], self.raw[index * 2 + 1]) {
            (tens @ b'0'..=b'9', units @ b'0'..=b'9') => Pair::Known((tens - b'0') * 10 + units - b'0'),
            (FILLER, FILLER | b'0'..=b'9') | (b'0'..=b'9', FILLER) => Pair::Unknown,
            _ => Pair::Unreadable,
        }
    }

    fn known(&self, index: usize) -> Option<u8> {
        match self.pair(index) {
            Pair::Known(number) => Some(number),
            Pair::Unknown | Pair::Unreadable => None,
        }
    }

    /// The year's two digits, 0 to 99; `None` if a digit is unknown or unreadable.
    pub fn year(&self) -> Option<u8> {
        self.known(0)
    }

    /// The month, 1 to 12 (more if impossible); `None` if unknown, unreadable or `00`.
    pub fn month(&self) -> Option<u8> {
        self.known(1).filter(|month| *month > 0)
    }

    /// The day, 1 to 31 (more if impossible); `None` if unknown, unreadable or `00`.
    pub fn day(&self) -> Option<u8> {
        self.known(2).filter(|day| *day > 0)
    }

    /// How much is known.
    pub fn state(&self) -> DateState {
        if (0..3).any(|index| matches!(self.pair(index), Pair::Unreadable)) {
            return DateState::Unreadable;
        }
        let parts = [self.year(), self.month(), self.day()];
        match parts {
            _ if !self.exists() => DateState::Impossible,
            [Some(_), Some(_), Some(_)] => DateState::Complete,
            [None, None, None] => DateState::Unknown,
            _ => DateState::Partial,
        }
    }

    /// Whether the known parts fit together in at least one century.
    fn exists(&self) -> bool {
        let last = match self.month() {
            None => 31,
            Some(2) if self.year().is_none_or(|year| year.is_multiple_of(4)) => 29,
            Some(2) => 28,
            Some(4 | 6 | 9 | 11) => 30,
            Some(1..=12) => 31,
            Some(_) => return false,
        };
        self.day().is_none_or(|day| day <= last)
    }

    /// The years of birth that are possible on the reference day; `None` if the year is unknown.
    ///
    /// Both centuries come back whenever the traveller could be a hundred or older.
    pub fn birth_years(&self, reference: ReferenceDay) -> Option<Years> {
        let year = u16::from(self.year()?);
        let (century, this_year) = (reference.year / 100 * 100, reference.year % 100);
        let (young, old) = (century + year, century - 100 + year);
        if year > this_year {
            return Some(Years { likely: old, other: None });
        }
        if self.is_leap_day() && !is_leap(old) {
            return Some(Years { likely: young, other: None });
        }
        // Later this year: not born yet, unless the reference day is wrong.
        let unborn =
            year == this_year && (self.month(), self.day()) > (Some(reference.month), Some(reference.day));
        let (likely, other) = if unborn { (old, young) } else { (young, old) };
        Some(Years { likely, other: Some(other) })
    }

    /// The year of expiry by the rule in use (70 and above is the last century); `None` if unknown.
    pub fn expiry_year(&self, reference: ReferenceDay) -> Option<u16> {
        let year = u16::from(self.year()?);
        let century = reference.year / 100 * 100;
        Some(if year >= 70 && reference.year % 100 < 50 { century - 100 + year } else { century + year })
    }

    fn is_leap_day(&self) -> bool {
        (self.month(), self.day()) == (Some(2), Some(29))
    }
}

const fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}
