//! Taking a state in: nothing larger than its number of records allows.

use std::fs;
use std::path::PathBuf;

use super::*;

/// A state moved out of the copy, as if it had been carried here.
fn carried(site: &Site, version: u64) -> PathBuf {
    let source = site.temporary.path().join(format!("carried-{version}"));
    fs::rename(site.path(version), &source).unwrap();
    source
}

// Proves that a table or ids that are larger than the number of records can make them are refused before a byte is copied,
// though the manifest is signed; and that the true state is taken in.
#[test]
fn sizes_follow_from_the_number_of_records() {
    let lies: [fn(&mut Manifest); 4] = [
        |manifest| manifest.table.bytes = 1 << 40,
        |manifest| manifest.ids.bytes = 1 << 40,
        |manifest| manifest.table.bytes += 2 * 4096,
        |manifest| manifest.ids.bytes = u64::MAX,
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let site = Site::new();
        site.build(1, &csv(&[ROW, TDAWN])).unwrap();
        site.lie(1, lie);
        let source = carried(&site, 1);
        for name in ["table.bin", "ids.bin"] {
            fs::File::options().write(true).open(source.join(name)).unwrap().set_len(1 << 40).unwrap();
        }
        let refused = site.opening(|opening| install(opening, &source));
        let Err(Refusal::EndlessData { limit }) = refused else { panic!("{number}: {refused:?}") };
        assert!(limit <= 16 * 4096, "{number}: {limit}");
        assert!(site.listing().is_empty());
    }
    let site = Site::new();
    site.build(1, &feed_csv(5_000, 7)).unwrap();
    let source = carried(&site, 1);
    assert_eq!(site.opening(|opening| install(opening, &source)).unwrap(), Installed::New(1));
    site.open(1).unwrap().verify(|_, _| {}).unwrap();
}
