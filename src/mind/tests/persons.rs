//! States of persons: what they answer, and how they are refused.

use std::fs;
use std::path::Path;

use postern_sdk::{Answer, Basis, DocumentNumber, MatchClass, Name, PersonKey, Query, Reason, Remark, Sex};
use serde_json::Value;

use super::super::names::{PERSONS_FILE, Person};
use super::*;
use crate::keys::hex;
use crate::sim::persons::{Change, asked, generate};

const NOTICES: [Database; 2] = [Database::PublicNotices, Database::Nominal];

impl Site {
    /// Calls `with` with the usual options of a version of notices.
    pub(super) fn notices<T>(&self, version: u64, with: impl FnOnce(BuildOptions<'_>) -> T) -> T {
        let coverage = [(Database::PublicNotices, Coverage::Partial)].into();
        self.options(version, |options| {
            with(BuildOptions { dataset: Dataset::Notices, coverage: &coverage, ..options })
        })
    }

    pub(super) fn build_notices(&self, version: u64, persons: &[Person]) -> PersonsManifest {
        self.notices(version, |options| build_persons(persons, &options)).unwrap()
    }

    fn opening_persons<T>(&self, with: impl FnOnce(&Opening<'_>) -> T) -> T {
        self.opening(|opening| with(&Opening { dataset: Dataset::Notices, ..*opening }))
    }

    pub(super) fn open_persons(&self, version: u64) -> Result<PersonsCopy, Refusal> {
        self.opening_persons(|opening| PersonsCopy::open(opening, version))
    }

    pub(super) fn persons_path(&self, version: u64) -> PathBuf {
        self.folder.join("notices").join(format!("{version:012}"))
    }

    /// Signs another text in place of a version's manifest.
    pub(super) fn resign(&self, version: u64, label: &str, text: &[u8]) {
        let line = format!("{} {}\n", self.key.public().id(), hex(&self.key.sign(label, text)));
        fs::write(self.persons_path(version).join("manifest.json"), text).unwrap();
        fs::write(self.persons_path(version).join("manifest.sig"), line).unwrap();
    }
}

fn name(primary: &str, secondary: &str) -> Name {
    Name { primary: primary.into(), secondary: Some(secondary.into()), truncated: false }
}

/// Two persons, one of whom has an alias and a document.
pub(super) fn listed() -> Vec<Person> {
    let first = Person {
        id: "2020/1".to_owned(),
        names: vec![name("KORVATZ", "LIMA"), name("BENDOR", "LIMA")],
        birth: "1974-08-12".parse().ok(),
        sex: Sex::Female,
        nationalities: vec!["FRA".parse().unwrap()],
        documents: vec![DocumentNumber::normalise("X1234567").unwrap()],
        notice: Some("RED".to_owned()),
        ..Person::default()
    };
    let second = Person {
        id: "2021/2".to_owned(),
        names: vec![name("SANOTAR", "MIRO")],
        notice: Some("YELLOW".to_owned()),
        ..Person::default()
    };
    vec![first, second]
}

pub(super) fn query(primary: &str, secondary: &str, birth: &str) -> Query {
    let key = PersonKey {
        name: name(primary, secondary),
        birth: birth.parse().ok(),
        sex: Sex::Unspecified,
        nationality: None,
        document: None,
    };
    Query { key: QueryKey::Person(key), basis: Basis::Stated }
}

fn answer(copy: &PersonsCopy, query: &Query, now: Timestamp) -> Answer {
    let [notices, nominal] = &copy.answer(query, &NOTICES, 4, now)[..] else { panic!("two answers") };
    assert_eq!(nominal.finding, Finding::NotChecked(Reason::CopyMissing));
    assert!(notices.finding != Finding::NoRecord);
    assert_eq!((notices.query, notices.source), (4, Source::Mind));
    assert_eq!(notices.data_as_of, Some(after(-2)));
    notices.clone()
}

// Proves that each listed person is found by each of its names, as a possible hit, that silence is the word of a part,
// and that nothing is said of databases that are not held.
#[test]
fn persons_are_possible_hits() {
    let site = Site::new();
    let manifest = site.build_notices(1, &listed());
    assert_eq!((manifest.records, manifest.info().table_bytes), (2, manifest.persons.bytes));
    let copy = site.open_persons(1).unwrap();
    copy.self_test().unwrap();
    for (surname, given, birth, id) in [
        ("KORVATZ", "LIMA", "1974-08-12", "2020/1"),
        ("BENDOR", "LIMA", "1974", "2020/1"),
        ("SANOTAR", "MIRO", "", "2021/2"),
    ] {
        let answer = answer(&copy, &query(surname, given, birth), NOW);
        let [hit] = answer.finding.hits() else { panic!("{answer:?}") };
        assert_eq!((hit.class, hit.record.as_str()), (MatchClass::NameScore, id));
        assert!(hit.score.is_some() && hit.notice.is_some() && hit.remarks.is_empty());
        assert_eq!(answer.unchecked, Some(Reason::CopyPartial));
    }
    let silent = answer(&copy, &query("ABSENT", "NOBODY", "1974-08-12"), NOW);
    assert_eq!(silent.finding, Finding::NotChecked(Reason::CopyPartial));
    let other = Query { key: number("L898902C3"), basis: Basis::Stated };
    assert_eq!(answer_of(&copy, &other), Finding::NotChecked(Reason::CopyMissing));
}

fn answer_of(copy: &PersonsCopy, query: &Query) -> Finding {
    copy.answer(query, &[Database::PublicNotices], 0, NOW)[0].finding.clone()
}

// Proves that name, full birth date and a document together are exact, and that the basis of the question takes that away.
#[test]
fn the_basis_counts() {
    let site = Site::new();
    site.build_notices(1, &listed());
    let copy = site.open_persons(1).unwrap();
    let mut asked = query("KORVATZ", "LIMA", "1974-08-12");
    if let QueryKey::Person(key) = &mut asked.key {
        key.document = DocumentNumber::normalise("X1234567").ok();
    }
    let class = |basis| answer_of(&copy, &Query { basis, ..asked.clone() }).hits()[0].class;
    assert_eq!(class(Basis::Stated), MatchClass::Exact);
    assert_eq!(class(Basis::OtherCentury), MatchClass::NameScore);
}

// Proves that what a limit may have hidden is told, alone and beside hits, and that past the expiry hits are stale.
#[test]
fn incomplete_and_stale_answers_say_so() {
    let site = Site::new();
    let mut persons = listed();
    persons.extend((0..150).map(|n| Person {
        id: format!("twin-{n}"),
        names: vec![name("TWIN", "MIRO")],
        ..Person::default()
    }));
    site.build_notices(1, &persons);
    let copy = site.open_persons(1).unwrap();
    copy.self_test().unwrap();
    let nameless = answer(&copy, &query("-", "", ""), NOW);
    assert_eq!(nameless.finding, Finding::NotChecked(Reason::IdentifierMissing));
    let twins = answer(&copy, &query("TWIN", "MIRO", ""), NOW);
    assert_eq!((twins.finding.hits().len(), twins.unchecked), (100, Some(Reason::ListTruncated)));
    let late = answer(&copy, &query("SANOTAR", "MIRO", ""), after(24 * 30));
    assert_eq!(late.finding.hits()[0].remarks, [Remark::StaleCopy]);
    let silent = answer(&copy, &query("ABSENT", "NOBODY", ""), after(24 * 30));
    assert_eq!(silent.finding, Finding::NotChecked(Reason::CopyPartial));
}

// Proves that every person of a synthetic list is found, also by a changed name where the rules promise it, and that
// nobody's absence is ever called clear.
#[test]
fn synthetic_persons_are_found() {
    let site = Site::new();
    let persons = generate(2_000, 9);
    site.build_notices(1, &persons);
    let copy = site.open_persons(1).unwrap();
    copy.self_test().unwrap();
    assert!(copy.is_prompt());
    for (at, person) in persons.iter().enumerate().step_by(7) {
        let change = [Change::None, Change::Order][at % 2];
        let key = QueryKey::Person(asked(person, change, true, at as u64));
        let answer = answer(&copy, &Query { key, basis: Basis::Stated }, NOW);
        let found = answer.finding.hits().iter().any(|hit| hit.record == person.id);
        assert!(found || answer.unchecked() == Some(Reason::ListTruncated), "{at}");
    }
}

// Proves that neither names nor ids of persons stand in any file of a state in the clear.
#[test]
fn the_files_of_persons_tell_nothing() {
    let site = Site::new();
    site.build_notices(1, &listed());
    for entry in fs::read_dir(site.persons_path(1)).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for text in ["KORVATZ", "LIMA", "2020/1", "X1234567"] {
            assert!(!bytes.windows(text.len()).any(|part| part == text.as_bytes()), "{text}");
        }
    }
    assert!(!format!("{:?}", site.open_persons(1).unwrap()).contains("KORVATZ"));
}

#[track_caller]
fn refused(site: &Site, version: u64) -> &'static str {
    site.open_persons(version).map(drop).unwrap_err().code()
}

