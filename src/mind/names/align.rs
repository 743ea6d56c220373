//! Which words of the asked name are which of a listed one, whatever their order, and what that comes to.

use super::asked::{Asked, Unit, mask, spans};
use super::fold::Word;
use super::likeness::{Kind, Likeness};
use super::vocabulary::Vocabulary;

/// A name on one word, where either side has more to say, is worth this at most: a family is not a person.
const ONE_WORD_MAX: u32 = 650;
/// Longer words don't weigh more than ones of so many letters.
const WEIGHT_MAX: usize = 8;

/// A listed name.
#[derive(Clone, Copy)]
pub(super) struct Listed<'a> {
    pub(super) vocabulary: &'a Vocabulary,
    /// Its words.
    pub(super) words: &'a [u32],
    /// The hashes of its joined words, in the order of [`spans`].
    pub(super) joined: &'a [u32],
    /// Which words are evidence, a bit each.
    pub(super) telling: u16,
}

impl<'a> Listed<'a> {
    fn word(&self, at: usize) -> &'a Word {
        self.vocabulary.word(self.words[at])
    }
}

/// A word taken for a word.
#[derive(Clone, Copy)]
struct Pair {
    asked: u16,
    listed: u16,
    likeness: Likeness,
    telling: bool,
    weight: u32,
}

/// What a comparison of two names came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Alignment {
    /// Likeness of the names in thousandths, 0 if too little agrees.
    pub(super) permille: u16,
    /// How many of the asked words were found.
    pub(super) found: u32,
    /// How many words were asked.
    pub(super) asked: u32,
    /// How many words are listed.
    pub(super) listed: u32,
    /// How many words were found in another spelling.
    pub(super) respelled: u32,
    /// How many edits separate the others.
    pub(super) edits: u32,
    /// How many were found by their consonants only.
    pub(super) by_consonants: u32,
    /// How many were found by an initial.
    pub(super) initials: u32,
    /// How many were found by their beginning.
    pub(super) cut: u32,
}

/// Compares. `likeness` says how the unit of a number is like the listed word at a place; what it says must be what
/// [`Unit::likeness`] says.
pub(super) fn align(
    asked: &Asked,
    listed: &Listed<'_>,
    likeness: impl Fn(usize, usize) -> Option<Likeness>,
) -> Alignment {
    let mut pairs = pairs(asked, listed, likeness);
    let needed = needed(asked, listed);
    if (pairs.iter().filter(|pair| pair.telling).count() as u32) < needed {
        return Alignment::default();
    }
    // The best first; what stands earlier in the names decides between equals, so that an answer is always the same.
    pairs.sort_by_key(|pair| std::cmp::Reverse(u32::from(pair.likeness.permille) * pair.weight));
    let mut taken = Taken::default();
    pairs.iter().for_each(|pair| taken.take(pair));
    taken.conclude(asked, listed, needed)
}

/// How many words of evidence must agree: two, or one where either name has only one.
pub(super) fn needed(asked: &Asked, listed: &Listed<'_>) -> u32 {
    asked.telling.min(listed.telling.count_ones()).min(2)
}

fn pairs(
    asked: &Asked,
    listed: &Listed<'_>,
    likeness: impl Fn(usize, usize) -> Option<Likeness>,
) -> Vec<Pair> {
    let mut pairs = Vec::with_capacity(asked.words + 2);
    for (number, unit) in asked.units.iter().enumerate() {
        for at in 0..listed.words.len() {
            if let Some(likeness) = likeness(number, at) {
                pairs.push(pair(unit, mask(at, 1), listed, likeness));
            }
        }
    }
    for unit in asked.singles().iter().filter(|unit| listed.joined.contains(&unit.hash)) {
        for (span, _) in spans(listed.words.len()).zip(listed.joined).filter(|(_, hash)| **hash == unit.hash)
        {
            let words: Vec<Word> = span.clone().map(|at| listed.word(at).clone()).collect();
            if let Some(likeness) = Likeness::of_joined(&unit.word, &Word::joined(&words)) {
                pairs.push(pair(unit, mask(span.start, span.len()), listed, likeness));
            }
        }
    }
    pairs
}

fn pair(unit: &Unit, places: u16, listed: &Listed<'_>, likeness: Likeness) -> Pair {
    let telling = unit.telling && listed.telling & places != 0 && likeness.kind != Kind::Initial;
    let weight = weight(&unit.word) + listed_weight(listed, places);
    Pair { asked: unit.mask, listed: places, likeness, telling, weight }
}

fn weight(word: &Word) -> u32 {
    word.plain.len().min(WEIGHT_MAX) as u32
}

fn listed_weight(listed: &Listed<'_>, places: u16) -> u32 {
    let there = |at: &usize| places >> at & 1 == 1;
    (0..listed.words.len()).filter(there).map(|at| weight(listed.word(at))).sum()
}

fn asked_weight(asked: &Asked, places: u16) -> u32 {
    asked.singles().iter().filter(|unit| unit.mask & places != 0).map(|unit| weight(&unit.word)).sum()
}

/// The pairs that are taken so far, no word twice.
#[derive(Default)]
struct Taken {
    asked: u16,
    listed: u16,
    likeness: u32,
    weight: u32,
    telling: u32,
    tally: Alignment,
}

impl Taken {
    fn take(&mut self, pair: &Pair) {
        if pair.asked & self.asked != 0 || pair.listed & self.listed != 0 {
            return;
        }
        self.asked |= pair.asked;
        self.listed |= pair.listed;
        self.likeness += u32::from(pair.likeness.permille) * pair.weight;
        self.weight += pair.weight;
        self.telling += u32::from(pair.telling);
        let tally = &mut self.tally;
        match pair.likeness.kind {
            Kind::Same => {}
            Kind::Spelling => tally.respelled += 1,
            Kind::Edits(edits) => tally.edits += u32::from(edits),
            Kind::Bare | Kind::Consonants => tally.by_consonants += 1,
            Kind::Initial => tally.initials += 1,
            Kind::Cut => tally.cut += 1,
        }
    }

    /// Words that one name has and the other lacks cost half of what words cost in which the two differ; words that a
    /// cut name lacks cost hardly anything.
    fn conclude(self, asked: &Asked, listed: &Listed<'_>, needed: u32) -> Alignment {
        if self.telling < needed || self.weight == 0 {
            return Alignment::default();
        }
        let (asked_all, listed_all) = (mask(0, asked.words), mask(0, listed.words.len()));
        let asked_left = asked_weight(asked, asked_all & !self.asked);
        let listed_left = listed_weight(listed, listed_all & !self.listed);
        let differing = asked_left.min(listed_left);
        let lacking = if asked.truncated { (listed_left - differing) / 8 } else { listed_left - differing };
        let cost = 2 * differing + (asked_left - differing + lacking) / 2;
        let permille = self.likeness / (self.weight + cost);
        let asked_telling = asked.singles().iter().filter(|unit| unit.telling);
        let more_asked = asked_telling.fold(0, |mask, unit| mask | unit.mask) & !self.asked != 0;
        let more = more_asked || listed.telling & !self.listed != 0;
        let permille = if self.telling < 2 && more { permille.min(ONE_WORD_MAX) } else { permille };
        Alignment {
            permille: u16::try_from(permille).unwrap_or(1000),
            found: self.asked.count_ones(),
            asked: asked_all.count_ones(),
            listed: listed_all.count_ones(),
            ..self.tally
        }
    }
}
