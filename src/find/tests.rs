use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use postern_sdk::{
    Basis, DocumentKey, Environment, MatchClass, Name, PersonKey, Personal, QueryKey, Remark, Sex,
};
use tokio::time::Instant;

use super::*;
use crate::config::file;
use crate::sim::pki::TrainingPki;
use crate::sim::{Faults, Outage, PayloadStyle, RunningSim, SimOptions, SimRecords, SimTls, Simulator};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/find/");

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{FIXTURES}{name}.xml")).unwrap()
}

fn settings(base_url: &str) -> Settings {
    let options = file::Find {
        profile: None,
        base_url: base_url.to_owned(),
        username: "acct".to_owned(),
        password_file: "unused".into(),
        tls: None,
        connect_timeout_ms: 1_000,
        request_timeout_ms: 5_000,
        concurrency_max: 8,
        rate_per_s_max: 0,
        records_max: 3,
        breaker_failures: 3,
        breaker_rest_ms: 50,
    };
    Settings {
        options,
        country: "UTO".parse().unwrap(),
        environment: Environment::Training,
        password: Personal::from("secret"),
        tls: None,
    }
}

fn find(settings: Settings) -> Arc<Find> {
    Find::new(settings, Arc::new(Profile::built_in()), Clock::system()).unwrap()
}

fn document(number: &str) -> Query {
    let key =
        DocumentKey { number: number.parse().unwrap(), issuer: "D".parse().ok(), doc_type: "P".parse().ok() };
    Query { key: QueryKey::Document(key), basis: Basis::Stated }
}

fn person() -> Query {
    let key = PersonKey {
        name: Name { primary: "ERIKSSON".into(), secondary: Some("ANNA".into()), truncated: false },
        birth: "1974-08-12".parse().ok(),
        sex: Sex::Female,
        nationality: None,
        document: "L898902C3".parse().ok(),
    };
    Query { key: QueryKey::Person(key), basis: Basis::Stated }
}

fn ask(query: Query, databases: &[Database]) -> Ask {
    let context = Context {
        environment: Environment::Training,
        end_user: Some(Personal::from("officer")),
        ..Context::default()
    };
    Ask {
        reference: Reference(uuid::Uuid::nil()),
        context: Arc::new(context),
        query,
        number: 7,
        databases: databases.to_vec(),
        deadline: Instant::now() + Duration::from_secs(5),
    }
}

const BOTH: &[Database] = &[Database::Sltd, Database::Tdawn];

/// What each database is said to be, in short: `hits`, `hits+reason`, `no_record` or the reason.
fn told(answers: &[Answer]) -> BTreeMap<&'static str, String> {
    let short = |answer: &Answer| match (&answer.finding, answer.unchecked) {
        (Finding::NotChecked(reason), _) => reason.code().to_owned(),
        (finding, None) => finding.code().to_owned(),
        (finding, Some(reason)) => format!("{}+{}", finding.code(), reason.code()),
    };
    answers.iter().map(|answer| (answer.database.code(), short(answer))).collect()
}

/// What an answer says of both databases, judged without a network.
fn judged(body: &str) -> (String, String) {
    let find = find(settings("http://localhost:1"));
    let line = find.line(&find.services[0]);
    let ask = ask(document("L898902C3"), BOTH);
    let answers = match reply::read(&find.profile, &line.service.search, body.as_bytes()) {
        Ok(reply) => line.answers_of(&ask, BOTH, &reply),
        Err(unreadable) => not_checked(&ask, BOTH, unreadable.into()).collect(),
    };
    let told = told(&answers);
    (told["sltd"].clone(), told["tdawn"].clone())
}

/// A block as written by hand: name, status if any, and how many records.
fn block(name: &str, status: Option<&str>, records: usize) -> String {
    let status = status.map_or(String::new(), |status| format!("<status_id>{status}</status_id>"));
    let record = |index| {
        format!(
            "<document item_id='R{index}'><nr>L898902C3</nr><type_id>PAS</type_id>\
             <country_of_issuance_id>155</country_of_issuance_id></document>"
        )
    };
    format!("<origin><name>{name}</name>{status}{}</origin>", (0..records).map(record).collect::<String>())
}

