//! Whether the list is what the journal says.

use std::collections::BTreeMap;
use std::io;

use proptest::prelude::*;

use super::*;
use crate::journal::{Mark, Tail};

/// What may happen to the screening of a number.
#[derive(Clone, Copy, Debug)]
enum Event {
    Screened { n: u8, late: bool },
    LateNoRecord { n: u8 },
    LateFailure { n: u8 },
    LateHitCut { n: u8 },
    Answered { n: u8 },
    Failed { n: u8 },
    Site { n: u8, open: bool },
    SiteLate { n: u8 },
    Other,
}

fn event() -> impl Strategy<Value = Event> {
    let n = 0..12_u8;
    prop_oneof![
        4 => (n.clone(), any::<bool>()).prop_map(|(n, late)| Event::Screened { n, late }),
        1 => n.clone().prop_map(|n| Event::LateNoRecord { n }),
        1 => n.clone().prop_map(|n| Event::LateFailure { n }),
        1 => n.clone().prop_map(|n| Event::LateHitCut { n }),
        2 => n.clone().prop_map(|n| Event::Answered { n }),
        2 => n.clone().prop_map(|n| Event::Failed { n }),
        1 => (n.clone(), any::<bool>()).prop_map(|(n, open)| Event::Site { n, open }),
        1 => n.prop_map(|n| Event::SiteLate { n }),
        1 => Just(Event::Other),
    ]
}

fn recheck(attempt: u32, state: PlaceState) -> Vec<u8> {
    let settle = |database| Settling { database, state, disagreement: None, late_hit: false };
    let record = RecheckRecord {
        subject: 0,
        number: 0,
        query: Some(query()),
        attempt,
        asked: Some(now()),
        answers: Vec::new(),
        places: vec![settle(Database::Sltd)],
        follow: Follow::default(),
    };
    Body::new().json(Section::Recheck, &record).into_bytes()
}

fn of_site(kind: Kind, rest: Vec<u8>) -> Vec<u8> {
    let origin = serde_json::json!({ "site": "s", "kind": kind.code() });
    [Body::new().json(Section::Origin, &origin).into_bytes(), rest].concat()
}

/// The records of an event.
fn records(event: Event) -> Vec<(Kind, u8, Vec<u8>)> {
    let answer =
        |finding, unchecked| Answer { unchecked, ..Answer::new(Database::Sltd, 0, Source::Find, finding) };
    let failed = Finding::NotChecked(Reason::Transport);
    let screened = |n: u8, late| {
        let late = if late { places(&[Database::Sltd]) } else { Vec::new() };
        screening(n.into(), &Finding::NoRecord, places(&BOTH), late)
    };
    match event {
        Event::Screened { n, late } => vec![(Kind::Screening, n, screened(n, late))],
        Event::LateNoRecord { n } => {
            vec![(Kind::LateAnswer, n, late_answer(vec![answer(Finding::NoRecord, None)]))]
        }
        Event::LateFailure { n } => vec![(Kind::LateAnswer, n, late_answer(vec![answer(failed, None)]))],
        Event::LateHitCut { n } => {
            vec![(Kind::LateAnswer, n, late_answer(vec![answer(hits(), Some(Reason::ListTruncated))]))]
        }
        Event::Answered { n } => vec![(Kind::Recheck, n, recheck(1, PlaceState::Answered))],
        Event::Failed { n } => {
            vec![(Kind::Recheck, n, recheck(1, PlaceState::Open { reason: Reason::Transport }))]
        }
        Event::Site { n, open } => {
            let mut records = vec![(Kind::Reconciled, n, of_site(Kind::Screening, screened(n, false)))];
            if open {
                let follow = Follow { rechecks: places(&[Database::Tdawn]), ..Follow::default() };
                let body = Body::new().json(Section::Follow, &[follow]).into_bytes();
                records.push((Kind::Recheck, n, of_site(Kind::Screening, body)));
            }
            records
        }
        Event::SiteLate { n } => {
            let late = late_answer(vec![answer(Finding::NoRecord, None)]);
            vec![(Kind::Reconciled, n, of_site(Kind::LateAnswer, late))]
        }
        Event::Other => vec![(Kind::Refusal, 0, vec![1, 2, 3])],
    }
}

