//! What is wrong with a document.

use std::fmt;

/// Declares the closed list once: variant, code and document.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident, $code:literal, $text:literal;)*) => {
        /// What is wrong with a document. A closed list with stable codes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum XmlErrorKind {
            $($(#[$doc])* $variant,)*
        }

        impl XmlErrorKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name of the kind.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

kinds! {
    /// Larger than [`Limits::bytes_max`](super::Limits). Remedy: raise the limit if such documents are meant.
    TooLarge, "xml_too_large", "the document is too large";
    /// Not UTF-8, or declared as another encoding. Remedy: send UTF-8.
    Encoding, "xml_encoding", "the document is not UTF-8";
    /// A character that XML 1.0 §2.2 does not allow: a control character, U+FFFE, U+FFFF.
    Character, "xml_character", "the document holds a character that is not allowed";
    /// A document type declaration. Remedy: send the document without it.
    DocumentType, "xml_document_type", "the document has a document type declaration";
    /// A processing instruction other than the XML declaration. Remedy: send the document without it.
    Instruction, "xml_instruction", "the document has a processing instruction";
    /// An XML declaration that is not at the very beginning, or not of version 1.0.
    Declaration, "xml_declaration", "the XML declaration is wrong or misplaced";
    /// A reference to an entity other than `lt`, `gt`, `amp`, `quot`, `apos`, or a number of no allowed character.
    Reference, "xml_reference", "the document has a reference that is not allowed";
    /// A tag, comment or section that is not formed as XML 1.0 wants it.
    Syntax, "xml_syntax", "the document has malformed markup";
    /// An end tag without or of another start tag.
    Mismatch, "xml_mismatch", "the document has an end tag that does not match";
    /// The end of input before the end of the root. The document was cut.
    Unclosed, "xml_unclosed", "the document ends too early";
    /// No root element at all.
    NoRoot, "xml_no_root", "the document has no root element";
    /// A second root element.
    SecondRoot, "xml_second_root", "the document has two root elements";
    /// Text, a reference or a section outside the root.
    OutsideRoot, "xml_outside_root", "the document has text outside its root element";
    /// Elements nested deeper than [`Limits::depth_max`](super::Limits).
    TooDeep, "xml_too_deep", "the document is nested too deeply";
    /// More attributes at one element than [`Limits::attributes_max`](super::Limits).
    TooManyAttributes, "xml_too_many_attributes", "an element has too many attributes";
    /// One attribute twice at one element.
    DuplicateAttribute, "xml_duplicate_attribute", "an element has an attribute twice";
    /// A run of text longer than [`Limits::text_bytes_max`](super::Limits).
    TextTooLong, "xml_text_too_long", "the document has too long a text";
    /// An element inside one that was read as text alone.
    UnexpectedElement, "xml_unexpected_element", "an element stands where text alone may stand";
}

/// What is wrong with a document, and where. It never holds anything of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XmlError {
    /// What is wrong.
    pub kind: XmlErrorKind,
    /// The byte offset at which it shows: the place itself, or the beginning of the tag or text around it.
    pub offset: usize,
}

impl XmlError {
    pub(super) const fn new(kind: XmlErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// The stable name of what is wrong.
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind.text(), self.offset)
    }
}

impl std::error::Error for XmlError {}