fn answer(code: &str, blocks: &[String], escaped: bool) -> String {
    let payload = match blocks {
        [] => String::new(),
        blocks => format!("<IPSGDatas><datas><search>{}</search></datas></IPSGDatas>", blocks.concat()),
    };
    let payload = if escaped { payload.replace('<', "&lt;").replace('>', "&gt;") } else { payload };
    format!(
        "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body><SearchResponse><SearchResult>\
         <resultCode>{code}</resultCode><xmlData>{payload}</xmlData>\
         </SearchResult></SearchResponse></e:Body></e:Envelope>"
    )
}

// Proves the rules of the first promise on answers written by hand: code × block × payload style × number of records.
#[test]
fn only_its_own_word_is_no_record() {
    let sltd = |status, records| block("IPSG", status, records);
    let tdawn = |status, records| block("IPSG.NOMTD", status, records);
    let malformed = "malformed_answer";
    let cases: Vec<(&str, Vec<String>, &str, &str)> = vec![
        ("0", vec![sltd(Some("0"), 1), tdawn(Some("1"), 0)], "hits", "no_record"),
        ("0", vec![sltd(Some("0"), 1), tdawn(Some("0"), 1)], "hits", "hits"),
        ("0", vec![sltd(None, 1), tdawn(None, 1)], "hits", "hits"),
        ("0", vec![sltd(Some("1"), 0), tdawn(Some("0"), 1)], "no_record", "hits"),
        // A block that is missing, empty without a word, or contradicts itself or the code.
        ("0", vec![sltd(Some("0"), 1)], "hits", "block_missing"),
        ("0", vec![tdawn(Some("0"), 1)], "block_missing", "hits"),
        ("0", vec![sltd(Some("0"), 1), tdawn(None, 0)], "hits", malformed),
        ("0", vec![sltd(Some("0"), 1), tdawn(Some("0"), 0)], "hits", malformed),
        ("0", vec![sltd(Some("1"), 1), tdawn(Some("1"), 0)], "hits+malformed_answer", "no_record"),
        ("0", vec![sltd(Some("1"), 0), tdawn(Some("1"), 0)], malformed, malformed),
        ("0", vec![], malformed, malformed),
        ("0", vec![sltd(Some("0"), 1), tdawn(Some("9"), 0)], "hits", malformed),
        ("0", vec![sltd(Some("0"), 1), tdawn(Some("1"), 0), tdawn(Some("3"), 0)], "hits", "unexpected_error"),
        // One block that failed.
        ("0", vec![sltd(Some("0"), 1), tdawn(Some("3"), 0)], "hits", "unexpected_error"),
        ("0", vec![sltd(Some("7"), 0), tdawn(Some("0"), 1)], "service_time_out", "hits"),
        ("0", vec![sltd(Some("6"), 1), tdawn(Some("1"), 0)], "hits+other_error", "no_record"),
        ("1", vec![sltd(Some("5"), 0), tdawn(Some("1"), 0)], "access_denied", "no_record"),
        // Nothing found.
        ("1", vec![], "no_record", "no_record"),
        ("1", vec![sltd(Some("1"), 0), tdawn(Some("1"), 0)], "no_record", "no_record"),
        ("1", vec![sltd(None, 0), tdawn(None, 0)], "no_record", "no_record"),
        ("1", vec![sltd(Some("1"), 0)], "no_record", "block_missing"),
        ("1", vec![sltd(Some("0"), 0), tdawn(Some("1"), 0)], malformed, "no_record"),
        ("1", vec![sltd(Some("1"), 1), tdawn(Some("1"), 0)], "hits+malformed_answer", malformed),
        ("1", vec![block("MIND", Some("1"), 0)], "block_missing", "block_missing"),
        // Records in a block of nobody.
        ("0", vec![sltd(Some("0"), 1), block("MIND", None, 1), tdawn(Some("1"), 0)], "hits", malformed),
        // Lists that reach the limit of three.
        ("0", vec![sltd(Some("0"), 3), tdawn(Some("1"), 0)], "hits+list_truncated", "no_record"),
        ("0", vec![sltd(Some("0"), 2), tdawn(Some("0"), 1)], "hits+list_truncated", "hits+list_truncated"),
        ("0", vec![sltd(Some("0"), 2), tdawn(Some("1"), 0)], "hits", "no_record"),
        // Codes of failure: blocks are believed only beside an error in another source database.
        ("2", vec![], "invalid_search", "invalid_search"),
        ("3", vec![sltd(Some("1"), 0), tdawn(Some("1"), 0)], "unexpected_error", "unexpected_error"),
        ("4", vec![sltd(Some("0"), 1)], "hits+too_many", "too_many"),
        ("5", vec![], "access_denied", "access_denied"),
        ("6", vec![sltd(Some("1"), 0), tdawn(Some("6"), 0)], "no_record", "other_error"),
        ("6", vec![sltd(None, 0)], "other_error", "other_error"),
        ("6", vec![], "other_error", "other_error"),
        ("7", vec![], "service_time_out", "service_time_out"),
        ("8", vec![sltd(Some("1"), 0), tdawn(Some("1"), 0)], malformed, malformed),
        ("", vec![], malformed, malformed),
    ];
    for (code, blocks, sltd, tdawn) in cases {
        for escaped in [false, true] {
            let body = answer(code, &blocks, escaped);
            assert_eq!(
                judged(&body),
                (sltd.into(), tdawn.into()),
                "code {code} escaped {escaped}: {blocks:?}"
            );
        }
    }
}

