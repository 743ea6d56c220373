//! The description of the API is current, consistent, and true of its own examples.

use std::path::Path;

use postern_conformance::schema::validate;
use postern_json::{JsonAdapter, PATH, PROBLEMS, TRANSPORT_PROBLEMS, openapi};
use postern_sdk::{Adapter, Inbound, LinkOptions};
use serde_json::Value;

// Proves that `schemas/openapi.json` is what the types say; POSTERN_BLESS=1 writes it anew.
#[test]
fn description_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/openapi.json");
    let text = format!("{:#}\n", openapi());
    if std::env::var_os("POSTERN_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == text, "{} is not current: run with POSTERN_BLESS=1", path.display());
}

// Proves that each reference in the description leads to a schema.
#[test]
fn references_resolve() {
    let api = openapi();
    let mut count = 0;
    each(&api, &mut |value| {
        if let Some(Value::String(reference)) = value.get("$ref") {
            assert!(api.pointer(&reference[1..]).is_some(), "{reference}");
            count += 1;
        }
    });
    assert!(count > 20, "{count}");
}

// Proves that every example is valid by the schema beside it, and that the request examples decode.
#[test]
fn examples_are_valid() {
    let api = openapi();
    let mut count = 0;
    each(&api["paths"][PATH], &mut |value| {
        let (Some(schema), Some(examples)) = (value.get("schema"), value.get("examples")) else { return };
        for (name, example) in examples.as_object().unwrap() {
            validate(&api, schema, &example["value"]).unwrap_or_else(|e| panic!("{name}: {e}"));
            count += 1;
        }
    });
    assert_eq!(count, 2 + 2 + PROBLEMS.len() + TRANSPORT_PROBLEMS.len());
    assert_eq!(request_examples(&api).len(), 2);
    for example in request_examples(&api) {
        let inbounds = JsonAdapter.decode(example.to_string().as_bytes(), &LinkOptions::default());
        assert!(matches!(inbounds[..], [Inbound::Query(_)]), "{inbounds:?}");
    }
}

// Proves that the schema, like the decoder, refuses what is not of the format, so that the validation above means something.
#[test]
fn schema_and_decoder_refuse_alike() {
    let api = openapi();
    let schema = serde_json::json!({ "$ref": "#/components/schemas/ScreeningRequest" });
    let refused = [
        r#"{}"#,
        r#"{"subjects":[]}"#,
        r#"{"subjects":[{"kind":"ghost"}]}"#,
        r#"{"subjects":[{"kind":"vehicle","plate":7}]}"#,
        r#"{"subjects":[{"kind":"vehicle","plate":"ZZ1","colour":"red"}]}"#,
        r#"{"subjects":[{"kind":"travel_document"}]}"#,
        r#"{"subjects":[{"kind":"vehicle"}],"version":2}"#,
        r#"{"subjects":[{"kind":"vehicle"}],"context":{"client":"me"}}"#,
        r#"{"subjects":[{"kind":"vehicle"}],"more":1}"#,
        r#"{"subjects":[["vehicle",0,null,"ZZ1"]]}"#,
        r#"{"subjects":[["vehicle",{"plate":"ZZ1"}]]}"#,
        r#"{"subjects":[{"kind":"vehicle"}],"context":["Border Police"]}"#,
        r#"[1,"id",{},[{"kind":"vehicle"}]]"#,
    ];
    for text in refused {
        let value: Value = serde_json::from_str(text).unwrap();
        assert!(validate(&api, &schema, &value).is_err(), "{text}");
        let inbounds = JsonAdapter.decode(text.as_bytes(), &LinkOptions::default());
        assert!(matches!(inbounds[..], [Inbound::Fault(_)]), "{text}");
    }
    let bare = r#"{"subjects":[{"kind":"vehicle"}]}"#;
    validate(&api, &schema, &serde_json::from_str(bare).unwrap()).unwrap();
}

fn request_examples(api: &Value) -> Vec<&Value> {
    let content = &api["paths"][PATH]["post"]["requestBody"]["content"]["application/json"];
    content["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]).collect()
}

fn each(value: &Value, visit: &mut impl FnMut(&Value)) {
    visit(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| each(item, visit)),
        Value::Object(fields) => fields.values().for_each(|field| each(field, visit)),
        _ => {}
    }
}
