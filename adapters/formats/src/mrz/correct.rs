//! Typed corrections: a letter read where only a digit can stand, a digit where only a letter can.
//!
//! Dates and check digits are numeric: a letter there is replaced by the digit it resembles, and only if the field's
//! check digit then agrees. Issuer, nationality and name are alphabetic and covered by no check digit of the ICAO
//! layouts: a digit there is replaced by the letter it resembles. Document numbers and optional data may hold both and
//! are never touched here. Each replacement is reported, and the text as read can be had back.

use std::fmt;

use super::check::{Values, Verdict};
use super::format::{DateColumns, Format, Layout, Span, TEXT_MAX};
use super::number;

/// More than this is not a misreading but another kind of text.
const CORRECTIONS_MAX: usize = 16;

/// One replaced character.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Correction {
    /// Column over all lines written one after the other, from 0.
    pub position: u8,
    /// The character that was read.
    pub read: u8,
}

impl fmt::Debug for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Correction(at {})", self.position)
    }
}

/// The corrections of one zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Corrections {
    items: [Correction; CORRECTIONS_MAX],
    len: u8,
}

impl Corrections {
    pub(super) fn as_slice(&self) -> &[Correction] {
        &self.items[..usize::from(self.len)]
    }

    fn replace(&mut self, text: &mut [u8; TEXT_MAX], position: usize, by: u8) {
        let Some(slot) = self.items.get_mut(usize::from(self.len)) else { return };
        *slot = Correction { position: position as u8, read: text[position] };
        self.len += 1;
        text[position] = by;
    }

    /// Takes back everything after the first `len` corrections.
    fn roll_back(&mut self, text: &mut [u8; TEXT_MAX], len: u8) {
        for correction in &self.items[usize::from(len)..usize::from(self.len)] {
            text[usize::from(correction.position)] = correction.read;
        }
        self.len = len;
    }
}

/// The digit that a letter resembles.
const fn digit_like(letter: u8) -> Option<u8> {
    Some(match letter {
        b'O' | b'Q' | b'D' | b'U' | b'C' => b'0',
        b'I' | b'L' => b'1',
        b'Z' => b'2',
        b'A' => b'4',
        b'S' => b'5',
        b'G' => b'6',
        b'T' => b'7',
        b'B' => b'8',
        _ => return None,
    })
}

/// The letter that a digit resembles.
const fn letter_like(digit: u8) -> Option<u8> {
    Some(match digit {
        b'0' => b'O',
        b'1' => b'I',
        b'2' => b'Z',
        b'4' => b'A',
        b'5' => b'S',
        b'6' => b'G',
        b'8' => b'B',
        _ => return None,
    })
}

/// Corrects the text in place.
#[inline]
pub(super) fn correct(layout: &Layout, text: &mut [u8; TEXT_MAX]) -> Corrections {
    let mut done = Corrections::default();
    if has_letter_for_digit(layout, text) {
        numeric(layout, text, &mut done);
    }
    if alphabetic_fields(layout).iter().any(|field| has_digit(&text[field.range()])) {
        alphabetic(layout, text, &mut done);
    }
    done
}

/// Issuer, nationality and name, where no check digit covers them (the French documents' digits cover all).
fn alphabetic_fields(layout: &Layout) -> [Span; 3] {
    match layout.format {
        Format::FrenchId | Format::FrenchLicence | Format::OtherLicence => [super::format::span(0, 0); 3],
        _ => [layout.issuer, layout.nationality, layout.name],
    }
}

fn has_digit(field: &[u8]) -> bool {
    field.iter().fold(false, |found, c| found | c.is_ascii_digit())
}

fn has_letter_for_digit(layout: &Layout, text: &[u8; TEXT_MAX]) -> bool {
    let letter = |at: Option<usize>| at.is_some_and(|at| text[at] >= b'A');
    let dated = |date: &Option<DateColumns>| {
        date.as_ref().is_some_and(|d| {
            letter(d.check) | text[d.date.range()].iter().fold(false, |found, c| found | (*c >= b'A'))
        })
    };
    letter(number::check_column(layout, text))
        | letter(layout.optional_check)
        | letter(layout.composite)
        | dated(&layout.birth)
        | dated(&layout.expiry)
}

#[cold]
fn numeric(layout: &Layout, text: &mut [u8; TEXT_MAX], done: &mut Corrections) {
    for columns in [&layout.birth, &layout.expiry].into_iter().flatten() {
        let Some(check) = columns.check else { continue };
        let field = columns.date.range().chain(check..=check);
        attempt(text, done, field, |text| digit_agrees(text, &[columns.date], check));
    }
    if let Some(at) = number::check_column(layout, text) {
        attempt(text, done, at..at + 1, |text| {
            number::read(layout, text, &Values::of(text)).verdict() == Some(Verdict::Agrees)
        });
    }
    if let Some(at) = layout.optional_check {
        attempt(text, done, at..at + 1, |text| digit_agrees(text, &layout.optional[..1], at));
    }
    if let Some(at) = layout.composite {
        attempt(text, done, at..at + 1, |text| digit_agrees(text, layout.composite_cover, at));
    }
}

fn digit_agrees(text: &[u8; TEXT_MAX], cover: &[Span], check: usize) -> bool {
    text[check] == Values::of(text).digit(cover)
}

/// Replaces the letters at the positions and keeps that only if the check then agrees.
fn attempt(
    text: &mut [u8; TEXT_MAX],
    done: &mut Corrections,
    positions: impl Iterator<Item = usize>,
    agrees: impl Fn(&[u8; TEXT_MAX]) -> bool,
) {
    let before = done.len;
    for position in positions {
        if let Some(digit) = digit_like(text[position]) {
            done.replace(text, position, digit);
        }
    }
    if done.len > before && !agrees(text) {
        done.roll_back(text, before);
    }
}

#[cold]
fn alphabetic(layout: &Layout, text: &mut [u8; TEXT_MAX], done: &mut Corrections) {
    for field in alphabetic_fields(layout) {
        if field.len() == 3 && text[field.range()] == *b"0<<" {
            // Germany is the one issuer of a single letter, and no issuer is `O`.
            done.replace(text, field.range().start, b'D');
            continue;
        }
        for position in field.range() {
            if let Some(letter) = letter_like(text[position]) {
                done.replace(text, position, letter);
            }
        }
    }
}
