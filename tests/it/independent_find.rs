//! FIND with stacks that are not ours on either side: `zeep` asks the simulator, and a server of `http.server` and `lxml` is asked by
//! the built daemon.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use postern::clock::Clock;
use postern::find::Profile;
use postern::find::profile::RequestValue;
use postern::sim::{RunningSim, SimOptions, SimRecords, Simulator};
use postern_sdk::Database;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::client::{document, screen};
use crate::independent::python;
use crate::world::{Setup, World, told};

const FEED: &str = "database,number,issuer,type,theft_type,theft_date,theft_country,notice,retention_date,record_id\n\
    sltd,L898902C3,D,PAS,STL,2020-01-02,FRA,,2030-01-01,S-1\n\
    tdawn,L898902C3,D,PAS,,,,RED,,T-1\n\
    sad,AD1234567,FRA,DRV,LST,2020-01-02,FRA,,,A-1\n";

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent").join(name)
}

fn simulator(runtime: &Runtime) -> (RunningSim, Arc<SimRecords>) {
    let records = SimRecords::from_csv(FEED.as_bytes()).unwrap().with_nominals(1, 20).with_things(1, 20);
    let records = Arc::new(records);
    let options = SimOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        admin_listen: None,
        tls: None,
        records: Arc::clone(&records),
        seed: 1,
        profile: Arc::new(Profile::built_in()),
        clock: Clock::system(),
    };
    (runtime.block_on(Simulator::start(options)).unwrap(), records)
}

/// For each service what finds a record and what finds none.
fn questions(records: &SimRecords) -> Value {
    let value = |database, value| {
        let thing = records.things().iter().find(|thing| thing.database == database).unwrap();
        thing.value(value).unwrap().to_owned()
    };
    let number = |found: &str| json!({ "found": { "DIN": found }, "absent": { "DIN": "ZZ9999999" } });
    let person = &records.nominals()[0];
    let birth = person.birth.date().unwrap().to_string().replace('-', "");
    json!({
        "tdawn_sltd": number("L898902C3"),
        "sltd": number("L898902C3"),
        "sad": number("AD1234567"),
        "nominal": { "found": { "Name": person.name, "Forename": person.forename, "DateOfBirth": birth }, "absent": { "Name": "QQQQQQ" } },
        "smv": {
            "found": { "VIN": value(Database::Smv, RequestValue::Vin) }, "absent": { "RegistrationMark": "QQ9999" },
        },
        "firearms": {
            "found": { "SerialNumber": value(Database::Firearms, RequestValue::Serial) },
            "absent": { "SerialNumber": "QQ9999" },
        },
        "vessels": {
            "found": { "ImoNumber": value(Database::Vessels, RequestValue::Imo) }, "absent": { "HullNumber": "QQ9999" },
        },
        "works_of_art": {
            "found": { "Title": value(Database::WorksOfArt, RequestValue::Title) }, "absent": { "Title": "QQQQQQ" },
        },
    })
}

// Proves that a SOAP stack which knows the description in `schemas/` alone can call every operation of every service of the
// simulator and read its answers, and that the simulator's log has every exchange of it under a reference of its own.
#[test]
fn another_stack_asks_the_simulator() {
    let Some(python) = python("zeep, lxml") else { return };
    let runtime = Runtime::new().unwrap();
    let (sim, records) = simulator(&runtime);
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("questions.json");
    std::fs::write(&asked, questions(&records).to_string()).unwrap();
    let wsdl = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/find.wsdl");
    let output = Command::new(python)
        .arg(script("find_client.py"))
        .args([&wsdl, Path::new(&format!("http://{}", sim.addr)), &asked])
        .output()
        .unwrap();
    let (code, out, err) = told(&output);
    let log = sim.log();
    assert_eq!(code, Some(0), "{out}{err}\n{:#?}", log.counts);
    assert!(out.starts_with(&format!("8 services, {} exchanges", log.last)), "{out}");
    assert!(log.last >= 8 * 3 + 3, "{:#?}", log.counts);
    let references: std::collections::BTreeSet<_> = log.latest.iter().map(|one| &one.reference).collect();
    assert_eq!(references.len() as u64, log.last);
    runtime.block_on(sim.shutdown());
}

