//! Identifiers and their normal forms, defined once and used by query and copy alike.
//!
//! If the question and the copy normalised a number differently, a stolen document would be found by neither. So both
//! build these types, and there is no other way to make one than the normalisation written here.

mod document_number;
mod document_type;
mod iso3166;
mod plate;
mod serial;
mod state;
mod text;
mod vin;

use std::fmt;

pub use document_number::DocumentNumber;
pub use document_type::{DocumentFamily, DocumentType, TypeRelation};
pub use plate::Plate;
pub use serial::Serial;
pub use state::State;
pub use vin::Vin;

/// Why text is not an identifier. It never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentifierError {
    /// Nothing is left after normalisation. Remedy: send the identifier, or leave the field out.
    Empty,
    /// Shorter than any identifier of the kind. Remedy: send it in full.
    TooShort,
    /// Longer than any identifier of the kind. Remedy: send one identifier a field.
    TooLong,
    /// A character that the kind can't hold, at this byte offset of the text. Remedy: send Latin letters and digits.
    Character {
        /// Byte offset in the text that was given.
        offset: usize,
    },
}

impl IdentifierError {
    /// The stable code of the cause.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "identifier_empty",
            Self::TooShort => "identifier_too_short",
            Self::TooLong => "identifier_too_long",
            Self::Character { .. } => "identifier_character",
        }
    }
}

impl fmt::Display for IdentifierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the identifier is empty"),
            Self::TooShort => f.write_str("the identifier is too short"),
            Self::TooLong => f.write_str("the identifier is too long"),
            Self::Character { offset } => {
                write!(f, "the identifier has an unusable character at byte {offset}")
            }
        }
    }
}

impl std::error::Error for IdentifierError {}
