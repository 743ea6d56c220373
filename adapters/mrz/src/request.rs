//! The optional request id before a zone.

use std::collections::BTreeMap;

use postern_sdk::{Fault, FaultCode, Personal};

use crate::REQUEST_ID;

/// Longest request id, enough for a UUID.
const ID_MAX: usize = 36;

/// A frame, split.
pub(crate) struct Request<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) zone: &'a [u8],
    /// Where the zone begins in the frame.
    pub(crate) zone_offset: usize,
}

impl<'a> Request<'a> {
    /// Takes `#<id>;` off the front, after control characters and blanks.
    pub(crate) fn split(frame: &'a [u8]) -> Result<Self, Fault> {
        let start = frame.iter().position(|byte| !is_noise(*byte)).unwrap_or(frame.len());
        let Some(rest) = frame[start..].strip_prefix(b"#") else {
            return Ok(Self { id: None, zone: frame, zone_offset: 0 });
        };
        let len = rest.iter().take_while(|byte| is_id(**byte)).count();
        let wrong = |at: usize| Fault::new(FaultCode::new("mrz_request_id")).at(start + 1 + at);
        if len == 0 || len > ID_MAX {
            return Err(wrong(len.min(ID_MAX)));
        }
        if rest.get(len) != Some(&b';') {
            return Err(wrong(len));
        }
        let id = std::str::from_utf8(&rest[..len]).ok();
        Ok(Self { id, zone: &rest[len + 1..], zone_offset: start + 1 + len + 1 })
    }

    /// The id as a native value.
    pub(crate) fn native(&self) -> BTreeMap<String, Personal<String>> {
        self.id.iter().map(|id| (REQUEST_ID.to_owned(), Personal::from(*id))).collect()
    }
}

/// Whether text can stand as a request id in a reply.
pub(crate) fn is_request_id(text: &str) -> bool {
    (1..=ID_MAX).contains(&text.len()) && text.bytes().all(is_id)
}

const fn is_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

const fn is_noise(byte: u8) -> bool {
    byte <= b' ' || byte == 127
}
