//! The client against the simulator.

use postern_sdk::{Basis, Database, DocumentKey, Query, QueryKey, Reason};

use super::super::init::Kind;
use super::*;
use crate::find::Find;
use crate::find::profile::{DateFormat, PayloadStyle};
use crate::screening::{Ask, Lookup};
use crate::sim::{Faults, Outage};

/// The profile with a payload as text and dates with points.
fn other_style() -> Profile {
    let mut profile = Profile::built_in();
    profile.values.date_format = DateFormat::Dotted;
    profile.wisdm.as_mut().unwrap().payload.style = PayloadStyle::Escaped;
    profile
}

/// The second profile, in which every name is another.
fn other_profile() -> Profile {
    Profile::parse(include_str!("../../../fixtures/find/other.toml")).unwrap()
}

// Proves the life of a record: reported, searched, retrieved in full, corrected, kept longer, withdrawn; in both styles, and
// with both profiles.
#[tokio::test]
async fn life_of_a_record() {
    for profile in [Profile::built_in(), other_style(), other_profile()] {
        let passport = profile.tables.document_type_text(&postern_sdk::DocumentType::PASSPORT).to_owned();
        let (sim, wisdm) = simulated(profile).await;
        let sender = sender();
        let reported = document(&wisdm, &stolen("X1234567"));
        let id = wisdm.report(&reported, &sender).await.unwrap().told.unwrap();
        assert_eq!(id.len(), 32);
        let again = wisdm.report(&reported, &sender).await.unwrap_err();
        assert_eq!(again, WisdmError::Objection(Functional::NumberAlreadyPresent));
        let found = wisdm.find(&reported.number, None, &sender).await.unwrap();
        assert_eq!(found.id, id);
        let held = wisdm.retrieve(&id, &sender).await.unwrap().told;
        assert_eq!((held.fraud, held.theft_date), (Some(Fraud::Stolen), reported.theft_date));
        assert_eq!((held.issued, held.expires), (reported.issued, reported.expires));
        assert_eq!(held.additional, reported.additional);
        assert_eq!(held.keep_until, Some(Date::constant(2031, 3, 1)));
        let corrected = Document { additional: Some("from a boat".into()), ..reported.clone() };
        wisdm.correct(&id, &corrected, &sender).await.unwrap();
        let until = Date::constant(2028, 1, 1);
        wisdm.change_retention(&id, until, "purpose_not_achieved", &sender).await.unwrap();
        let held = wisdm.retrieve(&id, &sender).await.unwrap().told;
        assert_eq!((held.additional, held.keep_until), (corrected.additional.clone(), Some(until)));
        let lost = Document { fraud: Fraud::Lost, ..corrected };
        let changed = wisdm.correct(&id, &lost, &sender).await.unwrap_err();
        assert_eq!(changed, WisdmError::Objection(Functional::FraudTypeInvalid));
        wisdm.withdraw(&id, &sender).await.unwrap();
        assert_eq!(wisdm.find(&reported.number, None, &sender).await, Err(WisdmError::NotFound));
        let gone = wisdm.withdraw(&id, &sender).await.unwrap_err();
        assert_eq!(gone, WisdmError::Objection(Functional::RecordNotFound));
        let statistics = wisdm.statistics(&sender).await.unwrap().told;
        assert_eq!((statistics.total(), statistics.actions["added"][&passport]), (0, 1));
        assert!(statistics.others.is_empty());
        let actions = wisdm.actions("0", &sender).await.unwrap().told;
        let kinds: Vec<_> = actions.iter().filter_map(|action| action.kind).collect();
        let all = [ActionKind::Added, ActionKind::Updated, ActionKind::RetentionChanged, ActionKind::Deleted];
        assert_eq!(kinds, all);
        let since = actions[2].movement.clone().unwrap();
        assert_eq!(wisdm.actions(&since, &sender).await.unwrap().told.len(), 1);
        sim.shutdown().await;
    }
}

