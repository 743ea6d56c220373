//! Writing requests by the profile.

use jiff::civil::Date;
use postern_sdk::{Context, DocumentNumber, DocumentType, Reference};

use super::document::Document;
use super::error::WisdmError;
use crate::find::desk::Desk;
use crate::find::profile::{Absent, PayloadStyle, Profile, Table, Wisdm, WisdmOperation, WisdmValue};
use crate::find::soap::{Unwritable, Writer};

/// Who asks.
#[derive(Clone, Debug)]
pub struct Sender {
    /// Who, where and why.
    pub context: Context,
    /// The matter, the same for all requests of it.
    pub exchange: Reference,
}

/// What a request says.
#[derive(Clone, Copy, Default)]
pub(super) struct Said<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) number: Option<&'a DocumentNumber>,
    pub(super) doc_type: Option<&'a DocumentType>,
    pub(super) document: Option<&'a Document>,
    pub(super) keep_until: Option<Date>,
    pub(super) keep_reason: Option<&'a str>,
    pub(super) movement: Option<&'a str>,
}

impl From<Unwritable> for WisdmError {
    fn from(Unwritable: Unwritable) -> Self {
        Self::Unwritable
    }
}

/// The envelope of a request.
pub(super) fn envelope(
    desk: &Desk,
    wisdm: &Wisdm,
    operation: &WisdmOperation,
    said: &Said<'_>,
    sender: &Sender,
    reference_in_country: &str,
) -> Result<String, Unwritable> {
    let names = &desk.profile().envelope;
    let prefixed = |name: &str| format!("soap:{name}");
    let (envelope, header, body) =
        (prefixed(&names.envelope), prefixed(&names.header), prefixed(&names.body));
    let mut out = Writer::document();
    out.open(&envelope, &[("xmlns:soap", &names.namespace)]);
    out.open(&header, &[]);
    let Sender { context, exchange } = sender;
    desk.write_header(&mut out, &wisdm.namespace, &wisdm.header, context, *exchange, reference_in_country);
    out.close(&header);
    out.open(&body, &[]);
    out.open(&operation.operation, &[("xmlns", &wisdm.namespace)]);
    for field in &operation.fields {
        if field.value == WisdmValue::Document {
            write_document(&mut out, desk.profile(), wisdm, &field.element, said.document)?;
            continue;
        }
        match value(desk.profile(), said, field.value) {
            Some(text) => out.leaf(&field.element, &text),
            None if field.absent == Absent::Empty => out.leaf(&field.element, ""),
            None => {}
        }
    }
    out.close(&operation.operation);
    out.close(&body);
    out.close(&envelope);
    out.finish()
}

fn value(profile: &Profile, said: &Said<'_>, value: WisdmValue) -> Option<String> {
    let tables = &profile.tables;
    match value {
        WisdmValue::Id => said.id.map(str::to_owned),
        WisdmValue::Number => said.number.map(|number| number.reveal().to_owned()),
        WisdmValue::DocType => said.doc_type.map(|code| tables.document_type_text(code).to_owned()),
        WisdmValue::Retention => said.keep_until.and_then(|date| date_text(profile, date)),
        WisdmValue::ExtensionReason => {
            said.keep_reason.map(|word| tables.word_text(Table::ExtensionReasons, word).to_owned())
        }
        WisdmValue::Movement => said.movement.map(str::to_owned),
        WisdmValue::Document => None,
    }
}

fn write_document(
    out: &mut Writer,
    profile: &Profile,
    wisdm: &Wisdm,
    element: &str,
    document: Option<&Document>,
) -> Result<(), Unwritable> {
    let Some(document) = document else { return Ok(()) };
    let names = &wisdm.payload;
    let mut payload = Writer::fragment("");
    payload.open(&names.root, &[("xmlns", "")]);
    payload.places(&names.document, Some(&names.document_namespace), &placed(profile, wisdm, document));
    payload.close(&names.root);
    let payload = payload.finish()?;
    out.open(element, &[]);
    match names.style {
        PayloadStyle::Inline => out.raw(&payload),
        PayloadStyle::Escaped => out.text(&payload),
    }
    out.close(element);
    Ok(())
}

/// What of a document stands where.
fn placed<'a>(profile: &Profile, wisdm: &'a Wisdm, document: &Document) -> Vec<(&'a str, String)> {
    let (places, tables) = (&wisdm.places, &profile.tables);
    let date = |date: Option<Date>| date.and_then(|date| date_text(profile, date));
    let reason = document.keep_reason.as_deref();
    let values = [
        (&places.fraud, wisdm.fraud_text(document.fraud).map(str::to_owned)),
        (&places.theft_country, document.theft_country.map(|state| tables.state_text(&state).to_owned())),
        (&places.theft_date, date(document.theft_date)),
        (&places.batch, document.batch.clone()),
        (&places.additional, document.additional.clone()),
        (&places.number, Some(document.number.reveal().to_owned())),
        (&places.doc_type, Some(tables.document_type_text(&document.doc_type).to_owned())),
        (&places.issued, date(document.issued)),
        (&places.expires, date(document.expires)),
        (&places.national_reference, document.national_reference.clone()),
        (&places.ncb_reference, document.ncb_reference.clone()),
        (&places.retention, date(document.keep_until)),
        (
            &places.extension_reason,
            reason.map(|word| tables.word_text(Table::ExtensionReasons, word).to_owned()),
        ),
    ];
    values.into_iter().filter_map(|(place, text)| Some((place.as_str(), text?))).collect()
}

fn date_text(profile: &Profile, date: Date) -> Option<String> {
    // The partial date is how a profile writes dates; this one is whole.
    profile.date_text(&date.to_string().parse().ok()?)
}
