//! The copy of the built binary: states that come while it answers, and crashes while states are made.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postern::clock::Clock;
use postern::mind::COLUMNS;

use crate::client::{Gate, absent_zone, document, get, screen, zone};
use crate::world::{Daemon, POSTERN, Setup, World, postern, told, until};

/// The version that the world's copy has.
const FIRST: u64 = 7;
const DELTAS: u64 = 20;

/// A feed of changes: one new document, and one of the feed that is withdrawn.
fn changes(world: &World, version: u64) -> String {
    let gone = world.feed.row(version * 64 + 63);
    let (database, number, id) = (gone.database.code(), gone.number, gone.record_id);
    format!(
        "change,{}\nupsert,sltd,{},UTO,PAS,STL,2026-01-02,UTO,,2036-01-02,new{version}\nwithdraw,{database},{number},,,,,,,,{id}\n",
        COLUMNS.join(","),
        fresh(version)
    )
}

/// The number of the document that a version brings.
fn fresh(version: u64) -> String {
    format!("NEW{version:06}")
}

fn base_files(world: &World, version: u64) -> [PathBuf; 4] {
    ["table.bin", "table.tree", "ids.bin", "ids.tree"]
        .map(|name| world.path(&format!("mind/documents/{version:012}/{name}")))
}

/// Publishes the next version; a site has its delta alone.
fn publish(world: &World, version: u64) {
    let now = Clock::system().now();
    world.publisher().changes(changes(world, version).as_bytes(), version, now, now).unwrap();
}

fn metric(daemon: &Daemon, name: &str) -> Option<f64> {
    let text = get(daemon.console(), "/metrics").ok()?.text();
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn verdict(daemon: &Daemon, number: &str) -> String {
    let asked = screen(daemon.lane("booths"), None, &document(number, "UTO", "PAS")).unwrap().json();
    asked["outcomes"][0]["verdict"].as_str().unwrap_or_default().to_owned()
}

// Proves that a daemon under load takes twenty deltas and a fold: no look-up fails, a planted document hits and an absent
// one is no record throughout, and each change is visible at the version that it names.
#[test]
fn deltas_and_a_fold_under_load() {
    let world = World::new();
    let daemon = world.start(&Setup { mind: "fold_changes = 30", ..Setup::default() });
    let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let planted = world.feed.row(63);
    let stolen = zone(&planted.number, planted.issuer.as_str(), "STOLEN<<DOCUMENT");
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for gate in 0..2 {
            let (daemon, stop, answered, stolen) = (&daemon, &stop, &answered, &stolen);
            scope.spawn(move || {
                let mut lane = Gate::connect(daemon.lane("egates")).unwrap();
                while !stop.load(Ordering::Relaxed) {
                    let n = answered.fetch_add(1, Ordering::Relaxed);
                    let (asked, expected) = if n.is_multiple_of(4) {
                        (stolen.clone(), "refer")
                    } else {
                        (absent_zone(n), "continue")
                    };
                    let reply = lane.ask(&format!("g{gate}-{n}"), &asked).unwrap();
                    assert!(reply.contains(expected), "{reply}");
                }
            });
        }
        for version in FIRST + 1..=FIRST + DELTAS {
            assert_eq!(verdict(&daemon, &fresh(version)), "no_record");
            publish(&world, version);
            until("the version", || {
                (metric(&daemon, "postern_copy_version")? >= version as f64).then_some(())
            });
            assert_eq!(verdict(&daemon, &fresh(version)), "hit");
            let gone = world.feed.row(version * 64 + 63);
            assert_ne!(verdict(&daemon, &gone.number), "hit");
        }
        until("the fold", || (metric(&daemon, "postern_copy_folds_total")? >= 1.0).then_some(()));
        assert_eq!(verdict(&daemon, &fresh(FIRST + 1)), "hit");
    });
    assert!(answered.load(Ordering::Relaxed) > 1_000);
    assert_eq!(metric(&daemon, "postern_copy_refused_total"), None);
}

