//! From the likeness of the names to that of the persons, and the words that explain it.
//!
//! The words hold counts and verdicts, never a name or a date.

use std::fmt::Write as _;

use postern_sdk::{PartialDate, PersonKey, Sex};

use super::align::Alignment;
use super::person::Person;

/// From this likeness on a person is told.
pub const TOLD_PERMILLE: u16 = 700;

/// How two birth dates relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Birth {
    /// Either is unknown, or they have no year in common.
    Unknown,
    /// Both are known in full and are the same day.
    Same,
    /// They agree as far as both are known.
    Agrees,
    /// They differ as dates do that were written down wrongly.
    Near,
    /// They are of different persons, or one is false.
    Contradicts,
}

impl Birth {
    fn of(a: Option<PartialDate>, b: Option<PartialDate>) -> Self {
        let Some((a, b)) = a.zip(b) else { return Self::Unknown };
        match (a.date(), b.date()) {
            (Some(a), Some(b)) if a == b => return Self::Same,
            _ => {}
        }
        if a.may_equal(&b) {
            return if a.year.is_some() && b.year.is_some() { Self::Agrees } else { Self::Unknown };
        }
        if is_near(a, b) { Self::Near } else { Self::Contradicts }
    }

    /// The likeness of the persons by that of their names: agreement raises it by a part of what is missing, anything
    /// else lowers it.
    const fn apply(self, names: u32) -> u32 {
        match self {
            Self::Same => names + (1000 - names) / 4,
            Self::Agrees => (names + (1000 - names) / 10) * 97 / 100,
            Self::Unknown => names * 92 / 100,
            Self::Near => names * 85 / 100,
            Self::Contradicts => names * 70 / 100,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Same => "birth date agrees",
            Self::Agrees => "birth date agrees as far as it is known",
            Self::Unknown => "birth date not compared",
            Self::Near => "birth date differs slightly",
            Self::Contradicts => "birth date differs",
        }
    }
}

/// Day and month exchanged, one part of three wrong, or a year that was only estimated.
fn is_near(a: PartialDate, b: PartialDate) -> bool {
    let same = |a: Option<u8>, b: Option<u8>| a.is_none() || b.is_none() || a == b;
    let same_year = same(a.century, b.century) && same(a.year, b.year);
    let next_year = a.full_year().zip(b.full_year()).is_some_and(|(a, b)| a.abs_diff(b) <= 1);
    let exchanged = a.day.is_some() && a.day == b.month && a.month == b.day;
    match (same_year, same(a.month, b.month), same(a.day, b.day)) {
        (true, false, false) => exchanged,
        (true, ..) => true,
        (false, month, day) => next_year && month && day,
    }
}

/// The likeness of a person to the one asked about, by the best of its names.
pub(super) fn total(key: &PersonKey, person: &Person, names: &Alignment) -> u16 {
    let mut total = Birth::of(key.birth, person.birth).apply(u32::from(names.permille));
    match nationality_agrees(key, person) {
        Some(true) => total += (1000 - total) / 20,
        Some(false) => total = total * 98 / 100,
        None => {}
    }
    if sex_differs(key, person) {
        total = total * 95 / 100;
    }
    u16::try_from(total).unwrap_or(1000)
}

/// Why the likeness is what it is. `alias`: whether a name other than the main one agreed.
pub(super) fn reason(key: &PersonKey, person: &Person, names: &Alignment, alias: bool) -> String {
    let mut words = format!("{} of {} names agree", names.found, names.asked);
    let mut add = |count: u32, what: &str| {
        if count > 0 {
            let _ = write!(words, ", {count} {what}");
        }
    };
    add(names.respelled, "in another spelling");
    add(names.edits, if names.edits == 1 { "letter differs" } else { "letters differ" });
    add(names.by_consonants, "by consonants");
    add(names.cut, "by its beginning");
    add(names.initials, "by initial");
    add(names.listed.saturating_sub(names.found), "more listed");
    if alias {
        words.push_str("; an alias");
    }
    let _ = write!(words, "; {}", Birth::of(key.birth, person.birth).words());
    if nationality_agrees(key, person) == Some(true) {
        words.push_str("; nationality agrees");
    }
    if sex_differs(key, person) {
        words.push_str("; sex differs");
    }
    words
}

fn nationality_agrees(key: &PersonKey, person: &Person) -> Option<bool> {
    let asked = key.nationality.filter(|_| !person.nationalities.is_empty())?;
    Some(person.nationalities.iter().any(|listed| listed.agrees(&asked)))
}

fn sex_differs(key: &PersonKey, person: &Person) -> bool {
    key.sex != Sex::Unspecified && person.sex != Sex::Unspecified && key.sex != person.sex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn birth(a: &str, b: &str) -> Birth {
        Birth::of(a.parse().ok(), b.parse().ok())
    }

    // Proves how birth dates relate, whole, partial, near and contradicting.
    #[test]
    fn birth_dates() {
        for (a, b, expected) in [
            ("1974-08-12", "1974-08-12", Birth::Same),
            ("1974-08-12", "1974-XX-XX", Birth::Agrees),
            ("1974-08-12", "XX74-08-12", Birth::Agrees),
            ("1974-08-12", "", Birth::Unknown),
            ("1974-08-12", "XXXX-08-XX", Birth::Unknown),
            ("1974-08-12", "1974-12-08", Birth::Near),
            ("1974-08-12", "1974-08-13", Birth::Near),
            ("1974-08-12", "1975-08-12", Birth::Near),
            ("1974-08-12", "1975-XX-XX", Birth::Near),
            ("1974-08-12", "1977-XX-XX", Birth::Contradicts),
            ("1974-08-12", "1974-09-13", Birth::Contradicts),
            ("1974-08-12", "1984-08-12", Birth::Contradicts),
            ("1974-08-12", "1975-08-13", Birth::Contradicts),
        ] {
            assert_eq!(birth(a, b), expected, "{a} {b}");
            assert_eq!(birth(b, a), expected, "{b} {a}");
        }
    }

    // Proves the order: the better the birth date agrees the higher the score, and the same name is told at any date.
    #[test]
    fn birth_orders_scores() {
        for names in [700, 800, 950, 1000] {
            let order = [Birth::Same, Birth::Agrees, Birth::Unknown, Birth::Near, Birth::Contradicts];
            let scores: Vec<u32> = order.iter().map(|birth| birth.apply(names)).collect();
            assert!(scores.is_sorted_by(|a, b| a > b), "{names}: {scores:?}");
        }
        assert_eq!(Birth::Contradicts.apply(1000), u32::from(TOLD_PERMILLE));
        assert!(Birth::Contradicts.apply(999) < u32::from(TOLD_PERMILLE));
    }
}
