//! Writing answers.

use jiff::Timestamp;
use postern_sdk::Database;

use crate::find::profile::{
    Code, HeaderValue, Meaning, PayloadStyle, Profile, RequestValue, Service, Step, Table,
};
use crate::find::soap::{Unwritable, Writer};

use super::faults::Faults;
use super::files;
use super::nominals::Nominal;
use super::service::{Found, Record, Request};
use super::things::Thing;

/// Writes the answers of one request.
pub(super) struct AnswerWriter<'a> {
    pub(super) profile: &'a Profile,
    pub(super) service: &'a Service,
    pub(super) step: Step,
    pub(super) request: &'a Request,
    pub(super) faults: &'a Faults,
    /// The code that the result has, whatever is found.
    pub(super) result: Option<&'a str>,
    pub(super) request_id: String,
    pub(super) at: Timestamp,
}

/// A database's block: its status and its records.
struct Told<'a> {
    name: &'a str,
    status: &'a Code,
    records: Vec<Record<'a>>,
}

impl<'a> AnswerWriter<'a> {
    /// The envelope that tells what was found, and the name of its code.
    pub(super) fn write(&self, found: Found<'a>) -> Result<(String, String), Unwritable> {
        let (meaning, blocks) = match found {
            Err(refusal) => (refusal.meaning(), None),
            Ok(found) => {
                let any = found.iter().any(|(_, records)| !records.is_empty());
                (if any { Meaning::Hits } else { Meaning::NoRecord }, Some(found))
            }
        };
        let forced = self.result.and_then(|text| self.profile.result_code(text));
        let natural = self.profile.result.iter().find(|code| code.means == meaning);
        let code = forced.or(natural).ok_or(Unwritable)?;
        let told = blocks.filter(|_| !matches!(code.means, Meaning::NotChecked(_)) || code.blocks_stand);
        let payload = told.map(|found| self.payload(self.tell(found))).transpose()?;
        let envelope = self.envelope(code, payload.as_deref())?;
        Ok((envelope, code.name.clone()))
    }

    /// A fault of SOAP's own kind.
    pub(super) fn fault(profile: &Profile) -> Result<String, Unwritable> {
        let names = &profile.envelope;
        let mut out = Writer::document();
        let (envelope, body, fault) =
            (prefixed(&names.envelope), prefixed(&names.body), prefixed(&names.fault));
        out.open(&envelope, &[("xmlns:soap", &names.namespace)]);
        out.open(&body, &[]);
        out.open(&fault, &[]);
        out.leaf(&names.fault_code, &prefixed(&names.fault_server));
        out.leaf(&names.fault_text, "simulated fault");
        out.close(&fault);
        out.close(&body);
        out.close(&envelope);
        out.finish()
    }

