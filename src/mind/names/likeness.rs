//! How alike two words are, and why.

use super::fold::Word;

/// From this length of the longer common spelling on, one edit is tolerated.
const ONE_EDIT_LETTERS: usize = 4;
/// From this length of both on, two edits are.
pub(super) const TWO_EDITS_LETTERS: usize = 7;
/// Fewest letters of a word that may have been cut.
pub(super) const CUT_LETTERS: usize = 3;
/// Fewest consonants by which two words that were written with vowels agree.
const CONSONANTS_MIN: usize = 3;
/// Fewest where one was written without.
const BARE_CONSONANTS_MIN: usize = 2;

/// Why two words are taken for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The same letters.
    Same,
    /// The same common spelling.
    Spelling,
    /// One is the beginning of the other and may have been cut.
    Cut,
    /// Their common spellings are so many edits apart.
    Edits(u8),
    /// The consonants agree, and one was written without vowels.
    Bare,
    /// The consonants agree.
    Consonants,
    /// One is the initial of the other.
    Initial,
}

/// How alike two words are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Likeness {
    pub(super) kind: Kind,
    pub(super) permille: u16,
}

impl Likeness {
    const fn new(kind: Kind, permille: u16) -> Self {
        Self { kind, permille }
    }

    /// Of an asked word and a listed one, none if they are not alike. `cut`: the asked word may be a beginning.
    pub(super) fn of(asked: &Word, cut: bool, listed: &Word) -> Option<Self> {
        if asked.plain == listed.plain {
            return Some(Self::new(Kind::Same, 1000));
        }
        if asked.is_initial() || listed.is_initial() {
            return initial(asked, listed);
        }
        if asked.common == listed.common {
            return Some(Self::new(Kind::Spelling, 960));
        }
        if cut && begins(asked, listed) {
            return Some(Self::new(Kind::Cut, 950));
        }
        if asked.bare || listed.bare {
            return bare(asked, listed);
        }
        edits(asked, listed).or_else(|| by_consonants(asked, listed))
    }

    /// Of words that make one word when they are joined: without edits, for joining is a difference already.
    pub(super) fn of_joined(asked: &Word, listed: &Word) -> Option<Self> {
        if asked.common == listed.common {
            return Some(Self::new(Kind::Spelling, if asked.plain == listed.plain { 980 } else { 940 }));
        }
        if asked.bare || listed.bare { bare(asked, listed) } else { None }
    }
}

fn bare(asked: &Word, listed: &Word) -> Option<Likeness> {
    let agree = asked.consonants == listed.consonants && asked.consonants.len() >= BARE_CONSONANTS_MIN;
    agree.then_some(Likeness::new(Kind::Bare, 850))
}

fn initial(asked: &Word, listed: &Word) -> Option<Likeness> {
    let agree = asked.plain.bytes().next() == listed.plain.bytes().next();
    agree.then_some(Likeness::new(Kind::Initial, 600))
}

/// Whether the asked word can be a beginning of the listed one, by common spelling or by letters. The letter that it was
/// cut behind may be half of two that are spelled as one (`CHRISTOP`), so by letters its spelling may go without it.
fn begins(asked: &Word, listed: &Word) -> bool {
    let by_letters = || {
        let shorter = beginning(asked);
        listed.plain.starts_with(&*asked.plain) && listed.common.starts_with(&*shorter.common)
    };
    asked.plain.len() >= CUT_LETTERS && (listed.common.starts_with(&*asked.common) || by_letters())
}

/// A word that was cut, without its last letter.
pub(super) fn beginning(cut: &Word) -> Word {
    Word::new(&cut.plain[..cut.plain.len().saturating_sub(1)], cut.bare)
}

/// How many edits two common spellings of these lengths may be apart.
pub(super) const fn edits_max(a: usize, b: usize) -> usize {
    let (shorter, longer) = if a < b { (a, b) } else { (b, a) };
    if shorter >= TWO_EDITS_LETTERS {
        2
    } else if longer >= ONE_EDIT_LETTERS {
        1
    } else {
        0
    }
}

fn edits(asked: &Word, listed: &Word) -> Option<Likeness> {
    let (a, b) = (asked.common.len(), listed.common.len());
    let max = edits_max(a, b);
    // An edit takes one letter away and brings one at most, so most words are told apart without comparing them.
    let differing = (asked.letters ^ listed.letters).count_ones() as usize;
    if max == 0 || a.abs_diff(b) > max || differing > 2 * max {
        return None;
    }
    let edits = strsim::osa_distance(&asked.common, &listed.common);
    let longer = a.max(b);
    let permille = u16::try_from(1000 - 1000 * edits.min(longer) / longer).unwrap_or(0);
    let kind = Kind::Edits(u8::try_from(edits).unwrap_or(u8::MAX));
    (edits <= max).then_some(Likeness::new(kind, permille))
}

fn by_consonants(asked: &Word, listed: &Word) -> Option<Likeness> {
    let agree = asked.consonants == listed.consonants && asked.consonants.len() >= CONSONANTS_MIN;
    agree.then_some(Likeness::new(Kind::Consonants, 740))
}

#[cfg(test)]
mod tests {
    use super::super::fold::words;
    use super::*;

    fn kind(asked: &str, cut: bool, listed: &str) -> Option<Kind> {
        Likeness::of(&words(asked)[0], cut, &words(listed)[0]).map(|likeness| likeness.kind)
    }

    // Proves each kind of likeness, and what is not alike.
    #[test]
    fn kinds() {
        for (asked, listed, expected) in [
            ("Eriksson", "ERIKSSON", Some(Kind::Same)),
            ("Müller", "MUELLER", Some(Kind::Spelling)),
            ("ERIKSON", "ERIKSSON", Some(Kind::Spelling)),
            ("ERIKSTON", "ERIKSSON", Some(Kind::Edits(1))),
            ("ERISKSTON", "ERIKSSON", Some(Kind::Edits(2))),
            ("HOSSAIN", "HUSSEIN", Some(Kind::Consonants)),
            ("KIM", "JIM", None),
            ("LIND", "LINA", Some(Kind::Edits(1))),
            ("محمد", "MOHAMMED", Some(Kind::Bare)),
            ("محمد", "MAHMOUDI", Some(Kind::Bare)),
            ("محمد", "KHALED", None),
            ("J", "JOHN", Some(Kind::Initial)),
            ("JOHN", "J", Some(Kind::Initial)),
            ("K", "JOHN", None),
            ("CHRISTOP", "CHRISTOPHER", None),
        ] {
            assert_eq!(kind(asked, false, listed), expected, "{asked} {listed}");
        }
    }

    // Proves that a word that may have been cut agrees with what it begins, unless too little is left of it.
    #[test]
    fn cut_words() {
        assert_eq!(kind("CHRISTOP", true, "CHRISTOPHER"), Some(Kind::Cut));
        assert_eq!(kind("MUE", true, "MÜLLER"), Some(Kind::Cut));
        assert_eq!(kind("CH", true, "CHRISTOPHER"), None);
    }

    // Proves that edits cost more in short words.
    #[test]
    fn edits_by_length() {
        let permille = |a: &str, b: &str| Likeness::of(&words(a)[0], false, &words(b)[0]).unwrap().permille;
        assert!(permille("LIND", "LINA") < permille("ERIKSTON", "ERIKSSON"));
        assert_eq!((edits_max(3, 3), edits_max(3, 4), edits_max(6, 9), edits_max(7, 9)), (0, 1, 1, 2));
    }
}
