//! Serial numbers of things: engines, gear boxes, firearms, hulls.

use super::IdentifierError;
use super::text::{Text, identifier};

/// A serial number in normal form: 2 to 32 upper-case letters and digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Text<32>);

impl Serial {
    /// The normal form of a serial number as stamped or typed.
    ///
    /// # Errors
    /// [`IdentifierError`] as for a document number, with bounds 2 and 32.
    pub fn normalise(raw: &str) -> Result<Self, IdentifierError> {
        Text::clean(raw, 2).map(Self)
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

    // Proves the IMO check digit on two known numbers and a broken one.
    #[test]
    fn imo_check_digit() {
        for (raw, valid) in [("9074729", true), ("9319466", true), ("9074728", false), ("907472", false)] {
            assert_eq!(Serial::normalise(raw).unwrap().is_imo_number(), valid, "{raw}");
        }
    }
}