// Proves that a reported document hits at the next search of FIND, under the country that reported it, and no longer
// once it is withdrawn; and that an administrative document is found in its own database.
#[tokio::test]
async fn searches_see_it_at_once() {
    let (sim, wisdm) = simulated(Profile::built_in()).await;
    let sender = sender();
    let find = Find::new(settings(&sim), Arc::new(Profile::built_in()), clock()).unwrap();
    let ask = async |number: &str, database| {
        let key = DocumentKey { number: number.parse().unwrap(), issuer: None, doc_type: None };
        let ask = Ask {
            reference: sender.exchange,
            context: Arc::new(sender.context.clone()),
            query: Query { key: QueryKey::Document(key), basis: Basis::Stated },
            number: 1,
            databases: vec![database],
            deadline: tokio::time::Instant::now() + std::time::Duration::from_secs(5),
        };
        Arc::clone(&find).ask(ask).await.remove(0)
    };
    assert_eq!(ask("X1234567", Database::Sltd).await.finding.code(), "no_record");
    let passport = document(&wisdm, &stolen("X1234567"));
    let id = wisdm.report(&passport, &sender).await.unwrap().told.unwrap();
    let answer = ask("X1234567", Database::Sltd).await;
    let hit = &answer.finding.hits()[0];
    assert_eq!((hit.record.as_str(), hit.issuer), (id.as_str(), "UTO".parse().ok()));
    let vehicle = Draft { doc_type: "VRD".into(), ..stolen("V7654321") };
    wisdm.report(&document(&wisdm, &vehicle), &sender).await.unwrap();
    assert_eq!(ask("V7654321", Database::Sad).await.finding.hits().len(), 1);
    assert_eq!(ask("V7654321", Database::Sltd).await.finding.code(), "no_record");
    wisdm.withdraw(&id, &sender).await.unwrap();
    assert_eq!(ask("X1234567", Database::Sltd).await.finding.code(), "no_record");
    sim.shutdown().await;
}

// Proves that the simulator objects to each fault that a client without our rules would send.
#[tokio::test]
async fn the_simulator_objects() {
    let (sim, wisdm) = simulated(Profile::built_in()).await;
    let sender = sender();
    let good = document(&wisdm, &stolen("X1234567"));
    let id = wisdm.report(&good, &sender).await.unwrap().told.unwrap();
    let day = |day: &str| -> Option<Date> { Some(day.parse().unwrap()) };
    let fresh = Document { number: "Y1234567".parse().unwrap(), ..good.clone() };
    let cases = [
        (good.clone(), Functional::NumberAlreadyPresent),
        (Document { doc_type: "QQQ".parse().unwrap(), ..fresh.clone() }, Functional::DocumentTypeInvalid),
        (Document { theft_country: "QQQ".parse().ok(), ..fresh.clone() }, Functional::TheftCountryInvalid),
        (Document { theft_country: None, ..fresh.clone() }, Functional::TheftCountryMissing),
        (Document { batch: Some("B".into()), ..fresh.clone() }, Functional::BatchNotAllowed),
        (Document { theft_date: day("2026-03-02"), ..fresh.clone() }, Functional::TheftDateNotInPast),
        (
            Document { issued: day("2026-03-02"), theft_date: None, ..fresh.clone() },
            Functional::IssueDateNotInPast,
        ),
        (Document { additional: Some("x".repeat(41)), ..fresh.clone() }, Functional::FieldTooLong),
        (Document { keep_until: day("2026-03-01"), ..fresh.clone() }, Functional::RetentionNotInFuture),
        (Document { keep_until: day("2031-03-02"), ..fresh.clone() }, Functional::RetentionExceedsPeriod),
        (Document { keep_reason: Some("why".into()), ..fresh.clone() }, Functional::ExtensionReasonInvalid),
    ];
    for (document, functional) in cases {
        let error = wisdm.report(&document, &sender).await.unwrap_err();
        assert_eq!(error, WisdmError::Objection(functional));
    }
    let lost = Document { fraud: Fraud::Lost, ..good };
    let error = wisdm.correct(&id, &lost, &sender).await.unwrap_err();
    assert_eq!(error, WisdmError::Objection(Functional::FraudTypeInvalid));
    let absent = "0".repeat(32);
    let error = wisdm.retrieve(&absent, &sender).await.unwrap_err();
    assert_eq!(error, WisdmError::Objection(Functional::RecordNotFound));
    assert_eq!(sim.managed(), 1);
    sim.shutdown().await;
}

