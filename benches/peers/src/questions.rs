//! What is asked: a list of numbers a kind, in no order, the same for every engine.

use std::fs;
use std::io;
use std::path::Path;

use postern::sim::feed;

use crate::data::{Data, mix};
use crate::number::Number;

/// How many numbers of each kind are asked.
const COUNT: usize = 1_000_000;

/// What kind of number is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One that has a record.
    Hit,
    /// One that has none and looks like those that have: it falls between them wherever they are sorted.
    Miss,
    /// One that has none and lies behind all others: kind to whatever is sorted.
    FarMiss,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Hit, Self::Miss, Self::FarMiss];

    /// The name, also of the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::FarMiss => "far miss",
        }
    }
}

/// The numbers, one a line, a text a kind.
pub struct Questions([String; Kind::ALL.len()]);

impl Questions {
    /// Chooses them.
    pub fn choose(data: &Data, seed: u64) -> Self {
        Self([lines(hits(data)), lines(misses(data, seed)), lines(far_misses())])
    }

    /// Writes them for the processes that ask.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        Kind::ALL.iter().zip(&self.0).try_for_each(|(kind, text)| fs::write(folder.join(kind.name()), text))
    }

    /// Reads what was written.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let [hits, misses, far] = Kind::ALL.map(|kind| fs::read_to_string(folder.join(kind.name())));
        Ok(Self([hits?, misses?, far?]))
    }

    /// Those of a kind.
    pub fn of(&self, kind: Kind) -> Vec<&str> {
        let text = &self.0[kind as usize];
        // Exactly as large as needed: what growing leaves behind would hide what the engine takes.
        let mut numbers = Vec::with_capacity(text.lines().count());
        numbers.extend(text.lines());
        numbers
    }
}

/// Numbers from all over the data.
fn hits(data: &Data) -> Vec<Number> {
    data.numbers().step_by(data.len().div_ceil(COUNT).max(1)).copied().collect()
}

/// Numbers of another feed that this one lacks.
fn misses(data: &Data, seed: u64) -> Vec<Number> {
    let other = feed::generate(u64::MAX, !seed);
    let numbers = other.rows().filter_map(|row| Number::new(&row.number));
    numbers.filter(|number| !data.contains(number)).take(COUNT).collect()
}

fn far_misses() -> Vec<Number> {
    (0..COUNT).filter_map(|index| Number::new(&format!("ZZZZ{index:09}"))).collect()
}

/// One number a line, in an order that follows from nothing that an engine could use.
fn lines(mut numbers: Vec<Number>) -> String {
    numbers.sort_by_cached_key(|number| {
        let (high, low) = halves(number);
        mix(mix(high) ^ low)
    });
    let mut text = String::new();
    for number in &numbers {
        text.push_str(number.as_str());
        text.push('\n');
    }
    text
}

fn halves(number: &Number) -> (u64, u64) {
    let whole = u128::from_be_bytes(*number.padded());
    ((whole >> 64) as u64, whole as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that hits have a record, misses of either kind have none, and that far ones lie behind all records.
    #[test]
    fn are_of_their_kind() {
        let data = Data::generate(10_000, 1).unwrap();
        let last = data.numbers().last().unwrap();
        assert!(hits(&data).iter().all(|number| data.contains(number)));
        assert!(misses(&data, 1).iter().all(|number| !data.contains(number)));
        assert!(far_misses().iter().all(|number| number > last));
    }
}
