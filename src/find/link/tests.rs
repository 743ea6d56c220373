//! Connections against real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::resolve::Addresses;
use super::*;

/// A server that tells its name, and counts connections. It closes each after so many answers.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(name: &'static str, answers_max: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                serving.spawn(async move {
                    for _ in 0..answers_max {
                        let mut request = [0; 1024];
                        if stream.read(&mut request).await.unwrap_or(0) == 0 {
                            return;
                        }
                        let answer =
                            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{name}", name.len());
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        Self { address, connections, task }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Ends it with all its connections.
    async fn stop(self) -> SocketAddr {
        self.task.abort();
        let _ = self.task.await;
        self.address
    }
}

/// A resolver whose answer the test sets; none is a failure.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Option<Vec<SocketAddr>>>>);

impl Told {
    fn tell(&self, addresses: &[SocketAddr]) {
        *self.0.lock().unwrap() = Some(addresses.to_vec());
    }
}

impl Resolve for Told {
    fn resolve(&self, _host: &str, _port: u16) -> Addresses {
        let told = self.0.lock().unwrap().clone();
        Box::pin(async move { told.ok_or_else(|| std::io::ErrorKind::NotFound.into()) })
    }
}

fn link(resolver: &Told, age_max: Duration) -> Link {
    let target = Target { host: "find.example".to_owned(), port: 1, name: None };
    let limits = LinkLimits { connect_timeout: Duration::from_secs(5), age_max, idle_max: 4 };
    Link::new(target, None, Box::new(resolver.clone()), limits)
}

const OLD: Duration = Duration::from_secs(3_600);

/// Who answers.
async fn asked(link: &Link) -> String {
    use http_body_util::BodyExt;
    let mut connection = link.connection(Instant::now() + Duration::from_secs(30)).await.unwrap();
    let request = Request::get("/").header("host", "find.example").body(Full::default()).unwrap();
    let answer = connection.sender.send_request(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    link.keep(connection);
    String::from_utf8(body.to_vec()).unwrap()
}

// Proves that a connection is used again, that one which was closed meanwhile is replaced, and an old one as well.
#[tokio::test]
async fn connections_are_used_again() {
    let (lasting, brief, resolver) =
        (Server::start("a", 9).await, Server::start("b", 1).await, Told::default());
    resolver.tell(&[lasting.address]);
    let kept = link(&resolver, OLD);
    for _ in 0..3 {
        assert_eq!(asked(&kept).await, "a");
    }
    assert_eq!(lasting.connections(), 1);
    let aged = link(&resolver, Duration::ZERO);
    for _ in 0..3 {
        assert_eq!(asked(&aged).await, "a");
    }
    assert_eq!(lasting.connections(), 4);
    resolver.tell(&[brief.address]);
    let closed = link(&resolver, OLD);
    for _ in 0..2 {
        assert_eq!(asked(&closed).await, "b");
        // The other side's end is noticed by the connection's own task.
        let ended = || closed.lock().connections.iter().all(|connection| connection.sender.is_closed());
        while !ended() {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(brief.connections(), 2);
    closed.look_after(Timestamp::UNIX_EPOCH);
    assert_eq!(closed.lock().connections.len(), 0);
}

// Proves that a changed address is used when a connection is made: when the one before grew old, or ended.
#[tokio::test]
async fn changed_addresses_are_used() {
    let (first, second, resolver) =
        (Server::start("1", 9).await, Server::start("2", 9).await, Told::default());
    resolver.tell(&[first.address]);
    let (lasting, aging) = (link(&resolver, OLD), link(&resolver, Duration::ZERO));
    assert_eq!((asked(&lasting).await, asked(&aging).await), ("1".into(), "1".into()));
    resolver.tell(&[second.address]);
    assert_eq!((asked(&lasting).await, asked(&aging).await), ("1".into(), "2".into()));
    first.stop().await;
    while !lasting.lock().connections[0].sender.is_closed() {
        tokio::task::yield_now().await;
    }
    assert_eq!(asked(&lasting).await, "2");
}

// Proves that each address is tried, and that the last known ones serve while the name can't be told.
#[tokio::test]
async fn addresses_are_remembered() {
    let (gone, server, resolver) =
        (Server::start("x", 1).await, Server::start("a", 9).await, Told::default());
    let gone = gone.stop().await;
    let link = link(&resolver, Duration::ZERO);
    let soon = || Instant::now() + Duration::from_secs(30);
    assert_eq!(link.connection(soon()).await.err(), Some(ConnectError::Failed));
    resolver.tell(&[gone, server.address]);
    assert_eq!(asked(&link).await, "a");
    *resolver.0.lock().unwrap() = None;
    assert_eq!(asked(&link).await, "a");
}

// Proves that a connection which does not stand by the lane's deadline is given up then, and by its own limit otherwise.
#[tokio::test(start_paused = true)]
async fn connecting_has_a_deadline() {
    struct Never;
    impl Resolve for Never {
        fn resolve(&self, _host: &str, _port: u16) -> Addresses {
            Box::pin(std::future::pending())
        }
    }
    // Nobody takes what is connected to this socket, so that the handshake of TLS is waited for in vain.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let resolver = Told::default();
    resolver.tell(&[silent.local_addr().unwrap()]);
    let folder = tempfile::tempdir().unwrap();
    let authority = crate::tls::testing::Authority::new("PRODUCTION");
    let tls = || {
        let files = authority.client(folder.path(), &authority, None);
        WatchedClient::new(files, postern_sdk::Environment::Production).unwrap()
    };
    let name = Some("localhost".try_into().unwrap());
    let target = Target { host: "localhost".to_owned(), port: 1, name };
    let limits = LinkLimits { connect_timeout: Duration::from_secs(5), age_max: OLD, idle_max: 1 };
    let link = Link::new(target.clone(), Some(tls()), Box::new(resolver), limits);
    for (ms, error, took) in [
        (300, ConnectError::Deadline, 300),
        (60_000, ConnectError::Failed, 5_000),
        (0, ConnectError::Deadline, 0),
    ] {
        let begin = Instant::now();
        assert_eq!(link.connection(begin + Duration::from_millis(ms)).await.err(), Some(error), "{ms}");
        assert_eq!(begin.elapsed().as_millis() / 100, took / 100, "{ms}");
    }
    // Half of the time is for the name.
    let link = Link::new(target, Some(tls()), Box::new(Never), limits);
    let begin = Instant::now();
    assert_eq!(link.connection(begin + Duration::from_millis(800)).await.err(), Some(ConnectError::Failed));
    assert_eq!(begin.elapsed().as_millis() / 100, 4);
}
