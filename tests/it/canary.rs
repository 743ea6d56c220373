//! Planted personal data that must not come out where operators look.

use postern::sim::{Faults, Outage};
use serde_json::{Value, json};

use crate::client::{self, Gate, get, http, zone};
use crate::world::{Interpol, Setup, World, until};

const SURNAME: &str = "KANARIENVOGEL";
const GIVEN: &str = "ZWITSCHERINE";
/// In no feed.
const NUMBER: &str = "7X4242424";
const BIRTH: &str = "1961-03-29";
const PLATE: &str = "KANARI42";

/// A lane whose client has no grant.
const STRANGERS: &str = r#"[lane.strangers]
transport = "tcp"
listen = "127.0.0.1:0"
framing = "stx_etx"
adapter = "mrz"
policy = "documents"
client = "stranger"
context = { agency = "A", end_user = "x", site = "ZZA-T1", purpose = "border_control" }
"#;

/// Messages in every state: good, faulty in each way, unfit for their lane.
fn ask_everything(gates: std::net::SocketAddr, booths: std::net::SocketAddr) {
    let good = zone(NUMBER, "D", &format!("{SURNAME}<<{GIVEN}"));
    let frames = [
        good.clone(),
        good.replacen(NUMBER, "7X4242425", 1),
        good.replacen('<', "*", 1),
        good[..70].to_owned(),
        format!("{SURNAME} {NUMBER}"),
        format!("#{SURNAME}!;{good}"),
    ];
    for (n, frame) in frames.iter().enumerate() {
        let mut gate = Gate::connect(gates).unwrap();
        gate.ask(&format!("canary-{n}"), frame).unwrap();
    }
    // No frame at all: the link ends after a refusal.
    let mut stream = client::connect(gates).unwrap();
    std::io::Write::write_all(&mut stream, good.as_bytes()).unwrap();
    let _ = std::io::Read::read(&mut stream, &mut [0; 512]).unwrap();

    let person =
        json!({ "kind": "person", "primary_name": SURNAME, "secondary_name": GIVEN, "birth": BIRTH });
    let document = json!({ "kind": "travel_document", "number": NUMBER, "issuer": "D", "type": "PAS" });
    let vehicle = json!({ "kind": "vehicle", "plate": PLATE });
    let context = json!({ "end_user": "officer-17" });
    let ungranted = json!({ "end_user": "officer-17", "site": "ELSEWHERE" });
    let bodies: [Value; 6] = [
        json!({ "context": context, "subjects": [person, document, vehicle] }),
        json!({ "subjects": [person] }),
        json!({ "context": ungranted, "subjects": [person, document] }),
        json!({ "context": context, "subjects": [{ "kind": "person", "primary_name": SURNAME, "birth": NUMBER }] }),
        json!({ "context": context, "subjects": [{ "kind": SURNAME, NUMBER: PLATE }] }),
        json!({ "context": context, "subjects": [{ "kind": "mrz", "lines": good }] }),
    ];
    for body in bodies {
        client::screen(booths, None, &body).unwrap();
    }
    let json = [("content-type", "application/json")];
    let cut = format!("{{\"subjects\":[{{\"number\":\"{NUMBER}\",\"{SURNAME}");
    assert_eq!(http(booths, "POST", "/v1/screenings", &json, cut.as_bytes()).unwrap().status, 400);
    let path = format!("/v1/screenings/{NUMBER}?name={SURNAME}");
    assert_eq!(get(booths, &path).unwrap().status, 404);
}

// Proves that no name, number, birth date or plate that was asked, refused or garbled stands in the log at its finest
// level, in the metrics or in the console's data, whatever INTERPOL does meanwhile.
#[test]
fn canaries_stay_silent() {
    let world = World::new();
    let interpol = Interpol::of(&world);
    let find = Some(interpol.address());
    let (mode, level, more) = ("find_then_mind", "trace", STRANGERS.to_owned());
    let daemon = world.start(&Setup { find, mode, level, more, ..Setup::default() });
    let mut stranger = Gate::connect(daemon.lane("strangers")).unwrap();
    stranger.ask("stranger", &zone(NUMBER, "D", SURNAME)).unwrap();
    let ways = [
        Faults::default(),
        Faults { error_rate: 1.0, ..Faults::default() },
        Faults { truncated: true, ..Faults::default() },
        Faults { outage: Some(Outage::Refuse), ..Faults::default() },
    ];
    for faults in ways {
        interpol.behave(faults);
        ask_everything(daemon.lane("egates"), daemon.lane("booths"));
    }
    let metrics = get(daemon.console(), "/metrics").unwrap().text();
    assert!(metrics.contains("postern_find_requests_total"));
    let status = get(daemon.console(), "/api/status").unwrap().text();
    assert!(status.contains("\"latest\":[{"), "{status}");
    let log = until("refusals in the log", || {
        let told = ["Refused a message.", "A client was denied."];
        Some(daemon.log()).filter(|log| told.iter().all(|told| log.contains(told)))
    });
    for canary in [SURNAME, GIVEN, NUMBER, "7X4242425", BIRTH, PLATE, "610329"] {
        for (place, text) in [("log", &log), ("metrics", &metrics), ("status", &status)] {
            let lower = text.to_lowercase();
            let line = lower.lines().find(|line| line.contains(&canary.to_lowercase()));
            assert_eq!(line, None, "{canary} stands in the {place}");
        }
    }
}
