//! Tests of the room: a real journal and a real list, and a FIND that does what it is told.

mod projection;
mod working;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use postern_sdk::{
    Answer, Basis, Conclusion, Context, Database, DocumentKey, DocumentNumber, Environment, Exchange,
    Finding, Hit, MatchClass, Outcome, Query, QueryKey, Reason, Reference, Source, View,
};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::*;
use crate::clock::Clock;
use crate::engine::record::{Body, Section, Trip};
use crate::engine::{Duplicates, LateRecord, Recents, Shared, Stats};
use crate::grants::{self, Grants};
use crate::journal::storage::FileStorage;
use crate::journal::{Entry, Journal, Kind, Options, Record};
use crate::keys::PrivateKey;
use crate::screening::{Answers, Ask, Follow, Lookup, Place, Screener};

const BOTH: [Database; 2] = [Database::Sltd, Database::Tdawn];

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn places(databases: &[Database]) -> Vec<Place> {
    databases.iter().map(|database| Place { query: 0, database: *database }).collect()
}

fn query() -> Query {
    let number = DocumentNumber::normalise("X1234567").unwrap();
    Query {
        key: QueryKey::Document(DocumentKey { number, issuer: None, doc_type: None }),
        basis: Basis::Stated,
    }
}

fn hits() -> Finding {
    Finding::Hits(vec![Hit::new(MatchClass::Exact, "r-1")])
}

fn context(client: &str) -> Context {
    Context {
        client: client.into(),
        environment: Environment::Training,
        agency: Some("agency".into()),
        site: Some("ZZA".into()),
        purpose: Some("border".into()),
        ..Context::default()
    }
}

/// The body of a screening by `gate-7` in which the copy said this of both databases, and these places are to be rechecked.
fn screening(n: u128, copy: &Finding, rechecks: Vec<Place>, late: Vec<Place>) -> Vec<u8> {
    let conclusion = |database| {
        let mut conclusion = Conclusion::not_asked(database, Reason::Transport);
        conclusion.finding = copy.clone();
        conclusion.answers = vec![Answer::new(database, 0, Source::Mind, copy.clone())];
        conclusion
    };
    let outcome = Outcome::conclude(BOTH.map(conclusion).to_vec(), vec![query()]);
    let trip = Trip {
        reference: Reference(Uuid::from_u128(n)),
        lane: "gate".into(),
        view: View::Gate,
        received: now(),
        asked: now(),
        answered: now(),
        native_bytes: 3,
        clock_trusted: true,
    };
    let exchange = Exchange { context: context("gate-7"), ..Exchange::default() };
    let follow = Follow { rechecks, late, case: false };
    Body::new()
        .json(Section::Trip, &trip)
        .json(Section::Exchange, &exchange)
        .json(Section::Outcomes, &[outcome])
        .json(Section::Follow, &[follow])
        .into_bytes()
}

fn late_answer(answers: Vec<Answer>) -> Vec<u8> {
    Body::new().json(Section::Late, &LateRecord { subject: 0, query: query(), answers }).into_bytes()
}

/// A FIND that says the same of everything, and remembers whom it was asked about.
struct Scripted {
    says: Mutex<Finding>,
    asked: Mutex<Vec<(Uuid, Vec<Database>)>>,
    /// How many are answered before it hangs.
    hangs_after: AtomicUsize,
}

impl Scripted {
    fn new(says: Finding) -> Arc<Self> {
        Arc::new(Self { says: Mutex::new(says), asked: Mutex::default(), hangs_after: usize::MAX.into() })
    }

    fn say(&self, says: Finding) {
        *self.says.lock().unwrap() = says;
    }

    fn asked(&self) -> Vec<u128> {
        self.asked.lock().unwrap().iter().map(|(matter, _)| matter.as_u128()).collect()
    }
}

impl Lookup for Scripted {
    fn source(&self) -> Source {
        Source::Find
    }

    fn ask(self: Arc<Self>, ask: Ask) -> Answers {
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push((ask.reference.0, ask.databases.clone()));
            asked.len()
        };
        Box::pin(async move {
            if number > self.hangs_after.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            let says = self.says.lock().unwrap().clone();
            // What rests, and what a hub refuses, is not sent, so it has no reference.
            let unsent = [Reason::BreakerOpen, Reason::Suspended, Reason::NotGranted];
            let sent = !says.not_checked().is_some_and(|reason| unsent.contains(&reason));
            let reference_in_country = sent.then(|| format!("UTO-{number}"));
            let answer = |database| Answer {
                reference_in_country: reference_in_country.clone(),
                ..Answer::new(database, ask.number, Source::Find, says.clone())
            };
            ask.databases.iter().copied().map(answer).collect()
        })
    }
}

