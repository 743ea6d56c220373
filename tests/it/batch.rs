//! Lists of questions that a daemon works off, handed over by the built binary.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use postern::batch::{BatchRecord, row_reference};
use postern::engine::record::Recorded;
use postern::journal::storage::FileStorage;
use postern::journal::{Kind, Reader, Record};
use postern::sim::{DocumentRecord, Faults, Outage};
use postern_sdk::{Database, DocumentNumber, DocumentType, State};
use serde_json::Value;
use uuid::Uuid;

use crate::client::{absent, get};
use crate::world::{Daemon, Interpol, Setup, World, postern, told, until};

const ROWS: u64 = 2_000;
/// Rows that can't be read: the first of each so many.
const FAULTY_EVERY: u64 = 500;
/// Rows that are asked at once.
const UNDER_WAY: u64 = 8;
/// Rows whose document INTERPOL has on record.
const PLANTED: [u64; 5] = [3, 777, 1_024, 1_501, 1_999];
/// The line of the first row, behind the names of the columns.
const FIRST_LINE: u64 = 2;

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

fn setup(interpol: &Interpol, rate_per_s: u32) -> Setup {
    Setup {
        find: Some(interpol.address()),
        mode: "find",
        instance: "\ncontrol_socket = \"run/control\"",
        more: format!(
            "[batch]\nfolder = \"lists\"\nrate_per_s_max = {rate_per_s}\nconcurrency_max = {UNDER_WAY}\n"
        ),
        ..Setup::default()
    }
}

fn batch(world: &World, arguments: &[&str]) -> (Option<i32>, String, String) {
    let config = world.path("postern.toml");
    told(&postern(["batch", "--config", config.to_str().unwrap()].iter().chain(arguments)))
}

/// Hands a file over and gives the batch's id.
fn submit(world: &World, file: &str, policy: &str, more: &[&str]) -> Uuid {
    let path = world.path(file);
    let arguments = [
        "submit",
        path.to_str().unwrap(),
        "--client",
        "booths",
        "--policy",
        policy,
        "--purpose",
        "border_control",
        "--agency",
        "Visa Office",
        "--end-user",
        "desk-2",
        "--site",
        "ZZA-T1",
    ];
    let (code, out, err) = batch(world, &[&arguments, more].concat());
    assert_eq!(code, Some(0), "{out}{err}");
    out.trim().parse().unwrap()
}

fn status(daemon: &Daemon, id: Uuid) -> Value {
    let status = get(daemon.console(), "/api/status").unwrap().json();
    let batches = status["batches"].as_array().unwrap();
    batches.iter().find(|batch| batch["id"] == id.to_string()).unwrap().clone()
}

/// Waits for an end, however long it takes, as long as rows get their result.
fn ended(daemon: &Daemon, id: Uuid) -> Value {
    let is_final = |batch: &Value| ["done", "cancelled"].contains(&batch["state"].as_str().unwrap());
    let done = |batch: &Value| batch["screened"].as_u64().unwrap() + batch["refused"].as_u64().unwrap();
    let mut last = status(daemon, id);
    while !is_final(&last) {
        let before = done(&last);
        last = until("rows to get their result", || {
            Some(status(daemon, id)).filter(|now| is_final(now) || done(now) > before)
        });
    }
    last
}

/// The results by line.
fn results(world: &World, id: Uuid) -> BTreeMap<u64, Value> {
    let (code, out, err) = batch(world, &["results", &id.to_string()]);
    assert_eq!(code, Some(0), "{err}");
    let rows = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let by_line: BTreeMap<u64, Value> = rows.map(|row| (row["line"].as_u64().unwrap(), row)).collect();
    assert_eq!(by_line.len(), out.lines().count(), "each line once");
    by_line
}

fn passports() -> String {
    let mut file = "id,number,issuer,type\n".to_owned();
    for n in 0..ROWS {
        let number = if n % FAULTY_EVERY == 0 { "?!".to_owned() } else { absent(n) };
        writeln!(file, "row-{n},{number},D,PAS").unwrap();
    }
    file
}

fn searches(interpol: &Interpol) -> u64 {
    let counts = interpol.counts();
    counts.iter().filter(|(key, _)| key.contains("/search/")).map(|(_, count)| count).sum()
}

