//! Changes: deltas, folds, differences, withdrawals.

use proptest::prelude::*;

use super::*;
use crate::keys::PrivateKey;

fn upsert(n: u64, theft: &str) -> String {
    format!("upsert,sltd,NR{:06},UTO,PAS,{theft},,,,,id{n}", n / 2)
}

fn withdraw(n: u64) -> String {
    format!("withdraw,sltd,NR{:06},,,,,,,,id{n}", n / 2)
}

fn row(n: u64, theft: &str) -> String {
    format!("sltd,NR{:06},UTO,PAS,{theft},,,,,id{n}", n / 2)
}

/// A snapshot of two records under each number.
fn base(site: &Site, records: u64) {
    let rows: Vec<String> = (0..records).map(|n| row(n, "STL")).chain([TDAWN.to_owned()]).collect();
    site.build(1, &csv(&rows.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
}

// Proves that a delta adds, changes and withdraws, each alone under a number that others share; that states with and
// without a base answer the same; that a fold gives the bytes that were signed; and that verify passes on all.
#[test]
fn deltas_and_folds() {
    let site = Site::new();
    base(&site, 2_000);
    let rows: Vec<String> = (0..50)
        .flat_map(|n| [withdraw(40 * n), upsert(40 * n + 1, "LST"), upsert(10_000 + n, "RVK")])
        .chain([withdraw(77_777), upsert(5, "STL")])
        .collect();
    let (manifest, outcome) = site.change(2, &changes_csv(&rows)).unwrap();
    assert_eq!(outcome, Outcome { added: 50, changed: 50, withdrawn: 50, unknown: 1, same: 1 });
    assert_eq!(manifest.records, 2_001);
    let signed: Vec<Vec<u8>> = ["table.bin", "table.tree", "ids.bin", "ids.tree"]
        .map(|name| std::fs::read(site.path(2).join(name)).unwrap())
        .into();
    let by_base = site.open(2).unwrap();
    site.strip(2);
    let by_delta = site.open(2).unwrap();
    assert_eq!((by_base.info().changes, by_delta.info().changes), (0, 150));
    by_delta.fold(&site.folder, FoldOptions::default(), |_, _| {}).unwrap();
    let folded = site.open(2).unwrap();
    assert_eq!(folded.info().base, 2);
    for (name, bytes) in ["table.bin", "table.tree", "ids.bin", "ids.tree"].iter().zip(signed) {
        assert_eq!(std::fs::read(site.path(2).join(name)).unwrap(), bytes, "{name}");
    }
    for copy in [by_base, by_delta, folded] {
        copy.verify(|_, _| {}).unwrap();
        copy.self_test().unwrap();
        assert_eq!(ids(&copy, "NR000000"), ["id1"]);
        assert_eq!(ids(&copy, "NR000001"), ["id2", "id3"]);
        assert_eq!(ids(&copy, "NR005000"), ["id10000", "id10001"]);
        let changed = findings(&copy, &number("NR000020"));
        assert_eq!(changed[&Database::Sltd].hits()[0].theft_type.as_deref(), Some("LST"));
        let mut present = 0;
        let asked: Vec<Identifier> =
            (0..6_000).map(|n| Identifier::document(&format!("NR{n:06}").parse().unwrap())).collect();
        copy.contains_many(&asked, |_, presence| present += usize::from(presence == Presence::Some));
        assert_eq!(present, 1_000 + 25);
    }
    assert_eq!(site.listing(), ["000000000001", "000000000002"]);
}

// Proves that the differences of a whole feed lead to the same state as the same changes, record by record.
#[test]
fn differences_equal_changes() {
    let site = Site::new();
    base(&site, 500);
    let before = site.open(1).unwrap();
    let rows: Vec<String> =
        (10..520).map(|n| row(n, if n == 33 { "LST" } else { "STL" })).chain([TDAWN.to_owned()]).collect();
    let text = csv(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let (by_feed, outcome) =
        site.options(2, |options| build_differences(text.as_bytes(), &before, &options, |_| {})).unwrap();
    assert_eq!(outcome, Outcome { added: 20, changed: 1, withdrawn: 10, unknown: 0, same: 490 });
    std::fs::rename(site.path(2), site.temporary.path().join("aside")).unwrap();
    let changes: Vec<String> = (0..10)
        .map(withdraw)
        .chain([upsert(33, "LST")])
        .chain((500..520).map(|n| upsert(n, "STL")))
        .collect();
    let (by_changes, _) = site.change(2, &changes_csv(&changes)).unwrap();
    assert_eq!(by_feed.digest, by_changes.digest);
    assert_eq!((by_feed.table, by_feed.ids), (by_changes.table, by_changes.ids));
    assert_eq!(by_feed.databases, by_changes.databases);
    let difference = diff(&before, &site.open(2).unwrap()).unwrap();
    assert_eq!(difference, Difference { same: 490, changed: 1, added: 20, removed: 10 });
}

// Proves that changes are refused whole: two of one record, a faulty line, a version that is not higher.
#[test]
fn changes_are_refused_whole() {
    let site = Site::new();
    base(&site, 10);
    let twice = changes_csv(&[upsert(1, "LST"), withdraw(1)]);
    assert!(matches!(site.change(2, &twice), Err(BuildError::Rows { .. })));
    assert!(matches!(
        site.change(2, &changes_csv(&["upsert,sltd".to_owned()])),
        Err(BuildError::Rows { .. })
    ));
    assert!(matches!(site.change(1, &changes_csv(&[withdraw(1)])), Err(BuildError::Options(_))));
    assert_eq!(site.listing(), ["000000000001"]);
}

// Proves that changes are refused as an operator's mistake, in words, if they leave out a database that has records, or
// if more records would go than the state before says that a database has.
#[test]
fn changes_must_fit_the_state_before() {
    let refused = |site: &Site, row: String| match site.change(2, &changes_csv(&[row])) {
        Err(BuildError::Options(why)) => why,
        other => panic!("{other:?}"),
    };
    let mut site = Site::new();
    base(&site, 10);
    site.coverage.remove(&Database::Tdawn);
    assert!(refused(&site, withdraw(1)).contains("leaves out a database"));
    let site = Site::new();
    base(&site, 1);
    site.lie(1, |manifest| {
        for (database, holding) in &mut manifest.databases {
            holding.records = if *database == Database::Sltd { 0 } else { 2 };
        }
    });
    assert!(refused(&site, withdraw(0)).contains("fewer records"));
    assert_eq!(site.listing(), ["000000000001"]);
}

// Proves that the country's own withdrawals take effect without a delta, are seen as withdrawn, name no document on disk,
// and count only if the country signed them.
#[test]
fn own_withdrawals() {
    let site = Site::new();
    base(&site, 10);
    let (country, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let copy = site.open(1).unwrap();
    let withdrawal = Withdrawal {
        database: Database::Sltd,
        identifier: Identifier::document(&"NR000002".parse().unwrap()),
        record_id: "id4".to_owned(),
    };
    let unknown = Withdrawal { record_id: "id-none".to_owned(), ..withdrawal.clone() };
    let withdrew = copy.withdraw(&site.folder, &[withdrawal, unknown], &country).unwrap();
    assert_eq!(withdrew, Withdrew { withdrawn: 1, unknown: 1 });
    let generation = site.generation.name();
    let read = |key: &PrivateKey| Withdrawn::read(&site.folder, "documents", generation, &key.public());
    assert!(matches!(read(&other), Err(Refusal::SignatureWrong { .. })));
    let copy = copy.with_withdrawn(read(&country).unwrap().0);
    let answers = copy.answer(&number("NR000002"), &[Database::Sltd], 0, NOW);
    let told: Vec<&str> = answers[0].finding.hits().iter().map(|hit| hit.record.as_str()).collect();
    assert_eq!(told, ["id5"]);
    assert_eq!(answers[0].withdrawn[0].record, "id4");
    assert_eq!(answers[0].withdrawn[0].remarks, [postern_sdk::Remark::Withdrawn]);
    // Reported anew under its old id, the document hits again.
    site.change(2, &changes_csv(&[upsert(4, "LST")])).unwrap();
    let later = site.open(2).unwrap().with_withdrawn(read(&country).unwrap().0);
    assert_eq!(ids(&later, "NR000002"), ["id4", "id5"]);
    let file = std::fs::read(Withdrawn::path(&site.folder, "documents", generation)).unwrap();
    assert!(
        memchr::memmem::find(&file, b"NR000002").is_none() && memchr::memmem::find(&file, b"id4").is_none()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("POSTERN_LONG").is_some() { 400 } else { 12 }))]

    // Proves that any chain of changes answers as a map of records does, by deltas, by their bases and after folds.
    #[test]
    fn any_chain_is_a_map(
        steps in proptest::collection::vec(proptest::collection::btree_map(0..60_u64, proptest::option::of(0..3_usize), 0..30), 1..5),
    ) {
        const THEFTS: [&str; 3] = ["STL", "LST", "RVK"];
        let site = Site::new();
        base(&site, 40);
        let mut map: BTreeMap<u64, &str> = (0..40).map(|n| (n, "STL")).collect();
        for (version, step) in (2..).zip(&steps) {
            let rows: Vec<String> = step.iter().map(|(n, to)| match to {
                Some(theft) => upsert(*n, THEFTS[*theft]),
                None => withdraw(*n),
            }).collect();
            site.change(version, &changes_csv(&rows)).unwrap();
            for (n, to) in step {
                match to {
                    Some(theft) => map.insert(*n, THEFTS[*theft]),
                    None => map.remove(n),
                };
            }
            site.strip(version);
            if version % 3 == 0 {
                site.open(version).unwrap().fold(&site.folder, FoldOptions::default(), |_, _| {}).unwrap();
            }
        }
        let copy = site.open(steps.len() as u64 + 1).unwrap();
        copy.verify(|_, _| {}).unwrap();
        copy.self_test().unwrap();
        for number in 0..30 {
            let expected: Vec<String> = [2 * number, 2 * number + 1]
                .iter().filter(|n| map.contains_key(n)).map(|n| format!("id{n}")).collect();
            let mut expected = expected;
            expected.sort();
            prop_assert_eq!(ids(&copy, &format!("NR{number:06}")), expected);
        }
    }
}
