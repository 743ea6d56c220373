//! Whether the tree has the shape of the written form: known keys, right types, nothing mandatory missing.
//!
//! The shape is the schema that the types of [`super::file`] generate, so there is one truth. The walk tells every
//! fault, and takes out of the tree what it can't use: an unknown or wrong optional key alone, the whole entry where a
//! mandatory key is wrong. What is left still makes a [`super::file::File`], so that its sense can be checked in
//! the same run.

use std::net::SocketAddr;

use postern_sdk::State;
use serde_json::{Map, Value as Json};

use super::file::File;
use super::problem::{Place, Problem};
use super::tree::{Node, Value, join};

/// The schema of the written form.
pub(super) struct Shape {
    schema: Json,
}

impl Shape {
    pub(super) fn new() -> Self {
        Self::of::<File>()
    }

    /// The schema of another written form.
    pub(super) fn of<T: schemars::JsonSchema>() -> Self {
        Self { schema: schemars::schema_for!(T).to_value() }
    }

    /// Tells every fault of shape, and takes them out. False if too little is left to go on.
    pub(super) fn prune(&self, root: &mut Node, problems: &mut Vec<Problem>) -> bool {
        self.walk(&self.schema, root, "", problems)
    }

    /// The schema that is meant: references followed, the empty alternative of an optional key left out.
    pub(super) fn resolve<'a>(&'a self, schema: &'a Json) -> &'a Json {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
            return self.resolve(&self.schema["$defs"][name]);
        }
        match schema["anyOf"].as_array().and_then(|any| any.iter().find(|one| one["type"] != "null")) {
            Some(one) => self.resolve(one),
            None => schema,
        }
    }

    pub(super) fn root(&self) -> &Json {
        &self.schema
    }

    /// Whether the node can be used, after its unusable optional parts were taken out.
    fn walk(&self, schema: &Json, node: &mut Node, path: &str, problems: &mut Vec<Problem>) -> bool {
        let meant = self.resolve(schema);
        if choices(meant).next().is_some() {
            return choice(meant, node, path, problems);
        }
        match kind(meant) {
            Some("object") => self.table(meant, node, path, problems),
            Some("array") => self.array(meant, node, path, problems),
            Some(kind) => leaf(kind, meant, node, path, problems),
            None => true,
        }
    }

    fn array(&self, schema: &Json, node: &mut Node, path: &str, problems: &mut Vec<Problem>) -> bool {
        let Value::Array(nodes) = &mut node.value else {
            return mismatch("an array", node, path, problems);
        };
        let mut good = true;
        for node in nodes {
            good &= self.walk(&schema["items"], node, path, problems);
        }
        good
    }

    fn table(&self, schema: &Json, node: &mut Node, path: &str, problems: &mut Vec<Problem>) -> bool {
        let Value::Table(table) = &mut node.value else {
            return mismatch("a table", node, path, problems);
        };
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let mut good = true;
        for key in required.iter().filter(|key| !table.contains_key(**key)) {
            good = false;
            problems.push(absent(&schema["properties"][key], &node.at, join(path, key)));
        }
        table.retain(|key, child| {
            let path = join(path, key);
            let kept = match property(schema, key) {
                Some(property) => self.walk(property, child, &path, problems),
                None => unknown(schema, key, child, &path, problems),
            };
            good &= kept || !required.contains(&key.as_str());
            kept
        });
        good
    }
}

fn absent(schema: &Json, table: &Place, path: String) -> Problem {
    let remedy = format!("add it: {}", meaning(schema));
    Problem::error(table.clone(), path, "the key is mandatory and is missing", remedy)
}

/// The type of a value, the empty alternative of an optional key left out.
pub(super) fn kind(schema: &Json) -> Option<&str> {
    match &schema["type"] {
        Json::String(kind) => Some(kind),
        Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).find(|kind| *kind != "null"),
        _ => None,
    }
}

