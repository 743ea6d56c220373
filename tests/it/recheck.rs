//! An outage of INTERPOL, and what is asked again when it is over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postern::clock::Clock;
use postern::engine::record::Recorded;
use postern::journal::storage::FileStorage;
use postern::journal::{Kind, Reader, Record};
use postern::recheck::{Disagreement, PlaceState, RecheckRecord};
use postern::sim::{DocumentRecord, Faults, Outage};
use postern_sdk::{Database, DocumentNumber, DocumentType, State};
use serde_json::Value;
use uuid::Uuid;

use crate::client::{Gate, absent, field, get, zone};
use crate::world::{Daemon, Interpol, Setup, World, until};

/// E-gates that ask during the outage, and how many questions each has under way.
const GATES: usize = 4;
const PIPELINED: usize = 16;
/// Live questions for each measurement of latency.
const LIVE: usize = 300;
/// Numbers of live questions begin here, behind those of any outage.
const LIVE_FROM: u64 = 10_000_000;

/// The file of what INTERPOL was asked.
const ASKED: &str = "asked.jsonl";

/// How big the campaign is.
struct Size {
    screenings: u64,
    hits: u64,
    rate_per_s: u32,
}

fn size() -> Size {
    if std::env::var_os("POSTERN_LONG").is_some() {
        Size { screenings: 50_000, hits: 25, rate_per_s: 500 }
    } else {
        Size { screenings: 1_000, hits: 5, rate_per_s: 250 }
    }
}

impl Size {
    /// The numbers of questions whose documents INTERPOL has on record and the copy has not.
    fn planted(&self) -> BTreeSet<u64> {
        (0..self.hits).map(|n| self.screenings / self.hits * n + n).collect()
    }
}

fn record(n: u64) -> DocumentRecord {
    DocumentRecord {
        database: Database::Sltd,
        number: DocumentNumber::normalise(&absent(n)).unwrap(),
        issuer: Some(State::GERMANY),
        doc_type: Some(DocumentType::PASSPORT),
        theft_type: None,
        theft_date: None,
        theft_country: None,
        notice: None,
        record: format!("planted-{n}").into(),
    }
}

fn setup(interpol: &Interpol, more: &str) -> Setup {
    let more = format!(
        "[find]\nbase_url = \"http://{}\"\nusername = \"it\"\npassword_file = \"find.password\"\n{more}",
        interpol.address()
    );
    Setup { mode: "find_then_mind", more, ..Setup::default() }
}

fn ask(gate: &mut Gate, id: &str, n: u64) -> String {
    gate.ask(id, &zone(&absent(n), "D", "SPECIMEN<<JO")).unwrap()
}

/// Screens questions of these numbers over several gates; each is answered from the copy, which has no record of any.
fn screen_all(lane: SocketAddr, screenings: u64) {
    let gate = |first: usize| {
        let numbers: Vec<u64> = (first as u64..screenings).step_by(GATES).collect();
        thread::spawn(move || {
            let mut gate = Gate::connect(lane).unwrap();
            for many in numbers.chunks(PIPELINED) {
                for n in many {
                    gate.send(&format!("o{n}"), &zone(&absent(*n), "D", "SPECIMEN<<JO")).unwrap();
                }
                for _ in many {
                    let reply = gate.receive().unwrap();
                    assert_eq!(field(&reply, 2), "continue", "{reply}");
                }
            }
        })
    };
    let gates: Vec<_> = (0..GATES).map(gate).collect();
    gates.into_iter().for_each(|gate| gate.join().unwrap());
}

/// Whether a reply rests on FIND: it tells of now, the copy is hours old.
fn is_of_find(reply: &str) -> bool {
    let as_of: jiff::Timestamp = field(reply, 4).parse().unwrap();
    Clock::system().now().duration_since(as_of).as_hours() == 0
}

