//! Known questions, so that a state is tried before it answers anybody: a few numbers of the feed with the record that must
//! be found under each, and numbers that were withdrawn. They stand in the manifest, sealed under the generation key.

use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use postern_sdk::Database;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::entry::{Entry, Key};
use super::identifier::{Identifier, Kind};
use super::keyring::GenerationKey;
use crate::keys::{hex, unhex};

/// Most questions of a state.
const QUESTIONS_MAX: usize = 64;
const LABEL: &str = "copy self test";

/// A number, and whether a record of it must be found.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Question {
    kind: u8,
    number: String,
    database: Database,
    mark: u64,
    present: bool,
}

/// Known questions, by mark and locator of the record that they are about.
#[derive(Clone, Default)]
pub(super) struct Sample(BTreeMap<(u64, u64), Question>);

impl Sample {
    /// Offers a record. Those with the lowest marks are taken, which are as good as drawn by lot. The lowest locators would
    /// be too, but they all stand at the beginning of the table.
    pub(super) fn offer(
        &mut self,
        identifier: &Identifier,
        database: Database,
        entry: &Entry,
        present: bool,
    ) {
        let key = (entry.id.mark, entry.locator);
        let is_low = || self.0.last_key_value().is_none_or(|(last, _)| key < *last);
        if self.0.len() < QUESTIONS_MAX || is_low() {
            let number = identifier.reveal().to_owned();
            let mark = entry.id.mark;
            self.0.insert(key, Question { kind: identifier.kind() as u8, number, database, mark, present });
            self.cut();
        }
    }

    /// Takes in the others, which say what is newer.
    pub(super) fn join(&mut self, newer: Self) {
        self.0.extend(newer.0);
        self.cut();
    }

    fn cut(&mut self) {
        while self.0.len() > QUESTIONS_MAX {
            self.0.pop_last();
        }
    }

    /// Takes out what is about records that are there no longer, or changes what must be found.
    pub(super) fn withdrawn(&mut self, gone: impl Fn(Key) -> bool) {
        for ((mark, locator), question) in &mut self.0 {
            question.present &= !gone(Key { locator: *locator, mark: *mark });
        }
    }

    /// Seals the questions for a manifest; none if the machine gives no randomness.
    pub(super) fn seal(&self, key: &GenerationKey) -> Option<String> {
        let questions: Vec<&Question> = self.0.values().collect();
        let mut text = Zeroizing::new(serde_json::to_vec(&questions).ok()?);
        let cipher = cipher(key)?;
        let nonce = cipher.seal_in_place_append_tag(Aad::empty(), &mut *text).ok()?;
        Some(hex(&[&nonce.as_ref()[..], &text[..]].concat()))
    }

    /// The questions of a manifest; none if they were not sealed under this key.
    pub(super) fn open(sealed: &str, key: &GenerationKey) -> Option<Self> {
        let bytes = unhex(sealed)?;
        let (nonce, text) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let text = cipher(key)?.open_in_place(nonce, Aad::empty(), &mut text).ok()?;
        let questions: Vec<Question> = serde_json::from_slice(text).ok()?;
        let keyed = questions.into_iter().map(|question| ((question.mark, u64::MAX), question));
        Some(Self(keyed.collect()))
    }

    /// Whether each question is answered as it must be. `find` says whether a record of this mark is found under a number.
    pub(super) fn holds(&self, find: impl Fn(&Identifier, Database, u64) -> bool) -> bool {
        self.0.values().all(|question| {
            let found = question.identifier().map(|one| find(&one, question.database, question.mark));
            found == Some(question.present)
        })
    }

    /// Gives back the locators, which are not written.
    pub(super) fn locate(self, locator: impl Fn(&Identifier) -> u64) -> Self {
        let locate = |question: Question| {
            let identifier = question.identifier()?;
            Some(((question.mark, locator(&identifier)), question))
        };
        Self(self.0.into_values().filter_map(locate).collect())
    }
}

impl Question {
    fn identifier(&self) -> Option<Identifier> {
        let number = &self.number;
        Some(match self.kind {
            kind if kind == Kind::Document as u8 => Identifier::document(&number.parse().ok()?),
            kind if kind == Kind::Vin as u8 => Identifier::vin(&number.parse().ok()?),
            kind if kind == Kind::Plate as u8 => Identifier::plate(&number.parse().ok()?),
            kind if kind == Kind::Part as u8 => Identifier::serial(Kind::Part, &number.parse().ok()?),
            kind if kind == Kind::Firearm as u8 => Identifier::serial(Kind::Firearm, &number.parse().ok()?),
            kind if kind == Kind::Vessel as u8 => Identifier::serial(Kind::Vessel, &number.parse().ok()?),
            _ => return None,
        })
    }
}

fn cipher(key: &GenerationKey) -> Option<RandomizedNonceKey> {
    let derived = Zeroizing::new(key.derive(LABEL));
    RandomizedNonceKey::new(&AES_256_GCM, &derived[..]).ok()
}

#[cfg(test)]
mod tests {
    use super::super::seal::{Packed, Sealed, SealedId};
    use super::*;

    // Proves that the questions are of all parts of a table, and the same ones in whatever order records were offered.
    #[test]
    fn questions_are_spread() {
        let offered = |order: &mut dyn Iterator<Item = u64>| {
            let mut sample = Sample::default();
            let mix = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
            for n in order {
                let identifier = Identifier::document(&format!("NR{n:06}").parse().unwrap());
                let sealed = Sealed { tag: n, body: Packed(0) };
                let id = SealedId::new(mix(mix(n) + 1), 2, b"id").unwrap();
                let entry = Entry { locator: mix(n) >> 16, sealed, id };
                sample.offer(&identifier, Database::Sltd, &entry, true);
            }
            sample.locate(|identifier| mix(identifier.reveal()[2..].parse().unwrap()) >> 16).0
        };
        let sample = offered(&mut (0..10_000));
        assert_eq!(sample.len(), QUESTIONS_MAX);
        let eighths: std::collections::BTreeSet<u64> = sample
            .values()
            .map(|question| question.number[2..].parse::<u64>().unwrap())
            .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32) >> 61)
            .collect();
        assert_eq!(eighths.len(), 8);
        assert!(offered(&mut (0..10_000).rev()).keys().eq(sample.keys()));
    }
}
