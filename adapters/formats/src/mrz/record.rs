//! A parsed zone: the text, the number, the verdicts; every other field is a view of the text.

use std::fmt;

use super::check::{Checks, FILLER, Values, Verdict};
use super::correct::{Correction, Corrections, correct};
use super::date::MrzDate;
use super::format::{DateColumns, Format, Layout, Span, TEXT_MAX};
use super::misread::{Misreads, misreads};
use super::name::Names;
use super::number::{self, Confidence, DocumentNumber, ascii_text};

/// The sex as printed. No check digit covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sex {
    /// `M`.
    Male,
    /// `F`.
    Female,
    /// A filler.
    Unspecified,
    /// `X`: not conformant (Doc 9303 prints it only in the visual zone), but in use.
    X,
    /// Any other character: a misreading.
    Unreadable,
}

/// A number in the optional data that may be asked as well: some issuers print a personal or a document number there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OptionalNumber<'a> {
    /// The number, letters and digits only.
    pub text: &'a str,
    /// What its check digit says; `None` where the layout has none for it.
    pub verdict: Option<Verdict>,
}

impl fmt::Debug for OptionalNumber<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OptionalNumber({:?})", self.verdict)
    }
}

/// Shortest number that INTERPOL's databases hold.
const NUMBER_MIN: usize = 5;

/// A machine-readable zone. Holds its text in a fixed array, borrows nothing, never allocates; `Debug` shows no content.
#[derive(Clone, Copy)]
pub struct Mrz {
    text: [u8; TEXT_MAX],
    format: Format,
    number: DocumentNumber,
    checks: Checks,
    corrections: Corrections,
}

impl fmt::Debug for Mrz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mrz")
            .field("format", &self.format)
            .field("checks", &self.checks)
            .field("corrections", &self.corrections.as_slice().len())
            .finish_non_exhaustive()
    }
}

impl Mrz {
    /// Reads a text that already has the layout's columns.
    #[inline]
    pub(super) fn read(format: Format, text: &[u8; TEXT_MAX]) -> Self {
        let layout = format.layout();
        let mut text = *text;
        let corrections = correct(layout, &mut text);
        let values = Values::of(&text);
        let number = number::read(layout, &text, &values);
        let digit =
            |at: Option<usize>, cover: &[Span]| at.map(|at| Verdict::of(text[at], values.digit(cover)));
        let dated = |date: &Option<DateColumns>| date.as_ref().and_then(|d| digit(d.check, &[d.date]));
        let checks = Checks {
            number: number.verdict(),
            birth: dated(&layout.birth),
            expiry: dated(&layout.expiry),
            optional: digit(layout.optional_check, &layout.optional[..1]),
            composite: digit(layout.composite, layout.composite_cover),
        };
        Self { text, format, number, checks, corrections }
    }

