//! Records in full and their files, asked for by a second line of the built binary over HTTP.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use aws_lc_rs::digest::{SHA256, digest};
use postern::engine::record::{Section, section};
use postern::journal::storage::FileStorage;
use postern::journal::{Kind, Reader};
use postern::keys::hex;
use postern::second_line::{FetchNote, Stage, What};
use postern::sim::{Faults, Logged, SimRecords};
use postern_conformance::schema::validate;
use postern_json::FETCH_PROBLEMS;
use serde_json::{Value, json};

use crate::client::{self, Response, http, screen};
use crate::world::{Daemon, Interpol, Setup, World, until};

/// Lanes of the same client and of another one, and one that asks the copy.
const LANES: &str = r#"
[policy.copy]
databases = ["sltd"]
mode = "mind"

[lane.copy]
transport = "http"
listen = "127.0.0.1:0"
adapter = "json"
policy = "copy"
client = "booths"
view = "full"
context = { agency = "Border Guard", site = "ZZA-T1", purpose = "border_control" }

[lane.hall]
transport = "http"
listen = "127.0.0.1:0"
adapter = "json"
policy = "everything"
client = "booths"
view = "class"
context = { agency = "Border Guard", site = "ZZA-T1", purpose = "border_control" }

[lane.others]
transport = "http"
listen = "127.0.0.1:0"
adapter = "json"
policy = "everything"
client = "egates"
view = "full"
context = { agency = "Border Guard", site = "ZZA-T1", purpose = "border_control" }
"#;

/// A hit, by what a fetch names it.
struct Known {
    exchange: String,
    database: &'static str,
    record: String,
}

struct Desk {
    world: World,
    interpol: Interpol,
    daemon: Daemon,
    api: Value,
}

impl Desk {
    fn open() -> Self {
        let world = World::new();
        let interpol = Interpol::of(&world);
        let (find, more) = (Some(interpol.address()), LANES.to_owned());
        let daemon = world.start(&Setup { find, mode: "find", more, ..Setup::default() });
        let api = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/openapi.json");
        Self { world, interpol, daemon, api: serde_json::from_slice(&fs::read(api).unwrap()).unwrap() }
    }

    fn lane(&self, name: &str) -> SocketAddr {
        self.daemon.lane(name)
    }

    /// Screens, and gives the first hit of a database.
    fn hit(&self, lane: &str, question: &Value, database: &'static str) -> Known {
        let answer = screen(self.lane(lane), None, question).unwrap().json();
        let exchange = answer["reference"].as_str().unwrap().to_owned();
        let databases = answer["outcomes"][0]["databases"].as_array().unwrap();
        let told = databases.iter().find(|one| one["database"] == database).unwrap();
        let record = told["hits"][0]["record"].as_str();
        let record = record.unwrap_or_else(|| panic!("no hit: {answer:#}")).to_owned();
        Known { exchange, database, record }
    }

    /// The possible hit of the simulator's first person.
    fn person(&self) -> Known {
        let feed = File::open(self.world.path("feed.csv")).unwrap();
        let records = SimRecords::from_csv(feed).unwrap().with_nominals(1, 50);
        let person = &records.nominals()[0];
        let question = json!({
            "context": { "end_user": "officer-17" },
            "subjects": [{ "kind": "person", "primary_name": person.name, "secondary_name": person.forename,
                           "birth": person.birth }],
        });
        let hit = self.hit("booths", &question, "nominal");
        assert_eq!(hit.record, person.record);
        hit
    }

    /// Posts to a path, and holds the answer against its description.
    fn post(&self, lane: &str, path: &str, body: &Value) -> Response {
        let json = [("content-type", "application/json")];
        let response = http(self.lane(lane), "POST", path, &json, body.to_string().as_bytes()).unwrap();
        let described = &self.api["paths"][path]["post"]["responses"][response.status.to_string()];
        let content = &described["content"][response.header("content-type")];
        assert!(content.is_object(), "{} of {path} is not described", response.status);
        if response.header("content-type").ends_with("json") {
            validate(&self.api, &content["schema"], &response.json()).unwrap();
        }
        response
    }

    /// The code of a refusal.
    fn refused(&self, lane: &str, path: &str, body: &Value) -> String {
        let problem = self.post(lane, path, body).json();
        let code = problem["code"].as_str().unwrap_or_else(|| panic!("{problem:#}"));
        let kind = FETCH_PROBLEMS.iter().find(|kind| kind.code == code).unwrap();
        assert_eq!((&problem["status"], &problem["title"]), (&json!(kind.status), &json!(kind.title)));
        code.to_owned()
    }

