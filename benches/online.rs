//! Postern's own share of an online screening: the whole trip of a frame from a lane to its durable answer, without the time
//! that INTERPOL took.
//!
//! Questions come at a steady rate, whether or not earlier ones are answered. Each goes through the lane's handler: adapter,
//! grant, plan, guard, request, reply, judgement, encoding and journal. The simulator answers at once and has a runtime of its
//! own on the same cores; a tap before it takes the time of each exchange, which is subtracted from that exchange alone. The
//! sockets between are Postern's share.
//!
//! The first row has its journal in memory (`/dev/shm`), so that what is left is Postern's own, the journal's queue and the wake-up
//! of its writer included. The second has it on the disk: what it has more is the commit, which is told as the mean of its syncs
//! and the records in each, too.
//! Asked for are less than 300 µs in the median and 1 ms in the 99th percentile, at 1 000 a second.
//!
//! `cargo bench --bench online [-- SECONDS [RATE]]`

#[path = "online/tap.rs"]
mod tap;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use postern::clock::Clock;
use postern::console::Prometheus;
use postern::engine::{Duplicates, LaneHandler, LaneSettings, Recents, Shared, Stats};
use postern::find::{Find, Profile, Settings};
use postern::grants::{self, Grants};
use postern::journal::storage::FileStorage;
use postern::journal::{Journal, Options};
use postern::keys::PrivateKey;
use postern::lane::{ClientIdentity, Frame, Handler as _, IdentifiedBy};
use postern::screening::{Ages, Lookup, Mode, Policy, Screener};
use postern_formats::mrz::check_digit;
use postern_mrz::MrzAdapter;
use postern_sdk::{Context, Database, Environment, LinkOptions, Personal, View};
use tokio::runtime::{Builder, Runtime};
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use tap::Interpol;

/// Before anything is measured: connections are made, and memory is had.
const WARM_UP: Duration = Duration::from_secs(2);
const TARGET_P50_US: f64 = 300.0;
const TARGET_P99_US: f64 = 1_000.0;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |place: usize, default: f64| {
        arguments.get(place).map_or(default, |text| text.parse().expect("a number"))
    };
    let (length, rate) = (Duration::from_secs_f64(number(0, 20.0)), number(1, 1_000.0));
    let _metrics = Prometheus::install();
    println!("{rate:.0} questions a second for {} s; times in µs, p50 and p99", length.as_secs_f64());
    println!(
        "{:>8} {:>10} {:>15} {:>15} {:>15} {:>9} {:>9}",
        "journal", "answered/s", "whole trip", "INTERPOL", "the rest", "sync", "records"
    );
    let own = measure("memory", Path::new("/dev/shm"), length, rate);
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let beside = measure("disk", &target, length, rate);
    println!(
        "the commit: {:.0} at p50, {:.0} at p99 (the rest, disk beyond memory)",
        beside.0 - own.0,
        beside.1 - own.1
    );
    let met = |is: f64, target: f64| if is < target { "met" } else { "missed" };
    println!(
        "own share: p50 {:.0} (< {TARGET_P50_US:.0}: {}), p99 {:.0} (< {TARGET_P99_US:.0}: {})",
        own.0,
        met(own.0, TARGET_P50_US),
        own.1,
        met(own.1, TARGET_P99_US)
    );
}

/// One row; gives p50 and p99 of what is left without INTERPOL's time.
fn measure(name: &str, folder: &Path, length: Duration, rate: f64) -> (f64, f64) {
    let folder = tempfile::tempdir_in(folder).expect("a folder that can be written to");
    let interpol = Interpol::start();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let journal = journal(folder.path());
    let handler = runtime.block_on(async { handler(&interpol, journal.clone()) });
    load(&runtime, &handler, WARM_UP, rate, 0);
    let _warm = interpol.take();
    let before = journal.stats();
    let begun = Instant::now();
    let trips = load(&runtime, &handler, length, rate, 1_000_000);
    let answered = trips.len() as f64 / begun.elapsed().as_secs_f64();
    let after = journal.stats();
    let times = interpol.take();
    let rows = trips.iter().map(|(exchange, trip)| {
        let (first, last) = times.get(exchange).expect("FIND was asked about every question");
        (*trip, *last - *first)
    });
    let rows: Vec<(Duration, Duration)> = rows.collect();
    let whole = quantiles(rows.iter().map(|(trip, _)| *trip));
    let interpol_took = quantiles(rows.iter().map(|(_, interpol)| *interpol));
    let rest = quantiles(rows.iter().map(|(trip, interpol)| trip.saturating_sub(*interpol)));
    let groups = (after.groups - before.groups).max(1) as f64;
    let pair = |(p50, p99): (f64, f64)| format!("{p50:>7.0} {p99:>7.0}");
    println!(
        "{name:>8} {answered:>10.0} {:>15} {:>15} {:>15} {:>9.0} {:>9.1}",
        pair(whole),
        pair(interpol_took),
        pair(rest),
        (after.total_sync_us - before.total_sync_us) as f64 / groups,
        (after.records - before.records) as f64 / groups,
    );
    rest
}

/// p50 and p99, in µs.
fn quantiles(times: impl Iterator<Item = Duration>) -> (f64, f64) {
    let mut times: Vec<f64> = times.map(|time| time.as_secs_f64() * 1e6).collect();
    assert!(!times.is_empty(), "FIND answered nothing: the machine is too busy");
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    (at(50), at(99))
}

