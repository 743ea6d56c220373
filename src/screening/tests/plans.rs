//! What is planned for each kind of subject.

use postern_sdk::{
    Alternative, AlternativeBasis, Basis, Database, Firearm, Name, Person, QueryKey, Reason, Reliability,
    Subject, TravelDocument, Vehicle, VehicleKey, Vessel,
};

use super::super::{Mode, Plan, Policy, QUERIES_MAX, plan};
use super::{document, exchange, plan_of, policy};

fn everything() -> Policy {
    policy(&Database::ALL.map(|database| (database, Mode::Mind)))
}

fn bases(plan: &Plan) -> Vec<Basis> {
    plan.queries.iter().map(|query| query.basis).collect()
}

fn plan_one(subject: Subject) -> Plan {
    plan(&exchange(vec![subject]), &everything(), jiff::civil::date(2026, 11, 24)).remove(0)
}

fn numbers(plan: &Plan) -> Vec<(String, Option<String>, Option<String>)> {
    let key = |query: &postern_sdk::Query| match &query.key {
        QueryKey::Document(key) => (
            key.number.reveal().to_owned(),
            key.issuer.map(|issuer| issuer.to_string()),
            key.doc_type.map(|doc_type| doc_type.to_string()),
        ),
        other => panic!("{other:?}"),
    };
    plan.queries.iter().map(key).collect()
}

fn alternative(number: &str, basis: AlternativeBasis) -> Alternative {
    Alternative { number: number.parse().unwrap(), basis }
}

// Proves that every candidate number of a document is asked once, with its basis, of each database for documents.
#[test]
fn document_candidates() {
    let alternatives = vec![
        alternative("L8989O2C3", AlternativeBasis::Misread),
        alternative("L898902C3", AlternativeBasis::OptionalData),
        alternative("ZE184226B", AlternativeBasis::OptionalData),
        alternative("L898902C3X12", AlternativeBasis::LongNumber),
    ];
    let plan = plan_of(TravelDocument { alternatives, ..document() }, &everything());
    assert_eq!(plan.databases, [(Database::Sltd, Mode::Mind), (Database::Tdawn, Mode::Mind)]);
    assert_eq!(bases(&plan), [Basis::Stated, Basis::Misread, Basis::OptionalData, Basis::LongNumber]);
    assert_eq!(plan.lacking, None);
}

// Proves that a visa's number is asked as the passport's too, with the nationality as issuer.
#[test]
fn visa_as_passport() {
    let visa = TravelDocument {
        doc_type: Some("V".parse().unwrap()),
        also_as: Some("P".parse().unwrap()),
        issuer: Some("FRA".parse().unwrap()),
        ..document()
    };
    let plan = plan_of(visa.clone(), &everything());
    assert_eq!(bases(&plan), [Basis::Stated, Basis::VisaAsPassport]);
    let text = |issuer: &str, code: &str| ("L898902C3".to_owned(), Some(issuer.into()), Some(code.into()));
    assert_eq!(numbers(&plan), [text("FRA", "V"), text("UTO", "P")]);
    let failed = plan_of(TravelDocument { reliability: Reliability::Failed, ..visa }, &everything());
    assert_eq!(bases(&failed), [Basis::Unreliable, Basis::Unreliable]);
}

// Proves that a document without its number can't be established, even if another number is asked.
#[test]
fn missing_number() {
    let none = TravelDocument { number: None, ..document() };
    assert_eq!(plan_of(none.clone(), &everything()).lacking, Some(Reason::IdentifierMissing));
    let alternatives = vec![alternative("ZE184226B", AlternativeBasis::OptionalData)];
    let plan = plan_of(TravelDocument { alternatives, ..none }, &everything());
    assert_eq!((plan.queries.len(), plan.lacking), (1, Some(Reason::IdentifierMissing)));
}

// Proves that the number of queries is bounded, and that what was left out is not forgotten.
#[test]
fn bounded() {
    let many = (0..30).map(|i| alternative(&format!("MISREAD{i:02}"), AlternativeBasis::Misread));
    let plan = plan_of(TravelDocument { alternatives: many.collect(), ..document() }, &everything());
    assert_eq!(plan.queries.len(), QUERIES_MAX);
    assert_eq!(plan.lacking, Some(Reason::IdentifierUnreliable));
}

// Proves that both centuries of a birth date are asked, and that a person without a name is not.
#[test]
fn persons() {
    let name = Name { primary: "ERIKSSON".into(), ..Name::default() };
    let person = |birth: &str| Person { name: name.clone(), birth: birth.parse().ok(), ..Person::default() };
    assert_eq!(bases(&plan_one(Subject::Person(person("XX20-01-01")))), [Basis::Stated, Basis::OtherCentury]);
    assert_eq!(bases(&plan_one(Subject::Person(person("XX74-08-12")))), [Basis::Stated]);
    assert_eq!(bases(&plan_one(Subject::Person(person("")))), [Basis::Stated]);
    assert_eq!(plan_one(Subject::Person(Person::default())).lacking, Some(Reason::IdentifierMissing));
}

// Proves that each identifier of a thing is asked by itself, and a VIN's look-alike too.
#[test]
fn things() {
    let vehicle = Vehicle {
        vin: Some("IM8GDM9AXKPO42788".parse().unwrap()),
        plate: Some("B-MW 1234".parse().unwrap()),
        country: Some("D".parse().unwrap()),
        engine: Some("E12345".parse().unwrap()),
    };
    let plan = plan_one(Subject::Vehicle(vehicle));
    assert_eq!(bases(&plan), [Basis::Stated, Basis::Misread, Basis::Stated, Basis::Stated]);
    assert!(matches!(&plan.queries[2].key, QueryKey::Vehicle(VehicleKey::Plate { country: Some(_), .. })));
    let serial = Some("9074729".parse().unwrap());
    let vessel = Vessel { imo: serial, hull: None, engine: Some("EN77".parse().unwrap()) };
    assert_eq!(plan_one(Subject::Vessel(vessel)).queries.len(), 2);
    assert_eq!(plan_one(Subject::Firearm(Firearm { serial, ..Firearm::default() })).queries.len(), 1);
    let bare = plan_one(Subject::Firearm(Firearm::default()));
    assert_eq!((bare.lacking, bare.databases[0].0), (Some(Reason::IdentifierMissing), Database::Firearms));
}

// Proves that a person beside a covered document stays out, and that alone, or beside another traveller's document, every
// database of the policy is unchecked.
#[test]
fn outside_the_policy() {
    let documents = policy(&[(Database::Sltd, Mode::Mind), (Database::Tdawn, Mode::Mind)]);
    let today = jiff::civil::date(2026, 11, 24);
    let person = Subject::Person(Person::default());
    let mut both = exchange(vec![Subject::TravelDocument(document()), person.clone()]);
    let plans = plan(&both, &documents, today);
    assert!(!plans[0].outside_policy && plans[1].outside_policy);
    both.travellers = vec![0, 1];
    for plans in [plan(&both, &documents, today), plan(&exchange(vec![person]), &documents, today)] {
        let last = plans.last().unwrap();
        assert!(!last.outside_policy && last.queries.is_empty());
        assert_eq!((last.databases.len(), last.lacking), (2, Some(Reason::IdentifierMissing)));
    }
}