/// The places that should be open, worked out another way: with whether each was told, and its attempts.
#[derive(Default)]
struct Model {
    open: BTreeMap<(u8, &'static str), (bool, u32)>,
    early: BTreeMap<u8, bool>,
}

impl Model {
    fn note(&mut self, event: Event) {
        match event {
            Event::Screened { n, .. } => {
                self.open.entry((n, "tdawn")).or_default();
                match self.early.remove(&n) {
                    Some(true) => {}
                    told => _ = self.open.entry((n, "sltd")).or_insert((told.is_some(), 0)),
                }
            }
            Event::LateNoRecord { n } | Event::Answered { n } | Event::SiteLate { n } => {
                if self.open.remove(&(n, "sltd")).is_none() {
                    self.early.insert(n, true);
                }
            }
            Event::LateHitCut { n } => match self.open.get_mut(&(n, "sltd")) {
                Some((told, _)) => *told = true,
                None => _ = self.early.entry(n).or_insert(false),
            },
            Event::Failed { n } => {
                if let Some((_, attempts)) = self.open.get_mut(&(n, "sltd")) {
                    *attempts = 1;
                }
            }
            Event::Site { n, open: true } => _ = self.open.entry((n, "tdawn")).or_default(),
            Event::LateFailure { .. } | Event::Site { .. } | Event::Other => {}
        }
    }
}

fn jobs(store: &Store) -> BTreeMap<(u8, &'static str), (bool, u32)> {
    let jobs = store.raised_before(i64::MAX, &|_| false, usize::MAX).unwrap();
    let places = jobs.iter().flat_map(|job| {
        job.databases.iter().map(|(database, told)| {
            ((job.key.matter.as_u128() as u8, database.code()), (*told, job.attempts))
        })
    });
    places.collect()
}

fn to_the_end(store: &mut Store, read_on: impl Fn(Option<&Mark>) -> io::Result<Option<Tail>>) {
    while !store.follow(&read_on).unwrap() {}
}

fn nothing_new(_: Option<&Mark>) -> io::Result<Option<Tail>> {
    panic!("nothing may be read")
}

// Proves that the list, followed in any steps and reopened at any of them, holds what a model holds and equals, row for row,
// a list made from the whole journal at once, with late answers before and after their screenings, and a site's rechecks.
#[test]
fn the_list_equals_its_rebuild() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(events in proptest::collection::vec((event(), 0..6_u8), 1..60))| {
        let world = World::new();
        let path = world.folder.path().join("list.db");
        let read_on = |mark: Option<&Mark>| world.shared.journal.read_on(mark);
        let (mut store, mut model) = (Store::open(&path).unwrap(), Model::default());
        for (event, step) in events {
            for (kind, n, body) in records(event) {
                runtime.block_on(world.append(kind, n.into(), body));
                world.pass(SignedDuration::from_secs(20));
                if step == 2 {
                    store.follow(read_on).unwrap();
                }
            }
            model.note(event);
            match step {
                0 => _ = store.follow(read_on).unwrap(),
                1 => store = { drop(store); Store::open(&path).unwrap() },
                _ => {}
            }
        }
        to_the_end(&mut store, read_on);
        let found = jobs(&store);
        // A job of two databases tells the attempts of the one that has more.
        let of_model: BTreeMap<_, _> = model.open.iter().map(|((n, database), (told, attempts))| {
            let other = if *database == "sltd" { "tdawn" } else { "sltd" };
            let attempts = (*attempts).max(model.open.get(&(*n, other)).map_or(0, |(_, attempts)| *attempts));
            ((*n, *database), (*told, attempts))
        }).collect();
        prop_assert_eq!(found, of_model);
        let mut rebuilt = Store::open(&world.folder.path().join("rebuilt.db")).unwrap();
        to_the_end(&mut rebuilt, read_on);
        prop_assert_eq!(store.dump(), rebuilt.dump());
    });
}

// Proves that a list that is damaged, of another version or of another journal is made anew, and that the same one is not.
#[tokio::test]
async fn an_unusable_list_is_made_anew() {
    let world = World::new();
    world.screen(1..4, &Finding::NoRecord).await;
    let path = world.folder.path().join("list.db");
    let read_on = |mark: Option<&Mark>| world.shared.journal.read_on(mark);
    let mut store = Store::open(&path).unwrap();
    store.follow(read_on).unwrap();
    let whole = store.dump();
    drop(store);
    assert_eq!(Store::open(&path).unwrap().dump(), whole);
    std::fs::write(&path, b"this is no list of anything, though it is long enough").unwrap();
    let mut store = Store::open(&path).unwrap();
    assert!(store.mark().is_none());
    store.follow(read_on).unwrap();
    assert_eq!(store.dump(), whole);
    drop(store);
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(Store::open(&path).unwrap().mark().is_none());
    let mut store = Store::open(&path).unwrap();
    store.follow(read_on).unwrap();
    let other = World::new();
    other.screen(7..8, &Finding::NoRecord).await;
    store.follow(|mark| other.shared.journal.read_on(mark)).unwrap();
    assert_eq!(jobs(&store).into_keys().map(|(n, _)| n).collect::<Vec<_>>(), [7]);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| store.follow(nothing_new))).is_err());
}

// Proves that nothing of a question stands in the list: its bytes hold neither number, name, client nor site.
#[tokio::test]
async fn the_list_holds_nothing_personal() {
    let world = World::new();
    world.screen(1..50, &hits()).await;
    let path = world.folder.path().join("list.db");
    let mut store = Store::open(&path).unwrap();
    to_the_end(&mut store, |mark| world.shared.journal.read_on(mark));
    drop(store);
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.len() > 4_096);
    for text in ["X1234567", "gate-7", "ZZA", "r-1", "border"] {
        assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()), "{text}");
    }
}
