//! A run of faults: INTERPOL slow, wrong, cut off and gone, one after another, while gates ask.
//!
//! Two lanes ask: one that falls back to the copy, and one that has INTERPOL alone, so that its deadline is what ends its
//! waiting. Every fourth document is on record: in both, or with INTERPOL only, which the copy can't know. What was told at
//! the gates, the journal and the simulator's own log are then compared.
//!
//! A deadline is a promise and is asserted; all other times are told only. At full length the promise is held to with the
//! margin that it is made with. The short run shares its cores with every other test, so that a gate may stand still for as
//! long as the machine gives it no turn: there the margin only tells a deadline that is kept from one that is not, which
//! would take as long as a request may.

mod ledger;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use postern::clock::Clock;
use postern::sim::{Act, DocumentRecord, Faults, Outage};
use postern_sdk::{Database, DocumentNumber, DocumentType, State};
use uuid::Uuid;

use crate::client::{Gate, absent, field, get, zone};
use crate::world::{Daemon, Interpol, Setup, World, until};

/// Gates of each lane.
const GATES: usize = 6;
/// How long a gate is empty between two travellers.
const PAUSE: Duration = Duration::from_millis(200);
/// Documents that INTERPOL alone has, and where their numbers begin.
const PLANTED: u64 = 1_000;
const PLANTED_FROM: u64 = 50_000_000;
/// The lanes, each with its deadline.
const LANES: [(&str, Duration); 2] =
    [("egates", Duration::from_millis(2_000)), ("strict", Duration::from_millis(1_500))];

/// How long the run is, and what is allowed beyond its promises.
struct Size {
    rounds: usize,
    phase: Duration,
    request_timeout_ms: u64,
    margin: Duration,
    recovery: Duration,
}

fn size() -> Size {
    if std::env::var_os("POSTERN_LONG").is_some() {
        Size {
            rounds: 7,
            phase: Duration::from_secs(43),
            request_timeout_ms: 10_000,
            margin: Duration::from_millis(50),
            recovery: Duration::from_secs(5),
        }
    } else {
        Size {
            rounds: 1,
            phase: Duration::from_millis(3_500),
            request_timeout_ms: 4_000,
            margin: Duration::from_millis(2_500),
            recovery: Duration::from_secs(15),
        }
    }
}

/// What goes wrong, in this order, each followed by a recovery.
fn faults() -> [(&'static str, Faults); 6] {
    let mix = |acts: &[(Act, f64)]| acts.iter().cloned().collect();
    let errors = [(Act::Http(503), 0.1), (Act::Result("TIME_OUT".into()), 0.1)];
    let cuts = [(Act::Cut, 0.5), (Act::Close, 0.3)];
    [
        ("quiet", Faults::default()),
        ("latency 30 s", Faults { latency_ms: 30_000, ..Faults::default() }),
        ("errors 50 %", Faults { error_rate: 0.3, mix: mix(&errors), ..Faults::default() }),
        ("cuts", Faults { mix: mix(&cuts), ..Faults::default() }),
        ("drip", Faults { drip_bytes_per_s: Some(900), ..Faults::default() }),
        ("restart", Faults { outage: Some(Outage::Refuse), ..Faults::default() }),
    ]
}

/// The phase after the faults: what is told of the time until FIND answers again.
const RECOVERY: usize = 6;

/// Where a document is on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plant {
    Nowhere,
    Both,
    FindOnly,
}

/// One question and what was told at the gate.
struct Asked {
    lane: usize,
    phase: usize,
    plant: Plant,
    reference: Uuid,
    may_continue: bool,
    of_find: bool,
    took: Duration,
}

fn planted(n: u64) -> DocumentRecord {
    DocumentRecord {
        database: Database::Sltd,
        number: DocumentNumber::normalise(&absent(PLANTED_FROM + n)).unwrap(),
        issuer: Some(State::GERMANY),
        doc_type: Some(DocumentType::PASSPORT),
        theft_type: None,
        theft_date: None,
        theft_country: None,
        notice: None,
        record: format!("planted-{n}").into(),
    }
}

