//! Names as a zone writes them: primary identifier, two fillers, secondary identifier, cut to the field.
//!
//! A name that ends with a letter in the field's last column must be taken as cut (Doc 9303-3, section 4.6), even when
//! it just fits: whoever compares it compares a prefix, of either identifier, since the issuer chooses which to shorten.

use std::fmt;

use super::check::FILLER;
use super::number::ascii_text;

/// The name of a zone. Components are joined by single fillers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Names<'a> {
    primary: &'a str,
    secondary: &'a str,
    truncated: bool,
}

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Names(truncated: {})", self.truncated)
    }
}

impl<'a> Names<'a> {
    /// From one field that holds both identifiers.
    pub(super) fn joint(field: &'a [u8]) -> Self {
        let doubled = |at: &usize| field.get(at + 1) == Some(&FILLER);
        let separator = memchr::memchr_iter(FILLER, field).find(doubled).unwrap_or(field.len());
        let (primary, secondary) = field.split_at(separator);
        Self { primary: trim(primary), secondary: trim(secondary), truncated: ends_with_letter(field) }
    }

    /// From two fields of their own.
    pub(super) fn apart(primary: &'a [u8], secondary: &'a [u8]) -> Self {
        let truncated = ends_with_letter(primary) || ends_with_letter(secondary);
        Self { primary: trim(primary), secondary: trim(secondary), truncated }
    }

    /// The primary identifier (surname), components joined by `<`; empty if the field begins with fillers.
    pub fn primary(&self) -> &'a str {
        self.primary
    }

    /// The secondary identifier (given names); empty where there is only one identifier.
    pub fn secondary(&self) -> &'a str {
        self.secondary
    }

    /// The parts of the primary identifier, in order.
    pub fn primary_components(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        components(self.primary)
    }

    /// The parts of the secondary identifier, in order.
    pub fn secondary_components(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        components(self.secondary)
    }

    /// Whether the name must be taken as cut.
    pub fn truncated(&self) -> bool {
        self.truncated
    }
}

fn components(identifier: &str) -> impl Iterator<Item = &str> {
    identifier.as_bytes().split(|c| *c == FILLER).filter(|part| !part.is_empty()).map(ascii_text)
}

fn trim(identifier: &[u8]) -> &str {
    let start = identifier.iter().position(|c| *c != FILLER).unwrap_or(identifier.len());
    let end = identifier.iter().rposition(|c| *c != FILLER).map_or(start, |last| last + 1);
    ascii_text(&identifier[start..end])
}

fn ends_with_letter(field: &[u8]) -> bool {
    field.last().is_some_and(u8::is_ascii_uppercase)
}
