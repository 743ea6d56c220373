//! The pull reader.

use std::borrow::Cow;

use quick_xml::errors::{Error as TokenError, IllFormedError, SyntaxError};
use quick_xml::events::Event;

use super::attributes::{self, Attributes};
use super::chars::{checked, is_qualified_name, is_space, local, push_normalised, resolve};
use super::{XmlError, XmlErrorKind};

/// What a document may cost at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of the document in bytes.
    pub bytes_max: usize,
    /// Elements within each other, the root counted.
    pub depth_max: usize,
    /// Attributes of one element, namespace declarations counted.
    pub attributes_max: usize,
    /// Size of one run of text in bytes.
    pub text_bytes_max: usize,
}

impl Default for Limits {
    /// 1 MiB, 32 levels, 32 attributes, 1 MiB of text.
    fn default() -> Self {
        Self { bytes_max: 1 << 20, depth_max: 32, attributes_max: 32, text_bytes_max: 1 << 20 }
    }
}

/// One part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// The beginning of an element.
    Start(Element<'a>),
    /// The end of the element that began last and has not ended.
    End,
    /// All text up to the next tag, across references, sections and comments.
    Text(Cow<'a, str>),
}

/// The beginning of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The name with its prefix.
    pub name: &'a str,
    /// The attributes in order.
    pub attributes: Attributes<'a>,
    /// The byte offset of the tag.
    pub offset: usize,
}

impl<'a> Element<'a> {
    /// The name without its prefix.
    pub fn local(&self) -> &'a str {
        local(self.name)
    }

    /// Whether the name without its prefix is this one.
    pub fn is(&self, local: &str) -> bool {
        self.local() == local
    }

    /// The value of the first attribute of this local name.
    pub fn attribute(&self, local: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| !attribute.is_namespace() && attribute.local() == local)
            .map(|attribute| attribute.value.as_ref())
    }
}

/// Where the reader stands to the root.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Inside,
    After,
}

/// A piece of the document as the tokeniser beneath cuts it.
struct Piece<'a> {
    markup: Markup,
    raw: &'a str,
    offset: usize,
}

/// What a piece is.
enum Markup {
    Start,
    Empty,
    End,
    Text,
    Section,
    Comment,
    Declaration,
    Reference,
    EndOfInput,
}

/// Reads one document from its first byte to its last and refuses what is not well-formed. After an error it gives the
/// same error again.
pub struct Reader<'a> {
    tokens: quick_xml::Reader<&'a [u8]>,
    document: &'a str,
    /// Bytes of a byte order mark before `document`.
    skipped: usize,
    limits: Limits,
    place: Place,
    depth: usize,
    /// An empty-element tag was given as a start; its end comes next.
    ends_at_once: bool,
    /// A tag that was met while text was gathered.
    pending: Option<Piece<'a>>,
    failed: Option<XmlError>,
}

impl<'a> Reader<'a> {
    /// A reader of a whole document.
    ///
    /// # Errors
    /// [`XmlErrorKind::TooLarge`], [`XmlErrorKind::Encoding`] or [`XmlErrorKind::Character`].
    pub fn new(bytes: &'a [u8], limits: Limits) -> Result<Self, XmlError> {
        if bytes.len() > limits.bytes_max {
            return Err(XmlError::new(XmlErrorKind::TooLarge, limits.bytes_max));
        }
        let whole = checked(bytes)?;
        let document = whole.strip_prefix('\u{feff}').unwrap_or(whole);
        let mut tokens = quick_xml::Reader::from_reader(document.as_bytes());
        let config = tokens.config_mut();
        config.check_comments = true;
        config.check_end_names = true;
        Ok(Self {
            tokens,
            document,
            skipped: whole.len() - document.len(),
            limits,
            place: Place::Before,
            depth: 0,
            ends_at_once: false,
            pending: None,
            failed: None,
        })
    }

    /// How many elements have begun and not ended.
    pub const fn depth(&self) -> usize {
        self.depth
    }

