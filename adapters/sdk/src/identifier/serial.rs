//! Serial numbers of things: engines, gear boxes, firearms, hulls, and the numbers of ships.

use super::IdentifierError;
use super::text::{Text, identifier};

/// What stands before a ship's number.
const IMO: &str = "IMO";

/// A serial number in normal form: 2 to 32 upper-case letters and digits.
///
/// A ship's number has the letters `IMO` before it (IMO Resolution A.1117(30), the ship identification number scheme), yet
/// messages and lists mostly carry its seven digits alone. The normal form is the digits, so that a ship is found either way.
/// Only a right check digit tells that it is one: before anything else the letters stay, for another maker's serial number
/// may begin with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Text<32>);

impl Serial {
    /// The normal form of a serial number as stamped or typed.
    ///
    /// # Errors
    /// [`IdentifierError`] as for a document number, with bounds 2 and 32.
    pub fn normalise(raw: &str) -> Result<Self, IdentifierError> {
        let whole = Self(Text::clean(raw, 2)?);
        let number =
            whole.reveal().strip_prefix(IMO).and_then(|number| Text::clean(number, 2).ok()).map(Self);
        Ok(number.filter(Self::is_imo_number).unwrap_or(whole))
    }

    /// Whether this is an IMO ship number: seven digits of which the last is that of the weighted sum of the others.
    pub fn is_imo_number(&self) -> bool {
        let digits: Vec<u32> = self.reveal().chars().filter_map(|c| c.to_digit(10)).collect();
        if digits.len() != 7 || self.reveal().len() != 7 {
            return false;
        }
        let sum: u32 = digits[..6].iter().zip((2..=7).rev()).map(|(digit, weight)| digit * weight).sum();
        sum % 10 == digits[6]
    }
}

identifier!(Serial, "Serial number; cleaned to 2 to 32 upper-case letters and digits.", "[0-9A-Za-z]");

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that an IMO number is the same with and without the letters before it, and that nothing else loses them.
    #[test]
    fn imo_numbers_are_digits() {
        let vectors = [
            ("IMO 9074729", "9074729"),
            ("imo-9074729", "9074729"),
            ("I.M.O. No. 9074729", "IMONO9074729"),
            ("9074729", "9074729"),
            ("IMO 9074728", "IMO9074728"),
            ("IMO 907472", "IMO907472"),
            ("IMO 90747290", "IMO90747290"),
            ("IMO907472A", "IMO907472A"),
            ("IMO", "IMO"),
            ("XIMO9074729", "XIMO9074729"),
        ];
        for (raw, normal) in vectors {
            let serial = Serial::normalise(raw).unwrap();
            assert_eq!(serial.reveal(), normal, "{raw}");
            assert_eq!(Serial::normalise(serial.reveal()), Ok(serial), "{raw}");
        }
    }

    // Proves the IMO check digit on two known numbers and a broken one.
    #[test]
    fn imo_check_digit() {
        for (raw, valid) in [("9074729", true), ("9319466", true), ("9074728", false), ("907472", false)] {
            assert_eq!(Serial::normalise(raw).unwrap().is_imo_number(), valid, "{raw}");
        }
    }
}
