//! The client against the simulator.

use postern_sdk::{MatchClass, Remark};

use crate::sim::{Faults, Outage, PayloadStyle, RunningSim, SimOptions, SimRecords, SimTls, Simulator};

use super::*;

const FEED: &str = "database,number,issuer,type,theft_type,theft_date,theft_country,notice,retention_date,record_id\n\
    sltd,L898902C3,D,PAS,STL,2020-01-02,UTO,,2030-01-01,S-1\n\
    tdawn,L898902C3,D,PAS,,,,RED,,T-1\n\
    sltd,AB123456,FRA,PAS,LST,20200102,FRA,,,S-2\n";

pub(super) fn options(tls: Option<SimTls>) -> SimOptions {
    SimOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        admin_listen: None,
        tls,
        records: Arc::new(SimRecords::from_csv(FEED.as_bytes()).unwrap().with_nominals(1, 50)),
        seed: 7,
        profile: Arc::new(Profile::built_in()),
        clock: Clock::system(),
    }
}

async fn simulated() -> (RunningSim, Arc<Find>) {
    let sim = Simulator::start(options(None)).await.unwrap();
    let find = find(settings(&format!("http://{}", sim.addr)));
    (sim, find)
}

pub(super) async fn asked(find: &Arc<Find>, number: &str) -> BTreeMap<&'static str, String> {
    told(&Arc::clone(find).ask(ask(document(number), BOTH)).await)
}

pub(super) fn both(sltd: &str, tdawn: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([("sltd", sltd.into()), ("tdawn", tdawn.into())])
}

// Proves client and simulator together: hits with details, near matches, silence; in both payload styles.
#[tokio::test]
async fn simulated_lookups() {
    let (sim, find) = simulated().await;
    for (payload, numeric_codes) in [(PayloadStyle::Inline, false), (PayloadStyle::Escaped, true)] {
        sim.set_faults(Faults { payload: Some(payload), numeric_codes, ..Faults::default() }).unwrap();
        let answers = Arc::clone(&find).ask(ask(document("L898902C3"), BOTH)).await;
        assert_eq!(told(&answers), both("hits", "hits"));
        let hit = &answers[0].finding.hits()[0];
        assert_eq!((hit.class, hit.theft_type.as_deref()), (MatchClass::Exact, Some("STL")));
        assert!(hit.remarks.is_empty());
        let near = Arc::clone(&find).ask(ask(document("AB123456"), BOTH)).await;
        assert_eq!(near[0].finding.hits()[0].class, MatchClass::IssuerDiffers);
        assert_eq!(asked(&find, "ZZ9999999").await, both("no_record", "no_record"));
    }
    let log = sim.log();
    assert_eq!(log.counts["tdawn_sltd/details/NO_ERROR"], 4);
    let mut references: Vec<_> = log.latest.iter().map(|logged| &logged.reference).collect();
    let count = references.len();
    references.sort_unstable();
    references.dedup();
    assert_eq!(references.len(), count);
    assert!(
        find.probe(&Context::default(), Reference(uuid::Uuid::nil()))
            .await
            .iter()
            .all(|p| p.failure.is_none())
    );
    sim.shutdown().await;
}

// Proves that a service confirmed as silent is asked in silence, and that no details follow: they would alarm the owner.
#[tokio::test]
async fn silence_has_no_details() {
    let (sim, _) = simulated().await;
    let mut profile = Profile::built_in();
    profile.service[0].silent = true;
    let find =
        Find::new(settings(&format!("http://{}", sim.addr)), Arc::new(profile), Clock::system()).unwrap();
    let mut ask = ask(document("L898902C3"), BOTH);
    Arc::make_mut(&mut ask.context).silent = true;
    let answers = Arc::clone(&find).ask(ask).await;
    assert_eq!(told(&answers), both("hits", "hits"));
    assert!(answers[0].finding.hits()[0].remarks.is_empty());
    assert_eq!(sim.log().latest.iter().filter(|logged| logged.step == "details").count(), 0);
}

