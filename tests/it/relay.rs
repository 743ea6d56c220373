//! A hub that asks INTERPOL for its edges, as processes: answered, refused, kept to a share, killed and back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use postern::clock::Clock;
use postern::engine::record::Recorded;
use postern::grants;
use postern::journal::storage::FileStorage;
use postern::journal::{Kind, Reader, Record};
use postern::keys::PrivateKey;
use postern::relay::RelayRecord;
use postern::sim::DocumentRecord;
use postern_sdk::{Database, DocumentNumber, DocumentType, State};
use serde_json::Value;
use uuid::Uuid;

use crate::client::{self, Gate, absent, document, field, get, zone};
use crate::distribution::Pki;
use crate::world::{Daemon, Interpol, Setup, World, until};

/// The number of a document that INTERPOL has on record and no copy has.
const PLANTED: u64 = 1;

fn planted() -> DocumentRecord {
    DocumentRecord {
        database: Database::Sltd,
        number: DocumentNumber::normalise(&absent(PLANTED)).unwrap(),
        issuer: Some(State::GERMANY),
        doc_type: Some(DocumentType::PASSPORT),
        theft_type: None,
        theft_date: None,
        theft_country: None,
        notice: None,
        record: "planted".into(),
    }
}

/// Grants for the edges `airport` and `port`, and for nobody else.
fn sign_grants(world: &World) {
    let key = PrivateKey::generate().unwrap();
    std::fs::remove_file(world.path("bureau.pub")).unwrap();
    key.public().write(&world.path("bureau.pub")).unwrap();
    let now = Clock::system().now();
    let grant = |edge: &str| {
        format!(
            "[[grant]]\nclient = \"{edge}\"\ndatabases = [\"sltd\", \"tdawn\"]\nsites = [\"ZZA-T1\"]\n\
             purposes = [\"border_control\"]\nview = \"full\"\n"
        )
    };
    let document = format!(
        "format = 1\nnumber = 1\nenvironment = \"training\"\nissuer = \"NCB Utopia\"\nissued_at = \"{now:.0}\"\n\
         expires_at = \"{:.0}\"\n{}{}",
        now + SignedDuration::from_hours(24),
        grant("airport"),
        grant("port"),
    );
    world.write("grants.toml", &grants::sign(&document, &key).unwrap().0);
}

/// The hub's world, with a link to INTERPOL and three edges: one has little of the rate, one no grant.
struct Hub {
    world: World,
    interpol: Interpol,
    pki: Pki,
}

impl Hub {
    fn new() -> Self {
        let (world, pki) = (World::new(), Pki::new());
        let interpol = Interpol::with(&world, [planted()]);
        sign_grants(&world);
        pki.issue(&world, "hub");
        Self { world, interpol, pki }
    }

    fn start(&self, listen: SocketAddr) -> Daemon {
        let tls = r#"{ cert_file = "tls.pem", key_file = "tls.key", client_ca_file = "tls-ca.pem" }"#;
        let more = format!(
            "[relay]\nlisten = \"{listen}\"\ntls = {tls}\n[relay.edge.airport]\nrate_per_s_max = 1000\n\
             [relay.edge.port]\nrate_per_s_max = 1\n[relay.edge.office]\n"
        );
        self.world.start(&Setup { find: Some(self.interpol.address()), more, ..Setup::default() })
    }

    /// The questions that it relayed, by the exchange's reference.
    fn relayed(&self) -> Vec<(Uuid, RelayRecord)> {
        let of = |record: &Record| Some((record.matter, RelayRecord::read(record)?));
        records(&self.world).iter().filter_map(of).collect()
    }
}

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// How an edge asks by way of the hub at this address.
fn by_way_of(hub: SocketAddr, mode: &'static str) -> Setup {
    let tls = r#"{ ca_file = "tls-ca.pem", cert_file = "tls.pem", key_file = "tls.key" }"#;
    let url = format!("https://localhost:{}", hub.port());
    let more = format!(
        "[find]\nrelay = {{ url = \"{url}\", tls = {tls} }}\nbreaker_rest_ms = 200\n\
         [recheck]\nrate_per_s_max = 50\n"
    );
    Setup { mode, more, ..Setup::default() }
}

fn records(world: &World) -> Vec<Record> {
    let storage = Arc::new(FileStorage::at(&world.path("journal")));
    Reader::new(storage).unwrap().map(|read| read.unwrap().unwrap()).collect()
}

/// What SLTD and TDAWN are said to be of a document: the result, or why they were not checked.
fn asked(edge: &Daemon, number: &str) -> [String; 2] {
    let question = document(number, "D", "P");
    let answer = client::screen(edge.lane("booths"), None, &question).unwrap().json();
    let databases = answer["outcomes"][0]["databases"].as_array().unwrap().clone();
    ["sltd", "tdawn"].map(|name| {
        let told = databases.iter().find(|database| database["database"] == name).unwrap();
        let reason = told["reason"].as_str();
        reason.or(told["result"].as_str()).unwrap().to_owned()
    })
}

fn both(said: &str) -> [String; 2] {
    [said.to_owned(), said.to_owned()]
}

