//! As much of JSON Schema as the generated schemas use.
//!
//! A validator of the whole language is large and brings its own network and regular expressions; the generated schemas
//! need types, constants, lists, alternatives, references and closed objects. Patterns and lengths are not looked at.

use serde_json::Value;

/// Validates a value by a schema of a document, whose references lead into that document.
///
/// # Errors
/// What does not fit first, without the value.
pub fn validate(api: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        validate(api, api.pointer(&reference[1..]).ok_or("dangling reference")?, value)?;
    }
    let one_of = schema.get("oneOf").or(schema.get("anyOf")).and_then(Value::as_array);
    if let Some(options) = one_of {
        let fits = options.iter().filter(|option| validate(api, option, value).is_ok()).count();
        demand(fits == 1, format!("{fits} options fit"))?;
    }
    if let Some(constant) = schema.get("const") {
        demand(constant == value || value.is_null(), "not the constant")?;
    }
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        demand(options.contains(value), "not of the list")?;
    }
    typed(schema, value)?;
    match value {
        Value::Array(items) => array(api, schema, items),
        Value::Object(_) => object(api, schema, value),
        _ => Ok(()),
    }
}

fn demand(holds: bool, error: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(error.into()) }
}

fn typed(schema: &Value, value: &Value) -> Result<(), String> {
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    match schema.get("type") {
        None => Ok(()),
        Some(Value::Array(names)) => demand(names.iter().any(|one| one == name), format!("is {name}")),
        Some(one) => demand(one == name, format!("is {name}")),
    }
}

fn array(api: &Value, schema: &Value, items: &[Value]) -> Result<(), String> {
    let min = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
    demand(items.len() as u64 >= min, "too few items")?;
    match schema.get("items") {
        Some(of) => items.iter().try_for_each(|item| validate(api, of, item)),
        None => Ok(()),
    }
}

fn object(api: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        demand(value.get(name).is_some(), format!("lacks {name}"))?;
    }
    let known = schema.get("properties").and_then(Value::as_object);
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false))
        || schema.get("unevaluatedProperties") == Some(&Value::Bool(false));
    for (name, field) in value.as_object().into_iter().flatten() {
        match known.and_then(|known| known.get(name)) {
            Some(of) => validate(api, of, field).map_err(|e| format!("{name}: {e}"))?,
            // A closed schema that refers to another one knows that one's fields too.
            None => demand(!closed || schema.get("$ref").is_some(), format!("{name} is unknown"))?,
        }
    }
    Ok(())
}
