//! Synthetic persons by the hundred thousand, and what happens to their names on the way through many hands. Every name is
//! made of syllables, so that none is anybody's.

use jiff::civil::Date;
use postern_sdk::{Name, PartialDate, PersonKey, Personal, Sex, State};

use super::seed::Seed;
use crate::mind::names::Person;

const BEGINNINGS: &[&str] =
    &["", "B", "D", "F", "G", "H", "K", "L", "M", "N", "P", "R", "S", "SH", "T", "V", "Z", "CH"];
const VOWELS: &[&str] = &["A", "E", "I", "O", "U", "AI", "IA"];
const ENDINGS: &[&str] = &["", "", "N", "R", "S", "L", "M", "K", "TZ", "RD"];

/// Surnames that there are; the first ones are the most frequent.
const SURNAMES: u64 = 40_000;
/// Given names that there are.
const FORENAMES: u64 = 5_000;

const NATIONALITIES: &[&str] = &["UTO", "YTO", "XXA", "XXB", "ZZZ"];

/// What can happen to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// Its words stand in another order.
    Order,
    /// One word is missing.
    Missing,
    /// A letter is wrong, missing, doubled, or exchanged with its neighbour.
    Letter,
    /// Two letters are.
    Letters,
    /// A given name is an initial.
    Initial,
    /// It was cut at the end.
    Cut,
    /// Two neighbouring words are written as one.
    Joined,
}

impl Change {
    /// Every change.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::Order,
        Self::Missing,
        Self::Letter,
        Self::Letters,
        Self::Initial,
        Self::Cut,
        Self::Joined,
    ];
}

/// Persons of a seed, each with its number as id.
pub fn generate(count: usize, seed: u64) -> Vec<Person> {
    let mut seed = Seed::new(seed ^ 0x5045_5253_4F4E_5321);
    (0..count).map(|number| person(&mut seed, number)).collect()
}

fn person(seed: &mut Seed, number: usize) -> Person {
    let aliases = seed.below(4) / 3;
    Person {
        id: format!("P-{number:07}"),
        names: (0..=aliases).map(|_| name(seed)).collect(),
        birth: Some(birth(seed)),
        sex: seed.pick(&[Sex::Female, Sex::Male, Sex::Unspecified]),
        nationalities: State::normalise(seed.pick(NATIONALITIES)).into_iter().collect(),
        notice: Some("RED".to_owned()),
        ..Person::default()
    }
}

fn birth(seed: &mut Seed) -> PartialDate {
    let mut part = |below: u64| i8::try_from(seed.below(below)).unwrap_or(0);
    let mut date = PartialDate::full(Date::constant(1940 + i16::from(part(60)), 1 + part(12), 1 + part(28)));
    if part(5) == 0 {
        (date.month, date.day) = (None, None);
    }
    date
}

fn name(seed: &mut Seed) -> Name {
    let surname = word(frequent(seed, SURNAMES));
    let forenames: Vec<String> =
        (0..=seed.below(5) / 2).map(|_| word(SURNAMES + frequent(seed, FORENAMES))).collect();
    Name { primary: surname.into(), secondary: Some(forenames.join(" ").into()), truncated: false }
}

/// A number below `end`, the small ones much more often, as names are.
fn frequent(seed: &mut Seed, end: u64) -> u64 {
    let (a, b) = (seed.below(end), seed.below(end));
    a * b / end
}

/// The word of a number: always the same, two to four syllables.
fn word(number: u64) -> String {
    let mut seed = Seed::new(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let syllables = 2 + seed.below(3) / 2 + seed.below(5) / 4;
    let parts = [BEGINNINGS, VOWELS, ENDINGS];
    (0..syllables).flat_map(|_| parts.map(|part| seed.pick(part))).collect()
}

/// What is asked about a person whose main name was changed: with a birth date, or without.
pub fn asked(person: &Person, change: Change, with_birth: bool, seed: u64) -> PersonKey {
    let name = person.names.first().cloned().unwrap_or_default();
    PersonKey {
        name: changed(&name, change, &mut Seed::new(seed)),
        birth: person.birth.filter(|_| with_birth),
        sex: Sex::Unspecified,
        nationality: None,
        document: None,
    }
}

/// The name after a change. One that has no second word can't lose one, or have two joined.
fn changed(name: &Name, change: Change, seed: &mut Seed) -> Name {
    let secondary = name.secondary.as_ref().map(|name| name.reveal().clone()).unwrap_or_default();
    let all = format!("{} {secondary}", name.primary.reveal());
    let mut words: Vec<String> = all.split_whitespace().map(str::to_owned).collect();
    let several = words.len() > 1;
    let any = |seed: &mut Seed, count: usize| usize::try_from(seed.below(count as u64)).unwrap_or(0);
    match change {
        Change::None | Change::Cut => {}
        Change::Order => words.rotate_left(1),
        Change::Missing if several => drop(words.remove(any(seed, words.len()))),
        Change::Letter | Change::Letters => {
            for _ in 0..if change == Change::Letter { 1 } else { 2 } {
                let at = any(seed, words.len());
                words[at] = misspelled(&words[at], seed);
            }
        }
        Change::Initial if several => words[1].truncate(1),
        Change::Joined if several => {
            let second = words.remove(1);
            words[0].push_str(&second);
        }
        Change::Missing | Change::Initial | Change::Joined => {}
    }
    let mut joined = words.join(" ");
    if change == Change::Cut {
        joined.truncate(joined.len() - joined.len() / 5);
    }
    let (primary, secondary) = joined.split_once(' ').unwrap_or((&joined, ""));
    let secondary = (!secondary.trim().is_empty()).then(|| Personal::from(secondary.trim()));
    Name { primary: primary.into(), secondary, truncated: change == Change::Cut }
}

fn misspelled(word: &str, seed: &mut Seed) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = usize::try_from(seed.below(letters.len() as u64)).unwrap_or(0);
    let letter = char::from(b'A' + u8::try_from(seed.below(26)).unwrap_or(0));
    match seed.below(4) {
        0 => letters[at] = letter,
        1 if letters.len() > 2 => drop(letters.remove(at)),
        2 if at + 1 < letters.len() => letters.swap(at, at + 1),
        _ => letters.insert(at, letter),
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that the same seed makes the same persons and changes, and another seed others.
    #[test]
    fn seeded() {
        assert_eq!(generate(20, 1), generate(20, 1));
        assert_ne!(generate(20, 1), generate(20, 2));
        let person = &generate(1, 1)[0];
        assert_eq!(asked(person, Change::Letter, true, 3), asked(person, Change::Letter, true, 3));
    }

    // Proves that changes change what they say.
    #[test]
    fn changes() {
        let name = Name { primary: "KORVATZ".into(), secondary: Some("LIMA SANO".into()), truncated: false };
        let after = |change| {
            let name = changed(&name, change, &mut Seed::new(5));
            format!("{} {}", name.primary.reveal(), name.secondary.unwrap_or_default().reveal())
        };
        assert_eq!(after(Change::None), "KORVATZ LIMA SANO");
        assert_eq!(after(Change::Order), "LIMA SANO KORVATZ");
        assert_eq!(after(Change::Missing).split(' ').count(), 2);
        assert_ne!(after(Change::Letter), after(Change::None));
        assert_eq!(after(Change::Initial), "KORVATZ L SANO");
        assert_eq!(after(Change::Cut), "KORVATZ LIMA S");
        assert_eq!(after(Change::Joined), "KORVATZLIMA SANO");
    }
}
