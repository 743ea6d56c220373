//! The first reading of an export: how far it goes, and what was settled since.
//!
//! The header stands before the records, so the range must be known before the first of them is written. The end is the
//! last record that is certainly durable: what a daemon is writing at this moment may be lost in a power cut and its
//! number given to another record, so it is held back for the next time.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use postern_sdk::{Finding, Source};
use uuid::Uuid;

use super::error::ReconcileError;
use super::header::Point;
use crate::engine::LateRecord;
use crate::engine::record::{Section, section};
use crate::journal::storage::Storage;
use crate::journal::{Kind, Reader, Record};
use crate::recheck::{PlaceState, RecheckRecord};
use crate::screening::{Follow, Place};

/// The kinds that are returned. When replies went out, refusals and the site's own checkpoints stay in its journal.
const RETURNED: [Kind; 5] =
    [Kind::Screening, Kind::LateAnswer, Kind::CaseEvent, Kind::AlertEvent, Kind::Recheck];

/// Bytes of bodies of a bundle at most.
const BYTES_MAX: u64 = 4 << 30;

/// Records that are in the last group at most; those before them are durable.
const GROUP_RECORDS_MAX: usize = 65_536;

/// Whether a record goes to the hub.
pub(super) fn is_returned(record: &Record) -> bool {
    RETURNED.contains(&record.kind)
}

/// Where FIND has answered after all: by the exchange and the subject's place in it.
#[derive(Default)]
pub(super) struct Settled(HashMap<Uuid, HashSet<(usize, Place)>>);

impl Settled {
    /// Takes note of a late answer, or of a recheck.
    fn note(&mut self, record: &Record) {
        if let Some(recheck) = RecheckRecord::of(record) {
            for place in recheck.places.iter().filter(|place| place.state == PlaceState::Answered) {
                let place = Place { query: recheck.number, database: place.database };
                self.0.entry(record.matter).or_default().insert((recheck.subject, place));
            }
        }
        let late = section(&record.body, Section::Late).map(serde_json::from_slice::<LateRecord>);
        let Some(Ok(late)) = late else { return };
        let says = |finding: &Finding| !matches!(finding, Finding::NotChecked(_));
        for answer in late.answers.iter().filter(|answer| answer.source == Source::Find) {
            if says(&answer.finding) && answer.unchecked.is_none() {
                let place = Place { query: answer.query, database: answer.database };
                self.0.entry(record.matter).or_default().insert((late.subject, place));
            }
        }
    }

    /// What of a screening is still to be asked again, in the shape of the record's own word.
    pub(super) fn open(&self, matter: Uuid, follow: &[Follow]) -> Vec<Follow> {
        let settled = self.0.get(&matter);
        let is_open = |subject: usize, place: &Place| {
            settled.is_none_or(|settled| !settled.contains(&(subject, *place)))
        };
        let open = |(subject, follow): (usize, &Follow)| Follow {
            rechecks: follow.rechecks.iter().filter(|place| is_open(subject, place)).copied().collect(),
            ..Follow::default()
        };
        follow.iter().enumerate().map(open).collect()
    }
}

/// What a first reading found.
pub(super) struct Survey {
    /// The record before the first.
    pub(super) from: Point,
    /// The last record; none if nothing that is returned is new.
    pub(super) to: Option<Point>,
    /// Records behind the end that may not be durable yet.
    pub(super) held_back: u64,
    /// Whether more records follow than a bundle may hold.
    pub(super) more: bool,
    /// What late answers settled.
    pub(super) settled: Settled,
}

/// Reads the journal from behind a record on.
pub(super) fn survey(
    journal: &Arc<dyn Storage>,
    from: Point,
    records_max: u64,
) -> Result<Survey, ReconcileError> {
    let mut reader =
        Reader::from_segment(Arc::clone(journal), from.segment).map_err(ReconcileError::Journal)?;
    let mut surveyor = Surveyor {
        survey: Survey { from, to: None, held_back: 0, more: false, settled: Settled::default() },
        began: from.sequence == 0,
        records: 0,
        bytes: 0,
        vouched: None,
        tail: VecDeque::new(),
    };
    // A full bundle is read on from all the same: only the journal's end tells where its last group begins.
    for read in &mut reader {
        // What is damaged is counted by the numbers that are missing.
        let Ok(record) = read.map_err(ReconcileError::Journal)? else { continue };
        if !surveyor.survey.more {
            surveyor.survey.more = !surveyor.take(&record, records_max)?;
        }
    }
    surveyor.settle(reader.unvouched())
}

struct Surveyor {
    survey: Survey,
    /// Whether the record to begin behind was met.
    began: bool,
    records: u64,
    bytes: u64,
    /// The last record that is before any last group.
    vouched: Option<Point>,
    /// The records since then, as many as may be in the last group: where in its segment each is, and its point.
    tail: VecDeque<(u64, Point)>,
}

impl Surveyor {
    /// Looks at a record; false if it does not go into the bundle any more.
    fn take(&mut self, record: &Record, records_max: u64) -> Result<bool, ReconcileError> {
        let from = &mut self.survey.from;
        if record.sequence <= from.sequence {
            let differs = from.is_hashed() && record.sequence == from.sequence && record.hash != from.hash;
            if differs {
                return Err(ReconcileError::JournalChanged { sequence: from.sequence });
            }
            if record.sequence == from.sequence {
                *from = Point { segment: record.segment, sequence: record.sequence, hash: record.hash };
                self.began = true;
            }
            return Ok(true);
        }
        if !self.began {
            // Not there: it is damaged, or the journal begins later. A hash that is known still vouches for the place.
            if !from.is_hashed() {
                return Err(ReconcileError::JournalChanged { sequence: from.sequence });
            }
            self.began = true;
        }
        self.count(record, records_max)
    }

    fn count(&mut self, record: &Record, records_max: u64) -> Result<bool, ReconcileError> {
        if is_returned(record) {
            if self.records == records_max || self.bytes + record.body.len() as u64 > BYTES_MAX {
                return Ok(false);
            }
            if record.flags != 0 {
                return Err(ReconcileError::RecordSealed { sequence: record.sequence });
            }
            self.records += 1;
            self.bytes += record.body.len() as u64;
        }
        if matches!(record.kind, Kind::LateAnswer | Kind::Recheck) {
            self.survey.settled.note(record);
        }
        let point = Point { segment: record.segment, sequence: record.sequence, hash: record.hash };
        self.tail.push_back((record.offset, point));
        if self.tail.len() > GROUP_RECORDS_MAX {
            self.vouched = self.tail.pop_front().map(|(_, point)| point);
        }
        Ok(true)
    }

    /// Fixes the end: the last record that something vouches for.
    fn settle(mut self, unvouched: Option<(u64, u64)>) -> Result<Survey, ReconcileError> {
        if !self.began && self.survey.from.sequence > 0 {
            return Err(ReconcileError::JournalChanged { sequence: self.survey.from.sequence });
        }
        let is_vouched = |(offset, point): &&(u64, Point)| {
            unvouched.is_none_or(|(segment, from)| (point.segment, *offset) < (segment, from))
        };
        let kept = self.tail.iter().filter(is_vouched).count();
        self.survey.held_back = (self.tail.len() - kept) as u64;
        let last = kept.checked_sub(1).map(|last| self.tail[last].1);
        self.survey.to = last.or(self.vouched).filter(|_| self.records > 0);
        Ok(self.survey)
    }
}
