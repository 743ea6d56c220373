//! Synthetic messages for the description of the API. They are made by the adapter itself, so they can't be wrong.

use postern_sdk::{
    Adapter, Conclusion, Database, Environment, Exchange, Fault, FaultCode, Finding, Inbound, LinkOptions,
    Message, Outcome, Reason, Source, Stamp, Told, View,
};
use serde_json::{Value, json};

use crate::{JsonAdapter, ProblemKind, VERSION};

/// The questions by name.
pub(crate) fn requests() -> Vec<(&'static str, &'static str, Value)> {
    let context = json!({
        "agency": "Border Police", "end_user": "officer-17", "terminal": "booth-4", "site": "ZZA",
        "direction": "entry", "purpose": "border_check"
    });
    let zone =
        ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
    vec![
        (
            "zone",
            "A passport as its reader gave it",
            json!({ "version": VERSION, "context": context, "subjects": [{ "kind": "mrz", "lines": zone }] }),
        ),
        (
            "car",
            "Two travellers in a car",
            json!({
                "version": VERSION,
                "id": "booth-4-000124",
                "context": context,
                "subjects": [
                    { "kind": "travel_document", "traveller": 0, "number": "ZZ9000001", "issuer": "UTO", "type": "PAS" },
                    { "kind": "person", "traveller": 1, "primary_name": "SPECIMEN", "secondary_name": "JO",
                      "birth": "1990-01-XX", "nationality": "UTO" },
                    { "kind": "vehicle", "traveller": 0, "plate": "ZZ 123 A", "country": "UTO" }
                ]
            }),
        ),
    ]
}

/// The answers by name: clear, and incomplete.
pub(crate) fn responses() -> Vec<(&'static str, &'static str, Value)> {
    let clear = Conclusion {
        finding: Finding::NoRecord,
        source: Some(Source::Find),
        data_as_of: Some(stamp().at),
        ..Conclusion::not_asked(Database::Sltd, Reason::Internal)
    };
    let late = Conclusion::not_asked(Database::Sltd, Reason::Deadline);
    vec![
        ("clear", "Every database was checked and has no record", answer(clear)),
        ("incomplete", "Nothing was found, and not everything was checked", answer(late)),
    ]
}

fn answer(conclusion: Conclusion) -> Value {
    let exchange = requests().first().and_then(|(_, _, request)| decoded(request)).unwrap_or_default();
    let told = Told::of(&Outcome::conclude(vec![conclusion], Vec::new()), View::Class);
    let told = vec![told; exchange.subjects.len()];
    let response = crate::response::response(&exchange, &told, Message::Answer, &stamp());
    serde_json::to_value(response).unwrap_or_default()
}

fn decoded(request: &Value) -> Option<Exchange> {
    match JsonAdapter.decode(request.to_string().as_bytes(), &LinkOptions::default()).pop() {
        Some(Inbound::Query(exchange)) => Some(exchange),
        _ => None,
    }
}

/// The lane's refusal.
pub(crate) fn transport_problem(kind: &ProblemKind) -> Value {
    let name = format!("urn:postern:problem:{}", kind.code);
    json!({ "type": name, "title": kind.title, "status": kind.status })
}

/// The adapter's refusal.
pub(crate) fn problem(kind: &ProblemKind) -> Value {
    let fault = Fault::new(FaultCode::new(kind.code));
    serde_json::to_value(crate::Problem::of(&fault, &stamp())).unwrap_or_default()
}

fn stamp() -> Stamp {
    let reference = serde_json::from_str("\"01936a1e-7c00-7000-8000-000000000001\"").expect("a literal");
    let at = "2026-11-24T10:42:00Z".parse().expect("a literal");
    Stamp { reference, at, control: 1, view: View::Class, environment: Environment::Training }
}