/// A FIND server on another stack; it ends with its standard input.
struct Server {
    child: Child,
    input: Option<ChildStdin>,
    address: SocketAddr,
    told: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(python: &str) -> Self {
        let mut child = Command::new(python)
            .arg(script("find_server.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.next().unwrap().strip_prefix("listening ").unwrap().parse().unwrap();
        let (address, told) = (SocketAddr::from(([127, 0, 0, 1], port)), Arc::new(Mutex::new(Vec::new())));
        let kept = Arc::clone(&told);
        std::thread::spawn(move || lines.for_each(|line| kept.lock().unwrap().push(line)));
        Self { input: child.stdin.take(), child, address, told }
    }

    /// How often an operation of a service was asked.
    fn asked(&self, operation: &str) -> usize {
        let begin = format!("asked {operation} ");
        self.told.lock().unwrap().iter().filter(|line| line.starts_with(&begin)).count()
    }

    fn mistakes(&self) -> Vec<String> {
        self.told.lock().unwrap().iter().filter(|line| !line.starts_with("asked ")).cloned().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        // It may have ended already.
        let _ = self.child.wait();
    }
}

/// The results of the databases by their names, and the verdict.
fn results(lane: SocketAddr, question: &Value) -> (Value, Vec<(String, String)>) {
    let answer = screen(lane, None, question).unwrap().json();
    let outcome = answer["outcomes"][0].clone();
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{answer:#}")).to_owned();
    let databases = outcome["databases"].as_array().unwrap_or_else(|| panic!("{answer:#}"));
    let mut results: Vec<_> =
        databases.iter().map(|one| (text(&one["database"]), text(&one["result"]))).collect();
    results.sort();
    (outcome, results)
}

fn subject(subject: &Value) -> Value {
    json!({ "version": 1, "context": { "end_user": "officer-17" }, "subjects": [subject] })
}

// Proves that the built daemon speaks with a FIND that is not ours: what is on record there is a hit, with details where it is an exact
// match, only its own "nothing found" is no record, and the server found no fault in any request.
#[test]
fn another_stack_is_asked_by_the_daemon() {
    let Some(python) = python("lxml") else { return };
    let (world, server) = (World::new(), Server::start(&python));
    let daemon = world.start(&Setup { find: Some(server.address), mode: "find", ..Setup::default() });
    let lane = daemon.lane("booths");
    let both = |sltd: &str, tdawn: &str| vec![("sltd".into(), sltd.into()), ("tdawn".into(), tdawn.into())];
    let (outcome, found) = results(lane, &document("LOST12345", "FRA", "PAS"));
    assert_eq!((found, &outcome["verdict"]), (both("hits", "no_record"), &"hit".into()), "{outcome:#}");
    let (outcome, found) = results(lane, &document("BOTH12345", "FRA", "PAS"));
    assert_eq!(found, both("hits", "hits"), "{outcome:#}");
    let (outcome, found) = results(lane, &document("ZZ9999999", "FRA", "PAS"));
    assert_eq!((found, &outcome["verdict"]), (both("no_record", "no_record"), &"no_record".into()));
    let person = |name: &str| {
        subject(
            &json!({ "kind": "person", "primary_name": name, "secondary_name": "LIMA", "birth": "1974-08-12" }),
        )
    };
    let (outcome, found) = results(lane, &person("KORVATZ"));
    assert_eq!(found, [("nominal".into(), "hits".into())], "{outcome:#}");
    assert_eq!(results(lane, &person("NOBODY")).1, [("nominal".into(), "no_record".into())]);
    let vehicle = |vin: &str| subject(&json!({ "kind": "vehicle", "vin": vin }));
    assert_eq!(results(lane, &vehicle("WVWZZZ1JZ3W386752")).1, [("smv".into(), "hits".into())]);
    assert_eq!(results(lane, &vehicle("WVWZZZ1JZ3W386753")).1, [("smv".into(), "no_record".into())]);
    assert_eq!(server.mistakes(), [""; 0]);
    let details = ["nomtdsltd Details", "nominals Details", "smv Details"].map(|one| server.asked(one));
    // Of exact matches by a number, and of no others: details are believed to alarm the record's owner.
    assert_eq!(details, [2, 0, 1]);
}
