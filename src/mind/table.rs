//! The table: where the records of a number are, in one cache line for a number that has none.
//!
//! Eight look-ups in a hundred thousand hit, so the layout serves the miss. A bucket is a line of 64 bytes: how many slots
//! it has (one byte), the number of the first (five bytes), and the tags of its first 29 slots (16 bits each). Buckets
//! are filled to 23 on average. Slots are sorted by locator, and a tag is the part of the locator that follows the
//! bucket's number, so tags are sorted too. A miss reads its bucket and finds no tag that agrees, but for one in 2 900;
//! of a bucket with more than 29 slots it reads on only if its own tag is not less than the last, which together is
//! 1.1 % of misses. The slots follow, dense, so those of a bucket lie side by side and a hit reads one line or two more.
//!
//! A slot holds what of the locator neither bucket nor tag says, so that a table can be rebuilt at another size, then the
//! sealed record. If a table has B buckets, the product locator·B has the bucket's number above bit 48, the tag in the
//! sixteen bits below, and of the 32 bits that are left the slot keeps the upper ones: as two products lie B apart, the
//! lower ⌊log2 B⌋ bits follow.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use super::pages::{self, Damaged, FileState, Kind, PAGE, PagedFile, Pages, Stretch};
use super::seal::{BATCH, LOCATOR_BITS, Packed, RECORD_BITS, Sealed};

/// Bytes of a bucket: a cache line.
const BUCKET: usize = 64;
const BUCKETS_A_PAGE: usize = PAGE / BUCKET;
/// Bytes of a bucket before its tags: the count and the first slot.
const HEAD: usize = 6;
/// Tags of a bucket; the tags of the slots beyond stand at the end of the file, in their order.
const TAGS: usize = (BUCKET - HEAD) / 2;
/// How many records a bucket holds on average. More saves space and lets more buckets overflow.
const FILL: u64 = 23;
/// The count of a bucket that has at least so many slots; the next bucket tells how many.
const MANY: u8 = u8::MAX;
/// Most records that a table can hold: 2^32 buckets would leave no bit of the locator to a slot.
pub(super) const SLOTS_MAX: u64 = 1 << 36;
const _: () = assert!(SLOTS_MAX / FILL < 1 << TAG_SHIFT);

/// Name and version of the layout, at the start of the file.
const MAGIC: &[u8; 16] = b"postern-table-2\n";
const FRACTION: u64 = (1 << LOCATOR_BITS) - 1;
const TAG_SHIFT: u32 = LOCATOR_BITS - 16;

/// The measures of a table, which follow from the number of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// How many records there are.
    pub(super) slots: u64,
    /// How many buckets there are.
    buckets: u64,
    /// How many of the locator's bits follow from the others.
    shift: u32,
    /// Bytes of a slot.
    slot_bytes: usize,
}

/// Where a locator is in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    bucket: u64,
    tag: u16,
    rest: u32,
}

impl Shape {
    /// The shape for a number of records.
    pub(super) fn of(slots: u64) -> Self {
        let buckets = slots.div_ceil(FILL).max(1);
        let shift = buckets.ilog2();
        let bits = 64 + RECORD_BITS + TAG_SHIFT - shift;
        Self { slots, buckets, shift, slot_bytes: bits.div_ceil(8) as usize }
    }

    #[inline]
    fn place(self, locator: u64) -> Place {
        let product = u128::from(locator) * u128::from(self.buckets);
        let fraction = product as u64 & FRACTION;
        Place {
            bucket: (product >> LOCATOR_BITS) as u64,
            tag: (fraction >> TAG_SHIFT) as u16,
            rest: fraction as u32 >> self.shift,
        }
    }

    /// The locator of a place.
    #[cfg(test)]
    fn locator(self, place: Place) -> u64 {
        self.base(place.bucket).locator(self, place.tag, place.rest)
    }

    /// What the locators of a bucket have in common.
    fn base(self, bucket: u64) -> Base {
        let product = u128::from(bucket) << LOCATOR_BITS;
        let buckets = u128::from(self.buckets);
        Base { quotient: (product / buckets) as u64, remainder: (product % buckets) as u64 }
    }

    const fn slots_a_page(self) -> usize {
        PAGE / self.slot_bytes
    }

