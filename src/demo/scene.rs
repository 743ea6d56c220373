//! Who comes to the border in the demo, and what must be answered.
//!
//! Every expectation comes from how the data was made, never from what Postern said: a row of the feed is a hit, a number
//! of a shape that the feed never makes is none, news are records that INTERPOL got after the copy was extracted, and a
//! person is nowhere to be found in the copy, so that without the link nothing is known of persons.

use postern_sdk::{Database, DocumentNumber, DocumentType, Gate, State, Verdict};

use super::traffic::Question;
use super::traveller::Traveller;
use crate::sim::feed::{Expected, Feed, Planted, Row};
use crate::sim::{DocumentRecord, Nominal};

/// Of how many travellers one carries a reported passport.
const HIT_EVERY: u64 = 40;
/// Of how many questions one comes from a booth.
const BOOTH_EVERY: u64 = 6;

/// The cast.
pub(super) struct Cast {
    /// Passports of the feed, which an e-gate can read.
    stolen: Vec<Row>,
    /// Questions of every match class, and of none.
    planted: Vec<Planted>,
    /// Records that INTERPOL has and the copy has not.
    pub(super) news: Vec<DocumentRecord>,
    /// Persons in notices.
    wanted: Vec<Nominal>,
}

/// What a phase knows of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// INTERPOL answers.
    Up,
    /// It does not.
    Down,
}

impl Cast {
    /// Chooses the cast from a feed.
    pub(super) fn of(feed: &Feed, records: u64, wanted: Vec<Nominal>) -> Self {
        let readable = |row: &Row| row.doc_type == DocumentType::PASSPORT && row.number.len() <= 9;
        let step = (records / 4_000).max(1);
        let stolen = (0..records / step).map(|i| feed.row(i * step)).filter(readable).collect();
        Self { stolen, planted: feed.plant(2_000), news: (0..50).filter_map(news).collect(), wanted }
    }

    /// The questions of a phase, a mix of e-gates and booths in a fixed order.
    pub(super) fn questions(&self, count: u64, link: Link) -> Vec<Question> {
        let question =
            |i| if i % BOOTH_EVERY == 0 { self.booth(i / BOOTH_EVERY, link) } else { self.gate(i, link) };
        (0..count).map(question).collect()
    }

    fn gate(&self, i: u64, link: Link) -> Question {
        let pick = |length: usize| usize::try_from(i / HIT_EVERY).unwrap_or_default() % length.max(1);
        let (number, issuer, expected) = match (i % HIT_EVERY, link) {
            (3, _) if !self.stolen.is_empty() => {
                let row = &self.stolen[pick(self.stolen.len())];
                (row.number.clone(), Some(row.issuer), Gate::Refer)
            }
            (9, Link::Up) => {
                let record = &self.news[pick(self.news.len())];
                (record.number.reveal().to_owned(), record.issuer, Gate::Refer)
            }
            _ => (clean_number(i), Some(State::GERMANY), Gate::Continue),
        };
        let issuer = issuer.as_ref().map_or("XXX", State::as_str);
        Question::Gate { zone: Traveller { number: &number, issuer, pick: i }.zone(), expected }
    }

    fn booth(&self, i: u64, link: Link) -> Question {
        match i % 4 {
            0 => unlisted_person(i, link),
            1 if link == Link::Up && !self.wanted.is_empty() => {
                wanted_person(&self.wanted[usize::try_from(i / 4).unwrap_or_default() % self.wanted.len()])
            }
            _ => document(&self.planted[usize::try_from(i).unwrap_or_default() % self.planted.len()]),
        }
    }
}

/// A number of a shape that no row of the feed has: a digit, then a letter, then digits.
fn clean_number(i: u64) -> String {
    format!("{}X{:07}", i % 10, i % 10_000_000)
}

/// A passport that was reported after the copy was extracted. Its number has a shape that the feed never makes.
fn news(i: u64) -> Option<DocumentRecord> {
    Some(DocumentRecord {
        database: Database::Sltd,
        number: DocumentNumber::normalise(&format!("{}Y{:07}", i % 10, i * 7_919 % 10_000_000)).ok()?,
        issuer: State::normalise("UTO").ok(),
        doc_type: Some(DocumentType::PASSPORT),
        theft_type: Some("STL".into()),
        theft_date: None,
        theft_country: None,
        notice: None,
        record: format!("NEWS-{i:05}").into(),
    })
}

fn document(planted: &Planted) -> Question {
    let subjects = format!(
        r#"[{{"kind":"travel_document","number":"{}","issuer":"{}","type":"{}"}}]"#,
        planted.number, planted.issuer, planted.doc_type
    );
    let expected = match planted.expected {
        Expected::Exact => Verdict::Hit,
        Expected::NoRecord => Verdict::NoRecord,
        _ => Verdict::PossibleHit,
    };
    Question::Booth { subjects, expected }
}

fn unlisted_person(i: u64, link: Link) -> Question {
    let (surname, given) = Traveller { number: "", issuer: "", pick: i }.name();
    let subjects = format!(
        r#"[{{"kind":"person","primary_name":"{surname}","secondary_name":"{given}","birth":"1980-05-17"}}]"#
    );
    let expected = if link == Link::Up { Verdict::NoRecord } else { Verdict::NotEstablished };
    Question::Booth { subjects, expected }
}

fn wanted_person(nominal: &Nominal) -> Question {
    let birth = serde_json::to_string(&nominal.birth).unwrap_or_default();
    let subjects = format!(
        r#"[{{"kind":"person","primary_name":"{}","secondary_name":"{}","birth":{birth}}}]"#,
        nominal.name, nominal.forename
    );
    Question::Booth { subjects, expected: Verdict::PossibleHit }
}
