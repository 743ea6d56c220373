//! From a request to an answer, by the profile that the client uses too.

use std::collections::BTreeMap;

use postern_formats::xml::{Limits, Reader, XmlError};
use postern_sdk::{Database, DocumentNumber};

use crate::find::profile::{HeaderValue, Kind, Meaning, Operation, Profile, RequestValue, Service, Step};

use super::nominals::{self, Nominal, Sought};
use super::records::{DocumentRecord, SimRecords};

/// A request as it was read.
#[derive(Default)]
pub(super) struct Request {
    /// The request's fields by their elements.
    fields: BTreeMap<String, String>,
    /// The header's values.
    header: Vec<(HeaderValue, String)>,
}

/// A record to be told.
#[derive(Clone, Copy)]
pub(super) enum Record<'a> {
    Document(&'a DocumentRecord),
    /// A person and the likeness in tenths.
    Nominal(&'a Nominal, u16),
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
    /// Reads the envelope of a request for a step.
    pub(super) fn read(
        profile: &Profile,
        service: &Service,
        step: Step,
        body: &[u8],
    ) -> Result<Self, XmlError> {
        let names = &profile.envelope;
        let mut request = Self::default();
        let mut reader = Reader::new(body, Limits::default())?;
        reader.root()?;
        reader.children::<XmlError>(|reader, part| {
            if part.is(&names.header) {
                request.read_header(profile, reader)
            } else if part.is(&names.body) {
                request.read_body(service.operation(step), reader)
            } else {
                Ok(())
            }
        })?;
        reader.finish()?;
        Ok(request)
    }

    fn read_header(&mut self, profile: &Profile, reader: &mut Reader<'_>) -> Result<(), XmlError> {
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
}

/// Looks for what is asked.
pub(super) fn find<'a>(
    profile: &Profile,
    service: &Service,
    step: Step,
    request: &Request,
    records: &'a SimRecords,
) -> Found<'a> {
    let named = |value| request.header(value).is_some_and(|text| !text.is_empty());
    if !named(HeaderValue::AccountUsername) || !named(HeaderValue::AccountPassword) {
        return Err(Refusal::AccessDenied);
    }
    if !named(HeaderValue::ReferenceInCountry) {
        return Err(Refusal::InvalidSearch);
    }
    let lookup = Lookup { profile, service, operation: service.operation(step), request, records };
    match (step, service.kind) {
        (Step::Search, Kind::Document) => lookup.documents(),
        (Step::Search, Kind::Person) => lookup.persons(),
        (Step::Details, _) => lookup.details(),
    }
}

struct Lookup<'a, 'r> {
    profile: &'r Profile,
    service: &'r Service,
    operation: &'r Operation,
    request: &'r Request,
    records: &'a SimRecords,
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
        let mut rest = self.records_max()?;
        let number = self.get(RequestValue::Number).and_then(|text| DocumentNumber::normalise(text).ok());
        let known = self.records.by_number(&number.ok_or(Refusal::InvalidSearch)?);
        let issuer = self.get(RequestValue::Issuer).and_then(|text| self.profile.state(text));
        let doc_type = self.get(RequestValue::DocType);
        let mut found = Vec::new();
        for database in self.service.databases() {
            let matching = known
                .iter()
                .filter(|record| record.database == database)
                .filter(|record| {
                    issuer.is_none_or(|issuer| record.issuer.is_some_and(|known| known.agrees(&issuer)))
                })
                .filter(|record| {
                    doc_type
                        .is_none_or(|wanted| record.doc_type.is_some_and(|known| known.as_str() == wanted))
                });
            let listed: Vec<_> = matching.take(rest).map(Record::Document).collect();
            rest -= listed.len();
            found.push((database, listed));
        }
        Ok(found)
    }

    fn persons(&self) -> Found<'a> {
        let records_max = self.records_max()?;
        let sought = Sought {
            name: self.get(RequestValue::Name).ok_or(Refusal::InvalidSearch)?,
            forename: self.get(RequestValue::Forename),
            birth: self.get(RequestValue::Birth).and_then(|text| self.profile.date(text)),
        };
        let scored =
            self.records.nominals().iter().map(|nominal| (nominal, nominals::likeness(nominal, &sought)));
        let mut matching: Vec<_> = scored.filter(|(_, score)| *score >= 5).collect();
        matching.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.record.cmp(&b.0.record)));
        let listed: Vec<_> = matching
            .into_iter()
            .take(records_max)
            .map(|(nominal, score)| Record::Nominal(nominal, score))
            .collect();
        Ok(self.service.databases().map(|database| (database, listed.clone())).collect())
    }

    fn details(&self) -> Found<'a> {
        let id = self.get(RequestValue::Record).ok_or(Refusal::InvalidSearch)?;
        let person = || self.records.nominals().iter().find(|nominal| nominal.record == id);
        Ok(match self.service.kind {
            Kind::Document => self
                .records
                .by_record(id)
                .map(|record| (record.database, vec![Record::Document(record)]))
                .into_iter()
                .collect(),
            Kind::Person => person()
                .and_then(|nominal| {
                    Some((self.service.databases().next()?, vec![Record::Nominal(nominal, 10)]))
                })
                .into_iter()
                .collect(),
        })
    }
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