// Proves that a change whose answer was lost is told as a doubt, a search's is not, and that another environment's sender
// is never let through.
#[tokio::test]
async fn lost_answers_are_doubts() {
    let (sim, wisdm) = simulated(Profile::built_in()).await;
    let sender = sender();
    let passport = document(&wisdm, &stolen("X1234567"));
    sim.set_faults(Faults { truncated: true, ..Faults::default() }).unwrap();
    let lost = wisdm.report(&passport, &sender).await.unwrap_err();
    assert_eq!(lost, WisdmError::Failed { reason: Reason::MalformedAnswer, in_doubt: true });
    assert_eq!(sim.managed(), 1);
    let unknown = wisdm.find(&passport.number, None, &sender).await.unwrap_err();
    assert_eq!(unknown, WisdmError::Failed { reason: Reason::MalformedAnswer, in_doubt: false });
    sim.set_faults(Faults { outage: Some(Outage::Refuse), ..Faults::default() }).unwrap();
    assert!(wisdm.report(&passport, &sender).await.unwrap_err().passes());
    let mut elsewhere = sender.clone();
    elsewhere.context.environment = Environment::Production;
    let refused = wisdm.report(&passport, &elsewhere).await.unwrap_err();
    assert_eq!(refused, WisdmError::Failed { reason: Reason::WrongEnvironment, in_doubt: false });
    sim.shutdown().await;
}

// Proves that the ids that changes go by are those of the profile's form, so that no other text is sent as one.
#[tokio::test]
async fn ids_are_checked() {
    let (sim, wisdm) = simulated(Profile::built_in()).await;
    for id in ["", "1", "../../secret", "g".repeat(32).as_str()] {
        assert_eq!(wisdm.withdraw(id, &sender()).await.unwrap_err().code(), "unusable_answer");
    }
    assert!(sim.log().counts.is_empty());
    sim.shutdown().await;
}

// Proves the two steps of a re-initialisation: marked records are found until the second step, which removes those that
// were not reported anew, and only for the text that names the count; and that clearing needs its own.
#[tokio::test]
async fn removals_are_confirmed() {
    let (sim, wisdm) = simulated(Profile::built_in()).await;
    let sender = sender();
    let documents: Vec<Document> =
        (0..5).map(|at| document(&wisdm, &stolen(&format!("X100000{at}")))).collect();
    for one in &documents {
        wisdm.report(one, &sender).await.unwrap();
    }
    wisdm.start_init(&sender).await.unwrap();
    assert!(wisdm.find(&documents[4].number, None, &sender).await.is_ok());
    for one in &documents[..2] {
        wisdm.report(one, &sender).await.unwrap();
    }
    for typed in ["", "yes", "remove 5 records", "remove 3", "clear 3 records"] {
        let removal = wisdm.removal(Kind::Finalize, 2, &sender).await.unwrap();
        assert_eq!((removal.total, removal.count()), (5, 3));
        assert_eq!(removal.confirm(typed).unwrap_err().0, "remove 3 records", "{typed}");
    }
    assert_eq!(sim.managed(), 5);
    let removal = wisdm.removal(Kind::Finalize, 2, &sender).await.unwrap();
    removal.confirm(" remove 3 records\n").unwrap().carry_out(&sender).await.unwrap();
    assert_eq!(sim.managed(), 2);
    // What changed since it was looked at is looked at anew.
    let removal = wisdm.removal(Kind::Clear, 2, &sender).await.unwrap().confirm("clear 2 records").unwrap();
    wisdm.report(&documents[4], &sender).await.unwrap();
    assert_eq!(removal.carry_out(&sender).await, Err(WisdmError::CountChanged));
    assert_eq!(sim.managed(), 3);
    let removal = wisdm.removal(Kind::Clear, 0, &sender).await.unwrap();
    removal.confirm("clear 3 records").unwrap().carry_out(&sender).await.unwrap();
    assert_eq!(sim.managed(), 0);
    // Without the first step there is no second.
    let removal = wisdm.removal(Kind::Finalize, 0, &sender).await.unwrap();
    assert!(removal.confirm("remove 0 records").unwrap().carry_out(&sender).await.is_err());
    sim.shutdown().await;
}