    /// What INTERPOL was asked for by name.
    fn fetches(&self) -> Vec<Logged> {
        let is_fetch = |logged: &Logged| ["details", "notice", "image"].contains(&logged.step);
        self.interpol.asked().into_iter().filter(is_fetch).collect()
    }

    /// Ends the daemon, and gives its notes in order, each with the kind of its record.
    fn notes(self) -> Vec<(Kind, FetchNote)> {
        assert!(self.daemon.stop().success());
        let storage = Arc::new(FileStorage::at(&self.world.path("journal")));
        let records = Reader::new(storage).unwrap().map(|read| read.unwrap().unwrap());
        let note = |body: &[u8]| Some(serde_json::from_slice(section(body, Section::Fetch)?).unwrap());
        records.filter_map(|record| Some((record.kind, note(&record.body)?))).collect()
    }
}

impl Known {
    fn details(&self) -> Value {
        json!({
            "version": 1, "context": { "end_user": "second-line-3" },
            "exchange": self.exchange, "database": self.database, "record": self.record,
        })
    }

    fn file(&self, kind: &str, path: &Value) -> Value {
        let mut body = self.details();
        (body["kind"], body["path"]) = (kind.into(), path.clone());
        body
    }
}

// Proves details, notice and image of a possible hit: given as they are and as attachments, each asked of INTERPOL once, under
// a reference of its own, and noted in the journal before and after, the files without their bytes;
// no file that the record does not name, and none before its details named it.
#[test]
fn details_and_files_of_a_possible_hit() {
    let desk = Desk::open();
    let hit = desk.person();
    assert_eq!(desk.fetches(), []);
    let path = format!("/notices/{}.pdf", hit.record).into();
    assert_eq!(desk.refused("booths", "/v1/files", &hit.file("notice", &path)), "file_not_of_record");
    let details = desk.post("booths", "/v1/details", &hit.details());
    assert_eq!(details.status, 200, "{}", details.text());
    let told = details.json();
    let record = &told["record"];
    assert_eq!((&told["exchange"], &record["record"]), (&json!(hit.exchange), &json!(hit.record)));
    assert!(record["class"].is_null() && record["notice"].is_string(), "{told:#}");
    let notice = desk.post("booths", "/v1/files", &hit.file("notice", &record["details"]["notice_path"]));
    assert_eq!((notice.status, notice.header("content-type")), (200, "application/pdf"));
    assert!(notice.body.starts_with(b"%PDF"));
    let image = desk.post("booths", "/v1/files", &hit.file("image", &record["details"]["image_path"]));
    assert_eq!((image.status, image.header("content-type")), (200, "image/jpeg"));
    for file in [&notice, &image] {
        let headers =
            ["content-disposition", "x-content-type-options", "cache-control"].map(|name| file.header(name));
        assert_eq!(headers, ["attachment", "nosniff", "no-store"]);
    }
    let other = json!("/images/none.jpg");
    assert_eq!(desk.refused("booths", "/v1/files", &hit.file("image", &other)), "file_not_of_record");

    let asked = desk.fetches();
    let log = desk.daemon.log();
    let notes = desk.notes();
    let steps: Vec<_> = asked.iter().map(|logged| logged.step).collect();
    assert_eq!(steps, ["details", "notice", "image"]);
    assert!(notes.iter().all(|(_, note)| note.exchange.unwrap().to_string() == hit.exchange));
    let stages: Vec<_> = notes.iter().map(|(kind, note)| (*kind, note.stage, note.what.unwrap())).collect();
    let both = |what| [(Kind::CaseEvent, Stage::Asked, what), (Kind::CaseEvent, Stage::Ended, what)];
    let refused = |what| (Kind::Refusal, Stage::Refused, what);
    let expected = [
        &[refused(What::Notice)][..],
        &both(What::Details),
        &both(What::Notice),
        &both(What::Image),
        &[refused(What::Image)],
    ];
    assert_eq!(stages, expected.concat());
    let ended: Vec<_> =
        notes.iter().map(|(_, note)| note).filter(|note| note.stage == Stage::Ended).collect();
    for (note, logged) in ended.iter().zip(&asked) {
        assert_eq!(note.reference_in_country.as_deref(), Some(&*logged.reference));
        assert_eq!(note.outcome.as_deref(), Some("done"));
        let context = &note.context;
        assert_eq!((context.client.as_str(), context.purpose.as_deref()), ("booths", Some("border_control")));
        assert_eq!(context.end_user.as_ref().unwrap().reveal(), "second-line-3");
    }
    assert_eq!(ended[0].details.as_ref().unwrap().record, hit.record);
    for (note, file) in ended[1..].iter().zip([notice, image]) {
        let noted = note.file.as_ref().unwrap();
        assert_eq!(
            (&noted.sha256, noted.bytes),
            (&hex(digest(&SHA256, &file.body).as_ref()), file.body.len() as u64)
        );
    }
    assert!(!log.contains("second-line-3") && !log.contains("/images/"), "nothing personal is logged");
}