fn records(world: &World) -> Vec<Record> {
    let storage = Arc::new(FileStorage::at(&world.path("journal")));
    Reader::new(storage).unwrap().map(|read| read.unwrap().unwrap()).collect()
}

// Proves that a list is worked off to the last row although the daemon is killed in the midst of it: each row has one result,
// each planted record is found, rows that can't be read are refused by line, FIND was asked a second time about what was under
// way at most, and that under the same reference as a further attempt.
#[test]
fn a_kill_repeats_what_was_under_way() {
    let world = World::new();
    let interpol = Interpol::with(&world, PLANTED.map(record));
    interpol.behave(Faults { latency_ms: 20, ..Faults::default() });
    let setup = setup(&interpol, 500);
    let daemon = world.start(&setup);
    world.write("passports.csv", &passports());
    let id = submit(&world, "passports.csv", "documents", &[]);
    std::fs::remove_file(world.path("passports.csv")).unwrap();
    until("a part of the rows", || status(&daemon, id)["screened"].as_u64().filter(|rows| *rows >= 300));
    daemon.kill();
    let before = searches(&interpol);
    assert!(before < ROWS, "{before}");

    let daemon = world.start(&setup);
    let (code, out, err) = batch(&world, &["status", &id.to_string(), "--follow"]);
    assert!(code == Some(0) && out.contains("done; 2000 of 2000 rows, 5 with hits, 4 refused"), "{out}{err}");
    let faulty = ROWS / FAULTY_EVERY;
    let asked = searches(&interpol);
    assert!((ROWS - faulty..=ROWS - faulty + UNDER_WAY).contains(&asked), "{asked}");
    the_results_are_right(&world, id);
    let metrics = get(daemon.console(), "/metrics").unwrap().text();
    assert!(metrics.contains("postern_batch_rows_left 0\n"), "{metrics}");
    assert!(!daemon.log().contains(&absent(3)) && !metrics.contains(&absent(3)));
    assert!(daemon.stop().success());
    assert!(world.path(&format!("lists/done/{id}.csv")).exists());
    the_journal_agrees(&world, id);
}

fn the_results_are_right(world: &World, id: Uuid) {
    let results = results(world, id);
    assert_eq!(results.len() as u64, ROWS);
    for n in 0..ROWS {
        let row = &results[&(n + FIRST_LINE)];
        if n % FAULTY_EVERY == 0 {
            assert_eq!((&row["result"], &row["field"]), (&"refused".into(), &"number".into()), "{row}");
            assert_eq!((&row["code"], &row["id"]), (&"identifier_empty".into(), &format!("row-{n}").into()));
            continue;
        }
        let answer = &row["answer"];
        assert_eq!(answer["id"], format!("row-{n}"));
        assert_eq!(answer["reference"], row_reference(id, n + FIRST_LINE).to_string());
        let verdict = if PLANTED.contains(&n) { "hit" } else { "no_record" };
        assert_eq!(answer["outcomes"][0]["verdict"], verdict, "{row}");
    }
    let (code, csv, err) = batch(world, &["results", &id.to_string(), "--csv"]);
    assert_eq!((code, csv.lines().count() as u64), (Some(0), ROWS + 1), "{err}");
    let planted = csv.lines().find(|line| line.starts_with("5,")).unwrap();
    assert!(planted.starts_with("5,row-3,screened,0,travel_document,refer,hit,true,"), "{planted}");
    assert!(planted.contains("sltd=hits tdawn=no_record"), "{planted}");
}

fn the_journal_agrees(world: &World, id: Uuid) {
    let records = records(world);
    let (mut screened, mut repeated) = (BTreeSet::new(), BTreeSet::new());
    for record in &records {
        match BatchRecord::read(&record.body) {
            Some(BatchRecord::Begun(row)) => {
                assert_eq!(record.kind, Kind::Inbox);
                assert_eq!(record.matter, row_reference(id, row.line).0);
                if row.attempt > 1 {
                    repeated.insert(row.line);
                }
            }
            Some(BatchRecord::Answered { row, .. }) if record.kind == Kind::Screening => {
                assert!(screened.insert(row.line), "line {} was screened twice", row.line);
                assert_eq!(Recorded::read(&record.body).unwrap().trip.reference.0, record.matter);
            }
            _ => {}
        }
    }
    assert_eq!(screened.len() as u64, ROWS - ROWS / FAULTY_EVERY);
    assert!((1..=UNDER_WAY).contains(&(repeated.len() as u64)), "{repeated:?}");
}

