//! The layouts, as data: where each field stands in the zone's lines written one after the other.
//!
//! Positions are those of Doc 9303 parts 4 to 7 (section 4.2.2 of each) and, for the national documents, of specimens.
//! Everything else in this module reads the table, so that a layout is one constant and no code.

use std::ops::Range;

/// Longest text of all layouts: TD1, three lines of 30.
pub(super) const TEXT_MAX: usize = 90;

/// A run of columns, counted from 0 over all lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: u8,
    end: u8,
}

impl Span {
    const NONE: Self = span(0, 0);

    #[inline]
    pub(super) const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    #[inline]
    pub(super) const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    pub(super) const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

pub(super) const fn span(start: u8, end: u8) -> Span {
    Span { start, end }
}

/// A date's columns and the column of its check digit.
#[derive(Clone, Copy)]
pub(super) struct DateColumns {
    pub(super) date: Span,
    pub(super) check: Option<usize>,
}

/// One layout.
pub(super) struct Layout {
    pub(super) format: Format,
    /// Width of each line; 0 where there is no such line.
    pub(super) widths: [u8; 3],
    /// What a line must hold at least when a reader dropped its trailing fillers; equal to the width where the last
    /// column is never a filler.
    pub(super) min_widths: [u8; 3],
    pub(super) code: Span,
    pub(super) issuer: Span,
    pub(super) nationality: Span,
    /// The whole name, or the surname where given names have a field of their own.
    pub(super) name: Span,
    pub(super) given_names: Span,
    pub(super) number: Span,
    /// What the number's check digit covers.
    pub(super) number_cover: Span,
    pub(super) number_check: Option<usize>,
    /// Whether a number of more than nine characters overflows into the optional data.
    pub(super) number_overflows: bool,
    pub(super) birth: Option<DateColumns>,
    pub(super) expiry: Option<DateColumns>,
    pub(super) sex: Option<usize>,
    pub(super) optional: [Span; 2],
    pub(super) optional_check: Option<usize>,
    pub(super) composite: Option<usize>,
    pub(super) composite_cover: &'static [Span],
}

impl Layout {
    pub(super) fn lines(&self) -> usize {
        self.widths.iter().filter(|width| **width > 0).count()
    }

    pub(super) fn total(&self) -> usize {
        self.widths.iter().map(|width| usize::from(*width)).sum()
    }

    pub(super) fn line(&self, index: usize) -> Option<Range<usize>> {
        if index >= self.lines() {
            return None;
        }
        let start = self.widths[..index].iter().map(|width| usize::from(*width)).sum();
        Some(start..start + usize::from(self.widths[index]))
    }
}

/// Which document the zone is printed on, by its layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// Card size, three lines of 30 (Doc 9303-5).
    Td1,
    /// Two lines of 36 (Doc 9303-6).
    Td2,
    /// Passport, two lines of 44 (Doc 9303-4).
    Td3,
    /// Visa, two lines of 44 (Doc 9303-7).
    MrvA,
    /// Visa, two lines of 36 (Doc 9303-7).
    MrvB,
    /// French national identity card before 2021, two lines of 36 in an order of its own.
    FrenchId,
    /// French driving licence, one line of 30.
    FrenchLicence,
    /// One line of 30 whose code begins with D, laid out like the French licence, from another issuer. Recognised only
    /// when both check digits agree.
    OtherLicence,
    /// Swiss driving licence, lines of 9, 30 and 30, without any check digit.
    SwissLicence,
}

impl Format {
    /// A stable lower-case name for output and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Td1 => "td1",
            Self::Td2 => "td2",
            Self::Td3 => "td3",
            Self::MrvA => "mrv_a",
            Self::MrvB => "mrv_b",
            Self::FrenchId => "french_id",
            Self::FrenchLicence => "french_licence",
            Self::OtherLicence => "other_licence",
            Self::SwissLicence => "swiss_licence",
        }
    }

    /// Whether it is a visa, whose number may be the visa's own or the passport's.
    pub const fn is_visa(self) -> bool {
        matches!(self, Self::MrvA | Self::MrvB)
    }

    /// Whether it is a driving licence.
    pub const fn is_driving_licence(self) -> bool {
        matches!(self, Self::FrenchLicence | Self::OtherLicence | Self::SwissLicence)
    }

    pub(super) const fn layout(self) -> &'static Layout {
        match self {
            Self::Td1 => &TD1,
            Self::Td2 => &TD2,
            Self::Td3 => &TD3,
            Self::MrvA => &MRV_A,
            Self::MrvB => &MRV_B,
            Self::FrenchId => &FRENCH_ID,
            Self::FrenchLicence => &FRENCH_LICENCE,
            Self::OtherLicence => &OTHER_LICENCE,
            Self::SwissLicence => &SWISS_LICENCE,
        }
    }
}

