//! The copy as a whole: what was built is found, what was tampered with never turns into silence.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use postern_sdk::{
    Basis, Context, Database, DocumentKey, DocumentNumber, DocumentType, Environment, Finding, MatchClass,
    Name, PersonKey, Query, QueryKey, Reason, Reference, Remark, Sex, Source, State,
};
use proptest::prelude::*;

use super::*;
use crate::clock::Clock;
use crate::keys::{PrivateKey, PublicKey};
use crate::screening::{Ask, Lookup};
use crate::sim::feed::{self, Expected};

const NOW: Timestamp = Timestamp::constant(1_795_500_000, 0);
const DOCUMENT_DATABASES: [Database; 3] = [Database::Sltd, Database::Tdawn, Database::Sad];

fn after(hours: i64) -> Timestamp {
    NOW + SignedDuration::from_hours(hours)
}

struct Site {
    folder: tempfile::TempDir,
    key: PrivateKey,
    publisher: PublicKey,
}

impl Site {
    fn new() -> Self {
        let key = PrivateKey::generate().unwrap();
        Self { folder: tempfile::tempdir().unwrap(), publisher: key.public(), key }
    }

    fn options(&self, version: u64) -> BuildOptions<'_> {
        BuildOptions {
            folder: self.folder.path().to_owned(),
            dataset: DOCUMENTS.to_owned(),
            version,
            data_as_of: after(-2),
            created: NOW,
            expires: after(24 * 30),
            environment: Environment::Training,
            coverage: [(Database::Sltd, Coverage::Full), (Database::Tdawn, Coverage::Full)].into(),
            signing_key: &self.key,
        }
    }

    fn build(&self, csv: &str, options: &BuildOptions<'_>) -> Result<Manifest, BuildError> {
        build(csv.as_bytes(), options, |_| {})
    }

    fn path(&self, version: u64) -> PathBuf {
        self.folder.path().join(DOCUMENTS).join(format!("{version:012}"))
    }

    fn open(&self, version: u64) -> Result<Copy, OpenError> {
        Copy::open(&self.path(version), &self.publisher, Environment::Training)
    }

    fn mind(&self, now: Timestamp) -> (Mind, Reload) {
        let options = MindOptions {
            folder: self.folder.path().to_owned(),
            dataset: DOCUMENTS.to_owned(),
            publisher: self.publisher.clone(),
            environment: Environment::Training,
            purge: Duration::from_secs(30 * 24 * 3600),
        };
        Mind::open(options, Clock::from_fn(move || now))
    }

    fn leftovers(&self) -> usize {
        fs::read_dir(self.folder.path().join(DOCUMENTS)).map_or(0, Iterator::count)
    }
}

fn csv(rows: &[&str]) -> String {
    format!("{}\n{}\n", COLUMNS.join(","), rows.join("\n"))
}