    fn tell(&self, found: Vec<(Database, Vec<Record<'a>>)>) -> Vec<Told<'a>> {
        let mut told = Vec::new();
        for (database, records) in found {
            let name = self.service.blocks.iter().find(|block| block.database == database);
            let forced = self.faults.blocks.get(&database).and_then(|text| self.profile.status_code(text));
            let meaning = if records.is_empty() { Meaning::NoRecord } else { Meaning::Hits };
            let natural = self.profile.status.iter().find(|code| code.means == meaning);
            let (Some(name), Some(status)) = (name, forced.or(natural)) else { continue };
            if self.faults.missing.contains(&database) {
                continue;
            }
            let failed = matches!(status.means, Meaning::NotChecked(_));
            let records = if failed { Vec::new() } else { records };
            told.push(Told { name: &name.name, status, records });
        }
        told
    }

    fn envelope(&self, code: &Code, payload: Option<&str>) -> Result<String, Unwritable> {
        let (names, parts) = (&self.profile.envelope, &self.profile.reply);
        let operation = self.service.operation(self.step).ok_or(Unwritable)?;
        let (envelope, body) = (prefixed(&names.envelope), prefixed(&names.body));
        let mut out = Writer::document();
        out.open(&envelope, &[("xmlns:soap", &names.namespace)]);
        out.open(&body, &[]);
        out.open(&operation.response, &[("xmlns", &self.service.namespace)]);
        out.open(&operation.result, &[]);
        out.leaf(&parts.code, &self.code_text(code));
        out.leaf(&parts.request_id, &self.request_id);
        out.leaf(&parts.reference, self.request.header(HeaderValue::ReferenceInCountry).unwrap_or_default());
        out.leaf(&parts.timestamp, &format!("{:.3}", self.at));
        match (payload, self.faults.payload.unwrap_or(self.profile.payload.style)) {
            (None, _) => out.leaf(&parts.payload, ""),
            (Some(payload), PayloadStyle::Escaped) => out.leaf(&parts.payload, payload),
            (Some(payload), PayloadStyle::Inline) => {
                out.open(&parts.payload, &[]);
                out.raw(payload);
                out.close(&parts.payload);
            }
        }
        out.close(&operation.result);
        out.close(&operation.response);
        out.close(&body);
        out.close(&envelope);
        out.finish()
    }

    fn code_text(&self, code: &Code) -> String {
        if self.faults.numeric_codes { code.number.to_string() } else { code.name.clone() }
    }

    fn payload(&self, told: Vec<Told<'a>>) -> Result<String, Unwritable> {
        let names = &self.profile.payload;
        let mut out = Writer::fragment("");
        out.open(&names.root, &[("xmlns", "")]);
        out.open(&names.header, &[]);
        out.leaf(&names.generator, &self.service.generator);
        out.close(&names.header);
        out.open(&names.data, &[]);
        if self.step.is_list() {
            out.open(&names.search, &[]);
        }
        for block in told {
            out.open(&names.block, &[]);
            out.leaf(&names.block_name, block.name);
            out.leaf(&names.block_status, &self.code_text(block.status));
            for record in &block.records {
                self.record(&mut out, record);
            }
            out.close(&names.block);
        }
        if self.step.is_list() {
            out.close(&names.search);
        }
        out.close(&names.data);
        out.close(&names.root);
        out.finish()
    }

    fn record(&self, out: &mut Writer, record: &Record<'_>) {
        let values = match record {
            Record::Document(record) => self.document_values(record),
            Record::Nominal(nominal, score) => self.nominal_values(nominal, *score),
            Record::Thing(thing, score) => self.thing_values(thing, *score),
            Record::File(record) => self.file_values(record),
        };
        let placed: Vec<(&str, String)> = values
            .into_iter()
            .filter_map(|(place, text)| Some((place?.as_str(), text)))
            .filter(|(_, text)| !text.is_empty())
            .collect();
        let entry = match record {
            Record::File(_) => &self.profile.payload.file,
            _ => &self.service.entry,
        };
        write_places(out, entry, &placed);
    }

    fn document_values(&self, record: &super::records::DocumentRecord) -> Values<'a> {
        let (fields, tables) = (&self.service.fields, &self.profile.tables);
        let state = |state: &Option<postern_sdk::State>| {
            state.as_ref().map_or(String::new(), |state| tables.state_text(state).to_owned())
        };
        let word = |table, text: &Option<Box<str>>| {
            text.as_deref().map_or(String::new(), |text| tables.word_text(table, text).to_owned())
        };
        let doc_type =
            record.doc_type.map_or(String::new(), |code| tables.document_type_text(&code).to_owned());
        let mut values = vec![
            (fields.record.as_ref(), record.record.to_string()),
            (fields.identifier.as_ref(), record.number.reveal().to_owned()),
            (fields.doc_type.as_ref(), doc_type),
            (fields.issuer.as_ref(), state(&record.issuer)),
            (fields.notice.as_ref(), word(Table::Notices, &record.notice)),
        ];
        if self.step == Step::Details {
            let date = record.theft_date.and_then(|date| self.profile.date_text(&date)).unwrap_or_default();
            values.push((fields.theft_type.as_ref(), word(Table::TheftTypes, &record.theft_type)));
            values.push((fields.theft_date.as_ref(), date));
            values.push((fields.theft_country.as_ref(), state(&record.theft_country)));
        }
        values
    }

    fn nominal_values(&self, nominal: &Nominal, score: u16) -> Values<'a> {
        let fields = &self.service.fields;
        let mut values = vec![
            (fields.record.as_ref(), nominal.record.clone()),
            (fields.name.as_ref(), nominal.name.clone()),
            (fields.forename.as_ref(), nominal.forename.clone()),
            (fields.birth.as_ref(), self.profile.date_text(&nominal.birth).unwrap_or_default()),
            (fields.score.as_ref(), self.score(score)),
        ];
        if self.step == Step::Details {
            let notice = self.profile.tables.word_text(Table::Notices, nominal.notice).to_owned();
            values.push((fields.notice.as_ref(), notice));
            values.push((fields.notice_path.as_ref(), files::notice_path(&nominal.record)));
            values.push((fields.image_path.as_ref(), files::image_path(&nominal.record)));
        }
        values
    }

