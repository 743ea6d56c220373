//! The index: who is called like the person asked about.

use std::cmp::Reverse;
use std::fmt;

use postern_sdk::{Name, PersonKey, Reason};

use super::align::{Alignment, Listed, align, needed};
use super::asked::{self, Asked, Unit, listed, spans};
use super::fold::Word;
use super::likeness::Likeness;
use super::person::Person;
use super::score::{TOLD_PERMILLE, reason, total};
use super::table::{Lists, Table, hash};
use super::vocabulary::{Gatherer, Near, Vocabulary};

/// Most persons of an index.
pub const PERSONS_MAX: usize = 2_000_000;
/// Most names of a person.
pub const NAMES_MAX: usize = 256;
/// Most names that a search looks at before it is called too wide.
const CANDIDATES_MAX: usize = 100_000;

/// Persons that can be found by names like theirs. It holds names in the clear, so it lives in memory only.
#[derive(Default)]
pub struct NameIndex {
    persons: Vec<Person>,
    names: Vec<Entry>,
    /// The words of all names, then of each its joined ones, one name behind the other.
    words: Vec<u32>,
    joined: Vec<u32>,
    vocabulary: Vocabulary,
    /// The names that hold a word and have at least two words of evidence, or one.
    many: Lists,
    single: Lists,
    /// The names that hold joined words, by their hash.
    joints: Table,
}

/// More persons, or more names of one, than an index takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {PERSONS_MAX} persons, or more than {NAMES_MAX} names of one")
    }
}

impl std::error::Error for TooMany {}

/// A name in the index.
#[derive(Clone, Copy)]
struct Entry {
    person: u32,
    /// Which of the person's names it is.
    name: u16,
    words: u32,
    joined: u32,
    count: u8,
    telling: u16,
}

/// Who was found.
#[derive(Debug, Default)]
pub struct Found<'a> {
    /// Each person once, by the best of its names, the likeliest first.
    pub matches: Vec<Match<'a>>,
    /// Why that may not be all, if so; then silence about others says nothing.
    pub incomplete: Option<Reason>,
}

/// A person that was found.
#[derive(Clone, Debug)]
pub struct Match<'a> {
    /// The person.
    pub person: &'a Person,
    /// The name that was found.
    pub name: &'a Name,
    /// How alike, in thousandths.
    pub permille: u16,
    /// Why: counts and verdicts, no personal data.
    pub reason: String,
}

/// Names that may be like the one asked about, in ascending order, each once; and whether there are more.
struct Candidates {
    names: Vec<u32>,
    cut: bool,
}

impl fmt::Debug for NameIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (persons, names, words) = (self.persons.len(), self.names.len(), self.vocabulary.len());
        write!(f, "NameIndex({persons} persons, {names} names, {words} words)")
    }
}

impl NameIndex {
    /// Builds the index.
    ///
    /// # Errors
    /// [`TooMany`] past [`PERSONS_MAX`] or [`NAMES_MAX`].
    pub fn build(persons: Vec<Person>) -> Result<Self, TooMany> {
        if persons.len() > PERSONS_MAX || persons.iter().any(|person| person.names.len() > NAMES_MAX) {
            return Err(TooMany);
        }
        let mut index = Self::default();
        let mut gatherer = Gatherer::default();
        for (person, number) in persons.iter().zip(0..) {
            for (name, at) in person.names.iter().zip(0..) {
                index.add(number, at, listed(name), &mut gatherer);
            }
        }
        let (vocabulary, finals) = gatherer.finish();
        index.words.iter_mut().for_each(|word| *word = finals[*word as usize]);
        index.persons = persons;
        index.vocabulary = vocabulary;
        index.file();
        Ok(index)
    }

    fn add(&mut self, person: u32, name: u16, words: Vec<Word>, gatherer: &mut Gatherer) {
        if words.is_empty() {
            return;
        }
        let at = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        self.names.push(Entry {
            person,
            name,
            words: at(self.words.len()),
            joined: at(self.joined.len()),
            count: words.len() as u8,
            telling: asked::telling(&words),
        });
        self.joined
            .extend(spans(words.len()).map(|span| hash(Word::joined(&words[span]).consonants.bytes())));
        self.words.extend(words.into_iter().map(|word| gatherer.number(word)));
    }

