//! Hunting for silence: no layout, batch, damage or change hides a record that is there.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::super::disk::RealDisk;
use super::super::pages::{Kind as File, PAGE, PagedFile};
use super::super::seal::{BATCH, Packed, Sealed};
use super::super::table::{Table, TableWriter};
use super::*;

const LAST: u64 = (1 << 48) - 1;

fn sealed(n: u64) -> Sealed {
    Sealed { tag: n, body: Packed(u128::from(n) << 36) }
}

/// Locators that crowd: many at one place, side by side, and at the edges of buckets and of the whole.
fn locators() -> impl Strategy<Value = Vec<u64>> {
    let crowd =
        (0..=64_u64, 0..70_u64, 1..300_u64, prop_oneof![Just(0), Just(1), Just(1 << 20), 0..1_u64 << 41]);
    let crowds = proptest::collection::vec(crowd, 0..6);
    let others = proptest::collection::vec(0..=LAST, 0..400);
    (crowds, others).prop_map(|(crowds, mut all)| {
        for (at, before, count, apart) in crowds {
            let first = (at << 42).saturating_sub(before);
            all.extend((0..count).map(|n| (first + n * apart).min(LAST)));
        }
        all.sort_unstable();
        all
    })
}

fn build(folder: &Path, locators: &[u64]) -> impl Fn() -> Table + use<> {
    let slots = locators.len() as u64;
    let mut writer = TableWriter::create(&RealDisk, folder, slots).unwrap();
    locators.iter().zip(0..).for_each(|(locator, n)| writer.push(*locator, &sealed(n)).unwrap());
    let state = writer.finish(&RealDisk, folder).unwrap();
    let folder = folder.to_owned();
    move || Table::new(PagedFile::open(&folder, File::Table, &state).unwrap(), slots).unwrap()
}

/// The slots that are not told of a locator that was asked, when it was not told either that there is damage.
fn hidden(table: &Table, locators: &[u64], batch: usize) -> Vec<u64> {
    let mut hidden = Vec::new();
    for (first, asked) in (0..).step_by(batch).zip(locators.chunks(batch)) {
        let (mut told, mut damaged) = (HashSet::new(), HashSet::new());
        table.find_many(asked, |query, slot| match slot {
            Ok(slot) => {
                assert_eq!(slot.sealed, sealed(slot.number));
                told.insert((query, slot.number));
            }
            Err(_) => {
                damaged.insert(query);
            }
        });
        let lacks =
            |query: &usize| !damaged.contains(query) && !told.contains(&(*query, first + *query as u64));
        hidden.extend((0..asked.len()).filter(lacks).map(|query| first + query as u64));
    }
    for (locator, number) in locators.iter().zip(0..) {
        let mut told = false;
        let whole = table.find(*locator, |slot| told |= slot.number == number);
        hidden.extend((whole.is_ok() && !told).then_some(number));
    }
    hidden
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("POSTERN_LONG").is_some() { 2_000 } else { 24 }))]

    // Proves that a table tells each of its slots, alone and in batches of any size, however its locators crowd, and that
    // with a byte changed anywhere it tells the slot or the damage.
    #[test]
    fn no_slot_is_hidden(
        locators in locators(), batch in 1..=BATCH, hurt in proptest::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let open = build(folder.path(), &locators);
        prop_assert_eq!(hidden(&open(), &locators, batch), Vec::<u64>::new());
        let path = File::Table.path(folder.path());
        let mut bytes = fs::read(&path).unwrap();
        // The first page is read at opening.
        let later = &mut bytes[PAGE..];
        hurt.iter().for_each(|at| later[at.index(later.len())] ^= 0x55);
        fs::write(&path, bytes).unwrap();
        prop_assert_eq!(hidden(&open(), &locators, batch), Vec::<u64>::new());
    }
}

fn asked(n: u64) -> Identifier {
    Identifier::document(&format!("NR{n:06}").parse().unwrap())
}

/// The numbers that are said not to be there: by an answer, alone, or in a batch.
fn silent(copy: &Copy, numbers: u64) -> BTreeSet<u64> {
    let all: Vec<Identifier> = (0..numbers).map(asked).collect();
    let mut silent = BTreeSet::new();
    copy.contains_many(&all, |place, presence| {
        if presence == Presence::None {
            silent.insert(place as u64);
        }
    });
    for n in 0..numbers {
        let alone = copy.contains(&asked(n)) == Presence::None;
        assert_eq!(alone, silent.contains(&n), "{n}");
        let says_none = findings(copy, &number(&format!("NR{n:06}")))[&Database::Sltd] == Finding::NoRecord;
        assert_eq!(alone, says_none, "{n}");
    }
    silent
}

// Proves that a state of a base and changes is silent of exactly the numbers that have no record, and that damage to any
// page of table or ids never makes it silent of one more.
#[test]
fn no_damaged_page_hides_a_record() {
    let site = Site::new();
    // Every number from 0 to 99 has three records, from 100 to 299 one; 7 alone has enough to reach into the overflow.
    let rows = (0..300)
        .map(|n| (n % 100, n))
        .chain((300..500).map(|n| (n - 200, n)))
        .chain((500..900).map(|n| (7, n)));
    let row = |(number, id): (u64, u64)| format!("sltd,NR{number:06},UTO,PAS,STL,,,,,id{id}");
    let rows: Vec<String> = rows.map(row).chain([TDAWN.to_owned()]).collect();
    site.build(1, &csv(&rows.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
    let changes: Vec<String> = (0..40)
        .map(|n| format!("withdraw,sltd,NR{:06},,,,,,,,id{}", 100 + n, 300 + n))
        .chain((0..40).map(|n| format!("upsert,sltd,NR{n:06},UTO,PAS,LST,,,,,id{n}")))
        .chain((0..40).map(|n| format!("upsert,sltd,NR{:06},UTO,PAS,LST,,,,,new{n}", 400 + n)))
        .collect();
    site.change(2, &changes_csv(&changes)).unwrap();
    site.strip(2);
    let absent: BTreeSet<u64> = (100..140).chain(300..400).chain(440..500).collect();
    assert_eq!(silent(&site.open(2).unwrap(), 500), absent);
    for name in ["table.bin", "ids.bin"] {
        let path = site.path(1).join(name);
        let whole = fs::read(&path).unwrap();
        for page in 0..whole.len() / PAGE {
            let mut bytes = whole.clone();
            bytes[page * PAGE + 17] ^= 4;
            fs::write(&path, bytes).unwrap();
            match site.open(2) {
                Ok(copy) => assert!(silent(&copy, 500).is_subset(&absent), "{name} page {page}"),
                Err(refusal) => assert!(matches!(refusal, Refusal::Damaged), "{name} page {page}: {refusal}"),
            }
        }
        fs::write(&path, whole).unwrap();
    }
}