    fn thing_values(&self, thing: &Thing, score: u16) -> Values<'a> {
        let (fields, tables) = (&self.service.fields, &self.profile.tables);
        let value = |value| thing.value(value).unwrap_or_default().to_owned();
        let country = thing.country.map_or(String::new(), |state| tables.state_text(&state).to_owned());
        let mut values = vec![
            (fields.record.as_ref(), thing.record.clone()),
            (fields.vin.as_ref(), value(RequestValue::Vin)),
            (fields.plate.as_ref(), value(RequestValue::Plate)),
            (fields.engine.as_ref(), value(RequestValue::Engine)),
            (fields.serial.as_ref(), value(RequestValue::Serial)),
            (fields.imo.as_ref(), value(RequestValue::Imo)),
            (fields.hull.as_ref(), value(RequestValue::Hull)),
            (fields.make.as_ref(), value(RequestValue::Make)),
            (fields.model.as_ref(), value(RequestValue::Model)),
            (fields.calibre.as_ref(), value(RequestValue::Calibre)),
            (fields.title.as_ref(), value(RequestValue::Title)),
            (fields.artist.as_ref(), value(RequestValue::Artist)),
            (fields.category.as_ref(), value(RequestValue::Category)),
            (fields.issuer.as_ref(), country),
            (fields.score.as_ref(), self.score(score)),
        ];
        if self.step == Step::Details {
            let theft_type = tables.word_text(Table::TheftTypes, thing.theft_type).to_owned();
            let date = self.profile.date_text(&thing.theft_date).unwrap_or_default();
            values.push((fields.theft_type.as_ref(), theft_type));
            values.push((fields.theft_date.as_ref(), date));
            values.push((fields.image_path.as_ref(), files::image_path(&thing.record)));
        }
        values
    }

    fn file_values(&self, record: &str) -> Values<'a> {
        let Some(operation) = self.service.operation(self.step) else { return Vec::new() };
        let (content, media_type) = files::file(self.step, record);
        vec![(operation.content.as_ref(), content), (operation.media_type.as_ref(), media_type.to_owned())]
    }

    fn score(&self, tenths: u16) -> String {
        (u32::from(tenths) * u32::from(self.profile.values.score_max) / 10).to_string()
    }
}

/// What a record says: the place of the profile, and the text there.
type Values<'a> = Vec<(Option<&'a String>, String)>;

fn prefixed(name: &str) -> String {
    format!("soap:{name}")
}

/// Writes an element with its values at their places: attributes first, then children, those of one parent together.
fn write_places(out: &mut Writer, name: &str, placed: &[(&str, String)]) {
    let attributes: Vec<(&str, &str)> =
        placed.iter().filter_map(|(place, text)| Some((place.strip_prefix('@')?, text.as_str()))).collect();
    out.open(name, &attributes);
    let mut open: Option<&str> = None;
    for (place, text) in placed.iter().filter(|(place, _)| !place.starts_with('@')) {
        let (parent, child) = match place.split_once('.') {
            Some((parent, child)) => (Some(parent), child),
            None => (None, *place),
        };
        if open != parent {
            open.into_iter().for_each(|parent| out.close(parent));
            parent.into_iter().for_each(|parent| out.open(parent, &[]));
            open = parent;
        }
        out.leaf(child, text);
    }
    open.into_iter().for_each(|parent| out.close(parent));
    out.close(name);
}
