//! From the records of an answer to hits.

use postern_sdk::{
    DocumentKey, DocumentNumber, DocumentType, Hit, MatchClass, PersonKey, Personal, Query, QueryKey, Reason,
    Score,
};

use super::profile::{Profile, Service};
use super::reply::Entry;
use crate::screening;

/// Reads the records of one service.
#[derive(Clone, Copy)]
pub(super) struct HitReader<'a> {
    pub(super) profile: &'a Profile,
    pub(super) service: &'a Service,
}

impl HitReader<'_> {
    /// The hit of a record, and why it is not quite what was asked for, if so: a record of another number, or without
    /// one, is told as a lead, and the answer that brought it counts as not readable.
    pub(super) fn hit(&self, query: &Query, entry: &Entry) -> (Hit, Option<Reason>) {
        let fields = &self.service.fields;
        let record = entry.get(self.profile, fields.record.as_ref());
        let mut hit = Hit::new(MatchClass::NumberOnly, record.unwrap_or_default());
        self.fill(&mut hit, entry);
        let fits = match &query.key {
            QueryKey::Document(key) => self.grade_document(&mut hit, key, query),
            QueryKey::Person(key) => self.grade_person(&mut hit, key, query, entry),
            _ => false,
        };
        let odd = !fits || record.is_none();
        (hit, odd.then_some(Reason::MalformedAnswer))
    }

    /// Adds what the record in full says. False if it is another record's.
    pub(super) fn complete(&self, hit: &mut Hit, entry: &Entry) -> bool {
        let fields = &self.service.fields;
        let same_record =
            entry.get(self.profile, fields.record.as_ref()).is_none_or(|record| record == hit.record);
        let number = |text: &str| DocumentNumber::normalise(text).ok();
        let found = entry.get(self.profile, fields.identifier.as_ref());
        let known = hit.identifier.as_ref().map(|known| known.reveal().as_str());
        let same_number = found.zip(known).is_none_or(|(found, known)| number(found) == number(known));
        if same_record && same_number {
            self.fill(hit, entry);
        }
        same_record && same_number
    }

    fn fill(&self, hit: &mut Hit, entry: &Entry) {
        let Self { profile, service } = self;
        let fields = &service.fields;
        let get = |place: &Option<String>| entry.get(profile, place.as_ref());
        set(&mut hit.identifier, get(&fields.identifier).map(Personal::from));
        set(&mut hit.doc_type, get(&fields.doc_type).and_then(|text| DocumentType::normalise(text).ok()));
        set(&mut hit.theft_type, get(&fields.theft_type).map(str::to_owned));
        set(&mut hit.theft_date, get(&fields.theft_date).and_then(|text| profile.date(text)));
        set(&mut hit.notice, get(&fields.notice).map(str::to_owned));
        let issuer = self.country("issuer_number", get(&fields.issuer), hit);
        set(&mut hit.issuer, issuer);
        let theft_country = self.country("theft_country_number", get(&fields.theft_country), hit);
        set(&mut hit.theft_country, theft_country);
        if let Some(permille) = get(&fields.score).and_then(|text| profile.score_permille(text)) {
            let reason = get(&fields.score_reason).map(Personal::from);
            hit.score = Some(Score { permille, reason });
        }
        for (name, place) in &service.keep {
            let texts = entry.all(profile, place);
            if !texts.is_empty() {
                hit.details.insert(name.clone(), Personal::from(texts.join("; ")));
            }
        }
    }

    /// The state of a country's number. One that is not in the profile is kept as it is, and counted.
    fn country(&self, detail: &str, text: Option<&str>, hit: &mut Hit) -> Option<postern_sdk::State> {
        let text = text?;
        let state = self.profile.state(text);
        if state.is_none() {
            metrics::counter!("postern_find_unknown_countries_total", "service" => self.service.name.clone())
                .increment(1);
            hit.details.insert(detail.to_owned(), Personal::from(text));
        }
        state
    }

    /// Grades by number, issuer and type. False if the record's number is not the one that was asked.
    fn grade_document(&self, hit: &mut Hit, key: &DocumentKey, query: &Query) -> bool {
        let found =
            hit.identifier.as_ref().and_then(|number| DocumentNumber::normalise(number.reveal()).ok());
        hit.class = screening::grade(key, query.basis, found.as_ref(), hit.issuer, hit.doc_type);
        found == Some(key.number)
    }

    /// Grades by name, birth and document; always true, because likeness is the service's to judge.
    fn grade_person(&self, hit: &mut Hit, key: &PersonKey, query: &Query, entry: &Entry) -> bool {
        let fields = &self.service.fields;
        let get = |place: &Option<String>| entry.get(self.profile, place.as_ref());
        let documents: Vec<&str> =
            fields.document.iter().flat_map(|place| entry.all(self.profile, place)).collect();
        let record = screening::PersonRecord {
            name: get(&fields.name),
            forename: get(&fields.forename),
            birth: get(&fields.birth).and_then(|text| self.profile.date(text)),
            documents: &documents,
        };
        hit.class = screening::grade_person(key, query.basis, &record);
        true
    }
}

fn set<T>(slot: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *slot = value;
    }
}
