//! Tests of the room: real connections, a real journal and signed grants, and a FIND that says what it is told.

mod link;
mod questions;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use postern_sdk::{
    Answer, Basis, Context, Database, DocumentKey, Environment, Finding, Hit, MatchClass, Query, QueryKey,
    Reason, Reference, Source,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use uuid::Uuid;

use super::*;
use crate::clock::Clock;
use crate::config::settings::RelayEdge;
use crate::engine::{Duplicates, Recents, Shared, Stats};
use crate::grants::{self, Grants};
use crate::journal::storage::FileStorage;
use crate::journal::{Journal, Options, Record};
use crate::keys::PrivateKey;
use crate::lane::{ClientIdentity, Frame, Handler, IdentifiedBy};
use crate::screening::{Answers, Ask, Lookup, Screener};

const BOTH: [Database; 2] = [Database::Sltd, Database::Tdawn];

/// What the bureau grants to whom, if a test needs nothing else.
const GRANTS: &str = "[[grant]]\nclient = 'airport'\ndatabases = ['sltd', 'tdawn']\nsites = ['ZZA']\n\
                      purposes = ['border']\nview = 'full'\n\
                      [[grant]]\nclient = 'port'\ndatabases = ['sltd']\nsites = ['ZZA']\npurposes = ['border']\n";

fn query() -> Query {
    let key = DocumentKey { number: "X1234567".parse().unwrap(), issuer: None, doc_type: None };
    Query { key: QueryKey::Document(key), basis: Basis::Stated }
}

fn hits() -> Finding {
    let mut hit = Hit::new(MatchClass::Exact, "r-1");
    hit.details.insert("more".into(), "secret".into());
    Finding::Hits(vec![hit])
}

fn context() -> Context {
    Context {
        client: "gate-7".into(),
        environment: Environment::Training,
        agency: Some("agency".into()),
        end_user: Some("officer".into()),
        site: Some("ZZA".into()),
        purpose: Some("border".into()),
        ..Context::default()
    }
}

/// A FIND that says the same of everything, and remembers what it was asked. It answers when there is leave.
struct Scripted {
    says: Mutex<Finding>,
    asked: Mutex<Vec<Ask>>,
    leave: Semaphore,
}

impl Scripted {
    fn new(says: Finding) -> Arc<Self> {
        let leave = Semaphore::new(Semaphore::MAX_PERMITS);
        Arc::new(Self { says: Mutex::new(says), asked: Mutex::default(), leave })
    }

    fn say(&self, says: Finding) {
        *self.says.lock().unwrap() = says;
    }

    fn asked(&self) -> Vec<Ask> {
        self.asked.lock().unwrap().clone()
    }
}

impl Lookup for Scripted {
    fn source(&self) -> Source {
        Source::Find
    }

    fn ask(self: Arc<Self>, ask: Ask) -> Answers {
        self.asked.lock().unwrap().push(ask.clone());
        Box::pin(async move {
            self.leave.acquire().await.unwrap().forget();
            let says = self.says.lock().unwrap().clone();
            let answer = |database| Answer {
                reference_in_country: Some("UTO-1".into()),
                ..Answer::new(database, ask.number, Source::Find, says.clone())
            };
            ask.databases.iter().copied().map(answer).collect()
        })
    }
}

/// A hub around one journal in a folder. Its FIND for questions that can wait is another one.
struct World {
    folder: TempDir,
    shared: Arc<Shared>,
    find: Arc<Scripted>,
    background: Arc<Scripted>,
    desk: Desk,
}

impl World {
    fn new() -> Self {
        Self::with(GRANTS, RelayEdge { rate_per_s_max: 1_000, concurrency_max: 4 })
    }

    /// With these grants, and this share of both edges.
    fn with(grants: &str, share: RelayEdge) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shared = shared(&folder, granted(grants));
        let (find, background) = (Scripted::new(Finding::NoRecord), Scripted::new(Finding::NoRecord));
        let sources = Sources {
            for_lanes: Arc::clone(&find) as Arc<dyn Lookup>,
            in_background: Arc::clone(&background) as Arc<dyn Lookup>,
        };
        let edges = ["airport", "port", "empty"].map(|name| (name.to_owned(), share));
        let desk = Desk::new(
            Arc::clone(&shared),
            sources,
            Environment::Training,
            Duration::from_millis(100),
            &BTreeMap::from(edges),
        );
        Self { folder, shared, find, background, desk }
    }

    /// What the desk says to a message of the edge: status and body.
    async fn post(&self, edge: &str, message: &Value) -> (u16, Value) {
        self.post_bytes(edge, message.to_string().into_bytes()).await
    }

    async fn post_bytes(&self, edge: &str, bytes: Vec<u8>) -> (u16, Value) {
        let frame = Frame {
            bytes: Bytes::from(bytes),
            client: Arc::new(ClientIdentity::new(edge, IdentifiedBy::Certificate)),
            peer: ([127, 0, 0, 1], 1).into(),
            received: Instant::now(),
            sender_id: None,
            link: 1,
            number: 1,
        };
        let handled = self.desk.handle(frame).await;
        let reply = &handled.replies[0];
        (reply.http_status, serde_json::from_slice(&reply.body).unwrap())
    }

    /// The relayed questions of the journal, each with its matter.
    fn records(&self) -> Vec<(u128, RelayRecord)> {
        let of = |record: &Record| Some((record.matter.as_u128(), RelayRecord::read(record)?));
        let all = self.shared.journal.read_on(None).unwrap().unwrap();
        all.filter_map(|read| of(&read.unwrap())).collect()
    }
}

/// A question of an edge as it goes over the wire.
fn question(number: u128) -> Value {
    json!({
        "environment": "training",
        "question": {
            "reference": Uuid::from_u128(number),
            "context": context(),
            "query": query(),
            "number": 3,
            "databases": BOTH,
            "time_ms": 5_000,
        },
    })
}

/// The same with one member of the question changed.
fn changed(pointer: &str, value: Value) -> Value {
    let mut message = question(1);
    *message.pointer_mut(pointer).unwrap() = value;
    message
}

fn granted(grants: &str) -> Grants {
    let now = Clock::system().now();
    document(&format!(
        "issued_at = '{}'\nexpires_at = '{}'\n{grants}",
        now - SignedDuration::from_hours(1),
        now + SignedDuration::from_hours(1)
    ))
}

fn document(text: &str) -> Grants {
    let key = PrivateKey::generate().unwrap();
    let document = format!("format = 1\nnumber = 1\nenvironment = 'training'\nissuer = 'NCB'\n{text}");
    let (signed, _) = grants::sign(&document, &key).unwrap();
    Grants::verify(&signed, &key.public(), Environment::Training).unwrap()
}

fn shared(folder: &TempDir, grants: Grants) -> Arc<Shared> {
    let clock = Clock::system();
    let options = Options { segment_bytes: 1 << 20, gather_us_max: 0, ..Options::new(2, Uuid::from_u128(7)) };
    let storage = FileStorage::create(&folder.path().join("journal")).unwrap();
    let (journal, _) = Journal::open(Arc::new(storage), &options, |_| {}).unwrap();
    let (late, _) = mpsc::channel(1);
    Arc::new(Shared {
        clock: clock.clone(),
        journal,
        screener: Screener::new(None, None, clock, late),
        grants: ArcSwap::from_pointee(grants),
        duplicates: Duplicates::new(SignedDuration::from_hours(1), 10),
        recents: Recents::default(),
        stats: Stats::default(),
    })
}
