//! Personal data that does not print itself.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What [`Personal`] and the identifier types show instead of their content.
pub(crate) const MASK: &str = "‹personal›";

/// A value that belongs to a person: a name, a date of birth, a raw message.
///
/// It travels through serde like the value itself, because the journal and the wire need it, but it has no `Display`
/// and its `Debug` shows a mask. Reading it takes a call of [`Personal::reveal`], which a reviewer can search for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Personal<T>(T);

impl<T> Personal<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for a reader that is entitled to it: a matcher, the journal, a reply within its view.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// The value itself.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl From<String> for Personal<String> {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl From<&str> for Personal<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// What a screen may show of an identifier: its last two characters, the rest as dots.
pub(crate) fn masked(text: &str) -> String {
    let count = text.chars().count();
    text.chars().enumerate().map(|(i, c)| if i + 2 < count { '•' } else { c }).collect()
}

impl Personal<String> {
    /// What a screen may show: the last two characters, the rest as dots.
    pub fn masked(&self) -> String {
        masked(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that neither Debug form of a personal value holds its content.
    #[test]
    fn debug_is_masked() {
        let name = Personal::from("ERIKSSON");
        assert_eq!(format!("{name:?}"), MASK);
        assert!(!format!("{:#?}", Some(name)).contains("ERIKSSON"));
    }

    // Proves that a mask keeps two characters at most, and none of a short value's head.
    #[test]
    fn mask_keeps_the_tail() {
        assert_eq!(Personal::from("L898902C3").masked(), "•••••••C3");
        assert_eq!(Personal::from("").masked(), "");
    }
}
