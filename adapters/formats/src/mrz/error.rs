//! What can be wrong with an input before it is a zone at all.

use std::fmt;

/// Why an input is not a machine-readable zone. The list is closed; each kind has a stable code for wires and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MrzErrorKind {
    /// Nothing but control characters, blanks and prefixes. Remedy: look whether the reader sends a heartbeat.
    Empty,
    /// The text is shorter or longer than any layout. Remedy: check the reader's framing; a line may have been lost.
    Length,
    /// A byte that no zone can hold, not even in lower case or as a blank. Remedy: check the reader's character set.
    Character,
    /// The lengths fit, but no layout is meant, or more than one could be. Remedy: send the lines with line breaks
    /// and unshortened.
    Layout,
}

impl MrzErrorKind {
    /// The stable code: `mrz_empty`, `mrz_length`, `mrz_character` or `mrz_layout`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "mrz_empty",
            Self::Length => "mrz_length",
            Self::Character => "mrz_character",
            Self::Layout => "mrz_layout",
        }
    }
}

/// A refused input: the kind and where in the caller's bytes it was noticed; never any of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MrzError {
    kind: MrzErrorKind,
    offset: usize,
}

impl MrzError {
    pub(super) const fn new(kind: MrzErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// What is wrong.
    pub const fn kind(&self) -> MrzErrorKind {
        self.kind
    }

    /// Byte offset in the input as it was given, 0 to its length.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Short for `kind().code()`.
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl fmt::Display for MrzError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            MrzErrorKind::Empty => "no text",
            MrzErrorKind::Length => "the text has no layout's length",
            MrzErrorKind::Character => "a character that no machine-readable zone holds",
            MrzErrorKind::Layout => "no layout, or more than one, is meant",
        };
        write!(f, "{what} at byte {}", self.offset)
    }
}

impl std::error::Error for MrzError {}