// Proves that each way of tampering with a state of persons is refused by its name.
#[test]
fn tampered_persons_are_refused_by_name() {
    let site = Site::new();
    site.build_notices(1, &listed());
    let path = site.persons_path(1);
    let file = path.join(PERSONS_FILE);
    let original = fs::read(&file).unwrap();
    for bit in (0..original.len() * 8).step_by(5) {
        let mut bytes = original.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, bytes).unwrap();
        assert_eq!(refused(&site, 1), "bit_flip", "bit {bit}");
    }
    for length in [0, 1, 40, original.len() - 1] {
        fs::write(&file, &original[..length]).unwrap();
        assert_eq!(refused(&site, 1), "truncated", "{length}");
    }
    fs::write(&file, [&original[..], &[0]].concat()).unwrap();
    assert_eq!(refused(&site, 1), "endless_data");
    fs::remove_file(&file).unwrap();
    assert_eq!(refused(&site, 1), "copy_missing");
    site.build_notices(2, &listed());
    fs::copy(site.persons_path(2).join(PERSONS_FILE), &file).unwrap();
    assert_eq!(refused(&site, 1), "bit_flip", "another version's file");
    fs::write(&file, original).unwrap();
    site.open_persons(1).unwrap();
    fs::rename(&path, site.persons_path(9)).unwrap();
    assert_eq!(refused(&site, 9), "copy_misplaced");
}

