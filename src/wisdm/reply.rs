//! Reading answers by the profile.

use std::collections::BTreeMap;

use jiff::civil::Date;
use postern_formats::xml::{Element, Reader, Token};
use postern_sdk::{DocumentNumber, Reason};
use serde::Serialize;

use super::document::Held;
use super::error::WisdmError;
use crate::find::profile::{ActionKind, Meaning, Profile, Wisdm, WisdmOperation};
use crate::find::reply::{Entry, Unreadable, flatten, limits, once, without_declaration};

/// A result as it was sent.
#[derive(Debug, Default)]
pub(super) struct Reply {
    code: Option<String>,
    other_code: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) reference: Option<String>,
    documents: Vec<Entry>,
    statistics: Vec<Entry>,
    actions: Vec<Entry>,
    errors: Vec<Entry>,
    /// Whether the payload is something else than one.
    unreadable: bool,
}

/// The service's own figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// Records by the type of document.
    pub totals: BTreeMap<String, u64>,
    /// What was done, by kind and type.
    pub actions: BTreeMap<String, BTreeMap<String, u64>>,
    /// Figures by a name that the profile does not know.
    pub others: BTreeMap<String, u64>,
}

impl Statistics {
    /// The country's records, of all types.
    pub fn total(&self) -> u64 {
        self.totals.values().sum()
    }
}

/// Something that was done to a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Action {
    /// The movement, by which the next request goes on.
    pub movement: Option<String>,
    /// What was done; none if the profile does not know the kind.
    pub kind: Option<ActionKind>,
    /// The record's id.
    pub id: Option<String>,
    /// When, as the service writes it.
    pub at: Option<String>,
}

/// Reads the answer to an operation.
pub(super) fn read(
    profile: &Profile,
    wisdm: &Wisdm,
    operation: &WisdmOperation,
    bytes: &[u8],
) -> Result<Reply, Unreadable> {
    let mut reader = Reader::new(bytes, limits(profile, profile.limits.reply_bytes))?;
    if !reader.root()?.is(&profile.envelope.envelope) {
        return Err(Unreadable::Malformed);
    }
    let (mut results, mut fault) = (Vec::new(), false);
    reader.children::<Unreadable>(|reader, part| {
        if !part.is(&profile.envelope.body) {
            return Ok(());
        }
        reader.children(|reader, response| {
            fault |= response.is(&profile.envelope.fault);
            if !response.is(&operation.response) {
                return Ok(());
            }
            reader.children(|reader, result| {
                if result.is(&operation.result) {
                    results.push(read_result(profile, wisdm, reader)?);
                }
                Ok(())
            })
        })
    })?;
    reader.finish()?;
    match results.pop() {
        _ if fault => Err(Unreadable::Fault),
        Some(reply) if results.is_empty() => Ok(reply),
        _ => Err(Unreadable::Malformed),
    }
}

fn read_result(profile: &Profile, wisdm: &Wisdm, reader: &mut Reader<'_>) -> Result<Reply, Unreadable> {
    let names = &profile.reply;
    let mut reply = Reply::default();
    reader.children::<Unreadable>(|reader, part| {
        if part.is(&names.code) {
            once(&mut reply.code, reader)
        } else if part.is(&names.other_code) {
            once(&mut reply.other_code, reader)
        } else if part.is(&names.request_id) {
            once(&mut reply.request_id, reader)
        } else if part.is(&names.reference) {
            once(&mut reply.reference, reader)
        } else if part.is(&names.payload) {
            reply.read_payload(profile, wisdm, reader)
        } else {
            Ok(())
        }
    })?;
    Ok(reply)
}

impl Reply {
    /// A payload as elements or as text, or nothing.
    fn read_payload(
        &mut self,
        profile: &Profile,
        wisdm: &Wisdm,
        reader: &mut Reader<'_>,
    ) -> Result<(), Unreadable> {
        let mut escaped = String::new();
        while let Some(token) = reader.next()? {
            match token {
                Token::Text(text) => escaped.push_str(&text),
                Token::Start(root) => self.read_root(wisdm, reader, &root)?,
                Token::End => break,
            }
        }
        let escaped = without_declaration(escaped.trim());
        if !escaped.is_empty() {
            let mut reader = Reader::new(escaped.as_bytes(), limits(profile, escaped.len()))?;
            let root = reader.root()?;
            self.read_root(wisdm, &mut reader, &root)?;
            reader.finish()?;
        }
        Ok(())
    }

    fn read_root(
        &mut self,
        wisdm: &Wisdm,
        reader: &mut Reader<'_>,
        root: &Element<'_>,
    ) -> Result<(), Unreadable> {
        let names = &wisdm.payload;
        if !root.is(&names.root) {
            self.unreadable = true;
            return Ok(reader.skip()?);
        }
        reader.children(|reader, part| {
            let entries = if part.is(&names.document) {
                &mut self.documents
            } else if part.is(&names.statistic) {
                &mut self.statistics
            } else if part.is(&names.action) {
                &mut self.actions
            } else if part.is(&names.error) {
                &mut self.errors
            } else {
                return Ok(());
            };
            let mut entry = Entry::default();
            flatten(reader, part, &mut String::new(), &mut entry)?;
            entries.push(entry);
            Ok(())
        })
    }

