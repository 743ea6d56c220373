//! Looking a number up: what the table and the changes since hold under it.

use postern_sdk::Database;

use super::copy::Copy;
use super::entry::{Entry, Key};
use super::identifier::Identifier;
use super::overlay::Change;
use super::pages::Damaged;
use super::record::{database_number, database_of};
use super::seal::{BATCH, Packed, Sealed, SealedId, Secret};
use super::table::Slot;

/// A record under the number that was asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) packed: Packed,
    place: Place,
    /// Whether it may have been changed or withdrawn since, which could not be read.
    pub(super) doubtful: bool,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Base(u64),
    Overlay(SealedId),
}

impl Match {
    /// Whether it is a record of this database.
    pub(super) fn is(&self, database: Database) -> bool {
        database_number(database) == Some(database_of(self.packed))
    }
}

/// What a look-up found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The records of the number. Without any, nothing was allocated.
    pub(super) matches: Vec<Match>,
    /// Whether a page that could hold more was damaged.
    pub(super) damaged: bool,
}

impl Copy {
    /// The records of a number.
    #[inline]
    pub(super) fn find(&self, identifier: &Identifier) -> Found {
        let mut found = Found::default();
        let locator = self.generation.seal.locator(identifier);
        let touched = self.overlay.touches(locator);
        let mut secret = None;
        let told = self.base.table.find(locator, |slot| self.take(identifier, slot, &mut secret, &mut found));
        found.damaged = told.is_err();
        if touched {
            self.overlay_changes(identifier, locator, &mut found);
        }
        found
    }

    #[cold]
    fn take(&self, identifier: &Identifier, slot: Slot, secret: &mut Option<Secret>, found: &mut Found) {
        let seal = &self.generation.seal;
        let secret = secret.get_or_insert_with(|| seal.secret(identifier));
        if let Some(packed) = seal.open(secret, &slot.sealed) {
            found.matches.push(Match { packed, place: Place::Base(slot.number), doubtful: false });
        }
    }

    /// Lays the changes over what the base holds: those that are gone or changed leave, those that came enter.
    #[cold]
    fn overlay_changes(&self, identifier: &Identifier, locator: u64, found: &mut Found) {
        let gone = |key: Key| self.overlay.of(locator).any(|(changed, _)| changed == key);
        found.matches.retain_mut(|one| match self.mark(one) {
            Ok(mark) => !gone(Key { locator, mark }),
            Err(Damaged) => {
                one.doubtful = true;
                true
            }
        });
        let seal = &self.generation.seal;
        let secret = seal.secret(identifier);
        for (_, change) in self.overlay.of(locator) {
            let Change::Now(entry) = change else { continue };
            if let Some(packed) = seal.open(&secret, &entry.sealed) {
                found.matches.push(Match { packed, place: Place::Overlay(entry.id), doubtful: false });
            }
        }
    }

    /// Whether a number has records here.
    #[inline]
    pub fn contains(&self, identifier: &Identifier) -> Presence {
        Presence::of(&self.find(identifier))
    }

    /// Whether each of many numbers has records here, told by its place to `each`. At most [`BATCH`] go through memory
    /// side by side, which is several times as fast as one after the other.
    pub fn contains_many(&self, identifiers: &[Identifier], mut each: impl FnMut(usize, Presence)) {
        for (first, identifiers) in (0..).step_by(BATCH).zip(identifiers.chunks(BATCH)) {
            self.contains_batch(identifiers, |place, presence| each(first + place, presence));
        }
    }

