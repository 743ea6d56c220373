//! From the records of an answer to hits.

use postern_sdk::{
    DocumentKey, DocumentNumber, DocumentType, Hit, MatchClass, PersonKey, Personal, Query, QueryKey, Reason,
    Score, State, VehicleKey,
};

use super::profile::{Profile, RequestValue, Service, Table};
use super::reply::Entry;
use crate::screening;

/// The detail that holds the path of a notice's file.
pub const NOTICE_PATH: &str = "notice_path";
/// The detail that holds the paths of images.
pub const IMAGE_PATH: &str = "image_path";

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
        let found_by = RequestValue::of(&query.key).and_then(|value| fields.found_by(value));
        hit.identifier = entry.get(self.profile, found_by).map(Personal::from);
        self.fill(&mut hit, entry);
        let fits = match &query.key {
            QueryKey::Document(key) => self.grade_document(&mut hit, key, query),
            QueryKey::Person(key) => self.grade_person(&mut hit, key, query, entry),
            key => self.grade_thing(&mut hit, key, query, entry),
        };
        let odd = !fits || record.is_none();
        (hit, odd.then_some(Reason::MalformedAnswer))
    }

    /// A record that was asked for by its id: it matches nothing, so its class is the weakest that a number has.
    pub(super) fn record(&self, entry: &Entry) -> Hit {
        let fields = &self.service.fields;
        let record = entry.get(self.profile, fields.record.as_ref()).unwrap_or_default();
        let mut hit = Hit::new(MatchClass::NumberOnly, record);
        let numbers = [&fields.identifier, &fields.vin, &fields.serial, &fields.imo, &fields.hull];
        let number = numbers.into_iter().find_map(|place| entry.get(self.profile, place.as_ref()));
        hit.identifier = number.map(Personal::from);
        self.fill(&mut hit, entry);
        hit
    }

    /// Adds what the record in full says. False if it is another record's.
    pub(super) fn complete(&self, key: &QueryKey, hit: &mut Hit, entry: &Entry) -> bool {
        let fields = &self.service.fields;
        let same_record =
            entry.get(self.profile, fields.record.as_ref()).is_none_or(|record| record == hit.record);
        let found_by = RequestValue::of(key).and_then(|value| fields.found_by(value));
        let found = entry.get(self.profile, found_by);
        let known = hit.identifier.as_ref().map(|known| known.reveal().as_str());
        let same_number = found.zip(known).is_none_or(|(found, known)| plain(found) == plain(known));
        if same_record && same_number {
            self.fill(hit, entry);
        }
        same_record && same_number
    }

    fn fill(&self, hit: &mut Hit, entry: &Entry) {
        let fields = &self.service.fields;
        let get = |place: &Option<String>| entry.get(self.profile, place.as_ref());
        let doc_type = self.doc_type(get(&fields.doc_type), hit);
        set(&mut hit.doc_type, doc_type);
        set(&mut hit.theft_type, self.word(Table::TheftTypes, get(&fields.theft_type)));
        set(&mut hit.theft_date, get(&fields.theft_date).and_then(|text| self.profile.date(text)));
        set(&mut hit.notice, self.word(Table::Notices, get(&fields.notice)));
        let issuer = self.country("issuer_number", get(&fields.issuer), hit);
        set(&mut hit.issuer, issuer);
        let theft_country = self.country("theft_country_number", get(&fields.theft_country), hit);
        set(&mut hit.theft_country, theft_country);
        if let Some(permille) = get(&fields.score).and_then(|text| self.profile.score_permille(text)) {
            let reason = get(&fields.score_reason).map(Personal::from);
            hit.score = Some(Score { permille, reason });
        }
        for (name, place) in &self.service.keep {
            let texts = entry.all(self.profile, place);
            if !texts.is_empty() {
                hit.details.insert(name.clone(), Personal::from(texts.join("; ")));
            }
        }
        for (name, place) in [(NOTICE_PATH, &fields.notice_path), (IMAGE_PATH, &fields.image_path)] {
            let paths = place.as_ref().map(|place| entry.all(self.profile, place)).unwrap_or_default();
            if !paths.is_empty() {
                hit.details.insert(name.to_owned(), Personal::from(paths.join("; ")));
            }
        }
    }

    /// Our word for a code. One that no table has is kept as it is, and counted.
    fn word(&self, table: Table, text: Option<&str>) -> Option<String> {
        let text = text?;
        let known = self.profile.tables.word(table, text);
        if known.is_none() {
            self.unknown(table);
        }
        Some(known.unwrap_or(text).to_owned())
    }

    fn doc_type(&self, text: Option<&str>, hit: &mut Hit) -> Option<DocumentType> {
        let text = text?;
        let (code, known) = self.profile.tables.document_type(text);
        if !known {
            self.unknown(Table::DocumentTypes);
        }
        if code.is_none() {
            hit.details.insert("type".to_owned(), Personal::from(text));
        }
        code
    }

    /// The state of a country's number. One that is not in the profile is kept as it is, and counted.
    fn country(&self, detail: &str, text: Option<&str>, hit: &mut Hit) -> Option<State> {
        let text = text?;
        let state = self.profile.tables.state(text);
        if state.is_none() {
            self.unknown(Table::Countries);
            hit.details.insert(detail.to_owned(), Personal::from(text));
        }
        state
    }

    fn unknown(&self, table: Table) {
        let labels = [("service", self.service.name.clone()), ("table", table.code().to_owned())];
        metrics::counter!("postern_find_unknown_codes_total", &labels).increment(1);
    }

    /// Grades by number, issuer and type. False if the record's number is not the one that was asked.
    fn grade_document(&self, hit: &mut Hit, key: &DocumentKey, query: &Query) -> bool {
        let found =
            hit.identifier.as_ref().and_then(|number| DocumentNumber::normalise(number.reveal()).ok());
        hit.class = screening::grade(key, query.basis, found.as_ref(), hit.issuer, hit.doc_type);
        found == Some(key.number)
    }

    /// Grades a thing by what identifies it. False if the record's number is not the one that was asked.
    fn grade_thing(&self, hit: &mut Hit, key: &QueryKey, query: &Query, entry: &Entry) -> bool {
        let fields = &self.service.fields;
        let get = |place: &Option<String>| entry.get(self.profile, place.as_ref());
        let record = screening::ThingRecord {
            country: hit.issuer,
            make: get(&fields.make),
            model: get(&fields.model),
            calibre: get(&fields.calibre),
        };
        let same = match number_of(key) {
            Some(asked) => hit.identifier.as_ref().is_some_and(|found| plain(found.reveal()) == asked),
            None => true,
        };
        let at_most = if same { MatchClass::Exact } else { MatchClass::MisreadVariant };
        hit.class = screening::grade_thing(key, &record).max(screening::ceiling(query.basis)).max(at_most);
        same
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

/// The number that a query asks for; none of what is found by likeness.
fn number_of(key: &QueryKey) -> Option<&str> {
    Some(match key {
        QueryKey::Vehicle(VehicleKey::Vin(vin)) => vin.reveal(),
        QueryKey::Vehicle(VehicleKey::Plate { plate, .. }) => plate.reveal(),
        QueryKey::Vehicle(VehicleKey::Engine(engine)) => engine.reveal(),
        QueryKey::Firearm(key) => key.serial.reveal(),
        QueryKey::Vessel(key) => key.serial().reveal(),
        _ => return None,
    })
}

/// The letters and digits of a number, in upper case.
fn plain(number: &str) -> String {
    number.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

fn set<T>(slot: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *slot = value;
    }
}
