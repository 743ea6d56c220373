//! Tampering: whatever is changed, cut, swapped or held back is refused by its name or answers that it is damaged.

use std::collections::HashMap;
use std::fs;

use postern_sdk::{MatchClass, Reason};

use super::*;

const FILES: [&str; 6] = ["table.bin", "table.tree", "manifest.json", "manifest.sig", "ids.tree", "ids.bin"];

// Proves that any flipped bit of a small copy's table, trees, manifest and signature, and of a sample of its ids, either
// keeps the hit, says that the copy is damaged, or refuses to open: a match never turns into silence. At full length every
// bit is flipped; else one of each byte.
#[test]
fn no_flipped_bit_hides_a_match() {
    let site = Site::new();
    site.build(1, &csv(&[ROW, TDAWN])).unwrap();
    let asked = key("L898902C3", State::normalise("UTO").ok(), Some(DocumentType::PASSPORT));
    let long = std::env::var_os("POSTERN_LONG").is_some();
    let mut outcomes = HashMap::new();
    for name in FILES {
        let path = site.path(1).join(name);
        let original = fs::read(&path).unwrap();
        let bits = (0..original.len() * 8).filter(|bit| long || bit % 8 == bit / 8 % 8);
        // The ids can't hide a match: a sample of them is enough.
        let step = if long || name != "ids.bin" { 1 } else { 61 };
        for bit in bits.step_by(step) {
            let mut bytes = original.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bytes).unwrap();
            *outcomes.entry((name, outcome(&site, 1, &asked))).or_insert(0) += 1;
        }
        fs::write(&path, original).unwrap();
    }
    assert!(outcomes.keys().all(|(_, outcome)| *outcome != "no record"), "{outcomes:?}");
    assert!(outcomes[&("table.bin", "damaged")] >= 2 * 4096, "{outcomes:?}");
    assert_eq!(outcome(&site, 1, &asked), "hit");
}

fn outcome(site: &Site, version: u64, asked: &QueryKey) -> &'static str {
    let Ok(copy) = site.open(version) else { return "refused" };
    match &findings(&copy, asked)[&Database::Sltd] {
        Finding::Hits(hits) if hits[0].class == MatchClass::Exact => "hit",
        Finding::Hits(_) => "other hit",
        Finding::NotChecked(Reason::CopyDamaged) => "damaged",
        Finding::NotChecked(_) => "not checked",
        Finding::NoRecord => "no record",
    }
}

// Proves that a file that was cut or grew is refused by name, that one that is gone is missing, and that verifying notices
// each change.
#[test]
fn cut_and_grown_files_are_refused() {
    let site = Site::new();
    site.build(1, &feed_csv(500, 2)).unwrap();
    for name in ["table.bin", "ids.bin"] {
        let path = site.path(1).join(name);
        let original = fs::read(&path).unwrap();
        for length in [0, 1, original.len() / 2, original.len() - 1] {
            fs::write(&path, &original[..length]).unwrap();
            assert!(matches!(site.open(1), Err(Refusal::Truncated { .. })), "{name} {length}");
        }
        fs::write(&path, [&original[..], &[0]].concat()).unwrap();
        assert!(matches!(site.open(1), Err(Refusal::EndlessData { .. })));
        for at in (0..original.len()).step_by(997) {
            let mut bytes = original.clone();
            bytes[at] ^= 0x10;
            fs::write(&path, &bytes).unwrap();
            let verified = site.open(1).and_then(|copy| copy.verify(|_, _| {}));
            assert!(matches!(verified, Err(Refusal::Damaged)), "{name} {at}");
        }
        fs::write(&path, &original).unwrap();
    }
    for name in FILES {
        let path = site.path(1).join(name);
        let original = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(matches!(site.open(1), Err(Refusal::Missing(_))), "{name}");
        fs::write(&path, original).unwrap();
    }
    site.open(1).unwrap().verify(|_, _| {}).unwrap();
}

// Proves that a state of another publisher, environment, dataset or version is refused by name.
#[test]
fn foreign_states_are_refused() {
    let (site, other) = (Site::new(), Site::new());
    site.build(1, &csv(&[ROW, TDAWN])).unwrap();
    let foreign = site.opening(|opening| Copy::open(&Opening { root: &other.root, ..*opening }, 1).map(drop));
    assert!(matches!(foreign, Err(Refusal::UnknownKey { .. } | Refusal::SignatureThreshold { .. })));
    let production = Environment::Production;
    let wrong =
        site.opening(|opening| Copy::open(&Opening { environment: production, ..*opening }, 1).map(drop));
    assert!(matches!(wrong, Err(Refusal::Environment(Environment::Training))));
    fs::create_dir_all(site.folder.join("vehicles")).unwrap();
    fs::rename(site.path(1), site.folder.join("vehicles/000000000001")).unwrap();
    let moved =
        site.opening(|opening| Copy::open(&Opening { dataset: Dataset::Vehicles, ..*opening }, 1).map(drop));
    assert!(matches!(moved, Err(Refusal::Dataset)));
    fs::rename(site.folder.join("vehicles/000000000001"), site.path(9)).unwrap();
    assert!(matches!(site.open(9), Err(Refusal::Misplaced)));
}

// Proves that a delta on another state, of another generation, or whose file is another state's, is refused by name, and
// that a table of one state does not pass under the manifest of another.
#[test]
fn mixed_states_are_refused() {
    let site = Site::new();
    site.build(1, &csv(&[ROW, TDAWN])).unwrap();
    site.change(2, &changes_csv(&["withdraw,sltd,L898902C3,,,,,,,,id-1".to_owned()])).unwrap();
    site.change(3, &changes_csv(&["upsert,sltd,L898902C4,UTO,PAS,,,,,,id-9".to_owned()])).unwrap();
    // Another version's table: equally long, signed by the same publisher.
    let table = |version: u64| site.path(version).join("table.bin");
    let original = fs::read(table(3)).unwrap();
    fs::write(table(3), fs::read(table(1)).unwrap()).unwrap();
    let mixed = site.open(3).map(|copy| findings(&copy, &number("L898902C4"))[&Database::Sltd].clone());
    assert!(
        matches!(mixed, Err(Refusal::Damaged) | Ok(Finding::NotChecked(Reason::CopyDamaged))),
        "{mixed:?}"
    );
    fs::write(table(3), original).unwrap();
    site.strip(2);
    site.strip(3);
    let gap = site.open(1).and_then(|one| site.opening(|opening| one.advance(opening, 3)));
    assert!(matches!(gap, Err(Refusal::Gap { from: 2, serving: Some(1) })));
    let delta = |version: u64| site.path(version).join("delta.bin");
    let original = fs::read(delta(3)).unwrap();
    fs::write(delta(3), fs::read(delta(2)).unwrap()).unwrap();
    assert!(matches!(site.open(3), Err(Refusal::Truncated { .. } | Refusal::EndlessData { .. })));
    fs::write(delta(3), original).unwrap();
    assert_eq!(ids(&site.open(3).unwrap(), "L898902C4"), ["id-9"]);
    fs::remove_dir_all(site.path(2)).unwrap();
    assert!(matches!(site.open(3), Err(Refusal::Missing(_))));
}
