//! The simulator's faults over real sockets, read by a client that knows HTTP and nothing of ours.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::find::Profile;

use super::{Faults, RunningSim, SimOptions, SimRecords, Simulator, feed};

/// How long what is there may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it is waited for what must not come.
const NOTHING: Duration = Duration::from_millis(300);

const SEARCH: &str = r#"<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header><UsernameToken xmlns="NS" Version="1.0"><Username>u</Username><Password>p</Password></UsernameToken><UserInformation xmlns="NS"><Username>officer</Username><ReferenceInCountry>REF</ReferenceInCountry></UserInformation><AdministrativeToken xmlns="NS"><EnquiriesReference>EXCHANGE</EnquiriesReference></AdministrativeToken></soap:Header><soap:Body><Search xmlns="NS"><FIELD>ABOUT</FIELD><NbRecord>20</NbRecord></Search></soap:Body></soap:Envelope>"#;

async fn started() -> RunningSim {
    let records = SimRecords::from_feed(&feed::generate(640, 1)).unwrap().with_nominals(1, 10);
    let options = SimOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        admin_listen: Some(([127, 0, 0, 1], 0).into()),
        tls: None,
        records: Arc::new(records),
        seed: 7,
        profile: Arc::new(Profile::built_in()),
        clock: Clock::system(),
    };
    Simulator::start(options).await.unwrap()
}

fn behave(sim: &RunningSim, faults: &str) {
    sim.set_faults(Faults::parse(faults).unwrap()).unwrap();
}

/// An answer: the head, and the body as far as it came.
#[derive(Debug)]
struct Answer {
    head: String,
    body: String,
    /// Whether the body is as long as its head says.
    whole: bool,
}

