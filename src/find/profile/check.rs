//! What a profile can't be, each with the key and the remedy.

use std::collections::BTreeSet;
use std::fmt;

use postern_sdk::{Database, Reason};

use super::{Code, HeaderValue, Kind, Meaning, Operation, Profile, RequestValue, Service, Step};

/// Something in a profile that can't be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key at which it stands: `service.nominal.path`.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.key, self.what, self.remedy)
    }
}

/// Why text is no profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileError {
    /// Not TOML, or with keys missing or unknown: the text names line, column and key.
    Syntax(String),
    /// Keys that can't be as they are.
    Problems(Vec<Problem>),
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(text) => write!(f, "the profile can't be read: {text}"),
            Self::Problems(problems) => {
                f.write_str("the profile is wrong:")?;
                problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for ProfileError {}

const NAME_REMEDY: &str = "write the element's local name: a letter, then letters, digits, '_', '-', '.'";

/// Gathers problems.
pub(super) struct Check(Vec<Problem>);

impl Check {
    pub(super) fn that(&mut self, holds: bool, key: &str, what: &str, remedy: &'static str) {
        if !holds {
            self.0.push(Problem { key: key.to_owned(), what: what.to_owned(), remedy });
        }
    }

    pub(super) fn name(&mut self, key: &str, name: &str) {
        self.that(is_name(name), key, "not a name of an element", NAME_REMEDY);
    }

    /// Tells a place of a record that can't be one.
    pub(super) fn place(&mut self, key: &str, place: &str) {
        let named = place.split('.').all(|part| is_name(part.strip_prefix('@').unwrap_or(part)));
        self.that(named, key, &format!("{place:?} is no place"), NAME_REMEDY);
    }

    pub(super) fn unique<'a>(&mut self, key: &str, names: impl Iterator<Item = &'a str>) {
        let mut seen = BTreeSet::new();
        for name in names {
            self.that(seen.insert(name), key, &format!("{name:?} stands there twice"), "give each its own");
        }
    }
}

fn is_name(name: &str) -> bool {
    let begins = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    begins && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

impl Profile {
    /// Everything in the profile that can't be.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut check = Check(Vec::new());
        self.check_limits(&mut check);
        self.check_names(&mut check);
        self.check_header(&mut check);
        codes(&mut check, "result", &self.result);
        codes(&mut check, "status", &self.status);
        check.that(!self.service.is_empty(), "service", "none", "describe a service");
        check.unique("service.name", self.service.iter().map(|service| service.name.as_str()));
        for service in &self.service {
            self.check_service(&mut check, service);
        }
        if let Some(wisdm) = &self.wisdm {
            wisdm.check(&mut check, self);
        }
        check.0
    }

    fn check_limits(&self, check: &mut Check) {
        let limits = &self.limits;
        let remedy = "allow 1 KiB to 64 MiB";
        check.that(
            (1 << 10..=64 << 20).contains(&limits.reply_bytes),
            "limits.reply_bytes",
            "out of range",
            remedy,
        );
        check.that(
            (limits.reply_bytes..=256 << 20).contains(&limits.file_bytes),
            "limits.file_bytes",
            "out of range",
            "allow from reply_bytes to 256 MiB",
        );
        check.that(
            (4..=200).contains(&limits.depth),
            "limits.depth",
            "out of range",
            "allow 4 to 200 levels",
        );
        check.that(self.values.score_max > 0, "values.score_max", "zero", "write the best score");
    }

    fn check_names(&self, check: &mut Check) {
        let Self { envelope: e, reply: r, payload: p, .. } = self;
        let names = [
            ("envelope.envelope", &e.envelope),
            ("envelope.header", &e.header),
            ("envelope.body", &e.body),
            ("envelope.fault", &e.fault),
            ("envelope.fault_code", &e.fault_code),
            ("envelope.fault_text", &e.fault_text),
            ("envelope.fault_server", &e.fault_server),
            ("http.action_header", &self.http.action_header),
            ("reply.code", &r.code),
            ("reply.other_code", &r.other_code),
            ("reply.request_id", &r.request_id),
            ("reply.reference", &r.reference),
            ("reply.timestamp", &r.timestamp),
            ("reply.payload", &r.payload),
            ("payload.root", &p.root),
            ("payload.header", &p.header),
            ("payload.generator", &p.generator),
            ("payload.data", &p.data),
            ("payload.search", &p.search),
            ("payload.query", &p.query),
            ("payload.block", &p.block),
            ("payload.block_name", &p.block_name),
            ("payload.block_status", &p.block_status),
            ("payload.file", &p.file),
            ("payload.wrapper", &p.wrapper),
        ];
        names.iter().for_each(|(key, name)| check.name(key, name));
        p.entries.iter().for_each(|name| check.name("payload.entries", name));
    }

    fn check_header(&self, check: &mut Check) {
        for block in &self.header {
            let key = format!("header.{}", block.element);
            check.name(&key, &block.element);
            block.attributes.keys().for_each(|name| check.name(&key, name));
            block.fields.iter().for_each(|field| check.name(&key, &field.element));
        }
        for step in Step::ALL {
            let sent = self.header.iter().filter(|block| block.operations.contains(&step));
            let referenced = sent
                .flat_map(|block| &block.fields)
                .any(|field| field.value == HeaderValue::ReferenceInCountry);
            let what = format!("no block sends reference_in_country with {}", step.code());
            check.that(referenced, "header", &what, "add it: each request needs a reference of its own");
        }
    }

    fn check_service(&self, check: &mut Check, service: &Service) {
        let key = |part: &str| format!("service.{}.{part}", service.name);
        check.that(service.path.starts_with('/'), &key("path"), "no path", "begin it with '/'");
        check.that(!service.namespace.is_empty(), &key("namespace"), "empty", "write the namespace");
        check.that(!service.blocks.is_empty(), &key("blocks"), "none", "name each database's block");
        check.unique(&key("blocks"), service.blocks.iter().map(|block| block.name.as_str()));
        let known = service.databases().all(|database| database != Database::Unknown);
        check.that(known, &key("blocks"), "a database that is not known", "use the codes of the manual");
        let entry_known = self.payload.entries.contains(&service.entry);
        check.that(entry_known, &key("entry"), "not in payload.entries", "add it there");
        for step in Step::ALL {
            if let Some(operation) = service.operation(step) {
                check_operation(check, &key(step.code()), step, service.kind, operation);
            }
        }
        let fields = &service.fields;
        check.that(
            fields.record.is_some(),
            &key("fields.record"),
            "missing",
            "say where a record's id stands",
        );
        for value in asked_by(service.kind).iter().filter(|value| service.search.sends(**value)) {
            let judged_there = matches!(value, RequestValue::Name | RequestValue::Title);
            let found = judged_there || fields.found_by(*value).is_some();
            let what = format!("no place for {value:?}");
            check.that(found, &key("fields"), &what, "say where a record's number stands");
        }
        for path in fields.paths().chain(service.keep.values()) {
            check.place(&key("fields"), path);
        }
        let probe = postern_sdk::DocumentNumber::normalise(&service.probe).is_ok();
        check.that(probe, &key("probe"), "not usable", "write 5 to 25 letters and digits");
    }
}