fn property<'a>(schema: &'a Json, key: &str) -> Option<&'a Json> {
    let open =
        Some(&schema["additionalProperties"]).filter(|open| !matches!(open, Json::Null | Json::Bool(false)));
    schema["properties"].get(key).or(open)
}

/// The names that a value may have, if it is one of a list. What only a later version knows is left out.
pub(super) fn choices(schema: &Json) -> impl Iterator<Item = &str> {
    let one_of = schema["oneOf"].as_array().into_iter().flatten();
    let named = one_of.clone().filter_map(|one| one["const"].as_str());
    let listed = one_of.chain(std::iter::once(schema)).filter_map(|one| one["enum"].as_array()).flatten();
    named.chain(listed.filter_map(Json::as_str)).filter(|name| *name != "unknown")
}

fn choice(schema: &Json, node: &Node, path: &str, problems: &mut Vec<Problem>) -> bool {
    let Value::Leaf(toml::Value::String(text)) = &node.value else {
        return mismatch("a string", node, path, problems);
    };
    if choices(schema).any(|name| name == text) {
        return true;
    }
    let names: Vec<&str> = choices(schema).collect();
    let cause = format!("{text:?} is not known");
    problems.push(Problem::error(node.at.clone(), path, cause, one_of(&names, text)));
    false
}

fn leaf(kind: &str, schema: &Json, node: &Node, path: &str, problems: &mut Vec<Problem>) -> bool {
    let Value::Leaf(value) = &node.value else {
        return mismatch(article(kind), node, path, problems);
    };
    let fault = match (kind, value) {
        ("string", toml::Value::String(text)) => text_fault(schema, text),
        ("integer", toml::Value::Integer(number)) => range_fault(schema, *number),
        ("boolean", toml::Value::Boolean(_)) => None,
        _ => return mismatch(article(kind), node, path, problems),
    };
    let Some((cause, remedy)) = fault else { return true };
    problems.push(Problem::error(node.at.clone(), path, cause, remedy));
    false
}

fn article(kind: &str) -> &'static str {
    match kind {
        "string" => "a string",
        "integer" => "an integer",
        "boolean" => "true or false",
        _ => "another value",
    }
}

fn text_fault(schema: &Json, text: &str) -> Option<(String, String)> {
    if schema["format"] == "socket-address" {
        text.parse::<SocketAddr>().err()?;
        return Some((
            format!("{text:?} is not an address"),
            "write an IP address and a port, such as 127.0.0.1:4001 or [::1]:4001".to_owned(),
        ));
    }
    if schema["pattern"].is_string() {
        let error = State::normalise(text).err()?;
        return Some((
            format!("{text:?} is not a country: {error}"),
            "write its three-letter code of ISO 3166-1, such as FRA".to_owned(),
        ));
    }
    None
}

fn range_fault(schema: &Json, number: i64) -> Option<(String, String)> {
    let least = schema["minimum"].as_i64().unwrap_or(i64::MIN);
    let most = schema["maximum"].as_u64().and_then(|most| i64::try_from(most).ok()).unwrap_or(i64::MAX);
    let remedy = match most {
        i64::MAX => format!("write a number from {least} on"),
        _ => format!("write a number from {least} to {most}"),
    };
    (!(least..=most).contains(&number)).then(|| (format!("{number} is out of range"), remedy))
}

fn mismatch(expected: &str, node: &Node, path: &str, problems: &mut Vec<Problem>) -> bool {
    let cause = format!("found {} where {expected} is expected", node.kind());
    problems.push(Problem::error(node.at.clone(), path, cause, format!("write {expected}")));
    false
}

fn unknown(schema: &Json, key: &str, node: &Node, path: &str, problems: &mut Vec<Problem>) -> bool {
    let empty = Map::new();
    let known = schema["properties"].as_object().unwrap_or(&empty);
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    let remedy = format!("remove it, or {}", one_of(&names, key));
    problems.push(Problem::error(node.key.clone(), path, "the key is not known", remedy));
    false
}