impl Answer {
    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

async fn exchange(address: SocketAddr, request: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut bytes = Vec::new();
    // What came before the connection broke counts.
    let _broken = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let whole = length.is_some_and(|length: usize| length <= body.len());
    Some(Answer { head: head.to_owned(), body: body.to_owned(), whole })
}

fn search(service: &str, namespace: &str, field: &str, about: &str) -> String {
    let body = SEARCH.replace("NS", namespace).replace("FIELD", field).replace("ABOUT", about);
    format!(
        "POST /find/{service}.asmx HTTP/1.1\r\nHost: sim\r\nConnection: close\r\nSOAPAction: \"{namespace}/Search\"\r\n\
         Content-Type: text/xml; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Asks about a document.
async fn document(sim: &RunningSim, number: &str) -> Option<Answer> {
    let request = search("nomtdsltd", "urn:interpol:ws:wsp:nomtdsltd", "DIN", number);
    timeout(PATIENCE, exchange(sim.addr, &request)).await.unwrap()
}

async fn person(sim: &RunningSim) -> Option<Answer> {
    let request = search("nominals", "urn:interpol:ws:find:nominal", "Name", "NOBODY");
    timeout(PATIENCE, exchange(sim.addr, &request)).await.unwrap()
}

fn last(sim: &RunningSim) -> String {
    sim.log().latest.last().unwrap().result.clone()
}

// Proves a script, word by word, and that the log says of each request what became of it.
#[tokio::test]
async fn script() {
    let sim = started().await;
    behave(
        &sim,
        r#"script = ["TIME_OUT", "http 503", "fault", "close", "cut", "html", "empty", "two_results"]"#,
    );
    let next = async || document(&sim, "ZZ9999999").await;
    assert!(next().await.unwrap().body.contains("<resultCode>TIME_OUT<"));
    assert_eq!(next().await.unwrap().status(), "503");
    let fault = next().await.unwrap();
    assert!(fault.status() == "500" && fault.body.contains("soap:Fault"), "{fault:?}");
    assert!(next().await.is_none());
    let cut = next().await.unwrap();
    assert!(!cut.whole && cut.body.starts_with("<?xml") && !cut.body.contains("</soap:Envelope>"), "{cut:?}");
    let page = next().await.unwrap();
    assert!(page.head.contains("text/html") && page.status() == "200" && page.whole, "{page:?}");
    assert_eq!(next().await.unwrap().body, "");
    assert_eq!(next().await.unwrap().body.matches("<SearchResult>").count(), 2);
    assert!(next().await.unwrap().body.contains("NO_ANSWER"));
    let log = sim.log();
    let results: Vec<_> = log.latest.iter().map(|logged| logged.result.as_str()).collect();
    let cut = ["NO_ANSWER cut", "NO_ANSWER html", "NO_ANSWER empty", "NO_ANSWER two_results", "NO_ANSWER"];
    assert_eq!(results, [&["TIME_OUT", "http 503", "fault", "close"][..], &cut].concat());
    let one = &log.latest[0];
    let said = (&*one.service, one.step, &*one.reference, &*one.exchange);
    assert_eq!(said, ("tdawn_sltd", "search", "REF", "EXCHANGE"));
    assert_eq!(log.latest.iter().map(|logged| &logged.about).collect::<BTreeSet<_>>().len(), 1);
    sim.shutdown().await;
}

// Proves that acts of numbers, and the faults of a service, leave the others alone.
#[tokio::test]
async fn numbers_and_services() {
    let sim = started().await;
    behave(
        &sim,
        "numbers = { \"ZZ1*\" = \"TOO_MANY_ANSWER\" }\n[services.nominal]\nresult = \"ACCESS_DENIED\"",
    );
    assert!(document(&sim, "zz 123-456").await.unwrap().body.contains("TOO_MANY_ANSWER"));
    assert!(document(&sim, "ZZ223456").await.unwrap().body.contains("NO_ANSWER"));
    assert!(person(&sim).await.unwrap().body.contains("ACCESS_DENIED"));
    behave(&sim, "[services.nominal]\noutage = \"refuse\"");
    assert!(person(&sim).await.is_none());
    assert_eq!(last(&sim), "refuse");
    assert!(document(&sim, "ZZ223456").await.unwrap().whole);
    let tell = |number: u64| sim.log_since(number).latest.into_iter().map(|logged| logged.number);
    assert_eq!((tell(3).collect::<Vec<_>>(), sim.log_since(3).last), (vec![4, 5], 5));
}

// Proves that of a hanging request nothing comes, while the connection stands, that it is logged, and that an outage's end frees it.
#[tokio::test]
async fn hangs() {
    let sim = started().await;
    for faults in ["mix = { hang = 1 }", "outage = \"hang\""] {
        behave(&sim, faults);
        assert!(timeout(NOTHING, document(&sim, "ZZ223456")).await.is_err(), "{faults}");
        assert_eq!(last(&sim), "hang");
    }
    let freed = tokio::join!(document(&sim, "ZZ223456"), async {
        while sim.log().last < 3 {
            tokio::task::yield_now().await;
        }
        sim.set_faults(Faults::default()).unwrap();
    });
    assert!(freed.0.is_none());
    assert!(document(&sim, "ZZ223456").await.unwrap().whole);
}

// Proves that a drip takes its time and is whole in the end, and that an answer can be cut after the bytes that are said.
#[tokio::test]
async fn drips_and_cuts() {
    let sim = started().await;
    behave(&sim, "drip_bytes_per_s = 2000");
    let begun = tokio::time::Instant::now();
    let dripped = document(&sim, "ZZ223456").await.unwrap();
    assert!(dripped.whole && begun.elapsed() > Duration::from_millis(200), "{:?}", begun.elapsed());
    behave(&sim, "mix = { cut = 1 }\ncut_after_bytes = 10");
    assert_eq!(document(&sim, "ZZ223456").await.unwrap().body.len(), 10);
}

// Proves that a mix has its shares, the same requests of the same seed, and that nobody's other request is hurt.
#[tokio::test]
async fn mixes() {
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let sim = started().await;
        behave(&sim, "mix = { \"http 502\" = 0.3, garbage = 0.2 }");
        let mut results = Vec::new();
        for _ in 0..60 {
            let answer = document(&sim, "ZZ223456").await.unwrap();
            assert!(answer.whole, "{answer:?}");
            results.push(last(&sim));
        }
        let count = |result: &str| results.iter().filter(|known| *known == result).count();
        let shares = [count("http 502"), count("NO_ANSWER garbage"), count("NO_ANSWER")];
        assert!(shares[0] > 8 && shares[1] > 4 && shares.iter().sum::<usize>() == 60, "{shares:?}");
        seen.insert(results);
    }
    assert_eq!(seen.len(), 1);
}

// Proves what cannot be read is logged too, and refused by its status.
#[tokio::test]
async fn unreadable_requests() {
    let sim = started().await;
    let request = search("nomtdsltd", "urn:interpol:ws:wsp:nomtdsltd", "DIN", "<");
    assert_eq!(exchange(sim.addr, &request).await.unwrap().status(), "400");
    assert_eq!(last(&sim), "bad_request");
    let elsewhere = "GET /other HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n\r\n";
    assert_eq!(exchange(sim.addr, elsewhere).await.unwrap().status(), "404");
    assert_eq!((last(&sim), sim.log().last), ("not_found".into(), 2));
}

// Proves that the admin sets and tells faults, refuses what can't be, and pages the log.
#[tokio::test]
async fn admin() {
    let sim = started().await;
    let admin = sim.admin_addr.unwrap();
    let call = async |method: &str, path: &str, body: &str| {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        exchange(admin, &request).await.unwrap()
    };
    let set =
        call("PUT", "/faults", r#"{"latency":{"kind":"uniform","min_ms":1,"max_ms":2},"mix":{"hang":0.5}}"#);
    assert!(set.await.body.contains(r#""mix":{"hang":0.5}"#));
    assert_eq!(sim.faults().mix.len(), 1);
    assert_eq!(call("PUT", "/faults", r#"{"mix":{"hang":2}}"#).await.status(), "422");
    assert_eq!(call("PUT", "/faults", "{}").await.status(), "200");
    for _ in 0..3 {
        document(&sim, "ZZ223456").await.unwrap();
    }
    let page: serde_json::Value = serde_json::from_str(&call("GET", "/log?since=1", "").await.body).unwrap();
    assert_eq!((&page["last"], &page["latest"][0]["number"]), (&3.into(), &2.into()));
    assert_eq!(page["latest"].as_array().unwrap().len(), 2);
    let all: serde_json::Value = serde_json::from_str(&call("GET", "/log", "").await.body).unwrap();
    assert_eq!(all["counts"]["tdawn_sltd/search/NO_ANSWER"], 3);
    assert_eq!(call("GET", "/log?from=1", "").await.status(), "400");
}
