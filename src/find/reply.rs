//! Reading answers: the envelope, the result, and the payload in whichever of its shapes.
//!
//! Everything is read by local name. The payload comes inline or as escaped text, and as text it may bring a declaration
//! of an encoding that it no longer has. Records are flattened to pairs of place and text (`theft.date`), so that one,
//! none and many, attribute and child element, are all read by the same few lines; which place means what is the
//! profile's to say. What an answer *means* is judged in [`super::judge`].

use postern_formats::xml::{Element, Limits, Reader, Token, XmlError};
use postern_sdk::Reason;

use super::profile::{Operation, Profile};

/// A result as it was sent.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// The code, number or text.
    pub(super) code: Option<String>,
    /// The service's id of the request.
    pub(super) request_id: Option<String>,
    /// The echo of the reference that is the request's alone.
    pub(super) reference: Option<String>,
    /// The databases' blocks; none if the payload is there and can't be read.
    pub(super) blocks: Option<Vec<Block>>,
}

/// What one database answered.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) name: Option<String>,
    pub(super) status: Option<String>,
    pub(super) entries: Vec<Entry>,
}

/// A record: its places and what stands there. It has no `Debug` of its content.
#[derive(Default)]
pub(crate) struct Entry(Vec<(String, String)>);

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({} places)", self.0.len())
    }
}

impl Entry {
    /// The first text at a place of the profile, if it isn't blank.
    pub(crate) fn get(&self, profile: &Profile, place: Option<&String>) -> Option<&str> {
        let place = place?;
        let texts = self.0.iter().filter(|(found, _)| stands_at(profile, found, place));
        texts.map(|(_, text)| text.trim()).find(|text| !text.is_empty())
    }

    /// Reads the element that began last as a record.
    pub(super) fn read(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<Self, XmlError> {
        let mut entry = Self::default();
        flatten(reader, element, &mut String::new(), &mut entry)?;
        Ok(entry)
    }

    /// Every text at a place of the profile that isn't blank.
    pub(super) fn all(&self, profile: &Profile, place: &str) -> Vec<&str> {
        let texts = self.0.iter().filter(|(found, _)| stands_at(profile, found, place));
        texts.map(|(_, text)| text.trim()).filter(|text| !text.is_empty()).collect()
    }
}

/// Whether a text stands at a place, or in the wrapper of its value there.
fn stands_at(profile: &Profile, found: &str, place: &str) -> bool {
    let rest = strip_place(found, place);
    rest == Some("") || rest.and_then(|rest| rest.strip_prefix('.')) == Some(profile.payload.wrapper.as_str())
}

/// What remains of `found` after the place, which may mark attributes by `@`.
fn strip_place<'a>(found: &'a str, place: &str) -> Option<&'a str> {
    let mut rest = found;
    for (index, part) in place.split('.').enumerate() {
        rest = if index == 0 { rest } else { rest.strip_prefix('.')? };
        rest = rest.strip_prefix(part.strip_prefix('@').unwrap_or(part))?;
    }
    Some(rest)
}

/// Why an answer gives no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// A fault of the service, in SOAP's own form.
    Fault,
    /// Not the envelope of a result.
    Malformed,
}

impl From<XmlError> for Unreadable {
    fn from(_: XmlError) -> Self {
        Self::Malformed
    }
}

impl From<Unreadable> for Reason {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Fault => Self::UnexpectedError,
            Unreadable::Malformed => Self::MalformedAnswer,
        }
    }
}

/// Reads the answer to an operation.
pub(super) fn read(profile: &Profile, operation: &Operation, bytes: &[u8]) -> Result<Reply, Unreadable> {
    let bytes_max =
        if operation.content.is_some() { profile.limits.file_bytes } else { profile.limits.reply_bytes };
    let mut reader = Reader::new(bytes, limits(profile, bytes_max))?;
    let root = reader.root()?;
    if !root.is(&profile.envelope.envelope) {
        return Err(Unreadable::Malformed);
    }
    let mut results = Vec::new();
    let mut fault = false;
    reader.children::<Unreadable>(|reader, part| {
        if !part.is(&profile.envelope.body) {
            return Ok(());
        }
        reader.children(|reader, response| {
            fault |= response.is(&profile.envelope.fault);
            if !response.is(&operation.response) {
                return Ok(());
            }
            reader.children(|reader, result| {
                if result.is(&operation.result) {
                    results.push(read_result(profile, reader)?);
                }
                Ok(())
            })
        })
    })?;
    reader.finish()?;
    match results.pop() {
        _ if fault => Err(Unreadable::Fault),
        Some(reply) if results.is_empty() => Ok(reply),
        _ => Err(Unreadable::Malformed),
    }
}

/// Whether the bytes are an envelope that holds a fault.
pub(super) fn is_fault(profile: &Profile, operation: &Operation, bytes: &[u8]) -> bool {
    read(profile, operation, bytes).err() == Some(Unreadable::Fault)
}

/// The limits of a document of so many bytes at most.
pub(crate) fn limits(profile: &Profile, bytes_max: usize) -> Limits {
    Limits { bytes_max, depth_max: profile.limits.depth, text_bytes_max: bytes_max, ..Limits::default() }
}