// Proves that requests over the limit are refused by the deadline, before they are sent.
#[tokio::test]
async fn limits_hold_requests_back() {
    let (sim, _) = simulated().await;
    let mut settings = settings(&format!("http://{}", sim.addr));
    settings.options.concurrency_max = 1;
    let find = super::find(settings);
    sim.set_faults(Faults { latency_ms: 300, ..Faults::default() }).unwrap();
    let mut hasty = ask(document("ZZ9999999"), BOTH);
    hasty.deadline = Instant::now() + Duration::from_millis(100);
    let first = Arc::clone(&find).ask(ask(document("ZZ9999999"), BOTH));
    let (first, second) = tokio::join!(first, Arc::clone(&find).ask(hasty));
    assert_eq!(told(&first), both("no_record", "no_record"));
    assert_eq!(told(&second), both("rate_capped", "rate_capped"));
    assert_eq!(sim.log().latest.len(), 1);
}

// Proves that a person of the simulator is found by name and birth.
#[tokio::test]
async fn simulated_persons() {
    let (_sim, find) = simulated().await;
    let known = &options(None).records.nominals()[0].clone();
    let mut query = person();
    if let QueryKey::Person(key) = &mut query.key {
        key.name = Name {
            primary: known.name.as_str().into(),
            secondary: Some(known.forename.as_str().into()),
            truncated: false,
        };
        key.birth = Some(known.birth);
    }
    let answers = Arc::clone(&find).ask(ask(query, &[Database::Nominal])).await;
    let hit = &answers[0].finding.hits()[0];
    assert_eq!((hit.class, hit.score.as_ref().unwrap().permille), (MatchClass::NameScore, 1000));
}

// Proves what each fault of the simulator comes to.
#[tokio::test]
async fn simulated_faults() {
    let (sim, find) = simulated().await;
    let faults = [
        (
            Faults { result: Some("TIME_OUT".into()), ..Faults::default() },
            both("service_time_out", "service_time_out"),
        ),
        (Faults { result: Some("5".into()), ..Faults::default() }, both("access_denied", "access_denied")),
        (
            Faults { blocks: [(Database::Tdawn, "OTHER_ERROR_CODE".into())].into(), ..Faults::default() },
            both("hits", "other_error"),
        ),
        (Faults { missing: [Database::Sltd].into(), ..Faults::default() }, both("block_missing", "hits")),
        (Faults { truncated: true, ..Faults::default() }, both("malformed_answer", "malformed_answer")),
        (Faults { error_rate: 1.0, ..Faults::default() }, both("unexpected_error", "unexpected_error")),
    ];
    for (fault, expected) in faults {
        sim.set_faults(fault).unwrap();
        assert_eq!(asked(&find, "L898902C3").await, expected);
        sim.set_faults(Faults::default()).unwrap();
        assert_eq!(asked(&find, "L898902C3").await, both("hits", "hits"));
    }
    assert!(sim.set_faults(Faults { result: Some("MOON".into()), ..Faults::default() }).is_err());
    assert!(sim.set_faults(Faults { error_rate: f64::NAN, ..Faults::default() }).is_err());
}

// Proves that an outage opens the breaker, that it then answers at once, and that one probe closes it when the link is back.
#[tokio::test]
async fn outage_and_recovery() {
    let (sim, find) = simulated().await;
    assert_eq!(asked(&find, "L898902C3").await["sltd"], "hits");
    sim.set_faults(Faults { outage: Some(Outage::Refuse), ..Faults::default() }).unwrap();
    for _ in 0..3 {
        assert_eq!(asked(&find, "L898902C3").await["sltd"], "transport");
    }
    let status = &find.status()[0];
    assert_ne!(status.state, BreakerState::Closed);
    assert_eq!(status.last_error, Some(Reason::Transport));
    sim.set_faults(Faults::default()).unwrap();
    let back = async {
        while asked(&find, "L898902C3").await["sltd"] != "hits" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), back).await.unwrap();
    assert_eq!(find.status()[0].state, BreakerState::Closed);
    assert_eq!(find.status()[0].in_flight, 0);
}

