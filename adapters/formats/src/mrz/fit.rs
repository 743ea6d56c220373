//! Which layout the scanned lines have.
//!
//! Lines of a layout's exact widths decide by themselves. Otherwise each layout is tried: noise blanks around a line
//! are dropped while it is too wide, and a line whose trailing fillers the reader dropped is padded if its layout lets
//! it end in fillers. Where several layouts fit, the check digits decide; if they can't and the readings differ in what
//! would be asked, the input is refused.

use super::check::FILLER;
use super::error::{MrzError, MrzErrorKind};
use super::format::{Format, Layout, TEXT_MAX};
use super::record::Mrz;
use super::scan::{Scan, Segment};

/// All layouts, in the order in which equal readings are preferred.
const ALL: [Format; 9] = [
    Format::Td3,
    Format::Td1,
    Format::FrenchId,
    Format::Td2,
    Format::MrvB,
    Format::MrvA,
    Format::SwissLicence,
    Format::FrenchLicence,
    Format::OtherLicence,
];

pub(super) fn fit(scan: &Scan<'_>) -> Result<Mrz, MrzError> {
    if let Some(format) = by_exact_widths(scan) {
        let mut text = [FILLER; TEXT_MAX];
        text.copy_from_slice(&scan.text[..TEXT_MAX]);
        return Ok(Mrz::read(format, &blank_after(text, format.layout().total())));
    }
    by_trial(scan)
}

/// Scanned text beyond the zone may hold the class of a control character.
fn blank_after(mut text: [u8; TEXT_MAX], total: usize) -> [u8; TEXT_MAX] {
    text[total..].fill(FILLER);
    text
}

/// The common case: every line is as wide as it should be.
fn by_exact_widths(scan: &Scan<'_>) -> Option<Format> {
    let first = scan.text[0];
    if !first.is_ascii_uppercase() {
        return None;
    }
    let visa = first == b'V';
    match scan.segments() {
        [a, b] if (a.len(), b.len()) == (44, 44) => Some(if visa { Format::MrvA } else { Format::Td3 }),
        [a, b] if (a.len(), b.len()) == (36, 36) => Some(match () {
            () if visa => Format::MrvB,
            () if scan.text.starts_with(b"IDFRA") => Format::FrenchId,
            () => Format::Td2,
        }),
        [a, b, c] if (a.len(), b.len(), c.len()) == (30, 30, 30) => Some(Format::Td1),
        [all] if all.len() == 88 && first == b'P' => Some(Format::Td3),
        _ => None,
    }
}

/// How well a layout explains the input; compared in the order of the fields.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    agreeing: usize,
    expected_code: bool,
    exact_lines: usize,
}

#[cold]
fn by_trial(scan: &Scan<'_>) -> Result<Mrz, MrzError> {
    let mut best: Option<(Rank, Mrz)> = None;
    let mut ambiguous = false;
    let mut fits_but_is_not_meant = false;
    for format in ALL {
        let Some((text, exact_lines)) = fit_one(scan, format.layout()) else { continue };
        if !is_meant(format, &text, scan.segments().len()) {
            fits_but_is_not_meant = true;
            continue;
        }
        let mrz = Mrz::read(format, &text);
        let agreeing = mrz.checks().agreeing();
        let rank = Rank { agreeing, expected_code: is_expected(format, text[0]), exact_lines };
        if !is_trusted(format, &rank) {
            fits_but_is_not_meant = true;
            continue;
        }
        match &best {
            Some((top, known)) if *top == rank => ambiguous |= !same_question(known, &mrz),
            Some((top, _)) if *top > rank => {}
            _ => (best, ambiguous) = (Some((rank, mrz)), false),
        }
    }
    match best {
        Some((_, mrz)) if !ambiguous => Ok(mrz),
        None if !fits_but_is_not_meant => Err(MrzError::new(MrzErrorKind::Length, scan.end_offset())),
        _ => Err(MrzError::new(MrzErrorKind::Layout, scan.segments()[0].offset)),
    }
}

