//! Ids that sort by time: UUIDs of version 7 (RFC 9562).

use aws_lc_rs::rand;
use jiff::Timestamp;
use uuid::{Builder, Uuid};

/// A new id of this time. Two are never the same: 74 of its bits are random.
///
/// # Panics
/// If the machine gives no randomness, without which nothing here is safe.
pub fn new_id(now: Timestamp) -> Uuid {
    let mut random = [0; 10];
    rand::fill(&mut random).expect("the generator was seeded at start");
    let ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(ms, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that ids are of version 7, sort by time and differ.
    #[test]
    fn ids_sort_by_time() {
        let at = |second| new_id(Timestamp::from_second(second).unwrap());
        assert_eq!(at(1).get_version_num(), 7);
        assert!(at(1) < at(2));
        assert_ne!(at(1), at(1));
    }
}