    /// The next part, or none at the end of a well-formed document.
    ///
    /// # Errors
    /// What is wrong with the document; then the document as a whole is void, with all that was read of it.
    #[allow(clippy::should_implement_trait, reason = "an iterator could be collected past an error")]
    pub fn next(&mut self) -> Result<Option<Token<'a>>, XmlError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let next = self.advance();
        if let Err(error) = &next {
            self.failed = Some(*error);
        }
        next
    }

    fn advance(&mut self) -> Result<Option<Token<'a>>, XmlError> {
        if std::mem::take(&mut self.ends_at_once) {
            self.depth -= 1;
            self.note_end();
            return Ok(Some(Token::End));
        }
        if let Some(tag) = self.pending.take() {
            return self.pass(&tag).map(Some);
        }
        let mut text = Cow::Borrowed("");
        loop {
            let piece = self.piece()?;
            match piece.markup {
                Markup::Text => self.text(&piece, &mut text)?,
                Markup::Section => self.section(&piece, &mut text)?,
                Markup::Reference => self.reference(&piece, &mut text)?,
                Markup::Comment => check_comment(&piece)?,
                Markup::Declaration => self.declaration(&piece)?,
                Markup::EndOfInput => return self.end_of_input(),
                Markup::Start | Markup::Empty | Markup::End if text.is_empty() => {
                    return self.pass(&piece).map(Some);
                }
                Markup::Start | Markup::Empty | Markup::End => {
                    self.pending = Some(piece);
                    return Ok(Some(Token::Text(text)));
                }
            }
        }
    }

    /// The next piece of markup or text, with its bytes in the document.
    fn piece(&mut self) -> Result<Piece<'a>, XmlError> {
        let from = self.position();
        let event = self.tokens.read_event().map_err(|error| self.refuse(&error, from))?;
        let markup = match event {
            Event::Start(_) => Markup::Start,
            Event::Empty(_) => Markup::Empty,
            Event::End(_) => Markup::End,
            Event::Text(_) => Markup::Text,
            Event::CData(_) => Markup::Section,
            Event::Comment(_) => Markup::Comment,
            Event::Decl(_) => Markup::Declaration,
            Event::GeneralRef(_) => Markup::Reference,
            Event::Eof => Markup::EndOfInput,
            Event::PI(_) => return Err(self.error(XmlErrorKind::Instruction, from)),
            Event::DocType(_) => return Err(self.error(XmlErrorKind::DocumentType, from)),
        };
        let raw = self.document.get(from..self.position());
        let raw = raw.ok_or_else(|| self.error(XmlErrorKind::Syntax, from))?;
        Ok(Piece { markup, raw, offset: self.skipped + from })
    }

    fn position(&self) -> usize {
        usize::try_from(self.tokens.buffer_position()).unwrap_or(self.document.len())
    }

    const fn error(&self, kind: XmlErrorKind, at: usize) -> XmlError {
        XmlError::new(kind, self.skipped + at)
    }

    fn refuse(&self, error: &TokenError, from: usize) -> XmlError {
        let kind = match error {
            // What is not closed by the end of input may still be something that is refused by its beginning.
            TokenError::Syntax(SyntaxError::UnclosedDoctype) => XmlErrorKind::DocumentType,
            TokenError::Syntax(SyntaxError::UnclosedPI) => XmlErrorKind::Instruction,
            TokenError::Syntax(_) => XmlErrorKind::Unclosed,
            TokenError::IllFormed(IllFormedError::UnclosedReference) => XmlErrorKind::Reference,
            TokenError::IllFormed(
                IllFormedError::MismatchedEndTag { .. } | IllFormedError::UnmatchedEndTag(_),
            ) => XmlErrorKind::Mismatch,
            _ => XmlErrorKind::Syntax,
        };
        self.error(kind, from)
    }

    /// Gives a tag, now that all before it was given.
    fn pass(&mut self, tag: &Piece<'a>) -> Result<Token<'a>, XmlError> {
        let end_of_name = match tag.markup {
            Markup::Start => 1,
            Markup::Empty => 2,
            _ => return self.pass_end(tag),
        };
        let outside = match self.place {
            Place::After => Some(XmlErrorKind::SecondRoot),
            _ if self.depth == self.limits.depth_max => Some(XmlErrorKind::TooDeep),
            _ => None,
        };
        if let Some(kind) = outside {
            return Err(XmlError::new(kind, tag.offset));
        }
        let element = self.element(tag, end_of_name)?;
        self.place = Place::Inside;
        self.depth += 1;
        self.ends_at_once = end_of_name == 2;
        Ok(Token::Start(element))
    }

    fn pass_end(&mut self, tag: &Piece<'a>) -> Result<Token<'a>, XmlError> {
        let inside = tag.raw.get(2..tag.raw.len().saturating_sub(1)).unwrap_or_default();
        let name = inside.trim_end_matches([' ', '\t', '\r', '\n']);
        if self.depth == 0 || !is_qualified_name(name) {
            return Err(XmlError::new(XmlErrorKind::Mismatch, tag.offset));
        }
        self.depth -= 1;
        self.note_end();
        Ok(Token::End)
    }

    fn note_end(&mut self) {
        if self.depth == 0 {
            self.place = Place::After;
        }
    }

    /// The element of a start tag, whose last `tail` bytes close it.
    fn element(&self, tag: &Piece<'a>, tail: usize) -> Result<Element<'a>, XmlError> {
        let syntax = XmlError::new(XmlErrorKind::Syntax, tag.offset);
        let inside = tag.raw.get(1..tag.raw.len().saturating_sub(tail)).ok_or(syntax)?;
        let end = inside.bytes().position(is_space).unwrap_or(inside.len());
        let (name, rest) = inside.split_at(end);
        if !is_qualified_name(name) {
            return Err(syntax);
        }
        let attributes = attributes::parse(rest, tag.offset + 1 + end, self.limits.attributes_max)?;
        Ok(Element { name, attributes, offset: tag.offset })
    }

    fn text(&self, piece: &Piece<'a>, text: &mut Cow<'a, str>) -> Result<(), XmlError> {
        if let Some(at) = piece.raw.find("]]>") {
            return Err(XmlError::new(XmlErrorKind::Syntax, piece.offset + at));
        }
        if self.place == Place::Inside {
            return self.append(piece.raw, piece, text);
        }
        match piece.raw.bytes().position(|byte| !is_space(byte)) {
            Some(at) => Err(XmlError::new(XmlErrorKind::OutsideRoot, piece.offset + at)),
            None => Ok(()),
        }
    }

    fn section(&self, piece: &Piece<'a>, text: &mut Cow<'a, str>) -> Result<(), XmlError> {
        self.within_root(piece)?;
        let inside = piece.raw.strip_prefix("<![CDATA[").and_then(|raw| raw.strip_suffix("]]>"));
        self.append(inside.ok_or(XmlError::new(XmlErrorKind::Syntax, piece.offset))?, piece, text)
    }

    fn reference(&self, piece: &Piece<'a>, text: &mut Cow<'a, str>) -> Result<(), XmlError> {
        self.within_root(piece)?;
        let name = piece.raw.strip_prefix('&').and_then(|raw| raw.strip_suffix(';'));
        let resolved = name.and_then(resolve).ok_or(XmlError::new(XmlErrorKind::Reference, piece.offset))?;
        text.to_mut().push(resolved);
        self.check_length(text, piece)
    }

    fn within_root(&self, piece: &Piece<'a>) -> Result<(), XmlError> {
        match self.place {
            Place::Inside => Ok(()),
            _ => Err(XmlError::new(XmlErrorKind::OutsideRoot, piece.offset)),
        }
    }

    fn append(&self, raw: &'a str, piece: &Piece<'a>, text: &mut Cow<'a, str>) -> Result<(), XmlError> {
        if text.is_empty() && !raw.contains('\r') {
            *text = Cow::Borrowed(raw);
        } else {
            push_normalised(raw, text.to_mut());
        }
        self.check_length(text, piece)
    }

    fn check_length(&self, text: &str, piece: &Piece<'a>) -> Result<(), XmlError> {
        match text.len() > self.limits.text_bytes_max {
            true => Err(XmlError::new(XmlErrorKind::TextTooLong, piece.offset)),
            false => Ok(()),
        }
    }

    fn declaration(&self, piece: &Piece<'a>) -> Result<(), XmlError> {
        let wrong = XmlError::new(XmlErrorKind::Declaration, piece.offset);
        if piece.offset != self.skipped {
            return Err(wrong);
        }
        let inside = piece.raw.strip_prefix("<?xml").and_then(|raw| raw.strip_suffix("?>")).ok_or(wrong)?;
        let said = attributes::parse(inside, piece.offset + 5, 3)?;
        let names: Vec<&str> = said.iter().map(|attribute| attribute.name).collect();
        let ordered = matches!(
            names.as_slice(),
            ["version"] | ["version", "encoding" | "standalone"] | ["version", "encoding", "standalone"]
        );
        if !ordered || said[0].value != "1.0" {
            return Err(wrong);
        }
        let encoding = said.iter().find(|attribute| attribute.name == "encoding");
        match encoding.is_none_or(|encoding| encoding.value.eq_ignore_ascii_case("utf-8")) {
            true => Ok(()),
            false => Err(XmlError::new(XmlErrorKind::Encoding, piece.offset)),
        }
    }

    fn end_of_input(&self) -> Result<Option<Token<'a>>, XmlError> {
        match self.place {
            Place::After => Ok(None),
            Place::Inside => Err(self.error(XmlErrorKind::Unclosed, self.document.len())),
            Place::Before => Err(self.error(XmlErrorKind::NoRoot, self.document.len())),
        }
    }
}

/// A comment holds no `--` and does not end in `-` (XML 1.0 §2.5).
fn check_comment(piece: &Piece<'_>) -> Result<(), XmlError> {
    let inside = piece.raw.strip_prefix("<!--").and_then(|raw| raw.strip_suffix("-->"));
    match inside.is_some_and(|inside| !inside.contains("--") && !inside.ends_with('-')) {
        true => Ok(()),
        false => Err(XmlError::new(XmlErrorKind::Syntax, piece.offset)),
    }
}
