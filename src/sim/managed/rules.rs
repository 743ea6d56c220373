//! What the service objects to: its own reading of the rules, one objection a request.

use jiff::ToSpan;
use jiff::civil::Date;
use postern_sdk::{DocumentNumber, DocumentType, State};

use super::{Refusal, Turn};
use crate::find::profile::{Fraud, Functional};
use crate::find::reply::Entry;
use crate::sim::managed::request::Asked;
use crate::wisdm::Held;

/// The document of a report, with its number.
pub(super) fn document(turn: &Turn<'_>, asked: &Asked) -> Result<(DocumentNumber, Held), Refusal> {
    let read = Read { turn, entry: asked.document.as_ref().ok_or(Refusal::Invalid)? };
    let places = &turn.wisdm.places;
    let number = read.number()?;
    let doc_type = read.doc_type()?;
    let fraud = read.fraud()?;
    let blank = fraud == Fraud::StolenBlank;
    let theft_country = read.country(blank)?;
    let batch = read.limited(&places.batch, turn.wisdm.fields.batch_max)?;
    if batch.is_some() && !blank {
        return Err(Functional::BatchNotAllowed.into());
    }
    let theft_date = read.past(&places.theft_date, Functional::TheftDateNotInPast)?;
    let issued = read.past(&places.issued, Functional::IssueDateNotInPast)?;
    if issued.zip(theft_date).is_some_and(|(issued, theft)| theft < issued) {
        return Err(Functional::TheftDateNotInPast.into());
    }
    let mut held = Held {
        id: String::new(),
        number: Some(number),
        doc_type: Some(doc_type),
        fraud: Some(fraud),
        theft_country,
        theft_date,
        batch,
        issued,
        expires: read.date(&places.expires)?,
        national_reference: read.limited(&places.national_reference, turn.wisdm.fields.reference_max)?,
        ncb_reference: read.limited(&places.ncb_reference, turn.wisdm.fields.reference_max)?,
        additional: read.limited(&places.additional, turn.wisdm.fields.additional_max)?,
        keep_until: None,
    };
    if let Some(until) = read.date(&places.retention)? {
        held.keep_until = Some(kept(turn, until, &held)?);
    }
    if let Some(reason) = read.text(&places.extension_reason) {
        known_reason(turn, reason)?;
    }
    Ok((number, held))
}

/// The new end of a record, which needs a reason.
pub(super) fn retention(turn: &Turn<'_>, asked: &Asked, held: &Held) -> Result<Date, Refusal> {
    let text = asked.retention().ok_or(Functional::DateFormatInvalid)?;
    let until = turn.profile.date(text).and_then(|date| date.date()).ok_or(Functional::DateFormatInvalid)?;
    known_reason(turn, asked.extension_reason().ok_or(Functional::ExtensionReasonInvalid)?)?;
    kept(turn, until, held)
}

/// The last day until which a record of today is kept.
pub(super) fn last_day(turn: &Turn<'_>, held: &Held) -> Option<Date> {
    let years = turn.wisdm.retention_years(&held.doc_type?, held.fraud?);
    Some(turn.today().saturating_add(i32::from(years).years()))
}

fn kept(turn: &Turn<'_>, until: Date, held: &Held) -> Result<Date, Refusal> {
    if until <= turn.today() {
        return Err(Functional::RetentionNotInFuture.into());
    }
    if last_day(turn, held).is_some_and(|last| until > last) {
        return Err(Functional::RetentionExceedsPeriod.into());
    }
    Ok(until)
}

fn known_reason(turn: &Turn<'_>, reason: &str) -> Result<(), Refusal> {
    let known = turn.profile.tables.extension_reasons.contains_key(reason);
    if known { Ok(()) } else { Err(Functional::ExtensionReasonInvalid.into()) }
}

/// Reads a document's fields.
struct Read<'a> {
    turn: &'a Turn<'a>,
    entry: &'a Entry,
}

impl<'a> Read<'a> {
    fn text(&self, place: &'a String) -> Option<&'a str> {
        self.entry.get(self.turn.profile, Some(place))
    }

    fn number(&self) -> Result<DocumentNumber, Refusal> {
        let fields = &self.turn.wisdm.fields;
        let text = self.text(&self.turn.wisdm.places.number).unwrap_or_default();
        let clean = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let fits = (fields.number_min..=fields.number_max).contains(&text.len());
        let number = DocumentNumber::normalise(text).ok().filter(|_| clean && fits);
        Ok(number.ok_or(Functional::NumberFormatInvalid)?)
    }

    fn doc_type(&self) -> Result<DocumentType, Refusal> {
        let text = self.text(&self.turn.wisdm.places.doc_type).unwrap_or_default();
        let known = self.turn.profile.tables.document_types.get(text).copied();
        Ok(known.filter(|code| code.wildcard().is_none()).ok_or(Functional::DocumentTypeInvalid)?)
    }

    fn fraud(&self) -> Result<Fraud, Refusal> {
        let text = self.text(&self.turn.wisdm.places.fraud).unwrap_or_default();
        Ok(self.turn.wisdm.frauds.get(text).copied().ok_or(Functional::FraudTypeInvalid)?)
    }

    fn country(&self, blank: bool) -> Result<Option<State>, Refusal> {
        match self.text(&self.turn.wisdm.places.theft_country) {
            None if blank => Ok(None),
            None => Err(Functional::TheftCountryMissing.into()),
            Some(text) => {
                let state = self.turn.profile.tables.state(text).filter(State::is_known);
                Ok(Some(state.ok_or(Functional::TheftCountryInvalid)?))
            }
        }
    }

    fn date(&self, place: &'a String) -> Result<Option<Date>, Refusal> {
        let Some(text) = self.text(place) else { return Ok(None) };
        let date = self.turn.profile.date(text).and_then(|date| date.date());
        Ok(Some(date.ok_or(Functional::DateFormatInvalid)?))
    }

    fn past(&self, place: &'a String, objection: Functional) -> Result<Option<Date>, Refusal> {
        let date = self.date(place)?;
        let today = self.turn.today();
        let past = |date: Date| date < today || (self.turn.wisdm.fields.today_is_past && date == today);
        if date.is_none_or(past) { Ok(date) } else { Err(objection.into()) }
    }

    fn limited(&self, place: &'a String, chars_max: usize) -> Result<Option<String>, Refusal> {
        match self.text(place) {
            Some(text) if text.chars().count() > chars_max => Err(Functional::FieldTooLong.into()),
            text => Ok(text.map(str::to_owned)),
        }
    }
}
