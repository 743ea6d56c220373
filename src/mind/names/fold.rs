//! From a name in any script to words in Latin capitals.
//!
//! Letters are transliterated one by one from the tables of the `any_ascii` crate. Where those lose what names need, this
//! file corrects them: Arabic alef and ain are kept as a vowel, Greek upsilon by the letter before it. Arabic and Hebrew
//! write few vowels, so their words are marked and compared by their consonants. Each Chinese character and Korean
//! syllable is a word of its own.

use any_ascii::any_ascii_char;

use super::spelling::{common, consonants};

/// Most words of one name; what follows adds nothing to telling persons apart.
pub(super) const WORDS_MAX: usize = 16;
/// Longest word that is compared, in letters; longer ones are cut on both sides alike.
pub(super) const LETTERS_MAX: usize = 40;
/// Most characters of a name that are looked at.
const CHARACTERS_MAX: usize = 512;

/// Words that stand in so many names that they tell nobody apart.
const PARTICLES: &[&str] = &[
    "AL", "BIN", "BINT", "DA", "DE", "DEL", "DEN", "DER", "DI", "DO", "DOS", "DU", "EL", "IBN", "LA", "LE",
    "UL", "VAN", "VON",
];

/// A word of a name, in the forms in which it is compared.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Word {
    /// Its letters in Latin capitals.
    pub(super) plain: Box<str>,
    /// Its [`common`] spelling.
    pub(super) common: Box<str>,
    /// Its [`consonants`].
    pub(super) consonants: Box<str>,
    /// Which letters the common spelling has, a bit each.
    pub(super) letters: u32,
    /// Whether it was written without vowels.
    pub(super) bare: bool,
}

impl Word {
    pub(super) fn new(letters: &str, bare: bool) -> Self {
        let plain = &letters[..letters.len().min(LETTERS_MAX)];
        let common = common(plain);
        let consonants = consonants(&common);
        let letters = common.bytes().fold(0, |letters, letter| letters | 1 << (letter & 31));
        let [plain, common, consonants] = [plain, &common, &consonants].map(Into::into);
        Self { plain, common, consonants, letters, bare }
    }

    /// Words written as one.
    pub(super) fn joined(words: &[Self]) -> Self {
        let letters: String = words.iter().map(|word| &*word.plain).collect();
        Self::new(&letters, words.iter().any(|word| word.bare))
    }

    /// Whether the word says enough to count as evidence: an initial or a particle does not.
    pub(super) fn is_telling(&self) -> bool {
        self.plain.len() > 1 && PARTICLES.binary_search(&&*self.plain).is_err()
    }

    pub(super) fn is_initial(&self) -> bool {
        self.plain.len() == 1
    }
}

/// The words of a name, at most [`WORDS_MAX`].
pub(super) fn words(name: &str) -> Vec<Word> {
    let mut folder = Folder::default();
    for c in name.chars().take(CHARACTERS_MAX) {
        folder.take(c);
    }
    folder.end_word();
    folder.words
}

#[derive(Default)]
struct Folder {
    words: Vec<Word>,
    letters: String,
    bare: bool,
    before: Option<char>,
}

impl Folder {
    fn take(&mut self, c: char) {
        if is_whole_word(c) {
            self.end_word();
            self.push(any_ascii_char(c));
            self.end_word();
        } else if separates(c) {
            self.end_word();
        } else {
            self.bare |= writes_few_vowels(c);
            let letters = letter(c, self.before);
            self.push(letters);
        }
        self.before = Some(c);
    }

    fn push(&mut self, letters: &str) {
        self.letters
            .extend(letters.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase()));
    }

    fn end_word(&mut self) {
        let (letters, bare) = (std::mem::take(&mut self.letters), std::mem::take(&mut self.bare));
        if !letters.is_empty() && self.words.len() < WORDS_MAX {
            self.words.push(Word::new(&letters, bare));
        }
    }
}

/// The Latin letters of a character, by the one before it.
fn letter(c: char, before: Option<char>) -> &'static str {
    match c {
        'ا' | 'أ' | 'إ' | 'آ' | 'ٱ' | 'ع' | 'ة' | 'ى' => "A",
        'υ' | 'ύ' | 'Υ' | 'Ύ' => match before {
            Some('ο' | 'Ο') => "U",
            Some('α' | 'ε' | 'Α' | 'Ε') => "V",
            _ => "Y",
        },
        c => any_ascii_char(c),
    }
}

/// What stands between words. Apostrophes of all kinds stand within them.
fn separates(c: char) -> bool {
    let within = matches!(c, '\'' | '`' | '´' | '’' | '‘' | 'ʼ' | 'ʿ' | 'ʾ' | '·');
    !within && !c.is_alphabetic() && !is_mark(c)
}

/// Marks that combine with a letter, and joiners that are not seen.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{640}'
        | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{93a}'..='\u{94f}' | '\u{200b}'..='\u{200f}')
}

/// Chinese characters and Korean syllables.
const fn is_whole_word(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{20000}'..='\u{3ffff}')
}

/// Letters of Hebrew and Arabic.
const fn writes_few_vowels(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{77f}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(name: &str) -> String {
        words(name).iter().map(|word| &*word.plain).collect::<Vec<_>>().join(" ")
    }

    // Proves the words of names in several scripts, and what stands between and within words.
    #[test]
    fn scripts() {
        for (name, expected) in [
            ("Jörg Łukasz Ærø", "JORG LUKASZ AERO"),
            ("Jo\u{308}rg", "JORG"),
            ("O’Brien-d'Arc, J.P.", "OBRIEN DARC J P"),
            ("ERIKSSON<<ANNA<MARIA", "ERIKSSON ANNA MARIA"),
            ("Юрий Щербаков", "YURIY SHCHERBAKOV"),
            ("Ευάγγελος Παπαδόπουλος", "EVAGGELOS PAPADOPOULOS"),
            ("王小明", "WANG XIAO MING"),
            ("عبد الرحمن", "ABD ALRHMN"),
            ("Nguyễn Văn Đức", "NGUYEN VAN DUC"),
            ("- 12 ?", ""),
        ] {
            assert_eq!(plain(name), expected, "{name}");
        }
    }

    // Proves that a word of a script without vowels is marked, and agrees by consonants with its Latin spelling.
    #[test]
    fn bare_words() {
        for (written, latin) in
            [("محمد", "MUHAMMAD"), ("خالد", "Khaled"), ("علي", "Ali"), ("يوسف", "Youssef")]
        {
            let (bare, whole) = (&words(written)[0], &words(latin)[0]);
            assert!(bare.bare && !whole.bare);
            assert_eq!(bare.consonants, whole.consonants, "{latin}");
        }
    }

    // Proves that the particles can be searched, and that they and initials tell nothing.
    #[test]
    fn telling_words() {
        assert!(PARTICLES.is_sorted());
        let telling = |name: &str| words(name).iter().map(Word::is_telling).collect::<Vec<_>>();
        assert_eq!(telling("J van Li"), [false, false, true]);
    }

    proptest! {
        // Proves that any text folds, within the limits, to capitals only.
        #[test]
        fn total(name in any::<String>(), long in "\\PC{0,600}") {
            for word in words(&name).iter().chain(&words(&long)) {
                prop_assert!(word.plain.len() <= LETTERS_MAX && !word.plain.is_empty());
                prop_assert!(word.plain.bytes().all(|byte| byte.is_ascii_uppercase()));
            }
            prop_assert!(words(&long).len() <= WORDS_MAX);
        }
    }
}