/// A daemon's parts around one journal in a folder.
struct World {
    folder: TempDir,
    shared: Arc<Shared>,
    /// The clock, in milliseconds since 1970.
    clock_ms: Arc<AtomicI64>,
    key: PrivateKey,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock_ms = Arc::new(AtomicI64::new(now().as_millisecond()));
        let key = PrivateKey::generate().unwrap();
        let grants = ArcSwap::from_pointee(granted(&key, &["sltd", "tdawn"], ""));
        let shared = shared(&folder, &clock_ms, grants);
        Self { folder, shared, clock_ms, key }
    }

    /// The bureau issues another document.
    fn grant(&self, databases: &[&str], more: &str) {
        self.shared.grants.store(Arc::new(granted(&self.key, databases, more)));
    }

    fn pass(&self, time: SignedDuration) {
        self.clock_ms.fetch_add(time.as_millis() as i64, Ordering::Relaxed);
    }

    async fn append(&self, kind: Kind, n: u128, body: Vec<u8>) {
        self.shared.journal.append(Entry::new(kind, Uuid::from_u128(n), body)).await.unwrap();
    }

    /// Screenings of these numbers, a second apart, whose documents' database could not be asked.
    async fn screen(&self, numbers: std::ops::Range<u128>, copy: &Finding) {
        for n in numbers {
            self.append(Kind::Screening, n, screening(n, copy, places(&[Database::Sltd]), Vec::new())).await;
            self.pass(SignedDuration::from_secs(1));
        }
    }

    fn parts(&self, find: &Arc<Scripted>) -> Parts {
        Parts {
            shared: Arc::clone(&self.shared),
            find: Arc::clone(find) as Arc<dyn Lookup>,
            services: Arc::new(Vec::new),
            find_concurrency_max: 8,
            request_timeout: Duration::from_secs(10),
            state_file: self.folder.path().join("recheck.db"),
            rate_per_s_max: 1_000,
            concurrency_max: 1,
            oldest_percent: 25,
            age_max: Duration::from_secs(7 * 86_400),
            figures: Arc::default(),
        }
    }

    /// A worker that runs until it is stopped.
    fn work(&self, parts: Parts) -> Running {
        let figures = Arc::clone(&parts.figures);
        let (stop, stopped) = oneshot::channel();
        let worker = Worker::new(parts).unwrap();
        let task = tokio::spawn(worker.run(async move {
            let _ = stopped.await;
        }));
        Running { task, stop: Some(stop), figures }
    }

    fn records(&self) -> Vec<Record> {
        self.shared.journal.read_on(None).unwrap().unwrap().map(|read| read.unwrap()).collect()
    }

    fn rechecks(&self) -> Vec<(u128, RecheckRecord)> {
        let of = |record: &Record| Some((record.matter.as_u128(), RecheckRecord::of(record)?));
        self.records().iter().filter_map(of).collect()
    }
}

struct Running {
    task: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
    figures: Arc<Figures>,
}

impl Running {
    /// Waits until something is so; virtual time passes meanwhile.
    async fn until(&self, what: &str, condition: impl Fn(&RecheckStatus) -> bool) {
        for _ in 0..200_000 {
            if condition(&self.figures.status()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            tokio::task::yield_now().await;
        }
        panic!("waited in vain for {what}: {:?}", self.figures.status());
    }

    async fn stop(mut self) {
        drop(self.stop.take());
        self.task.await.unwrap();
    }

    /// Ends it as a crash would: nothing that is under way is recorded.
    async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

fn granted(key: &PrivateKey, databases: &[&str], more: &str) -> Grants {
    let document = format!(
        "format = 1\nnumber = 1\nenvironment = 'training'\nissuer = 'NCB'\nissued_at = 2026-01-01T00:00:00Z\n\
         expires_at = 2028-01-01T00:00:00Z\n[[grant]]\nclient = 'gate-7'\ndatabases = {databases:?}\n\
         sites = ['ZZA']\npurposes = ['border']\nview = 'gate'\n{more}"
    );
    let (signed, _) = grants::sign(&document, key).unwrap();
    Grants::verify(&signed, &key.public(), Environment::Training).unwrap()
}

fn shared(folder: &TempDir, clock_ms: &Arc<AtomicI64>, grants: ArcSwap<Grants>) -> Arc<Shared> {
    let source = Arc::clone(clock_ms);
    let clock = Clock::from_fn(move || Timestamp::from_millisecond(source.load(Ordering::Relaxed)).unwrap());
    let source = Arc::clone(clock_ms);
    let options = Options {
        segment_bytes: 1 << 20,
        gather_us_max: 0,
        clock: Arc::new(move || source.load(Ordering::Relaxed) as u64 * 1_000_000),
        ..Options::new(2, Uuid::from_u128(7))
    };
    let storage = FileStorage::create(&folder.path().join("journal")).unwrap();
    let (journal, _) = Journal::open(Arc::new(storage), &options, |_| {}).unwrap();
    let (late, _) = mpsc::channel(1);
    Arc::new(Shared {
        clock: clock.clone(),
        journal,
        screener: Screener::new(None, None, clock, late),
        grants,
        duplicates: Duplicates::new(SignedDuration::from_hours(1), 10),
        recents: Recents::default(),
        stats: Stats::default(),
    })
}
