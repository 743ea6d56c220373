//! The country's own records, by the built binary: single commands, the notes that a daemon journals, the suppression in a
//! copy, and lists that are killed in the middle.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use postern::clock::Clock;
use postern::engine::record::{Section, section};
use postern::journal::storage::FileStorage;
use postern::journal::{Kind, Reader};
use postern::keys::PrivateKey;
use postern::mind::COLUMNS;
use postern::wisdm::Note;
use serde_json::Value;

use crate::client::{self, screen};
use crate::world::{Daemon, Interpol, POSTERN, Setup, World, postern, told, until};

/// Rows of the list, and at full length.
const ROWS: usize = 2_000;
const ROWS_LONG: usize = 100_000;
/// Rows that are waited for at once; both of the lists' places of the blows are a multiple of it.
const STEP: usize = 500;
/// Requests at once.
const CONCURRENCY: usize = 8;

fn configured() -> (World, Interpol) {
    let world = World::new();
    let interpol = Interpol::of(&world);
    world.configure(&Setup { find: Some(interpol.address()), ..Setup::default() });
    (world, interpol)
}

/// The arguments of a command of the world's.
fn arguments(world: &World, rest: &[&str]) -> Vec<String> {
    let config = world.path("postern.toml").display().to_string();
    let begin = ["wisdm", "--config", &config, "--end-user", "clerk", "--json"];
    begin.iter().chain(rest).map(ToString::to_string).collect()
}

#[track_caller]
fn run(world: &World, exit: i32, rest: &[&str]) -> Value {
    let (code, out, err) = told(&postern(arguments(world, rest)));
    assert_eq!(code, Some(exit), "{rest:?}: {out}{err}");
    serde_json::from_str(out.lines().last().unwrap_or("null")).unwrap_or_default()
}

const PASSPORT: [&str; 8] = ["--type", "PAS", "--loss", "stolen", "--country", "FRA", "--date", "2025-11-30"];

fn document<'a>(verb: &'a str, number: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[verb, number], &PASSPORT[..], more].concat()
}

fn notes(world: &World) -> Vec<Note> {
    let storage = Arc::new(FileStorage::at(&world.path("journal")));
    let records = Reader::new(storage).unwrap().map(|read| read.unwrap().unwrap());
    let administrative = records.filter(|record| record.kind == Kind::Administrative);
    administrative
        .filter_map(|record| serde_json::from_slice(section(&record.body, Section::Managed)?).ok())
        .collect()
}

// Proves the commands one after the other: rules before anything is sent, objections by name, changes by the id of a search,
// and that a daemon beside them writes each change down, before and after it was asked.
#[test]
fn commands_and_their_notes() {
    let (world, interpol) = configured();
    let setup = Setup { find: Some(interpol.address()), ..Setup::default() };
    let daemon = world.start(&setup);
    let refused = run(&world, 1, &document("report", "X-1", &[]));
    assert_eq!(refused["rules"], serde_json::json!(["number_invalid"]));
    let reported = run(&world, 0, &document("report", "x-123 4567", &[]));
    let id = reported["id"].as_str().unwrap().to_owned();
    assert_eq!(run(&world, 1, &document("report", "X1234567", &[]))["code"], "number_already_present");
    assert_eq!(run(&world, 0, &document("update", "X1234567", &["--info", "from a car"]))["id"], id.as_str());
    let lost = ["update", "X1234567", "--type", "PAS", "--loss", "lost", "--country", "FRA"];
    assert_eq!(run(&world, 1, &lost)["rules"], serde_json::json!(["loss_changed"]));
    let far = ["retention", "X1234567", "--until", "2999-01-01", "--reason", "purpose_not_achieved"];
    assert_eq!(run(&world, 1, &far)["rules"], serde_json::json!(["keep_until_exceeds_period"]));
    let shown = run(&world, 0, &["retrieve", "X1234567"]);
    assert_eq!((&shown["info"], &shown["loss"]), (&"from a car".into(), &"stolen".into()));
    assert_eq!(run(&world, 0, &["statistics"])["total"], 1);
    assert_eq!(run(&world, 0, &["actions"])["actions"].as_array().unwrap().len(), 2);
    assert_eq!(run(&world, 0, &["withdraw", "X1234567"])["outcome"], "withdrawn");
    assert_eq!(run(&world, 1, &["withdraw", "X1234567"])["code"], "not_found");
    let folder = world.path("journal/wisdm-notes");
    until("the notes to be written down", || fs::read_dir(&folder).ok()?.next().is_none().then_some(()));
    assert!(daemon.stop().success());
    let noted: Vec<_> =
        notes(&world).into_iter().map(|note| (note.operation, note.outcome, note.records)).collect();
    let done = Some("done".to_owned());
    let (none, one) = (Vec::new(), vec![id]);
    let expected = [
        ("report", None, &none),
        ("report", done.clone(), &none),
        ("report", None, &none),
        ("report", Some("number_already_present".to_owned()), &none),
        ("update", None, &one),
        ("update", done.clone(), &one),
        ("withdraw", None, &one),
        ("withdraw", done, &one),
    ];
    assert_eq!(
        noted,
        expected.map(|(operation, outcome, records)| (operation.to_owned(), outcome, records.clone()))
    );
}

