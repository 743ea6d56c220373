//! Requests over real sockets, and over pipes where time must be paused.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::*;
use crate::lane::testing::{Running, SOON, Toy, limits};
use crate::tls::testing::Authority;

const DRAIN: Duration = Duration::from_secs(10);

/// The SHA-256 of `test`.
const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn lane(limits: Limits, client: Option<&str>, toy: &Arc<Toy>) -> HttpLane {
    HttpLane::new("test", limits, client, None, Arc::clone(toy) as _).with_openapi(&b"{}"[..])
}

fn with_tokens(lane: HttpLane) -> HttpLane {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("booth-1:{HASH}\n")).unwrap();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
    lane.with_tokens(Tokens::read(file.path()).unwrap())
}

async fn start(lane: HttpLane, drain_limit: Duration) -> Running {
    Running::start(|listener, told| async move {
        lane.run(listener, async { told.await.unwrap_or_default() }, drain_limit).await;
    })
    .await
}

async fn connect(running: &Running) -> TcpStream {
    TcpStream::connect(running.address).await.unwrap()
}

/// A question with these headers besides its length.
fn post(headers: &[(&str, &str)], body: &str) -> String {
    let mut text =
        format!("POST /v1/screenings HTTP/1.1\r\nhost: lane\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    text + "\r\n" + body
}

const JSON: (&str, &str) = ("content-type", "application/json");

/// A response, and the headers as text in lower case.
struct Got {
    status: u16,
    head: String,
    body: String,
}

impl Got {
    fn problem(&self) -> Value {
        assert!(self.head.contains("content-type: application/problem+json"), "{}", self.head);
        let problem: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem["status"], self.status);
        assert!(problem["title"].is_string());
        problem["type"].clone()
    }
}

/// One response.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Got {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(SOON, stream.read_u8()).await.expect("answered in time").unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    timeout(SOON, stream.read_exact(&mut body)).await.expect("answered in time").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Got { status, head, body: String::from_utf8(body).unwrap() }
}

async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> Got {
    stream.write_all(request.as_bytes()).await.unwrap();
    read(stream).await
}

/// Whether the lane closes, and says nothing more.
async fn is_closed(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut rest = Vec::new();
    timeout(SOON, stream.read_to_end(&mut rest)).await.expect("closed in time").is_ok() && rest.is_empty()
}

/// A connection over a pipe, with the time paused by the test.
fn piped(limits: Limits, toy: &Arc<Toy>, pipe_bytes: usize) -> (DuplexStream, JoinHandle<()>) {
    let (ours, theirs) = duplex(pipe_bytes);
    let lane = Arc::new(lane(limits, Some("booth"), toy));
    let peer = "127.0.0.1:1".parse().unwrap();
    (ours, tokio::spawn(lane.converse(theirs, None, peer, CancellationToken::new())))
}

// Proves that a question is answered with its sender's id handed over, that connections are kept, and that what is sent is
// told.
#[tokio::test]
async fn questions_are_answered() {
    let toy = Toy::new();
    let running = start(lane(limits(), Some("booth"), &toy), DRAIN).await;
    let mut client = connect(&running).await;
    let got = ask(&mut client, &post(&[JSON, ("Idempotency-Key", "id-1")], "a")).await;
    assert_eq!((got.status, got.body.as_str()), (200, "re:a"));
    assert!(
        got.head.contains("content-type: application/json") && got.head.contains("cache-control: no-store")
    );
    let typed = [("content-type", "Application/JSON; charset=utf-8")];
    assert_eq!(ask(&mut client, &post(&typed, "two")).await.body, "re:two");
    let none = ask(&mut client, &post(&[JSON], "none")).await;
    assert_eq!((none.status, none.body.as_str()), (204, ""));
    let seen = toy.until(|seen| seen.written == 3).await;
    assert_eq!(seen.frames[0].sender_id.as_deref(), Some("id-1"));
    assert_eq!(seen.frames[1].sender_id, None);
    assert_eq!((seen.frames[2].number, seen.frames[2].link), (3, seen.frames[0].link));
    drop(client);
    toy.until(|seen| seen.closed == 1).await;
}