// Proves that a cancelled list is asked no further, also by the next daemon, that what it had is told, and that what was not
// asked is called so.
#[test]
fn a_cancelled_list_ends() {
    let world = World::new();
    let interpol = Interpol::of(&world);
    let setup = setup(&interpol, 200);
    let daemon = world.start(&setup);
    world.write("passports.csv", &passports());
    let id = submit(&world, "passports.csv", "documents", &["--rate", "50"]);
    let running = until("some rows and a rate", || {
        Some(status(&daemon, id)).filter(|now| now["screened"].as_u64() >= Some(20) && now["left_s"].is_u64())
    });
    assert_eq!(running["state"], "running");
    let rate = running["rate_per_s"].as_f64().unwrap();
    assert!(rate <= 60.0, "no faster than its own rate: {rate}");
    let (code, _, err) = batch(&world, &["cancel", &id.to_string()]);
    assert_eq!(code, Some(0), "{err}");
    let cancelled = ended(&daemon, id);
    assert_eq!(cancelled["state"], "cancelled");
    let asked = searches(&interpol);
    let (code, _, err) = batch(&world, &["cancel", &id.to_string()]);
    assert!(code == Some(64) && err.contains("batch_ended"), "{err}");
    let (code, out, _) = batch(&world, &["status", &id.to_string(), "--follow"]);
    assert!(code == Some(1) && out.contains(": cancelled; "), "{out}");
    daemon.kill();

    let daemon = world.start(&setup);
    assert_eq!(status(&daemon, id)["state"], "cancelled");
    let results = results(&world, id);
    let of = |result: &str| results.values().filter(|row| row["result"] == result).count() as u64;
    assert_eq!(of("screened") + of("refused") + of("not_asked"), ROWS);
    assert_eq!((of("screened"), searches(&interpol)), (asked, asked));
    let (code, csv, _) = batch(&world, &["results", &id.to_string(), "--csv"]);
    assert!(code == Some(0) && csv.contains("2001,,not_asked,,,refer,"), "{code:?}");
}

