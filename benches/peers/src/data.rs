//! The records: a document number and twenty bytes, from the synthetic feed.
//!
//! The feed is streamed; of each row only number and place are kept, 20 bytes. A number that the feed repeats counts
//! once, with its first row, so that every engine holds the same records; all get them sorted by number.

use postern::sim::feed::{self, Feed, Row};

use crate::engine::Result;
use crate::number::Number;

/// What an engine keeps under a number.
pub type Payload = [u8; 20];

/// The records.
pub struct Data {
    feed: Feed,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    number: Number,
    row: u32,
}

impl Data {
    /// Those of a feed of so many rows.
    ///
    /// # Errors
    /// That there are more rows than 32 bits count.
    pub fn generate(rows: u64, seed: u64) -> Result<Self> {
        let rows = u32::try_from(rows)?;
        let feed = feed::generate(rows.into(), seed);
        let mut entries = Vec::with_capacity(rows as usize);
        for row in 0..rows {
            entries.push(Entry { number: Number::of(&feed.row(row.into()).number)?, row });
        }
        entries.sort_unstable();
        entries.dedup_by_key(|entry| entry.number);
        Ok(Self { feed, entries })
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// All, sorted.
    pub fn records(&self) -> impl Iterator<Item = (&str, Payload)> {
        self.numbers().zip(&self.entries).map(|(number, entry)| (number.as_str(), payload(entry.row)))
    }

    /// Their numbers, sorted.
    pub fn numbers(&self) -> impl ExactSizeIterator<Item = &Number> {
        self.entries.iter().map(|entry| &entry.number)
    }

    /// Their rows of the feed.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        self.entries.iter().map(|entry| self.feed.row(entry.row.into()))
    }

    /// Whether there is a record of this number.
    pub fn contains(&self, number: &Number) -> bool {
        self.entries.binary_search_by(|entry| entry.number.cmp(number)).is_ok()
    }
}

/// Twenty bytes that nothing compresses, a function of the row.
fn payload(row: u32) -> Payload {
    let mut payload = Payload::default();
    for (word, bytes) in payload.chunks_mut(8).enumerate() {
        let mixed = mix(u64::from(row) << 2 | word as u64).to_le_bytes();
        bytes.copy_from_slice(&mixed[..bytes.len()]);
    }
    payload
}

/// Spreads an integer over all 64 bits (the last step of SplitMix64).
pub const fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    // Proves that the records are the feed's numbers, each once and sorted, and that only those are contained.
    #[test]
    fn holds_each_number_once() {
        let (data, feed) = (Data::generate(30_000, 1).unwrap(), feed::generate(30_000, 1));
        let expected: BTreeSet<String> = feed.rows().map(|row| row.number).collect();
        assert!(data.records().map(|(number, _)| number).eq(&expected));
        assert!(data.rows().map(|row| row.number).eq(expected));
        assert!(data.numbers().all(|number| data.contains(number)));
        assert!(!data.contains(&Number::new("ZZZZ000000001").unwrap()));
    }
}
