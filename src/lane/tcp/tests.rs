//! Connections over real sockets, and over pipes where time must be paused.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::*;
use crate::lane::link::Link;
use crate::lane::testing::{Running, SOON, Toy, limits};
use crate::tls::testing::Authority;

const DRAIN: Duration = Duration::from_secs(10);

async fn start_lane(lane: TcpLane, drain_limit: Duration) -> Running {
    Running::start(|listener, told| async move {
        lane.run(listener, async { told.await.unwrap_or_default() }, drain_limit).await;
    })
    .await
}

fn lane(framing: Framing, limits: Limits, toy: &Arc<Toy>) -> TcpLane {
    TcpLane::new("test", framing, limits, Some("egate"), None, Arc::clone(toy) as Arc<dyn Handler>)
}

async fn start(framing: Framing, limits: Limits, toy: &Arc<Toy>) -> Running {
    start_lane(lane(framing, limits, toy), DRAIN).await
}

async fn connect(running: &Running) -> TcpStream {
    TcpStream::connect(running.address).await.unwrap()
}

/// Everything until the lane closes.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("closed in time").unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Exactly these bytes.
async fn expect(stream: &mut (impl AsyncRead + Unpin), expected: &str) {
    let mut bytes = vec![0; expected.len()];
    timeout(SOON, stream.read_exact(&mut bytes)).await.expect("answered in time").unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}

/// A connection over a pipe of this size, with the time paused by the test.
fn piped(
    limits: &Limits,
    toy: &Arc<Toy>,
    pipe_bytes: usize,
) -> (DuplexStream, JoinHandle<Option<DuplexStream>>) {
    let (ours, theirs) = duplex(pipe_bytes);
    let client = Arc::new(ClientIdentity::new("egate", IdentifiedBy::Lane));
    let handler = Arc::clone(toy) as Arc<dyn Handler>;
    let link = Link::new(handler, Arc::new(Meter::new("test")), client, "127.0.0.1:1".parse().unwrap());
    let connection = Connection::new(theirs, link, Framing::Line, limits, CancellationToken::new());
    (ours, tokio::spawn(connection.run()))
}

