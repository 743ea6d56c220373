//! From a request to an answer, by the profile that the client uses too.

use std::borrow::Cow;
use std::collections::BTreeMap;

use postern_formats::xml::{Limits, Reader, XmlError};
use postern_sdk::{Database, DocumentNumber};

use crate::find::profile::{HeaderValue, Kind, Meaning, Operation, Profile, RequestValue, Service, Step};

use super::managed::Managed;
use super::nominals::{self, Nominal, Sought};
use super::records::{DocumentRecord, SimRecords};
use super::things::Thing;

/// A request as it was read.
#[derive(Default)]
pub(super) struct Request {
    /// The request's fields by their elements.
    fields: BTreeMap<String, String>,
    /// The header's values.
    header: Vec<(HeaderValue, String)>,
}

/// A record to be told.
#[derive(Clone)]
pub(super) enum Record<'a> {
    Document(Cow<'a, DocumentRecord>),
    /// A person and the likeness in tenths.
    Nominal(&'a Nominal, u16),
    /// A thing and the likeness in tenths.
    Thing(&'a Thing, u16),
    /// A file of a record.
    File(&'a str),
}

/// What the service found: the records of each database, or the code of why it didn't look.
pub(super) type Found<'a> = Result<Vec<(Database, Vec<Record<'a>>)>, Refusal>;

/// Why the service didn't look, by our name of the reason; the profile knows the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    InvalidSearch,
    AccessDenied,
}

impl Request {
    /// Reads the envelope of a request for an operation.
    pub(super) fn read(profile: &Profile, operation: &Operation, body: &[u8]) -> Result<Self, XmlError> {
        let names = &profile.envelope;
        let mut request = Self::default();
        let mut reader = Reader::new(body, Limits::default())?;
        reader.root()?;
        reader.children::<XmlError>(|reader, part| {
            if part.is(&names.header) {
                request.read_header(profile, reader)
            } else if part.is(&names.body) {
                request.read_body(operation, reader)
            } else {
                Ok(())
            }
        })?;
        reader.finish()?;
        Ok(request)
    }

    pub(super) fn read_header(&mut self, profile: &Profile, reader: &mut Reader<'_>) -> Result<(), XmlError> {
        reader.children(|reader, block| {
            let Some(known) = profile.header.iter().find(|known| block.is(&known.element)) else {
                return Ok(());
            };
            reader.children(|reader, field| {
                if let Some(known) = known.fields.iter().find(|known| field.is(&known.element)) {
                    self.header.push((known.value, reader.text_only()?.into_owned()));
                }
                Ok(())
            })
        })
    }

    fn read_body(&mut self, operation: &Operation, reader: &mut Reader<'_>) -> Result<(), XmlError> {
        reader.children(|reader, element| {
            if !element.is(&operation.operation) {
                return Ok(());
            }
            reader.children(|reader, field| {
                self.fields.insert(field.local().to_owned(), reader.text_only()?.into_owned());
                Ok(())
            })
        })
    }

    /// A value of the header.
    pub(super) fn header(&self, value: HeaderValue) -> Option<&str> {
        self.header.iter().find(|(known, _)| *known == value).map(|(_, text)| text.as_str())
    }

    fn field(&self, operation: &Operation, value: RequestValue) -> Option<&str> {
        let element = &operation.fields.iter().find(|field| field.value == value)?.element;
        self.fields.get(element).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// What is asked about, its letters and digits: the first of the operation's fields that says it.
    pub(super) fn sought(&self, operation: &Operation) -> Option<String> {
        let says = |value| is_number(value) || NAMES.contains(&value);
        let fields = operation.fields.iter().filter(|field| says(field.value));
        fields.filter_map(|field| self.field(operation, field.value)).map(plain).next()
    }
}

/// Looks for what is asked.
pub(super) fn find<'a>(
    profile: &Profile,
    service: &Service,
    step: Step,
    request: &Request,
    records: &'a SimRecords,
    managed: &'a Managed,
) -> Found<'a> {
    let named = |value| request.header(value).is_some_and(|text| !text.is_empty());
    if !named(HeaderValue::AccountUsername) || !named(HeaderValue::AccountPassword) {
        return Err(Refusal::AccessDenied);
    }
    if !named(HeaderValue::ReferenceInCountry) {
        return Err(Refusal::InvalidSearch);
    }
    let Some(operation) = service.operation(step) else { return Err(Refusal::InvalidSearch) };
    let lookup = Lookup { profile, service, operation, request, records, managed };
    match (step, service.kind) {
        (Step::Search | Step::Exact, Kind::Document) => lookup.documents(),
        (Step::Search | Step::Exact, Kind::Person) => lookup.persons(step == Step::Exact),
        (Step::Search | Step::Exact, Kind::WorkOfArt) => lookup.works_of_art(),
        (Step::Search | Step::Exact, Kind::Vehicle | Kind::Firearm | Kind::Vessel) => lookup.things(),
        (Step::Details, _) => lookup.details(),
        (Step::Notice | Step::Image | Step::Schema, _) => lookup.file(),
    }
}