/// "write "mind"" if a name is near to what was written, else every name.
pub(super) fn one_of(names: &[&str], written: &str) -> String {
    let near = names.iter().map(|name| (distance(name, written), name)).min();
    match near {
        Some((steps, name)) if steps <= 2 && steps * 2 <= name.len() => format!("write {name:?}"),
        Some(_) => format!("write one of: {}", names.join(", ")),
        None => "leave it out".to_owned(),
    }
}

/// How many characters must be put in, left out, changed or swapped with their neighbour (Damerau's distance).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let mut rows = [Vec::new(), (0..=b.len()).collect::<Vec<usize>>()];
    for (i, x) in a.iter().enumerate() {
        let [before, last] = &rows;
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let changed = last[j] + usize::from(x != y);
            let mut steps = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                steps = steps.min(before[j - 1] + 1);
            }
            row.push(steps);
        }
        let [_, last] = rows;
        rows = [last, row];
    }
    rows[1][b.len()]
}

/// The first sentence of an option's document.
fn meaning(schema: &Json) -> &str {
    let text = schema["description"].as_str().unwrap_or("see the reference");
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::tree;
    use super::*;

    fn problems_of(text: &str) -> (Vec<String>, bool) {
        let mut problems = Vec::new();
        let mut node = tree::parse(Path::new("p.toml"), text, &mut problems);
        let good = Shape::new().prune(&mut node, &mut problems);
        (problems.iter().map(ToString::to_string).collect(), good)
    }

    const LEAST: &str = "postern = { name = 'p', environment = 'training', country = 'FRA' }\n\
                         grants = { file = 'g', bureau_key_file = 'k' }\n";

    // Proves that the least configuration has the shape, and that an empty one is told each mandatory key.
    #[test]
    fn mandatory_keys() {
        assert_eq!(problems_of(LEAST), (Vec::new(), true));
        let (problems, good) = problems_of("");
        assert!(!good);
        assert_eq!(problems.len(), 2, "{problems:#?}");
        assert!(problems[0].starts_with("p.toml:1:1: postern: the key is mandatory"), "{}", problems[0]);
    }

    // Proves that one slip of the finger is one step, whatever its kind.
    #[test]
    fn distances() {
        for (written, steps) in [("sltd", 0), ("stld", 1), ("sld", 1), ("slltd", 1), ("slts", 1), ("", 4)] {
            assert_eq!(distance(written, "sltd"), steps, "{written}");
        }
    }

    // Proves that every fault of shape is told in one run, each at its place with its remedy.
    #[test]
    fn every_fault_at_once() {
        let text = format!(
            "{LEAST}log.level = 'loud'\njournal.segment_bytes = -1\n[policy.a]\nmode = 3\ndatabases = ['sltd', 'stld']\n\
             [lane.gate]\ntransport = 'tcp'\nlisten = 'localhost:1'\nadaptor = 'mrz'\npolicy = 'a'\n"
        );
        let (problems, good) = problems_of(&text);
        assert!(good);
        let has = |text: &str| assert!(problems.iter().any(|p| p.contains(text)), "{text} in {problems:#?}");
        has(r#"p.toml:3:13: log.level: "loud" is not known; remedy: write one of: error, warn"#);
        has("p.toml:4:25: journal.segment_bytes: -1 is out of range; remedy: write a number from 0 on");
        has("p.toml:6:8: policy.a.mode: found an integer where a string is expected");
        has(r#"p.toml:7:22: policy.a.databases: "stld" is not known; remedy: write "sltd""#);
        has(r#"p.toml:10:10: lane.gate.listen: "localhost:1" is not an address"#);
        has(r#"p.toml:11:1: lane.gate.adaptor: the key is not known; remedy: remove it, or write "adapter""#);
        has(
            "p.toml:8:7: lane.gate.adapter: the key is mandatory and is missing; remedy: add it: The adapter",
        );
        assert_eq!(problems.len(), 7, "{problems:#?}");
    }
}