fn read_result(profile: &Profile, reader: &mut Reader<'_>) -> Result<Reply, Unreadable> {
    let names = &profile.reply;
    let mut reply = Reply { blocks: Some(Vec::new()), ..Reply::default() };
    let mut payloads = 0;
    reader.children::<Unreadable>(|reader, part| {
        if part.is(&names.code) {
            once(&mut reply.code, reader)
        } else if part.is(&names.request_id) {
            once(&mut reply.request_id, reader)
        } else if part.is(&names.reference) {
            once(&mut reply.reference, reader)
        } else if part.is(&names.payload) {
            payloads += 1;
            reply.blocks = read_payload(profile, reader)?;
            Ok(())
        } else {
            Ok(())
        }
    })?;
    if payloads > 1 { Err(Unreadable::Malformed) } else { Ok(reply) }
}

/// Reads a text that may stand once.
pub(crate) fn once(slot: &mut Option<String>, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    let text = reader.text_only()?.trim().to_owned();
    if slot.is_some() {
        return Err(Unreadable::Malformed);
    }
    *slot = Some(text).filter(|text| !text.is_empty());
    Ok(())
}

/// The blocks of a payload: inline, escaped, or an empty list if there is none. None if it is something else.
fn read_payload(profile: &Profile, reader: &mut Reader<'_>) -> Result<Option<Vec<Block>>, Unreadable> {
    let mut text = None;
    loop {
        match reader.next()? {
            Some(Token::Text(found)) if text.is_none() => text = Some(found),
            Some(Token::Start(root)) if text.as_deref().is_none_or(|text| text.trim().is_empty()) => {
                return inline(profile, reader, &root);
            }
            Some(Token::End) => break,
            _ => return Ok(None),
        }
    }
    match text.as_deref().map_or("", str::trim) {
        "" => Ok(Some(Vec::new())),
        escaped => Ok(read_escaped(profile, escaped).ok()),
    }
}

fn inline(
    profile: &Profile,
    reader: &mut Reader<'_>,
    root: &Element<'_>,
) -> Result<Option<Vec<Block>>, Unreadable> {
    if !root.is(&profile.payload.root) {
        return Ok(None);
    }
    let mut blocks = Vec::new();
    read_blocks(profile, reader, &mut blocks)?;
    loop {
        match reader.next()? {
            Some(Token::Text(text)) if text.trim().is_empty() => {}
            Some(Token::End) => return Ok(Some(blocks)),
            _ => return Ok(None),
        }
    }
}

fn read_escaped(profile: &Profile, text: &str) -> Result<Vec<Block>, Unreadable> {
    let mut reader = Reader::new(without_declaration(text).as_bytes(), limits(profile, text.len()))?;
    if !reader.root()?.is(&profile.payload.root) {
        return Err(Unreadable::Malformed);
    }
    let mut blocks = Vec::new();
    read_blocks(profile, &mut reader, &mut blocks)?;
    reader.finish()?;
    Ok(blocks)
}

/// Text without an XML declaration: it names the encoding in which the text was once written, often UTF-16.
pub(crate) fn without_declaration(text: &str) -> &str {
    let text = text.trim_start_matches('\u{feff}');
    match text.strip_prefix("<?xml ").and_then(|rest| rest.split_once("?>")) {
        Some((_, rest)) => rest.trim_start(),
        None => text,
    }
}

/// Gathers the blocks within the element that began last, at whichever level the payload holds them.
fn read_blocks(
    profile: &Profile,
    reader: &mut Reader<'_>,
    blocks: &mut Vec<Block>,
) -> Result<(), Unreadable> {
    let names = &profile.payload;
    reader.children(|reader, part| {
        if part.is(&names.block) {
            blocks.push(read_block(profile, reader, part)?);
        } else if part.is(&names.data) || part.is(&names.search) {
            read_blocks(profile, reader, blocks)?;
        }
        Ok(())
    })
}

fn read_block(profile: &Profile, reader: &mut Reader<'_>, block: &Element<'_>) -> Result<Block, Unreadable> {
    let names = &profile.payload;
    let attribute = |name: &str| block.attribute(name).map(str::trim).filter(|text| !text.is_empty());
    let mut read = Block {
        name: attribute(&names.block_name).map(str::to_owned),
        status: attribute(&names.block_status).map(str::to_owned),
        entries: Vec::new(),
    };
    reader.children::<Unreadable>(|reader, part| {
        if part.is(&names.block_name) {
            once(&mut read.name, reader)
        } else if part.is(&names.block_status) {
            once(&mut read.status, reader)
        } else if names.entries.iter().any(|entry| part.is(entry)) || part.is(&names.file) {
            read.entries.push(Entry::read(reader, part)?);
            Ok(())
        } else {
            Ok(())
        }
    })?;
    Ok(read)
}

/// Gathers the attributes and texts within the element that began last, by their places below `path`.
pub(crate) fn flatten(
    reader: &mut Reader<'_>,
    element: &Element<'_>,
    path: &mut String,
    entry: &mut Entry,
) -> Result<(), XmlError> {
    for attribute in element.attributes.iter().filter(|attribute| !attribute.is_namespace()) {
        entry.0.push((joined(path, attribute.local()), attribute.value.clone().into_owned()));
    }
    loop {
        match reader.next()? {
            Some(Token::Start(child)) => {
                let len = path.len();
                *path = joined(path, child.local());
                flatten(reader, &child, path, entry)?;
                path.truncate(len);
            }
            Some(Token::Text(text)) => entry.0.push((path.clone(), text.into_owned())),
            Some(Token::End) | None => return Ok(()),
        }
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