    /// One bucket more than there are closes the last one.
    const fn bucket_pages(self) -> u64 {
        (self.buckets + 1).div_ceil(BUCKETS_A_PAGE as u64)
    }

    const fn first_slot_page(self) -> u64 {
        1 + self.bucket_pages()
    }

    const fn first_overflow_page(self) -> u64 {
        self.first_slot_page() + self.slots.div_ceil(self.slots_a_page() as u64)
    }

    /// Most bytes of the table's file: with every tag that need not stand in a bucket at the end.
    pub(super) fn bytes_max(self) -> u64 {
        self.pages(self.slots.saturating_sub(TAGS as u64)) * PAGE as u64
    }

    fn pages(self, overflow: u64) -> u64 {
        self.first_overflow_page() + (2 * overflow).div_ceil(PAGE as u64)
    }

    /// The file's first page.
    fn header(self, overflow: u64) -> [u8; PAGE] {
        let mut page = [0; PAGE];
        page[..16].copy_from_slice(MAGIC);
        for (field, value) in page[16..40].chunks_exact_mut(8).zip([self.slots, self.buckets, overflow]) {
            field.copy_from_slice(&value.to_le_bytes());
        }
        page
    }
}

/// What the locators of a bucket have in common.
#[derive(Clone, Copy)]
struct Base {
    quotient: u64,
    remainder: u64,
}

impl Base {
    fn locator(self, shape: Shape, tag: u16, rest: u32) -> u64 {
        let fraction = u64::from(tag) << TAG_SHIFT | u64::from(rest) << shape.shift;
        self.quotient + (self.remainder + fraction).div_ceil(shape.buckets)
    }
}

/// A sealed record in its slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Its number, which is also that of its id.
    pub(super) number: u64,
    /// The record.
    pub(super) sealed: Sealed,
}

/// Writes a table from records in the order of their locators.
pub(super) struct TableWriter {
    shape: Shape,
    file: Arc<dyn DiskFile>,
    buckets: Stretch,
    slots: Stretch,
    bucket: u64,
    start: u64,
    next: u64,
    tags: [u16; TAGS],
    overflow: Vec<u16>,
}

impl TableWriter {
    /// Begins the table of so many records.
    pub(super) fn create(disk: &dyn Disk, folder: &Path, slots: u64) -> io::Result<Self> {
        let file = disk.create(&Kind::Table.path(folder))?;
        let shape = Shape::of(slots);
        Ok(Self {
            shape,
            buckets: Stretch::new(Kind::Table, file.clone(), 1),
            slots: Stretch::new(Kind::Table, file.clone(), shape.first_slot_page()),
            file,
            bucket: 0,
            start: 0,
            next: 0,
            tags: [0; TAGS],
            overflow: Vec::new(),
        })
    }

    /// Adds a record.
    pub(super) fn push(&mut self, locator: u64, sealed: &Sealed) -> io::Result<()> {
        let place = self.shape.place(locator);
        if place.bucket < self.bucket || self.next == self.shape.slots {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.close_until(place.bucket)?;
        match self.tags.get_mut((self.next - self.start) as usize) {
            Some(tag) => *tag = place.tag,
            None => self.overflow.push(place.tag),
        }
        if self.next > 0 && self.next.is_multiple_of(self.shape.slots_a_page() as u64) {
            self.slots.end_page();
        }
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&sealed.tag.to_le_bytes());
        let word = sealed.body.0 | u128::from(place.rest) << RECORD_BITS;
        bytes[8..].copy_from_slice(&word.to_le_bytes());
        self.next += 1;
        self.slots.put(&bytes[..self.shape.slot_bytes])
    }

    /// Writes the buckets before this one.
    fn close_until(&mut self, bucket: u64) -> io::Result<()> {
        while self.bucket < bucket {
            let count = (self.next - self.start) as usize;
            let mut line = [0; BUCKET];
            line[..8].copy_from_slice(&(self.start << 8).to_le_bytes());
            line[0] = u8::try_from(count).unwrap_or(MANY);
            for (bytes, tag) in line[HEAD..].chunks_exact_mut(2).zip(&self.tags[..count.min(TAGS)]) {
                bytes.copy_from_slice(&tag.to_le_bytes());
            }
            self.buckets.put(&line)?;
            self.start = self.next;
            self.bucket += 1;
        }
        Ok(())
    }

