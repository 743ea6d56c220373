//! Registration marks of vehicles.

use super::IdentifierError;
use super::text::{Keep, Text, identifier};

/// A registration mark in normal form: 2 to 16 upper-case Latin letters and digits.
///
/// There is no international syntax. Blanks, hyphens and dots are stripped, and the Cyrillic and Greek letters that look
/// like Latin ones are folded to them, because the marks of the countries that use those scripts are drawn from exactly
/// these look-alikes (Vienna Convention on Road Traffic, Annex 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Plate(Text<16>);

impl Plate {
    /// The normal form of a mark as read or typed.
    ///
    /// # Errors
    /// [`IdentifierError`] if nothing, too little or too much is left, or at the first letter without a Latin look-alike.
    pub fn normalise(raw: &str) -> Result<Self, IdentifierError> {
        Text::collect(raw, 2, keep).map(Self)
    }
}

fn keep(c: char) -> Keep {
    match c {
        'A'..='Z' | '0'..='9' => Keep::Byte(c as u8),
        'a'..='z' => Keep::Byte(c.to_ascii_uppercase() as u8),
        ' ' => Keep::Nothing,
        c if c.is_ascii_punctuation() => Keep::Nothing,
        c => look_alike(c).map_or(Keep::Refused, Keep::Byte),
    }
}

/// The Latin letter that a Cyrillic or Greek capital, or its small form, looks like.
fn look_alike(c: char) -> Option<u8> {
    let upper = c.to_uppercase().next().unwrap_or(c);
    Some(match upper {
        'А' | 'Α' => b'A',
        'В' | 'Β' => b'B',
        'Е' | 'Ε' => b'E',
        'К' | 'Κ' => b'K',
        'М' | 'Μ' => b'M',
        'Н' | 'Η' => b'H',
        'О' | 'Ο' => b'O',
        'Р' | 'Ρ' => b'P',
        'С' => b'C',
        'Т' | 'Τ' => b'T',
        'У' | 'Υ' => b'Y',
        'Х' | 'Χ' => b'X',
        'І' | 'Ι' => b'I',
        'Ζ' => b'Z',
        'Ν' => b'N',
        _ => return None,
    })
}

identifier!(
    Plate,
    "Registration mark; cleaned to 2 to 16 upper-case Latin letters and digits.",
    "[0-9A-Za-z]"
);

#[cfg(test)]
mod tests {
    use super::*;

    // Proves stripping and the folding of look-alikes, and that other letters are refused with their offset.
    #[test]
    fn folds_and_refuses() {
        assert_eq!(Plate::normalise("b-mw 12.34").unwrap().reveal(), "BMW1234");
        assert_eq!(Plate::normalise("А123ВС77").unwrap().reveal(), "A123BC77");
        assert_eq!(Plate::normalise("ΙΒΚ-1234").unwrap().reveal(), "IBK1234");
        assert_eq!(Plate::normalise("12Ж34"), Err(IdentifierError::Character { offset: 2 }));
    }
}