// Proves what is refused and that nothing of it reaches INTERPOL: a screening that is nobody's, another client's or of another
// record, a site without a grant, a lane that does not show records, messages that are none, and a record of a silent
// screening, whose silence the fetch inherits. Each is in the journal.
#[test]
fn refusals_ask_nothing() {
    let desk = Desk::open();
    let hit = desk.person();
    let with = |field: &str, value: Value| {
        let mut body = hit.details();
        body[field] = value;
        body
    };
    let stranger = json!("0198c0de-0000-7000-8000-000000000000");
    let elsewhere = json!({ "end_user": "second-line-3", "site": "ZZB-9" });
    let row = desk.world.stolen().next().unwrap();
    let mut silent = client::document(&row.number, row.issuer.as_str(), "PAS");
    silent["context"]["silent"] = true.into();
    let silent = desk.hit("copy", &silent, "sltd").details();
    let cases = [
        ("booths", with("exchange", stranger), "record_not_in_screening"),
        ("others", hit.details(), "record_not_in_screening"),
        ("booths", with("record", "N-000001".into()), "record_not_in_screening"),
        ("booths", with("database", "sltd".into()), "record_not_in_screening"),
        ("booths", with("context", elsewhere), "denied"),
        ("hall", hit.details(), "view_not_full"),
        ("booths", with("version", 2.into()), "version_unknown"),
        ("booths", with("silent", false.into()), "json_content"),
        ("copy", silent, "silent_not_available"),
    ];
    for (lane, body, code) in &cases {
        assert_eq!(desk.refused(lane, "/v1/details", body), *code, "{body}");
    }
    assert_eq!(http(desk.lane("booths"), "GET", "/v1/details", &[], b"").unwrap().status, 405);
    assert_eq!(desk.fetches(), []);
    let notes = desk.notes();
    let noted: Vec<_> = notes.iter().filter_map(|(_, note)| note.outcome.as_deref()).collect();
    assert_eq!(noted, cases.map(|(_, _, code)| code));
    let (kind, last) = notes.last().unwrap();
    assert!(*kind == Kind::CaseEvent && last.context.silent && last.reference_in_country.is_none());
}

// Proves that a screening is found in the journal of an earlier run, over a change of segments, and that a file which is slow
// to come holds up no screening of the same lane.
#[test]
fn slow_files_hold_no_lane() {
    let desk = Desk::open();
    let hit = desk.person();
    let details = desk.post("booths", "/v1/details", &hit.details()).json();
    let Desk { world, interpol, daemon, api } = desk;
    daemon.kill();
    let (find, more) = (Some(interpol.address()), LANES.to_owned());
    let daemon = world.start(&Setup { find, mode: "find", more, ..Setup::default() });
    let desk = Desk { world, interpol, daemon, api };
    let slow = Faults { latency_ms: 4_000, drip_bytes_per_s: Some(300_000), ..Faults::default() };
    desk.interpol.behave(Faults { services: [("nominal".to_owned(), slow)].into(), ..Faults::default() });
    let question = client::document(&client::absent(1), "D", "PAS");
    thread::scope(|scope| {
        let image = hit.file("image", &details["record"]["details"]["image_path"]);
        let desk = &desk;
        let fetching = scope.spawn(move || desk.post("booths", "/v1/files", &image));
        until("the file to be asked for", || {
            desk.fetches().iter().any(|one| one.step == "image").then_some(())
        });
        for _ in 0..20 {
            let answer = screen(desk.lane("booths"), None, &question).unwrap().json();
            assert_eq!(answer["gate"], "continue", "{answer:#}");
        }
        assert!(!fetching.is_finished(), "the file came before twenty screenings were answered");
        let image = fetching.join().unwrap();
        assert!(image.status == 200 && image.body.len() > 200_000, "{}", image.status);
    });
}