    /// Ends the table.
    pub(super) fn finish(mut self, disk: &dyn Disk, folder: &Path) -> io::Result<FileState> {
        self.close_until(self.shape.buckets + 1)?;
        let mut header = Stretch::new(Kind::Table, self.file.clone(), 0);
        header.put(&self.shape.header(self.overflow.len() as u64))?;
        let mut overflow = Stretch::new(Kind::Table, self.file.clone(), self.shape.first_overflow_page());
        self.overflow.iter().try_for_each(|tag| overflow.put(&tag.to_le_bytes()))?;
        let stretches = [header, self.buckets, self.slots, overflow];
        let mut written = Vec::new();
        for stretch in stretches {
            written.push(stretch.finish()?);
        }
        let ends = [1, self.shape.first_slot_page(), self.shape.first_overflow_page()];
        if self.next != self.shape.slots || !written.iter().map(pages::Stretched::end).take(3).eq(ends) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        pages::finish(disk, folder, Kind::Table, &*self.file, &written)
    }
}

/// A table that is open.
#[derive(Debug)]
pub(super) struct Table {
    file: PagedFile,
    shape: Shape,
    overflow: u64,
}

impl Table {
    /// Takes the file for a table of so many records.
    ///
    /// # Errors
    /// [`Damaged`] if the file has another size, or its first page is damaged or says something else.
    pub(super) fn new(file: PagedFile, slots: u64) -> Result<Self, Damaged> {
        let shape = Shape::of(slots);
        let header = file.page(0)?;
        let overflow = u64::from_le_bytes(*header[32..].first_chunk().ok_or(Damaged)?);
        let agrees = overflow <= slots
            && file.pages() as u64 == shape.pages(overflow)
            && *header == shape.header(overflow);
        if agrees { Ok(Self { file, shape, overflow }) } else { Err(Damaged) }
    }

    /// The slots that may hold records of a locator: all that do, and about one in 2^10 that do not.
    ///
    /// # Errors
    /// [`Damaged`] after the slots that could be read, if there may be others on a page that is damaged.
    #[inline]
    pub(super) fn find(&self, locator: u64, mut each: impl FnMut(Slot)) -> Result<(), Damaged> {
        let place = self.shape.place(locator);
        let line = self.bucket(place.bucket)?;
        let agreeing = agreeing_tags(line, place.tag);
        if agreeing == 0 && !reaches_overflow(line, place.tag) {
            return Ok(());
        }
        let mut whole = Ok(());
        self.numbers(line, place, agreeing, |number| match self.slot(number, place.rest) {
            Ok(slot) => slot.into_iter().for_each(&mut each),
            Err(Damaged) => whole = Err(Damaged),
        })?;
        whole
    }

    /// As [`find`](Self::find) for many locators at once, at most [`BATCH`], with the memory fetched for all of them ahead
    /// of its use. `each` gets the place of the locator, and a slot or that there is damage.
    pub(super) fn find_many(&self, locators: &[u64], mut each: impl FnMut(usize, Result<Slot, Damaged>)) {
        let mut places = [Place { bucket: 0, tag: 0, rest: 0 }; BATCH];
        for (place, locator) in places.iter_mut().zip(locators) {
            *place = self.shape.place(*locator);
            self.file.prefetch(PAGE + place.bucket as usize * BUCKET);
        }
        let mut wanted = [(0_u8, 0_u64); BATCH];
        let mut count = 0;
        for (query, place) in places[..locators.len().min(BATCH)].iter().enumerate() {
            let line = match self.bucket(place.bucket) {
                Ok(line) => line,
                Err(damaged) => {
                    each(query, Err(damaged));
                    continue;
                }
            };
            let agreeing = agreeing_tags(line, place.tag);
            if agreeing == 0 && !reaches_overflow(line, place.tag) {
                continue;
            }
            let told = self.numbers(line, *place, agreeing, |number| {
                if let Some(free) = wanted.get_mut(count) {
                    *free = (query as u8, number);
                    count += 1;
                    self.file.prefetch(self.slot_at(number));
                } else if let Some(found) = self.slot(number, place.rest).transpose() {
                    each(query, found);
                }
            });
            if told.is_err() {
                each(query, Err(Damaged));
            }
        }
        for (query, number) in &wanted[..count] {
            let query = usize::from(*query);
            if let Some(found) = self.slot(*number, places[query].rest).transpose() {
                each(query, found);
            }
        }
    }