/// Whether the code columns allow the layout at all. Second letters and issuers are never a reason to refuse.
fn is_meant(format: Format, text: &[u8; TEXT_MAX], lines_sent: usize) -> bool {
    let first = text[0];
    match format {
        Format::MrvA | Format::MrvB => first == b'V',
        Format::FrenchId => text.starts_with(b"IDFRA"),
        Format::Td2 => first.is_ascii_uppercase() && first != b'V' && !text.starts_with(b"IDFRA"),
        Format::Td1 | Format::Td3 => first.is_ascii_uppercase() && first != b'V',
        Format::SwissLicence if lines_sent == 3 => text[9].is_ascii_uppercase(),
        Format::SwissLicence => text[9..].starts_with(b"FACHE"),
        Format::FrenchLicence => first == b'D' && text[2..5] == *b"FRA",
        Format::OtherLicence => first == b'D' && text[2..5] != *b"FRA",
    }
}

/// Whether a fit that rests on little may stand: padding asks for the standard's first letter, a licence of an issuer
/// whose layout is not known for both check digits.
fn is_trusted(format: Format, rank: &Rank) -> bool {
    match format {
        Format::OtherLicence => rank.agreeing == 2,
        _ => rank.expected_code || rank.exact_lines == format.layout().lines(),
    }
}

/// Whether the first letter is the one that the standard gives the layout.
fn is_expected(format: Format, first: u8) -> bool {
    match format {
        Format::Td3 => first == b'P',
        Format::Td1 | Format::Td2 => matches!(first, b'A' | b'C' | b'I'),
        _ => true,
    }
}

fn same_question(a: &Mrz, b: &Mrz) -> bool {
    a.number() == b.number()
        && a.issuer() == b.issuer()
        && a.birth() == b.birth()
        && a.names().primary() == b.names().primary()
}

/// The text in the layout's columns, and how many of its lines needed no padding.
fn fit_one(scan: &Scan<'_>, layout: &Layout) -> Option<([u8; TEXT_MAX], usize)> {
    let mut text = [FILLER; TEXT_MAX];
    match scan.segments() {
        [all] => fit_joined(scan, layout, all, &mut text).map(|exact| (text, exact)),
        segments if segments.len() == layout.lines() => {
            let mut exact = 0;
            for (index, segment) in segments.iter().enumerate() {
                exact += usize::from(fit_line(scan, layout, index, segment, &mut text)?);
            }
            Some((text, exact))
        }
        _ => None,
    }
}

/// All lines in one run: only the last can have lost fillers or gained blanks.
fn fit_joined(scan: &Scan<'_>, layout: &Layout, all: &Segment, text: &mut [u8; TEXT_MAX]) -> Option<usize> {
    let last = layout.lines() - 1;
    let total = layout.total();
    let least = layout.line(last)?.start + usize::from(layout.min_widths[last]);
    let mut end = all.end;
    while end - all.start > total && scan.is_blank(all, end - 1) {
        end -= 1;
    }
    let length = end - all.start;
    if length > total || length < least {
        return None;
    }
    text[..length].copy_from_slice(&scan.text[all.start..end]);
    Some(last + usize::from(length == total))
}

/// One line: whether it needed no padding; `None` if it does not fit.
fn fit_line(
    scan: &Scan<'_>,
    layout: &Layout,
    index: usize,
    segment: &Segment,
    text: &mut [u8; TEXT_MAX],
) -> Option<bool> {
    let columns = layout.line(index)?;
    let (mut start, mut end) = (segment.start, segment.end);
    // Only a TD1's second line can begin with fillers, those of an unknown birth date; it ends with a digit.
    let may_begin_blank = layout.format == Format::Td1 && index == 1;
    while !may_begin_blank && start < end && scan.is_blank(segment, start) {
        start += 1;
    }
    while end - start > columns.len() && scan.is_blank(segment, end - 1) {
        end -= 1;
    }
    while end - start > columns.len() && scan.is_blank(segment, start) {
        start += 1;
    }
    let length = end - start;
    if length > columns.len() || length < usize::from(layout.min_widths[index]) {
        return None;
    }
    text[columns.start..columns.start + length].copy_from_slice(&scan.text[start..end]);
    Some(length == columns.len())
}
