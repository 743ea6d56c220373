//! States whose manifests are signed and lie: what a stolen publisher's key must not do is stop or hurt the site itself.

use super::super::disk::{Disk as _, RealDisk};
use super::super::pages::{self, Kind as File, PAGE, PagedFile, Stretch};
use super::super::table::Table;
use super::*;

/// A snapshot and a change without its base.
fn two_states() -> Site {
    let site = Site::new();
    site.build(1, &csv(&[ROW, TDAWN])).unwrap();
    site.change(2, &changes_csv(&["upsert,sltd,L898902C4,UTO,PAS,,,,,,id-9".to_owned()])).unwrap();
    site.strip(2);
    site
}

// Proves that counts that overflow are refused by name, and stop nobody.
#[test]
fn counts_that_overflow() {
    let site = two_states();
    site.lie(2, |manifest| manifest.delta.as_mut().unwrap().added = u64::MAX);
    assert!(matches!(site.open(2), Err(Refusal::MixAndMatch(_))));
    let site = two_states();
    site.lie(2, |manifest| manifest.table.bytes = u64::MAX);
    let copy = site.open(2).unwrap();
    assert!(matches!(
        copy.fold(&site.folder, FoldOptions::default(), |_, _| {}),
        Err(Refusal::MixAndMatch(_))
    ));
}

// Proves that a manifest that contradicts itself, or whose names could lead out of the copy's folder, is refused though it is
// signed.
#[test]
fn manifests_that_make_no_sense() {
    let lies: [fn(&mut Manifest); 6] = [
        |manifest| manifest.generation = "../../../../tmp/x".to_owned(),
        |manifest| manifest.generation = "00112233445566FF".to_owned(),
        |manifest| manifest.databases.values_mut().for_each(|holding| holding.records = u64::MAX),
        |manifest| manifest.databases.values_mut().for_each(|holding| holding.records += 1),
        |manifest| manifest.delta.as_mut().unwrap().from = 2,
        |manifest| manifest.seal = "none".to_owned(),
    ];
    for (number, change) in lies.into_iter().enumerate() {
        let site = two_states();
        site.lie(2, change);
        assert!(matches!(site.open(2), Err(Refusal::ManifestMalformed(_))), "{number}");
    }
}

// Proves that a bucket that claims more slots than there are is damage, and does not keep a look-up busy for hours.
#[test]
fn buckets_that_claim_too_much() {
    let folder = tempfile::tempdir().unwrap();
    let file = RealDisk.create(&File::Table.path(folder.path())).unwrap();
    let mut page = [[0; PAGE]; 3];
    page[0][..16].copy_from_slice(b"postern-table-2\n");
    (page[0][16], page[0][24]) = (1, 1);
    page[1][0] = u8::MAX;
    page[1][64 + 1..64 + 6].fill(u8::MAX);
    let mut stretch = Stretch::new(File::Table, file.clone(), 0);
    page.iter().for_each(|page| stretch.put(page).unwrap());
    let stretches = [stretch.finish().unwrap()];
    let state = pages::finish(&RealDisk, folder.path(), File::Table, &*file, &stretches).unwrap();
    let table = Table::new(PagedFile::open(folder.path(), File::Table, &state).unwrap(), 1).unwrap();
    assert!(table.find(5 << 32, |_| {}).is_err());
    let mut damaged = false;
    table.find_many(&[5 << 32], |_, slot| damaged |= slot.is_err());
    assert!(damaged);
}