    fn contains_batch(&self, identifiers: &[Identifier], mut each: impl FnMut(usize, Presence)) {
        let seal = &self.generation.seal;
        let mut locators = [0; BATCH];
        let locators = &mut locators[..identifiers.len()];
        seal.locators(identifiers, locators);
        let (mut found, mut doubtful) = (0_u64, 0_u64);
        let mut candidates = Candidates::new();
        self.base.table.find_many(locators, |query, slot| match slot {
            Err(Damaged) => doubtful |= 1 << query,
            Ok(slot) => {
                if !candidates.push(query, slot.sealed) {
                    let secret = seal.secret(&identifiers[query]);
                    found |= u64::from(seal.open(&secret, &slot.sealed).is_some()) << query;
                }
            }
        });
        let Candidates { sealed, queries, count } = &candidates;
        seal.open_many(identifiers, &queries[..*count], &sealed[..*count], |place, _| {
            found |= 1 << queries[place];
        });
        for (query, locator) in locators.iter().enumerate() {
            let presence = if self.overlay.touches(*locator) {
                Presence::of(&self.find(&identifiers[query]))
            } else if found & 1 << query != 0 {
                Presence::Some
            } else if doubtful & 1 << query != 0 {
                Presence::Damaged
            } else {
                Presence::None
            };
            each(query, presence);
        }
    }

    /// The mark of a match.
    pub(super) fn mark(&self, one: &Match) -> Result<u64, Damaged> {
        self.sealed_id(one).map(|id| id.mark)
    }

    /// The record id of a match under the number that was asked.
    pub(super) fn record_id(
        &self,
        identifier: &Identifier,
        one: &Match,
        database: Database,
    ) -> Result<String, Damaged> {
        let seal = &self.generation.seal;
        let id = self.sealed_id(one)?;
        let number = database_number(database).unwrap_or(0);
        seal.open_id(&seal.secret(identifier), number, &id).ok_or(Damaged)
    }

    fn sealed_id(&self, one: &Match) -> Result<SealedId, Damaged> {
        match one.place {
            Place::Base(slot) => self.base.id(slot),
            Place::Overlay(id) => Ok(id),
        }
    }

    /// The entry that a key names.
    pub(super) fn entry(&self, key: Key) -> Result<Option<Entry>, Damaged> {
        if self.overlay.touches(key.locator)
            && let Some((_, change)) = self.overlay.of(key.locator).find(|(changed, _)| *changed == key)
        {
            return Ok(match change {
                Change::Now(entry) => Some(entry),
                Change::Gone => None,
            });
        }
        let mut slots = Vec::new();
        self.base.table.find(key.locator, |slot| slots.push(slot))?;
        for slot in slots {
            let id = self.base.id(slot.number)?;
            if id.mark == key.mark {
                return Ok(Some(Entry { locator: key.locator, sealed: slot.sealed, id }));
            }
        }
        Ok(None)
    }

    /// The place of a match among the records of its base, or none if it came since.
    pub(super) fn ordinal(one: &Match) -> Option<u64> {
        match one.place {
            Place::Base(slot) => Some(slot),
            Place::Overlay(_) => None,
        }
    }
}

/// Whether there are records of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// There is none.
    None,
    /// There is at least one.
    Some,
    /// None was found, but a page that could hold one is damaged.
    Damaged,
}

impl Presence {
    fn of(found: &Found) -> Self {
        match (found.matches.is_empty(), found.damaged) {
            (false, _) => Self::Some,
            (true, true) => Self::Damaged,
            (true, false) => Self::None,
        }
    }
}

/// Slots of a batch that may be of the numbers that were asked, held in place.
struct Candidates {
    sealed: [Sealed; BATCH],
    queries: [u8; BATCH],
    count: usize,
}

impl Candidates {
    const fn new() -> Self {
        Self { sealed: [Sealed { tag: 0, body: Packed(0) }; BATCH], queries: [0; BATCH], count: 0 }
    }

    /// Adds a slot; false if there is no room.
    fn push(&mut self, query: usize, sealed: Sealed) -> bool {
        let Some(free) = self.sealed.get_mut(self.count) else { return false };
        *free = sealed;
        self.queries[self.count] = query as u8;
        self.count += 1;
        true
    }
}
