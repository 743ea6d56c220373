//! From what a document reader sends to canonical characters, in one pass.
//!
//! Readers differ in everything around the text: STX and ETX with or without a block check, an AIM symbology prefix
//! (`]`, a letter, a modifier), CR, LF, CRLF or nothing between the lines, lower case, blanks in place of fillers, and
//! keyboard wedges that add blanks of their own. Control characters part lines. Blanks become fillers here; which of
//! the outer ones are noise is decided later against a layout's width, where it can be known.

use super::check::FILLER;
use super::error::{MrzError, MrzErrorKind};

/// More characters than any zone has, with room for noise blanks.
const SCAN_MAX: usize = 128;

/// Longest accepted input in bytes, noise included.
pub const INPUT_MAX: usize = 512;

const ETX: u8 = 3;
const CONTROL: u8 = 1;
const INVALID: u8 = 0;

/// Canonical character of each byte, or `CONTROL`, or `INVALID`.
static CLASS: [u8; 256] = {
    let mut class = [INVALID; 256];
    let mut byte = 0;
    while byte < 256 {
        class[byte] = match byte as u8 {
            0..=31 | 127 => CONTROL,
            b' ' | b'<' => FILLER,
            digit @ b'0'..=b'9' => digit,
            letter @ (b'A'..=b'Z' | b'a'..=b'z') => letter.to_ascii_uppercase(),
            _ => INVALID,
        };
        byte += 1;
    }
    class
};

/// A run of text without control characters.
#[derive(Clone, Copy, Default)]
pub(super) struct Segment {
    /// First column in the scanned text.
    pub(super) start: usize,
    /// One past the last.
    pub(super) end: usize,
    /// Where the first byte stood in the input.
    pub(super) offset: usize,
}

impl Segment {
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }
}

/// Canonical text and its lines as they were sent.
pub(super) struct Scan<'a> {
    input: &'a [u8],
    pub(super) text: [u8; SCAN_MAX],
    used: usize,
    segments: [Segment; 3],
    count: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn read(input: &'a [u8]) -> Result<Self, MrzError> {
        if input.len() > INPUT_MAX {
            return Err(MrzError::new(MrzErrorKind::Length, INPUT_MAX));
        }
        let mut scan =
            Self { input, text: [FILLER; SCAN_MAX], used: 0, segments: [Segment::default(); 3], count: 0 };
        let mut at = 0;
        while at < input.len() {
            at = scan.control(at);
            if scan.ended(at) {
                break;
            }
            if scan.count == 0 {
                at = scan.prefix(at)?;
            }
            at = scan.segment(at)?;
        }
        if scan.count == 0 { Err(MrzError::new(MrzErrorKind::Empty, input.len())) } else { Ok(scan) }
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments[..self.count]
    }

    /// One past the last byte of text in the input.
    pub(super) fn end_offset(&self) -> usize {
        self.segments().last().map_or(0, |last| last.offset + last.len())
    }

    /// Whether a filler at a column was a blank.
    pub(super) fn is_blank(&self, segment: &Segment, column: usize) -> bool {
        self.input[segment.offset + column - segment.start] == b' '
    }

    fn control(&self, mut at: usize) -> usize {
        let skips = |byte: u8| CLASS[usize::from(byte)] == CONTROL || (self.count == 0 && byte == b' ');
        while at < self.input.len() && skips(self.input[at]) {
            at += 1;
        }
        at
    }

    /// Whether the frame ended with ETX and at most a block check of one byte follows.
    fn ended(&self, at: usize) -> bool {
        let framed = self.count > 0 && at > 0 && self.input[..at].ends_with(&[ETX]);
        let rest = self.input[at..].iter();
        framed && rest.filter(|byte| CLASS[usize::from(**byte)] != CONTROL).count() <= 1
    }

    /// Skips an AIM prefix and the blanks after it.
    fn prefix(&self, at: usize) -> Result<usize, MrzError> {
        match self.input[at..] {
            [b']', letter, modifier, ..]
                if letter.is_ascii_alphabetic() && modifier.is_ascii_alphanumeric() =>
            {
                Ok(self.control(at + 3))
            }
            [b']', ..] => Err(MrzError::new(MrzErrorKind::Character, at)),
            _ => Ok(at),
        }
    }

    /// Reads up to the next control character.
    #[inline]
    fn segment(&mut self, from: usize) -> Result<usize, MrzError> {
        let start = self.used;
        let mut length = 0;
        for (slot, byte) in self.text[start..].iter_mut().zip(&self.input[from..]) {
            *slot = CLASS[usize::from(*byte)];
            if *slot <= CONTROL {
                break;
            }
            length += 1;
        }
        let at = from + length;
        match self.input.get(at).map(|byte| CLASS[usize::from(*byte)]) {
            Some(INVALID) => return Err(MrzError::new(MrzErrorKind::Character, at)),
            Some(CONTROL) | None => {}
            Some(_) => return Err(MrzError::new(MrzErrorKind::Length, at)),
        }
        self.close(Segment { start, end: start + length, offset: from })?;
        Ok(at)
    }

    fn close(&mut self, segment: Segment) -> Result<(), MrzError> {
        let blank = (segment.start..segment.end).all(|column| self.is_blank(&segment, column));
        if blank {
            return Ok(());
        }
        if self.count == self.segments.len() {
            return Err(MrzError::new(MrzErrorKind::Layout, segment.offset));
        }
        self.segments[self.count] = segment;
        self.count += 1;
        self.used = segment.end;
        Ok(())
    }
}