fn feed_csv(records: u64, seed: u64) -> String {
    let mut bytes = Vec::new();
    feed::generate(records, seed).write_csv(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn key(number: &str, issuer: Option<State>, doc_type: Option<DocumentType>) -> DocumentKey {
    DocumentKey { number: DocumentNumber::normalise(number).unwrap(), issuer, doc_type }
}

fn findings(copy: &Copy, key: &DocumentKey) -> BTreeMap<Database, Finding> {
    let answers = copy.answer(key, &DOCUMENT_DATABASES, 3, NOW);
    assert!(answers.iter().all(|answer| answer.query == 3 && answer.source == Source::Mind));
    answers.into_iter().map(|answer| (answer.database, answer.finding)).collect()
}

fn ask(key: QueryKey, databases: &[Database]) -> Ask {
    Ask {
        reference: Reference(uuid::Uuid::nil()),
        context: Arc::new(Context::default()),
        query: Query { key, basis: Basis::Stated },
        number: 7,
        databases: databases.to_vec(),
        deadline: tokio::time::Instant::now(),
    }
}

const ROW: &str = "sltd,L898902C3,UTO,PAS,STL,2019-XX-XX,FRA,,2031-05-02,id-1";
const TDAWN: &str = "tdawn,A1234567,UTO,PAS,,,,red,,id-2";

// Proves that each record of a feed is found with all its fields, and that absent numbers are no record.
#[test]
fn every_record_is_found() {
    let site = Site::new();
    let feed = feed::generate(50_000, 11);
    let manifest = site.build(&feed_csv(50_000, 11), &site.options(1)).unwrap();
    assert_eq!(manifest.records, 50_000);
    let copy = site.open(1).unwrap();
    for row in feed.rows() {
        let found = findings(&copy, &key(&row.number, Some(row.issuer), Some(row.doc_type)));
        let hit = found[&row.database].hits().iter().find(|hit| hit.record == row.record_id).unwrap();
        assert_eq!(hit.class, MatchClass::Exact);
        assert_eq!((hit.issuer, hit.doc_type), (Some(row.issuer), Some(row.doc_type)));
        assert_eq!(hit.theft_type.as_deref().unwrap_or(""), row.theft_type);
        assert_eq!(hit.theft_date, row.theft_date.parse().ok());
        assert_eq!(hit.theft_country, row.theft_country);
        assert_eq!(hit.notice.as_deref().unwrap_or(""), row.notice);
        assert_eq!(hit.details["retention_date"].reveal(), &row.retention_date);
        assert_eq!(hit.identifier.as_ref().unwrap().reveal(), &row.number);
    }
    for absent in 0..20_000 {
        let found = findings(&copy, &key(&format!("ZZZZ{absent:08}"), None, None));
        assert_eq!(found[&Database::Sltd], Finding::NoRecord);
        assert_eq!(found[&Database::Tdawn], Finding::NoRecord);
        assert_eq!(found[&Database::Sad], Finding::NotChecked(Reason::CopyMissing));
    }
    copy.verify().unwrap();
}

// Proves that each planted question of the simulator's feed is answered as it must be.
#[test]
fn plants_are_answered() {
    let site = Site::new();
    let feed = feed::generate(20_000, 5);
    site.build(&feed_csv(20_000, 5), &site.options(1)).unwrap();
    let copy = site.open(1).unwrap();
    for plant in feed.plant(300) {
        let found = findings(&copy, &key(&plant.number, Some(plant.issuer), Some(plant.doc_type)));
        let class = found[&plant.database].hits().first().map(|hit| hit.class);
        let expected = match plant.expected {
            Expected::Exact => Some(MatchClass::Exact),
            Expected::TypeDiffers => Some(MatchClass::TypeDiffers),
            Expected::IssuerDiffers => Some(MatchClass::IssuerDiffers),
            Expected::NumberOnly => Some(MatchClass::NumberOnly),
            Expected::NoRecord => None,
        };
        assert_eq!(class, expected);
    }
}

// Proves that the records of one number come back together, the best first, and more of them than a bucket has tags.
#[test]
fn records_of_a_number_come_together() {
    let site = Site::new();
    let issuers: Vec<String> =
        (0..200_u8).map(|i| format!("A{}{}", (b'A' + i / 26) as char, (b'A' + i % 26) as char)).collect();
    let rows: Vec<String> = issuers
        .iter()
        .enumerate()
        .map(|(i, issuer)| format!("sltd,0000000,{issuer},PAS,,,,,,r{i}"))
        .collect();
    let mut rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    rows.extend([TDAWN, "tdawn,0000000,UTO,PAS,,,,blue,,x"]);
    site.build(&csv(&rows), &site.options(1)).unwrap();
    let copy = site.open(1).unwrap();
    copy.verify().unwrap();
    let asked = key("000-0000", Some(State::normalise(&issuers[77]).unwrap()), Some(DocumentType::PASSPORT));
    let found = findings(&copy, &asked);
    let hits = found[&Database::Sltd].hits();
    assert_eq!(hits.len(), 200);
    assert_eq!((hits[0].class, hits[0].record.as_str()), (MatchClass::Exact, "r77"));
    assert!(hits[1..].iter().all(|hit| hit.class == MatchClass::IssuerDiffers));
    assert_eq!(found[&Database::Tdawn].hits().len(), 1);
}

// Proves that partial coverage, expiry and other subjects never make silence evidence, and that matches are still told.
#[test]
fn silence_needs_coverage() {
    let site = Site::new();
    let mut options = site.options(1);
    options.coverage.insert(Database::Sltd, Coverage::Partial);
    site.build(&csv(&[ROW, TDAWN]), &options).unwrap();
    let copy = site.open(1).unwrap();
    let absent = findings(&copy, &key("12345678", None, None));
    assert_eq!(absent[&Database::Sltd], Finding::NotChecked(Reason::CopyPartial));
    assert_eq!(absent[&Database::Tdawn], Finding::NoRecord);
    assert_eq!(findings(&copy, &key("L898902C3", None, None))[&Database::Sltd].hits().len(), 1);
    let partial = copy.answer(&key("L898902C3", None, None), &[Database::Sltd], 0, NOW);
    assert_eq!(partial[0].unchecked, Some(Reason::CopyPartial));
    let late = copy.answer(&key("A1234567", None, None), &[Database::Tdawn], 0, after(24 * 30));
    assert_eq!(late[0].finding.hits()[0].remarks, [Remark::StaleCopy]);
    assert_eq!(late[0].unchecked, Some(Reason::CopyStale));
    let late = copy.answer(&key("12345678", None, None), &[Database::Tdawn], 0, after(24 * 30));
    assert_eq!(late[0].finding, Finding::NotChecked(Reason::CopyStale));
}

// Proves that a flipped bit in each byte of a small copy's table, manifest and hashes, and in its ids, either keeps the
// hit, says that the copy is damaged, or refuses to open: a match never turns into silence.
#[test]
fn no_flipped_byte_hides_a_match() {
    let site = Site::new();
    site.build(&csv(&[ROW, TDAWN]), &site.options(1)).unwrap();
    let folder = site.path(1);
    let asked = key("L898902C3", State::normalise("UTO").ok(), Some(DocumentType::PASSPORT));
    let mut outcomes = HashMap::new();
    for name in ["table.bin", "manifest.json", "manifest.sig", "table.leaves", "ids.leaves", "ids.bin"] {
        let path = folder.join(name);
        let original = fs::read(&path).unwrap();
        // The ids can't hide a match: a sample of them is enough.
        let step = if name == "ids.bin" { 61 } else { 1 };
        for at in (0..original.len()).step_by(step) {
            let mut bytes = original.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(&path, &bytes).unwrap();
            *outcomes.entry((name, outcome(&site, &asked))).or_insert(0) += 1;
        }
        fs::write(&path, original).unwrap();
    }
    assert!(outcomes.keys().all(|(_, outcome)| *outcome != "no record"), "{outcomes:?}");
    assert!(outcomes[&("table.bin", "damaged")] >= 2 * 4096, "{outcomes:?}");
    assert_eq!(outcome(&site, &asked), "hit");
}

fn outcome(site: &Site, asked: &DocumentKey) -> &'static str {
    let Ok(copy) = site.open(1) else { return "refused" };
    match &findings(&copy, asked)[&Database::Sltd] {
        Finding::Hits(hits) if hits[0].class == MatchClass::Exact => "hit",
        Finding::Hits(_) => "other hit",
        Finding::NotChecked(Reason::CopyDamaged) => "damaged",
        Finding::NotChecked(_) => "not checked",
        Finding::NoRecord => "no record",
    }
}

// Proves that a copy that was cut, or misses a file, is refused or damaged, and that verifying notices each change.
#[test]
fn cut_files_are_refused() {
    let site = Site::new();
    site.build(&feed_csv(500, 2), &site.options(1)).unwrap();
    for name in ["table.bin", "manifest.json", "manifest.sig", "table.leaves", "ids.leaves", "ids.bin"] {
        let path = site.path(1).join(name);
        let original = fs::read(&path).unwrap();
        for length in [0, 1, original.len() / 2, original.len() - 2] {
            fs::write(&path, &original[..length]).unwrap();
            assert!(site.open(1).is_err(), "{name} cut to {length}");
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(site.open(1), Err(OpenError::Missing(_))));
        let mut bytes = original.clone();
        *bytes.last_mut().unwrap() ^= 0x80;
        fs::write(&path, &bytes).unwrap();
        let changed = verify(&site.path(1), &site.publisher, Environment::Training);
        assert!(changed.is_err() || name == "manifest.sig", "{name}");
        fs::write(&path, original).unwrap();
    }
    verify(&site.path(1), &site.publisher, Environment::Training).unwrap();
}

// Proves that another publisher's snapshot, and that of the other environment, are refused by name.
#[test]
fn strangers_are_refused() {
    let (site, other) = (Site::new(), Site::new());
    site.build(&csv(&[ROW, TDAWN]), &site.options(1)).unwrap();
    let open = |publisher, environment| Copy::open(&site.path(1), publisher, environment);
    assert!(matches!(open(&other.publisher, Environment::Training), Err(OpenError::Signature)));
    let refused = open(&site.publisher, Environment::Production).unwrap_err();
    assert_eq!((refused.reason(), refused.code()), (Reason::WrongEnvironment, "wrong_environment"));
}

// Proves that the table of another snapshot can't be put under a manifest.
#[test]
fn snapshots_can_not_be_mixed() {
    let site = Site::new();
    site.build(&feed_csv(500, 2), &site.options(1)).unwrap();
    site.build(&feed_csv(500, 3), &site.options(2)).unwrap();
    for name in ["table.bin", "table.leaves"] {
        fs::copy(site.path(1).join(name), site.path(2).join(name)).unwrap();
    }
    assert!(matches!(site.open(2), Err(OpenError::Damaged)));
}

// Proves that a faulty feed is refused as a whole, with each fault by line, and that nothing is left behind.
#[test]
fn nothing_is_half_imported() {
    let site = Site::new();
    let rows = csv(&[ROW, "sltd,12,UTO,PAS,,,,,,x", "sad,A1234567,UTO,PAS,,,,,,y", TDAWN]);
    let Err(BuildError::Rows { faults, more: 0 }) = site.build(&rows, &site.options(1)) else { panic!() };
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        ["line 3, column number: identifier_too_short", "line 4, column database: database_undeclared"]
    );
    let twice = csv(&[ROW, TDAWN, ROW]);
    let Err(BuildError::Rows { faults, more: 0 }) = site.build(&twice, &site.options(1)) else { panic!() };
    assert_eq!(faults[0].to_string(), "line 4, column record_id: duplicate_record");
    assert!(matches!(site.build(&csv(&[ROW]), &site.options(1)), Err(BuildError::Empty(Database::Tdawn))));
    let many = "sltd,1\n".repeat(150);
    let Err(BuildError::Rows { faults, more }) = site.build(&csv(&[&many]), &site.options(1)) else {
        panic!()
    };
    assert_eq!((faults.len(), more), (100, 51));
    assert_eq!(site.leftovers(), 0);
}