// Proves that what is no question is a problem with the right status, and reaches no handler.
#[tokio::test]
async fn errors_are_problems() {
    let toy = Toy::new();
    let running = start(lane(limits(), Some("booth"), &toy), DRAIN).await;
    let long = "k".repeat(129);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: lane\r\n\r\n");
    let cases = [
        (get("/"), 404, "not_found"),
        (get("/v1/screenings"), 405, "method_not_allowed"),
        ("DELETE /v1/openapi.json HTTP/1.1\r\nhost: lane\r\n\r\n".to_owned(), 405, "method_not_allowed"),
        (post(&[], "a"), 415, "media_type"),
        (post(&[("content-type", "application/jsonp")], "a"), 415, "media_type"),
        (post(&[JSON, ("idempotency-key", "")], "a"), 400, "idempotency_key"),
        (post(&[JSON, ("idempotency-key", "a b")], "a"), 400, "idempotency_key"),
        (post(&[JSON, ("idempotency-key", &long)], "a"), 400, "idempotency_key"),
        (post(&[JSON, ("idempotency-key", "a"), ("idempotency-key", "b")], "a"), 400, "idempotency_key"),
        (post(&[JSON], &"x".repeat(33)), 413, "frame_too_large"),
        (
            "POST /v1/screenings HTTP/1.1\r\nhost: lane\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\n\r\n21\r\n123456789012345678901234567890123\r\n0\r\n\r\n"
                .to_owned(),
            413,
            "frame_too_large",
        ),
    ];
    for (request, status, code) in cases {
        let got = ask(&mut connect(&running).await, &request).await;
        assert_eq!((got.status, got.problem()), (status, format!("urn:postern:problem:{code}").into()));
        assert_eq!(got.status == 405, got.head.contains("allow: "), "{}", got.head);
    }
    let openapi = ask(&mut connect(&running).await, &get("/v1/openapi.json")).await;
    assert_eq!((openapi.status, openapi.body.as_str()), (200, "{}"));
    assert!(toy.seen().frames.is_empty());
}

// Proves that a token names its client, and that none, a wrong one and another scheme are refused.
#[tokio::test]
async fn tokens_name_clients() {
    let toy = Toy::new();
    let running = start(with_tokens(lane(limits(), None, &toy)), DRAIN).await;
    let good = post(&[JSON, ("Authorization", "bearer test")], "a");
    assert_eq!(ask(&mut connect(&running).await, &good).await.status, 200);
    let seen = toy.seen();
    assert_eq!(*seen.frames[0].client, ClientIdentity::new("booth-1", IdentifiedBy::Token));
    for header in [None, Some("Bearer wrong"), Some("Basic test"), Some("Bearer")] {
        let authorization = header.map(|value| ("authorization", value));
        let headers: Vec<_> = [JSON].into_iter().chain(authorization).collect();
        let got = ask(&mut connect(&running).await, &post(&headers, "a")).await;
        assert_eq!((got.status, got.problem()), (401, "urn:postern:problem:unauthenticated".into()));
        assert!(got.head.contains("www-authenticate: bearer"));
    }
    assert_eq!(toy.seen().frames.len(), 1);
}

// Proves that five wrong tokens lock their address, also for a good one, and say for how long.
#[tokio::test]
async fn guessing_is_locked() {
    let running = start(with_tokens(lane(limits(), None, &Toy::new())), DRAIN).await;
    for _ in 0..5 {
        let wrong = post(&[JSON, ("authorization", "Bearer wrong")], "a");
        assert_eq!(ask(&mut connect(&running).await, &wrong).await.status, 401);
    }
    let good = post(&[JSON, ("authorization", "Bearer test")], "a");
    let got = ask(&mut connect(&running).await, &good).await;
    assert_eq!((got.status, got.problem()), (429, "urn:postern:problem:locked".into()));
    let after = got.head.lines().find_map(|line| line.strip_prefix("retry-after: ")).unwrap();
    assert!((890..=900).contains(&after.parse::<u32>().unwrap()), "{after}");
}

// Proves that a certificate names its client before any token does.
#[tokio::test]
async fn certificates_name_clients() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("PRODUCTION");
    let production = postern_sdk::Environment::Production;
    let settings = authority.server(folder.path(), Some(&authority));
    let tls = tls::Server::from_config(&settings, production, tls::Speaks::Http).unwrap();
    let toy = Toy::new();
    let running =
        start(with_tokens(HttpLane::new("test", limits(), None, Some(tls), Arc::clone(&toy) as _)), DRAIN)
            .await;
    let client = authority.client(folder.path(), &authority, Some("booth-9"));
    let connector =
        tokio_rustls::TlsConnector::from(Arc::new(tls::client_config(&client, production).unwrap()));
    let name = "localhost".try_into().unwrap();
    let mut stream = connector.connect(name, connect(&running).await).await.unwrap();
    assert_eq!(ask(&mut stream, &post(&[JSON], "a")).await.body, "re:a");
    toy.until(|seen| seen.written == 1).await;
    assert_eq!(*toy.seen().frames[0].client, ClientIdentity::new("booth-9", IdentifiedBy::Certificate));
}

// Proves that a panic costs one request, which is refused in the native form, and not its connection.
#[tokio::test]
async fn a_panic_costs_one_request() {
    let running = start(lane(limits(), Some("booth"), &Toy::new()), DRAIN).await;
    let mut client = connect(&running).await;
    for body in ["panic", "PANIC"] {
        let got = ask(&mut client, &post(&[JSON], body)).await;
        assert_eq!((got.status, got.body.as_str()), (503, "!internal"));
    }
    assert_eq!(ask(&mut client, &post(&[JSON], "a")).await.body, "re:a");
    let got = ask(&mut client, &post(&[JSON], "close")).await;
    assert!(got.head.contains("connection: close") && is_closed(&mut client).await);
}

