//! Strict XML.
//!
//! The tokeniser beneath (quick-xml) is fast and forgiving: it passes two roots, text beside the root, a document that
//! ends in the middle, control characters, `]]>` in text and a million nested tags. An answer of INTERPOL that was cut
//! by a broken connection must not read as a shorter answer, so this reader stands on top and refuses whatever is not
//! one whole well-formed document: see [`XmlErrorKind`] for the list. It refuses more than the standard asks: document
//! type declarations and processing instructions, because they have no place in a message, and every encoding but
//! UTF-8.
//!
//! There is no document tree. [`Reader::children`] walks an element's children by a closure that reads what it knows;
//! the rest is skipped, and still checked. Names are compared by their local part, since prefixes differ from one
//! installation to the next.
//!
//! Errors hold a code and a byte offset, never content.

mod attributes;
mod chars;
mod error;
mod reader;
mod walk;

#[cfg(test)]
mod tests;

pub use attributes::{Attribute, Attributes};
pub use chars::{escape_into, is_char};
pub use error::{XmlError, XmlErrorKind};
pub use reader::{Element, Limits, Reader, Token};