// Proves that a removal shows its count and removes nothing without the text that names it, neither typed by nobody nor wrong.
#[test]
fn removals_want_their_count() {
    let (world, interpol) = configured();
    let list = write_list(&world, 5);
    run(&world, 0, &["bulk", &list.display().to_string()]);
    assert_eq!(run(&world, 0, &["init", "start"])["total"], 5);
    let again = world.path("again.csv");
    fs::write(&again, fs::read_to_string(&list).unwrap().lines().take(3).collect::<Vec<_>>().join("\n"))
        .unwrap();
    run(&world, 0, &["bulk", &again.display().to_string()]);
    let progress = format!("{}.progress", again.display());
    let finalize = ["init", "finalize", "--progress", &progress];
    assert_eq!(run(&world, 64, &finalize)["code"], "not_confirmed");
    let wrong = [&finalize[..], &["--confirm", "remove 5 records"]].concat();
    assert_eq!(run(&world, 64, &wrong)["code"], "not_confirmed");
    assert_eq!(interpol.managed(), 5);
    let right = [&finalize[..], &["--confirm", "remove 3 records"]].concat();
    assert_eq!(run(&world, 0, &right)["count"], 3);
    assert_eq!(interpol.managed(), 2);
    assert_eq!(run(&world, 64, &["init", "clear"])["code"], "not_confirmed");
    assert_eq!(run(&world, 0, &["init", "clear", "--confirm", "clear 2 records"])["count"], 2);
    assert_eq!(interpol.managed(), 0);
}

// Proves that nothing of a list is sent while a row is faulty, unless that is wanted, and that faults are told by line and
// without content.
#[test]
fn lists_are_checked_whole() {
    let (world, interpol) = configured();
    let list = write_list(&world, 3);
    fs::write(&list, fs::read_to_string(&list).unwrap() + "X-1,PAS,stolen,FRA,\n").unwrap();
    let list = list.display().to_string();
    let checked = run(&world, 1, &["bulk", &list]);
    assert_eq!(checked["faults"], serde_json::json!([{ "line": 5, "rules": ["number_invalid"] }]));
    assert_eq!(interpol.managed(), 0);
    let sent = run(&world, 1, &["bulk", &list, "--skip-faulty"]);
    assert_eq!((&sent["reported"], &sent["faulty"]), (&3.into(), &1.into()));
    assert_eq!(interpol.managed(), 3);
}

fn write_list(world: &World, rows: usize) -> PathBuf {
    let path = world.path("list.csv");
    let mut file = BufWriter::new(File::create(&path).unwrap());
    writeln!(file, "number,type,loss,country,date").unwrap();
    for row in 0..rows {
        writeln!(file, "B{row:07},PAS,stolen,FRA,2025-11-30").unwrap();
    }
    file.flush().unwrap();
    path
}

/// Starts a list.
fn begin(world: &World, list: &Path) -> Child {
    let concurrency = CONCURRENCY.to_string();
    let arguments = arguments(world, &["bulk", &list.display().to_string(), "--concurrency", &concurrency]);
    let null = Stdio::null;
    Command::new(POSTERN).args(arguments).stdin(null()).stdout(null()).stderr(null()).spawn().unwrap()
}

