//! Bundles that are as they should be, in an order that they should or should not have.

use super::*;
use crate::engine::record::section;
use crate::recheck::{PlaceState, RecheckRecord, Settling};

// Proves that a bundle brings every screening and late answer byte for byte, with where it comes from; that what FIND
// settled late is open no more and all else is; that when replies went out stays at the site; and that the counts agree.
#[test]
fn a_day_is_returned() {
    let world = World::new();
    world.a_day();
    let exported = world.export("b", None, None);
    let expected = Counts { records: 5, screenings: 3, hits: 1, late_hits: 1, rechecks: 3, unreadable: 0 };
    assert_eq!((exported.counts, exported.to.sequence, exported.held_back), (expected, 6, 0));
    assert_eq!(world.check("b").unwrap().counts, expected);
    assert_eq!(world.import("b").unwrap(), (Fits::First, Imported { records: 5, rechecks: 2 }));
    let site: Vec<Record> =
        world.records("site").into_iter().filter(|record| record.kind != Kind::ReplySent).collect();
    let hub = world.of_kind("hub", Kind::Reconciled);
    assert_eq!(hub.len(), site.len());
    for (record, original) in hub.iter().zip(&site) {
        let origin: Origin = serde_json::from_slice(section(&record.body, Section::Origin).unwrap()).unwrap();
        assert_eq!((&*origin.site, origin.instance), (SITE, Uuid::from_u128(1)));
        assert_eq!((origin.sequence, origin.hash), (original.sequence, original.hash));
        assert_eq!((origin.kind, record.matter), (original.kind.code(), original.matter));
        assert_eq!(origin.time, now());
        assert!(record.body.ends_with(&original.body), "the original's sections follow");
    }
    let open: Vec<(Uuid, Vec<Place>)> = world.of_kind("hub", Kind::Recheck).iter().map(open).collect();
    let (sltd, tdawn) = (place(0, Database::Sltd), place(0, Database::Tdawn));
    assert_eq!(open, [(Uuid::from_u128(2), vec![sltd, tdawn]), (Uuid::from_u128(3), vec![sltd])]);
    let [import] = &world.of_kind("hub", Kind::Administrative)[..] else { panic!("one import") };
    let import: Import = serde_json::from_slice(section(&import.body, Section::Import).unwrap()).unwrap();
    assert_eq!((import.counts, import.to, import.gap), (expected, exported.to, None));
}

fn open(record: &Record) -> (Uuid, Vec<Place>) {
    let follow: Vec<Follow> =
        serde_json::from_slice(section(&record.body, Section::Follow).unwrap()).unwrap();
    (record.matter, follow.into_iter().flat_map(|follow| follow.rechecks).collect())
}

// Proves that what the site's own recheck answered is open no more, and what it asked in vain is.
#[test]
fn rechecks_of_the_site_count() {
    let world = World::new();
    let settle = |database, state| Settling { database, state, disagreement: None, late_hit: false };
    let open = PlaceState::Open { reason: Reason::Transport };
    let record = RecheckRecord {
        subject: 0,
        number: 0,
        query: None,
        attempt: 1,
        asked: Some(now()),
        answers: Vec::new(),
        places: vec![settle(Database::Sltd, PlaceState::Answered), settle(Database::Tdawn, open)],
        follow: Follow::default(),
    };
    let body = Body::new().json(Section::Recheck, &record).into_bytes();
    world.happens([screening(1, false), Entry::new(Kind::Recheck, Uuid::from_u128(1), body)]);
    assert_eq!(world.export("b", None, None).counts.rechecks, 1);
}

// Proves that a bundle taken in twice, an older one and one that overlaps change nothing that is there.
#[test]
fn twice_changes_nothing() {
    let world = World::new();
    world.a_day();
    let first = world.export("1", None, None);
    world.happens([screening(7, false)]);
    let second = world.export("2", first.state.as_ref(), None);
    assert_eq!((second.counts.screenings, second.from), (1, first.to));
    let all = world.export("all", None, Some(0));
    assert_eq!(all.counts.screenings, 4);
    assert_eq!(world.import("1").unwrap().0, Fits::First);
    let before = world.records("hub").len();
    assert_eq!(world.import("1").unwrap().0, Fits::Known);
    assert_eq!(world.records("hub").len(), before);
    assert_eq!(world.import("all").unwrap(), (Fits::Next, Imported { records: 1, rechecks: 1 }));
    for name in ["1", "2", "all"] {
        assert_eq!(world.import(name).unwrap().0, Fits::Known, "{name}");
    }
    assert_eq!(world.of_kind("hub", Kind::Reconciled).len(), 6);
    assert_eq!(world.of_kind("hub", Kind::Recheck).len(), 3);
}

// Proves that an import that was broken off after any of its records is completed by the next one, and nothing is there
// twice.
#[test]
fn a_broken_import_is_completed() {
    let world = World::new();
    world.a_day();
    world.export("b", None, None);
    let checked = world.check("b").unwrap();
    let whole = world.import("b").unwrap().1;
    let written = world.records("hub");
    // The last one says that the import is complete.
    for cut in 0..written.len() {
        fs::remove_dir_all(world.path("hub")).unwrap();
        let journal = world.open("hub", 99);
        for record in &written[..cut] {
            journal.append(Entry::new(record.kind, record.matter, record.body.clone())).wait().unwrap();
        }
        journal.close().unwrap();
        let ledger = Ledger::of(world.storage("hub"), checked.header()).unwrap();
        assert_eq!(ledger.fits(checked.header()).unwrap(), Fits::First);
        let imported = world.write(&checked, &ledger, None).unwrap();
        assert_eq!(imported.records + imported.rechecks + cut as u64, whole.records + whole.rechecks);
        let bodies = |records: &[Record]| records.iter().map(|r| r.body.clone()).collect::<Vec<_>>();
        assert_eq!(bodies(&world.records("hub")), bodies(&written), "{cut}");
    }
}

