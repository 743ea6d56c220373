//! The changes since the base was made, held in memory: what a look-up sees ahead of the table.
//!
//! An overlay never changes: a delta makes a new one, which becomes visible with its state by one swap. A miss costs a
//! word of a filter that fits into the processor's cache; only a number that changed costs more.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::delta::Delta;
use super::entry::{Entry, Key};
use super::trust::Refusal;

/// Most changes of an overlay; beyond them a base must be folded first.
pub(super) const CHANGES_MAX: usize = 8_000_000;
/// The place of a record that is gone.
const GONE: usize = usize::MAX;

/// The changes since the base, in the order of keys.
#[derive(Default)]
pub(super) struct Overlay {
    /// Keys, and where the entry that counts now begins in `bytes`.
    changes: Vec<(Key, usize)>,
    bytes: Vec<u8>,
    /// The first change of each locator.
    first: HashMap<u64, u32, BuildHasherDefault<Direct>>,
    filter: Box<[u64]>,
}

impl std::fmt::Debug for Overlay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Overlay({} changes)", self.changes.len())
    }
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is gone.
    Gone,
    /// It says this now.
    Now(Entry),
}

impl Overlay {
    /// This overlay and then the delta.
    ///
    /// # Errors
    /// [`Refusal::OverlayFull`] if there would be too many changes.
    pub(super) fn and_then(&self, delta: &Delta) -> Result<Self, Refusal> {
        let mut latest: Vec<(Key, Option<&Entry>)> = delta.removed.iter().map(|key| (*key, None)).collect();
        latest.extend(delta.added.iter().map(|entry| (entry.key(), Some(entry))));
        // The sort is stable: what comes counts, and what goes under the same key does not.
        latest.sort_by_key(|(key, _)| *key);
        let mut overlay = Self::default();
        let mut old = self.changes.iter().peekable();
        let mut latest = latest.chunk_by(|a, b| a.0 == b.0).filter_map(<[_]>::last);
        let mut new = latest.next();
        loop {
            let old_first = match (old.peek(), new) {
                (None, None) => break,
                (Some((old_key, _)), Some((new_key, _))) => {
                    if old_key == new_key {
                        old.next();
                        continue;
                    }
                    old_key < new_key
                }
                (old, _) => old.is_some(),
            };
            if old_first {
                if let Some((key, at)) = old.next() {
                    overlay.push(*key, self.entry(*at).as_ref());
                }
            } else if let Some((key, entry)) = new {
                overlay.push(*key, *entry);
                new = latest.next();
            }
        }
        if overlay.changes.len() > CHANGES_MAX {
            return Err(Refusal::OverlayFull { limit: CHANGES_MAX });
        }
        overlay.index();
        Ok(overlay)
    }

    fn push(&mut self, key: Key, entry: Option<&Entry>) {
        let at = match entry {
            None => GONE,
            Some(entry) => {
                let at = self.bytes.len();
                entry.write(&mut self.bytes);
                at
            }
        };
        self.changes.push((key, at));
    }

    fn index(&mut self) {
        let words = (self.changes.len() / 2).next_power_of_two();
        self.filter = vec![0; words].into();
        for (number, (key, _)) in (0..).zip(&self.changes) {
            self.first.entry(key.locator).or_insert(number);
            self.filter[key.locator as usize & (words - 1)] |= pattern(key.locator);
        }
    }

    fn entry(&self, at: usize) -> Option<Entry> {
        Entry::read(self.bytes.get(at..)?).map(|(entry, _)| entry)
    }

    /// How many changes there are.
    pub(super) const fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether a record of this locator has changed.
    #[inline]
    pub(super) fn touches(&self, locator: u64) -> bool {
        let word = self.filter.get(locator as usize & self.filter.len().wrapping_sub(1));
        let pattern = pattern(locator);
        word.is_some_and(|word| word & pattern == pattern) && self.first.contains_key(&locator)
    }

    /// The changes of records of this locator.
    pub(super) fn of(&self, locator: u64) -> impl Iterator<Item = (Key, Change)> + '_ {
        let from = self.first.get(&locator).map_or(self.changes.len(), |first| *first as usize);
        self.changes[from..]
            .iter()
            .take_while(move |(key, _)| key.locator == locator)
            .map(|(key, at)| (*key, self.change(*at)))
    }

    /// All changes, in the order of keys.
    pub(super) fn all(&self) -> impl Iterator<Item = (Key, Change)> + '_ {
        self.changes.iter().map(|(key, at)| (*key, self.change(*at)))
    }

    fn change(&self, at: usize) -> Change {
        self.entry(at).map_or(Change::Gone, Change::Now)
    }
}

/// The bits that a locator sets in its word of the filter: three of 64, by parts of it that don't choose the word. With two
/// changes a word, one number in two thousand that did not change looks as if it had.
const fn pattern(locator: u64) -> u64 {
    1 << (locator >> 42) | 1 << (locator >> 36 & 63) | 1 << (locator >> 30 & 63)
}

/// A locator is as good as drawn by lot already, so it is its own hash.
#[derive(Default)]
struct Direct(u64);

impl Hasher for Direct {
    fn finish(&self) -> u64 {
        // The table takes its upper bits for one use and its lower bits for another.
        self.0 ^ self.0 << 16
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0 << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::seal::{Packed, Sealed, SealedId};
    use super::*;

    fn entry(locator: u64, mark: u64, tag: u64) -> Entry {
        Entry {
            locator,
            sealed: Sealed { tag, body: Packed(7) },
            id: SealedId::new(mark, 3, b"abc").unwrap(),
        }
    }

    type Steps = Vec<(Vec<(u64, u64)>, Vec<(u64, u64, u64)>)>;

    fn steps() -> impl Strategy<Value = Steps> {
        let gone = proptest::collection::vec((0..20_u64, 0..3_u64), 0..20);
        let come = proptest::collection::vec((0..20_u64, 0..3_u64, any::<u64>()), 0..20);
        proptest::collection::vec((gone, come), 0..6)
    }

    proptest! {
        // Proves that deltas on deltas leave what the same changes leave in a map, whatever their order and number.
        #[test]
        fn is_a_map(steps in steps()) {
            let mut overlay = Overlay::default();
            let mut map = BTreeMap::new();
            for (gone, come) in steps {
                let mut removed: Vec<Key> = gone.iter().map(|(locator, mark)| Key { locator: *locator, mark: *mark }).collect();
                removed.sort_unstable();
                removed.dedup();
                let mut added: Vec<Entry> = come.iter().map(|(locator, mark, tag)| entry(*locator, *mark, *tag)).collect();
                added.sort_by_key(Entry::key);
                added.dedup_by_key(|entry| entry.key());
                map.extend(removed.iter().map(|key| (*key, Change::Gone)));
                map.extend(added.iter().map(|entry| (entry.key(), Change::Now(*entry))));
                overlay = overlay.and_then(&Delta { removed, added }).unwrap();
            }
            prop_assert_eq!(overlay.len(), map.len());
            prop_assert!(overlay.all().eq(map.iter().map(|(key, change)| (*key, *change))));
            for locator in 0..25 {
                let expected: Vec<_> = map.iter().filter(|(key, _)| key.locator == locator).map(|(k, c)| (*k, *c)).collect();
                prop_assert_eq!(overlay.touches(locator), !expected.is_empty());
                prop_assert_eq!(overlay.of(locator).collect::<Vec<_>>(), expected);
            }
        }
    }
}