fn status(daemon: &Daemon) -> Value {
    get(daemon.console(), "/api/status").unwrap().json()
}

// Proves, with the built binary as hub and edges: that hits and no record come through; that a stranger, an edge of another
// authority and an edge without a grant get nothing, each for its reason; that an edge over its share is capped while the
// other goes on; that console and metrics of both sides show it; and that each answer is in both journals under one reference.
#[test]
fn edges_ask_by_way_of_the_hub() {
    let hub = Hub::new();
    let running = hub.start(any_port());
    let (airport, port) = (World::new(), World::new());
    hub.pki.issue(&airport, "airport");
    hub.pki.issue(&port, "port");
    let setup = by_way_of(running.relay(), "find");
    let edge = airport.start(&setup);
    let other = port.start(&Setup { deadline_ms: 4_000, ..by_way_of(running.relay(), "find") });
    assert_eq!(asked(&edge, &absent(PLANTED)), ["hits", "no_record"]);
    assert_eq!(asked(&edge, &absent(7)), both("no_record"));

    let capped = (0..30).filter(|n| {
        assert_eq!(asked(&edge, &absent(100 + n)), both("no_record"), "the other edge's share is its own");
        asked(&other, &absent(200 + n)) == both("rate_capped")
    });
    assert!(capped.count() >= 10);
    let service = status(&edge)["find"][0].clone();
    assert_eq!((service["service"].as_str(), service["state"].as_str()), (Some("relay"), Some("closed")));
    let shown = status(&running)["relay"].clone();
    assert_eq!((&shown[0]["edge"], &shown[0]["answered"]), (&"airport".into(), &32.into()), "{shown}");
    assert!(shown[2]["edge"] == "port" && shown[2]["capped"].as_u64() >= Some(10), "{shown}");
    let metrics = get(running.console(), "/metrics").unwrap().text();
    assert!(
        metrics.contains(r#"postern_relay_questions_total{edge="airport",result="answered"} 32"#),
        "{metrics}"
    );

    assert!(other.stop().success());
    for (name, pki, said) in [
        ("office", &hub.pki, "not_granted"),
        ("stranger", &hub.pki, "not_granted"),
        ("airport", &Pki::new(), "transport"),
    ] {
        pki.issue(&port, name);
        hub.pki.trust(&port);
        let edge = port.start(&setup);
        assert_eq!(asked(&edge, &absent(8)), both(said), "{name}");
        assert!(edge.stop().success());
    }
    assert!(edge.stop().success() && running.stop().success());

    let screenings: BTreeMap<Uuid, Recorded> = records(&airport)
        .iter()
        .filter(|record| record.kind == Kind::Screening)
        .map(|record| (record.matter, Recorded::read(&record.body).unwrap()))
        .collect();
    let relayed: Vec<_> = hub.relayed().into_iter().filter(|(_, record)| record.edge == "airport").collect();
    assert_eq!((screenings.len(), relayed.len()), (32, 32));
    for (matter, record) in relayed {
        let screening = &screenings[&matter];
        assert_eq!(record.context, screening.exchange.context);
        let answers = screening.outcomes[0].databases().iter().flat_map(|database| &database.answers);
        let references: Vec<_> = answers.map(|answer| &answer.reference_in_country).collect();
        assert!(record.answers.iter().all(|answer| {
            answer.reference_in_country.is_some() && references.contains(&&answer.reference_in_country)
        }));
    }
    let refused =
        hub.relayed().into_iter().filter(|(_, record)| record.refused.as_deref() == Some("no_grant"));
    assert!(refused.count() >= 1);
}

// Proves that an edge whose hub is killed answers from its copy in its time, and that what was asked meanwhile is asked again
// by way of the hub when that is back: the hit that the copy did not have is raised, and each question is settled.
#[test]
fn a_killed_hub_is_made_up_for() {
    const SCREENINGS: u64 = 20;
    let hub = Hub::new();
    let running = hub.start(any_port());
    let address = running.relay();
    let airport = World::new();
    hub.pki.issue(&airport, "airport");
    let edge = airport.start(&by_way_of(address, "find_then_mind"));
    let mut gate = Gate::connect(edge.lane("egates")).unwrap();
    let mut ask = |id: u64, number: u64| {
        gate.ask(&id.to_string(), &zone(&absent(number), "D", "SPECIMEN<<JO")).unwrap()
    };
    assert_eq!(field(&ask(0, 50), 2), "continue");
    running.kill();
    for n in 1..=SCREENINGS {
        let begun = Instant::now();
        let reply = ask(n, n);
        assert_eq!(field(&reply, 2), "continue", "{reply}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
    let rechecks = || status(&edge)["rechecks"].clone();
    until("the list to hold all", || (rechecks()["open"].as_u64() >= Some(2 * SCREENINGS)).then_some(()));
    let running = hub.start(address);
    until("all to be asked again", || (rechecks()["open"] == 0).then_some(()));
    assert_eq!(rechecks()["hits"], 1);
    assert!(edge.stop().success() && running.stop().success());
    let waited = hub.relayed().into_iter().filter(|(_, record)| record.can_wait && record.refused.is_none());
    assert!(waited.count() as u64 >= SCREENINGS);
}