/// The times of live questions, which FIND must answer, one after the other; at least so many, and until `enough`.
fn live(lane: SocketAddr, from: u64, enough: &AtomicBool) -> Vec<Duration> {
    let mut gate = Gate::connect(lane).unwrap();
    let mut times = Vec::new();
    while times.len() < LIVE || !enough.load(Ordering::Relaxed) {
        let n = from + times.len() as u64;
        let begun = Instant::now();
        let reply = ask(&mut gate, &format!("l{n}"), n);
        times.push(begun.elapsed());
        assert!(is_of_find(&reply), "a lane had to do with the copy: {reply}");
    }
    times
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

fn rechecks(daemon: &Daemon) -> Value {
    get(daemon.console(), "/api/status").unwrap().json()["rechecks"].clone()
}

fn open(daemon: &Daemon) -> u64 {
    rechecks(daemon)["open"].as_u64().unwrap()
}

/// Waits until nothing is open, however long that takes, as long as it becomes less.
fn worked_off(daemon: &Daemon) {
    let mut left = open(daemon);
    while left > 0 {
        left = until("rechecks to be worked off", || Some(open(daemon)).filter(|now| *now < left));
    }
}

fn records(world: &World) -> Vec<Record> {
    let storage = Arc::new(FileStorage::at(&world.path("journal")));
    Reader::new(storage).unwrap().map(|read| read.unwrap().unwrap()).collect()
}

/// A screening's question: who it was about, and how many jobs must be asked again.
fn owed(records: &[Record]) -> BTreeMap<Uuid, usize> {
    let screenings = records.iter().filter(|record| record.kind == Kind::Screening);
    let jobs = |record: &Record| {
        let recorded = Recorded::read(&record.body).unwrap();
        let follow = recorded.follow.iter().enumerate();
        let jobs: BTreeSet<_> = follow
            .flat_map(|(n, follow)| follow.rechecks.iter().map(move |place| (n, place.query)))
            .collect();
        (record.matter, jobs.len())
    };
    screenings.map(jobs).collect()
}

// Proves that everything screened during an outage is asked again when it is over, each question once by the simulator's
// log, that each hit which the copy did not have is raised, in the journal with a case to follow, in the figures and the
// log, and that lanes are answered by FIND in their time meanwhile.
#[test]
fn an_outage_is_made_up_for() {
    let size = size();
    let world = World::new();
    let interpol = Interpol::with(&world, size.planted().into_iter().map(record));
    interpol.log_to(&world.path(ASKED));
    let more = format!("[recheck]\nrate_per_s_max = {}\nconcurrency_max = 8\n", size.rate_per_s);
    let daemon = world.start(&setup(&interpol, &more));
    let lane = daemon.lane("egates");
    let quiet = live(lane, LIVE_FROM, &AtomicBool::new(true));

    interpol.behave(Faults { outage: Some(Outage::Refuse), ..Faults::default() });
    screen_all(lane, size.screenings);
    until("the list to hold all", || (open(&daemon) >= 2 * size.screenings).then_some(()));
    interpol.behave(Faults::default());
    let mut gate = Gate::connect(lane).unwrap();
    let mut n = 2 * LIVE_FROM;
    until("FIND to answer a lane again", || {
        n += 1;
        is_of_find(&ask(&mut gate, &format!("r{n}"), n)).then_some(())
    });
    let enough = Arc::new(AtomicBool::new(false));
    let beside = thread::spawn({
        let enough = Arc::clone(&enough);
        move || live(lane, 3 * LIVE_FROM, &enough)
    });
    worked_off(&daemon);
    enough.store(true, Ordering::Relaxed);
    let (quiet, beside) = (p99(quiet), p99(beside.join().unwrap()));
    tell(&format!("live p99 {quiet:?} in quiet, {beside:?} beside rechecks"));

    let status = rechecks(&daemon);
    assert_eq!(status["hits"].as_u64(), Some(size.hits), "{status}");
    let late = "FIND told a hit when it was asked again";
    assert_eq!(daemon.log().matches(late).count() as u64, size.hits);
    let metrics = get(daemon.console(), "/metrics").unwrap().text();
    assert!(metrics.contains(&format!("\npostern_recheck_hits_total {}\n", size.hits)), "{metrics}");
    for n in size.planted() {
        assert!(!daemon.log().contains(&absent(n)) && !metrics.contains(&absent(n)));
    }
    assert!(daemon.stop().success());
    the_records_agree(&world, &interpol, &size);
}

fn the_records_agree(world: &World, interpol: &Interpol, size: &Size) {
    let records = records(world);
    let owed = owed(&records);
    let mut answered: BTreeMap<Uuid, usize> = BTreeMap::new();
    let (mut references, mut raised) = (BTreeSet::new(), BTreeSet::new());
    for record in &records {
        let Some(recheck) = RecheckRecord::of(record) else { continue };
        if recheck.places.iter().any(|place| place.state == PlaceState::Answered) {
            *answered.entry(record.matter).or_default() += 1;
        }
        for answer in &recheck.answers {
            references.insert(answer.reference_in_country.clone().unwrap());
        }
        for place in recheck.places.iter().filter(|place| place.late_hit) {
            assert!(recheck.follow.case);
            assert_eq!(place.disagreement, Some(Disagreement::CopyMissed));
            raised.insert(record.matter);
        }
    }
    assert_eq!(raised.len() as u64, size.hits);
    let owing: BTreeMap<Uuid, usize> =
        owed.iter().filter(|(_, jobs)| **jobs > 0).map(|(m, n)| (*m, *n)).collect();
    assert_eq!(answered, owing, "each was answered once");
    assert!(references.len() >= owing.len(), "each attempt had a reference of its own");
    let by_lanes = owed.values().filter(|jobs| **jobs == 0).count();
    let searches = answered_by_interpol(world, "search", &owed);
    assert_eq!(searches, by_lanes + owing.values().sum::<usize>(), "{:?}", interpol.counts());
    assert_eq!(answered_by_interpol(world, "details", &owed) as u64, size.hits);
}

/// How many requests of a step INTERPOL answered for these exchanges. Those of others are trials of a service that rested.
fn answered_by_interpol(world: &World, step: &str, owed: &BTreeMap<Uuid, usize>) -> usize {
    let log = fs::read_to_string(world.path(ASKED)).unwrap();
    let counts = |line: &Value| {
        let exchange = line["exchange"].as_str().and_then(|text| text.parse::<Uuid>().ok());
        let answered = line["result"] == "NO_ANSWER" || line["result"] == "NO_ERROR";
        line["step"] == step && answered && exchange.is_some_and(|exchange| owed.contains_key(&exchange))
    };
    log.lines().filter(|line| counts(&serde_json::from_str(line).unwrap())).count()
}

// Proves that a daemon killed while it asks again asks at most what was under way a second time, under another reference in
// country of the same exchange, and that a lost list is made anew from the journal.
#[test]
fn a_kill_repeats_what_was_under_way() {
    const SCREENINGS: u64 = 200;
    const UNDER_WAY: u64 = 4;
    let world = World::new();
    let interpol = Interpol::with(&world, []);
    interpol.log_to(&world.path(ASKED));
    let more = format!("[recheck]\nrate_per_s_max = 60\nconcurrency_max = {UNDER_WAY}\n");
    let setup = setup(&interpol, &more);
    interpol.behave(Faults { outage: Some(Outage::Refuse), ..Faults::default() });
    let daemon = world.start(&setup);
    screen_all(daemon.lane("egates"), SCREENINGS);
    interpol.behave(Faults { latency_ms: 30, ..Faults::default() });
    let searches = || interpol.counts().values().sum::<u64>();
    until("some to be asked", || (searches() >= 40).then_some(()));
    daemon.kill();
    let before = searches();
    assert!(before < SCREENINGS, "{before}");
    std::fs::remove_file(world.path("journal/recheck.db")).unwrap();
    let daemon = world.start(&setup);
    until("the list to be there", || rechecks(&daemon)["asked"].as_u64().filter(|asked| *asked > 0));
    worked_off(&daemon);
    assert!(daemon.stop().success());
    let records = records(&world);
    let owed = owed(&records);
    let all = answered_by_interpol(&world, "search", &owed) as u64;
    assert!((SCREENINGS..=SCREENINGS + UNDER_WAY).contains(&all), "{all}");
    let owed: usize = owed.values().sum();
    let is_answered = |record: &&Record| {
        RecheckRecord::of(record)
            .is_some_and(|recheck| recheck.places.iter().all(|place| place.state == PlaceState::Answered))
    };
    assert_eq!(records.iter().filter(is_answered).count(), owed);
}

#[allow(clippy::print_stderr)]
fn tell(text: &str) {
    eprintln!("{text}");
}
