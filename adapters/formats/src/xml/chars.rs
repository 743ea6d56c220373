//! Characters, references and names of XML 1.0.

use std::borrow::Cow;

use super::{XmlError, XmlErrorKind};

/// Whether XML 1.0 §2.2 allows the character.
pub const fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Appends `text` so that it reads back as the same text, in an element or a quoted attribute.
///
/// # Errors
/// The byte offset in `text` of a character that XML can't hold, escaped or not.
pub fn escape_into(text: &str, out: &mut String) -> Result<(), usize> {
    for (offset, c) in text.char_indices() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // A reader turns a bare CR into LF, and in an attribute any of these into a blank.
            '\r' => out.push_str("&#13;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if is_char(c) => out.push(c),
            _ => return Err(offset),
        }
    }
    Ok(())
}

/// The text of a whole document: UTF-8 of allowed characters.
pub(super) fn checked(bytes: &[u8]) -> Result<&str, XmlError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| XmlError::new(XmlErrorKind::Encoding, error.valid_up_to()))?;
    let forbidden = |byte: &u8| (*byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || *byte == 0xEF;
    let mut from = 0;
    while let Some(found) = bytes[from..].iter().position(forbidden) {
        let at = from + found;
        if bytes[at] != 0xEF || matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])) {
            return Err(XmlError::new(XmlErrorKind::Character, at));
        }
        from = at + 1;
    }
    Ok(text)
}

/// The character that a reference stands for: `name` is what stands between `&` and `;`.
pub(super) fn resolve(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => numbered(name.strip_prefix('#')?),
    }
}

fn numbered(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| char::from(byte).is_digit(radix));
    let code = plain.then(|| u32::from_str_radix(digits, radix).ok())??;
    char::from_u32(code).filter(|c| is_char(*c))
}

/// The value of a quoted attribute with references resolved and white space made blank (XML 1.0 §3.3.3).
pub(super) fn attribute_value(raw: &str, offset: usize) -> Result<Cow<'_, str>, XmlError> {
    let special = |c: char| matches!(c, '&' | '<' | '\t' | '\n' | '\r');
    if !raw.contains(special) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(special) {
        value.push_str(&rest[..at]);
        let here = offset + (raw.len() - rest.len()) + at;
        rest = match rest.as_bytes()[at] {
            b'<' => return Err(XmlError::new(XmlErrorKind::Syntax, here)),
            b'&' => {
                reference(&rest[at + 1..], &mut value).ok_or(XmlError::new(XmlErrorKind::Reference, here))?
            }
            b'\r' if rest.as_bytes().get(at + 1) == Some(&b'\n') => &rest[at + 1..],
            _ => {
                value.push(' ');
                &rest[at + 1..]
            }
        };
    }
    value.push_str(rest);
    Ok(Cow::Owned(value))
}

/// Resolves the reference at the beginning of `rest` (after its `&`) and gives what follows.
fn reference<'a>(rest: &'a str, value: &mut String) -> Option<&'a str> {
    let (name, after) = rest.split_once(';')?;
    value.push(resolve(name)?);
    Some(after)
}

/// Appends text with every line end as LF (XML 1.0 §2.11).
pub(super) fn push_normalised(raw: &str, text: &mut String) {
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('\r') {
        text.push_str(before);
        text.push('\n');
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    text.push_str(rest);
}

/// Whether this is a name, with one prefix at most (Namespaces in XML 1.0 §4).
pub(super) fn is_qualified_name(name: &str) -> bool {
    match name.split_once(':') {
        Some((prefix, local)) => is_name(prefix) && is_name(local),
        None => is_name(name),
    }
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(begins_name) && chars.all(continues_name)
}

const fn begins_name(c: char) -> bool {
    matches!(c,
        'A'..='Z' | 'a'..='z' | '_'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

const fn continues_name(c: char) -> bool {
    begins_name(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// The part of a name after its prefix.
pub(super) fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

/// White space of XML.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
