//! The service that tells the tables of codes, as the profile has them.

use postern_formats::xml::{Limits, Reader, XmlError};

use crate::find::profile::{Profile, SchemaService};
use crate::find::soap::{Unwritable, Writer};

/// The table that a request asks for, by the wire's name.
pub(super) fn asked(schema: &SchemaService, body: &[u8]) -> Result<Option<String>, XmlError> {
    let mut reader = Reader::new(body, Limits::default())?;
    reader.root()?;
    let mut asked = None;
    reader.children::<XmlError>(|reader, _| {
        reader.children(|reader, operation| {
            if !operation.is(&schema.operation) {
                return Ok(());
            }
            reader.children(|reader, field| {
                if field.is(&schema.table) {
                    asked = Some(reader.text_only()?.into_owned());
                }
                Ok(())
            })
        })
    })?;
    reader.finish()?;
    Ok(asked)
}

/// The answer that tells a table; an empty one if it is not known.
pub(super) fn tell(profile: &Profile, schema: &SchemaService, name: &str) -> Result<String, Unwritable> {
    let names = &profile.envelope;
    let prefixed = |name: &str| format!("soap:{name}");
    let (envelope, body) = (prefixed(&names.envelope), prefixed(&names.body));
    let mut out = Writer::document();
    out.open(&envelope, &[("xmlns:soap", &names.namespace)]);
    out.open(&body, &[]);
    out.open(&schema.response, &[("xmlns", &schema.namespace)]);
    out.open(&schema.result, &[]);
    let table = schema.tables.iter().find(|(_, wire)| *wire == name);
    for (code, label) in table.map(|(table, _)| profile.tables.words(*table)).unwrap_or_default() {
        entry(&mut out, schema, code, label);
    }
    out.close(&schema.result);
    out.close(&schema.response);
    out.close(&body);
    out.close(&envelope);
    out.finish()
}

/// One code, its places attributes or elements as the profile says.
fn entry(out: &mut Writer, schema: &SchemaService, code: &str, label: &str) {
    let places = [(schema.code.as_str(), code), (schema.label.as_str(), label)];
    let attributes: Vec<(&str, &str)> =
        places.iter().filter_map(|(place, text)| Some((place.strip_prefix('@')?, *text))).collect();
    out.open(&schema.entry, &attributes);
    places
        .iter()
        .filter(|(place, _)| !place.starts_with('@'))
        .for_each(|(place, text)| out.leaf(place, text));
    out.close(&schema.entry);
}