// Proves that lists of several kinds are asked as they should be, by JSON lines and by columns; that a list waits while FIND
// rests and loses nothing by it; and that what can't be a list is refused with its reason.
#[test]
fn lists_of_every_kind() {
    let world = World::new();
    let interpol = Interpol::with(&world, PLANTED.map(record));
    let mut setup = setup(&interpol, 200);
    setup.more = setup.more.replace("[batch]\n", "[batch]\nrow_bytes_max = 400\nfile_mib_max = 1\n");
    let daemon = world.start(&setup);
    let held = |order: &str| {
        let config = world.path("postern.toml");
        let by =
            ["find", "--config", config.to_str().unwrap(), order, "--service", "tdawn_sltd", "--reason", "r"];
        assert_eq!(told(&postern(by)).0, Some(0));
    };
    held("open");
    let planted = absent(PLANTED[0]);
    let long = "x".repeat(500);
    world.write(
        "list.jsonl",
        &format!(
            "\u{feff}{{\"kind\":\"travel_document\",\"number\":\"{planted}\",\"issuer\":\"D\",\"type\":\"PAS\"}}\r\n\n\
             {{\"id\":\"two\",\"subjects\":[{{\"kind\":\"vehicle\",\"plate\":\"AB 123\",\"country\":\"UTO\"}}]}}\n\
             {{\"kind\":\"travel_document\",\"number\":\"{planted}\",\"colour\":\"red\"}}\n\
             {{\"kind\":\"{long}\"}}\nnot json\n\
             {{\"kind\":\"person\",\"primary_name\":\"SPECIMEN\",\"birth\":\"soon\"}}"
        ),
    );
    let jsonl = submit(&world, "list.jsonl", "everything", &[]);
    world.write(
        "list.csv",
        &format!(
            "Number;Issuer;Type;Primary_Name;Birth;Sex;Plate\n{planted};D;PAS;SPECIMEN;1970-01-02;F;\n;D;;;;;AB123\n\
             \"{planted};D;PAS;;;;\n;;;;;;AB 123\n{planted};D\n"
        ),
    );
    let csv = submit(&world, "list.csv", "everything", &[]);
    until("the list to wait", || (status(&daemon, jsonl)["state"] == "waits_for_find").then_some(()));
    held("auto");
    ended(&daemon, jsonl);
    let found = results(&world, jsonl);
    assert_eq!(found[&1]["answer"]["outcomes"][0]["verdict"], "hit", "{found:?}");
    assert_eq!(found[&3]["answer"]["outcomes"][0]["kind"], "vehicle", "{found:?}");
    let code = |line: u64| found[&line]["code"].as_str().unwrap();
    assert_eq!(
        [code(4), code(5), code(6), code(7)],
        ["json_content", "row_too_large", "json_syntax", "date_unusable"]
    );
    assert_eq!((found.len(), &found[&7]["field"]), (6, &"birth".into()));

    ended(&daemon, csv);
    let found = results(&world, csv);
    let kinds: Vec<&str> = found[&2]["answer"]["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["travel_document", "person"]);
    let code = |line: u64| found[&line]["code"].as_str().unwrap_or("none");
    assert_eq!(
        [code(3), code(4), code(5), code(6)],
        ["csv_unused", "csv_quote", "none", "csv_fields"],
        "{found:?}"
    );
    refused(&world);
    assert!(daemon.stop().success());
}

fn refused(world: &World) {
    world.write("empty.csv", "number\n\n");
    world.write("columns.csv", "number,colour\nX,Y\n");
    world.write("nothing.csv", "issuer\nD\n");
    world.write("large.csv", &format!("number\n{}", "123456789\n".repeat(200_000)));
    let cases = [
        ("empty.csv", "documents", "booths", "no_rows"),
        ("columns.csv", "documents", "booths", "column_unknown"),
        ("nothing.csv", "documents", "booths", "no_identifier_column"),
        ("large.csv", "documents", "booths", "file_too_large"),
        ("gone.csv", "documents", "booths", "file"),
        ("list.csv", "moon", "booths", "unknown_policy"),
        ("list.csv", "documents", "stranger", "denied"),
    ];
    for (file, policy, client, code) in cases {
        let path = world.path(file);
        let arguments = [
            "submit",
            path.to_str().unwrap(),
            "--client",
            client,
            "--policy",
            policy,
            "--purpose",
            "border_control",
            "--agency",
            "A",
            "--end-user",
            "e",
            "--site",
            "ZZA-T1",
        ];
        let (exit, _, err) = batch(world, &arguments);
        assert!(exit == Some(64) && err.contains(&format!("refused: {code}")), "{file}: {err}");
    }
    let left = std::fs::read_dir(world.path("lists/in")).unwrap().count();
    assert_eq!(left, 0, "nothing is kept of what was refused");
}

// Proves that a list goes on as if nothing had been where INTERPOL was away for a while: what waits is not called checked, and
// every row has its result in the end.
#[test]
fn a_list_outlives_an_outage() {
    let world = World::new();
    let interpol = Interpol::of(&world);
    let more = format!(
        "[find]\nbase_url = \"http://{}\"\nusername = \"it\"\npassword_file = \"find.password\"\nbreaker_rest_ms = 300\n",
        interpol.address()
    );
    let setup = setup(&interpol, 200);
    let setup = Setup { find: None, more: more + &setup.more, ..setup };
    let daemon = world.start(&setup);
    let mut file = "number\n".to_owned();
    (0..300).for_each(|n| writeln!(file, "{}", absent(n)).unwrap());
    world.write("list.csv", &file);
    let id = submit(&world, "list.csv", "documents", &[]);
    until("some rows", || status(&daemon, id)["screened"].as_u64().filter(|rows| *rows >= 50));
    interpol.behave(Faults { outage: Some(Outage::Refuse), ..Faults::default() });
    until("the list to wait", || (status(&daemon, id)["state"] == "waits_for_find").then_some(()));
    interpol.behave(Faults::default());
    assert_eq!(ended(&daemon, id)["state"], "done");
    let results = results(&world, id);
    assert_eq!(results.len(), 300);
    let unchecked = |row: &&Value| row["answer"]["outcomes"][0]["verdict"] != "no_record";
    let lost: Vec<&Value> = results.values().filter(unchecked).collect();
    assert!(lost.len() < 40, "{}", lost.len());
    assert!(lost.iter().all(|row| row["answer"]["outcomes"][0]["complete"] == false), "{lost:?}");
    assert!(daemon.stop().success());
}
