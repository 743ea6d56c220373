//! The client against a server that sends the answers of `fixtures/find`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use postern_sdk::{MatchClass, Remark};

use super::*;

/// What a canned server was sent.
type Sent = Arc<Mutex<Vec<String>>>;

/// A server that answers each request in turn with a status and a body, its reference put in.
pub(super) async fn canned(answers: Vec<(u16, String)>) -> (Arc<Find>, Sent) {
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
    let find = super::find(settings);
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
    assert_eq!(answers[0].finding.hits()[0].class, MatchClass::MisreadVariant);
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
    let answers = find.ask(ask(document("L898902C3"), &[Database::Smv, Database::PublicNotices])).await;
    assert_eq!(told(&answers)["smv"], "identifier_missing");
    assert_eq!(told(&answers)["public_notices"], "not_configured");
    assert!(sent.lock().unwrap().is_empty());
}
