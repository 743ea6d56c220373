//! The check digit of ICAO Doc 9303 part 3, section 4.9, and what it cannot see.
//!
//! Each character has a value (a digit itself, A=10 … Z=35, the filler 0), the weights 7, 3, 1 repeat from the left,
//! and the digit is the weighted sum modulo 10. All weights have an inverse modulo 10, so a single wrong character is
//! invisible exactly when the two values differ by a multiple of 10, wherever it stands. Of the pairs that a reader
//! really confuses, that is true of 6 and G, of 1 and L, and of 0 and the filler. A number that holds one of these and
//! whose digit agrees is therefore a little less certain than one that does not: see [`blind_spots`].

use super::format::Span;

/// The filler.
pub(super) const FILLER: u8 = b'<';

/// Longest run of characters that one check digit covers: the French identity card's composite, 71.
const COVER_MAX: usize = 72;

const WEIGHTS: [u8; COVER_MAX + 3] = {
    let mut weights = [0; COVER_MAX + 3];
    let mut i = 0;
    while i < weights.len() {
        weights[i] = [7, 3, 1][i % 3];
        i += 1;
    }
    weights
};

/// The value of a canonical character (`0-9 A-Z <`).
#[inline]
pub(super) const fn value(character: u8) -> u8 {
    if character >= b'A' {
        character - b'A' + 10
    } else if character == FILLER {
        0
    } else {
        character - b'0'
    }
}

/// The values of a whole text, computed once for all its check digits.
pub(super) struct Values<const N: usize>([u8; N]);

impl<const N: usize> Values<N> {
    #[inline]
    pub(super) fn of(text: &[u8; N]) -> Self {
        Self(text.map(value))
    }

    /// The check digit over the spans, one after the other, as the ASCII digit.
    #[inline]
    pub(super) fn digit(&self, spans: &[Span]) -> u8 {
        let mut sum = 0;
        let mut phase = 0;
        for span in spans {
            sum += weigh(&self.0[span.range()], phase);
            phase = (phase + span.len()) % 3;
        }
        ascii(sum)
    }
}

#[inline]
fn weigh(values: &[u8], phase: usize) -> u16 {
    // A product is at most 35 × 7 = 245 and fits a byte, a sum at most 72 × 245: narrow types vectorise best.
    values.iter().zip(&WEIGHTS[phase..]).map(|(value, weight)| u16::from(value * weight)).sum()
}

#[inline]
fn ascii(sum: u16) -> u8 {
    // The remainder is below 10.
    b'0' + (sum % 10) as u8
}

/// The check digit, `b'0'` to `b'9'`, of canonical characters; `None` if one is not `0-9 A-Z <`.
///
/// ```
/// assert_eq!(postern_formats::mrz::check_digit(b"520727"), Some(b'3'));
/// ```
pub fn check_digit(data: &[u8]) -> Option<u8> {
    let mut sum = 0;
    for (index, &character) in data.iter().enumerate() {
        if !(character.is_ascii_digit() || character.is_ascii_uppercase() || character == FILLER) {
            return None;
        }
        sum = (sum + u16::from(value(character)) * [7, 3, 1][index % 3]) % 10;
    }
    Some(ascii(sum))
}

/// What one check digit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The printed digit is the computed one.
    Agrees,
    /// It is another, or no digit.
    Disagrees,
    /// A filler stands in its place: the issuer printed none, so nothing is proven either way.
    Absent,
}

impl Verdict {
    #[inline]
    pub(super) fn of(printed: u8, computed: u8) -> Self {
        match printed {
            FILLER => Self::Absent,
            digit if digit == computed => Self::Agrees,
            _ => Self::Disagrees,
        }
    }
}

/// The verdicts of all check digits of a zone; `None` where the layout has no such digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Checks {
    /// Over the document number.
    pub number: Option<Verdict>,
    /// Over the date of birth.
    pub birth: Option<Verdict>,
    /// Over the date of expiry, in visas the last day of validity.
    pub expiry: Option<Verdict>,
    /// Over the optional data; TD3 only.
    pub optional: Option<Verdict>,
    /// Over everything but issuer, name, nationality and sex (French documents: over everything).
    pub composite: Option<Verdict>,
}

impl Checks {
    /// All verdicts in the order of the fields.
    pub fn all(&self) -> [Option<Verdict>; 5] {
        [self.number, self.birth, self.expiry, self.optional, self.composite]
    }

    /// Whether no digit disagrees. True also where a layout has none.
    pub fn none_disagrees(&self) -> bool {
        !self.all().contains(&Some(Verdict::Disagrees))
    }

    pub(super) fn agreeing(&self) -> usize {
        self.all().iter().filter(|verdict| **verdict == Some(Verdict::Agrees)).count()
    }
}

/// What an agreeing check digit could not have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct BlindSpots {
    /// Characters with a look-alike of the same weighty value: 6 and G, 1 and L.
    pub lookalikes: u8,
    /// A filler between characters, which a lost 0 would leave too, or a 0 at the end, which a filler could be.
    pub zero_or_filler: u8,
    /// Neighbours whose exchange leaves the digit as it is (their values differ by a multiple of 5, not of 0): matters
    /// for numbers typed by hand.
    pub swaps: u8,
}

impl BlindSpots {
    /// Whether a misreading (not a typing error) could have gone unseen.
    pub fn misreading_possible(&self) -> bool {
        self.lookalikes > 0 || self.zero_or_filler > 0
    }
}

/// The blind spots of a number in canonical characters, without its trailing fillers.
pub fn blind_spots(number: &[u8]) -> BlindSpots {
    let lookalikes = number.iter().filter(|c| has_lookalike(**c)).count();
    let inner = number.iter().filter(|c| **c == FILLER).count();
    let zero_at_end = usize::from(number.last() == Some(&b'0'));
    let swaps = number.windows(2).filter(|pair| swap_is_invisible(pair[0], pair[1])).count();
    // A zone has fewer than 90 characters.
    BlindSpots {
        lookalikes: lookalikes as u8,
        zero_or_filler: (inner + zero_at_end) as u8,
        swaps: swaps as u8,
    }
}

/// The same as [`BlindSpots::misreading_possible`] of [`blind_spots`], without counting.
#[inline]
pub(super) fn misreading_possible(number: &[u8]) -> bool {
    number.iter().fold(number.last() == Some(&b'0'), |found, c| found | has_lookalike(*c) | (*c == FILLER))
}

#[inline]
const fn has_lookalike(character: u8) -> bool {
    matches!(character, b'6' | b'G' | b'1' | b'L')
}

fn swap_is_invisible(left: u8, right: u8) -> bool {
    left != right && value(left).abs_diff(value(right)).is_multiple_of(5)
}
