//! From a subject to the queries by which each database of the policy is asked.
//!
//! A document may be recorded under more than the number that was read: a look-alike, a number in its optional data, the
//! shorter reading of a long one. Each candidate is a query of its own with its [`Basis`], every database of the subject's
//! kind is asked all of them, and a database counts as checked only if each was answered. So a plan that leaves a
//! candidate out must say so: it carries the reason in [`Plan::lacking`].

use std::collections::BTreeSet;

use jiff::civil::Date;
use postern_sdk::{
    AdministrativeDocument, AlternativeBasis, Basis, Database, DocumentKey, Exchange, Firearm, FirearmKey,
    Person, PersonKey, Query, QueryKey, Reason, Reliability, Subject, TravelDocument, Vehicle, VehicleKey,
    Vessel, VesselKey, WorkOfArt, WorkOfArtKey,
};

use super::{Mode, Policy};

/// How many queries a subject may make at most. A document with more candidates than that is read too badly to be
/// established by asking them: the first are asked, and its databases are not fully checked.
pub const QUERIES_MAX: usize = 16;

/// What is asked about one subject, and of which databases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The queries, each asked of every database.
    pub queries: Vec<Query>,
    /// The databases with their modes.
    pub databases: Vec<(Database, Mode)>,
    /// Why the queries are not all that should be asked, so that silence establishes nothing.
    pub lacking: Option<Reason>,
    /// Whether the policy asks nothing of this subject, but of another of the same traveller.
    pub outside_policy: bool,
}

/// Plans every subject of an exchange, in its order. `today` resolves the century of birth dates.
///
/// The subjects are planned together because one that no database of the policy covers (the person beside a document)
/// may stay out only if another subject of the same traveller is covered. Alone, each database of the policy counts as
/// not checked for want of an identifier.
pub fn plan(exchange: &Exchange, policy: &Policy, today: Date) -> Vec<Plan> {
    let mut plans: Vec<Plan> = exchange.subjects.iter().map(|one| plan_subject(one, policy, today)).collect();
    if plans.iter().any(|plan| plan.databases.is_empty()) {
        settle_uncovered(exchange, policy, &mut plans);
    }
    plans
}

fn plan_subject(subject: &Subject, policy: &Policy, today: Date) -> Plan {
    let databases: Vec<_> = policy.for_kind(subject.kind()).collect();
    if databases.is_empty() {
        return Plan::default();
    }
    let mut queries = Queries::default();
    match subject {
        Subject::TravelDocument(document) => queries.travel_document(document),
        Subject::Person(person) => queries.person(person, today),
        Subject::Vehicle(vehicle) => queries.vehicle(vehicle),
        Subject::Firearm(firearm) => queries.firearm(firearm),
        Subject::Vessel(vessel) => queries.vessel(vessel),
        Subject::AdministrativeDocument(document) => queries.administrative_document(document),
        Subject::WorkOfArt(work) => queries.work_of_art(work),
        _ => {}
    }
    if queries.list.is_empty() {
        queries.lacking = Some(Reason::IdentifierMissing);
    }
    Plan { queries: queries.list, databases, lacking: queries.lacking, outside_policy: false }
}

fn settle_uncovered(exchange: &Exchange, policy: &Policy, plans: &mut [Plan]) {
    let covered: BTreeSet<u32> = (0..plans.len())
        .filter(|subject| !plans[*subject].databases.is_empty())
        .map(|subject| exchange.traveller(subject))
        .collect();
    for (subject, plan) in plans.iter_mut().enumerate().filter(|(_, plan)| plan.databases.is_empty()) {
        if covered.contains(&exchange.traveller(subject)) {
            plan.outside_policy = true;
        } else {
            plan.databases = policy.databases.iter().map(|(database, mode)| (*database, *mode)).collect();
            plan.lacking = Some(Reason::IdentifierMissing);
        }
    }
}

/// The queries of one subject while they are gathered.
#[derive(Default)]
struct Queries {
    list: Vec<Query>,
    lacking: Option<Reason>,
}

impl Queries {
    /// Adds a query unless the same is asked already; the first basis stands.
    fn add(&mut self, key: QueryKey, basis: Basis) {
        if self.list.iter().any(|query| query.key == key) {
            return;
        }
        if self.list.len() < QUERIES_MAX {
            self.list.push(Query { key, basis });
        } else {
            self.lacking = Some(Reason::IdentifierUnreliable);
        }
    }