// Proves that a manifest that was changed, signed for something else, or that says what no state of persons can say, is
// refused by name.
#[test]
fn manifests_of_persons_are_refused_by_name() {
    const LABEL: &str = "postern mind persons 1";
    let site = Site::new();
    site.build_notices(1, &listed());
    let path = site.persons_path(1).join("manifest.json");
    let original = fs::read(&path).unwrap();
    let changed = |pointer: &str, value: Value| {
        let mut manifest: Value = serde_json::from_slice(&original).unwrap();
        *manifest.pointer_mut(pointer).unwrap() = value;
        site.resign(1, LABEL, &serde_json::to_vec(&manifest).unwrap());
        refused(&site, 1)
    };
    let databases = |database: &str, coverage: &str, records: u64| serde_json::json!({ database: { "coverage": coverage, "records": records } });
    assert_eq!(changed("/format", 9.into()), "format_unknown");
    assert_eq!(changed("/environment", "production".into()), "wrong_environment");
    assert_eq!(changed("/dataset", "documents".into()), "wrong_dataset");
    assert_eq!(changed("/key_check", "00".repeat(16).into()), "key_wrong");
    assert_eq!(changed("/databases", databases("public_notices", "full", 2)), "manifest_malformed");
    assert_eq!(changed("/databases", databases("nominal", "partial", 2)), "manifest_malformed");
    assert_eq!(changed("/databases", databases("public_notices", "partial", 3)), "manifest_malformed");
    assert_eq!(changed("/databases", serde_json::json!({})), "manifest_malformed");
    assert_eq!(changed("/persons/bytes", (1_u64 << 40).into()), "endless_data");
    assert_eq!(changed("/persons/sha256", "11".repeat(32).into()), "bit_flip");
    let mut manifest: Value = serde_json::from_slice(&original).unwrap();
    manifest["records"] = 3.into();
    manifest["databases"] = databases("public_notices", "partial", 3);
    site.resign(1, LABEL, &serde_json::to_vec(&manifest).unwrap());
    assert_eq!(refused(&site, 1), "manifest_malformed", "fewer persons than it says");
    site.resign(1, "postern mind manifest 2", &original);
    assert_eq!(refused(&site, 1), "signature_wrong");
    site.resign(1, LABEL, &original);
    fs::write(&path, [&original[..], b" "].concat()).unwrap();
    assert_eq!(refused(&site, 1), "signature_wrong");
    site.resign(1, LABEL, &original);
    site.open_persons(1).unwrap();
}

