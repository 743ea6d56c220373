//! The attributes of a tag, parsed strictly: a blank before each, quotes around each value, no name twice.

use std::borrow::Cow;

use super::chars::{attribute_value, is_qualified_name, is_space, local};
use super::{XmlError, XmlErrorKind};

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The name with its prefix.
    pub name: &'a str,
    /// The value, references resolved.
    pub value: Cow<'a, str>,
}

impl<'a> Attribute<'a> {
    /// The name without its prefix.
    pub fn local(&self) -> &'a str {
        local(self.name)
    }

    /// Whether this declares a namespace rather than says something.
    pub fn is_namespace(&self) -> bool {
        self.name == "xmlns" || self.name.starts_with("xmlns:")
    }
}

/// The attributes of an element, in order.
pub type Attributes<'a> = Vec<Attribute<'a>>;

/// Parses what follows the name in a tag. `offset` is where it stands in the document.
pub(super) fn parse<'a>(raw: &'a str, offset: usize, max: usize) -> Result<Attributes<'a>, XmlError> {
    let mut attributes = Vec::new();
    let mut cursor = Cursor { raw, at: 0, offset };
    while cursor.skip_space() {
        let at = cursor.here();
        let attribute = cursor.attribute()?;
        if attributes.len() == max {
            return Err(XmlError::new(XmlErrorKind::TooManyAttributes, at));
        }
        if attributes.iter().any(|known: &Attribute<'_>| known.name == attribute.name) {
            return Err(XmlError::new(XmlErrorKind::DuplicateAttribute, at));
        }
        attributes.push(attribute);
    }
    Ok(attributes)
}

struct Cursor<'a> {
    raw: &'a str,
    at: usize,
    offset: usize,
}

impl<'a> Cursor<'a> {
    fn here(&self) -> usize {
        self.offset + self.at
    }

    fn rest(&self) -> &'a str {
        &self.raw[self.at..]
    }

    fn error(&self) -> XmlError {
        XmlError::new(XmlErrorKind::Syntax, self.here())
    }

    /// Whether anything follows the white space. What follows without any is left to fail as a name.
    fn skip_space(&mut self) -> bool {
        self.at += self.rest().bytes().take_while(|byte| is_space(*byte)).count();
        self.at < self.raw.len()
    }

    fn attribute(&mut self) -> Result<Attribute<'a>, XmlError> {
        if self.at == 0 || !is_space(self.raw.as_bytes()[self.at - 1]) {
            return Err(self.error());
        }
        let name = self.name()?;
        self.skip_space();
        self.expect('=')?;
        self.skip_space();
        let value = self.value()?;
        Ok(Attribute { name, value })
    }

    fn name(&mut self) -> Result<&'a str, XmlError> {
        let rest = self.rest();
        let end = rest.find(['=', ' ', '\t', '\n', '\r']).unwrap_or(rest.len());
        let name = &rest[..end];
        if !is_qualified_name(name) {
            return Err(self.error());
        }
        self.at += end;
        Ok(name)
    }

    fn expect(&mut self, wanted: char) -> Result<(), XmlError> {
        if !self.rest().starts_with(wanted) {
            return Err(self.error());
        }
        self.at += wanted.len_utf8();
        Ok(())
    }

    fn value(&mut self) -> Result<Cow<'a, str>, XmlError> {
        let quote = self.rest().chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or(self.error())?;
        self.at += 1;
        let end = self.rest().find(quote).ok_or(self.error())?;
        let value = attribute_value(&self.rest()[..end], self.here())?;
        self.at += end + 1;
        Ok(value)
    }
}