    fn travel_document(&mut self, document: &TravelDocument) {
        let failed = document.reliability == Reliability::Failed;
        let key = |number| DocumentKey { number, issuer: document.issuer, doc_type: document.doc_type };
        match document.number {
            Some(number) => {
                let basis = if failed { Basis::Unreliable } else { Basis::Stated };
                self.add(QueryKey::Document(key(number)), basis);
            }
            None => self.lacking = Some(Reason::IdentifierMissing),
        }
        if let (Some(number), Some(_)) = (document.number, document.also_as) {
            let passport = DocumentKey { number, issuer: document.nationality, doc_type: document.also_as };
            let basis = if failed { Basis::Unreliable } else { Basis::VisaAsPassport };
            self.add(QueryKey::Document(passport), basis);
        }
        for alternative in &document.alternatives {
            self.add(QueryKey::Document(key(alternative.number)), basis_of(alternative.basis));
        }
    }

    fn person(&mut self, person: &Person, today: Date) {
        let has_text = |text: &str| !text.trim().is_empty();
        let secondary = person.name.secondary.as_ref();
        if !has_text(person.name.primary.reveal()) && !secondary.is_some_and(|name| has_text(name.reveal())) {
            return;
        }
        let key = |birth| {
            QueryKey::Person(PersonKey {
                name: person.name.clone(),
                birth,
                sex: person.sex,
                nationality: person.nationality,
                document: person.document,
            })
        };
        match person.birth {
            None => self.add(key(None), Basis::Stated),
            Some(birth) => {
                for (i, candidate) in birth.birth_candidates(today).enumerate() {
                    self.add(key(Some(candidate)), if i == 0 { Basis::Stated } else { Basis::OtherCentury });
                }
            }
        }
    }

    fn vehicle(&mut self, vehicle: &Vehicle) {
        if let Some(vin) = vehicle.vin {
            self.add(QueryKey::Vehicle(VehicleKey::Vin(vin)), Basis::Stated);
            if let Some(misread) = vin.misread() {
                self.add(QueryKey::Vehicle(VehicleKey::Vin(misread)), Basis::Misread);
            }
        }
        if let Some(plate) = vehicle.plate {
            let country = vehicle.country;
            self.add(QueryKey::Vehicle(VehicleKey::Plate { plate, country }), Basis::Stated);
        }
        if let Some(engine) = vehicle.engine {
            self.add(QueryKey::Vehicle(VehicleKey::Engine(engine)), Basis::Stated);
        }
    }

    fn firearm(&mut self, firearm: &Firearm) {
        if let Some(serial) = firearm.serial {
            let Firearm { make, model, calibre, .. } = firearm.clone();
            self.add(QueryKey::Firearm(FirearmKey { serial, make, model, calibre }), Basis::Stated);
        }
    }

    fn vessel(&mut self, vessel: &Vessel) {
        let numbers = [
            vessel.imo.map(VesselKey::Imo),
            vessel.hull.map(VesselKey::Hull),
            vessel.engine.map(VesselKey::Engine),
        ];
        for key in numbers.into_iter().flatten() {
            self.add(QueryKey::Vessel(key), Basis::Stated);
        }
    }

    fn work_of_art(&mut self, work: &WorkOfArt) {
        if let Some(title) = work.title.clone().filter(|title| !title.trim().is_empty()) {
            let WorkOfArt { artist, category, .. } = work.clone();
            self.add(QueryKey::WorkOfArt(WorkOfArtKey { title, artist, category }), Basis::Stated);
        }
    }

    fn administrative_document(&mut self, document: &AdministrativeDocument) {
        if let Some(number) = document.number {
            let key = DocumentKey { number, issuer: document.issuer, doc_type: document.doc_type };
            self.add(QueryKey::Document(key), Basis::Stated);
        }
    }
}

const fn basis_of(basis: AlternativeBasis) -> Basis {
    match basis {
        AlternativeBasis::Misread => Basis::Misread,
        AlternativeBasis::OptionalData => Basis::OptionalData,
        AlternativeBasis::LongNumber => Basis::LongNumber,
    }
}