// Proves that frames are answered in each framing over a real socket, and that half a close still gets all replies.
#[tokio::test]
async fn frames_are_answered() {
    let cases = [
        (Framing::Line, "a\r\n\r\nbb\r\n", "re:a\r\nre:bb\r\n"),
        (Framing::Line, "a\nbb\n", "re:a\nre:bb\n"),
        (Framing::Line, "a\rbb\r", "re:a\rre:bb\r"),
        (Framing::StxEtx, "\r\n\x02a\x03 \r\n\x02\x03\x02bb\x03", "\x02re:a\x03\x02re:bb\x03"),
        (Framing::Length2, "\0\x01a\0\0\0\x02bb", "\0\x04re:a\0\x05re:bb"),
        (Framing::Length4, "\0\0\0\x01a\0\0\0\0\0\0\0\x02bb", "\0\0\0\x04re:a\0\0\0\x05re:bb"),
    ];
    for (framing, sent, expected) in cases {
        let toy = Toy::new();
        let running = start(framing, limits(), &toy).await;
        let mut client = connect(&running).await;
        client.write_all(sent.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(rest(&mut client).await, expected, "{framing:?}");
        let seen = toy.until(|seen| seen.written == 2 && seen.closed == 1).await;
        let numbers: Vec<u64> = seen.frames.iter().map(|frame| frame.number).collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(seen.frames[0].client.name, "egate");
    }
}

// Proves that replies leave in the order of their frames although a later one is ready first.
#[tokio::test]
async fn replies_keep_the_order() {
    let toy = Toy::new();
    let running = start(Framing::Line, limits(), &toy).await;
    let mut client = connect(&running).await;
    client.write_all(b"hold\nfast\nnone\ntwo\n").await.unwrap();
    toy.until(|seen| seen.frames.len() == 4).await;
    assert_eq!(toy.seen().written, 0);
    toy.release(1);
    expect(&mut client, "re:hold\nre:fast\nre:two\nre:two\n").await;
    toy.until(|seen| seen.written == 4).await;
}

// Proves that no more frames are taken than may be in flight, and that the others wait for room.
#[tokio::test]
async fn what_is_in_flight_is_bounded() {
    let toy = Toy::new();
    let running = start(Framing::Line, limits(), &toy).await;
    let mut client = connect(&running).await;
    client.write_all(b"hold1\nhold2\nhold3\nhold4\nhold5\nhold6\n").await.unwrap();
    toy.until(|seen| seen.frames.len() == 4).await;
    toy.release(1);
    expect(&mut client, "re:hold1\n").await;
    assert_eq!(toy.until(|seen| seen.frames.len() == 5).await.frames.len(), 5);
    toy.release(5);
    expect(&mut client, "re:hold2\nre:hold3\nre:hold4\nre:hold5\nre:hold6\n").await;
}

// Proves that a line that is too long is refused and the link goes on, and that other faults of framing end the link.
#[tokio::test]
async fn faults_of_framing_are_refused() {
    let long = "x".repeat(40);
    let cases = [
        (Framing::Line, format!("a\n{long}\nb\n"), "re:a\n!frame_too_large\nre:b\n"),
        (Framing::Line, "a\nunended".to_owned(), "re:a\n!framing\n"),
        (Framing::StxEtx, "\x02a\x03x\x02b\x03".to_owned(), "\x02re:a\x03\x02!framing\x03"),
        (Framing::StxEtx, "\x02a\x02b\x03".to_owned(), "\x02!framing\x03"),
        (Framing::StxEtx, format!("\x02{long}\x03\x02b\x03"), "\x02!frame_too_large\x03"),
        (Framing::Length2, "\0\x28a".to_owned(), "\0\x10!frame_too_large"),
        (Framing::Length4, "\x7f\0\0\x01a".to_owned(), "\0\0\0\x10!frame_too_large"),
    ];
    for (framing, sent, expected) in cases {
        let running = start(framing, limits(), &Toy::new()).await;
        let mut client = connect(&running).await;
        client.write_all(sent.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(rest(&mut client).await, expected, "{framing:?} {sent:?}");
    }
}

// Proves that a panic in a handler, before or while it answers, costs that message only.
#[tokio::test]
async fn a_panic_costs_one_message() {
    let running = start(Framing::Line, limits(), &Toy::new()).await;
    let mut client = connect(&running).await;
    client.write_all(b"a\npanic\nPANIC\nb\n").await.unwrap();
    expect(&mut client, "re:a\n!internal\n!internal\nre:b\n").await;
}

// Proves that a reply that its framing can't carry becomes a refusal, and is told as not sent.
#[tokio::test]
async fn an_unframeable_reply_is_refused() {
    let toy = Toy::new();
    let running = start(Framing::Line, limits(), &toy).await;
    let mut client = connect(&running).await;
    client.write_all(b"lines\nb\n").await.unwrap();
    expect(&mut client, "!internal\nre:b\n").await;
    let seen = toy.until(|seen| seen.written == 1).await;
    assert_eq!(seen.lost, 1);
}

// Proves that a handler can close the link after its reply.
#[tokio::test]
async fn a_handler_can_close() {
    let running = start(Framing::Line, limits(), &Toy::new()).await;
    let mut client = connect(&running).await;
    client.write_all(b"a\nclose\n").await.unwrap();
    assert_eq!(rest(&mut client).await, "re:a\nre:close\n");
}

// Proves that a client beyond the limit is told so, and that its place is given on when another leaves.
#[tokio::test]
async fn connections_are_bounded() {
    let toy = Toy::new();
    let limits = Limits { connections_max: 1, ..limits() };
    let running = start(Framing::Line, limits, &toy).await;
    let mut first = connect(&running).await;
    first.write_all(b"a\n").await.unwrap();
    expect(&mut first, "re:a\n").await;
    assert_eq!(rest(&mut connect(&running).await).await, "!busy\n");
    drop(first);
    let again = async {
        loop {
            let mut next = connect(&running).await;
            let _ = next.write_all(b"b\n").await;
            let mut first_byte = [0];
            if next.read(&mut first_byte).await.is_ok_and(|read| read == 1) && first_byte == *b"r" {
                break;
            }
        }
    };
    timeout(SOON, again).await.expect("a place in time");
}

// Proves that a lane that nobody names the client of refuses it.
#[tokio::test]
async fn an_unnamed_client_is_denied() {
    let lane = TcpLane::new("test", Framing::Line, limits(), None, None, Toy::new());
    let running = start_lane(lane, DRAIN).await;
    assert_eq!(rest(&mut connect(&running).await).await, "!denied\n");
}

// Proves that a shutdown takes no more frames, answers those in flight, and then ends.
#[tokio::test]
async fn a_shutdown_answers_what_is_in_flight() {
    let toy = Toy::new();
    let running = start(Framing::Line, limits(), &toy).await;
    let address = running.address;
    let mut client = connect(&running).await;
    client.write_all(b"hold\n").await.unwrap();
    toy.until(|seen| seen.frames.len() == 1).await;
    let ended = running.shut_down();
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(SOON, refused).await.expect("no longer accepts");
    toy.release(1);
    assert_eq!(rest(&mut client).await, "re:hold\n");
    drop(client);
    timeout(SOON, ended).await.expect("ended in time").unwrap();
    assert_eq!((toy.seen().written, toy.seen().closed), (1, 1));
}

// Proves that a shutdown does not wait longer than its limit for a handler.
#[tokio::test]
async fn a_shutdown_has_a_limit() {
    let toy = Toy::new();
    let running = start_lane(lane(Framing::Line, limits(), &toy), Duration::from_millis(50)).await;
    let mut client = connect(&running).await;
    client.write_all(b"hold\n").await.unwrap();
    toy.until(|seen| seen.frames.len() == 1).await;
    timeout(SOON, running.shut_down()).await.expect("ended in time").unwrap();
}

// Proves that a frame is driven to its end although its client has gone, and told as not sent.
#[tokio::test(start_paused = true)]
async fn a_frame_outlives_its_client() {
    let toy = Toy::new();
    let (mut client, connection) = piped(&limits(), &toy, 64);
    client.write_all(b"hold1\nhold2\n").await.unwrap();
    toy.until(|seen| seen.frames.len() == 2).await;
    drop(client);
    toy.release(2);
    assert!(timeout(SOON, connection).await.unwrap().unwrap().is_none());
    assert_eq!((toy.seen().lost, toy.seen().written), (2, 0));
}

// Proves that a frame that drips in is refused after the time for a frame, and not for the time before it began.
#[tokio::test(start_paused = true)]
async fn a_drip_is_late() {
    let toy = Toy::new();
    let (mut client, connection) = piped(&limits(), &toy, 64);
    client.write_all(b"a\n").await.unwrap();
    expect(&mut client, "re:a\n").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let begun = Instant::now();
    for _ in 0..5 {
        client.write_all(b"x").await.unwrap();
        tokio::time::sleep(Duration::from_millis(950)).await;
    }
    expect(&mut client, "!timeout\n").await;
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert!(connection.await.unwrap().is_some());
}

// Proves that a silent client is closed after the time for silence, and not while its question is being answered.
#[tokio::test(start_paused = true)]
async fn silence_has_an_end() {
    let toy = Toy::new();
    let limits = Limits { idle_timeout_ms: 10_000, ..limits() };
    let (mut client, connection) = piped(&limits, &toy, 64);
    client.write_all(b"hold\n").await.unwrap();
    toy.until(|seen| seen.frames.len() == 1).await;
    tokio::time::sleep(Duration::from_secs(25)).await;
    toy.release(1);
    expect(&mut client, "re:hold\n").await;
    let quiet = Instant::now();
    connection.await.unwrap().expect("a farewell");
    assert!(quiet.elapsed() <= Duration::from_secs(10), "{:?}", quiet.elapsed());
}

// Proves that a client that does not read is given up, and that what it asked is handled all the same.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_given_up() {
    let toy = Toy::new();
    let (mut client, connection) = piped(&limits(), &toy, 64);
    let begun = Instant::now();
    client.write_all(b"big\nb\nhold\n").await.unwrap();
    toy.until(|seen| seen.frames.len() == 3).await;
    toy.release(1);
    assert!(connection.await.unwrap().is_none());
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert_eq!((toy.seen().lost, toy.seen().written), (3, 0));
}

// Proves that a slow, a silent, a flooding and a malformed client do not keep another one from being served.
#[tokio::test]
async fn one_client_hurts_nobody_else() {
    let toy = Toy::new();
    let limits = Limits { frame_timeout_ms: 100, write_timeout_ms: 100, ..limits() };
    let running = start(Framing::Line, limits, &toy).await;
    let _silent = connect(&running).await;
    let mut slow = connect(&running).await;
    slow.write_all(b"begun").await.unwrap();
    let mut deaf = connect(&running).await;
    deaf.write_all(&b"big\n".repeat(64)).await.unwrap();
    let mut malformed = connect(&running).await;
    malformed.write_all(&[0xff; 100]).await.unwrap();
    for _ in 0..10 {
        let mut good = connect(&running).await;
        good.write_all(b"a\n").await.unwrap();
        expect(&mut good, "re:a\n").await;
    }
    assert_eq!(rest(&mut slow).await, "!timeout\n");
    toy.until(|seen| seen.lost > 0).await;
}

// Proves that a certificate of the lane's authority names its client, and that one of another, or none, opens nothing.
#[tokio::test]
async fn certificates_name_clients() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, foreign) = (Authority::new("PRODUCTION"), Authority::new("ELSEWHERE"));
    let (toy, production) = (Toy::new(), postern_sdk::Environment::Production);
    let settings = ours.server(folder.path(), Some(&ours));
    let tls = tls::Server::from_config(&settings, production, tls::Speaks::Frames).unwrap();
    let lane = TcpLane::new("test", Framing::Line, limits(), Some("lane"), Some(tls), Arc::clone(&toy) as _);
    let running = start_lane(lane, DRAIN).await;
    let talk = async |settings| -> std::io::Result<String> {
        let config = tls::client_config(&settings, production).unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = "localhost".try_into().unwrap();
        let mut stream = connector.connect(name, connect(&running).await).await?;
        stream.write_all(b"a\n").await?;
        let mut reply = [0; 5];
        stream.read_exact(&mut reply).await?;
        Ok(String::from_utf8_lossy(&reply).into_owned())
    };
    assert_eq!(talk(ours.client(folder.path(), &ours, Some("egate-7"))).await.unwrap(), "re:a\n");
    assert!(talk(foreign.client(folder.path(), &ours, Some("egate-7"))).await.is_err());
    assert!(talk(ours.client(folder.path(), &ours, None)).await.is_err());
    let seen = toy.seen();
    assert_eq!(seen.frames.len(), 1);
    assert_eq!(*seen.frames[0].client, ClientIdentity::new("egate-7", IdentifiedBy::Certificate));
}
