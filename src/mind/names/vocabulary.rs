//! The distinct words of all names, and those that are like an asked one.
//!
//! Two words within one or two edits of each other become the same text when one or two letters are left out of each, so
//! each word is filed under all texts that it becomes (its *deletion neighbourhood*). Leaving letters out of the first
//! seven only finds the same words with far fewer entries: of two words within `n` edits, the first seven letters share
//! all but `n`. Words are also filed by their consonants, and stand in the order of their common spelling, so that those
//! that begin alike stand together.

use std::collections::HashMap;

use super::fold::Word;
use super::likeness::{CUT_LETTERS, Likeness, TWO_EDITS_LETTERS, beginning};
use super::table::{Table, hash};

/// Letters of a word that others may be left out of.
const PREFIX: usize = 7;
/// From this length on a word is filed with one letter left out.
const ONE_EDIT_FILED: usize = 3;
/// Most words that may begin with a cut one before the search is called too wide.
const BEGINNING_MAX: usize = 4_096;

/// The words, each by its number.
#[derive(Default)]
pub(super) struct Vocabulary {
    words: Vec<Word>,
    deletions: Table,
    consonants: Table,
}

/// Words like an asked one, in ascending order, each once.
#[derive(Debug, Default)]
pub(super) struct Near {
    pub(super) words: Vec<(u32, Likeness)>,
    /// Whether there are more.
    pub(super) cut: bool,
}

impl Near {
    /// How a word is like the asked one, if it is.
    pub(super) fn likeness(&self, word: u32) -> Option<Likeness> {
        let at = self.words.binary_search_by_key(&word, |near| near.0).ok()?;
        Some(self.words[at].1)
    }
}

/// Gives each distinct word a number.
#[derive(Default)]
pub(super) struct Gatherer {
    numbers: HashMap<Word, u32>,
}

impl Gatherer {
    /// The word's number, for now.
    pub(super) fn number(&mut self, word: Word) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(word).or_insert(next)
    }

    /// The vocabulary, and for each number that was given the final one.
    pub(super) fn finish(self) -> (Vocabulary, Vec<u32>) {
        let mut words: Vec<(Word, u32)> = self.numbers.into_iter().collect();
        words.sort_unstable_by(|(a, _), (b, _)| {
            (&a.common, &a.plain, a.bare).cmp(&(&b.common, &b.plain, b.bare))
        });
        let mut finals = vec![0; words.len()];
        for ((_, given), number) in words.iter().zip(0..) {
            finals[*given as usize] = number;
        }
        (Vocabulary::build(words.into_iter().map(|word| word.0).collect()), finals)
    }
}

impl Vocabulary {
    fn build(words: Vec<Word>) -> Self {
        let mut deletions = Vec::new();
        let mut consonants = Vec::new();
        for (word, number) in words.iter().zip(0..) {
            each_deletion(&word.common, |key| deletions.push((key, number)));
            consonants.push((hash(word.consonants.bytes()), number));
        }
        Self { words, deletions: Table::build(deletions), consonants: Table::build(consonants) }
    }

    pub(super) fn word(&self, number: u32) -> &Word {
        &self.words[number as usize]
    }

    pub(super) const fn len(&self) -> usize {
        self.words.len()
    }

    /// Bytes of memory, about.
    pub(super) fn bytes(&self) -> usize {
        let letters = |word: &Word| word.plain.len() + word.common.len() + word.consonants.len();
        let words = self.words.len() * size_of::<Word>() + self.words.iter().map(letters).sum::<usize>();
        words + self.deletions.bytes() + self.consonants.bytes()
    }

    /// The words that may have the same consonants, in ascending order.
    pub(super) fn sounding(&self, asked: &Word) -> impl Iterator<Item = u32> {
        self.consonants.get(hash(asked.consonants.bytes()))
    }

