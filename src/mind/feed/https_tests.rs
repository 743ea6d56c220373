//! Whether a source takes a feed whole or not at all, from a real server over mutual TLS.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use postern_sdk::Environment;

use super::name::Build;
use super::settings::{FolderSettings, SignalledBy, SourceLimits, SourceSettings};
use super::{FetchError, Fetched, Source};
use crate::mind::Dataset;
use crate::tls::testing::Authority;
use crate::tls::{self, Speaks};

const MODIFIED: &str = "last-modified: Sun, 01 Mar 2026 10:42:00 GMT\r\n";

struct Place {
    folder: tempfile::TempDir,
    listener: Arc<TcpListener>,
    config: Arc<rustls::ServerConfig>,
    source: Source,
}

impl Place {
    fn new(complete: SignalledBy, trusted: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ours, foreign) = (Authority::new("ours"), Authority::new("foreign"));
        let server = if trusted { &ours } else { &foreign };
        let server = server.server(folder.path(), Some(&ours));
        let config = tls::server_config(&server, Environment::Training, Speaks::Http).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let settings = SourceSettings {
            name: "bureau".to_owned(),
            url: format!("https://localhost:{port}/x.csv").parse().unwrap(),
            dataset: Dataset::Documents,
            build: Build::Changes,
            as_of_header: "last-modified".to_owned(),
            tls: ours.client(folder.path(), &ours, Some("hub")),
            limits: SourceLimits {
                interval: Duration::from_secs(60),
                jitter_percent: 10,
                retry: Duration::from_secs(5),
                idle_timeout: Duration::from_millis(500),
                total_timeout: Duration::from_secs(20),
                file_bytes_max: 20,
            },
        };
        let into = FolderSettings {
            path: folder.path().to_owned(),
            complete,
            settle: Duration::ZERO,
            file_bytes_max: 20,
            files_max: 10,
            keep_done: 1,
            keep_failed: 1,
            shrink_percent_max: 20,
        };
        let source = Source::new(settings, &into, Environment::Training).unwrap();
        Self { folder, listener: Arc::new(listener), config, source }
    }

    /// Answers one request with this, gives the request, and breaks the connection, at once or when the client does.
    fn answer(&self, response: String, at_once: bool) -> JoinHandle<String> {
        let (listener, config) = (Arc::clone(&self.listener), Arc::clone(&self.config));
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let connection = rustls::ServerConnection::new(config).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let (mut request, mut byte) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                request.extend_from_slice(&byte);
            }
            let _ = stream.write_all(response.as_bytes()).and_then(|()| stream.flush());
            if !at_once {
                let _ = stream.read(&mut byte);
            }
            String::from_utf8(request).unwrap().to_lowercase()
        })
    }

    async fn fetched(&mut self, response: &str) -> (Result<Fetched, &'static str>, String) {
        let served = self.answer(format!("HTTP/1.1 {response}"), !response.contains("stalls"));
        let fetched = self.source.fetch().await.map_err(|error| error.code());
        (fetched, served.join().unwrap())
    }

    fn feeds(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.filter_map(|name| name.into_string().ok());
        let mut names: Vec<String> = names.filter(|name| name.starts_with("documents")).collect();
        names.sort();
        names
    }
}