fn setup(interpol: &Interpol, size: &Size) -> Setup {
    let (address, request_ms) = (interpol.address(), size.request_timeout_ms);
    let [(_, egates), (_, strict)] = LANES.map(|(name, deadline)| (name, deadline.as_millis()));
    let more = format!(
        r#"
[find]
base_url = "http://{address}"
username = "it"
password_file = "find.password"
request_timeout_ms = {request_ms}

[recheck]
rate_per_s_max = 200
concurrency_max = 8

[policy.online]
databases = ["sltd", "tdawn"]
mode = "find"
find_timeout_ms = 700

[lane.strict]
transport = "tcp"
listen = "127.0.0.1:0"
framing = "stx_etx"
adapter = "mrz"
policy = "online"
client = "egates"
view = "gate"
deadline_ms = {strict}
context = {{ agency = "Border Guard", end_user = "e-gate", site = "ZZA-T1", direction = "entry", purpose = "border_control" }}
"#
    );
    let deadline_ms = u64::try_from(egates).unwrap();
    Setup { mode: "find_then_mind", deadline_ms, more, ..Setup::default() }
}

/// The documents of the travellers, by their turn.
struct Travellers {
    stolen: Vec<String>,
}

impl Travellers {
    fn of(world: &World) -> Self {
        let stolen = world.stolen().filter(|row| row.database == Database::Sltd).take(1_000);
        Self { stolen: stolen.map(|row| zone(&row.number, row.issuer.as_str(), "X<<Y")).collect() }
    }

    fn zone(&self, turn: u64) -> (Plant, String) {
        let absent = |n| zone(&absent(n), "D", "SPECIMEN<<JO");
        match turn % 8 {
            0 => (Plant::Both, self.stolen[(turn / 8) as usize % self.stolen.len()].clone()),
            4 => (Plant::FindOnly, absent(PLANTED_FROM + turn / 8 % PLANTED)),
            _ => (Plant::Nowhere, absent(turn)),
        }
    }
}

/// Whether a reply rests on FIND: it tells of now, the copy is hours old.
fn is_of_find(reply: &str) -> bool {
    let as_of = field(reply, 4).parse::<jiff::Timestamp>();
    as_of.is_ok_and(|as_of| Clock::system().now().duration_since(as_of).as_hours() == 0)
}

/// Asks one question.
fn ask(gate: &mut Gate, id: &str, zone: &str) -> (String, Duration) {
    let begun = Instant::now();
    let reply = gate.ask(id, zone).unwrap();
    (reply, begun.elapsed())
}

/// A gate of a lane: traveller after traveller, until the run ends.
fn serve(
    (lane, address): (usize, SocketAddr),
    number: usize,
    travellers: &Travellers,
    phase: &AtomicUsize,
    end: &Receiver<()>,
) -> Vec<Asked> {
    let mut gate = Gate::connect(address).unwrap();
    let turns = (number as u64..).step_by(GATES * LANES.len());
    let mut all = Vec::new();
    for turn in turns {
        if end.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
            break;
        }
        let phase = phase.load(Ordering::Relaxed);
        let (plant, zone) = travellers.zone(turn);
        let (reply, took) = ask(&mut gate, &format!("f{turn}"), &zone);
        let reference = field(&reply, 3).parse().unwrap();
        let (may_continue, of_find) = (field(&reply, 2) == "continue", is_of_find(&reply));
        all.push(Asked { lane, phase, plant, reference, may_continue, of_find, took });
    }
    all
}

/// The phases, one after another; tells how long each recovery took.
fn run(interpol: &Interpol, daemon: &Daemon, size: &Size, phase: &AtomicUsize) -> Vec<(String, Duration)> {
    let mut probe = Gate::connect(daemon.lane(LANES[0].0)).unwrap();
    let (mut recoveries, mut probes) = (Vec::new(), 0);
    for round in 1..=size.rounds {
        for (place, (name, faults)) in faults().into_iter().enumerate() {
            phase.store(place, Ordering::Relaxed);
            interpol.behave(faults);
            pass(size.phase);
            phase.store(RECOVERY, Ordering::Relaxed);
            interpol.behave(Faults::default());
            let ended = Instant::now();
            until("FIND to answer a lane again", || {
                probes += 1;
                let zone = zone(&absent(2 * PLANTED_FROM - probes), "D", "SPECIMEN<<JO");
                is_of_find(&ask(&mut probe, &format!("p{probes}"), &zone).0).then_some(())
            });
            if place > 0 {
                recoveries.push((format!("{name}, round {round}"), ended.elapsed()));
            }
        }
    }
    phase.store(0, Ordering::Relaxed);
    pass(size.phase);
    recoveries
}

