//! Statuses, gates and codes on the wire.

use postern_json::{JsonAdapter, PROBLEM_MEDIA_TYPE, PROBLEMS};
use postern_sdk::{
    Adapter, Exchange, Fault, FaultCode, Gate, IdentifierError, Inbound, LinkOptions, Message, Told, View,
};
use serde_json::Value;

fn decode(text: &str) -> Result<Exchange, Fault> {
    match JsonAdapter.decode(text.as_bytes(), &LinkOptions::default()).remove(0) {
        Inbound::Query(exchange) => Ok(exchange),
        Inbound::Fault(fault) => Err(fault),
        other => panic!("{other:?}"),
    }
}

fn answer(exchange: &Exchange, told: &[Told]) -> Value {
    let stamp = postern_conformance::stamp();
    let replies = JsonAdapter.encode(exchange, told, Message::Answer, &stamp).expect("encodes");
    assert_eq!(replies[0].http_status, 200);
    serde_json::from_slice(&replies[0].body).expect("is JSON")
}

// Proves that every code of the host and of identifiers and zones has a status and words of its own.
#[test]
fn every_code_is_known() {
    let host = [
        FaultCode::UNABLE,
        FaultCode::BUSY,
        FaultCode::DENIED,
        FaultCode::TOO_LARGE,
        FaultCode::FRAMING,
        FaultCode::CONTEXT,
        FaultCode::EMPTY,
        FaultCode::TOO_MANY_SUBJECTS,
        FaultCode::UNSUPPORTED,
        FaultCode::INTERNAL,
    ];
    let character = IdentifierError::Character { offset: 0 };
    let identifiers =
        [IdentifierError::Empty, IdentifierError::TooShort, IdentifierError::TooLong, character];
    let codes = host.iter().map(FaultCode::as_str).chain(identifiers.iter().map(|error| error.code()));
    for code in codes.chain(["mrz_empty", "mrz_length", "mrz_character", "mrz_layout"]) {
        assert!(PROBLEMS.iter().any(|kind| kind.code == code), "{code}");
    }
}

// Proves the form of a refusal: problem, status, refer, and the sender's id; a code of nobody's is still a problem.
#[test]
fn refusals_are_problems() {
    let statuses = [(FaultCode::DENIED, 403), (FaultCode::UNABLE, 503), (FaultCode::new("solar_flare"), 500)];
    for (code, status) in statuses {
        let fault = Fault::new(code.clone()).of(Some("r-1".into()));
        let reply = JsonAdapter.refuse(&fault, &postern_conformance::stamp());
        assert_eq!((reply.http_status, &*reply.content_type), (status, PROBLEM_MEDIA_TYPE));
        let problem: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(problem["type"], format!("urn:postern:problem:{code}"));
        assert_eq!((&problem["gate"], &problem["id"]), (&"refer".into(), &"r-1".into()));
    }
}

// Proves that an outcome that is missing, or one refer among many, is refer, and that a zone's outcomes share its number.
#[test]
fn one_refer_is_refer() {
    let zone = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<L898902C36UTO7408122F1204159ZE184226B<<<<<10";
    let text = format!(
        r#"{{"subjects":[{{"kind":"vehicle","vin":"1M8GDM9AXKP042788"}},{{"kind":"mrz","lines":"{zone}"}}]}}"#
    );
    let exchange = decode(&text).unwrap();
    let go = Told { gate: Gate::Continue, ..Told::refer() };
    let all = answer(&exchange, &[go.clone(), go.clone(), go.clone()]);
    assert_eq!(all["gate"], "continue");
    let places: Vec<_> =
        all["outcomes"].as_array().unwrap().iter().map(|one| one["subject"].clone()).collect();
    assert_eq!(places, [0, 1, 1]);
    assert_eq!(answer(&exchange, &[go.clone(), go.clone()])["gate"], "refer");
    assert_eq!(answer(&exchange, &[go.clone(), Told::refer(), go])["gate"], "refer");
}

// Proves that a failure names its place: the byte for what serde refuses, the path for what an identifier refuses.
#[test]
fn failures_name_their_place() {
    let text = "{\"subjects\": [\n  {\"kind\": \"vehicle\", \"plate\": 7}\n]}";
    let fault = decode(text).unwrap_err();
    assert_eq!((fault.code.as_str(), fault.field.as_deref()), ("json_content", None));
    let at = usize::try_from(fault.offset.unwrap()).unwrap();
    assert!((text.find("{\"kind").unwrap()..=text.find("]}").unwrap()).contains(&at), "{at}");
    let fault = decode(r#"{"id":"r-1","subjects":[{"kind":"vehicle","country":"FRANCE"}]}"#).unwrap_err();
    assert_eq!(fault.field.as_deref(), Some("subjects[0].country"));
    assert_eq!((fault.code.as_str(), fault.sender_id.as_deref()), ("identifier_too_long", Some("r-1")));
}

// Proves that escapes in texts are read, and that names keep their script.
#[test]
fn escapes_are_read() {
    let exchange = decode(r#"{"subjects":[{"kind":"vehicle","plate":"\u005AZ1234"}]}"#).unwrap();
    let written = serde_json::to_value(&exchange).unwrap();
    assert_eq!(written["subjects"][0]["plate"], "ZZ1234");
}

// Proves that names come to the form of travel documents, and that an absent secondary name may be written as empty.
#[test]
fn names_are_put_in_form() {
    let exchange =
        decode(r#"{"subjects":[{"kind":"person","primary_name":" VAN  DER MUSTER ","secondary_name":""}]}"#);
    let written = serde_json::to_value(exchange.unwrap()).unwrap();
    assert_eq!(written["subjects"][0]["name"], serde_json::json!({ "primary": "VAN DER MUSTER" }));
    let fault = decode(r#"{"subjects":[{"kind":"person","primary_name":"<<<"}]}"#).unwrap_err();
    assert_eq!(
        (fault.code.as_str(), fault.field.as_deref()),
        ("text_empty", Some("subjects[0].primary_name"))
    );
}

// Proves that an empty purpose is none: it must not pass for one.
#[test]
fn an_empty_purpose_is_refused() {
    let fault = decode(r#"{"context":{"purpose":" "},"subjects":[{"kind":"vehicle"}]}"#).unwrap_err();
    assert_eq!((fault.code.as_str(), fault.field.as_deref()), ("text_empty", Some("context.purpose")));
}

// Proves that the view `gate` shows no time with a refer.
#[test]
fn a_bare_refer_is_bare() {
    let exchange = decode(r#"{"subjects":[{"kind":"vehicle","plate":"ZZ1234"}]}"#).unwrap();
    let stamp = postern_sdk::Stamp { view: View::Gate, ..postern_conformance::stamp() };
    let replies = JsonAdapter.encode(&exchange, &[Told::refer()], Message::Answer, &stamp).expect("encodes");
    let answer: Value = serde_json::from_slice(&replies[0].body).unwrap();
    assert_eq!(answer.get("data_as_of"), None);
    assert_eq!(answer["outcomes"][0].as_object().unwrap().len(), 4);
}