    /// The words that are like this one, but for what only an initial has in common.
    pub(super) fn near(&self, asked: &Word, cut: bool) -> Near {
        let mut numbers = Vec::new();
        each_deletion(&asked.common, |key| numbers.extend(self.deletions.get(key)));
        numbers.extend(self.sounding(asked));
        let too_many = cut && self.beginning(asked, &mut numbers);
        numbers.sort_unstable();
        numbers.dedup();
        let like = |number: u32| Some((number, Likeness::of(asked, cut, self.word(number))?));
        Near { words: numbers.into_iter().filter_map(like).collect(), cut: too_many }
    }

    /// Adds the words that may begin with this one; true if there are too many.
    fn beginning(&self, asked: &Word, numbers: &mut Vec<u32>) -> bool {
        if asked.plain.len() < CUT_LETTERS {
            return false;
        }
        let shorter = beginning(asked);
        let mut too_many = false;
        for start in [&asked.common, &shorter.common] {
            let from = self.words.partition_point(|word| *word.common < **start);
            let alike = self.words[from..].iter().take_while(|word| word.common.starts_with(&**start));
            let count = alike.take(BEGINNING_MAX + 1).count();
            too_many |= count > BEGINNING_MAX;
            numbers.extend(
                (from..from + count.min(BEGINNING_MAX)).filter_map(|number| u32::try_from(number).ok()),
            );
        }
        too_many
    }
}

/// Calls with the hash of each text that the word becomes: itself, and with one or two letters left out.
fn each_deletion(common: &str, mut call: impl FnMut(u32)) {
    let letters = common.as_bytes();
    let prefix = &letters[..letters.len().min(PREFIX)];
    let without = |a: usize, b: usize| {
        hash(prefix.iter().enumerate().filter(|(at, _)| *at != a && *at != b).map(|(_, letter)| *letter))
    };
    let none = usize::MAX;
    call(without(none, none));
    if letters.len() < ONE_EDIT_FILED {
        return;
    }
    for a in 0..prefix.len() {
        call(without(a, none));
        for b in a + 1..if letters.len() < TWO_EDITS_LETTERS { 0 } else { prefix.len() } {
            call(without(a, b));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fold::words;
    use super::super::likeness::Kind;
    use super::*;

    fn vocabulary(texts: &[String]) -> Vocabulary {
        let mut gatherer = Gatherer::default();
        texts.iter().flat_map(|text| words(text)).for_each(|word| {
            gatherer.number(word);
        });
        gatherer.finish().0
    }

    /// Words of few letters, so that many are like each other, some of them in Arabic.
    fn word() -> impl Strategy<Value = String> {
        prop_oneof![4 => "[ABHKMS]{1,10}", 2 => "[A-Z]{2,12}", 1 => "[محدبس]{2,6}"]
    }

    proptest! {
        // Proves that exactly the words are found that are like the asked one, initials aside.
        #[test]
        fn finds_all_that_is_like(
            listed in prop::collection::vec(word(), 1..60), asked in word(), cut: bool,
        ) {
            let vocabulary = vocabulary(&listed);
            let asked = &words(&asked)[0];
            let near = vocabulary.near(asked, cut);
            let expected: Vec<_> = (0..).zip(&vocabulary.words).filter_map(|(number, word)| {
                let likeness = Likeness::of(asked, cut, word)?;
                (likeness.kind != Kind::Initial).then_some((number, likeness))
            }).collect();
            let found: Vec<_> =
                near.words.iter().copied().filter(|near| near.1.kind != Kind::Initial).collect();
            prop_assert_eq!(found, expected);
        }
    }

    // Proves that a beginning that too many words share is told as such.
    #[test]
    fn too_many_beginnings() {
        let letter = |number: usize| char::from(b'A' + (number % 26) as u8);
        let texts: Vec<String> = (0..BEGINNING_MAX + 500)
            .map(|n| format!("MOR{}{}{}", letter(n), letter(n / 26), letter(n / 676)))
            .collect();
        let vocabulary = vocabulary(&texts);
        assert!(vocabulary.near(&words("MOR")[0], true).cut);
        assert!(!vocabulary.near(&words("MOR")[0], false).cut);
        assert!(!vocabulary.near(&words("MORAB")[0], true).cut);
    }
}
