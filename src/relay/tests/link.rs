//! Edge and hub over real connections with mutual TLS.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::file;
use crate::find::relay::{PATH, Relay};
use crate::find::{BreakerState, Control, Order, OrderError, Settings};
use crate::lane::HttpLane;
use crate::tls::testing::Authority;
use crate::tls::{self, Speaks};

/// A hub that listens.
struct Hub {
    world: World,
    authority: Authority,
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Hub {
    async fn start() -> Self {
        let world = World::new();
        let authority = Authority::new("SITES");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, task) = serve(&world, &authority, listener);
        Self { world, authority, address, stop, task }
    }

    /// Ends listening and every connection.
    async fn stop(&mut self) {
        self.stop.cancel();
        (&mut self.task).await.unwrap();
    }

    async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        (self.stop, self.task) = serve(&self.world, &self.authority, listener);
    }

    /// An edge with a certificate of this name of an authority.
    fn edge_of(&self, authority: &Authority, name: &str, more: &str) -> Arc<Relay> {
        let folder = self.world.folder.path();
        let tls = authority.client(folder, &self.authority, Some(name));
        let (cert, key) = (tls.cert_file.unwrap(), tls.key_file.unwrap());
        let find = format!(
            "relay = {{ url = 'https://localhost:{}', tls = {{ ca_file = {:?}, cert_file = {cert:?}, key_file = {key:?} }} }}\n\
             breaker_failures = 2\nbreaker_rest_ms = 20\n{more}",
            self.address.port(),
            tls.ca_file,
        );
        let options: file::Find = toml::from_str(&find).unwrap();
        let instance = "name = 'x'\nenvironment = 'training'\ncountry = 'UTO'";
        let settings = Settings::load(&options, &toml::from_str(instance).unwrap()).unwrap();
        Relay::new(settings, Clock::system()).unwrap()
    }

    fn edge(&self, name: &str) -> Arc<Relay> {
        self.edge_of(&self.authority, name, "")
    }
}

fn serve(world: &World, authority: &Authority, listener: TcpListener) -> (CancellationToken, JoinHandle<()>) {
    let files = authority.server(world.folder.path(), Some(authority));
    let tls = tls::Server::from_config(&files, Environment::Training, Speaks::Http).unwrap();
    let limits = file::Limits::default();
    let lane = HttpLane::new("relay", limits, None, Some(tls), Arc::new(world.desk.clone())).at(PATH);
    let stop = CancellationToken::new();
    let running = lane.run(listener, stop.clone().cancelled_owned(), Duration::from_secs(5));
    (stop, tokio::spawn(running))
}