/// Hands over frames at the rate, each when its turn has come, and gives the time of every trip whose question FIND answered.
fn load(
    runtime: &Runtime,
    handler: &LaneHandler,
    length: Duration,
    rate: f64,
    from: u32,
) -> Vec<(Uuid, Duration)> {
    let trips = Arc::new(Mutex::new(Vec::new()));
    let client = Arc::new(ClientIdentity::new("gates", IdentifiedBy::Lane));
    // The clock of the load does not wait for Postern's threads.
    let clock = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let tasks = clock.block_on(async {
        let mut turns = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
        turns.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut tasks = Vec::new();
        for number in 0..(length.as_secs_f64() * rate) as u32 {
            turns.tick().await;
            let frame = frame(&client, from + number);
            tasks.push(runtime.spawn(trip(handler.clone(), frame, Arc::clone(&trips))));
        }
        tasks
    });
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("a trip that ends");
        }
    });
    std::mem::take(&mut *trips.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn trip(handler: LaneHandler, frame: Frame, trips: Arc<Mutex<Vec<(Uuid, Duration)>>>) {
    let received = frame.received;
    let handled = handler.handle(frame).await;
    let took = received.elapsed();
    let told = std::str::from_utf8(&handled.replies[0].body).unwrap_or_default();
    // On a machine that is busy otherwise FIND may not answer in time: then there is nothing to subtract.
    if told.contains(";continue;") {
        trips.lock().unwrap_or_else(PoisonError::into_inner).push((handled.receipt.0[0].0, took));
    }
}

fn frame(client: &Arc<ClientIdentity>, number: u32) -> Frame {
    Frame {
        bytes: zone(number).into(),
        client: Arc::clone(client),
        peer: ([127, 0, 0, 1], 1).into(),
        received: tokio::time::Instant::now(),
        sender_id: None,
        link: 1,
        number: u64::from(number) + 1,
    }
}

/// The zone of a passport that is on no record.
fn zone(i: u32) -> String {
    let digit = |field: &str| check_digit(field.as_bytes()).map_or('<', char::from);
    let (number, birth, expiry) = (format!("{}X{:07}", i % 10, i), "740812", "320415");
    let optional = "<".repeat(14);
    let [n, b, e, o] = [&number, birth, expiry, &optional].map(digit);
    let composite = digit(&format!("{number}{n}{birth}{b}{expiry}{e}{optional}{o}"));
    format!(
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<{number}{n}UTO{birth}{b}F{expiry}{e}{optional}{o}{composite}"
    )
}

/// A lane's handler as the daemon makes it, with FIND alone.
fn handler(interpol: &Interpol, journal: Journal) -> LaneHandler {
    let clock = Clock::system();
    let find = Find::new(settings(interpol), Arc::new(Profile::built_in()), clock.clone());
    let find: Arc<dyn Lookup> = find.expect("settings that can be used");
    let (late, _) = tokio::sync::mpsc::channel(1_024);
    let shared = Shared {
        screener: Screener::new(Some(find), None, clock.clone(), late),
        grants: arc_swap::ArcSwap::from_pointee(grants(&clock)),
        clock,
        journal,
        duplicates: Duplicates::new(SignedDuration::from_mins(5), 100_000),
        recents: Recents::default(),
        stats: Stats::default(),
    };
    let policy = Policy {
        name: "online".to_owned(),
        databases: [(Database::Sltd, Mode::Find), (Database::Tdawn, Mode::Find)].into(),
        find_timeout: Duration::from_secs(5),
        hedge_limit: Duration::from_millis(600),
        ages: Ages::default(),
        recheck_permille: 0,
    };
    let text = |text: &str| Some(text.to_owned());
    let settings = LaneSettings {
        name: "gates".to_owned(),
        adapter: Arc::new(MrzAdapter),
        options: LinkOptions::default(),
        policy: Arc::new(policy),
        deadline: Duration::from_secs(5),
        commit_budget: Duration::from_millis(250),
        view: View::Gate,
        context: Context {
            agency: text("Border Guard"),
            end_user: Some("e-gate".into()),
            site: text("ZZA"),
            purpose: text("border_control"),
            environment: Environment::Training,
            ..Context::default()
        },
        subjects_max: 100,
    };
    LaneHandler::new(Arc::new(shared), settings)
}

fn settings(interpol: &Interpol) -> Settings {
    let options = format!(
        "base_url = \"http://{}\"\nusername = \"bench\"\npassword_file = \"unused\"\n",
        interpol.address
    );
    Settings {
        options: toml::from_str(&options).expect("options"),
        country: "UTO".parse().expect("a country"),
        environment: Environment::Training,
        password: Personal::from("simulated"),
    }
}

fn grants(clock: &Clock) -> Grants {
    let key = PrivateKey::generate().expect("randomness");
    let now = clock.now();
    let expires = now + SignedDuration::from_hours(24);
    let document = format!(
        "format = 1\nnumber = 1\nenvironment = \"training\"\nissuer = \"bench\"\nissued_at = \"{now:.0}\"\n\
         expires_at = \"{expires:.0}\"\n[[grant]]\nclient = \"gates\"\ndatabases = [\"sltd\", \"tdawn\"]\n\
         sites = \"*\"\npurposes = \"*\"\n"
    );
    let (signed, environment) = grants::sign(&document, &key).expect("a document");
    Grants::verify(&signed, &key.public(), environment).expect("a signature")
}

fn journal(folder: &Path) -> Journal {
    let options = Options::new(1, Uuid::from_u128(7));
    let storage = Arc::new(FileStorage::at(folder));
    Journal::open(storage, &options, |_| {}).expect("an empty folder").0
}
