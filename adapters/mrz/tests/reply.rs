//! The line that goes back.

use postern_mrz::MrzAdapter;
use postern_sdk::{
    Adapter, Environment, Exchange, Fault, FaultCode, Gate, Inbound, LinkOptions, Message, Reference, Stamp,
    Told, View,
};

const ZONE: &str =
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10";
const REFERENCE: &str = "0193f5a0-0000-7000-8000-000000000001";

fn stamp() -> Stamp {
    Stamp {
        reference: Reference(REFERENCE.parse().expect("a UUID")),
        at: "2026-11-24T10:42:00Z".parse().expect("a time"),
        control: 1,
        view: View::Gate,
        environment: Environment::Training,
    }
}

fn exchange(frame: &str) -> Exchange {
    match MrzAdapter.decode(frame.as_bytes(), &LinkOptions::default()).remove(0) {
        Inbound::Query(exchange) => exchange,
        other => panic!("{other:?}"),
    }
}

fn go(as_of: &str) -> Told {
    Told { gate: Gate::Continue, data_as_of: Some(as_of.parse().expect("a time")), ..Told::refer() }
}

fn answer(frame: &str, told: &[Told], message: Message) -> String {
    let replies = MrzAdapter.encode(&exchange(frame), told, message, &stamp()).expect("a reply");
    assert_eq!(replies.len(), 1);
    String::from_utf8(replies[0].body.clone()).expect("ASCII")
}

#[test]
fn continue_tells_the_oldest_data() {
    // Both subjects continue, and the older extraction time counts, to the second.
    let told = [go("2026-11-24T10:41:59.9Z"), go("2026-11-23T22:00:00.75Z")];
    let line = answer(&format!("#g1;{ZONE}"), &told, Message::Answer);
    assert_eq!(line, format!("P1;g1;continue;{REFERENCE};2026-11-23T22:00:00Z"));
}

#[test]
fn anything_less_refers() {
    // One subject that may not continue, one outcome missing, and none at all.
    let refer = format!("P1;-;refer;{REFERENCE};-");
    let go = go("2026-11-24T10:41:59Z");
    for told in [vec![go.clone(), Told::refer()], vec![go.clone()], vec![], vec![go.clone(), go.clone(), go]]
    {
        assert_eq!(answer(ZONE, &told, Message::Answer), refer);
        assert_eq!(answer(ZONE, &told, Message::Update), refer);
    }
}

#[test]
fn a_refusal_looks_like_a_refer() {
    // Whatever the fault, with the request id if there is one.
    for code in [FaultCode::UNABLE, FaultCode::BUSY, FaultCode::new("mrz_length")] {
        let fault = Fault::new(code).of(Some("g1".to_owned()));
        let reply = MrzAdapter.refuse(&fault, &stamp());
        assert_eq!(reply.body, format!("P1;g1;refer;{REFERENCE};-").into_bytes());
    }
    let options: LinkOptions = serde_json::from_str(r#"{"options":{"request_id":"echo"}}"#).expect("options");
    let Inbound::Fault(fault) = MrzAdapter.decode(b"#g2;P<UTO", &options).remove(0) else {
        panic!("no fault")
    };
    let reply = MrzAdapter.refuse(&fault, &stamp());
    assert_eq!(reply.body, format!("P1;g2;refer;{REFERENCE};-").into_bytes());
    assert_eq!(reply.http_status, 400);
}

#[test]
fn a_foreign_id_can_not_break_the_line() {
    // An id that the request line would not have held is not echoed.
    for id in ["a;continue;x", "", "a\nb", "0123456789012345678901234567890123456"] {
        let fault = Fault::new(FaultCode::INTERNAL).of(Some(id.to_owned()));
        let reply = MrzAdapter.refuse(&fault, &stamp());
        assert_eq!(reply.body, format!("P1;-;refer;{REFERENCE};-").into_bytes());
    }
}