// Proves that wrong options are refused before anything is read, and that a version is never overwritten.
#[test]
fn options_are_checked() {
    let site = Site::new();
    let wrong: [fn(&mut BuildOptions<'_>); 5] = [
        |options| options.dataset = "../x".to_owned(),
        |options| options.coverage.clear(),
        |options| options.coverage = [(Database::Smv, Coverage::Full)].into(),
        |options| options.data_as_of = after(1),
        |options| options.expires = after(-1),
    ];
    for change in wrong {
        let mut options = site.options(1);
        change(&mut options);
        assert!(matches!(site.build("", &options), Err(BuildError::Options(_))));
    }
    site.build(&csv(&[ROW, TDAWN]), &site.options(1)).unwrap();
    let again = site.build(&csv(&[ROW, TDAWN]), &site.options(1));
    assert!(matches!(again, Err(BuildError::VersionExists(1))));
    assert_eq!(site.leftovers(), 1);
}

// Proves the life of a source: no copy, a first one, a newer one, a refused one that leaves the former in service.
#[test]
fn newer_states_take_over() {
    let site = Site::new();
    let (mind, reload) = site.mind(NOW);
    let asked = ask(QueryKey::Document(key("L898902C3", None, None)), &[Database::Sltd]);
    let finding = |mind: &Mind| mind.ask_now(&asked).unwrap().remove(0).finding;
    assert_eq!(reload.version, None);
    assert_eq!(finding(&mind), Finding::NotChecked(Reason::CopyMissing));
    site.build(&csv(&["sltd,11111,,,,,,,,x", TDAWN]), &site.options(1)).unwrap();
    assert_eq!(mind.reload().version, Some(1));
    assert_eq!(finding(&mind), Finding::NoRecord);
    site.build(&csv(&[ROW, TDAWN]), &site.options(2)).unwrap();
    assert!(mind.reload().changed && !mind.reload().changed);
    assert_eq!(finding(&mind).hits().len(), 1);
    site.build(&csv(&["sltd,11111,,,,,,,,x", TDAWN]), &site.options(3)).unwrap();
    fs::write(site.path(3).join("table.leaves"), b"x").unwrap();
    let reload = mind.reload();
    assert_eq!((reload.version, reload.changed, reload.refused[0].0), (Some(2), false, 3));
    assert_eq!(finding(&mind).hits().len(), 1);
    assert_eq!(mind.info().unwrap().version, 2);
    fs::rename(site.path(1), site.path(4)).unwrap();
    assert!(matches!(mind.reload().refused[0], (4, OpenError::Misplaced)));
}

// Proves that a copy past its purge age is neither opened nor answered from, and that other questions are not checked.
#[tokio::test]
async fn purge_and_other_questions() {
    let site = Site::new();
    site.build(&csv(&[ROW, TDAWN]), &site.options(1)).unwrap();
    let asked = ask(QueryKey::Document(key("L898902C3", None, None)), &[Database::Sltd, Database::Nominal]);
    let (late, reload) = site.mind(after(24 * 30 - 2));
    assert!(matches!(reload.refused[0], (1, OpenError::Purged)));
    assert_eq!(late.without(), Some(Reason::CopyPurged));
    assert!(late.answer(&asked).iter().all(|a| a.finding == Finding::NotChecked(Reason::CopyPurged)));
    let (mind, _) = site.mind(after(1));
    let mind = Arc::new(mind);
    let answers = Arc::clone(&mind).ask(asked).await;
    assert_eq!(answers[0].data_as_of, Some(after(-2)));
    assert_eq!(answers[0].finding.hits().len(), 1);
    assert_eq!(answers[1].finding, Finding::NotChecked(Reason::CopyMissing));
    let person = PersonKey {
        name: Name::default(),
        birth: None,
        sex: Sex::Unspecified,
        nationality: None,
        document: None,
    };
    let answers = mind.answer(&ask(QueryKey::Person(person), &[Database::Nominal]));
    assert_eq!(answers[0].finding, Finding::NotChecked(Reason::CopyMissing));
}

// Proves that no file of a copy holds a number of the feed, nor shows its key in Debug.
#[test]
fn numbers_are_not_written() {
    let site = Site::new();
    let manifest = site.build(&csv(&[ROW, TDAWN]), &site.options(1)).unwrap();
    for file in fs::read_dir(site.path(1)).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|window| window == b"L898902C3"));
    }
    assert!(format!("{manifest:?}").contains("‹secret›"));
}

