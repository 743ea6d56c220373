//! Writing answers.

use jiff::civil::Date;
use postern_sdk::Reason;

use super::{Refusal, Told, Turn};
use crate::find::profile::{Code, Functional, Meaning, PayloadStyle, Profile, WisdmOperation};
use crate::find::soap::{Unwritable, Writer};
use crate::wisdm::Held;

/// The code of a result. An objection comes under the code of an unexpected error, as clients saw it.
pub(super) fn result<'a>(profile: &'a Profile, told: &Result<Told<'_>, Refusal>) -> Option<&'a Code> {
    let meaning = match told {
        Ok(Told::Nothing) => Meaning::NoRecord,
        Ok(_) => Meaning::Hits,
        Err(Refusal::Objection(_)) => Meaning::NotChecked(Reason::UnexpectedError),
        Err(Refusal::AccessDenied) => Meaning::NotChecked(Reason::AccessDenied),
        Err(Refusal::Invalid) => Meaning::NotChecked(Reason::InvalidSearch),
    };
    profile.result.iter().find(|code| code.means == meaning)
}

/// The envelope of an answer.
pub(super) fn write(
    turn: &Turn<'_>,
    operation: &WisdmOperation,
    reference: &str,
    result: &Code,
    told: &Result<Told<'_>, Refusal>,
) -> Result<String, Unwritable> {
    let (names, parts) = (&turn.profile.envelope, &turn.profile.reply);
    let prefixed = |name: &str| format!("soap:{name}");
    let (envelope, body) = (prefixed(&names.envelope), prefixed(&names.body));
    let payload = payload(turn, told)?;
    let mut out = Writer::document();
    out.open(&envelope, &[("xmlns:soap", &names.namespace)]);
    out.open(&body, &[]);
    out.open(&operation.response, &[("xmlns", &turn.wisdm.namespace)]);
    out.open(&operation.result, &[]);
    out.leaf(&parts.code, &result.name);
    out.leaf(&parts.request_id, &turn.request_id);
    out.leaf(&parts.reference, reference);
    out.leaf(&parts.timestamp, &format!("{:.3}", turn.at));
    out.open(&parts.payload, &[]);
    match turn.wisdm.payload.style {
        PayloadStyle::Inline => out.raw(&payload),
        PayloadStyle::Escaped => out.text(&payload),
    }
    out.close(&parts.payload);
    out.close(&operation.result);
    out.close(&operation.response);
    out.close(&body);
    out.close(&envelope);
    out.finish()
}

fn payload(turn: &Turn<'_>, told: &Result<Told<'_>, Refusal>) -> Result<String, Unwritable> {
    let names = &turn.wisdm.payload;
    let mut out = Writer::fragment("");
    out.open(&names.root, &[("xmlns", "")]);
    match told {
        Ok(Told::Nothing | Told::Done) => {}
        Ok(Told::Records(records)) => {
            for held in records {
                out.places(&names.document, Some(&names.document_namespace), &placed(turn, held));
            }
        }
        Ok(Told::Statistics(figures)) => {
            for (key, number) in figures {
                let placed =
                    [(&*names.statistic_key, key.clone()), (&*names.statistic_value, number.to_string())];
                out.places(&names.statistic, None, &placed);
            }
        }
        Ok(Told::Actions(actions)) => {
            for (movement, did) in actions {
                let kinds = &turn.wisdm.statistics.kinds;
                let kind = kinds.iter().find(|(_, kind)| **kind == did.kind).map(|(wire, _)| wire.clone());
                let placed = [
                    (&*names.action_movement, movement.to_string()),
                    (&*names.action_kind, kind.unwrap_or_default()),
                    (&*names.action_id, did.id.clone()),
                    (&*names.action_at, format!("{:.0}", did.at)),
                ];
                out.places(&names.action, None, &placed);
            }
        }
        Err(Refusal::Objection(functional)) => {
            let name = objection(turn, *functional).ok_or(Unwritable)?;
            out.places(&names.error, None, &[(&*names.error_code, name)]);
        }
        Err(_) => {}
    }
    out.close(&names.root);
    out.finish()
}

fn objection(turn: &Turn<'_>, functional: Functional) -> Option<String> {
    turn.wisdm.errors.iter().find(|(_, known)| **known == functional).map(|(name, _)| name.clone())
}

fn placed<'a>(turn: &'a Turn<'_>, held: &Held) -> Vec<(&'a str, String)> {
    let (places, tables) = (&turn.wisdm.places, &turn.profile.tables);
    let date = |date: Option<Date>| turn.profile.date_text(&date?.to_string().parse().ok()?);
    let values = [
        (&places.id, Some(held.id.clone())),
        (&places.fraud, held.fraud.and_then(|fraud| turn.wisdm.fraud_text(fraud)).map(str::to_owned)),
        (&places.theft_country, held.theft_country.map(|state| tables.state_text(&state).to_owned())),
        (&places.theft_date, date(held.theft_date)),
        (&places.batch, held.batch.clone()),
        (&places.additional, held.additional.clone()),
        (&places.number, held.number.map(|number| number.reveal().to_owned())),
        (&places.doc_type, held.doc_type.map(|code| tables.document_type_text(&code).to_owned())),
        (&places.issued, date(held.issued)),
        (&places.expires, date(held.expires)),
        (&places.national_reference, held.national_reference.clone()),
        (&places.ncb_reference, held.ncb_reference.clone()),
        (&places.retention, date(held.keep_until)),
    ];
    values.into_iter().filter_map(|(place, text)| Some((place.as_str(), text?))).collect()
}