// Proves that a gap is refused with both its ends, that it can be accepted, and that the journal then says so.
#[test]
fn gaps_are_told() {
    let world = World::new();
    world.a_day();
    let first = world.export("1", None, None);
    world.happens([screening(7, true)]);
    let second = world.export("2", first.state.as_ref(), None);
    let refused = world.import("2").unwrap_err();
    assert!(matches!(refused, ReconcileError::Gap { known: 0, from: 6 }), "{refused}");
    assert_eq!(world.records("hub").len(), 0);
    let checked = world.check("2").unwrap();
    let ledger = Ledger::of(world.storage("hub"), checked.header()).unwrap();
    let gap = Gap { known: 0, from: 6 };
    assert_eq!(ledger.fits(checked.header()).unwrap(), Fits::Behind(gap));
    world.write(&checked, &ledger, Some(gap)).unwrap();
    let [import] = &world.of_kind("hub", Kind::Administrative)[..] else { panic!("one import") };
    let import: Import = serde_json::from_slice(section(&import.body, Section::Import).unwrap()).unwrap();
    assert_eq!((import.gap, import.to), (Some(gap), second.to));
}

// Proves that bundles of at most so many records follow one another without a gap and bring everything once.
#[test]
fn small_bundles_follow_one_another() {
    let world = World::new();
    world.a_day();
    let mut state = None;
    for round in 0..3 {
        let name = round.to_string();
        let exported = export(&world.order(&world.path(&name), 2), state.as_ref(), None).unwrap();
        assert_eq!(exported.more, round < 2, "{round}");
        world.import(&name).unwrap();
        state = exported.state;
    }
    assert_eq!(world.of_kind("hub", Kind::Reconciled).len(), 5);
    let nothing = world.export("nothing", state.as_ref(), None);
    assert_eq!((nothing.bundle, nothing.from, nothing.to), (None, state.as_ref().unwrap().to, nothing.from));
    assert!(!world.path("nothing").exists());
}

// Proves that a journal that is being written can be exported, and that its last group is held back until something
// vouches for it.
#[test]
fn the_last_write_is_held_back() {
    let world = World::new();
    let journal = world.open("site", 1);
    for n in 1..=3 {
        journal.append(screening(n, false)).wait().unwrap();
    }
    let exported = world.export("1", None, None);
    assert_eq!((exported.counts.screenings, exported.held_back), (2, 1));
    journal.close().unwrap();
    let rest = world.export("2", exported.state.as_ref(), None);
    assert_eq!((rest.counts.screenings, rest.held_back, rest.from.sequence), (1, 0, 2));
    world.import("1").unwrap();
    assert_eq!(world.import("2").unwrap().0, Fits::Next);
}

// Proves that a journal set back, changed or replaced is not exported as if it went on, and that a hub that is given both
// histories refuses the second.
#[test]
fn another_history_is_refused() {
    let mut world = World::new();
    world.a_day();
    let state = world.export("1", None, None).state;
    world.import("1").unwrap();
    fs::remove_dir_all(world.path("site")).unwrap();
    let again = |world: &World| {
        let out = world.path("other");
        let _ = fs::remove_file(&out);
        code(export(&world.order(&out, RECORDS_MAX), state.as_ref(), None))
    };
    world.happens([screening(8, false)]);
    assert_eq!(again(&world), "journal_changed", "it is shorter");
    world.happens((9..14).map(|n| screening(n, false)));
    assert_eq!(again(&world), "journal_changed", "it holds another record");
    let other = world.export("2", None, Some(0));
    assert_eq!(other.to.sequence, 6);
    assert_eq!(code(world.import("2")), "forked");
    world.instance = 2;
    fs::remove_dir_all(world.path("site")).unwrap();
    world.happens([screening(8, false)]);
    assert_eq!(again(&world), "journal_changed", "it is another journal");
    world.export("3", None, Some(0));
    assert_eq!(world.import("3").unwrap().0, Fits::First, "a new journal is told as one");
    let out = world.path("4");
    assert_eq!(code(export(&world.order(&out, 9), None, Some(40))), "journal_changed", "no such record");
}

// Proves that what is damaged at the site is counted, told, and does not hide the rest.
#[test]
fn damage_is_counted() {
    let world = World::new();
    world.happens((1..=4).map(|n| screening(n, false)));
    let segment = world.path("site/0000000000000001.seg");
    let mut content = bytes(&segment);
    let canary = |at: &usize| content[*at..].starts_with(CANARY.as_bytes());
    // Each record holds it twice, so the third is the second record's.
    let third = (0..content.len()).filter(canary).nth(2).unwrap();
    content[third] ^= 1;
    fs::write(&segment, content).unwrap();
    let exported = world.export("b", None, None);
    assert_eq!((exported.counts.screenings, exported.counts.unreadable), (3, 1));
    world.import("b").unwrap();
    assert_eq!(world.of_kind("hub", Kind::Reconciled).len(), 3);
}

// Proves that the note of the last export survives its file, and that a damaged one is refused.
#[test]
fn notes() {
    let world = World::new();
    world.a_day();
    let state = world.export("1", None, None).state.unwrap();
    let note = world.path("exported.json");
    assert_eq!(read_state(&note).unwrap(), None);
    write_state(&note, &state).unwrap();
    assert_eq!(read_state(&note).unwrap(), Some(state));
    fs::write(&note, "{").unwrap();
    assert_eq!(code(read_state(&note)), "state_damaged");
}
