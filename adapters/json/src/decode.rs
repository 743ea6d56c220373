//! From the wire to the exchange.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use postern_formats::mrz;
use postern_sdk::{
    AdministrativeDocument, Context, DocumentType, Exchange, Fault, FaultCode, Firearm, IdentifierError,
    Name, PartialDate, Person, Personal, Subject, TravelDocument, Vehicle, Vessel, WorkOfArt,
};
use serde_json::error::Category;

use crate::object::Object;
use crate::request::{
    AdministrativeDocumentSubject, FirearmSubject, Lines, MrzSubject, PersonSubject, RequestContext,
    RequestSubject, ScreeningRequest, Text, TravelDocumentSubject, VehicleSubject, VesselSubject,
    WorkOfArtSubject,
};
use crate::{VERSION, problem};

/// Longest sender's id, in characters.
const ID_CHARS_MAX: usize = 128;
/// Longest text of context, names and descriptions, in characters.
const TEXT_CHARS_MAX: usize = 256;
/// The native value that says from which subject of the request each subject of the exchange comes, if a zone made two.
pub(crate) const ORIGINS: &str = "origins";

/// Decodes a request.
pub(crate) fn exchange(bytes: &[u8]) -> Result<Exchange, Fault> {
    let Object(request) =
        serde_json::from_slice::<Object<ScreeningRequest<'_>>>(bytes).map_err(|e| unreadable(&e, bytes))?;
    let id = request.id.as_deref().filter(|id| is_id(id)).map(str::to_owned);
    let whole = || {
        if request.id.is_some() && id.is_none() {
            return Err(Fault::new(problem::ID).field("id"));
        }
        checked(&request, bytes.len())
    };
    let mut exchange = whole().map_err(|fault| fault.of(id.clone()))?;
    exchange.context.sender_id = id;
    Ok(exchange)
}

/// The fault of what serde could not read. Its message may quote the input, so only its place is taken over.
fn unreadable(error: &serde_json::Error, bytes: &[u8]) -> Fault {
    let code = match error.classify() {
        Category::Data => problem::CONTENT,
        Category::Syntax | Category::Eof | Category::Io => problem::SYNTAX,
    };
    Fault::new(code).at(offset(bytes, error.line(), error.column()))
}

/// The byte offset of a line and column, both from 1 (a column of 0 is the line break before).
fn offset(bytes: &[u8], line: usize, column: usize) -> usize {
    let breaks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let start = line.checked_sub(2).map_or(0, |nth| breaks.into_iter().nth(nth).unwrap_or(bytes.len()));
    (start + column.saturating_sub(1)).min(bytes.len())
}

fn checked(request: &ScreeningRequest<'_>, len: usize) -> Result<Exchange, Fault> {
    if request.version.is_some_and(|version| version != VERSION) {
        return Err(Fault::new(problem::VERSION_UNKNOWN).field("version"));
    }
    if request.subjects.is_empty() {
        return Err(Fault::new(FaultCode::EMPTY).field("subjects").at(len));
    }
    let mut building = Building { context: context(&request.context)?, ..Building::default() };
    for (index, subject) in request.subjects.iter().enumerate() {
        building.add(subject, index)?;
    }
    building.finish(&request.subjects)
}

/// The exchange while its subjects are added.
#[derive(Default)]
struct Building {
    context: Context,
    subjects: Vec<Subject>,
    /// The request's subject from which each subject comes.
    origins: Vec<usize>,
    native: BTreeMap<String, Personal<String>>,
}

impl Building {
    fn add(&mut self, subject: &RequestSubject<'_>, index: usize) -> Result<(), Fault> {
        let at = At(index);
        let made = match subject {
            RequestSubject::TravelDocument(one) => travel_document(one, at)?,
            RequestSubject::Person(one) => person(one, at)?,
            RequestSubject::Vehicle(one) => vehicle(one, at)?,
            RequestSubject::Firearm(one) => firearm(one, at)?,
            RequestSubject::Vessel(one) => vessel(one, at)?,
            RequestSubject::WorkOfArt(one) => work_of_art(one, at)?,
            RequestSubject::AdministrativeDocument(one) => administrative_document(one, at)?,
            RequestSubject::Mrz(one) => return self.zone(one, at),
        };
        self.push(made, index);
        Ok(())
    }

    fn push(&mut self, subject: Subject, index: usize) {
        self.subjects.push(subject);
        self.origins.push(index);
    }

