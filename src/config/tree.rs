//! The files as one tree in which every key and value knows its place.
//!
//! A deserialiser stops at the first thing that it can't read, and forgets where a value stood once it is a value. An
//! operator who mends a file wants every fault at once, each with its line. So the files are first read into this tree;
//! the shape and the sense of it are checked with the places at hand.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem};

/// Size of one file in bytes; a larger one is certainly not a configuration.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// A value with its place and that of its key.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) key: Place,
    pub(super) at: Place,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Table(BTreeMap<String, Node>),
    Array(Vec<Node>),
    Leaf(toml::Value),
}

impl Node {
    /// The value without its places.
    pub(super) fn plain(&self) -> toml::Value {
        match &self.value {
            Value::Table(table) => {
                toml::Value::Table(table.iter().map(|(key, node)| (key.clone(), node.plain())).collect())
            }
            Value::Array(nodes) => toml::Value::Array(nodes.iter().map(Self::plain).collect()),
            Value::Leaf(value) => value.clone(),
        }
    }

    /// What the value is, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Table(_) => "a table",
            Value::Array(_) => "an array",
            Value::Leaf(toml::Value::String(_)) => "a string",
            Value::Leaf(toml::Value::Integer(_)) => "an integer",
            Value::Leaf(toml::Value::Float(_)) => "a float",
            Value::Leaf(toml::Value::Boolean(_)) => "a boolean",
            Value::Leaf(_) => "a date",
        }
    }
}

/// Where each key of the files stands, by its full dotted path.
#[derive(Clone, Debug)]
pub(super) struct Places {
    root: Place,
    by_path: BTreeMap<String, Place>,
}

impl Places {
    pub(super) fn of(root: &Node) -> Self {
        let mut places = Self { root: root.at.clone(), by_path: BTreeMap::new() };
        places.note("", root);
        places
    }

    fn note(&mut self, path: &str, node: &Node) {
        if let Value::Table(table) = &node.value {
            for (key, child) in table {
                let path = join(path, key);
                self.note(&path, child);
                self.by_path.insert(path, child.at.clone());
            }
        }
    }

    /// The place of a value, or of the nearest table that it would stand in.
    pub(super) fn find(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(place) = self.by_path.get(path) {
                return place.clone();
            }
            match path.rfind('.') {
                Some(dot) => path = &path[..dot],
                None => return self.root.clone(),
            }
        }
    }

    /// Whether the files hold this key, be its value right or wrong.
    pub(super) fn has(&self, path: &str) -> bool {
        self.by_path.contains_key(path)
    }

    /// The keys of a table, in order.
    pub(super) fn keys(&self, table: &str) -> Vec<String> {
        let prefix = format!("{table}.");
        let paths = self.by_path.keys().filter_map(|path| path.strip_prefix(&prefix));
        paths.filter(|rest| !rest.contains('.')).map(str::to_owned).collect()
    }
}

/// A key within a table.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Reads a file and the `*.toml` of `conf.d` beside it, in the order of their names.
pub(super) fn read(path: &Path) -> (Node, Vec<Problem>) {
    let mut problems = Vec::new();
    let at = Place::file(path);
    let mut root = Node { key: at.clone(), at, value: Value::Table(BTreeMap::new()) };
    for file in files(path, &mut problems) {
        if let Some(text) = text_of(&file, &mut problems) {
            let node = parse(&file, &text, &mut problems);
            merge(&mut root, node, "", &mut problems);
        }
    }
    (root, problems)
}

/// Reads a file alone.
pub(super) fn read_alone(path: &Path) -> (Node, Vec<Problem>) {
    let mut problems = Vec::new();
    let text = text_of(path, &mut problems).unwrap_or_default();
    let root = parse(path, &text, &mut problems);
    (root, problems)
}

