//! Vehicle identification numbers (ISO 3779).

use super::IdentifierError;
use super::text::{Text, identifier};

/// Weight of each of the 17 positions (49 CFR 565.15); the check digit itself weighs nothing.
const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];

/// A vehicle identification number in normal form: 5 to 17 upper-case letters and digits.
///
/// Vehicles built before 1981 carry shorter numbers, so less than 17 is no error. The letters I, O and Q don't occur in
/// a standard number and are easily misread; [`misread`](Self::misread) offers the number without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vin(Text<17>);

impl Vin {
    /// The normal form of a number as stamped, read or typed.
    ///
    /// # Errors
    /// [`IdentifierError`] as for a document number, with bounds 5 and 17.
    pub fn normalise(raw: &str) -> Result<Self, IdentifierError> {
        Text::clean(raw, 5).map(Self)
    }

    /// Whether the check digit at position 9 agrees. It is mandatory in North America only, so a `false` proves nothing.
    pub fn check_digit_agrees(&self) -> bool {
        let text = self.reveal().as_bytes();
        let Some(sum) = weighted_sum(text) else { return false };
        let expected = match sum % 11 {
            10 => b'X',
            digit => b'0' + u8::try_from(digit).unwrap_or_default(),
        };
        text[8] == expected
    }

    /// The number with I read as 1 and O, Q as 0, if it holds any of them.
    pub fn misread(&self) -> Option<Self> {
        let fixed: String = self.reveal().chars().map(standard_letter).collect();
        (fixed != self.reveal()).then(|| Self::normalise(&fixed).ok()).flatten()
    }
}

fn standard_letter(c: char) -> char {
    match c {
        'I' => '1',
        'O' | 'Q' => '0',
        other => other,
    }
}

fn weighted_sum(text: &[u8]) -> Option<u32> {
    if text.len() != WEIGHTS.len() {
        return None;
    }
    text.iter().zip(WEIGHTS).map(|(&byte, weight)| Some(value(byte)? * weight)).sum()
}

/// The value of a character; I, O and Q have none.
fn value(byte: u8) -> Option<u32> {
    Some(match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'H' => u32::from(byte - b'A') + 1,
        b'J'..=b'N' => u32::from(byte - b'J') + 1,
        b'P' => 7,
        b'R' => 9,
        b'S'..=b'Z' => u32::from(byte - b'S') + 2,
        _ => return None,
    })
}

identifier!(
    Vin,
    "Vehicle identification number; cleaned to 5 to 17 upper-case letters and digits.",
    "[0-9A-Za-z]"
);

#[cfg(test)]
mod tests {
    use super::*;

    // Proves the check digit on the published numbers.
    #[test]
    fn published_check_digits() {
        let vins = [
            "1M8GDM9AXKP042788",
            "1G4AH59H45G118341",
            "1J9RP1A36A1644345",
            "1FAPP64R7LH123456",
            "11111111111111111",
        ];
        for vin in vins {
            assert!(Vin::normalise(vin).unwrap().check_digit_agrees(), "{vin}");
        }
        assert!(!Vin::normalise("1M8GDM9A1KP042788").unwrap().check_digit_agrees());
    }

    // Proves that a letter which no standard number holds is offered as the digit that it resembles.
    #[test]
    fn misread_letters() {
        let read = Vin::normalise("IM8GDM9AXKPO42788").unwrap();
        assert_eq!(read.misread().unwrap().reveal(), "1M8GDM9AXKP042788");
        assert_eq!(Vin::normalise("1M8GDM9AXKP042788").unwrap().misread(), None);
    }
}
