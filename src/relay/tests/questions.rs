//! What the desk makes of questions.

use super::*;

/// What each database is said to be in a body of answers.
fn found(body: &Value) -> BTreeMap<String, String> {
    let answers: Vec<Answer> = serde_json::from_value(body["answers"].clone()).unwrap();
    let short = |answer: &Answer| match &answer.finding {
        Finding::NotChecked(reason) => reason.code().to_owned(),
        finding => finding.code().to_owned(),
    };
    answers.iter().map(|answer| (answer.database.code().to_owned(), short(answer))).collect()
}

fn pairs(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(database, said)| ((*database).to_owned(), (*said).to_owned())).collect()
}

// Proves that an answer is in the journal under the edge's reference when it leaves, that INTERPOL is asked with the edge's
// end user, purpose and site under the edge's name, and that the lane's time is kept with room for the journal.
#[tokio::test]
async fn a_question_is_asked_and_recorded() {
    let world = World::new();
    world.find.say(hits());
    let begin = Instant::now();
    let (status, body) = world.post("airport", &question(9)).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["reference"], json!(Uuid::from_u128(9)));
    assert_eq!(found(&body), pairs(&[("sltd", "hits"), ("tdawn", "hits")]));
    let [(matter, record)] = &world.records()[..] else { panic!("one record") };
    assert_eq!((*matter, record.edge.as_str(), record.number), (9, "airport", 3));
    assert_eq!((&record.context, &record.query), (&context(), &query()));
    assert_eq!(serde_json::to_value(&record.answers).unwrap(), body["answers"]);
    let [ask] = &world.find.asked()[..] else { panic!("asked once") };
    assert_eq!(*ask.context, Context { client: "airport".into(), ..context() });
    assert_eq!((ask.reference, ask.number), (Reference(Uuid::from_u128(9)), 3));
    let time = ask.deadline - begin;
    assert!(time > Duration::from_millis(4_800) && time < Duration::from_millis(5_000), "{time:?}");
    let status = &world.desk.status()[0];
    assert_eq!((status.edge.as_str(), status.answered, status.in_flight), ("airport", 1, 0));
}

// Proves each refusal of a question by its code and by what it means at the edge, and that nothing is asked for any.
#[tokio::test]
async fn refusals_have_codes() {
    let world = World::new();
    let other = "production";
    for (edge, message, status, code, reason) in [
        ("stranger", question(1), 403, "not_an_edge", "not_granted"),
        ("airport", json!({}), 400, "malformed", "invalid_search"),
        ("airport", changed("/question/query/key", json!({ "soul": 1 })), 400, "malformed", "invalid_search"),
        ("airport", changed("/question/databases", json!([])), 400, "no_database", "invalid_search"),
        (
            "airport",
            changed("/question/databases", json!(["sltd", "sltd"])),
            400,
            "no_database",
            "invalid_search",
        ),
        (
            "airport",
            changed("/question/databases", json!(vec!["dna"; 33])),
            400,
            "no_database",
            "invalid_search",
        ),
        (
            "airport",
            changed("/question/context/purpose", Value::Null),
            400,
            "context_incomplete",
            "not_granted",
        ),
        ("airport", changed("/environment", json!(other)), 403, "wrong_environment", "wrong_environment"),
        (
            "airport",
            changed("/question/context/environment", json!(other)),
            403,
            "wrong_environment",
            "wrong_environment",
        ),
        ("empty", question(1), 403, "no_grant", "not_granted"),
    ] {
        let told = world.post(edge, &message).await;
        assert_eq!((told.0, &told.1["code"], &told.1["reason"]), (status, &json!(code), &json!(reason)));
        assert_eq!(told.1["type"], format!("urn:postern:problem:{code}"));
    }
    let (_, told) = world.post("airport", &changed("/question/context/purpose", Value::Null)).await;
    assert_eq!(told["field"], "purpose");
    let (status, told) = world.post_bytes("airport", b"\xff{".to_vec()).await;
    assert_eq!((status, &told["code"]), (400, &json!("malformed")));
    assert!(world.find.asked().is_empty());
    // A refusal is recorded without waiting: it is there when the next answer is.
    assert_eq!(world.post("airport", &question(2)).await.0, 200);
    let records: Vec<_> =
        world.records().into_iter().map(|(_, record)| (record.edge, record.refused)).collect();
    assert_eq!(records, [("empty".to_owned(), Some("no_grant".to_owned())), ("airport".to_owned(), None)]);
}

// Proves that every refusal by the document of grants tells the edge whether it passes, and that none lets the copy stand in.
#[tokio::test]
async fn documents_deny() {
    use crate::grants::Denial::{ClockImplausible, Expired, NoGrant, NotYetIssued, WrongEnvironment};
    for (denial, passes) in [
        (Expired, true),
        (NotYetIssued, true),
        (ClockImplausible, true),
        (NoGrant, false),
        (WrongEnvironment, false),
    ] {
        let reason = Refusal::Denied(denial).reason();
        assert_eq!(reason.passes(), passes, "{denial}");
        assert!(!crate::screening::copy_may_replace(reason), "{denial}");
    }
    let world = World::new();
    let text = format!("issued_at = 2020-01-01T00:00:00Z\nexpires_at = 2020-02-01T00:00:00Z\n{GRANTS}");
    world.shared.grants.store(Arc::new(document(&text)));
    let (status, told) = world.post("airport", &question(1)).await;
    assert_eq!((status, &told["code"], &told["reason"]), (403, &json!("grants_expired"), &json!("internal")));
}