    #[inline]
    fn layout(&self) -> &'static Layout {
        self.format.layout()
    }

    fn view(&self, span: Span) -> &str {
        ascii_text(&self.text[span.range()])
    }

    /// Which layout it has.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The lines at their full width, typed corrections applied.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        (0..3).map_while(|index| self.layout().line(index)).map(|columns| ascii_text(&self.text[columns]))
    }

    /// The lines at their full width in canonical characters, as read, before any correction.
    pub fn lines_as_read(&self) -> impl Iterator<Item = String> {
        let mut text = self.text;
        for correction in self.corrections() {
            text[usize::from(correction.position)] = correction.read;
        }
        let columns = (0..3).map_while(|index| self.layout().line(index));
        columns.map(move |columns| ascii_text(&text[columns]).to_owned())
    }

    /// The characters that were replaced because only another kind can stand in their place.
    pub fn corrections(&self) -> &[Correction] {
        self.corrections.as_slice()
    }

    /// The document code's two columns, fillers included (`P<`).
    pub fn document_code(&self) -> &str {
        self.view(self.layout().code)
    }

    /// The issuer's three columns, fillers included (`D<<`). Never checked against a list.
    pub fn issuer(&self) -> &str {
        self.view(self.layout().issuer)
    }

    /// The nationality's three columns; `None` where the layout has none or nothing is printed.
    pub fn nationality(&self) -> Option<&str> {
        let columns = self.layout().nationality;
        let printed = self.text[columns.range()].iter().any(|c| *c != FILLER);
        printed.then(|| self.view(columns))
    }

    /// The document number, in full where it overflows.
    pub fn number(&self) -> &DocumentNumber {
        &self.number
    }

    /// How far the number may be trusted.
    pub fn confidence(&self) -> Confidence {
        match self.number.confidence() {
            Confidence::Confirmed if self.has_a_doubt() => Confidence::ConfirmedBlind,
            confidence => confidence,
        }
    }

    /// Whether the number's digit was itself corrected, or the composite digit, which covers the number too, disagrees.
    fn has_a_doubt(&self) -> bool {
        if self.checks.composite == Some(Verdict::Disagrees) {
            return true;
        }
        let at = number::check_column(self.layout(), &self.text);
        self.corrections().iter().any(|one| Some(usize::from(one.position)) == at)
    }

    /// All verdicts.
    pub fn checks(&self) -> &Checks {
        &self.checks
    }

    /// The names.
    pub fn names(&self) -> Names<'_> {
        let layout = self.layout();
        let name = &self.text[layout.name.range()];
        if layout.given_names.is_empty() {
            Names::joint(name)
        } else {
            Names::apart(name, &self.text[layout.given_names.range()])
        }
    }

    fn date(&self, columns: Option<&DateColumns>) -> Option<MrzDate> {
        let field = &self.text[columns?.date.range()];
        field.try_into().ok().map(MrzDate::new)
    }

    /// The date of birth; `None` where the layout has none.
    pub fn birth(&self) -> Option<MrzDate> {
        self.date(self.layout().birth.as_ref())
    }

    /// The date of expiry, of a visa the last day of validity; `None` where the layout has none.
    pub fn expiry(&self) -> Option<MrzDate> {
        self.date(self.layout().expiry.as_ref())
    }

    /// The sex; `None` where the layout has none.
    pub fn sex(&self) -> Option<Sex> {
        Some(match self.text[self.layout().sex?] {
            b'M' => Sex::Male,
            b'F' => Sex::Female,
            FILLER => Sex::Unspecified,
            b'X' => Sex::X,
            _ => Sex::Unreadable,
        })
    }

    /// The optional data as printed, fillers included, after what a long number took; empty fields are left out.
    pub fn optional_data(&self) -> impl Iterator<Item = &str> {
        self.optional_fields().map(ascii_text).filter(|data| data.bytes().any(|c| c != FILLER))
    }

    fn optional_fields(&self) -> impl Iterator<Item = &[u8]> {
        let [mut first, second] = self.layout().optional;
        if let Some(rest) = number::overflow(self.layout(), &self.text) {
            let end = first.range().end;
            first = super::format::span((rest.range().end + 1).min(end) as u8, end as u8);
        }
        [first, second].into_iter().map(|span| &self.text[span.range()])
    }

    /// Numbers in the optional data: of each field the first run of five or more letters and digits with at least
    /// two digits. Of a Swiss licence, the holder's number with and without the card's version.
    pub fn optional_numbers(&self) -> impl Iterator<Item = OptionalNumber<'_>> {
        let verdict = self.checks.optional;
        self.optional_fields().filter_map(number_in).map(move |text| OptionalNumber { text, verdict })
    }

    /// Numbers that may have been meant when the number's check digit disagrees; none otherwise.
    pub fn misreads(&self) -> Misreads {
        misreads(self.layout(), &self.text)
    }
}

fn number_in(data: &[u8]) -> Option<&str> {
    let is_number =
        |run: &&[u8]| run.len() >= NUMBER_MIN && run.iter().filter(|c| c.is_ascii_digit()).count() >= 2;
    data.split(|c| *c == FILLER).find(is_number).map(ascii_text)
}
