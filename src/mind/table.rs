//! The table: where the records of a number are, in one cache line for a number that has none.
//!
//! Eight look-ups in a hundred thousand hit, so the layout serves the miss. A bucket is a line of 64 bytes: the number of
//! its first slot (31 bits), an overflow flag, and 30 tags of 16 bits. Buckets are filled to 20 on average; a miss
//! reads its bucket and finds no tag that agrees, but for one in 3 300 (20 tags of 2^16) and the 1.3 % of buckets that
//! overflow. The slots follow, dense and in the order of locators, so the slots of a bucket lie side by side, and a hit
//! reads one or two lines more.
//!
//! A slot holds what of the locator the bucket's place does not say, so that a match is exact but for n·2^-88, and a
//! table can be rebuilt at another size. If a table has B buckets, the product place·B (128 bits) has the bucket's
//! number in its upper half, and its lower half goes into the slot: together they give the place back.

use super::locator::{Locator, tag_of};
use super::pages::{Damaged, PAGE, PagedFile};
use super::record::RECORD;

/// Bytes of a bucket: a cache line.
const BUCKET: usize = 64;
const BUCKETS_A_PAGE: usize = PAGE / BUCKET;
/// Tags of a bucket; the slots beyond have none.
const TAGS: usize = 30;
/// How many records a bucket holds on average. More saves space and lets more buckets overflow: 1.3 % at 20.
const FILL: u64 = 20;
/// The flag that a bucket has more slots than tags.
const OVERFLOW: u32 = 1 << 31;
/// Most records that a table can hold.
pub(super) const SLOTS_MAX: u64 = OVERFLOW as u64 - 1;

/// Bytes of a slot: what is left of the place (8), the check bits (3), the record.
const SLOT: usize = 8 + 3 + RECORD;
/// Slots don't cross pages, so that one check covers one.
const SLOTS_A_PAGE: usize = PAGE / SLOT;

/// Name and version of the layout, at the start of the file.
const MAGIC: &[u8; 16] = b"postern-table-1\n";

/// The measures of a table, which follow from the number of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// How many records there are.
    pub(super) slots: u64,
    /// How many buckets there are.
    pub(super) buckets: u64,
}

impl Shape {
    /// The shape for a number of records.
    pub(super) fn of(slots: u64) -> Self {
        Self { slots, buckets: slots.div_ceil(FILL).max(1) }
    }

    /// The bucket of a place, and what the slot keeps of it.
    pub(super) const fn split(self, place: u64) -> (u64, u64) {
        let product = place as u128 * self.buckets as u128;
        ((product >> 64) as u64, product as u64)
    }

    /// The place of a slot, from its bucket and what it keeps.
    pub(super) const fn place(self, bucket: u64, rest: u64) -> u64 {
        (((bucket as u128) << 64 | rest as u128) / self.buckets as u128) as u64
    }

    /// One bucket more than there are closes the last one.
    pub(super) const fn bucket_pages(self) -> u64 {
        (self.buckets + 1).div_ceil(BUCKETS_A_PAGE as u64)
    }

    /// Size of the file in pages.
    pub(super) const fn pages(self) -> u64 {
        1 + self.bucket_pages() + self.slots.div_ceil(SLOTS_A_PAGE as u64)
    }

    /// The file's first page.
    pub(super) fn header(self) -> [u8; PAGE] {
        let mut page = [0; PAGE];
        page[..16].copy_from_slice(MAGIC);
        page[16..24].copy_from_slice(&self.slots.to_le_bytes());
        page[24..32].copy_from_slice(&self.buckets.to_le_bytes());
        page
    }
}

/// The bytes of a bucket with these tags, whose first slot is `start`.
pub(super) fn bucket_bytes(start: u64, checks: impl ExactSizeIterator<Item = u32>) -> [u8; BUCKET] {
    let mut bytes = [0; BUCKET];
    let overflow = if checks.len() > TAGS { OVERFLOW } else { 0 };
    bytes[..4].copy_from_slice(&(start as u32 | overflow).to_le_bytes());
    for (tag, check) in bytes[4..].chunks_exact_mut(2).zip(checks) {
        tag.copy_from_slice(&tag_of(check).to_le_bytes());
    }
    bytes
}