// Proves that another publisher, another key under the same name, and a missing key are refused by name; and that a state
// of the other kind is none.
#[test]
fn foreign_persons_are_refused() {
    let (site, other) = (Site::new(), Site::new());
    site.build_notices(1, &listed());
    let code = |opening: &Opening<'_>| PersonsCopy::open(opening, 1).map(drop).unwrap_err().code();
    let publisher = site.opening_persons(|opening| code(&Opening { root: &other.root, ..*opening }));
    assert_eq!(publisher, "unknown_key");
    let wrong = |name: &str| Ok(Arc::new(Generation::new(name, keyring::GenerationKey::random().unwrap())));
    assert_eq!(
        site.opening_persons(|opening| code(&Opening { generation: &wrong, ..*opening })),
        "key_wrong"
    );
    let missing = |_: &str| Err(Refusal::KeyMissing);
    let refused = site.opening_persons(|opening| code(&Opening { generation: &missing, ..*opening }));
    assert_eq!(refused, "key_missing");
    let numbered = site.opening_persons(|opening| opening.manifest(1).map(drop).unwrap_err().code());
    assert_eq!(numbered, "signature_wrong");
}

// Proves that a build that makes no sense is refused and leaves nothing.
#[test]
fn senseless_builds_of_persons_are_refused() {
    let site = Site::new();
    let full = [(Database::PublicNotices, Coverage::Full)].into();
    let refused = |persons: &[Person], options: &BuildOptions<'_>| {
        assert!(matches!(build_persons(persons, options), Err(BuildError::Options(_))));
    };
    site.notices(1, |options| {
        refused(&[], &options);
        refused(&listed(), &BuildOptions { coverage: &full, ..options });
        refused(&listed(), &BuildOptions { dataset: Dataset::Documents, ..options });
        refused(&listed(), &BuildOptions { signers: &[], ..options });
        let rows = build(csv(&[ROW]).as_bytes(), &options, |_| {});
        assert!(matches!(rows, Err(BuildError::Options(_))));
    });
    let long = Person { names: vec![name("A", "B"); 300], ..Person::default() };
    let built = site.notices(1, |options| build_persons(&[long], &options));
    assert!(matches!(built, Err(BuildError::Persons(_))));
    assert_eq!(versions(&site.folder, "notices"), [0; 0]);
    assert!(!site.folder.join("notices/.building-000000000001").exists());
    site.build_notices(1, &listed());
    let again = site.notices(1, |options| build_persons(&listed(), &options));
    assert!(matches!(again, Err(BuildError::VersionExists(1))));
}

// Proves that a state that was carried here is taken in once, whole, and not at all if its file is not what it should be.
#[test]
fn persons_are_installed() {
    let (site, made) = (Site::new(), tempfile::tempdir().unwrap());
    site.build_notices(3, &listed());
    let source = made.path().join("state");
    fs::rename(site.persons_path(3), &source).unwrap();
    let install = || site.opening_persons(|opening| install(opening, &source));
    let file = source.join(PERSONS_FILE);
    let original = fs::read(&file).unwrap();
    let with = |bytes: &[u8], code: &str| {
        fs::write(&file, bytes).unwrap();
        assert_eq!(install().unwrap_err().code(), code);
        assert!(!site.persons_path(3).exists() && is_empty(&site.folder.join("notices")));
    };
    with(&[&original[..], b"x"].concat(), "endless_data");
    with(&original[1..], "truncated");
    with(&vec![0; original.len()], "bit_flip");
    fs::write(&file, &original).unwrap();
    assert_eq!(install().unwrap(), Installed::New(3));
    assert_eq!(install().unwrap(), Installed::Known(3));
    site.open_persons(3).unwrap().self_test().unwrap();
    fs::remove_file(site.persons_path(3).join(PERSONS_FILE)).unwrap();
    assert_eq!(install().unwrap(), Installed::New(3), "what was lost comes back");
    site.open_persons(3).unwrap();
    site.build_notices(4, &listed());
    fs::rename(site.persons_path(4).join("manifest.json"), site.persons_path(3).join("manifest.json"))
        .unwrap();
    assert_eq!(install().unwrap_err().code(), "mix_and_match");
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}
