//! FIND as a whole: against answers written by hand, and against the simulator.

mod canned;
mod certificates;
mod guarded;
mod matrix;
mod rules;
mod simulated;
mod tls;

use std::collections::BTreeMap;

use postern_sdk::{Basis, DocumentKey, Environment, Name, PersonKey, Personal, QueryKey, Sex};
use tokio::time::Instant;

use super::*;
use crate::config::file;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/find/");

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{FIXTURES}{name}.xml")).unwrap()
}

fn settings(base_url: &str) -> Settings {
    let options = file::Find {
        profile: None,
        base_url: Some(base_url.to_owned()),
        relay: None,
        username: Some("acct".to_owned()),
        password_file: Some("unused".into()),
        tls: None,
        connect_timeout_ms: 1_000,
        request_timeout_ms: 5_000,
        file_timeout_ms: 5_000,
        exact_names: false,
        concurrency_max: 8,
        rate_per_s_max: 0,
        records_max: 3,
        breaker_failures: 3,
        breaker_rest_ms: 50,
        breaker_failure_percent: 100,
        breaker_requests_min: 1_000,
        breaker_window_ms: 10_000,
        probe_timeout_ms: 1_000,
        file_concurrency_max: 1,
        rate_share_percent: 100,
        retry_percent: 0,
        connection_age_s_max: 300,
    };
    Settings {
        options,
        country: "UTO".parse().unwrap(),
        environment: Environment::Training,
        password: Personal::from("secret"),
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