    /// The numbers of the slots whose tags agree, and of those without a tag if they could.
    #[inline]
    fn numbers(
        &self,
        line: &[u8; BUCKET],
        place: Place,
        mut agreeing: u32,
        mut each: impl FnMut(u64),
    ) -> Result<(), Damaged> {
        let start = start_of(line);
        while agreeing != 0 {
            each(start + u64::from(agreeing.trailing_zeros()));
            agreeing &= agreeing - 1;
        }
        if reaches_overflow(line, place.tag) {
            let end = match line[0] {
                MANY => start_of(self.bucket(place.bucket + 1)?),
                count => start + u64::from(count),
            };
            ensure(end <= self.shape.slots)?;
            (start + TAGS as u64..end).for_each(each);
        }
        Ok(())
    }

    #[inline]
    fn bucket(&self, bucket: u64) -> Result<&[u8; BUCKET], Damaged> {
        let (page, line) = (bucket as usize / BUCKETS_A_PAGE, bucket as usize % BUCKETS_A_PAGE);
        let page = self.file.page(1 + page)?;
        page[line * BUCKET..].first_chunk().ok_or(Damaged)
    }

    fn slot_at(&self, number: u64) -> usize {
        let (number, a_page) = (number as usize, self.shape.slots_a_page());
        (self.shape.first_slot_page() as usize + number / a_page) * PAGE
            + number % a_page * self.shape.slot_bytes
    }

    /// A slot, if it keeps this rest of a locator.
    #[inline]
    fn slot(&self, number: u64, rest: u32) -> Result<Option<Slot>, Damaged> {
        if number >= self.shape.slots {
            return Err(Damaged);
        }
        let at = self.slot_at(number);
        let page = self.file.page(at / PAGE)?;
        let bytes = page.get(at % PAGE..at % PAGE + self.shape.slot_bytes).ok_or(Damaged)?;
        let (sealed, kept) = read_slot(bytes)?;
        Ok((kept == rest).then_some(Slot { number, sealed }))
    }

    /// All records in their order, read past the mapping; their pages are checked again.
    pub(super) fn scan(&self) -> io::Result<Scan<'_>> {
        Ok(Scan {
            shape: self.shape,
            buckets: self.file.read_from(1)?,
            slots: self.file.read_from(self.shape.first_slot_page() as usize)?,
            overflow: self.file.read_from(self.shape.first_overflow_page() as usize)?,
            overflow_left: self.overflow,
            line: [0; BUCKET],
            base: self.shape.base(0),
            bucket: 0,
            next: 0,
            end: 0,
        })
    }

    /// The file, to be checked page by page.
    pub(super) const fn file(&self) -> &PagedFile {
        &self.file
    }
}

fn read_slot(bytes: &[u8]) -> Result<(Sealed, u32), Damaged> {
    let (tag, body) = bytes.split_first_chunk::<8>().ok_or(Damaged)?;
    let mut word = [0; 16];
    word.get_mut(..body.len()).ok_or(Damaged)?.copy_from_slice(body);
    let word = u128::from_le_bytes(word);
    let body = Packed(word & ((1 << RECORD_BITS) - 1));
    Ok((Sealed { tag: u64::from_le_bytes(*tag), body }, (word >> RECORD_BITS) as u32))
}

/// The records of a table in their order.
pub(super) struct Scan<'a> {
    shape: Shape,
    buckets: Pages<'a>,
    slots: Pages<'a>,
    overflow: Pages<'a>,
    overflow_left: u64,
    line: [u8; BUCKET],
    base: Base,
    /// How many buckets were begun.
    bucket: u64,
    next: u64,
    end: u64,
}

