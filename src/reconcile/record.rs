//! What the hub's journal holds of a reconciliation, and what is counted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::header::{Header, Point};
use super::ledger::Gap;
use crate::mind::hex;

/// Where a reconciled record comes from. It stands before the sections of the original.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The site.
    pub site: String,
    /// The site's journal.
    pub instance: Uuid,
    /// The record's number there; with site and journal it names the record for good.
    pub sequence: u64,
    /// The number of its kind there.
    pub kind: u16,
    /// When it was written there.
    pub time: Timestamp,
    /// The chain hash behind it there.
    #[serde(with = "hex")]
    pub hash: [u8; 32],
}

/// How much a bundle holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Records that are returned.
    pub records: u64,
    /// Screenings among them.
    pub screenings: u64,
    /// Subjects with a hit or a possible one.
    pub hits: u64,
    /// Late answers of FIND with a hit.
    pub late_hits: u64,
    /// Questions that are still to be asked again: a subject, a query and a database each.
    pub rechecks: u64,
    /// Records of the range that could not be read at the site.
    pub unreadable: u64,
}

/// That a bundle was taken in: written behind its last record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The bundle.
    pub bundle: String,
    /// The site.
    pub site: String,
    /// The site's journal.
    pub instance: Uuid,
    /// The id of the key that signed.
    pub signer: String,
    /// When the bundle was made.
    pub made: Timestamp,
    /// The record that it begins behind.
    pub from: Point,
    /// Its last record.
    pub to: Point,
    /// What it holds.
    pub counts: Counts,
    /// The gap that a person accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
}

/// That a bundle was made: in the site's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Departure {
    /// The bundle.
    pub bundle: String,
    /// What the site is called in it.
    pub site: String,
    /// The id of the key that signed.
    pub signer: String,
    /// When it was made.
    pub made: Timestamp,
    /// The record that it begins behind.
    pub from: Point,
    /// Its last record.
    pub to: Point,
    /// What it holds.
    pub counts: Counts,
}

impl Import {
    pub(super) fn of(header: &Header, counts: Counts, gap: Option<Gap>) -> Self {
        Self {
            bundle: header.bundle.clone(),
            site: header.site.clone(),
            instance: header.instance,
            signer: header.signer.clone(),
            made: header.made,
            from: header.from,
            to: header.to,
            counts,
            gap,
        }
    }
}