// Proves that what is not certainly a whole feed of a known time and size never gets a feed's name, each by its code.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_a_whole_feed() {
    let mut place = Place::new(SignalledBy::Rename, true);
    for (response, code) in [
        ("500 x\r\ncontent-length: 0\r\n\r\n", "status"),
        ("302 x\r\nlocation: /y\r\ncontent-length: 0\r\n\r\n", "status"),
        ("304 x\r\n\r\n", "status"),
        (&*format!("200 x\r\n{MODIFIED}connection: close\r\n\r\nabc"), "no_length"),
        ("200 x\r\ncontent-length: 3\r\n\r\nabc", "no_time"),
        ("200 x\r\nlast-modified: today\r\ncontent-length: 3\r\n\r\nabc", "no_time"),
        (&*format!("200 x\r\n{MODIFIED}content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"), "encoded"),
        (&*format!("200 x\r\n{MODIFIED}content-length: 21\r\n\r\n"), "too_large"),
        (
            &*format!("200 x\r\n{MODIFIED}transfer-encoding: chunked\r\n\r\n15\r\n{}\r\n", "a".repeat(21)),
            "too_large",
        ),
        (&*format!("206 x\r\n{MODIFIED}content-range: bytes 0-2/3\r\ncontent-length: 3\r\n\r\nabc"), "range"),
        (&*format!("200 x\r\n{MODIFIED}etag: W/\"a\"\r\nx: stalls\r\ncontent-length: 9\r\n\r\nabc"), "idle"),
        (
            &*format!("200 x\r\n{MODIFIED}etag: W/\"a\"\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"),
            "cut",
        ),
    ] {
        let (fetched, request) = place.fetched(response).await;
        assert_eq!(fetched, Err(code), "{response}");
        assert!(!request.contains("range:") && !request.contains("if-none"), "{request}");
        assert_eq!(place.feeds(), Vec::<String>::new(), "{response}");
    }
    let whole = format!("200 x\r\n{MODIFIED}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    let name = "documents.changes.bureau.20260301T104200Z.csv".to_owned();
    assert_eq!(place.fetched(&whole).await.0, Ok(Fetched::New(name.clone())));
    assert_eq!(fs::read(place.folder.path().join(&name)).unwrap(), b"abc");
    let (fetched, request) = place.fetched("304 x\r\n\r\n").await;
    assert_eq!(fetched, Ok(Fetched::Unchanged));
    assert!(request.contains("if-modified-since: sun, 01 mar 2026 10:42:00 gmt\r\n"), "{request}");
}

// Proves that a cut feed is gone on with by Range, that an answer of another range, or of a feed that changed, does not join
// two halves, and that the marker stands beside the whole.
#[tokio::test(flavor = "multi_thread")]
async fn goes_on_after_a_cut() {
    let mut place = Place::new(SignalledBy::Marker, true);
    let cut = format!("200 x\r\n{MODIFIED}etag: \"1\"\r\ncontent-length: 6\r\n\r\nabc");
    assert_eq!(place.fetched(&cut).await.0, Err("cut"));
    let wrong = format!("206 x\r\n{MODIFIED}content-range: bytes 2-5/6\r\ncontent-length: 4\r\n\r\nxxxx");
    let (fetched, request) = place.fetched(&wrong).await;
    assert_eq!(fetched, Err("range"));
    assert!(request.contains("range: bytes=3-\r\n") && request.contains("if-range: \"1\"\r\n"), "{request}");

    assert_eq!(place.fetched(&cut).await.0, Err("cut"));
    let short = format!("206 x\r\n{MODIFIED}content-range: bytes 3-4/6\r\ncontent-length: 2\r\n\r\nde");
    assert_eq!(place.fetched(&short).await.0, Err("range"));

    assert_eq!(place.fetched(&cut).await.0, Err("cut"));
    let changed = format!("200 x\r\n{MODIFIED}etag: \"2\"\r\ncontent-length: 4\r\n\r\nAB");
    assert_eq!(place.fetched(&changed).await.0, Err("cut"));
    let rest = format!("206 x\r\n{MODIFIED}content-range: bytes 2-3/4\r\ncontent-length: 2\r\n\r\nCD");
    let (fetched, request) = place.fetched(&rest).await;
    let name = "documents.changes.bureau.20260301T104200Z.csv".to_owned();
    assert_eq!(fetched, Ok(Fetched::New(name.clone())));
    assert!(request.contains("if-range: \"2\"\r\n"), "{request}");
    assert_eq!(fs::read(place.folder.path().join(&name)).unwrap(), b"ABCD");
    assert_eq!(place.feeds(), [name.clone(), format!("{name}.done")]);
}

// Proves that a server of a foreign authority is not talked to.
#[tokio::test(flavor = "multi_thread")]
async fn foreign_servers() {
    let mut place = Place::new(SignalledBy::Rename, false);
    let served = place.answer(String::new(), true);
    assert!(matches!(place.source.fetch().await, Err(FetchError::Connect)));
    assert_eq!(served.join().unwrap(), "");
}

// Proves that waits double from failure to failure up to the interval, with jitter up to its share.
#[test]
fn waits() {
    let place = Place::new(SignalledBy::Rename, true);
    let rest = |failures, random| place.source.rest(failures, random).as_millis();
    assert_eq!(
        [0, 1, 2, 3, 4, 5, 1_000].map(|n| rest(n, 0)),
        [60_000, 5_000, 10_000, 20_000, 40_000, 60_000, 60_000]
    );
    assert_eq!((rest(0, 6_000), rest(0, 6_001), rest(0, u64::MAX) <= 66_000), (66_000, 60_000, true));
}
