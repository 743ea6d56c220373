//! The JSON Schemas of the vocabulary, as they stand in `schemas/`.

use schemars::{Schema, schema_for};

use crate::{AdapterDescription, Answer, Exchange, Fault, Inbound, LinkOptions, Outcome, Stamp, Told};

/// Each schema by the name of its file in `schemas/`, without `.schema.json`.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("adapter-description", schema_for!(AdapterDescription)),
        ("answer", schema_for!(Answer)),
        ("exchange", schema_for!(Exchange)),
        ("fault", schema_for!(Fault)),
        ("inbound", schema_for!(Inbound)),
        ("link-options", schema_for!(LinkOptions)),
        ("outcome", schema_for!(Outcome)),
        ("stamp", schema_for!(Stamp)),
        ("told", schema_for!(Told)),
    ]
}
