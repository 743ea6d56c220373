//! What is given.

use postern_sdk::{Hit, Reply};
use serde_json::{Value, json};

use super::asked::{Asked, VERSION};
use crate::find::File;
use postern_sdk::Reference;

/// The media types that are passed on as what they are. Whatever else a service says is bytes to a browser.
const PASSED_ON: [&str; 4] = ["application/pdf", "image/jpeg", "image/png", "image/tiff"];

/// The media type under which a file is passed on.
pub(super) fn media_type(told: &str) -> &'static str {
    let essence = told.split(';').next().unwrap_or_default().trim();
    let known = PASSED_ON.into_iter().find(|one| one.eq_ignore_ascii_case(essence));
    known.unwrap_or("application/octet-stream")
}

/// A file, as it came.
pub(super) fn file(file: &File) -> Reply {
    Reply::new(file.content.to_vec(), media_type(&file.media_type))
}

/// A record in full. How it matches is not told again: it was asked for by its id.
pub(super) fn details(
    asked: &Asked,
    reference: Reference,
    reference_in_country: &Option<String>,
    hit: &Hit,
) -> Reply {
    let mut record = serde_json::to_value(hit).unwrap_or_default();
    if let Value::Object(fields) = &mut record {
        for matching in ["class", "remarks", "score"] {
            fields.remove(matching);
        }
    }
    let told = json!({
        "version": VERSION, "reference": reference, "exchange": asked.exchange, "database": asked.database,
        "reference_in_country": reference_in_country, "record": record,
    });
    Reply::new(told.to_string(), "application/json")
}