struct Lookup<'a, 'r> {
    profile: &'r Profile,
    service: &'r Service,
    operation: &'r Operation,
    request: &'r Request,
    records: &'a SimRecords,
    managed: &'a Managed,
}

impl<'a> Lookup<'a, '_> {
    fn get(&self, value: RequestValue) -> Option<&str> {
        self.request.field(self.operation, value)
    }

    fn records_max(&self) -> Result<usize, Refusal> {
        let wanted = self.get(RequestValue::RecordsMax).ok_or(Refusal::InvalidSearch)?;
        wanted.trim().parse().ok().filter(|count| *count > 0).ok_or(Refusal::InvalidSearch)
    }

    fn documents(&self) -> Found<'a> {
        let records_max = self.records_max()?;
        let number = self.get(RequestValue::Number).and_then(|text| DocumentNumber::normalise(text).ok());
        let number = number.ok_or(Refusal::InvalidSearch)?;
        let managed = self.managed.by_number(&number).map(Cow::Borrowed);
        let known: Vec<Cow<'a, DocumentRecord>> =
            self.records.by_number(&number).map(Cow::Owned).chain(managed).collect();
        let issuer = self.get(RequestValue::Issuer).and_then(|text| self.profile.tables.state(text));
        let doc_type =
            self.get(RequestValue::DocType).and_then(|text| self.profile.tables.document_type(text).0);
        let mut found = Vec::new();
        for database in self.service.databases() {
            let matching = known
                .iter()
                .filter(|record| record.database == database)
                .filter(|record| {
                    issuer.is_none_or(|issuer| record.issuer.is_some_and(|known| known.agrees(&issuer)))
                })
                .filter(|record| {
                    doc_type.is_none_or(|wanted| record.doc_type.is_some_and(|known| known == wanted))
                });
            let listed: Vec<_> = matching.take(records_max).cloned().map(Record::Document).collect();
            found.push((database, listed));
        }
        Ok(found)
    }

    fn persons(&self, exact: bool) -> Found<'a> {
        let records_max = self.records_max()?;
        let sought = Sought {
            name: self.get(RequestValue::Name).ok_or(Refusal::InvalidSearch)?,
            forename: self.get(RequestValue::Forename),
            birth: self.get(RequestValue::Birth).and_then(|text| self.profile.date(text)),
        };
        let scored =
            self.records.nominals().iter().map(|nominal| (nominal, nominals::likeness(nominal, &sought)));
        let mut matching: Vec<_> = scored.filter(|(_, score)| *score >= if exact { 10 } else { 5 }).collect();
        matching.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.record.cmp(&b.0.record)));
        let listed: Vec<_> = matching
            .into_iter()
            .take(records_max)
            .map(|(nominal, score)| Record::Nominal(nominal, score))
            .collect();
        Ok(self.service.databases().map(|database| (database, listed.clone())).collect())
    }

    /// The things of the service's databases.
    fn held(&self) -> impl Iterator<Item = &'a Thing> {
        let databases: Vec<Database> = self.service.databases().collect();
        self.records.things().iter().filter(move |thing| databases.contains(&thing.database))
    }

    /// Things by a number: every one that is given must agree, as far as it is known.
    fn things(&self) -> Found<'a> {
        let records_max = self.records_max()?;
        let values = self.operation.fields.iter().filter(|field| is_number(field.value));
        let asked: Vec<_> =
            values.filter_map(|field| Some((field.value, plain(self.get(field.value)?)))).collect();
        if asked.is_empty() {
            return Err(Refusal::InvalidSearch);
        }
        let agrees = |thing: &&Thing| asked.iter().all(|(value, text)| thing.value(*value) == Some(text));
        let listed: Vec<_> =
            self.held().filter(agrees).take(records_max).map(|thing| Record::Thing(thing, 10)).collect();
        Ok(self.service.databases().map(|database| (database, listed.clone())).collect())
    }

    /// Works of art whose title shares a word with what is asked.
    fn works_of_art(&self) -> Found<'a> {
        let records_max = self.records_max()?;
        let title = self.get(RequestValue::Title).ok_or(Refusal::InvalidSearch)?.to_uppercase();
        let score = |thing: &Thing| {
            let words: Vec<&str> =
                thing.value(RequestValue::Title).unwrap_or_default().split_whitespace().collect();
            let common =
                words.iter().filter(|word| title.split_whitespace().any(|asked| asked == **word)).count();
            u16::try_from(10 * common / words.len().max(1)).unwrap_or(0)
        };
        let mut found: Vec<_> =
            self.held().map(|thing| (thing, score(thing))).filter(|(_, score)| *score > 0).collect();
        found.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
        let listed: Vec<_> =
            found.into_iter().take(records_max).map(|(thing, score)| Record::Thing(thing, score)).collect();
        Ok(self.service.databases().map(|database| (database, listed.clone())).collect())
    }

    fn details(&self) -> Found<'a> {
        let id = self.get(RequestValue::Record).ok_or(Refusal::InvalidSearch)?;
        let record = match self.service.kind {
            Kind::Document => {
                let managed = || self.managed.by_record(id).map(Cow::Borrowed);
                let known = self.records.by_record(id).map(Cow::<DocumentRecord>::Owned).or_else(managed);
                known.map(|record| (record.database, Record::Document(record)))
            }
            Kind::Person => {
                let person = self.records.nominals().iter().find(|nominal| nominal.record == id);
                person
                    .zip(self.service.databases().next())
                    .map(|(nominal, database)| (database, Record::Nominal(nominal, 10)))
            }
            _ => {
                let thing = self.held().find(|thing| thing.record == id);
                thing.map(|thing| (thing.database, Record::Thing(thing, 10)))
            }
        };
        Ok(record.map(|(database, record)| (database, vec![record])).into_iter().collect())
    }

    /// A file of a record: its path ends with the record's id.
    fn file(&self) -> Found<'a> {
        let path = self.get(RequestValue::Path).ok_or(Refusal::InvalidSearch)?;
        let of = |record: &str| super::files::is_of(path, record);
        let person = self.records.nominals().iter().map(|nominal| nominal.record.as_str()).find(|id| of(id));
        let found = person.or_else(|| self.held().map(|thing| thing.record.as_str()).find(|id| of(id)));
        Ok(self
            .service
            .databases()
            .take(1)
            .filter_map(|database| Some((database, vec![Record::File(found?)])))
            .collect())
    }
}

/// What a request is about, beside the numbers of things.
const NAMES: [RequestValue; 5] =
    [RequestValue::Number, RequestValue::Name, RequestValue::Title, RequestValue::Record, RequestValue::Path];

/// Whether things are found by this.
const fn is_number(value: RequestValue) -> bool {
    matches!(
        value,
        RequestValue::Vin
            | RequestValue::Plate
            | RequestValue::Engine
            | RequestValue::Serial
            | RequestValue::Imo
            | RequestValue::Hull
    )
}

/// The letters and digits of a number, in upper case.
fn plain(number: &str) -> String {
    number.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

impl Refusal {
    /// What the profile calls it.
    pub(super) const fn meaning(self) -> Meaning {
        Meaning::NotChecked(match self {
            Self::InvalidSearch => postern_sdk::Reason::InvalidSearch,
            Self::AccessDenied => postern_sdk::Reason::AccessDenied,
        })
    }
}
