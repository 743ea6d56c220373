//! A document number inline, so that millions of them are one block of memory.

use std::hash::{Hash, Hasher};

use crate::engine::Result;

/// Longest number of the synthetic feed, and some room.
pub const LEN: usize = 16;

/// A number, zeros behind it; ordered as its text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number([u8; LEN]);

impl Number {
    /// The number of a text; none if it is too long.
    pub fn new(text: &str) -> Option<Self> {
        let mut number = [0; LEN];
        number.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self(number))
    }

    /// The number of a text.
    ///
    /// # Errors
    /// That the text is too long.
    pub fn of(text: &str) -> Result<Self> {
        Self::new(text).ok_or_else(|| format!("a number is longer than {LEN} characters").into())
    }

    /// The number of what [`Number::padded`] gave.
    pub const fn from_padded(bytes: [u8; LEN]) -> Self {
        Self(bytes)
    }

    /// The number with the zeros.
    pub const fn padded(&self) -> &[u8; LEN] {
        &self.0
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(LEN);
        std::str::from_utf8(&self.0[..length]).expect("it was made of a text")
    }
}

/// As one integer: arrays hash their length too, which is no part of any engine's work.
impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from_ne_bytes(self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that a number gives its text back, is ordered as its text, and is refused rather than cut.
    #[test]
    fn is_its_text() {
        let texts = ["99999999", "A1", "A12", "AA00000000000", "ZZZZ000000000"];
        let numbers = texts.map(|text| Number::of(text).unwrap());
        assert_eq!(numbers.each_ref().map(Number::as_str), texts);
        assert!(numbers.is_sorted());
        assert!(Number::of(&"7".repeat(LEN + 1)).is_err());
    }
}
