//! The description of the HTTP API, OpenAPI 3.1, generated from the types.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::{
    MEDIA_TYPE, OPENAPI_PATH, PATH, PROBLEM_MEDIA_TYPE, PROBLEMS, Problem, ScreeningRequest,
    ScreeningResponse, TRANSPORT_PROBLEMS, examples,
};

/// Where the schemas stand in the document.
const COMPONENTS: &str = "/components/schemas";

/// The description of the API that the HTTP lane serves with this adapter.
pub fn openapi() -> Value {
    let mut schemas = Map::new();
    define::<ScreeningRequest<'_>>("ScreeningRequest", SchemaSettings::draft2020_12(), &mut schemas);
    let written = || SchemaSettings::draft2020_12().for_serialize();
    define::<ScreeningResponse<'_>>("ScreeningResponse", written(), &mut schemas);
    define::<Problem<'_>>("Problem", written(), &mut schemas);
    // The lane's own problems say no more than these.
    schemas["Problem"]["required"] = json!(["type", "title", "status"]);
    schemas.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Postern screening API",
            "version": crate::VERSION.to_string(),
            "summary": "Checks travel documents, persons, vehicles and other subjects against INTERPOL's databases",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "security": [{ "mutualTLS": [] }, { "bearer": [] }],
        "paths": { PATH: { "post": operation() }, OPENAPI_PATH: { "get": description() } },
        "components": { "schemas": schemas, "securitySchemes": security() }
    })
}

/// Adds the schema of a type, and those that it refers to.
fn define<T: JsonSchema>(name: &str, settings: SchemaSettings, schemas: &mut Map<String, Value>) {
    let settings = settings.with(|s| {
        s.meta_schema = None;
        s.definitions_path = COMPONENTS.into();
    });
    let mut generator = SchemaGenerator::new(settings);
    let schema = generator.root_schema_for::<T>();
    let mut value = schema.to_value();
    if let Some(root) = value.as_object_mut() {
        root.remove("title");
        // The generator nests the referred schemas at the path in which the document has them anyway.
        root.remove("components");
    }
    schemas.extend(generator.take_definitions(true));
    schemas.insert(name.to_owned(), value);
}

fn operation() -> Value {
    let key = json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "The sender's id of the message. It wins over the field id. The same id again within the lane's \
                        window is the same question and gets the recorded reply.",
        "schema": { "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]*$" }
    });
    json!({
        "operationId": "screen",
        "summary": "Screen one or many subjects",
        "description": "An incomplete screening is an answer too: status 200, gate refer. Whatever is not a 200 with \
                        gate continue means refer.",
        "parameters": [key],
        "requestBody": {
            "required": true,
            "content": { MEDIA_TYPE: content("ScreeningRequest", examples::requests()) }
        },
        "responses": responses()
    })
}

fn content(schema: &str, examples: Vec<(&'static str, &'static str, Value)>) -> Value {
    let named = examples
        .into_iter()
        .map(|(name, summary, value)| (name.to_owned(), json!({ "summary": summary, "value": value })));
    json!({
        "schema": { "$ref": format!("#{COMPONENTS}/{schema}") },
        "examples": named.collect::<Map<String, Value>>()
    })
}

/// The answer, and one problem response a status.
fn responses() -> Value {
    let answer = json!({
        "description": "The outcomes, complete or not",
        "content": { MEDIA_TYPE: content("ScreeningResponse", examples::responses()) }
    });
    let mut by_status: BTreeMap<u16, Vec<_>> = BTreeMap::new();
    let ours = PROBLEMS.iter().map(|kind| (kind, examples::problem(kind)));
    let lanes = TRANSPORT_PROBLEMS.iter().map(|kind| (kind, examples::transport_problem(kind)));
    for (kind, example) in ours.chain(lanes) {
        by_status.entry(kind.status).or_default().push((kind.code, kind.title, example));
    }
    let problems =
        by_status.into_iter().map(|(status, examples)| (status.to_string(), problem(status, examples)));
    Value::Object(std::iter::once(("200".to_owned(), answer)).chain(problems).collect())
}

fn problem(status: u16, examples: Vec<(&'static str, &'static str, Value)>) -> Value {
    let codes: Vec<&str> = examples.iter().map(|(code, _, _)| *code).collect();
    let mut response = json!({
        "description": format!("A problem: {}", codes.join(", ")),
        "content": { PROBLEM_MEDIA_TYPE: content("Problem", examples) }
    });
    if [429, 503].contains(&status) {
        let after = json!({ "description": "Seconds to wait, if known", "schema": { "type": "integer" } });
        response["headers"] = json!({ "Retry-After": after });
    }
    response
}

/// This document.
fn description() -> Value {
    json!({
        "operationId": "describe",
        "summary": "The description of this API",
        "security": [],
        "responses": {
            "200": { "description": "OpenAPI 3.1", "content": { MEDIA_TYPE: { "schema": { "type": "object" } } } }
        }
    })
}

fn security() -> Value {
    json!({
        "mutualTLS": { "type": "mutualTLS", "description": "The certificate names the client." },
        "bearer": { "type": "http", "scheme": "bearer", "description": "The token names the client." }
    })
}
