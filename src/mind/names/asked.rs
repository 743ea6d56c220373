//! The name that is asked about, ready to be compared.

use postern_sdk::Name;

use super::fold::{Word, words};
use super::likeness::Likeness;
use super::table::hash;

/// Most neighbouring words that may have been written as one.
pub(super) const JOINED_MAX: usize = 3;

/// A word of the asked name, or neighbouring ones written as one.
pub(super) struct Unit {
    pub(super) word: Word,
    /// Which words of the name it stands for, a bit each.
    pub(super) mask: u16,
    /// Whether it may be the beginning of a word that was cut.
    cut: bool,
    /// Whether it is evidence.
    pub(super) telling: bool,
    /// The hash of its consonants, as joined words of a listed name are filed.
    pub(super) hash: u32,
}

impl Unit {
    pub(super) const fn is_joined(&self) -> bool {
        self.mask.count_ones() > 1
    }

    pub(super) const fn is_cut(&self) -> bool {
        self.cut
    }

    /// How a listed word is like it.
    pub(super) fn likeness(&self, listed: &Word) -> Option<Likeness> {
        if self.is_joined() {
            Likeness::of_joined(&self.word, listed)
        } else {
            Likeness::of(&self.word, self.cut, listed)
        }
    }
}

/// The name that is asked about.
pub(super) struct Asked {
    /// Its words, then those that are joined.
    pub(super) units: Vec<Unit>,
    /// How many words it has.
    pub(super) words: usize,
    /// How many of them are evidence.
    pub(super) telling: u32,
    /// Whether words may be missing at its end.
    pub(super) truncated: bool,
}

impl Asked {
    /// Folds the name; none if it has no letters.
    pub(super) fn of(name: &Name) -> Option<Self> {
        let primary = words(name.primary.reveal());
        let secondary = name.secondary.as_ref().map(|name| words(name.reveal())).unwrap_or_default();
        // Either part may be the one that was shortened.
        let ends = [primary.len(), primary.len() + secondary.len()];
        let words: Vec<Word> = merged(primary, secondary);
        let telling = telling(&words);
        let single = |(at, word): (usize, &Word)| Unit {
            word: word.clone(),
            mask: 1 << at,
            cut: name.truncated && ends.contains(&(at + 1)),
            telling: telling >> at & 1 == 1,
            hash: hash(word.consonants.bytes()),
        };
        let mut units: Vec<Unit> = words.iter().enumerate().map(single).collect();
        units.extend(spans(words.len()).map(|span| joined(&words[span.clone()], span.start, telling)));
        let asked =
            Self { units, words: words.len(), telling: telling.count_ones(), truncated: name.truncated };
        (asked.words > 0).then_some(asked)
    }

    /// The words of the name, without those that are joined.
    pub(super) fn singles(&self) -> &[Unit] {
        &self.units[..self.words]
    }
}

/// The words of both parts, at most as many as one may have.
fn merged(mut primary: Vec<Word>, secondary: Vec<Word>) -> Vec<Word> {
    primary.extend(secondary);
    primary.truncate(super::fold::WORDS_MAX);
    primary
}

/// The words of a listed name, both parts.
pub(super) fn listed(name: &Name) -> Vec<Word> {
    let secondary = name.secondary.as_ref().map(|name| words(name.reveal())).unwrap_or_default();
    merged(words(name.primary.reveal()), secondary)
}

/// Which words are evidence, a bit each: those that are telling, or all if none is.
pub(super) fn telling(words: &[Word]) -> u16 {
    let bits = words
        .iter()
        .enumerate()
        .filter(|(_, word)| word.is_telling())
        .fold(0, |bits, (at, _)| bits | 1 << at);
    if bits == 0 { mask(0, words.len()) } else { bits }
}

/// A bit for each of so many words from `start` on.
pub(super) fn mask(start: usize, count: usize) -> u16 {
    (start..start + count).fold(0, |mask, at| mask | 1 << at)
}

/// All neighbouring words that may have been written as one, in the order in which they are filed.
pub(super) fn spans(words: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (2..=JOINED_MAX)
        .flat_map(move |count| (0..(words + 1).saturating_sub(count)).map(move |at| at..at + count))
}

fn joined(words: &[Word], start: usize, telling: u16) -> Unit {
    let word = Word::joined(words);
    let mask = mask(start, words.len());
    let hash = hash(word.consonants.bytes());
    Unit { word, mask, cut: false, telling: telling & mask != 0, hash }
}

#[cfg(test)]
mod tests {
    use postern_sdk::Personal;

    use super::*;

    // Proves which words of a cut name may be beginnings, and that neighbours are joined.
    #[test]
    fn units() {
        let name = Name {
            primary: Personal::from("DE LA CRUZ"),
            secondary: Some(Personal::from("JUA")),
            truncated: true,
        };
        let asked = Asked::of(&name).unwrap();
        let plain: Vec<&str> = asked.units.iter().map(|unit| &*unit.word.plain).collect();
        assert_eq!(plain, ["DE", "LA", "CRUZ", "JUA", "DELA", "LACRUZ", "CRUZJUA", "DELACRUZ", "LACRUZJUA"]);
        let cut: Vec<bool> = asked.singles().iter().map(Unit::is_cut).collect();
        assert_eq!(cut, [false, false, true, true]);
        assert_eq!((asked.words, asked.telling), (4, 2));
        let telling: Vec<bool> = asked.units.iter().map(|unit| unit.telling).collect();
        assert_eq!(telling, [false, false, true, true, false, true, true, true, true]);
    }

    // Proves that a name without a letter is none, and that a name of particles is made of evidence.
    #[test]
    fn odd_names() {
        let name = |text: &str| Name { primary: Personal::from(text), secondary: None, truncated: false };
        assert!(Asked::of(&name("-")).is_none());
        assert_eq!(Asked::of(&name("AL LA")).unwrap().telling, 2);
    }
}
