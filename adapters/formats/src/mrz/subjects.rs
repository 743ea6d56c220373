//! From a zone to what is asked about, for every adapter whose format can carry one.

use super::{Confidence, DateState, Mrz, MrzDate, Names, Sex as PrintedSex};
use postern_sdk::{
    Alternative, AlternativeBasis, DocumentNumber, DocumentType, Name, PartialDate, Person, Personal,
    Reliability, Sex, State, TravelDocument,
};

/// The document: its number as read and the other numbers under which it may be recorded, issuer, type and expiry.
pub fn travel_document(zone: &Mrz) -> TravelDocument {
    TravelDocument {
        number: number_of(zone),
        reliability: reliability(zone.confidence()),
        alternatives: alternatives(zone),
        issuer: State::normalise(zone.issuer()).ok(),
        doc_type: document_type(zone),
        also_as: zone.format().is_visa().then_some(DocumentType::ANY_PASSPORT),
        nationality: nationality(zone),
        expiry: zone.expiry().and_then(partial_date),
    }
}

/// The holder, as far as the layout tells.
pub fn person(zone: &Mrz) -> Person {
    let contradicted = zone.confidence() == Confidence::Contradicted;
    Person {
        name: name(zone.names()),
        birth: zone.birth().and_then(partial_date),
        sex: match zone.sex() {
            Some(PrintedSex::Male) => Sex::Male,
            Some(PrintedSex::Female) => Sex::Female,
            _ => Sex::Unspecified,
        },
        nationality: nationality(zone),
        document: number_of(zone).filter(|_| !contradicted),
    }
}

fn number_of(zone: &Mrz) -> Option<DocumentNumber> {
    DocumentNumber::normalise(zone.number().as_str()).ok()
}

fn reliability(confidence: Confidence) -> Reliability {
    match confidence {
        Confidence::Confirmed => Reliability::Verified,
        Confidence::ConfirmedBlind => Reliability::VerifiedAmbiguous,
        Confidence::Unconfirmed => Reliability::Unverified,
        Confidence::Contradicted => Reliability::Failed,
    }
}

/// Other numbers, the most telling first, none twice and none that is the number itself.
fn alternatives(zone: &Mrz) -> Vec<Alternative> {
    let mut found = Vec::new();
    let mut offer = |raw: &str, basis| {
        let Ok(number) = DocumentNumber::normalise(raw) else { return };
        let known = found.iter().any(|one: &Alternative| one.number == number);
        if !known && Some(number) != number_of(zone) {
            found.push(Alternative { number, basis });
        }
    };
    zone.misreads().iter().for_each(|number| offer(number, AlternativeBasis::Misread));
    if let Some(principal) = zone.number().principal() {
        offer(principal, AlternativeBasis::LongNumber);
    }
    zone.optional_numbers().for_each(|number| offer(number.text, AlternativeBasis::OptionalData));
    found
}

fn document_type(zone: &Mrz) -> Option<DocumentType> {
    if zone.format().is_driving_licence() {
        return Some(DocumentType::DRIVING_LICENCE);
    }
    match zone.document_code().as_bytes() {
        [first, second] => DocumentType::from_mrz_code(*first, *second),
        _ => None,
    }
}

fn nationality(zone: &Mrz) -> Option<State> {
    zone.nationality().and_then(|code| State::normalise(code).ok())
}

/// A sole identifier is the primary one, wherever it was printed.
fn name(names: Names<'_>) -> Name {
    let joined = |identifier: &str| {
        Personal::new(identifier.split('<').filter(|c| !c.is_empty()).fold(
            String::with_capacity(identifier.len()),
            |mut text, component| {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(component);
                text
            },
        ))
    };
    let (primary, secondary) = match (names.primary(), names.secondary()) {
        ("", sole) | (sole, "") => (sole, None),
        (primary, secondary) => (primary, Some(secondary)),
    };
    Name { primary: joined(primary), secondary: secondary.map(joined), truncated: names.truncated() }
}

/// Without a century, since a zone has none. Of a day that does not exist only the year is kept: a wider question.
fn partial_date(date: MrzDate) -> Option<PartialDate> {
    let year = PartialDate { year: date.year(), ..PartialDate::default() };
    match date.state() {
        DateState::Complete | DateState::Partial => {
            Some(PartialDate { month: date.month(), day: date.day(), ..year })
        }
        DateState::Impossible if date.year().is_some() => Some(year),
        DateState::Impossible | DateState::Unreadable | DateState::Unknown => None,
    }
}
