//! Tests of the whole room. The oracle is written from the promises, not from the code.

mod exhaustive;
mod oracle;
mod plans;
mod rules;
mod shell;
mod world;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use postern_sdk::{Database, Exchange, MatchClass, Query, Reason, Reliability, Subject, TravelDocument};

use super::{Ages, Mode, Plan, Policy};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// When everything in these tests happens.
fn present() -> Timestamp {
    "2026-11-24T10:42:00Z".parse().unwrap()
}

fn hours_ago(hours: i64) -> Timestamp {
    present() - SignedDuration::from_hours(hours)
}

fn policy(databases: &[(Database, Mode)]) -> Policy {
    Policy {
        name: "test".into(),
        databases: databases.iter().copied().collect(),
        find_timeout: ms(500),
        hedge_limit: ms(300),
        ages: Ages::default(),
        recheck_permille: 0,
    }
}

fn document() -> TravelDocument {
    TravelDocument {
        number: Some("L898902C3".parse().unwrap()),
        reliability: Reliability::Verified,
        issuer: Some("UTO".parse().unwrap()),
        doc_type: Some("P".parse().unwrap()),
        nationality: Some("UTO".parse().unwrap()),
        ..TravelDocument::default()
    }
}

fn exchange(subjects: Vec<Subject>) -> Exchange {
    Exchange { subjects, ..Exchange::default() }
}

/// The plan of one travel document.
fn plan_of(document: TravelDocument, policy: &Policy) -> Plan {
    let exchange = exchange(vec![Subject::TravelDocument(document)]);
    super::plan(&exchange, policy, jiff::civil::date(2026, 11, 24)).remove(0)
}

/// A plan with so many queries, each stated.
fn plan_with(policy: &Policy, queries: usize) -> Plan {
    let mut plan = plan_of(document(), policy);
    let query: Query = plan.queries[0].clone();
    plan.queries = vec![query; queries];
    plan
}

const EXACT: MatchClass = MatchClass::Exact;
const STALE: Reason = Reason::CopyStale;
