//! What a record of the journal changes in the list of open places. This is all that the projection knows.

use postern_sdk::{Answer, Database, Finding, Reason, Source};
use serde::Deserialize;
use uuid::Uuid;

use super::record::{PlaceState, RecheckRecord};
use super::schedule::backoff;
use crate::engine::LateRecord;
use crate::engine::record::{Section, section};
use crate::journal::{Kind, Position, Record};
use crate::screening::{Follow, Place};

/// A place of one subject of one screening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) matter: Uuid,
    pub(super) subject: u32,
    pub(super) place: Place,
}

/// A change of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is to be asked; the question stands in the record at the position, or in that of the matter's [`Change::Question`].
    /// `late`: FIND is still under way.
    Open { spot: Spot, at: Question, raised_ms: i64, late: bool },
    /// Nothing is left to ask.
    Settle { spot: Spot },
    /// It was asked in vain, and is to be asked again. `link`: for a reason that lies in the service, not in the question.
    Tried { spot: Spot, attempt: u32, tried_ms: i64, due_ms: i64, link: bool },
    /// A hit of it was told, though the rest is still open.
    Told { spot: Spot },
    /// A site's screening that had something to ask again: what is still open of it follows in another record.
    Question { matter: Uuid, at: Position },
}

/// Where the question of a place stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Here.
    At(Position),
    /// In the matter's record that came from a site. If there is none, this is the record that says so.
    OfSite(Position),
}

/// Where a record that came from a site comes from; the rest is the reconciliation's.
#[derive(Deserialize)]
struct Origin {
    kind: u16,
}

/// What a record changes.
pub(super) fn changes(record: &Record) -> Vec<Change> {
    let at = Position { sequence: record.sequence, segment: record.segment, offset: record.offset };
    match record.kind {
        Kind::Screening => opened(record, Question::At(at)),
        Kind::LateAnswer => late(record),
        Kind::Recheck => match section(&record.body, Section::Recheck) {
            Some(_) => rechecked(record),
            None => opened(record, Question::OfSite(at)),
        },
        Kind::Reconciled => {
            match read::<Origin>(record, Section::Origin).map(|it| Kind::from_code(it.kind)) {
                Some(Kind::Screening) => match opened(record, Question::At(at)).is_empty() {
                    true => Vec::new(),
                    false => vec![Change::Question { matter: record.matter, at }],
                },
                Some(Kind::LateAnswer) => late(record),
                Some(Kind::Recheck) => rechecked(record),
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

/// Whether the reason lies in the service or the link, so that asking about something else would fail as well.
pub(super) const fn is_of_the_link(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Transport
            | Reason::CertificateRefused
            | Reason::Deadline
            | Reason::BreakerOpen
            | Reason::RateCapped
            | Reason::Overloaded
            | Reason::UnexpectedError
            | Reason::ServiceTimeOut
            | Reason::MalformedAnswer
    )
}

fn read<'a, T: Deserialize<'a>>(record: &'a Record, wanted: Section) -> Option<T> {
    serde_json::from_slice(section(&record.body, wanted)?).ok()
}

fn milliseconds(record: &Record) -> i64 {
    i64::try_from(record.time_ns / 1_000_000).unwrap_or(i64::MAX)
}

fn spot(record: &Record, subject: usize, query: u16, database: Database) -> Option<Spot> {
    let subject = u32::try_from(subject).ok()?;
    Some(Spot { matter: record.matter, subject, place: Place { query, database } })
}

fn opened(record: &Record, at: Question) -> Vec<Change> {
    let follow: Vec<Follow> = read(record, Section::Follow).unwrap_or_default();
    let raised_ms = milliseconds(record);
    let of_subject = |(subject, follow): (usize, Follow)| {
        let open = follow.rechecks.into_iter().filter_map(move |place| {
            let spot = spot(record, subject, place.query, place.database)?;
            Some(Change::Open { spot, at, raised_ms, late: follow.late.contains(&place) })
        });
        open.collect::<Vec<_>>()
    };
    follow.into_iter().enumerate().flat_map(of_subject).collect()
}

fn late(record: &Record) -> Vec<Change> {
    let Some(LateRecord { subject, answers, .. }) = read(record, Section::Late) else { return Vec::new() };
    let change = |answer: &Answer| {
        let spot = spot(record, subject, answer.query, answer.database)?;
        match (&answer.finding, answer.unchecked) {
            _ if answer.source != Source::Find => None,
            (Finding::NotChecked(_), _) => None,
            (_, None) => Some(Change::Settle { spot }),
            (Finding::Hits(_), Some(_)) => Some(Change::Told { spot }),
            (Finding::NoRecord, Some(_)) => None,
        }
    };
    answers.iter().filter_map(change).collect()
}

fn rechecked(record: &Record) -> Vec<Change> {
    let Some(said) = RecheckRecord::read(&record.body) else { return Vec::new() };
    let tried_ms = milliseconds(record);
    let wait_ms = i64::try_from(backoff(said.attempt, record.matter).as_millis()).unwrap_or(i64::MAX);
    let mut changes = Vec::new();
    for settling in &said.places {
        let Some(spot) = spot(record, said.subject, said.number, settling.database) else { continue };
        let PlaceState::Open { reason } = settling.state else {
            changes.push(Change::Settle { spot });
            continue;
        };
        let (attempt, due_ms, link) =
            (said.attempt, tried_ms.saturating_add(wait_ms), is_of_the_link(reason));
        changes.push(Change::Tried { spot, attempt, tried_ms, due_ms, link });
        if settling.late_hit {
            changes.push(Change::Told { spot });
        }
    }
    changes
}