// Proves that a list that is killed in the middle, twice, and resumed, has each document at INTERPOL once, and asks at most
// those twice that were under way.
#[test]
fn killed_lists_go_on() {
    let rows = if std::env::var_os("POSTERN_LONG").is_some() { ROWS_LONG } else { ROWS };
    let (world, interpol) = configured();
    let list = write_list(&world, rows);
    for kill_at in [rows / 4, rows / 2] {
        let mut child = begin(&world, &list);
        // Patience is for each step of the way: the whole of it takes minutes on a loaded machine.
        for step in (0..=kill_at).step_by(STEP) {
            until("a part of the list", || (interpol.managed() >= step).then_some(()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(interpol.managed() < rows, "the list was done before the blow");
    }
    let concurrency = CONCURRENCY.to_string();
    let list = list.display().to_string();
    let ended = run(&world, 0, &["bulk", &list, "--concurrency", &concurrency]);
    let count = |name: &str| usize::try_from(ended[name].as_u64().unwrap()).unwrap();
    assert_eq!((count("reported") + count("present"), count("open"), interpol.managed()), (rows, 0, rows));
    let asked: u64 = interpol
        .counts()
        .iter()
        .filter(|(key, _)| key.starts_with("wisdm/create_or_update/"))
        .map(|(_, count)| count)
        .sum();
    let asked = usize::try_from(asked).unwrap();
    assert!((rows..=rows + 2 * CONCURRENCY).contains(&asked), "{asked} requests for {rows} rows");
    // Once more, and nothing is asked.
    run(&world, 0, &["bulk", &list]);
    assert_eq!(interpol.counts()["wisdm/create_or_update/NO_ERROR"] as usize, rows);
}

fn verdict(daemon: &Daemon, number: &str) -> String {
    let asked = screen(daemon.lane("booths"), None, &client::document(number, "UTO", "PAS")).unwrap().json();
    asked["outcomes"][0]["verdict"].as_str().unwrap_or_default().to_owned()
}

// Proves that a withdrawal with --suppress makes a copy that holds the record hit no longer, ahead of its next change.
#[test]
fn withdrawals_suppress_in_copies() {
    let (world, interpol) = configured();
    let reported = run(&world, 0, &document("report", "X7654321", &[]));
    let id = reported["id"].as_str().unwrap();
    let changes = format!(
        "change,{}\nupsert,sltd,X7654321,UTO,PAS,STL,2025-11-30,FRA,,2031-01-01,{id}\n",
        COLUMNS.join(",")
    );
    let now = Clock::system().now();
    world.publisher().changes(changes.as_bytes(), 8, now, now).unwrap();
    let key = PrivateKey::generate().unwrap();
    key.write(&world.path("country.key")).unwrap();
    key.public().write(&world.path("country.pub")).unwrap();
    let find = Some(interpol.address());
    let daemon = world.start(&Setup { find, mind: "country_key_file = \"country.pub\"", ..Setup::default() });
    assert_eq!(verdict(&daemon, "X7654321"), "hit");
    let path = |name| world.path(name).display().to_string();
    let (key, folder, root, site_key) =
        (path("country.key"), path("mind"), path("root.json"), path("site.key"));
    let place = ["--suppress", "--key", &key, "--folder", &folder, "--root", &root, "--site-key", &site_key];
    let withdrawn = run(&world, 0, &[&["withdraw", "X7654321"][..], &place].concat());
    assert_eq!(withdrawn["suppressed"], true);
    until("the copy to follow", || (verdict(&daemon, "X7654321") != "hit").then_some(()));
    assert!(daemon.stop().success());
}

// Proves reports and withdrawals from a lane: by a client whose grant has them for the database and by nobody else, rules and
// objections by name, and each in the journal before it is asked and before it is told.
#[test]
fn documents_from_a_lane() {
    let (world, interpol) = configured();
    let daemon = world.start(&Setup { find: Some(interpol.address()), ..Setup::default() });
    let post = |path: &str, document: Value| {
        let body =
            serde_json::json!({ "context": { "end_user": "clerk" }, "document": document }).to_string();
        let response = client::http(
            daemon.lane("booths"),
            "POST",
            path,
            &[("content-type", "application/json")],
            body.as_bytes(),
        )
        .unwrap();
        (response.status, response.json())
    };
    let passport = serde_json::json!({
        "number": "x-765 4321", "type": "PAS", "loss": "stolen", "country": "FRA", "date": "2025-11-30",
    });
    let mut vehicle = passport.clone();
    vehicle["type"] = "VRD".into();
    assert_eq!(post("/v1/documents", vehicle).0, 403);
    let mut lost = passport.clone();
    lost["country"] = "".into();
    let (status, refused) = post("/v1/documents", lost);
    assert_eq!((status, &refused["rules"]), (422, &serde_json::json!(["country_missing"])));
    let nobody = serde_json::json!({ "document": passport }).to_string();
    let json = [("content-type", "application/json")];
    let unnamed = client::http(daemon.lane("booths"), "POST", "/v1/documents", &json, nobody.as_bytes());
    assert_eq!(unnamed.unwrap().status, 422);
    assert_eq!(interpol.counts().keys().filter(|key| key.starts_with("wisdm/")).count(), 0);
    let (status, reported) = post("/v1/documents", passport.clone());
    assert_eq!((status, &reported["outcome"], interpol.managed()), (200, &"reported".into(), 1));
    let (status, again) = post("/v1/documents", passport);
    assert_eq!((status, &again["code"]), (409, &"number_already_present".into()));
    let (status, withdrawn) =
        post("/v1/documents/withdraw", serde_json::json!({ "number": "X7654321", "type": "PAS" }));
    assert_eq!((status, &withdrawn["id"], interpol.managed()), (200, &reported["id"], 0));
    assert!(daemon.stop().success());
    let noted: Vec<_> = notes(&world).into_iter().map(|note| (note.operation, note.outcome)).collect();
    let expected = [
        ("report", None),
        ("report", Some("done")),
        ("report", None),
        ("report", Some("number_already_present")),
        ("withdraw", None),
        ("withdraw", Some("done")),
    ];
    assert_eq!(
        noted,
        expected.map(|(operation, outcome)| (operation.to_owned(), outcome.map(str::to_owned)))
    );
}
