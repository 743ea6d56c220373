//! What the hub's journal knows of a site's journal. The journal itself is the memory: it is read, and nothing else is kept.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::ReconcileError;
use super::header::{Header, Point};
use super::record::{Import, Origin};
use crate::engine::record::{Section, section};
use crate::journal::storage::Storage;
use crate::journal::{Kind, Reader};

/// Ends of bundles that are remembered; of older ones only that they are old.
const ENDS_MAX: usize = 100_000;

/// Records of a site that are missing at the hub, and that a person accepted to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// The last record that is known.
    pub known: u64,
    /// The record that the bundle behind the gap begins behind.
    pub from: u64,
}

/// How a bundle fits what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fits {
    /// It was taken in before, or all of it came in others.
    Known,
    /// It goes on where the last one ended, or overlaps it.
    Next,
    /// It is the first one of this journal of the site.
    First,
    /// Records are missing before it.
    Behind(Gap),
}

/// What the hub's journal knows of one journal of one site.
#[derive(Debug)]
pub struct Ledger {
    site: String,
    instance: Uuid,
    /// The end of the last bundle that was taken in whole.
    known: Point,
    /// The ends of bundles.
    ends: BTreeMap<u64, [u8; 32]>,
    /// What came behind that end with a bundle that was not finished: the number, and whether it is a recheck.
    begun: HashSet<(u64, bool)>,
}

impl Ledger {
    /// What nothing is known of yet.
    pub fn new(header: &Header) -> Self {
        Self {
            site: header.site.clone(),
            instance: header.instance,
            known: Point::START,
            ends: BTreeMap::new(),
            begun: HashSet::new(),
        }
    }

    /// What a journal knows, read without its lock.
    ///
    /// # Errors
    /// What the storage said. Damage is no error: what can't be read counts as not known, and is taken in again.
    pub fn of(journal: Arc<dyn Storage>, header: &Header) -> io::Result<Self> {
        let mut ledger = Self::new(header);
        for read in Reader::new(journal)? {
            if let Ok(record) = read? {
                ledger.see(record.kind, &record.body);
            }
        }
        Ok(ledger)
    }

    /// Takes note of a record of the hub's journal.
    pub fn see(&mut self, kind: Kind, body: &[u8]) {
        let read = |wanted| section(body, wanted);
        match kind {
            Kind::Reconciled | Kind::Recheck => {
                let origin = read(Section::Origin).map(serde_json::from_slice::<Origin>);
                let Some(Ok(origin)) = origin else { return };
                let ours = origin.site == self.site && origin.instance == self.instance;
                if ours && origin.sequence > self.known.sequence {
                    self.begun.insert((origin.sequence, kind == Kind::Recheck));
                }
            }
            Kind::Administrative => {
                let import = read(Section::Import).map(serde_json::from_slice::<Import>);
                let Some(Ok(import)) = import else { return };
                if import.site == self.site && import.instance == self.instance {
                    self.end(import.to);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, to: Point) {
        self.ends.insert(to.sequence, to.hash);
        if self.ends.len() > ENDS_MAX {
            self.ends.pop_first();
        }
        if to.sequence > self.known.sequence {
            self.known = to;
        }
        self.begun.retain(|(sequence, _)| *sequence > to.sequence);
    }

    /// How a bundle fits.
    ///
    /// # Errors
    /// [`ReconcileError::Forked`] if it contradicts what is known.
    pub fn fits(&self, header: &Header) -> Result<Fits, ReconcileError> {
        for point in [&header.from, &header.to] {
            let known = self.ends.get(&point.sequence);
            if point.is_hashed() && known.is_some_and(|hash| *hash != point.hash) {
                return Err(ReconcileError::Forked { sequence: point.sequence });
            }
        }
        let (known, from) = (self.known.sequence, header.from.sequence);
        Ok(match () {
            () if header.to.sequence <= known => Fits::Known,
            () if from > known => Fits::Behind(Gap { known, from }),
            () if known == 0 => Fits::First,
            () => Fits::Next,
        })
    }

    /// Whether the record or recheck of this number is there already.
    pub(super) fn has(&self, sequence: u64, recheck: bool) -> bool {
        sequence <= self.known.sequence || self.begun.contains(&(sequence, recheck))
    }
}