// Proves that an answer which was cut anywhere, in either payload style, never says that there is no record.
#[test]
fn cut_answers_say_nothing() {
    for (code, blocks) in
        [("1", vec![]), ("0", vec![block("IPSG", Some("0"), 1), block("IPSG.NOMTD", Some("1"), 0)])]
    {
        for escaped in [false, true] {
            let body = answer(code, &blocks, escaped);
            for cut in 0..body.len() {
                assert_eq!(judged(&body[..cut]), ("malformed_answer".into(), "malformed_answer".into()));
            }
        }
    }
}

// Proves that an escaped payload which was cut by the service, within a whole envelope, says nothing.
#[test]
fn cut_payloads_say_nothing() {
    let payload = answer("1", &[block("IPSG", Some("1"), 0), block("IPSG.NOMTD", Some("1"), 0)], true);
    let begin = payload.find("<xmlData>").unwrap() + "<xmlData>".len();
    let end = payload.find("</xmlData>").unwrap();
    for cut in begin + 1..end {
        let body = format!("{}{}", &payload[..cut], &payload[end..]);
        assert_eq!(judged(&body).0, "malformed_answer", "{}", cut - begin);
    }
}

// Proves that what is no result of the operation says nothing: faults, other roots, two results, two codes.
#[test]
fn other_envelopes_say_nothing() {
    let none = answer("1", &[], false);
    let doubled = none.replace("<SearchResult>", "<SearchResult><resultCode>1</resultCode>");
    let twice = none
        .replace("</SearchResult>", "</SearchResult><SearchResult><resultCode>1</resultCode></SearchResult>");
    let cases = [
        (fixture("fault"), "unexpected_error"),
        (fixture("search-error-text"), "unexpected_error"),
        ("<html><body>Service Unavailable</body></html>".to_owned(), "malformed_answer"),
        (none.replace("SearchResult", "OtherResult"), "malformed_answer"),
        (doubled, "malformed_answer"),
        (twice, "malformed_answer"),
        (none.replace("<xmlData>", "<xmlData>no records"), "malformed_answer"),
        (format!("{none}{none}"), "malformed_answer"),
    ];
    for (body, reason) in cases {
        assert_eq!(judged(&body), (reason.into(), reason.into()), "{body}");
    }
}

/// What a canned server was sent.
type Sent = Arc<Mutex<Vec<String>>>;