impl Scan<'_> {
    /// The next record with its locator; none after the last.
    ///
    /// # Errors
    /// [`Damaged`] if a page is damaged, or the table is not in order.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Sealed)>, Damaged> {
        while self.next == self.end {
            if self.bucket == self.shape.buckets {
                return self.close().map(|()| None);
            }
            self.open_bucket()?;
        }
        let index = (self.next - start_of(&self.line)) as usize;
        let tag = match self.line[HEAD..].as_chunks::<2>().0.get(index) {
            Some(tag) => u16::from_le_bytes(*tag),
            None => {
                self.overflow_left = self.overflow_left.checked_sub(1).ok_or(Damaged)?;
                u16::from_le_bytes(*self.overflow.take(2)?.first_chunk().ok_or(Damaged)?)
            }
        };
        if self.next > 0 && self.next.is_multiple_of(self.shape.slots_a_page() as u64) {
            self.slots.end_page();
        }
        let (sealed, rest) = read_slot(self.slots.take(self.shape.slot_bytes)?)?;
        let locator = self.base.locator(self.shape, tag, rest);
        self.next += 1;
        ensure(self.shape.place(locator) == Place { bucket: self.bucket - 1, tag, rest })?;
        Ok(Some((locator, sealed)))
    }

    fn open_bucket(&mut self) -> Result<(), Damaged> {
        self.line = *self.buckets.take(BUCKET)?.first_chunk().ok_or(Damaged)?;
        self.base = self.shape.base(self.bucket);
        self.bucket += 1;
        let start = start_of(&self.line);
        ensure(start == self.next)?;
        self.end = match self.line[0] {
            // The end of a long bucket is the beginning of the next, which is read ahead.
            MANY => start_of(self.buckets.peek(BUCKET)?.first_chunk().ok_or(Damaged)?),
            count => start + u64::from(count),
        };
        ensure(self.end >= start && self.end <= self.shape.slots)
    }

    /// What must hold after the last record.
    fn close(&mut self) -> Result<(), Damaged> {
        let closing = *self.buckets.peek(BUCKET)?.first_chunk().ok_or(Damaged)?;
        ensure(start_of(&closing) == self.next && closing[0] == 0)?;
        ensure(self.next == self.shape.slots && self.overflow_left == 0)
    }
}

const fn ensure(holds: bool) -> Result<(), Damaged> {
    if holds { Ok(()) } else { Err(Damaged) }
}

/// The first slot of a bucket.
#[inline]
fn start_of(line: &[u8; BUCKET]) -> u64 {
    let word = u64::from_le_bytes([line[0], line[1], line[2], line[3], line[4], line[5], 0, 0]);
    word >> 8
}

/// Whether a bucket has slots without a tag that could be of this one.
#[inline]
fn reaches_overflow(line: &[u8; BUCKET], tag: u16) -> bool {
    usize::from(line[0]) > TAGS && tag >= u16::from_le_bytes([line[BUCKET - 2], line[BUCKET - 1]])
}

/// Which tags of a bucket agree: bit i for tag i.
///
/// Nearly always none does, so that is asked first: whether any of the 32 lanes is equal is a loop that the compiler turns
/// into a few wide instructions, while gathering which ones costs several times as much. The lanes before the tags can
/// only cause that to be asked for nothing.
#[inline]
fn agreeing_tags(line: &[u8; BUCKET], tag: u16) -> u32 {
    let (lanes, _) = line.as_chunks::<2>();
    let mut any = 0_u16;
    for lane in lanes {
        any |= u16::from(u16::from_le_bytes(*lane) == tag);
    }
    if any == 0 { 0 } else { gather_tags(line, tag) }
}

