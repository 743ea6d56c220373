//! Synthetic persons in notices. Every name is made of syllables, so that none is anybody's.

use jiff::civil::Date;
use postern_sdk::PartialDate;

use super::seed::Seed;

const SYLLABLES: &[&str] = &[
    "BA", "DOR", "EL", "FIN", "GU", "HAR", "IL", "JO", "KEM", "LU", "MAR", "NO", "OS", "PEL", "RU", "SIN",
    "TAV", "ZE",
];

const COLOURS: &[&str] = &["RED", "RED", "BLUE", "GREEN", "YELLOW", "RED DIFF"];

/// A person in a notice.
#[derive(Clone, Debug)]
pub struct Nominal {
    /// The record's id.
    pub record: String,
    /// The surname.
    pub name: String,
    /// The given name.
    pub forename: String,
    /// The date of birth.
    pub birth: PartialDate,
    /// The colour of the notice.
    pub notice: &'static str,
}

/// Persons of a seed.
pub(super) fn generate(seed: u64, count: usize) -> Vec<Nominal> {
    let mut seed = Seed::new(seed ^ 0x4E4F_4D49_4E41_4C53);
    (0..count).map(|index| nominal(&mut seed, index)).collect()
}

fn nominal(seed: &mut Seed, index: usize) -> Nominal {
    let part = |seed: &mut Seed, below: u64, from: i64| i64::try_from(seed.below(below)).unwrap_or(0) + from;
    let year = i16::try_from(part(seed, 60, 1940)).unwrap_or(1970);
    let month = i8::try_from(part(seed, 12, 1)).unwrap_or(1);
    let day = i8::try_from(part(seed, 28, 1)).unwrap_or(1);
    Nominal {
        record: format!("N-{index:06}"),
        name: word(seed, 3),
        forename: word(seed, 2),
        birth: PartialDate::full(Date::constant(year, month, day)),
        notice: seed.pick(COLOURS),
    }
}

pub(super) fn word(seed: &mut Seed, syllables: usize) -> String {
    (0..syllables).map(|_| seed.pick(SYLLABLES)).collect()
}

/// What is searched by.
pub(super) struct Sought<'a> {
    pub(super) name: &'a str,
    pub(super) forename: Option<&'a str>,
    pub(super) birth: Option<PartialDate>,
}

/// How like a person is to what is sought, in tenths of the best; 0 for not at all.
pub(super) fn likeness(nominal: &Nominal, sought: &Sought<'_>) -> u16 {
    let begins_alike = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count() >= 4;
    let name = sought.name.trim().to_uppercase();
    let mut score = match () {
        () if nominal.name == name => 10,
        () if begins_alike(&nominal.name, &name) => 7,
        () => return 0,
    };
    if sought.forename.is_some_and(|forename| nominal.forename != forename.trim().to_uppercase()) {
        score -= 2;
    }
    match sought.birth {
        Some(birth) if birth == nominal.birth => score,
        Some(birth) if birth.full_year() == nominal.birth.full_year() => score - 2,
        Some(_) => 0,
        None => score - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that the same seed makes the same persons, and another seed others.
    #[test]
    fn seeded() {
        let names = |seed| generate(seed, 20).into_iter().map(|nominal| nominal.name).collect::<Vec<_>>();
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
    }

    // Proves that the whole identity scores best, and another birth year or name not at all.
    #[test]
    fn scores() {
        let nominal = &generate(1, 1)[0];
        let sought = |name, forename, birth| Sought { name, forename, birth };
        let (name, forename) = (nominal.name.as_str(), Some(nominal.forename.as_str()));
        assert_eq!(likeness(nominal, &sought(name, forename, Some(nominal.birth))), 10);
        assert_eq!(likeness(nominal, &sought(name, Some("OTHER"), None)), 7);
        let other = PartialDate::full(Date::constant(1930, 1, 1));
        assert_eq!(likeness(nominal, &sought(name, forename, Some(other))), 0);
        assert_eq!(likeness(nominal, &sought("QQQQQQ", forename, None)), 0);
    }
}
