//! One record: reported, corrected, withdrawn, kept longer, shown.

use serde_json::{Value, json};

use super::super::{Exit, given, say};
use super::session::{Failure, Session};
use super::suppress::Suppression;
use super::{DocumentFields, Selector, WisdmRetention, WisdmWithdraw};
use crate::wisdm::rules::Rule;
use crate::wisdm::{Document, Done, Draft, Fraud, Held, Stage, WisdmError};

type Ended = Result<Exit, Failure>;

/// Reports a document.
pub(super) fn report(session: &Session, fields: &DocumentFields) -> Ended {
    let document = document(session, fields)?;
    let done =
        noted(session, "report", &[], || session.wait(session.wisdm.report(&document, &session.sender)))?;
    let id = done.told.clone();
    tell(session, "reported", &done, json!({ "id": id }));
    Ok(Exit::Ok)
}

/// Corrects the record of a document.
pub(super) fn update(session: &Session, fields: &DocumentFields) -> Ended {
    let document = document(session, fields)?;
    let (wisdm, sender) = (&session.wisdm, &session.sender);
    let held = session.wait(async {
        let found = wisdm.find(&document.number, Some(&document.doc_type), sender).await?;
        Ok::<_, WisdmError>(wisdm.retrieve(&found.id, sender).await?.told)
    })?;
    if held.fraud.is_some_and(|fraud| fraud != document.fraud) {
        return Err(vec![Rule::LossChanged].into());
    }
    let records = [held.id.clone()];
    let done =
        noted(session, "update", &records, || session.wait(wisdm.correct(&held.id, &document, sender)))?;
    tell(session, "updated", &done, json!({ "id": held.id }));
    Ok(Exit::Ok)
}

/// Withdraws a record, and suppresses it in a copy.
pub(super) fn withdraw(session: &Session, args: &WisdmWithdraw) -> Ended {
    // What the suppression needs is looked at first: a record that is gone at INTERPOL must not go on hitting here.
    let suppression = Suppression::open(args)?;
    let held = select(session, &args.record)?;
    let records = [held.id.clone()];
    let withdrawing = || session.wait(session.wisdm.withdraw(&held.id, &session.sender));
    let done = noted(session, "withdraw", &records, withdrawing)?;
    let suppressed = suppression.map(|suppression| suppression.of(session, &held)).transpose()?;
    tell(session, "withdrawn", &done, json!({ "id": held.id, "suppressed": suppressed }));
    match suppressed {
        Some(false) => {
            say("the copy does not hold the record: nothing was suppressed in it");
            Ok(Exit::Ok)
        }
        _ => Ok(Exit::Ok),
    }
}

/// Changes until when a record is kept.
pub(super) fn retention(session: &Session, args: &WisdmRetention) -> Ended {
    // What breaks a rule whatever the record says is told before anything is asked.
    session.wisdm.rules().check_retention(&args.until, &args.reason, None)?;
    let held = select(session, &args.record)?;
    let kept = held.doc_type.zip(held.fraud);
    let (until, reason) = session.wisdm.rules().check_retention(&args.until, &args.reason, kept)?;
    let records = [held.id.clone()];
    let changing = || session.wait(session.wisdm.change_retention(&held.id, until, &reason, &session.sender));
    let done = noted(session, "retention", &records, changing)?;
    tell(session, "retention_changed", &done, json!({ "id": held.id, "keep_until": until }));
    Ok(Exit::Ok)
}

/// Shows a record in full.
pub(super) fn retrieve(session: &Session, record: &Selector) -> Ended {
    let held = select(session, record)?;
    let number = held.number.map(|number| number.reveal().to_owned());
    let shown = json!({
        "id": held.id, "number": number, "type": held.doc_type, "loss": held.fraud.map(Fraud::code),
        "country": held.theft_country, "date": held.theft_date, "batch": held.batch, "issued": held.issued,
        "expires": held.expires, "national_reference": held.national_reference,
        "ncb_reference": held.ncb_reference, "info": held.additional, "keep_until": held.keep_until,
    });
    show(session, &shown);
    Ok(Exit::Ok)
}