/// A server that answers each request in turn with a status and a body, its reference put in.
async fn canned(answers: Vec<(u16, String)>) -> (Arc<Find>, Sent) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sent, turn, answers) = (Sent::default(), Arc::new(AtomicUsize::new(0)), Arc::new(answers));
    let seen = Arc::clone(&sent);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (seen, turn, answers) = (Arc::clone(&seen), Arc::clone(&turn), Arc::clone(&answers));
            let service = service_fn(move |request: Request<Incoming>| {
                let (seen, turn, answers) = (Arc::clone(&seen), Arc::clone(&turn), Arc::clone(&answers));
                async move {
                    let body = request.into_body().collect().await?.to_bytes();
                    let text = String::from_utf8(body.to_vec()).unwrap();
                    let (_, rest) = text.split_once("<ReferenceInCountry>").unwrap();
                    let reference = rest.split_once('<').unwrap().0.to_owned();
                    let (status, body) = &answers[turn.fetch_add(1, Ordering::SeqCst)];
                    let body = body.replace("@REFERENCE@", &reference);
                    seen.lock().unwrap().push(text);
                    let response = Response::builder().status(*status).header("location", "/elsewhere");
                    Ok::<_, hyper::Error>(response.body(Full::new(Bytes::from(body))).unwrap())
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (find(settings(&format!("http://{address}"))), sent)
}

// Proves the whole way of an exact hit: search, details by the record's id, each with a reference of its own.
#[tokio::test]
async fn exact_hits_get_details() {
    let (find, sent) = canned(vec![(200, fixture("search-hit-inline")), (200, fixture("details"))]).await;
    let answers = find.ask(ask(document("L898902C3"), BOTH)).await;
    assert_eq!(told(&answers), BTreeMap::from([("sltd", "hits".into()), ("tdawn", "no_record".into())]));
    let sltd = &answers[0];
    let hit = &sltd.finding.hits()[0];
    assert_eq!((hit.class, hit.remarks.len()), (MatchClass::Exact, 0));
    assert_eq!(hit.theft_type.as_deref(), Some("STL"));
    assert_eq!(hit.theft_date, "2020-01-02".parse().ok());
    assert_eq!(hit.theft_country, "FRA".parse().ok());
    assert_eq!(hit.details["additional_information"].reveal(), "stolen from a car");
    assert_eq!(hit.details["owner_office"].reveal(), "IP EXAMPLE");
    assert_eq!((sltd.query, sltd.request_id.as_deref()), (7, Some("4711")));
    assert!(sltd.data_as_of.is_some());
    let reference = sltd.reference_in_country.clone().unwrap();
    assert!(reference.starts_with("UTO-") && reference.len() == 40);
    let sent = sent.lock().unwrap();
    assert_eq!(sent.len(), 2);
    assert!(sent[0].contains(&reference) && !sent[1].contains(&reference));
    assert!(sent[1].contains("<Id>0123456789ABCDEF0123456789ABCDEF</Id>"));
}

// Proves the grading of an escaped list, that an unknown country is kept, and that failed details leave the hit.
#[tokio::test]
async fn weaker_matches_get_none() {
    let (find, sent) = canned(vec![(200, fixture("search-hits-escaped")), (500, fixture("fault"))]).await;
    let mut settings = find.settings.clone();
    settings.options.records_max = 20;
    let find = super::tests::find(settings);
    let answers = find.ask(ask(document("L898902C3"), BOTH)).await;
    let hits = answers[0].finding.hits();
    assert_eq!(
        hits.iter().map(|hit| hit.class).collect::<Vec<_>>(),
        [MatchClass::TypeDiffers, MatchClass::IssuerDiffers]
    );
    assert_eq!(hits[1].details["issuer_number"].reveal(), "341");
    let tdawn = &answers[1].finding.hits()[0];
    assert_eq!((tdawn.class, tdawn.notice.as_deref()), (MatchClass::Exact, Some("RED DIFF")));
    assert_eq!(tdawn.remarks, [Remark::DetailsMissing]);
    assert_eq!(sent.lock().unwrap().len(), 2);
}

// Proves that a record of another number is told as a lead and leaves the database unchecked.
#[tokio::test]
async fn other_numbers_are_leads() {
    let (find, _) = canned(vec![(200, fixture("search-hit-inline"))]).await;
    let answers = find.ask(ask(document("XX1234567"), BOTH)).await;
    assert_eq!(told(&answers)["sltd"], "hits+malformed_answer");
    assert_eq!(answers[0].finding.hits()[0].class, MatchClass::NumberOnly);
}

// Proves that persons are graded by name, birth and document, with the score in thousandths.
#[tokio::test]
async fn persons_are_graded() {
    let (find, sent) = canned(vec![(200, fixture("nominal-many"))]).await;
    let answers = find.ask(ask(person(), &[Database::Nominal, Database::Sltd])).await;
    assert_eq!(told(&answers)["sltd"], "identifier_missing");
    let hits = answers[0].finding.hits();
    assert_eq!((hits[0].class, hits[1].class), (MatchClass::Exact, MatchClass::NameScore));
    assert_eq!(hits.iter().map(|hit| hit.score.as_ref().unwrap().permille).collect::<Vec<_>>(), [1000, 750]);
    assert_eq!(sent.lock().unwrap().len(), 1);
}

// Proves what each HTTP status and a foreign reference come to, that no redirect is followed, and that size is capped.
#[tokio::test]
async fn statuses_are_reasons() {
    let none = || fixture("search-none");
    let cases = [
        (200, none(), "no_record"),
        (200, none().replace("@REFERENCE@", "UTO-of-another"), "malformed_answer"),
        (200, none().replace("@REFERENCE@", ""), "no_record"),
        (200, none() + &" ".repeat(1 << 20), "malformed_answer"),
        (302, none(), "transport"),
        (401, none(), "access_denied"),
        (403, none(), "access_denied"),
        (404, none(), "transport"),
        (429, none(), "rate_capped"),
        (500, fixture("fault"), "unexpected_error"),
        (500, none(), "transport"),
        (503, "busy".into(), "transport"),
    ];
    for (status, body, expected) in cases {
        let (find, sent) = canned(vec![(status, body)]).await;
        let answers = find.ask(ask(document("L898902C3"), &[Database::Sltd])).await;
        assert_eq!(told(&answers)["sltd"], expected, "{status}");
        assert_eq!(sent.lock().unwrap().len(), 1);
    }
}

// Proves that silence, another environment and databases without a service are answered without any request.
#[tokio::test]
async fn some_questions_are_not_sent() {
    let (find, sent) = canned(vec![]).await;
    let mut silent = ask(document("L898902C3"), BOTH);
    Arc::make_mut(&mut silent.context).silent = true;
    let answers = Arc::clone(&find).ask(silent).await;
    assert_eq!(told(&answers)["tdawn"], "silent_not_available");
    let mut foreign = ask(document("L898902C3"), BOTH);
    Arc::make_mut(&mut foreign.context).environment = Environment::Production;
    assert_eq!(told(&Arc::clone(&find).ask(foreign).await)["sltd"], "wrong_environment");
    let answers = find.ask(ask(document("L898902C3"), &[Database::Smv])).await;
    assert_eq!(told(&answers)["smv"], "not_configured");
    assert!(sent.lock().unwrap().is_empty());
}

const FEED: &str = "database,number,issuer,type,theft_type,theft_date,theft_country,notice,retention_date,record_id\n\
    sltd,L898902C3,D,PAS,STL,2020-01-02,UTO,,2030-01-01,S-1\n\
    tdawn,L898902C3,D,PAS,,,,RED,,T-1\n\
    sltd,AB123456,FRA,PAS,LST,20200102,FRA,,,S-2\n";

fn options(tls: Option<SimTls>) -> SimOptions {
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

async fn asked(find: &Arc<Find>, number: &str) -> BTreeMap<&'static str, String> {
    told(&Arc::clone(find).ask(ask(document(number), BOTH)).await)
}

fn both(sltd: &str, tdawn: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([("sltd", sltd.into()), ("tdawn", tdawn.into())])
}

// Proves client and simulator together: hits with details, near matches, silence; in both payload styles.
#[tokio::test]
async fn simulated_lookups() {
    let (sim, find) = simulated().await;
    for (payload, numeric_codes) in [(PayloadStyle::Inline, false), (PayloadStyle::Escaped, true)] {
        sim.set_faults(Faults { payload, numeric_codes, ..Faults::default() }).unwrap();
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
    let find = super::tests::find(settings);
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

fn https(sim: &RunningSim, pki: &TrainingPki, identity: bool, environment: Environment) -> Settings {
    let pem = |text: &String| text.clone().into_bytes();
    let identity = identity.then(|| (pem(&pki.client.cert_pem), pem(&pki.client.key_pem)));
    Settings {
        tls: Some(TlsMaterial { ca: pem(&pki.ca_pem), identity }),
        environment,
        ..settings(&format!("https://localhost:{}", sim.addr.port()))
    }
}

async fn secured(pki: &TrainingPki) -> RunningSim {
    let tls = SimTls { identity: pki.server.clone(), client_ca_pem: pki.ca_pem.clone() };
    Simulator::start(options(Some(tls))).await.unwrap()
}

// Proves mutual TLS: it works with both certificates, and neither without ours nor with another authority.
#[tokio::test]
async fn mutual_tls() {
    let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let now = Clock::system().now();
    let pki = TrainingPki::generate(&hosts, "postern", now).unwrap();
    let sim = secured(&pki).await;
    let trusted = find(https(&sim, &pki, true, Environment::Training));
    assert_eq!(asked(&trusted, "L898902C3").await, both("hits", "hits"));
    let nameless = find(https(&sim, &pki, false, Environment::Training));
    assert_eq!(asked(&nameless, "L898902C3").await["sltd"], "transport");
    let other = TrainingPki::generate(&hosts, "postern", now).unwrap();
    let stranger = find(https(&sim, &other, true, Environment::Training));
    assert_eq!(asked(&stranger, "L898902C3").await["sltd"], "transport");
}

// Proves that production refuses certificates for training: as authority and identity at the start, and in the handshake.
#[tokio::test]
async fn production_refuses_training() {
    let hosts = ["localhost".to_owned()];
    let now = Clock::system().now();
    let pki = TrainingPki::generate(&hosts, "postern", now).unwrap();
    let sim = secured(&pki).await;
    let start = |settings| Find::new(settings, Arc::new(Profile::built_in()), Clock::system());
    let refused = start(https(&sim, &pki, true, Environment::Production)).err().unwrap();
    assert_eq!(refused.key, "find.tls.ca_file");

    // The server shows a marked certificate of an authority that bears no mark: only the handshake can tell.
    let (mixed, plain) = (
        TrainingPki::of_unmarked_authority(&hosts, "postern", now),
        TrainingPki::unmarked(&hosts, "postern", now),
    );
    let tls = SimTls { identity: mixed.server.clone(), client_ca_pem: plain.ca_pem.clone() };
    let sim = Simulator::start(options(Some(tls))).await.unwrap();
    for (environment, expected) in [(Environment::Training, "hits"), (Environment::Production, "transport")] {
        let mut settings = https(&sim, &plain, true, environment);
        settings.tls.as_mut().unwrap().ca = mixed.ca_pem.clone().into_bytes();
        let find = super::tests::find(settings);
        let mut ask = ask(document("L898902C3"), &[Database::Sltd]);
        Arc::make_mut(&mut ask.context).environment = environment;
        assert_eq!(told(&Arc::clone(&find).ask(ask).await)["sltd"], expected);
    }

    let sim = secured(&plain).await;
    let find = super::tests::find(https(&sim, &plain, true, Environment::Production));
    let mut ask = ask(document("L898902C3"), &[Database::Sltd]);
    Arc::make_mut(&mut ask.context).environment = Environment::Production;
    assert_eq!(told(&Arc::clone(&find).ask(ask).await)["sltd"], "hits");
}

// Proves that a config that can't be used is told by its key.
#[test]
fn setup_errors_have_keys() {
    let start = |base_url: &str| {
        let profile = Arc::new(Profile::built_in());
        Find::new(settings(base_url), profile, Clock::system()).err().map(|error| error.key)
    };
    assert_eq!(start("http://find.example:8080"), None);
    assert_eq!(start("https://find.example"), Some("find.tls"));
    for base_url in ["find.example", "ftp://find.example", "http://", ""] {
        assert_eq!(start(base_url), Some("find.base_url"), "{base_url}");
    }
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

proptest::proptest! {
    // Proves that no bytes in place of others make the reading of an answer panic.
    #[test]
    fn mutated_answers_never_panic(at in 0usize..4096, bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 1..8)) {
        let profile = Profile::built_in();
        for name in ["search-hit-inline", "search-hits-escaped", "search-none", "search-error-text"] {
            let mut body = fixture(name).into_bytes();
            let begin = at % body.len();
            let end = (begin + bytes.len()).min(body.len());
            body.splice(begin..end, bytes.iter().copied());
            let _ = reply::read(&profile, &profile.service[0].search, &body);
        }
    }
}
