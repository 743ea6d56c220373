//! The document number, which may be longer than its field.
//!
//! TD1 and TD2 hold nine characters. A longer number leaves its check digit's column a filler and goes on in the
//! optional data, its check digit right after it (Doc 9303-5 and -6, note j). The standard computes that digit without
//! the filler between the two parts; real cards exist whose digit holds only with it, so either is accepted and the one
//! that held is reported.

use std::fmt;

use super::check::{BlindSpots, FILLER, Values, Verdict, blind_spots, misreading_possible};
use super::format::{Layout, Span, TEXT_MAX, span};

/// Longest number: nine characters and the thirteen that fit before check digit and filler in a TD1's first line.
pub const NUMBER_MAX: usize = 23;

/// How a long number's check digit was reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LongVariant {
    /// Without the filler between the two parts: the standard's way.
    FillerExcluded,
    /// With it: seen on genuine cards.
    FillerIncluded,
    /// Both ways give the printed digit.
    Both,
    /// Neither does: the number is unreliable, or the column's filler meant "no check digit" and the rest is other data.
    Neither,
}

impl LongVariant {
    /// A stable lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FillerExcluded => "filler_excluded",
            Self::FillerIncluded => "filler_included",
            Self::Both => "both",
            Self::Neither => "neither",
        }
    }
}

/// How far a number may be trusted, from its check digit alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Confidence {
    /// The digit agrees, and no character has a look-alike that it could not tell.
    Confirmed,
    /// The digit agrees, but a look-alike of equal value could stand in the number, the digit itself was read as a
    /// letter and corrected, or the composite digit, which covers the number too, disagrees.
    ConfirmedBlind,
    /// There is no check digit.
    Unconfirmed,
    /// The digit disagrees: an answer to this number proves nothing.
    Contradicted,
}

/// The number of a zone, without its trailing fillers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DocumentNumber {
    chars: [u8; NUMBER_MAX],
    len: u8,
    verdict: Option<Verdict>,
    long: Option<LongVariant>,
}

impl fmt::Debug for DocumentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentNumber({:?}, long: {:?})", self.verdict, self.long)
    }
}

impl DocumentNumber {
    fn new(chars: &[u8], verdict: Option<Verdict>, long: Option<LongVariant>) -> Self {
        let len = chars.iter().rposition(|c| *c != FILLER).map_or(0, |last| last + 1);
        let mut number = Self { chars: [FILLER; NUMBER_MAX], len: len as u8, verdict, long };
        number.chars[..len].copy_from_slice(&chars[..len]);
        number
    }

    /// The number in canonical characters; a filler inside stands for a blank or a special character. Empty if the
    /// field holds only fillers.
    pub fn as_bytes(&self) -> &[u8] {
        &self.chars[..usize::from(self.len)]
    }

    /// The same as text.
    pub fn as_str(&self) -> &str {
        ascii_text(self.as_bytes())
    }

    /// What the check digit says; `None` if the layout has none.
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// How a number of more than nine characters was reckoned; `None` for a shorter one.
    pub fn long(&self) -> Option<LongVariant> {
        self.long
    }

    /// The first nine characters of a long number whose digit held neither way: then they may be the whole number.
    pub fn principal(&self) -> Option<&str> {
        (self.long == Some(LongVariant::Neither)).then(|| &self.as_str()[..9])
    }

    /// What the check digit could not have seen.
    pub fn blind_spots(&self) -> BlindSpots {
        blind_spots(self.as_bytes())
    }

    /// How far the number may be trusted, as far as it tells itself.
    pub(super) fn confidence(&self) -> Confidence {
        match self.verdict {
            Some(Verdict::Disagrees) => Confidence::Contradicted,
            Some(Verdict::Absent) | None => Confidence::Unconfirmed,
            Some(Verdict::Agrees) if misreading_possible(self.as_bytes()) => Confidence::ConfirmedBlind,
            Some(Verdict::Agrees) => Confidence::Confirmed,
        }
    }
}

/// Canonical characters are ASCII by construction.
pub(super) fn ascii_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("canonical characters are ASCII")
}

/// Where a long number's remainder stands, if the rule applies: no digit in its column, a full field before it, and at
/// least one character and a digit at the start of the optional data.
pub(super) fn overflow(layout: &Layout, text: &[u8; TEXT_MAX]) -> Option<Span> {
    let check = layout.number_check?;
    if !layout.number_overflows || text[check] != FILLER || text[check - 1] == FILLER {
        return None;
    }
    let optional = &text[layout.optional[0].range()];
    let token = optional.iter().position(|c| *c == FILLER).unwrap_or(optional.len());
    let start = layout.optional[0].range().start;
    (token >= 2).then(|| span(start as u8, (start + token - 1) as u8))
}

/// Where the number's check digit is printed: in its column, or after an overflow.
pub(super) fn check_column(layout: &Layout, text: &[u8; TEXT_MAX]) -> Option<usize> {
    match overflow(layout, text) {
        Some(rest) => Some(rest.range().end),
        None => layout.number_check,
    }
}

/// Reads the number and its verdict.
#[inline]
pub(super) fn read(layout: &Layout, text: &[u8; TEXT_MAX], values: &Values<TEXT_MAX>) -> DocumentNumber {
    if let Some(rest) = overflow(layout, text) {
        return read_long(layout, text, values, rest);
    }
    let verdict = layout.number_check.map(|at| Verdict::of(text[at], values.digit(&[layout.number_cover])));
    DocumentNumber::new(&text[layout.number.range()], verdict, None)
}

#[cold]
fn read_long(
    layout: &Layout,
    text: &[u8; TEXT_MAX],
    values: &Values<TEXT_MAX>,
    rest: Span,
) -> DocumentNumber {
    let mut chars = [FILLER; NUMBER_MAX];
    chars[..9].copy_from_slice(&text[layout.number.range()]);
    chars[9..9 + rest.len()].copy_from_slice(&text[rest.range()]);
    let printed = text[rest.range().end];
    let check = layout.number.range().end as u8;
    let excluded = printed == values.digit(&[layout.number, rest]);
    let included = printed == values.digit(&[layout.number, span(check, check + 1), rest]);
    let (verdict, variant) = match (excluded, included) {
        (true, true) => (Verdict::Agrees, LongVariant::Both),
        (true, false) => (Verdict::Agrees, LongVariant::FillerExcluded),
        (false, true) => (Verdict::Agrees, LongVariant::FillerIncluded),
        (false, false) => (Verdict::Disagrees, LongVariant::Neither),
    };
    DocumentNumber::new(&chars, Some(verdict), Some(variant))
}
