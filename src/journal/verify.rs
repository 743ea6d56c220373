//! Checks a journal without changing it, also while a daemon writes it.

use super::format::ChainHash;
use super::segment::Tail;
use super::storage::Storage;
use super::walk::{Damage, Event, Found, RecordRef, Walk};
use std::io;
use std::sync::Arc;

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Sound records.
    pub records: u64,
    /// Segments that were opened; prepared ones don't count.
    pub segments: u64,
    /// The first and last sequence, 0 if there is no record.
    pub first_sequence: u64,
    /// See [`Self::first_sequence`].
    pub last_sequence: u64,
    /// The time of the first and last record in ns since 1970-01-01 UTC, 0 if there is none.
    pub first_time_ns: u64,
    /// See [`Self::first_time_ns`].
    pub last_time_ns: u64,
    /// All damaged places in order.
    pub damage: Vec<Damage>,
    /// A segment that ends in an unfinished write: a crash since the last opening, or a daemon in the middle
    /// of one.
    pub unfinished: Option<u64>,
    /// Whether the last segment was finished properly. Not so while a daemon runs, or after it died. A
    /// journal that was closed and is not so any more was changed at its end.
    pub closed: bool,
    /// The chain hash behind the last sound frame; compare it with an exported checkpoint to notice a cut end.
    pub chain_head: ChainHash,
}

impl Report {
    /// Whether nothing is damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }

    fn record(&mut self, record: &RecordRef<'_>) {
        if self.records == 0 {
            self.first_sequence = record.sequence;
            self.first_time_ns = record.time_ns;
        }
        self.records += 1;
        self.last_sequence = record.sequence;
        self.last_time_ns = record.time_ns;
    }

    fn segment_end(&mut self, found: &Found, tail: Tail) {
        if tail.torn {
            self.unfinished = Some(found.number);
        }
        if found.started() {
            self.segments += 1;
            self.closed = tail.finished;
        }
    }
}

/// Reads the whole journal and checks every checksum and the chain.
///
/// # Errors
/// What the storage said; damage is no error but part of the report.
pub fn verify(storage: Arc<dyn Storage>) -> io::Result<Report> {
    let mut walk = Walk::new(storage)?;
    let mut report = Report {
        records: 0,
        segments: 0,
        first_sequence: 0,
        last_sequence: 0,
        first_time_ns: 0,
        last_time_ns: 0,
        damage: Vec::new(),
        unfinished: None,
        closed: false,
        chain_head: walk.head.hash,
    };
    let mut ends = Vec::new();
    while let Some(event) = walk.next()? {
        match event {
            Event::Record(record) => report.record(&record),
            Event::Damage(damage) => report.damage.push(damage),
            Event::SegmentEnd(index, tail) => ends.push((index, tail)),
        }
    }
    for (index, tail) in ends {
        report.segment_end(&walk.segments[index], tail);
    }
    report.chain_head = walk.head.hash;
    Ok(report)
}