    /// Files all names by their words and joined words.
    fn file(&mut self) {
        let (mut many, mut single, mut joints) = (Vec::new(), Vec::new(), Vec::new());
        for (entry, number) in self.names.iter().zip(0..) {
            let listed = self.listed(entry);
            let lists = if entry.telling.count_ones() > 1 { &mut many } else { &mut single };
            lists.extend(listed.words.iter().map(|word| (*word, number)));
            joints.extend(listed.joined.iter().map(|hash| (*hash, number)));
        }
        self.many = Lists::build(self.vocabulary.len(), many);
        self.single = Lists::build(self.vocabulary.len(), single);
        self.joints = Table::build(joints);
    }

    fn listed(&self, entry: &Entry) -> Listed<'_> {
        let count = usize::from(entry.count);
        let (words, joined) = (entry.words as usize, entry.joined as usize);
        Listed {
            vocabulary: &self.vocabulary,
            words: &self.words[words..words + count],
            joined: &self.joined[joined..joined + spans(count).count()],
            telling: entry.telling,
        }
    }

    /// The persons, as they were given.
    pub fn persons(&self) -> &[Person] {
        &self.persons
    }

    /// How many names there are.
    pub const fn names(&self) -> usize {
        self.names.len()
    }

    /// How many persons have no name, so that none finds them.
    pub fn nameless(&self) -> usize {
        let mut named: Vec<u32> = self.names.iter().map(|entry| entry.person).collect();
        named.dedup();
        self.persons.len() - named.len()
    }

    /// Bytes of memory that the index takes beside the persons, about.
    pub fn bytes(&self) -> usize {
        let names = self.names.len() * size_of::<Entry>() + (self.words.len() + self.joined.len()) * 4;
        names + self.vocabulary.bytes() + self.many.bytes() + self.single.bytes() + self.joints.bytes()
    }

    /// Who is like the person asked about, at most `limit` of them, the likeliest first.
    ///
    /// Names of which two words agree are compared, or one where either side has only one; so what is found is what
    /// [`scan`](Self::scan) finds.
    pub fn search(&self, key: &PersonKey, limit: usize) -> Found<'_> {
        let Some(asked) = Asked::of(&key.name) else { return nameless() };
        let near: Vec<Near> = asked.units.iter().map(|unit| self.near(unit)).collect();
        let candidates = self.candidates(&asked, &near);
        let too_many = candidates.cut.then_some(Reason::TooMany);
        let evidence = Evidence::of(&asked, &near, self.vocabulary.len());
        self.rank(key, limit, too_many, candidates.names.into_iter(), |entry| {
            let listed = self.listed(entry);
            if !evidence.may_suffice(&listed) {
                return Alignment::default();
            }
            align(&asked, &listed, |unit, at| {
                let (unit, near, word) = (&asked.units[unit], &near[unit], listed.words[at]);
                near.likeness(word).or_else(|| by_initial(unit, self.vocabulary.word(word)))
            })
        })
    }

    /// The same by comparing every name: the yardstick that the index is held against.
    pub fn scan(&self, key: &PersonKey, limit: usize) -> Found<'_> {
        let Some(asked) = Asked::of(&key.name) else { return nameless() };
        let all = 0..u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.rank(key, limit, None, all, |entry| {
            let listed = self.listed(entry);
            align(&asked, &listed, |unit, at| {
                asked.units[unit].likeness(self.vocabulary.word(listed.words[at]))
            })
        })
    }

    fn near(&self, unit: &Unit) -> Near {
        if !unit.is_joined() {
            return self.vocabulary.near(&unit.word, unit.is_cut());
        }
        let like = |word| Some((word, unit.likeness(self.vocabulary.word(word))?));
        Near { words: self.vocabulary.sounding(&unit.word).filter_map(like).collect(), cut: false }
    }

    /// The names on which enough words can agree. Where two must, one word's names need not be looked at, for the other
    /// one finds them too: the commonest word's.
    fn candidates(&self, asked: &Asked, near: &[Near]) -> Candidates {
        let telling = || asked.units.iter().zip(near).filter(|(unit, _)| unit.telling);
        let mut cut = near.iter().any(|near| near.cut);
        let size = |near: &Near| near.words.iter().map(|near| self.many.get(near.0).len()).sum::<usize>();
        let singles = telling().filter(|(unit, _)| !unit.is_joined());
        let commonest = singles.max_by_key(|(_, near)| size(near)).filter(|_| asked.telling > 1);
        let skipped = |unit: &Unit| commonest.is_some_and(|(commonest, _)| commonest.mask == unit.mask);
        let mut names = Vec::new();
        let mut rarest_first: Vec<_> = telling().collect();
        rarest_first.sort_by_cached_key(|(_, near)| size(near));
        for (unit, near) in rarest_first {
            let words = || near.words.iter().map(|near| near.0);
            let single = words().flat_map(|word| self.single.get(word)).copied();
            let many = words().flat_map(|word| self.many.get(word)).copied().filter(|_| !skipped(unit));
            let joints = self.joints.get(unit.hash).filter(|_| !unit.is_joined());
            names.extend(single.chain(joints).chain(many).take(CANDIDATES_MAX + 1 - names.len()));
        }
        if names.len() > CANDIDATES_MAX {
            names.truncate(CANDIDATES_MAX);
            cut = true;
        }
        names.sort_unstable();
        names.dedup();
        Candidates { names, cut }
    }

    /// Compares the candidates and keeps the best.
    fn rank(
        &self,
        key: &PersonKey,
        limit: usize,
        incomplete: Option<Reason>,
        candidates: impl Iterator<Item = u32>,
        compare: impl Fn(&Entry) -> Alignment,
    ) -> Found<'_> {
        let mut best: Vec<(u16, &Entry, Alignment)> = Vec::new();
        for entry in candidates.map(|number| &self.names[number as usize]) {
            let names = compare(entry);
            let permille = match names.permille {
                0 => 0,
                _ => total(key, &self.persons[entry.person as usize], &names),
            };
            match best.last_mut().filter(|best| best.1.person == entry.person) {
                Some(best) if best.0 < permille => *best = (permille, entry, names),
                None if permille >= TOLD_PERMILLE => best.push((permille, entry, names)),
                _ => {}
            }
        }
        best.sort_by_key(|(permille, ..)| Reverse(*permille));
        let truncated = (best.len() > limit).then_some(Reason::ListTruncated);
        best.truncate(limit);
        let matches =
            best.into_iter().map(|(permille, entry, names)| self.told(key, permille, entry, &names));
        Found { matches: matches.collect(), incomplete: incomplete.or(truncated) }
    }

    fn told(&self, key: &PersonKey, permille: u16, entry: &Entry, names: &Alignment) -> Match<'_> {
        let person = &self.persons[entry.person as usize];
        let reason = reason(key, person, names, entry.name > 0);
        Match { person, name: &person.names[usize::from(entry.name)], permille, reason }
    }
}

