//! Deadlines against an INTERPOL that hangs or is late.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postern::engine::LateRecord;
use postern::engine::record::{Section, section};
use postern::journal::storage::FileStorage;
use postern::journal::{Kind, Reader};
use postern::sim::{Faults, Outage};
use postern_sdk::Finding;
use uuid::Uuid;

use crate::client::{Gate, absent_zone, field, zone};
use crate::world::{Interpol, Setup, World, until};

/// Long beside FIND's 700 ms, so that a loaded machine keeps it too.
const DEADLINE_MS: u64 = 8_000;

fn setup(interpol: &Interpol, mode: &'static str) -> Setup {
    Setup { find: Some(interpol.address()), mode, deadline_ms: DEADLINE_MS, ..Setup::default() }
}

// Proves that an e-gate is answered from the copy within its deadline while INTERPOL accepts connections and says
// nothing, in each mode that falls back: the answer's time is the copy's extraction, and a reported passport is referred.
#[test]
fn hanging_find_is_replaced_in_time() {
    for mode in ["find_then_mind", "hedged"] {
        let world = World::new();
        let interpol = Interpol::of(&world);
        interpol.behave(Faults { outage: Some(Outage::Hang), ..Faults::default() });
        let daemon = world.start(&setup(&interpol, mode));
        let mut gate = Gate::connect(daemon.lane("egates")).unwrap();
        let begun = Instant::now();
        let reply = gate.ask("d1", &absent_zone(1)).unwrap();
        assert!(begun.elapsed() < Duration::from_millis(DEADLINE_MS), "{mode}: {:?}", begun.elapsed());
        assert_eq!(field(&reply, 2), "continue", "{mode}: {reply}");
        let as_of: jiff::Timestamp = field(&reply, 4).parse().unwrap();
        let age = postern::clock::Clock::system().now().duration_since(as_of);
        assert_eq!(age.as_hours(), 3, "{mode}: from the copy");
        let stolen = world.stolen().next().unwrap();
        let reply = gate.ask("d2", &zone(&stolen.number, stolen.issuer.as_str(), "X<<Y")).unwrap();
        assert_eq!((field(&reply, 2), field(&reply, 4)), ("refer", "-"), "{mode}: {reply}");
    }
}

// Proves that what FIND says after its time is journaled beside the screening that was answered from the copy.
#[test]
fn late_answer_is_recorded() {
    let world = World::new();
    let interpol = Interpol::of(&world);
    interpol.behave(Faults { latency_ms: 1_500, ..Faults::default() });
    let daemon = world.start(&setup(&interpol, "find_then_mind"));
    let mut gate = Gate::connect(daemon.lane("egates")).unwrap();
    let stolen = world.stolen().next().unwrap();
    let reply = gate.ask("l1", &zone(&stolen.number, stolen.issuer.as_str(), "X<<Y")).unwrap();
    assert_eq!(field(&reply, 2), "refer");
    let reference: Uuid = field(&reply, 3).parse().unwrap();
    let body = until("the late answer in the journal", || {
        let records = Reader::new(Arc::new(FileStorage::at(&world.path("journal")))).unwrap();
        let sound = records.filter_map(|record| record.unwrap().ok());
        sound.into_iter().find(|r| r.kind == Kind::LateAnswer && r.matter == reference).map(|r| r.body)
    });
    let late: LateRecord = serde_json::from_slice(section(&body, Section::Late).unwrap()).unwrap();
    assert_eq!(late.subject, 0);
    assert!(late.answers.iter().any(|answer| matches!(answer.finding, Finding::Hits(_))), "{late:?}");
    until("the late hit in the log", || {
        daemon.log().contains("FIND told a hit after the lane's deadline").then_some(())
    });
}