fn files(path: &Path, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let folder = path.with_file_name("conf.d");
    let mut files = vec![path.to_owned()];
    match fs::read_dir(&folder) {
        Ok(entries) => {
            let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
            files.extend(paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml")));
            files[1..].sort();
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => problems.push(unreadable(&folder, &error)),
    }
    files
}

fn text_of(path: &Path, problems: &mut Vec<Problem>) -> Option<String> {
    let text = fs::metadata(path).and_then(|meta| {
        if meta.len() > FILE_BYTES_MAX {
            return Err(std::io::Error::other("the file is larger than 4 MiB"));
        }
        fs::read_to_string(path)
    });
    text.map_err(|error| problems.push(unreadable(path, &error))).ok()
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    let remedy = "name a file that exists and that this user may read (--config FILE)";
    Problem::error(Place::file(path), "", format!("can't be read: {error}"), remedy)
}

/// One file. What follows a fault of syntax is read as far as it can be.
pub(super) fn parse(path: &Path, text: &str, problems: &mut Vec<Problem>) -> Node {
    let lines = Lines::new(path, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let place = lines.place(error.span().map_or(0, |span| span.start));
        let cause = error.message().lines().collect::<Vec<_>>().join(", ");
        problems.push(Problem::error(place, "", cause, "write it as TOML 1.0 says"));
    }
    let at = lines.place(0);
    let value = lines.table(table.into_inner(), "", problems);
    Node { key: at.clone(), at, value }
}

/// The places of one file.
struct Lines<'a> {
    file: Arc<Path>,
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(path: &Path, text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(offset, _)| offset + 1);
        Self { file: path.into(), text, starts: std::iter::once(0).chain(ends).collect() }
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset);
        let before = self.text.get(self.starts[line - 1]..offset).unwrap_or_default();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Place { file: Arc::clone(&self.file), line: number(line), column: number(before.chars().count() + 1) }
    }

    fn table(&self, table: DeTable<'_>, path: &str, problems: &mut Vec<Problem>) -> Value {
        let mut nodes = BTreeMap::new();
        for (key, value) in table {
            let key_at = self.place(key.span().start);
            let key = key.into_inner().into_owned();
            let path = join(path, &key);
            let span = value.span();
            if let Some(value) = self.value(value.into_inner(), &span, &path, problems) {
                let is_table = matches!(value, Value::Table(_));
                let at = if is_table { key_at.clone() } else { self.place(span.start) };
                nodes.insert(key, Node { key: key_at, at, value });
            }
        }
        Value::Table(nodes)
    }

    fn value(
        &self,
        value: DeValue<'_>,
        span: &Range<usize>,
        path: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Value> {
        let leaf = match value {
            DeValue::Table(table) => return Some(self.table(table, path, problems)),
            DeValue::Array(values) => {
                let nodes = values.into_iter().filter_map(|value| {
                    let span = value.span();
                    let at = self.place(span.start);
                    let value = self.value(value.into_inner(), &span, path, problems)?;
                    Some(Node { key: at.clone(), at, value })
                });
                return Some(Value::Array(nodes.collect()));
            }
            DeValue::String(text) => Some(toml::Value::String(text.into_owned())),
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok().map(toml::Value::Integer)
            }
            DeValue::Float(number) => number.as_str().parse().ok().map(toml::Value::Float),
            DeValue::Boolean(flag) => Some(toml::Value::Boolean(flag)),
            DeValue::Datetime(time) => Some(toml::Value::Datetime(time)),
        };
        if leaf.is_none() {
            let remedy = "write a number that fits into 64 bits";
            problems.push(Problem::error(self.place(span.start), path, "the number is out of range", remedy));
        }
        leaf.map(Value::Leaf)
    }
}

/// Adds the keys of `from` to `into`, table by table.
fn merge(into: &mut Node, from: Node, path: &str, problems: &mut Vec<Problem>) {
    match (&mut into.value, from.value) {
        (Value::Table(into), Value::Table(from)) => {
            for (key, node) in from {
                let path = join(path, &key);
                match into.get_mut(&key) {
                    Some(known) => merge(known, node, &path, problems),
                    None => drop(into.insert(key, node)),
                }
            }
        }
        _ => {
            let cause = format!("the key is already given at {}", into.key);
            problems.push(Problem::error(from.key, path, cause, "keep one of the two"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Node, Vec<Problem>) {
        let mut problems = Vec::new();
        let node = parse(Path::new("a.toml"), text, &mut problems);
        (node, problems)
    }

    // Proves that a value's place counts lines and characters from 1, and that an absent key has its table's place.
    #[test]
    fn places() {
        let (node, problems) = parsed("[lane.gate]\npolicy = \"e\"\nnote = 'é', x = 1\n");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].place.line, 3);
        let places = Places::of(&node);
        assert_eq!(places.find("lane.gate.policy").to_string(), "a.toml:2:10");
        assert_eq!(places.find("lane.gate.adapter").to_string(), "a.toml:1:7");
        assert_eq!(places.find("mind.folder").to_string(), "a.toml:1:1");
    }

    // Proves that tables of two files become one, and that a key in both is an error that names both places.
    #[test]
    fn merges_by_table() {
        let (mut one, _) = parsed("[log]\nlevel = 'warn'\n");
        let mut problems = Vec::new();
        let two =
            parse(Path::new("conf.d/b.toml"), "[log]\nformat = 'json'\nlevel = 'info'\n", &mut problems);
        merge(&mut one, two, "", &mut problems);
        assert_eq!(problems.len(), 1);
        let text = problems[0].to_string();
        assert_eq!(
            text,
            "conf.d/b.toml:3:1: log.level: the key is already given at a.toml:2:1; remedy: keep one of the two"
        );
        assert_eq!(one.plain()["log"]["format"].as_str(), Some("json"));
    }

    // Proves that numbers in every base are read, and that one too large is told at its place.
    #[test]
    fn numbers() {
        let (node, problems) = parsed("a = 0x10\nb = 1_000\nc = 99999999999999999999\n");
        assert_eq!(node.plain()["a"].as_integer(), Some(16));
        assert_eq!(node.plain()["b"].as_integer(), Some(1000));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].place.to_string(), "a.toml:3:5");
    }
}