// Proves that the hub's grants decide for each database by site and purpose, that a suspension is told as one, that a
// database of a later version is no more than not configured, and that only what is granted is asked.
#[tokio::test]
async fn grants_decide_for_each_database() {
    let world = World::new();
    let (_, body) = world.post("port", &question(1)).await;
    assert_eq!(found(&body), pairs(&[("sltd", "no_record"), ("tdawn", "not_granted")]));
    assert_eq!(world.find.asked()[0].databases, [Database::Sltd]);
    let (_, body) = world.post("airport", &changed("/question/databases", json!(["sltd", "dna"]))).await;
    assert_eq!(found(&body), pairs(&[("sltd", "no_record"), ("unknown", "not_configured")]));
    for (pointer, value) in [("/question/context/site", "ZZB"), ("/question/context/purpose", "asylum")] {
        let (_, body) = world.post("airport", &changed(pointer, json!(value))).await;
        assert_eq!(found(&body), pairs(&[("sltd", "not_granted"), ("tdawn", "not_granted")]));
    }
    assert_eq!(world.find.asked().len(), 2);
    let suspension = "[[suspension]]\ndatabases = ['tdawn']\nsites = '*'\nfrom = 2020-01-01T00:00:00Z\n\
                      until = 2100-01-01T00:00:00Z\nreason = 'maintenance'\n";
    world.shared.grants.store(Arc::new(granted(&format!("{GRANTS}{suspension}"))));
    let (_, body) = world.post("airport", &question(1)).await;
    assert_eq!(found(&body), pairs(&[("sltd", "no_record"), ("tdawn", "suspended")]));
}

// Proves that an edge whose grant does not show records gets how they match and nothing else, while the hub's journal has all.
#[tokio::test]
async fn a_view_is_kept() {
    let world = World::new();
    world.find.say(hits());
    let (_, body) = world.post("port", &question(1)).await;
    assert_eq!(body["answers"][1]["finding"]["hits"], json!([{ "class": "exact" }]), "{body}");
    assert!(!body.to_string().contains("secret"));
    let recorded = &world.records()[0].1.answers;
    assert!(recorded.iter().any(|answer| answer.finding == hits()));
}

// Proves that an edge over its rate is refused at once, that the other edge is not, and that what can wait leaves half.
#[tokio::test]
async fn a_share_is_kept() {
    let world = World::with(GRANTS, RelayEdge { rate_per_s_max: 2, concurrency_max: 4 });
    let hasty = changed("/question/time_ms", json!(40));
    let (mut answered, mut capped) = (0, 0);
    for _ in 0..20 {
        match world.post("airport", &hasty).await {
            (200, _) => answered += 1,
            (429, told) => {
                assert_eq!((&told["code"], &told["reason"]), (&json!("rate_capped"), &json!("rate_capped")));
                capped += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(answered >= 1 && capped >= 15, "{answered} {capped}");
    assert_eq!(world.desk.status()[0].capped, capped);
    assert_eq!(world.post("port", &question(1)).await.0, 200);
    assert_eq!(world.records().len() as u64, answered + 1, "what is refused for the share is not recorded");
    let mut waits = hasty;
    waits["question"]["can_wait"] = json!(true);
    assert_eq!(world.post("airport", &waits).await.0, 429);
    assert!(world.background.asked().is_empty());
}

// Proves that an edge has so many places and no more, that what can wait takes but half of them and is asked in the
// background, and that a place is free again after the answer.
#[tokio::test]
async fn places_are_counted() {
    let world = World::with(GRANTS, RelayEdge { rate_per_s_max: 1_000, concurrency_max: 2 });
    let mut waits = question(1);
    waits["question"]["can_wait"] = json!(true);
    assert_eq!(world.post("airport", &waits).await.0, 200);
    assert_eq!((world.background.asked().len(), world.find.asked().len()), (1, 0));
    world.find.leave.forget_permits(Semaphore::MAX_PERMITS);
    let (first, second) = (question(1), question(2));
    let first = world.post("airport", &first);
    let second = world.post("airport", &second);
    let beside = async {
        while world.find.asked().len() < 2 {
            tokio::task::yield_now().await;
        }
        for message in [&question(3), &waits] {
            let (status, told) = world.post("airport", message).await;
            assert_eq!((status, &told["code"]), (429, &json!("too_many_at_once")));
        }
        world.find.leave.add_permits(3);
    };
    let (first, second, ()) = tokio::join!(first, second, beside);
    assert_eq!((first.0, second.0), (200, 200));
    assert_eq!(world.post("airport", &question(4)).await.0, 200);
}

// Proves that nothing leaves that the journal does not hold: it is a failure of the hub, and no record of anything.
#[tokio::test]
async fn unrecorded_answers_stay() {
    let world = World::new();
    world.find.say(hits());
    world.shared.journal.close().unwrap();
    let (status, told) = world.post("airport", &question(1)).await;
    assert_eq!(
        (status, &told["code"], &told["reason"]),
        (503, &json!("not_recorded"), &json!("unexpected_error"))
    );
    assert!(told.get("answers").is_none());
}