    /// A zone is asked as a document and a person. Its lines are kept for the record.
    fn zone(&mut self, subject: &MrzSubject<'_>, at: At) -> Result<(), Fault> {
        let text = match &subject.lines {
            Lines::Whole(text) => Cow::Borrowed(text.as_ref()),
            Lines::Each(lines) => Cow::Owned(lines.join("\n")),
        };
        let zone = mrz::parse(text.as_bytes()).map_err(|e| at.fault(FaultCode::new(e.code()), "lines"))?;
        self.push(Subject::TravelDocument(mrz::travel_document(&zone)), at.0);
        self.push(Subject::Person(mrz::person(&zone)), at.0);
        self.native
            .insert(at.path("lines"), Personal::new(zone.lines_as_read().collect::<Vec<_>>().join("\n")));
        Ok(())
    }

    fn finish(mut self, asked: &[RequestSubject<'_>]) -> Result<Exchange, Fault> {
        if self.subjects.len() > asked.len() {
            let origins: Vec<String> = self.origins.iter().map(ToString::to_string).collect();
            self.native.insert(ORIGINS.to_owned(), Personal::new(origins.join(",")));
        }
        let mut travellers = Vec::new();
        if asked.iter().any(|subject| subject.traveller().is_some()) {
            let number = |index: &usize| asked[*index].traveller().ok_or(At(*index));
            let numbers = self.origins.iter().map(number).collect::<Result<Vec<u32>, At>>();
            travellers = numbers.map_err(|at| at.fault(problem::TRAVELLER, "traveller"))?;
        }
        Ok(Exchange { context: self.context, subjects: self.subjects, travellers, native: self.native })
    }
}

/// A subject's place in the request.
#[derive(Clone, Copy)]
struct At(usize);

impl At {
    fn path(self, field: &str) -> String {
        format!("subjects[{}].{field}", self.0)
    }

    fn fault(self, code: FaultCode, field: &str) -> Fault {
        Fault::new(code).field(self.path(field))
    }

    /// An identifier, a state or a type.
    fn identifier<T: FromStr<Err = IdentifierError>>(self, raw: &str, field: &str) -> Result<T, Fault> {
        raw.parse().map_err(|e: IdentifierError| self.fault(FaultCode::new(e.code()), field))
    }

    fn optional<T: FromStr<Err = IdentifierError>>(
        self,
        raw: &Option<Text<'_>>,
        field: &str,
    ) -> Result<Option<T>, Fault> {
        raw.as_deref().map(|raw| self.identifier(raw, field)).transpose()
    }

    fn date(self, raw: &Option<Text<'_>>, field: &str) -> Result<Option<PartialDate>, Fault> {
        raw.as_deref().map(|raw| raw.parse().map_err(|_| self.fault(problem::DATE, field))).transpose()
    }

    /// A name that has a letter, its components separated by one blank.
    fn name(self, raw: &str, field: &str) -> Result<String, Fault> {
        let text = plain(raw).map_err(|code| self.fault(code, field))?;
        if !text.chars().any(char::is_alphabetic) {
            return Err(self.fault(problem::TEXT_EMPTY, field));
        }
        let mut name = String::with_capacity(text.len());
        for component in text.split_whitespace() {
            if !name.is_empty() {
                name.push(' ');
            }
            name.push_str(component);
        }
        Ok(name)
    }