const fn dated(start: u8) -> Option<DateColumns> {
    Some(DateColumns { date: span(start, start + 6), check: Some(start as usize + 6) })
}

const fn undigited(start: u8) -> Option<DateColumns> {
    Some(DateColumns { date: span(start, start + 6), check: None })
}

static TD1: Layout = Layout {
    format: Format::Td1,
    widths: [30, 30, 30],
    min_widths: [15, 30, 1],
    code: span(0, 2),
    issuer: span(2, 5),
    nationality: span(45, 48),
    name: span(60, 90),
    given_names: Span::NONE,
    number: span(5, 14),
    number_cover: span(5, 14),
    number_check: Some(14),
    number_overflows: true,
    birth: dated(30),
    expiry: dated(38),
    sex: Some(37),
    optional: [span(15, 30), span(48, 59)],
    optional_check: None,
    composite: Some(59),
    composite_cover: &[span(5, 37), span(38, 45), span(48, 59)],
};

static TD2: Layout = Layout {
    format: Format::Td2,
    widths: [36, 36, 0],
    min_widths: [6, 36, 0],
    code: span(0, 2),
    issuer: span(2, 5),
    nationality: span(46, 49),
    name: span(5, 36),
    given_names: Span::NONE,
    number: span(36, 45),
    number_cover: span(36, 45),
    number_check: Some(45),
    number_overflows: true,
    birth: dated(49),
    expiry: dated(57),
    sex: Some(56),
    optional: [span(64, 71), Span::NONE],
    optional_check: None,
    composite: Some(71),
    composite_cover: &[span(36, 46), span(49, 56), span(57, 71)],
};

static TD3: Layout = Layout {
    format: Format::Td3,
    widths: [44, 44, 0],
    min_widths: [6, 44, 0],
    code: span(0, 2),
    issuer: span(2, 5),
    nationality: span(54, 57),
    name: span(5, 44),
    given_names: Span::NONE,
    number: span(44, 53),
    number_cover: span(44, 53),
    number_check: Some(53),
    number_overflows: false,
    birth: dated(57),
    expiry: dated(65),
    sex: Some(64),
    optional: [span(72, 86), Span::NONE],
    optional_check: Some(86),
    composite: Some(87),
    composite_cover: &[span(44, 54), span(57, 64), span(65, 87)],
};

static MRV_A: Layout = Layout {
    format: Format::MrvA,
    min_widths: [6, 28, 0],
    optional: [span(72, 88), Span::NONE],
    optional_check: None,
    composite: None,
    composite_cover: &[],
    ..TD3
};

static MRV_B: Layout = Layout {
    format: Format::MrvB,
    min_widths: [6, 28, 0],
    number_overflows: false,
    optional: [span(64, 72), Span::NONE],
    composite: None,
    composite_cover: &[],
    ..TD2
};

static FRENCH_ID: Layout = Layout {
    format: Format::FrenchId,
    widths: [36, 36, 0],
    min_widths: [6, 36, 0],
    code: span(0, 2),
    issuer: span(2, 5),
    nationality: Span::NONE,
    name: span(5, 30),
    given_names: span(49, 63),
    number: span(36, 48),
    number_cover: span(36, 48),
    number_check: Some(48),
    number_overflows: false,
    birth: dated(63),
    expiry: None,
    sex: Some(70),
    optional: [Span::NONE, Span::NONE],
    optional_check: None,
    composite: Some(71),
    composite_cover: &[span(0, 71)],
};

static FRENCH_LICENCE: Layout = Layout {
    format: Format::FrenchLicence,
    widths: [30, 0, 0],
    min_widths: [30, 0, 0],
    code: span(0, 2),
    issuer: span(2, 5),
    nationality: Span::NONE,
    name: span(21, 29),
    given_names: Span::NONE,
    number: span(5, 14),
    number_cover: span(0, 14),
    number_check: Some(14),
    number_overflows: false,
    birth: None,
    expiry: undigited(15),
    sex: None,
    optional: [Span::NONE, Span::NONE],
    optional_check: None,
    composite: Some(29),
    composite_cover: &[span(0, 29)],
};

static OTHER_LICENCE: Layout = Layout { format: Format::OtherLicence, ..FRENCH_LICENCE };

/// The seventh column of the first line is a language; the nine digits after the issuer are the holder's, the three
/// after them the version of the card.
static SWISS_LICENCE: Layout = Layout {
    format: Format::SwissLicence,
    widths: [9, 30, 30],
    min_widths: [6, 25, 1],
    code: span(9, 11),
    issuer: span(11, 14),
    nationality: Span::NONE,
    name: span(39, 69),
    given_names: Span::NONE,
    number: span(0, 6),
    number_cover: Span::NONE,
    number_check: None,
    number_overflows: false,
    birth: undigited(28),
    expiry: None,
    sex: None,
    optional: [span(14, 26), span(14, 23)],
    optional_check: None,
    composite: None,
    composite_cover: &[],
};