/// Ends the load whatever happens to the test.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A command on the world's copy that changes it.
fn act(world: &World, words: &str) -> Command {
    let mut command = Command::new(POSTERN);
    let path = |word: &str| match word.strip_prefix('@') {
        Some(name) => world.path(name).into_os_string(),
        None => word.into(),
    };
    command.args(words.split_whitespace().map(path));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Runs a command and kills it after a while, unless it is done before. Whether it was done.
#[allow(clippy::disallowed_methods, reason = "the kill is to come at any moment")]
fn kill_after(mut command: Command, patience: Duration) -> bool {
    let mut child = command.spawn().unwrap();
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        if began.elapsed() >= patience {
            child.kill().unwrap();
            child.wait().unwrap();
            return false;
        }
        thread::sleep(Duration::from_micros(200));
    }
}

fn versions(world: &World) -> Vec<u64> {
    let names = fs::read_dir(world.path("mind/documents")).unwrap();
    let mut versions: Vec<u64> =
        names.filter_map(|name| name.unwrap().file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable();
    versions
}

// Proves, kill after kill of builds, changes, folds and states that are taken in, that the copy opens in the old or in the
// new state, every byte of it verified, and that the next command goes on from there.
#[test]
fn kills_leave_the_old_or_the_new_state() {
    let rounds = if std::env::var_os("POSTERN_LONG").is_some() { 200 } else { 8 };
    let world = World::new();
    let opened = "--root @root.json --site-key @site.key";
    let now = Clock::system().now();
    let (mut done, mut next) = (0_u64, FIRST + 1);
    for round in 0..rounds {
        let newest = *versions(&world).last().unwrap();
        world.write("changes.csv", &changes(&world, next));
        let words = match round % 4 {
            0 => format!(
                "mind build --csv @changes.csv --changes --out @mind --number {next} --key @publisher.key {opened} \
                 --as-of {now} --environment training"
            ),
            1 => {
                // Only a state without a base of its own can be folded.
                if world.path(&format!("mind/documents/{newest:012}/delta.bin")).exists()
                    && versions(&world).len() > 1
                {
                    base_files(&world, newest).iter().for_each(|file| drop(fs::remove_file(file)));
                }
                format!("mind fold @mind {opened}")
            }
            2 => format!(
                "mind build --csv @feed.csv --out @mind --number {next} --key @publisher.key --to @site.pub --as-of {now} \
                 --environment training"
            ),
            _ => {
                carry(&world, newest);
                format!("mind apply @mind @carried {opened}")
            }
        };
        // From at once to about as long as the command takes.
        let patience = Duration::from_millis((round * 37 % 100) as u64 * 8);
        done += u64::from(kill_after(act(&world, &words), patience));
        let verified = postern([
            "mind".as_ref(),
            "verify".as_ref(),
            world.path("mind").as_os_str(),
            "--root".as_ref(),
            world.path("root.json").as_os_str(),
            "--site-key".as_ref(),
            world.path("site.key").as_os_str(),
        ]);
        assert_eq!(told(&verified).0, Some(0), "round {round}, {words}: {:?}", told(&verified));
        next = versions(&world).last().unwrap() + 1;
    }
    assert!(rounds < 100 || done > 0, "every command was killed before it was done");
}

/// Moves the newest state aside, to be taken in again, if there is one before it.
fn carry(world: &World, newest: u64) {
    let (state, carried) = (world.path(&format!("mind/documents/{newest:012}")), world.path("carried"));
    if carried.exists() {
        fs::remove_dir_all(&carried).unwrap();
    }
    copy_folder(&state, &carried);
    if versions(world).len() > 1 {
        fs::remove_dir_all(&state).unwrap();
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let mut content = File::open(&path).unwrap();
        std::io::copy(&mut content, &mut File::create(to.join(path.file_name().unwrap())).unwrap()).unwrap();
    }
}