    fn text(self, raw: &Option<Text<'_>>, field: &str) -> Result<Option<String>, Fault> {
        let text = raw.as_deref().map(plain).transpose();
        text.map(|text| text.map(str::to_owned)).map_err(|code| self.fault(code, field))
    }
}

fn travel_document(one: &TravelDocumentSubject<'_>, at: At) -> Result<Subject, Fault> {
    Ok(Subject::TravelDocument(TravelDocument {
        number: Some(at.identifier(&one.number, "number")?),
        reliability: one.reliability,
        alternatives: Vec::new(),
        issuer: at.optional(&one.issuer, "issuer")?,
        doc_type: at.optional::<DocumentType>(&one.doc_type, "type")?,
        also_as: None,
        nationality: at.optional(&one.nationality, "nationality")?,
        expiry: at.date(&one.expiry, "expiry")?,
    }))
}

fn person(one: &PersonSubject<'_>, at: At) -> Result<Subject, Fault> {
    let name = Name {
        primary: Personal::new(at.name(&one.primary_name, "primary_name")?),
        secondary: match one.secondary_name.as_deref().filter(|name| !name.trim().is_empty()) {
            Some(secondary) => Some(Personal::new(at.name(secondary, "secondary_name")?)),
            None => None,
        },
        truncated: one.name_truncated,
    };
    Ok(Subject::Person(Person {
        name,
        birth: at.date(&one.birth, "birth")?,
        sex: one.sex,
        nationality: at.optional(&one.nationality, "nationality")?,
        document: at.optional(&one.document, "document")?,
    }))
}

fn vehicle(one: &VehicleSubject<'_>, at: At) -> Result<Subject, Fault> {
    Ok(Subject::Vehicle(Vehicle {
        vin: at.optional(&one.vin, "vin")?,
        plate: at.optional(&one.plate, "plate")?,
        country: at.optional(&one.country, "country")?,
        engine: at.optional(&one.engine, "engine")?,
    }))
}

fn firearm(one: &FirearmSubject<'_>, at: At) -> Result<Subject, Fault> {
    Ok(Subject::Firearm(Firearm {
        serial: Some(at.identifier(&one.serial, "serial")?),
        make: at.text(&one.make, "make")?,
        model: at.text(&one.model, "model")?,
        calibre: at.text(&one.calibre, "calibre")?,
    }))
}

fn vessel(one: &VesselSubject<'_>, at: At) -> Result<Subject, Fault> {
    Ok(Subject::Vessel(Vessel {
        imo: at.optional(&one.imo, "imo")?,
        hull: at.optional(&one.hull, "hull")?,
        engine: at.optional(&one.engine, "engine")?,
    }))
}

fn work_of_art(one: &WorkOfArtSubject<'_>, at: At) -> Result<Subject, Fault> {
    Ok(Subject::WorkOfArt(WorkOfArt {
        title: Some(at.name(&one.title, "title")?),
        artist: at.text(&one.artist, "artist")?,
        category: at.text(&one.category, "category")?,
    }))
}

fn administrative_document(one: &AdministrativeDocumentSubject<'_>, at: At) -> Result<Subject, Fault> {
    Ok(Subject::AdministrativeDocument(AdministrativeDocument {
        number: Some(at.identifier(&one.number, "number")?),
        issuer: at.optional(&one.issuer, "issuer")?,
        doc_type: at.optional(&one.doc_type, "type")?,
    }))
}

fn context(wire: &RequestContext<'_>) -> Result<Context, Fault> {
    let text = |raw: &Option<Text<'_>>, field: &'static str| {
        let text = raw.as_deref().map(plain).transpose();
        text.map(|text| text.map(str::to_owned)).map_err(|code| Fault::new(code).field(field))
    };
    let sent_at = wire.sent_at.as_deref().map(str::parse).transpose();
    Ok(Context {
        agency: text(&wire.agency, "context.agency")?,
        end_user: text(&wire.end_user, "context.end_user")?.map(Personal::new),
        terminal: text(&wire.terminal, "context.terminal")?,
        site: text(&wire.site, "context.site")?,
        direction: wire.direction,
        purpose: text(&wire.purpose, "context.purpose")?,
        crossing: text(&wire.crossing, "context.crossing")?.map(Personal::new),
        operation: text(&wire.operation, "context.operation")?,
        sent_at: sent_at.map_err(|_| Fault::new(problem::TIME).field("context.sent_at"))?,
        silent: wire.silent,
        ..Context::default()
    })
}

/// A text of bounded length that can stand in a header or a log line, or the code of why it can't. An empty one is
/// refused, so that a purpose or end user is either said or supplied by the lane.
fn plain(raw: &str) -> Result<&str, FaultCode> {
    let raw = raw.trim_matches(' ');
    if raw.is_empty() {
        return Err(problem::TEXT_EMPTY);
    }
    if raw.chars().any(char::is_control) {
        return Err(problem::TEXT_CHARACTER);
    }
    if raw.chars().nth(TEXT_CHARS_MAX).is_some() {
        return Err(problem::TEXT_TOO_LONG);
    }
    Ok(raw)
}

/// Whether a text can be a sender's id: 1 to 128 visible ASCII characters, as a header could hold them.
fn is_id(raw: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&raw.len()) && raw.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that a line and column become the offset of their byte, and never one beyond the message.
    #[test]
    fn offsets() {
        let text = b"{\n \"a\": 1,\n]";
        assert_eq!(offset(text, 1, 1), 0);
        assert_eq!(offset(text, 2, 2), 3);
        assert_eq!(offset(text, 3, 1), 11);
        assert_eq!(offset(text, 9, 9), text.len());
        assert_eq!(offset(b"", 1, 0), 0);
    }
}