/// What a service of a kind may be asked by.
const fn asked_by(kind: Kind) -> &'static [RequestValue] {
    match kind {
        Kind::Document => &[RequestValue::Number],
        Kind::Person => &[RequestValue::Name],
        Kind::Vehicle => &[RequestValue::Vin, RequestValue::Plate, RequestValue::Engine],
        Kind::Firearm => &[RequestValue::Serial],
        Kind::Vessel => &[RequestValue::Imo, RequestValue::Hull, RequestValue::Engine],
        Kind::WorkOfArt => &[RequestValue::Title],
    }
}

fn check_operation(check: &mut Check, key: &str, step: Step, kind: Kind, operation: &Operation) {
    for name in [&operation.operation, &operation.response, &operation.result] {
        check.name(key, name);
    }
    operation.fields.iter().for_each(|field| check.name(key, &field.element));
    check.unique(key, operation.fields.iter().map(|field| field.element.as_str()));
    let needed = match step {
        Step::Search | Step::Exact => asked_by(kind),
        Step::Details => &[RequestValue::Record],
        Step::Notice | Step::Image | Step::Schema => &[RequestValue::Path],
    };
    let asked = needed.iter().any(|value| operation.sends(*value));
    check.that(asked, key, &format!("no field sends {:?}", needed), "add it: without it nothing is asked");
    let has_content = operation.content.is_some() == step.is_file();
    check.that(
        has_content,
        key,
        "content only of a file, and of each",
        "say where the file stands, or leave it out",
    );
}