fn ask(environment: Environment, time: Duration) -> Ask {
    Ask {
        reference: Reference(Uuid::from_u128(5)),
        context: Arc::new(Context { environment, ..context() }),
        query: query(),
        number: 3,
        databases: BOTH.to_vec(),
        deadline: Instant::now() + time,
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

/// What both databases are said to be.
async fn said(edge: &Arc<Relay>) -> [String; 2] {
    said_to(edge, ask(Environment::Training, PATIENCE)).await
}

async fn said_to(edge: &Arc<Relay>, ask: Ask) -> [String; 2] {
    let answers = Arc::clone(edge).ask(ask).await;
    assert!(answers.iter().all(|answer| answer.query == 3 && answer.source == Source::Find));
    let of = |database| {
        let answer = answers.iter().find(|answer| answer.database == database).unwrap();
        answer.finding.not_checked().map_or(answer.finding.code(), Reason::code).to_owned()
    };
    BOTH.map(of)
}

fn both(said: &str) -> [String; 2] {
    [said.to_owned(), said.to_owned()]
}

// Proves that hits and no record come through whole, that one connection serves them all, and that what can wait is asked
// in the hub's background.
#[tokio::test]
async fn answers_come_through() {
    let mut hub = Hub::start().await;
    let edge = hub.edge("airport");
    assert_eq!(edge.probe().await.failure, None);
    assert_eq!(said(&edge).await, both("no_record"));
    hub.world.find.say(hits());
    let answers = Arc::clone(&edge).ask(ask(Environment::Training, PATIENCE)).await;
    assert!(answers.iter().all(|answer| answer.finding == hits()));
    assert_eq!(answers[0].reference_in_country.as_deref(), Some("UTO-1"));
    assert_eq!(hub.world.records()[1].0, 5);
    let waits = Arc::clone(&edge).in_background();
    Arc::new(waits).ask(ask(Environment::Training, PATIENCE)).await;
    assert_eq!((hub.world.background.asked().len(), hub.world.find.asked().len()), (1, 2));
    assert_eq!((edge.status().state, edge.status().in_flight), (BreakerState::Closed, 0));
    assert!(edge.status().last_success.is_some());
    assert_eq!(edge.link_status().certificates.len(), 2);
    hub.stop().await;
}

// Proves what each refusal is at the edge: of a stranger, of another authority, of another environment, of what is not
// granted; that the hub's own reasons pass through; and that none of them opens the breaker, because the hub is there.
#[tokio::test]
async fn refusals_are_told() {
    let mut hub = Hub::start().await;
    let stranger = hub.edge("stranger");
    for _ in 0..3 {
        assert_eq!(said(&stranger).await, both("not_granted"));
    }
    assert_eq!(stranger.status().state, BreakerState::Closed);
    assert_eq!(said(&hub.edge("empty")).await, both("not_granted"));
    let elsewhere = said_to(&hub.edge("airport"), ask(Environment::Production, PATIENCE)).await;
    assert_eq!(elsewhere, both("wrong_environment"));
    let port = hub.edge("port");
    assert_eq!(said(&port).await, ["no_record", "not_granted"]);
    for reason in [Reason::BreakerOpen, Reason::RateCapped, Reason::SilentNotAvailable, Reason::AccessDenied]
    {
        hub.world.find.say(Finding::NotChecked(reason));
        assert_eq!(said(&hub.edge("airport")).await, both(reason.code()));
    }
    let foreign = hub.edge_of(&Authority::new("OTHER"), "airport", "");
    assert_eq!(said(&foreign).await, both("transport"));
    assert_eq!(hub.world.records().iter().filter(|(_, record)| record.edge == "airport").count(), 4);
    hub.stop().await;
}

// Proves that a slow hub costs the lane nothing more than its time, and that its answer is taken when it comes.
#[tokio::test]
async fn a_slow_hub_is_waited_for() {
    let mut hub = Hub::start().await;
    let edge = hub.edge_of(&hub.authority, "airport", "request_timeout_ms = 300\n");
    hub.world.find.leave.forget_permits(Semaphore::MAX_PERMITS);
    let begin = Instant::now();
    assert_eq!(
        said_to(&edge, ask(Environment::Training, Duration::from_millis(100))).await,
        both("deadline")
    );
    assert!(begin.elapsed() < Duration::from_secs(10));
    hub.world.find.leave.add_permits(Semaphore::MAX_PERMITS >> 1);
    while hub.world.records().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(hub.world.records()[0].1.answers.len(), 2, "nobody waited, and it is recorded all the same");
    hub.stop().await;
}

// Proves that a hub that is gone is left alone after some failures, tried by nobody's question, and asked when it is back.
#[tokio::test]
async fn a_hub_comes_back() {
    let mut hub = Hub::start().await;
    let edge = hub.edge("airport");
    assert_eq!(said(&edge).await, both("no_record"));
    hub.stop().await;
    let mut failures = Vec::new();
    while edge.status().state == BreakerState::Closed {
        failures.push(said(&edge).await);
    }
    assert!(failures.len() <= 2 && failures.iter().all(|said| *said == both("transport")), "{failures:?}");
    assert_eq!(said(&edge).await, both("breaker_open"));
    hub.start_again().await;
    while edge.status().state != BreakerState::Closed {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(hub.world.find.asked().len(), 1, "it was tried without a question");
    assert_eq!(said(&edge).await, both("no_record"));
    hub.stop().await;
}

// Proves that an operator opens and closes the way to the hub under the name that the status shows, and under no other.
#[tokio::test]
async fn an_operator_decides() {
    let mut hub = Hub::start().await;
    let edge = hub.edge("airport");
    let order = |service: &str, control| Order {
        service: service.to_owned(),
        control,
        reason: "maintenance".to_owned(),
        at: Timestamp::UNIX_EPOCH,
        uid: 0,
    };
    assert_eq!(edge.check_order(&order("sltd", Control::Open)), Err(OrderError::UnknownService));
    let open = order(&edge.status().service, Control::Open);
    assert_eq!((edge.check_order(&open), edge.follow(open.clone())), (Ok(()), Ok(())));
    assert_eq!((said(&edge).await, edge.status().order), (both("breaker_open"), Some(open)));
    edge.follow(order("relay", Control::Closed)).unwrap();
    assert_eq!(said(&edge).await, both("no_record"));
    hub.stop().await;
}