fn pass(length: Duration) {
    let begun = Instant::now();
    until("the phase to be over", || (begun.elapsed() >= length).then_some(()));
}

/// Waits until nothing is open, however long that takes, as long as it becomes less.
fn worked_off(daemon: &Daemon) {
    let open = || get(daemon.console(), "/api/status").unwrap().json()["rechecks"]["open"].as_u64().unwrap();
    let mut left = open();
    while left > 0 {
        left = until("rechecks to be worked off", || Some(open()).filter(|now| *now < left));
    }
}

// Proves that through every fault of INTERPOL each lane keeps its deadline, that a document on record is never told to be on
// none by who knows it, that each planted hit ends as an answer, a late answer or a recheck in the journal, that journal and
// simulator agree on what was said, and that lanes are answered by FIND again soon after each fault.
#[test]
fn faults_cost_no_deadline_and_no_hit() {
    let size = size();
    let world = World::new();
    let interpol = Interpol::with(&world, (0..PLANTED).map(planted));
    interpol.log_to(&world.path("sim.jsonl"));
    let daemon = world.start(&setup(&interpol, &size));
    let travellers = Arc::new(Travellers::of(&world));
    let phase = Arc::new(AtomicUsize::new(0));
    let gates: Vec<_> = (0..GATES * LANES.len())
        .map(|number| {
            let lane = number % LANES.len();
            let at = (lane, daemon.lane(LANES[lane].0));
            let (travellers, phase) = (Arc::clone(&travellers), Arc::clone(&phase));
            let (end, ended) = mpsc::channel();
            (end, thread::spawn(move || serve(at, number, &travellers, &phase, &ended)))
        })
        .collect();
    let recoveries = run(&interpol, &daemon, &size, &phase);
    let asked: Vec<Asked> = gates
        .into_iter()
        .flat_map(|(end, gate)| {
            drop(end);
            gate.join().unwrap()
        })
        .collect();
    worked_off(&daemon);
    assert!(daemon.stop().success());

    tell_times(&asked);
    for (fault, took) in &recoveries {
        tell(&format!("recovered after {took:>10.1?} from {fault}"));
    }
    ledger::compare(&world, &asked);
    for (lane, (name, deadline)) in LANES.iter().enumerate() {
        let times = sorted(&asked, |asked| asked.lane == lane);
        let worst = at(&times, 999);
        assert!(worst <= *deadline + size.margin, "{name}: p99.9 {worst:?}");
    }
    for (fault, took) in recoveries {
        assert!(took < size.recovery, "{fault}: {took:?}");
    }
}

fn sorted(asked: &[Asked], which: impl Fn(&Asked) -> bool) -> Vec<Duration> {
    let mut times: Vec<_> = asked.iter().filter(|asked| which(asked)).map(|asked| asked.took).collect();
    times.sort_unstable();
    times
}

fn at(times: &[Duration], permille: usize) -> Duration {
    times.get(times.len().saturating_sub(1) * permille / 1_000).copied().unwrap_or_default()
}

/// The times of every phase and lane, and the share that FIND cleared.
fn tell_times(asked: &[Asked]) {
    tell("phase          lane     asked   by FIND        p50        p99      p99.9    longest");
    let names = faults().map(|(name, _)| name).into_iter().chain(["recovery"]);
    for (phase, name) in names.enumerate() {
        for (lane, (lane_name, _)) in LANES.iter().enumerate() {
            let here = |asked: &Asked| asked.phase == phase && asked.lane == lane;
            let times = sorted(asked, here);
            let clear = asked.iter().filter(|asked| here(asked) && asked.plant == Plant::Nowhere);
            let (by_find, all) =
                clear.fold((0, 0), |(find, all), asked| (find + usize::from(asked.of_find), all + 1));
            let share = by_find * 100 / all.max(1);
            let [p50, p99, p999, longest] = [500, 990, 999, 1_000].map(|permille| at(&times, permille));
            tell(&format!(
                "{name:<14} {lane_name:<7} {:>6} {share:>7} % {p50:>10.1?} {p99:>10.1?} {p999:>10.1?} {longest:>10.1?}",
                times.len()
            ));
        }
    }
}

#[allow(clippy::print_stderr)]
fn tell(text: &str) {
    eprintln!("{text}");
}
