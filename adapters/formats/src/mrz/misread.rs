//! Numbers that may have been meant when a number's check digit disagrees.
//!
//! Readers confuse characters in known classes. Up to two characters of the number are exchanged within their class,
//! and what results is offered only if the check digit then agrees and, where the layout has one, the composite digit
//! too. The composite weighs the number's characters as the number's own digit does, so it adds no second sieve; what it
//! rules out is a zone in which something else was misread as well. One exchange in ten agrees by chance, so these are
//! further questions to ask, never the answer to which document it is.

use std::fmt;

use super::check::{Values, Verdict};
use super::format::{Layout, Span, TEXT_MAX};
use super::number::{self, DocumentNumber};

/// The most that are offered.
pub const MISREADS_MAX: usize = 8;

/// The most exchanges that are tried: all of a number of nine characters (at most 9 × 4 single and 36 × 16 double ones); a
/// longer number of nothing but look-alikes is searched from its front until this many. It bounds the cost of a zone
/// that was made to be dear.
const TRIES_MAX: usize = 612;

/// The characters that a reader may give in place of one: the classes 0ODQ, 1ILTU, 2Z7, 4A, 5S, 6G, 7T2, 8B, 9G, MN.
const fn confusable(character: u8) -> &'static [u8] {
    match character {
        b'0' => b"ODQ",
        b'O' => b"0DQ",
        b'D' => b"0OQ",
        b'Q' => b"0OD",
        b'1' => b"ILTU",
        b'I' => b"1LT",
        b'L' => b"1I",
        b'T' => b"17I",
        b'U' => b"1",
        b'2' => b"Z7",
        b'Z' => b"27",
        b'7' => b"T2Z",
        b'4' => b"A",
        b'A' => b"4",
        b'5' => b"S",
        b'S' => b"5",
        b'6' => b"G",
        b'G' => b"69",
        b'9' => b"G",
        b'8' => b"B",
        b'B' => b"8",
        b'M' => b"N",
        b'N' => b"M",
        _ => b"",
    }
}

/// The candidates of one zone, at most [`MISREADS_MAX`], those with one exchanged character first.
#[derive(Clone, Copy)]
pub struct Misreads {
    items: [Option<DocumentNumber>; MISREADS_MAX],
    len: usize,
}

impl fmt::Debug for Misreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Misreads({})", self.len)
    }
}

impl Misreads {
    /// The candidates as text, without trailing fillers.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.items.iter().flatten().map(DocumentNumber::as_str)
    }

    /// How many there are, 0 to [`MISREADS_MAX`].
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none: always so if the check digit agrees or is absent.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    const NONE: Self = Self { items: [None; MISREADS_MAX], len: 0 };

    fn is_full(&self) -> bool {
        self.len == MISREADS_MAX
    }

    fn push(&mut self, number: DocumentNumber) {
        let known = self.items.iter().flatten().any(|item| item.as_bytes() == number.as_bytes());
        if !known && !self.is_full() {
            self.items[self.len] = Some(number);
            self.len += 1;
        }
    }
}

/// Searches; nothing unless the number's check digit disagrees.
pub(super) fn misreads(layout: &Layout, text: &[u8; TEXT_MAX]) -> Misreads {
    let mut search = Search { layout, text: *text, found: Misreads::NONE, tries: 0 };
    if number::read(layout, text, &Values::of(text)).verdict() == Some(Verdict::Disagrees) {
        let fields = [layout.number, number::overflow(layout, text).unwrap_or(layout.number)];
        let fields = if fields[0].range() == fields[1].range() { &fields[..1] } else { &fields[..] };
        search.one(fields);
        search.two(fields);
    }
    search.found
}

struct Search<'a> {
    layout: &'a Layout,
    text: [u8; TEXT_MAX],
    found: Misreads,
    tries: usize,
}

impl Search<'_> {
    fn one(&mut self, fields: &[Span]) {
        for position in positions(fields) {
            self.exchange(position, Self::keep_if_agreeing);
        }
    }

    fn two(&mut self, fields: &[Span]) {
        for first in positions(fields) {
            self.exchange(first, |search| {
                for second in positions(fields).filter(|second| *second > first) {
                    search.exchange(second, Self::keep_if_agreeing);
                }
            });
        }
    }

    /// Runs `then` with each look-alike at the position.
    fn exchange(&mut self, position: usize, mut then: impl FnMut(&mut Self)) {
        let read = self.text[position];
        for candidate in confusable(read) {
            if self.found.is_full() || self.tries >= TRIES_MAX {
                break;
            }
            self.text[position] = *candidate;
            then(self);
        }
        self.text[position] = read;
    }

    fn keep_if_agreeing(&mut self) {
        self.tries += 1;
        let values = Values::of(&self.text);
        let number = number::read(self.layout, &self.text, &values);
        if number.verdict() != Some(Verdict::Agrees) {
            return;
        }
        let whole = self
            .layout
            .composite
            .map(|at| Verdict::of(self.text[at], values.digit(self.layout.composite_cover)));
        if whole != Some(Verdict::Disagrees) {
            self.found.push(number);
        }
    }
}

fn positions(fields: &[Span]) -> impl Iterator<Item = usize> + '_ {
    fields.iter().flat_map(|field| field.range())
}