fn gather_tags(line: &[u8; BUCKET], tag: u16) -> u32 {
    let tags = line[HEAD..].as_chunks::<2>().0.iter().take(line[0].into()).zip(0_u32..);
    tags.fold(0, |bits, (bytes, i)| bits | u32::from(u16::from_le_bytes(*bytes) == tag) << i)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::disk::RealDisk;
    use super::*;

    proptest! {
        // Proves that comparing lanes at once finds what comparing one by one finds.
        #[test]
        fn tags_agree(lanes in proptest::collection::vec(0..4_u16, 32), tag in 0..4_u16, count in any::<u8>()) {
            let mut line = [0; BUCKET];
            for (bytes, lane) in line.chunks_exact_mut(2).zip(&lanes) {
                bytes.copy_from_slice(&lane.to_le_bytes());
            }
            line[0] = count;
            let tags = TAGS.min(count.into());
            let expected = (0..tags).filter(|i| lanes[3 + i] == tag).fold(0, |bits, i| bits | 1 << i);
            prop_assert_eq!(agreeing_tags(&line, tag), expected);
        }

        // Proves that a locator is recovered from its place, at any size, and that order is kept.
        #[test]
        fn locators_come_back(a in 0..1_u64 << 48, b in 0..1_u64 << 48, slots in 0..SLOTS_MAX) {
            let shape = Shape::of(slots);
            let (first, second) = (shape.place(a), shape.place(b));
            prop_assert!(first.bucket < shape.buckets);
            prop_assert!(first.rest == 0 || first.rest.ilog2() < (TAG_SHIFT - shape.shift).max(1));
            prop_assert_eq!(shape.locator(first), a);
            let order = |place: Place| (place.bucket, place.tag, place.rest);
            prop_assert_eq!(order(first).cmp(&order(second)), a.cmp(&b));
        }
    }

    // Proves the place in a large table that `docs/copy-format.md` works out.
    #[test]
    fn place_in_a_large_table() {
        let shape = Shape::of(130_000_000);
        let place = Place { bucket: 4_166_319, tag: 0x3590, rest: 562 };
        assert_eq!((shape.buckets, shape.shift, shape.slot_bytes), (5_652_174, 22, 18));
        assert_eq!(shape.place(0xbcb3_c3f2_7785), place);
        assert_eq!(shape.locator(place), 0xbcb3_c3f2_7785);
    }

    fn sealed(n: u64) -> Sealed {
        Sealed { tag: n.wrapping_mul(0x9e37_79b9_7f4a_7c15), body: Packed(u128::from(n) << 30) }
    }

    fn table(folder: &Path, locators: &[u64]) -> Table {
        let mut writer = TableWriter::create(&RealDisk, folder, locators.len() as u64).unwrap();
        for (locator, n) in locators.iter().zip(0..) {
            writer.push(*locator, &sealed(n)).unwrap();
        }
        let state = writer.finish(&RealDisk, folder).unwrap();
        assert!(state.bytes <= Shape::of(locators.len() as u64).bytes_max());
        let file = PagedFile::open(folder, Kind::Table, &state).unwrap();
        Table::new(file, locators.len() as u64).unwrap()
    }

    // Proves that every record is found, alone and in batches, and scanned in order, with crowded buckets among them and
    // hundreds of records of one number.
    #[test]
    fn finds_and_scans() {
        for count in [0, 1, 23, 24, 1000, 20_000_u64] {
            let spread = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
            let mut locators: Vec<u64> =
                (0..count).map(|n| if n % 50 < 3 { n % 7 } else { spread(n) }).collect();
            locators.sort_unstable();
            let folder = tempfile::tempdir().unwrap();
            let table = table(folder.path(), &locators);
            let mut scan = table.scan().unwrap();
            for (locator, n) in locators.iter().zip(0..) {
                assert_eq!(scan.next(), Ok(Some((*locator, sealed(n)))));
                let mut found = Vec::new();
                table.find(*locator, |slot| found.push((slot.number, slot.sealed))).unwrap();
                assert!(found.contains(&(n, sealed(n))), "{n}");
            }
            assert_eq!(scan.next(), Ok(None));
            for (first, asked) in (0..).step_by(BATCH).zip(locators.chunks(BATCH)) {
                let mut found = std::collections::HashSet::new();
                table.find_many(asked, |query, slot| {
                    found.insert((query, slot.unwrap().number));
                });
                assert!((0..asked.len()).all(|query| found.contains(&(query, first + query as u64))));
            }
        }
    }

    // Proves that few misses read more than their bucket: the layout's promise of 1.5 %.
    #[test]
    fn misses_touch_one_line() {
        let mut locators: Vec<u64> = (0..200_000_u64)
            .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7) % (1 << 48))
            .collect();
        locators.sort_unstable();
        let folder = tempfile::tempdir().unwrap();
        let table = table(folder.path(), &locators);
        let mix = |n: u64| (n ^ n >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(29) % (1 << 48);
        let touches = |locator: u64| {
            let place = table.shape.place(locator);
            let line = table.bucket(place.bucket).unwrap();
            agreeing_tags(line, place.tag) != 0 || reaches_overflow(line, place.tag)
        };
        let touched = (0..100_000).filter(|n| touches(mix(*n))).count();
        assert!(touched < 1_500, "{touched} of 100 000 misses touch a second line");
    }
}