fn number() -> impl Strategy<Value = String> {
    // A small alphabet, so that numbers meet.
    proptest::string::string_regex("[AB1]{5,6}").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // Proves that a copy answers as a map from numbers to records does.
    #[test]
    fn answers_as_a_map_does(
        rows in proptest::collection::vec((number(), any::<bool>()), 1..300),
        asked in proptest::collection::vec(number(), 50),
    ) {
        let site = Site::new();
        let mut model: HashMap<(String, Database), Vec<String>> = HashMap::new();
        let mut lines = vec![ROW.to_owned(), TDAWN.to_owned()];
        for (index, (number, tdawn)) in rows.iter().enumerate() {
            let database = if *tdawn { Database::Tdawn } else { Database::Sltd };
            lines.push(format!("{},{number},,,,,,,,r{index:05}", database.code()));
            model.entry((number.clone(), database)).or_default().push(format!("r{index:05}"));
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        site.build(&csv(&lines), &site.options(1)).unwrap();
        let copy = site.open(1).unwrap();
        copy.verify().unwrap();
        for number in rows.iter().map(|(number, _)| number).chain(&asked) {
            let found = findings(&copy, &key(number, None, None));
            for database in [Database::Sltd, Database::Tdawn] {
                let records: Vec<String> = found[&database].hits().iter().map(|hit| hit.record.clone()).collect();
                let expected = model.get(&(number.clone(), database)).cloned().unwrap_or_default();
                prop_assert_eq!(records, expected);
                prop_assert!(found[&database].not_checked().is_none());
            }
        }
    }
}

// Proves that an empty folder, a file in its place and a foreign name are no copy and no fault.
#[test]
fn strange_folders_are_no_copy() {
    let site = Site::new();
    let parent: &Path = &site.folder.path().join(DOCUMENTS);
    fs::create_dir(parent).unwrap();
    for name in ["1", ".building-x", "000000000001x"] {
        fs::create_dir(parent.join(name)).unwrap();
    }
    let (mind, reload) = site.mind(NOW);
    assert!(reload.refused.is_empty());
    assert_eq!(mind.without(), Some(Reason::CopyMissing));
    fs::create_dir(site.path(9)).unwrap();
    assert!(matches!(mind.reload().refused[0], (9, OpenError::Missing(_))));
}
