//! The reference of every option, written from the types.

use std::fmt::Write;

use serde_json::Value as Json;

use super::shape::{Shape, choices, kind};

/// What stands above the options.
const HEAD: &str = "# Configuration

Postern reads one TOML file (`--config FILE`) and then every `*.toml` of the folder `conf.d` beside it, in the order of
their names. Tables of several files are merged; the same key twice is an error. A key that is not in this reference is
an error. Relative paths begin at the folder of the file that `--config` names. Nothing is taken from the environment but
the place of systemd's credentials.
Secrets stand in files of their own, which only their owner may read (mode 0600).

`postern check` tells everything that is wrong with a configuration, each with file, line, column, key and remedy; with
`--live` it also looks at keys, grants, addresses, disk, the copy and INTERPOL. `example.toml` shows every option.

This page is generated from the types in `src/config/file.rs`.
";

/// The reference as Markdown.
pub fn reference() -> String {
    let shape = Shape::new();
    let mut page = HEAD.to_owned();
    section(&shape, shape.root(), "", &mut page);
    page
}

/// What stands above the options of the publisher.
const PUBLISH_HEAD: &str = "# Configuration of the publisher

`postern mind publish --config FILE` reads one TOML file of its own, so that the publisher's keys need not be near the
daemon; `publish.toml` shows every option, `docs/feeds.md` says how to run it. A key that is not in this reference is an
error. Relative paths begin at the folder of the file.

This page is generated from the types in `src/config/publish/file.rs`.
";

/// The reference of the publisher's configuration as Markdown.
pub fn publish_reference() -> String {
    let shape = Shape::of::<super::publish::file::File>();
    let mut page = PUBLISH_HEAD.to_owned();
    section(&shape, shape.root(), "", &mut page);
    page
}

/// A table's options, then the tables in it.
fn section(shape: &Shape, schema: &Json, path: &str, page: &mut String) {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let mut inner = Vec::new();
    let mut rows = String::new();
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let meant = shape.resolve(property);
        let here = super::tree::join(path, key);
        if let Some(table) = table_of(shape, meant, &here) {
            inner.push((property, table));
        } else {
            row(shape, key, property, required.contains(&key.as_str()), &mut rows);
        }
    }
    if !rows.is_empty() {
        write(page, format_args!("\n| option | type | default | meaning |\n|---|---|---|---|\n{rows}"));
    }
    for (property, (path, table)) in inner {
        let text = property["description"].as_str().or(table["description"].as_str()).unwrap_or_default();
        write(page, format_args!("\n## `[{path}]`\n\n{}\n", flat(text)));
        section(shape, table, &path, page);
    }
}

/// The table that a key stands for, with its path; for a table of named tables that of one of them.
fn table_of<'a>(shape: &'a Shape, meant: &'a Json, path: &str) -> Option<(String, &'a Json)> {
    if meant["properties"].is_object() {
        return Some((path.to_owned(), meant));
    }
    let entry = shape.resolve(&meant["additionalProperties"]);
    entry["properties"].is_object().then(|| (format!("{path}.NAME"), entry))
}

fn row(shape: &Shape, key: &str, property: &Json, required: bool, rows: &mut String) {
    let meant = shape.resolve(property);
    let default = match (&property["default"], required) {
        (_, true) => "mandatory".to_owned(),
        (Json::Null, false) => "none".to_owned(),
        (value, false) => format!("`{value}`"),
    };
    let text = flat(property["description"].as_str().unwrap_or_default());
    let listed: Vec<String> = described(shape, meant);
    let list = if listed.is_empty() { String::new() } else { format!("<br>{}", listed.join("<br>")) };
    write(rows, format_args!("| `{key}` | {} | {default} | {text}{list} |\n", type_of(shape, meant)));
}

/// The names that a value may have, each with its meaning.
fn described(shape: &Shape, meant: &Json) -> Vec<String> {
    let meant = if kind(meant) == Some("array") { shape.resolve(&meant["items"]) } else { meant };
    let meaning = |name: &str| {
        let one_of = meant["oneOf"].as_array().into_iter().flatten();
        one_of.filter(|one| one["const"] == name).find_map(|one| one["description"].as_str()).map(flat)
    };
    choices(meant).map(|name| format!("`{name}`: {}", meaning(name).unwrap_or_default())).collect()
}

fn type_of(shape: &Shape, meant: &Json) -> String {
    if choices(meant).next().is_some() {
        return "name".to_owned();
    }
    match kind(meant) {
        Some("array") => format!("array of {}s", type_of(shape, shape.resolve(&meant["items"]))),
        Some("object") => "table".to_owned(),
        Some("string") if meant["format"] == "socket-address" => "address".to_owned(),
        Some(kind) => kind.to_owned(),
        None => "any".to_owned(),
    }
}

/// A document in one line of a table.
fn flat(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

fn write(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string can't fail.
    let _ = page.write_fmt(text);
}