// Proves that a request is handled to its end although its client has gone, and told as not sent.
#[tokio::test]
async fn a_request_outlives_its_client() {
    let toy = Toy::new();
    let running = start(lane(limits(), Some("booth"), &toy), DRAIN).await;
    let mut client = connect(&running).await;
    client.write_all(post(&[JSON], "hold").as_bytes()).await.unwrap();
    toy.until(|seen| seen.frames.len() == 1).await;
    client.set_zero_linger().unwrap();
    drop(client);
    toy.release(1);
    let seen = toy.until(|seen| seen.closed == 1).await;
    assert_eq!((seen.lost, seen.written), (1, 0));
}

// Proves that a client beyond the limit is told so as a problem.
#[tokio::test]
async fn connections_are_bounded() {
    let limits = Limits { connections_max: 1, ..limits() };
    let running = start(lane(limits, Some("booth"), &Toy::new()), DRAIN).await;
    let mut first = connect(&running).await;
    assert_eq!(ask(&mut first, &post(&[JSON], "a")).await.status, 200);
    let mut second = connect(&running).await;
    let got = read(&mut second).await;
    assert_eq!((got.status, got.problem()), (503, "urn:postern:problem:busy".into()));
    assert!(got.head.contains("retry-after: 1"));
    assert!(is_closed(&mut second).await);
}

// Proves that a shutdown answers what is in flight, closes what is idle, and then ends.
#[tokio::test]
async fn a_shutdown_answers_what_is_in_flight() {
    let toy = Toy::new();
    let running = start(lane(limits(), Some("booth"), &toy), DRAIN).await;
    let (mut idle, mut busy) = (connect(&running).await, connect(&running).await);
    assert_eq!(ask(&mut idle, &post(&[JSON], "a")).await.status, 200);
    busy.write_all(post(&[JSON], "hold").as_bytes()).await.unwrap();
    toy.until(|seen| seen.frames.len() == 2).await;
    let ended = running.shut_down();
    assert!(is_closed(&mut idle).await);
    toy.release(1);
    assert_eq!(read(&mut busy).await.body, "re:hold");
    assert!(is_closed(&mut busy).await);
    drop((idle, busy));
    timeout(SOON, ended).await.expect("ended in time").unwrap();
    assert_eq!(toy.seen().written, 2);
}

// Proves that a head that drips in ends the connection after the time for a frame, and idleness before it does not count.
#[tokio::test(start_paused = true)]
async fn a_dripping_head_is_late() {
    let (mut client, connection) = piped(limits(), &Toy::new(), 4 << 10);
    assert_eq!(ask(&mut client, &post(&[JSON], "a")).await.status, 200);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let begun = Instant::now();
    for _ in 0..5 {
        client.write_all(b"P").await.unwrap();
        tokio::time::sleep(Duration::from_millis(950)).await;
    }
    assert!(is_closed(&mut client).await);
    assert_eq!(begun.elapsed().as_secs(), 5);
    drop(client);
    connection.await.unwrap();
}

// Proves that a body that drips in is a problem after the time for a frame.
#[tokio::test(start_paused = true)]
async fn a_dripping_body_is_late() {
    let (mut client, _connection) = piped(limits(), &Toy::new(), 4 << 10);
    let begun = Instant::now();
    let request = post(&[JSON], "abc");
    let got = ask(&mut client, &request[..request.len() - 1]).await;
    assert_eq!((got.status, got.problem()), (408, "urn:postern:problem:timeout".into()));
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert!(is_closed(&mut client).await);
}

// Proves that an idle connection is closed after the time for silence, and not while it is being answered.
#[tokio::test(start_paused = true)]
async fn silence_has_an_end() {
    let toy = Toy::new();
    let (mut client, _connection) = piped(Limits { idle_timeout_ms: 5_000, ..limits() }, &toy, 4 << 10);
    client.write_all(post(&[JSON], "hold").as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(25)).await;
    toy.release(1);
    assert_eq!(read(&mut client).await.body, "re:hold");
    let quiet = Instant::now();
    assert!(is_closed(&mut client).await);
    assert_eq!(quiet.elapsed().as_secs(), 5);
}

// Proves that a client that does not read is given up, and that its reply is told as not sent.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_given_up() {
    let toy = Toy::new();
    let (mut client, connection) = piped(limits(), &toy, 1 << 10);
    let begun = Instant::now();
    client.write_all(post(&[JSON], "big").as_bytes()).await.unwrap();
    connection.await.unwrap();
    assert!((5..=6).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!((toy.seen().lost, toy.seen().written), (1, 0));
}
