//! The description of the HTTP API, OpenAPI 3.1, generated from the types.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::beside::{
    DETAILS_PATH, DOCUMENTS_PATH, DetailsRequest, DetailsResponse, DocumentRefusal, DocumentRequest,
    DocumentResponse, FETCH_PROBLEMS, FILES_PATH, FetchProblem, FileRequest, WITHDRAWALS_PATH,
};
use crate::problem::ProblemKind;
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
    define_beside(&mut schemas);
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
        "paths": {
            PATH: { "post": operation() },
            DETAILS_PATH: { "post": details() },
            FILES_PATH: { "post": files() },
            DOCUMENTS_PATH: { "post": managed("report", "Report a lost or stolen document of this country") },
            WITHDRAWALS_PATH: { "post": managed("withdraw", "Withdraw the record of a document of this country") },
            OPENAPI_PATH: { "get": description() }
        },
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

/// Adds what is served beside screenings.
fn define_beside(schemas: &mut Map<String, Value>) {
    let read = SchemaSettings::draft2020_12;
    let written = || SchemaSettings::draft2020_12().for_serialize();
    define::<DetailsRequest>("DetailsRequest", read(), schemas);
    define::<FileRequest>("FileRequest", read(), schemas);
    define::<DocumentRequest>("DocumentRequest", read(), schemas);
    define::<FetchProblem>("FetchProblem", written(), schemas);
    define::<DocumentResponse>("DocumentResponse", written(), schemas);
    define::<DocumentRefusal>("DocumentRefusal", written(), schemas);
    define::<DetailsResponse>("DetailsResponse", written(), schemas);
    schemas["FetchProblem"]["required"] = json!(["type", "title", "status"]);
    // A record that was asked for by its id does not say how it matches.
    let mut record = schemas["Hit"].clone();
    record["required"] = json!(["record"]);
    if let Some(fields) = record["properties"].as_object_mut() {
        fields.retain(|field, _| !["class", "remarks", "score"].contains(&field.as_str()));
    }
    schemas.insert("Record".to_owned(), record);
    let described = &mut schemas["DetailsResponse"]["properties"]["record"];
    described["$ref"] = json!(format!("#{COMPONENTS}/Record"));
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

fn details() -> Value {
    let answer = json!({
        "description": "The record in full",
        "content": { MEDIA_TYPE: { "schema": { "$ref": format!("#{COMPONENTS}/DetailsResponse") } } }
    });
    fetch("details", "Fetch the record behind a hit in full", "DetailsRequest", answer)
}

fn files() -> Value {
    let bytes = json!({ "schema": { "type": "string", "format": "binary" } });
    let types = ["application/pdf", "image/jpeg", "image/png", "image/tiff", "application/octet-stream"];
    let content: Map<String, Value> =
        types.map(|name| (name.to_owned(), bytes.clone())).into_iter().collect();
    let text = |text: &str| json!({ "description": text, "schema": { "type": "string" } });
    let answer = json!({
        "description": "The file. Its type is what the service says and is not checked; one that is not listed is told as bytes.",
        "headers": {
            "Content-Disposition": text("attachment"), "X-Content-Type-Options": text("nosniff")
        },
        "content": content
    });
    fetch("fetchFile", "Fetch a notice or an image of the record behind a hit", "FileRequest", answer)
}

/// A question of the second line. It is there where the daemon asks FIND.
fn fetch(id: &str, summary: &str, request: &str, answer: Value) -> Value {
    let mut by_status: BTreeMap<u16, Vec<&ProblemKind>> = BTreeMap::new();
    // The lane's own body limits have codes of the adapter's list.
    let limits = PROBLEMS.iter().filter(|kind| ["framing", "frame_too_large", "busy"].contains(&kind.code));
    for kind in FETCH_PROBLEMS.iter().chain(TRANSPORT_PROBLEMS).chain(limits) {
        by_status.entry(kind.status).or_default().push(kind);
    }
    let problems = by_status.into_iter().map(|(status, kinds)| {
        let codes: Vec<&str> = kinds.iter().map(|kind| kind.code).collect();
        let schema = json!({ "$ref": format!("#{COMPONENTS}/FetchProblem") });
        let problem = json!({
            "description": format!("A problem: {}", codes.join(", ")),
            "content": { PROBLEM_MEDIA_TYPE: { "schema": schema } }
        });
        (status.to_string(), problem)
    });
    json!({
        "operationId": id,
        "summary": summary,
        "description": "For a client that sees all and whose grant has the operation, on a record that a screening of its \
                        own hit. There where FIND is configured. What was asked and what came stands in the journal.",
        "requestBody": {
            "required": true,
            "content": { MEDIA_TYPE: { "schema": { "$ref": format!("#{COMPONENTS}/{request}") } } }
        },
        "responses": std::iter::once(("200".to_owned(), answer)).chain(problems).collect::<Map<_, _>>()
    })
}

/// What is done with a document of the country.
fn managed(id: &str, summary: &str) -> Value {
    let content =
        |schema: &str| json!({ MEDIA_TYPE: { "schema": { "$ref": format!("#{COMPONENTS}/{schema}") } } });
    let refusals = [
        ("400", "The message can't be read"),
        ("403", "The client may not"),
        ("409", "The service objects"),
        ("422", "The context is not whole, or a rule is broken"),
        ("500", "Something failed inside Postern"),
        ("502", "The service did not answer"),
        ("503", "The journal could not be written; in_doubt says whether the service was asked"),
    ];
    let refused = refusals.map(|(status, text)| {
        (status.to_owned(), json!({ "description": text, "content": content("DocumentRefusal") }))
    });
    let done = json!({ "description": "It is done", "content": content("DocumentResponse") });
    json!({
        "operationId": id,
        "summary": summary,
        "description": "For a client whose grant has the operation report. There where FIND is configured and its profile \
                        has the service. The lane's own problems are those of the other paths.",
        "requestBody": { "required": true, "content": content("DocumentRequest") },
        "responses": std::iter::once(("200".to_owned(), done)).chain(refused).collect::<Map<_, _>>()
    })
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