    /// Whether the service did what it was asked; false if it found nothing to do it to.
    pub(super) fn done(&self, profile: &Profile, wisdm: &Wisdm) -> Result<bool, WisdmError> {
        let meaning = self.code.as_deref().and_then(|code| profile.result_code(code)).map(|code| code.means);
        let failed = |reason| Err(WisdmError::Failed { reason, in_doubt: true });
        match meaning {
            // An objection beside a code of success contradicts it: nothing is certain.
            Some(Meaning::Hits | Meaning::NoRecord) if self.objection(profile, wisdm).is_some() => {
                failed(Reason::MalformedAnswer)
            }
            Some(Meaning::Hits | Meaning::NoRecord) if self.unreadable => failed(Reason::MalformedAnswer),
            Some(Meaning::Hits) => Ok(true),
            Some(Meaning::NoRecord) => Ok(false),
            Some(Meaning::NotChecked(reason)) => match self.objection(profile, wisdm) {
                Some(objection) => Err(objection),
                None => Err(WisdmError::Failed { reason, in_doubt: !is_refusal(reason) }),
            },
            None => failed(Reason::MalformedAnswer),
        }
    }

    /// What the service objects to: by the result's other code, or in the payload.
    fn objection(&self, profile: &Profile, wisdm: &Wisdm) -> Option<WisdmError> {
        let code = Some(&wisdm.payload.error_code);
        let told = self.errors.iter().filter_map(|error| error.get(profile, code));
        let names: Vec<&str> = self.other_code.as_deref().into_iter().chain(told).collect();
        let known = names.iter().find_map(|name| wisdm.errors.get(name.trim()).copied());
        known
            .map(WisdmError::Objection)
            .or_else(|| names.first().map(|name| WisdmError::unknown(name.trim())))
    }

    /// The documents of the answer.
    pub(super) fn documents(&self, profile: &Profile, wisdm: &Wisdm) -> Result<Vec<Held>, WisdmError> {
        self.documents.iter().map(|entry| held(profile, wisdm, entry)).collect()
    }

    pub(super) fn statistics(&self, profile: &Profile, wisdm: &Wisdm) -> Result<Statistics, WisdmError> {
        let (names, payload) = (&wisdm.statistics, &wisdm.payload);
        let mut statistics = Statistics::default();
        for entry in &self.statistics {
            let key = entry.get(profile, Some(&payload.statistic_key));
            let number: Option<u64> =
                entry.get(profile, Some(&payload.statistic_value)).and_then(|text| text.parse().ok());
            let (Some(key), Some(number)) = (key, number) else {
                return Err(WisdmError::Unusable("a figure without name or number"));
            };
            let action = key.strip_prefix(names.actions.as_str()).and_then(|rest| rest.split_once(&names.of));
            let kind = action.and_then(|(kind, of)| Some((names.kinds.get(kind)?, of)));
            if let Some(of) = key.strip_prefix(names.total.as_str()) {
                *statistics.totals.entry(of.to_owned()).or_default() += number;
            } else if let Some((kind, of)) = kind {
                let of_kind = statistics.actions.entry(kind.code().to_owned()).or_default();
                *of_kind.entry(of.to_owned()).or_default() += number;
            } else {
                *statistics.others.entry(key.to_owned()).or_default() += number;
            }
        }
        Ok(statistics)
    }

    pub(super) fn actions(&self, profile: &Profile, wisdm: &Wisdm) -> Vec<Action> {
        let names = &wisdm.payload;
        let action = |entry: &Entry| {
            let get = |place: &String| entry.get(profile, Some(place)).map(str::to_owned);
            Action {
                movement: get(&names.action_movement),
                kind: entry
                    .get(profile, Some(&names.action_kind))
                    .and_then(|kind| wisdm.statistics.kinds.get(kind).copied()),
                id: get(&names.action_id),
                at: get(&names.action_at),
            }
        };
        self.actions.iter().map(action).collect()
    }
}

/// Whether a failure says that nothing was done.
const fn is_refusal(reason: Reason) -> bool {
    matches!(reason, Reason::AccessDenied | Reason::InvalidSearch)
}

fn held(profile: &Profile, wisdm: &Wisdm, entry: &Entry) -> Result<Held, WisdmError> {
    let (places, tables) = (&wisdm.places, &profile.tables);
    let get = |place: &String| entry.get(profile, Some(place));
    let text = |place: &String| get(place).map(str::to_owned);
    let date = |place: &String| get(place).and_then(|text| profile.date(text)?.date()) as Option<Date>;
    let id = get(&places.id).filter(|id| is_id(wisdm, id));
    Ok(Held {
        id: id.ok_or(WisdmError::Unusable("a record without a proper id"))?.to_owned(),
        number: get(&places.number).and_then(|text| DocumentNumber::normalise(text).ok()),
        doc_type: get(&places.doc_type).and_then(|text| tables.document_type(text).0),
        fraud: get(&places.fraud).and_then(|text| wisdm.frauds.get(text).copied()),
        theft_country: get(&places.theft_country).and_then(|text| tables.state(text)),
        theft_date: date(&places.theft_date),
        batch: text(&places.batch),
        issued: date(&places.issued),
        expires: date(&places.expires),
        national_reference: text(&places.national_reference),
        ncb_reference: text(&places.ncb_reference),
        additional: text(&places.additional),
        keep_until: date(&places.retention),
    })
}

/// Whether a text is an id of a record.
pub(super) fn is_id(wisdm: &Wisdm, id: &str) -> bool {
    id.len() == wisdm.fields.id_digits && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}