// Proves that a service which hangs costs the request's time limit and no more, and that latency is only waited for.
#[tokio::test]
async fn hanging_and_slow() {
    let (sim, _) = simulated().await;
    let mut settings = settings(&format!("http://{}", sim.addr));
    settings.options.request_timeout_ms = 150;
    let find = super::find(settings);
    sim.set_faults(Faults { outage: Some(Outage::Hang), ..Faults::default() }).unwrap();
    let begin = Instant::now();
    assert_eq!(asked(&find, "L898902C3").await["sltd"], "deadline");
    assert!(begin.elapsed() >= Duration::from_millis(150) && begin.elapsed() < Duration::from_secs(3));
    sim.set_faults(Faults { latency_ms: 20, ..Faults::default() }).unwrap();
    let begin = Instant::now();
    assert_eq!(asked(&find, "ZZ9999999").await["sltd"], "no_record");
    assert!(begin.elapsed() >= Duration::from_millis(20));
}

// Proves that slow details don't keep a hit beyond the lane's deadline.
#[tokio::test]
async fn slow_details_leave_the_hit() {
    let (sim, find) = simulated().await;
    sim.set_faults(Faults { latency_ms: 300, ..Faults::default() }).unwrap();
    let mut ask = ask(document("L898902C3"), BOTH);
    ask.deadline = Instant::now() + Duration::from_millis(500);
    let deadline = ask.deadline;
    let answers = Arc::clone(&find).ask(ask).await;
    assert!(Instant::now() < deadline);
    assert_eq!(told(&answers), both("hits", "hits"));
    assert_eq!(answers[0].finding.hits()[0].remarks, [Remark::DetailsMissing]);
}

/// Sends a request to the admin endpoint and gives the status line and the body.
async fn admin(address: std::net::SocketAddr, method: &str, path: &str, body: &str) -> (String, String) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

// Proves the admin endpoint: faults are set and read over HTTP, mistakes are refused, and the log tells what was asked.
#[tokio::test]
async fn simulator_is_administered() {
    let listen = Some("127.0.0.1:0".parse().unwrap());
    let sim = Simulator::start(SimOptions { admin_listen: listen, ..options(None) }).await.unwrap();
    let find = find(settings(&format!("http://{}", sim.addr)));
    let address = sim.admin_addr.unwrap();
    let (status, _) =
        admin(address, "PUT", "/faults", r#"{"blocks":{"tdawn":"TIME_OUT"},"payload":"escaped"}"#).await;
    assert!(status.contains("200"), "{status}");
    assert_eq!(asked(&find, "L898902C3").await, both("hits", "service_time_out"));
    assert!(admin(address, "GET", "/faults", "").await.1.contains("\"escaped\""));
    let (status, body) = admin(address, "GET", "/log", "").await;
    assert!(status.contains("200") && body.contains("\"tdawn_sltd/search/NO_ERROR\":1"), "{body}");
    for wrong in [r#"{"colour":1}"#, r#"{"error_rate":2}"#, r#"{"result":"MOON"}"#] {
        let (status, _) = admin(address, "PUT", "/faults", wrong).await;
        assert!(status.contains("422"), "{status}");
    }
    sim.shutdown().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

// Proves that the service's own tables are read, in whichever form the profile says, and that what the profile lacks and
// what the service does not tell are found.
#[tokio::test]
async fn tables_are_compared() {
    for profile in [Profile::built_in(), Profile::parse(super::matrix::OTHER).unwrap()] {
        let served = Arc::new(profile.clone());
        let sim = Simulator::start(SimOptions { profile: served, ..options(None) }).await.unwrap();
        let settings = || settings(&format!("http://{}", sim.addr));
        let mut other = profile.clone();
        let lacking = other.tables.theft_types.pop_first().unwrap();
        other.tables.theft_types.insert("QQ".into(), "unheard of".into());
        let tables = async |profile: &Profile| {
            let find = Find::new(settings(), Arc::new(profile.clone()), Clock::system()).unwrap();
            let told = find.tables(&Context::default(), Reference(uuid::Uuid::nil())).await.unwrap();
            let differences = told
                .into_iter()
                .map(|(table, told)| (table.code(), Difference::of(profile, table, &told.unwrap())));
            differences.filter(|(_, difference)| !difference.is_none()).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(tables(&profile).await, BTreeMap::new());
        let found = tables(&other).await;
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), ["theft_types"]);
        assert_eq!(found["theft_types"].missing, BTreeMap::from([lacking]));
        assert_eq!(found["theft_types"].unknown, ["QQ"]);
        sim.shutdown().await;
    }
}