/// Shows the service's own figures.
pub(super) fn statistics(session: &Session) -> Ended {
    let done = session.wait(session.wisdm.statistics(&session.sender))?;
    let told = &done.told;
    if session.json {
        say(json!({ "total": told.total(), "statistics": told }));
        return Ok(Exit::Ok);
    }
    say(format_args!("total {}", told.total()));
    told.totals
        .iter()
        .filter(|(_, count)| **count > 0)
        .for_each(|(of, count)| say(format_args!("{of} {count}")));
    for (kind, counts) in &told.actions {
        counts.iter().for_each(|(of, count)| say(format_args!("{kind} {of} {count}")));
    }
    told.others.iter().for_each(|(name, count)| say(format_args!("{name} {count}")));
    Ok(Exit::Ok)
}

/// Shows what was done to the country's records.
pub(super) fn actions(session: &Session, since: &str) -> Ended {
    let done = session.wait(session.wisdm.actions(since, &session.sender))?;
    if session.json {
        say(json!({ "actions": done.told }));
        return Ok(Exit::Ok);
    }
    for action in &done.told {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let kind = action.kind.map_or("unknown", |kind| kind.code());
        let (movement, id, at) = (text(&action.movement), text(&action.id), text(&action.at));
        say(format_args!("{movement} {kind} {id} {at}"));
    }
    Ok(Exit::Ok)
}

fn document(session: &Session, fields: &DocumentFields) -> Result<Document, Failure> {
    let fields = fields.clone();
    let draft = Draft {
        number: given(&fields.number).map_err(Failure::Told)?,
        doc_type: fields.doc_type,
        loss: fields.loss,
        country: fields.country,
        date: fields.date,
        batch: fields.batch,
        issued: fields.issued,
        expires: fields.expires,
        national_reference: fields.national_reference,
        ncb_reference: fields.ncb_reference,
        info: fields.info,
        keep_until: fields.keep_until,
        keep_reason: fields.keep_reason,
    };
    Ok(session.wisdm.rules().check(&draft)?)
}

/// The record, in full: by its id, or by what a search for its number gives.
fn select(session: &Session, record: &Selector) -> Result<Held, Failure> {
    let (wisdm, sender) = (&session.wisdm, &session.sender);
    let id = match (&record.id, &record.number) {
        (Some(id), _) => id.clone(),
        (None, Some(number)) => {
            let number = wisdm.rules().check_number(&given(number).map_err(Failure::Told)?)?;
            let doc_type =
                record.doc_type.as_deref().map(|text| wisdm.rules().check_type(text)).transpose()?;
            session.wait(wisdm.find(&number, doc_type.as_ref(), sender))?.id
        }
        (None, None) => return Err(Failure::usage("record_missing", "give the document's number or --id")),
    };
    Ok(session.wait(wisdm.retrieve(&id, sender))?.told)
}

/// Does what changes something between two notes.
fn noted<T>(
    session: &Session,
    operation: &str,
    records: &[String],
    change: impl FnOnce() -> Result<Done<T>, WisdmError>,
) -> Result<Done<T>, Failure> {
    let mut note = session.note(operation, Stage::Asked);
    note.records = records.to_vec();
    session.leave(&note)?;
    let done = change();
    note = session.note(operation, Stage::Ended);
    note.records = records.to_vec();
    match &done {
        Ok(done) => {
            note.reference_in_country = Some(done.reference_in_country.clone());
            note.request_id = done.request_id.clone();
            note.outcome = Some("done".to_owned());
        }
        Err(error) => note.outcome = Some(error.code().to_owned()),
    }
    session.leave_end(&note);
    Ok(done?)
}

fn tell<T>(session: &Session, outcome: &str, done: &Done<T>, more: Value) {
    let reference = &done.reference_in_country;
    if !session.json {
        let id = more["id"].as_str().map_or(String::new(), |id| format!(": record {id}"));
        say(format_args!("{outcome}{id}; reference {reference}"));
        return;
    }
    let mut told = json!({
        "outcome": outcome, "reference_in_country": reference, "request_id": done.request_id,
    });
    if let (Some(told), Value::Object(more)) = (told.as_object_mut(), more) {
        told.extend(more);
    }
    say(told);
}

fn show(session: &Session, shown: &Value) {
    if session.json {
        say(shown);
        return;
    }
    let fields = shown.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    for (name, value) in fields {
        say(format_args!("{name}: {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
}