fn codes(check: &mut Check, key: &str, codes: &[Code]) {
    check.unique(key, codes.iter().map(|code| code.name.as_str()));
    let numbers: BTreeSet<u16> = codes.iter().map(|code| code.number).collect();
    check.that(numbers.len() == codes.len(), key, "a number stands there twice", "give each its own");
    for code in codes {
        let numeric = code.name.parse::<u16>().is_ok();
        check.that(!numeric, key, "a name that is a number", "write the code's name as text");
        let recognised = code.means != Meaning::NotChecked(Reason::Unrecognised);
        let what = format!("{:?} means nothing known", code.name);
        check.that(recognised, key, &what, "write hits, no_record or a reason's code");
    }
    for (meaning, count) in [(Meaning::Hits, "hits"), (Meaning::NoRecord, "no_record")] {
        let once = codes.iter().filter(|code| code.means == meaning).count() == 1;
        check.that(once, key, &format!("not exactly one code means {count}"), "give it to exactly one");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(from: &str, to: &str) -> Vec<String> {
        let text = super::super::BUILT_IN.replacen(from, to, 1);
        assert_ne!(text, super::super::BUILT_IN, "{from}");
        match Profile::parse(&text) {
            Ok(_) => Vec::new(),
            Err(ProfileError::Syntax(text)) => vec![text],
            Err(ProfileError::Problems(problems)) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    // Proves that the built-in profile is right, and confirms no service as silent.
    #[test]
    fn built_in_is_right() {
        let profile = Profile::parse(super::super::BUILT_IN).unwrap();
        assert!(profile.service.iter().all(|service| !service.silent));
        assert_eq!(profile.result.len(), 8);
        assert_eq!(profile.enabled().count(), 7);
    }

    /// Every text of the built-in profile that only the wire would have.
    fn wire_names(value: &toml::Value, names: &mut BTreeSet<String>) {
        match value {
            toml::Value::Table(table) => {
                // What the tables hold are words of ours, most of them spelt as the wire spells them.
                let ours = ["tables", "administrative_types"];
                let wire = table.iter().filter(|(key, _)| !ours.contains(&key.as_str()));
                wire.for_each(|(_, value)| wire_names(value, names));
            }
            toml::Value::Array(values) => values.iter().for_each(|value| wire_names(value, names)),
            toml::Value::String(text) if text.len() > 2 && text != "YYYYMMDD" => {
                let distinct = text.chars().any(|c| c.is_ascii_uppercase() || matches!(c, ':' | '/'));
                if distinct || text.ends_with("_id") {
                    names.insert(text.clone());
                }
            }
            _ => {}
        }
    }

    fn sources(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    // Proves that no name of the wire stands in the source of client or simulator, tests excepted.
    #[test]
    fn no_wire_name_in_the_source() {
        let mut names = BTreeSet::new();
        let profile: toml::Table = super::super::BUILT_IN.parse().unwrap();
        names.extend(profile["wisdm"]["errors"].as_table().unwrap().keys().cloned());
        wire_names(&profile.into(), &mut names);
        assert!(names.contains("DIN") && names.contains("status_id") && names.len() > 50);
        let mut files = Vec::new();
        for folder in ["src/find", "src/sim", "src/wisdm"] {
            sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
        }
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for name in &names {
                assert!(!code.contains(&format!("\"{name}\"")), "{name} in {}", file.display());
            }
        }
    }

    // Proves that each mistake is told with its key and a remedy.
    #[test]
    fn mistakes_are_told() {
        let cases = [
            ("reply_bytes = 1_048_576", "reply_bytes = 1", "limits.reply_bytes"),
            ("code = \"resultCode\"", "code = \"result Code\"", "reply.code"),
            ("value = \"reference_in_country\"", "value = \"purpose\"", "header: no block sends"),
            ("means = \"no_record\"", "means = \"hits\"", "result: not exactly one code means"),
            ("means = \"invalid_search\"", "means = \"moon\"", "result: \"INVALID_SEARCH_ERROR\""),
            ("number = 1\n", "number = 0\n", "result: a number stands there twice"),
            ("database = \"sltd\"", "database = \"sltx\"", "service.tdawn_sltd.blocks"),
            ("path = \"/find/nominals.asmx\"", "path = \"find\"", "service.nominal.path"),
            ("value = \"number\"", "value = \"forename\"", "service.tdawn_sltd.search"),
            ("record = \"@item_id\"", "record = \"@item id\"", "service.tdawn_sltd.fields"),
            ("name = \"sltd\"", "name = \"nominal\"", "service.name"),
            ("STB = \"stolen_blank\"", "STB = \"stolen\"", "wisdm.frauds: no word for stolen_blank"),
            ("FIELD_TOO_LONG = \"field_too_long\"\n", "", "wisdm.errors: no name for field_too_long"),
            ("batch = \"theft.batch_id\"", "batch = \"theft batch\"", "wisdm.places"),
            ("{ element = \"MovementId\", value = \"movement\" }", "", "wisdm.operations.actions"),
            ("path = \"/wisdm/sltd.asmx\"", "path = \"sltd\"", "wisdm.path"),
            ("edition = 1", "edition = 1\ncolour = 2", "colour"),
            ("173 = \"FRA\"", "173 = \"F4A\"", "unusable character"),
        ];
        for (from, to, expected) in cases {
            let told = problems(from, to);
            assert!(told.iter().any(|problem| problem.contains(expected)), "{to}: {told:?}");
        }
    }
}
