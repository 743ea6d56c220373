//! From the hash of a text to the numbers filed under it.
//!
//! One sorted array and a directory into it by the hashes' upper bits: 8 bytes an entry and 4 a bucket, nothing else.

/// Entries a bucket holds on average.
const BUCKET: usize = 2;

/// A text's hash: FNV-1a, folded. Texts may share one, so whoever looks up compares.
pub(super) fn hash(text: impl IntoIterator<Item = u8>) -> u32 {
    let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    let hash = text.into_iter().fold(0xCBF2_9CE4_8422_2325, mix);
    // The upper bits choose the bucket, and FNV mixes the last bytes badly into them.
    (hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

/// An immutable table.
#[derive(Default)]
pub(super) struct Table {
    entries: Vec<(u32, u32)>,
    directory: Vec<u32>,
    shift: u32,
}

impl Table {
    /// Files each number under its hash; what is there twice is filed once.
    pub(super) fn build(mut entries: Vec<(u32, u32)>) -> Self {
        entries.sort_unstable();
        entries.dedup();
        entries.shrink_to_fit();
        let buckets = (entries.len() / BUCKET).next_power_of_two();
        let shift = 32 - buckets.trailing_zeros();
        let mut directory = Vec::with_capacity(buckets + 1);
        for bucket in 0..=buckets as u64 {
            let start = entries.partition_point(|(hash, _)| u64::from(*hash) >> shift < bucket);
            directory.push(u32::try_from(start).unwrap_or(u32::MAX));
        }
        Self { entries, directory, shift }
    }

    /// The numbers under a hash.
    pub(super) fn get(&self, hash: u32) -> impl Iterator<Item = u32> {
        let bucket = (u64::from(hash) >> self.shift) as usize;
        let range = self.directory.get(bucket).zip(self.directory.get(bucket + 1));
        let entries = range.and_then(|(start, end)| self.entries.get(*start as usize..*end as usize));
        entries.unwrap_or_default().iter().filter(move |entry| entry.0 == hash).map(|entry| entry.1)
    }

    pub(super) const fn bytes(&self) -> usize {
        self.entries.len() * 8 + self.directory.len() * 4
    }
}

/// Lists of numbers, one for each key from 0 on.
#[derive(Default)]
pub(super) struct Lists {
    ends: Vec<u32>,
    numbers: Vec<u32>,
}

impl Lists {
    /// Gathers (key, number) pairs, all keys below `keys`.
    pub(super) fn build(keys: usize, mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let end = |key: usize| pairs.partition_point(|pair| pair.0 as usize <= key);
        let ends = (0..keys).map(|key| u32::try_from(end(key)).unwrap_or(u32::MAX)).collect();
        Self { ends, numbers: pairs.into_iter().map(|pair| pair.1).collect() }
    }

    /// The list of a key, in ascending order.
    pub(super) fn get(&self, key: u32) -> &[u32] {
        let key = key as usize;
        let start = key.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.numbers[start as usize..self.ends[key] as usize]
    }

    pub(super) const fn bytes(&self) -> usize {
        (self.ends.len() + self.numbers.len()) * 4
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // Proves that a table gives what was filed under a hash and nothing else, whatever the hashes are.
        #[test]
        fn table_gives_what_was_filed(
            entries in prop::collection::vec((prop_oneof![any::<u32>(), 0..4_u32], 0..9_u32), 0..200),
            absent: u32,
        ) {
            let table = Table::build(entries.clone());
            for hash in entries.iter().map(|entry| entry.0).chain([absent, 0, u32::MAX]) {
                let mut expected: Vec<u32> =
                    entries.iter().filter(|entry| entry.0 == hash).map(|entry| entry.1).collect();
                expected.sort_unstable();
                expected.dedup();
                prop_assert_eq!(table.get(hash).collect::<Vec<_>>(), expected);
            }
        }

        // Proves the same of lists.
        #[test]
        fn lists_give_what_was_gathered(pairs in prop::collection::vec((0..20_u32, 0..50_u32), 0..200)) {
            let lists = Lists::build(20, pairs.clone());
            for key in 0..20 {
                let mut expected: Vec<u32> =
                    pairs.iter().filter(|pair| pair.0 == key).map(|pair| pair.1).collect();
                expected.sort_unstable();
                expected.dedup();
                prop_assert_eq!(lists.get(key), expected);
            }
        }
    }

    // Proves that an empty table answers.
    #[test]
    fn empty() {
        assert_eq!(Table::build(Vec::new()).get(7).count() + Table::default().get(7).count(), 0);
    }
}