/// The bytes of a slot.
pub(super) fn slot_bytes(rest: u64, check: u32, record: &[u8; RECORD]) -> [u8; SLOT] {
    let mut bytes = [0; SLOT];
    bytes[..8].copy_from_slice(&rest.to_le_bytes());
    bytes[8..11].copy_from_slice(&check.to_le_bytes()[..3]);
    bytes[11..].copy_from_slice(record);
    bytes
}

/// Whether the page is full before this slot, so that it begins a new one.
pub(super) const fn begins_page(slot: u64) -> bool {
    slot.is_multiple_of(SLOTS_A_PAGE as u64)
}

/// A slot as it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Its number, which is also that of its id.
    pub(super) number: usize,
    rest: u64,
    check: u32,
    /// The packed record.
    pub(super) record: [u8; RECORD],
}

/// What a look-up found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The slots of the number. Without any, nothing was allocated.
    pub(super) slots: Vec<Slot>,
    /// Whether a page that could hold more was damaged.
    pub(super) damaged: bool,
}

/// A table that is open.
#[derive(Debug)]
pub(super) struct Table {
    file: PagedFile,
    shape: Shape,
}

impl Table {
    /// Takes the file for a table of this shape.
    ///
    /// # Errors
    /// [`Damaged`] if the file has another size, or its first page is damaged or says something else.
    pub(super) fn new(file: PagedFile, slots: u64) -> Result<Self, Damaged> {
        let shape = Shape::of(slots);
        let agrees = file.pages() as u64 == shape.pages() && *file.page(0)? == shape.header();
        if agrees { Ok(Self { file, shape }) } else { Err(Damaged) }
    }

    /// The slots of a number.
    #[inline]
    pub(super) fn find(&self, locator: Locator) -> Found {
        let mut found = Found::default();
        if self.search(locator, &mut found).is_err() {
            found.damaged = true;
        }
        found
    }

    #[inline]
    fn search(&self, locator: Locator, found: &mut Found) -> Result<(), Damaged> {
        let (bucket, rest) = self.shape.split(locator.place);
        let line = self.bucket(bucket)?;
        let mut agreeing = agreeing_tags(line, locator.tag());
        let (start, overflows) = start_of(line);
        if agreeing != 0 {
            while agreeing != 0 {
                let slot = self.slot(start + agreeing.trailing_zeros() as usize);
                found.take(slot, rest, locator.check);
                agreeing &= agreeing - 1;
            }
        }
        if overflows {
            let (end, _) = start_of(self.bucket(bucket + 1)?);
            for number in start + TAGS..end {
                found.take(self.slot(number), rest, locator.check);
            }
        }
        Ok(())
    }

    #[inline]
    fn bucket(&self, bucket: u64) -> Result<&[u8; BUCKET], Damaged> {
        let (page, line) = (bucket as usize / BUCKETS_A_PAGE, bucket as usize % BUCKETS_A_PAGE);
        let page = self.file.page(1 + page)?;
        page[line * BUCKET..].first_chunk().ok_or(Damaged)
    }

    fn slot(&self, number: usize) -> Result<Slot, Damaged> {
        if number as u64 >= self.shape.slots {
            return Err(Damaged);
        }
        let page = 1 + self.shape.bucket_pages() as usize + number / SLOTS_A_PAGE;
        let bytes = &self.file.page(page)?[number % SLOTS_A_PAGE * SLOT..];
        let bytes: &[u8; SLOT] = bytes.first_chunk().ok_or(Damaged)?;
        let mut slot = Slot { number, rest: 0, check: 0, record: [0; RECORD] };
        slot.rest = u64::from_le_bytes(*bytes.first_chunk().ok_or(Damaged)?);
        slot.check = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], 0]);
        slot.record.copy_from_slice(&bytes[11..]);
        Ok(slot)
    }

    /// Checks every page, and that the table is in order: bucket by bucket, slots sorted, tags those of the slots.
    /// `each` gets every slot.
    pub(super) fn verify(&self, mut each: impl FnMut(&Slot) -> Result<(), Damaged>) -> Result<(), Damaged> {
        for page in 0..self.file.pages() {
            self.file.page(page)?;
        }
        let mut next = 0;
        let mut latest = 0;
        for bucket in 0..self.shape.buckets {
            let (start, end) = (start_of(self.bucket(bucket)?).0, start_of(self.bucket(bucket + 1)?).0);
            ensure(start == next && end >= start)?;
            let slots = (start..end).map(|number| self.slot(number)).collect::<Result<Vec<_>, _>>()?;
            let expected = bucket_bytes(start as u64, slots.iter().map(|slot| slot.check));
            ensure(expected == *self.bucket(bucket)?)?;
            for slot in &slots {
                let place = self.shape.place(bucket, slot.rest);
                ensure(place >= latest && self.shape.split(place) == (bucket, slot.rest))?;
                latest = place;
                each(slot)?;
            }
            next = end;
        }
        ensure(next as u64 == self.shape.slots)
    }
}

