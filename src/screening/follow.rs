//! What must follow from a screening once its answer is out.
//!
//! It is part of the journal record of the exchange and worked off from there, so that a crash repeats rather than
//! forgets: what could not be asked online is asked again, a hit becomes a case, a late answer finds its place.

use postern_sdk::{Database, Reference};
use serde::{Deserialize, Serialize};

/// One query of the plan and one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The query's place in the plan, from 0.
    pub query: u16,
    /// The database.
    pub database: Database,
}

/// What must follow from the screening of one subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Follow {
    /// What FIND is to be asked again: it could not be asked now for a reason that passes, whether or not the copy
    /// answered in its place, or a fresh miss of the copy is in the sample.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rechecks: Vec<Place>,
    /// Whether a case is to be opened: there is a hit or a possible one.
    pub case: bool,
    /// Where FIND is still under way: its answer may come yet and settle the recheck of that place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<Place>,
}

impl Follow {
    /// Whether nothing must follow.
    pub fn is_nothing(&self) -> bool {
        !self.case && self.rechecks.is_empty() && self.late.is_empty()
    }
}

/// Whether the fresh misses of this subject are in the sample that FIND rechecks, of `permille` in a thousand. It depends
/// on the reference alone, so a repeated work-off, or a second instance, samples the same.
pub fn sampled(reference: Reference, subject: usize, permille: u16) -> bool {
    if permille == 0 {
        return false;
    }
    mixed(reference.0.as_u128(), subject as u64) % 1000 < u64::from(permille)
}

/// The finaliser of SplitMix64, over both halves of the reference.
fn mixed(reference: u128, subject: u64) -> u64 {
    fn mix(mut bits: u64) -> u64 {
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
    let high = mix((reference >> 64) as u64 ^ subject);
    mix(high.wrapping_add(reference as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that the sample has about the size asked for, is the same when asked again, and can be none or all.
    #[test]
    fn sample_size() {
        let reference = |n: u128| Reference(uuid::Uuid::from_u128(0x0197_0000_0000_7000_8000 << 48 | n));
        let count = |permille| (0..10_000).filter(|n| sampled(reference(*n), 0, permille)).count();
        assert_eq!((count(0), count(1000)), (0, 10_000));
        assert!((400..600).contains(&count(50)), "{}", count(50));
        assert_eq!(count(50), count(50));
    }
}
