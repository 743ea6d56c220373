//! The document identification number (DIN).

use super::IdentifierError;
use super::text::{Text, identifier};

/// A document number in normal form: 5 to 25 upper-case letters and digits.
///
/// INTERPOL cleans a number before it stores it: upper case, everything but letters and digits stripped, 5 to 25
/// characters. Cyrillic or Greek look-alikes are refused rather than dropped, because dropping a letter would ask
/// about another document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentNumber(Text<25>);

impl DocumentNumber {
    /// Shortest number that the database holds.
    pub const LEN_MIN: usize = 5;
    /// Longest number that the database holds.
    pub const LEN_MAX: usize = 25;

    /// The normal form of a number as printed, read or typed.
    ///
    /// # Errors
    /// [`IdentifierError`] if nothing, too little or too much is left, or at the first character that is neither
    /// ASCII letter, digit, punctuation nor blank.
    pub fn normalise(raw: &str) -> Result<Self, IdentifierError> {
        Text::clean(raw, Self::LEN_MIN).map(Self)
    }
}

identifier!(
    DocumentNumber,
    "Document number; cleaned to 5 to 25 upper-case letters and digits.",
    "[0-9A-Za-z]"
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // Proves the cleaning rule on what people and readers send.
    #[test]
    fn strips_and_uppercases() {
        for raw in ["L898902C3", "l898902c3", "L-898902 C3", "L898902C3<<<", " L.898/902.C3 "] {
            assert_eq!(DocumentNumber::normalise(raw).unwrap().reveal(), "L898902C3", "{raw}");
        }
    }

    // Proves that each way of not being a number is told apart, with the offset of an unusable character.
    #[test]
    fn refuses_with_cause() {
        assert_eq!(DocumentNumber::normalise(" <<< "), Err(IdentifierError::Empty));
        assert_eq!(DocumentNumber::normalise("A12"), Err(IdentifierError::TooShort));
        assert_eq!(DocumentNumber::normalise(&"7".repeat(26)), Err(IdentifierError::TooLong));
        assert_eq!(DocumentNumber::normalise("AB12А34"), Err(IdentifierError::Character { offset: 4 }));
        assert_eq!(DocumentNumber::normalise("AB12\u{0}34"), Err(IdentifierError::Character { offset: 4 }));
    }

    proptest! {
        // Proves that normalising is idempotent and that serde gives back the same number.
        #[test]
        fn normal_form_is_stable(raw in "[A-Za-z0-9 ./<-]{0,40}") {
            if let Ok(number) = DocumentNumber::normalise(&raw) {
                prop_assert_eq!(DocumentNumber::normalise(number.reveal()), Ok(number));
                let json = serde_json::to_string(&number).unwrap();
                prop_assert_eq!(serde_json::from_str::<DocumentNumber>(&json).unwrap(), number);
                let debug = format!("{number:?}");
                prop_assert!(!debug.contains(number.reveal()));
            }
        }
    }
}