/// Which words are evidence for the asked name: what tells most candidates apart before they are compared.
struct Evidence<'a> {
    asked: &'a Asked,
    /// A bit for each word of the vocabulary.
    words: Vec<u64>,
}

impl<'a> Evidence<'a> {
    fn of(asked: &'a Asked, near: &[Near], vocabulary: usize) -> Self {
        let mut words = vec![0; vocabulary.div_ceil(64)];
        let telling = asked.units.iter().zip(near).filter(|(unit, _)| unit.telling);
        for (word, _) in telling.flat_map(|(_, near)| &near.words) {
            words[*word as usize / 64] |= 1 << (word % 64);
        }
        Self { asked, words }
    }

    /// Whether enough words of a listed name may agree.
    fn may_suffice(&self, listed: &Listed<'_>) -> bool {
        let is_near = |word: &&u32| self.words[**word as usize / 64] >> (**word % 64) & 1 == 1;
        let near = listed.words.iter().filter(is_near).count();
        let joined = || self.asked.singles().iter().any(|unit| listed.joined.contains(&unit.hash));
        near as u32 >= needed(self.asked, listed) || joined()
    }
}

/// A name without letters can't be asked for, so silence about it says nothing.
fn nameless() -> Found<'static> {
    Found { matches: Vec::new(), incomplete: Some(Reason::IdentifierMissing) }
}

/// The likeness that is not filed: of an initial.
fn by_initial(unit: &Unit, listed: &Word) -> Option<Likeness> {
    let initial = !unit.is_joined() && (unit.word.is_initial() || listed.is_initial());
    if initial { unit.likeness(listed) } else { None }
}