impl Found {
    fn take(&mut self, slot: Result<Slot, Damaged>, rest: u64, check: u32) {
        match slot {
            Ok(slot) if slot.rest == rest && slot.check == check => self.slots.push(slot),
            Ok(_) => {}
            Err(Damaged) => self.damaged = true,
        }
    }
}

const fn ensure(holds: bool) -> Result<(), Damaged> {
    if holds { Ok(()) } else { Err(Damaged) }
}

/// The first slot of a bucket, and whether it overflows.
fn start_of(line: &[u8; BUCKET]) -> (usize, bool) {
    let word = u32::from_le_bytes([line[0], line[1], line[2], line[3]]);
    ((word & !OVERFLOW) as usize, word & OVERFLOW != 0)
}

/// Which tags of a bucket agree: bit i for tag i.
///
/// Four tags are compared at once in a word of 64 bits, without carries between them, which every machine does well.
#[inline]
fn agreeing_tags(line: &[u8; BUCKET], tag: u16) -> u32 {
    const ONES: u64 = 0x0001_0001_0001_0001;
    const LOW: u64 = 0x7fff * ONES;
    let pattern = u64::from(tag) * ONES;
    let (words, _) = line.as_chunks::<8>();
    let mut agreeing = 0_u32;
    for (index, word) in words.iter().enumerate() {
        let difference = u64::from_le_bytes(*word) ^ pattern;
        let zeros = !(((difference & LOW) + LOW) | difference | LOW);
        // One bit a lane, at 15, 31, 47 and 63, gathered into four neighbouring bits.
        let lanes = ((zeros >> 15).wrapping_mul(0x0001_0002_0004_0008) >> 48 & 15) as u32;
        agreeing |= lanes << (4 * index);
    }
    // The first two lanes are the number of the first slot.
    agreeing >> 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // Proves that comparing four tags at once finds what comparing one by one finds.
        #[test]
        fn tags_agree(tags in proptest::collection::vec(0..4_u16, TAGS), tag in 1..4_u16, start in any::<u32>()) {
            let mut line = [0; BUCKET];
            line[..4].copy_from_slice(&start.to_le_bytes());
            for (bytes, tag) in line[4..].chunks_exact_mut(2).zip(&tags) {
                bytes.copy_from_slice(&tag.to_le_bytes());
            }
            let expected = (0..TAGS).filter(|i| tags[*i] == tag).fold(0, |bits, i| bits | 1 << i);
            prop_assert_eq!(agreeing_tags(&line, tag), expected);
        }

        // Proves that a place is recovered from its bucket and what the slot keeps, at any size.
        #[test]
        fn places_come_back(place in any::<u64>(), slots in 0..SLOTS_MAX) {
            let shape = Shape::of(slots);
            let (bucket, rest) = shape.split(place);
            prop_assert!(bucket < shape.buckets);
            prop_assert_eq!(shape.place(bucket, rest), place);
        }
    }

    // Proves that places that are sorted fall into buckets that are sorted.
    #[test]
    fn order_is_kept() {
        let shape = Shape::of(1000);
        let places = (0..1000_u64).map(|i| i.wrapping_mul(u64::MAX / 999));
        assert!(places.map(|place| shape.split(place)).is_sorted());
    }
}
