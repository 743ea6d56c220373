//! The copy as a whole: what was built is found, what was tampered with never turns into silence.

mod answers;
mod bundle;
mod changes;
mod crash;
mod distribution;
mod enrolment;
mod hostile;
mod installing;
mod persons;
mod persons_carried;
mod purged;
mod served_persons;
mod serving;
mod silence;
mod tamper;
mod vectors;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use postern_sdk::{Database, DocumentKey, DocumentType, Environment, Finding, QueryKey, Source, State};

use super::trust::{Refusal, RoleKeys, Root};
use super::*;
use crate::keys::PrivateKey;
use crate::sim::feed;

const NOW: Timestamp = Timestamp::constant(1_795_500_000, 0);
const DOCUMENT_DATABASES: [Database; 3] = [Database::Sltd, Database::Tdawn, Database::Sad];

fn after(hours: i64) -> Timestamp {
    NOW + SignedDuration::from_hours(hours)
}

/// A folder, a publisher and a generation.
struct Site {
    temporary: tempfile::TempDir,
    folder: PathBuf,
    key: PrivateKey,
    root: Root,
    generation: Arc<Generation>,
    coverage: BTreeMap<Database, Coverage>,
}

impl Site {
    fn new() -> Self {
        let key = PrivateKey::generate().unwrap();
        let keys = RoleKeys { threshold: 1, keys: vec![key.public()] };
        let root = Root::new(1, Environment::Training, after(10_000), &keys, &keys).unwrap();
        let temporary = tempfile::tempdir().unwrap();
        Self {
            folder: temporary.path().join("copy"),
            temporary,
            key,
            root,
            generation: Arc::new(Generation::random().unwrap()),
            coverage: [(Database::Sltd, Coverage::Full), (Database::Tdawn, Coverage::Full)].into(),
        }
    }

    /// Calls `with` with the usual options of a version.
    fn options<T>(&self, version: u64, with: impl FnOnce(BuildOptions<'_>) -> T) -> T {
        with(BuildOptions {
            folder: &self.folder,
            dataset: Dataset::Documents,
            version,
            data_as_of: after(-2),
            created: NOW,
            expires: after(24 * 30),
            environment: Environment::Training,
            coverage: &self.coverage,
            signers: &[&self.key],
            generation: &self.generation,
        })
    }

    fn build(&self, version: u64, csv: &str) -> Result<Manifest, BuildError> {
        self.options(version, |options| build(csv.as_bytes(), &options, |_| {}))
    }

    /// The state after the newest one, by changes.
    fn change(&self, version: u64, csv: &str) -> Result<(Manifest, Outcome), BuildError> {
        let before = self.open(versions(&self.folder, "documents")[0]).unwrap();
        self.options(version, |options| build_changes(csv.as_bytes(), &before, &options, |_| {}))
    }

    fn path(&self, version: u64) -> PathBuf {
        self.folder.join("documents").join(format!("{version:012}"))
    }

    fn opening<T>(&self, with: impl FnOnce(&Opening<'_>) -> T) -> T {
        let generation = |name: &str| {
            let known = name == self.generation.name();
            known.then(|| Arc::clone(&self.generation)).ok_or(Refusal::KeyMissing)
        };
        with(&Opening {
            folder: &self.folder,
            dataset: Dataset::Documents,
            root: &self.root,
            environment: Environment::Training,
            generation: &generation,
        })
    }

    fn open(&self, version: u64) -> Result<Copy, Refusal> {
        self.opening(|opening| Copy::open(opening, version))
    }

    /// Takes the base of a version away, so that it can only be reached by its delta.
    fn strip(&self, version: u64) {
        for name in ["table.bin", "table.tree", "ids.bin", "ids.tree"] {
            std::fs::remove_file(self.path(version).join(name)).unwrap();
        }
    }

    /// Signs a version's manifest anew after a change.
    fn lie(&self, version: u64, change: impl FnOnce(&mut Manifest)) {
        let path = self.path(version);
        let mut manifest = Manifest::read(&path, &self.root).unwrap();
        change(&mut manifest);
        std::fs::remove_file(path.join("manifest.json")).unwrap();
        std::fs::remove_file(path.join("manifest.sig")).unwrap();
        manifest.write(&disk::RealDisk, &path, &[&self.key]).unwrap();
    }

    /// What is in the dataset's folder, by name.
    fn listing(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.join("documents")).into_iter().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn csv(rows: &[&str]) -> String {
    format!("{}\n{}\n", COLUMNS.join(","), rows.join("\n"))
}

fn changes_csv(rows: &[String]) -> String {
    let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
    format!("change,{}\n{rows}", COLUMNS.join(","))
}

fn feed_csv(records: u64, seed: u64) -> String {
    let mut bytes = Vec::new();
    feed::generate(records, seed).write_csv(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn key(number: &str, issuer: Option<State>, doc_type: Option<DocumentType>) -> QueryKey {
    QueryKey::Document(DocumentKey { number: number.parse().unwrap(), issuer, doc_type })
}

fn number(number: &str) -> QueryKey {
    key(number, None, None)
}

fn findings(copy: &Copy, key: &QueryKey) -> BTreeMap<Database, Finding> {
    let answers = copy.answer(key, &DOCUMENT_DATABASES, 3, NOW);
    assert!(answers.iter().all(|answer| answer.query == 3 && answer.source == Source::Mind));
    answers.into_iter().map(|answer| (answer.database, answer.finding)).collect()
}

/// The ids of the records under a number.
fn ids(copy: &Copy, text: &str) -> Vec<String> {
    let found = findings(copy, &number(text));
    let hits = found.values().flat_map(Finding::hits);
    let mut ids: Vec<String> = hits.map(|hit| hit.record.clone()).collect();
    ids.sort();
    ids
}

const ROW: &str = "sltd,L898902C3,UTO,PAS,STL,2019-XX-XX,FRA,,2031-05-02,id-1";
const TDAWN: &str = "tdawn,A1234567,UTO,PAS,,,,red,,id-2";
