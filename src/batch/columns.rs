//! The columns of a CSV file, and the question that a row of it makes.
//!
//! A row asks about all that its columns hold: a passenger list has a document and a person in a row, a register of vehicles
//! a number plate. The names are those of the JSON format's fields, and what the row says is given to the JSON adapter, so
//! that there is one place that decides what an identifier is.

use std::str;

use postern_sdk::{Fault, FaultCode};
use serde_json::{Map, Value, json};

use super::error::FileError;

/// The line is no UTF-8.
const ENCODING: FaultCode = FaultCode::new("csv_encoding");
/// A quotation mark is not closed: a row is one line.
const QUOTE: FaultCode = FaultCode::new("csv_quote");
/// The row has more or fewer fields than the first line has columns.
const FIELDS: FaultCode = FaultCode::new("csv_fields");
/// A column has a value, and none by which it could be asked: an issuer without a number, say.
const UNUSED: FaultCode = FaultCode::new("csv_unused");

/// A kind of subject: its name in the JSON format, the columns of which one must be filled, and all of them.
struct Kind {
    name: &'static str,
    keys: &'static [&'static str],
    columns: &'static [&'static str],
}

/// What a row can ask about.
const KINDS: [Kind; 4] = [
    Kind { name: "mrz", keys: &["mrz"], columns: &["mrz"] },
    Kind {
        name: "travel_document",
        keys: &["number"],
        columns: &["number", "issuer", "type", "nationality", "expiry"],
    },
    Kind {
        name: "person",
        keys: &["primary_name"],
        columns: &["primary_name", "secondary_name", "birth", "sex", "nationality", "document"],
    },
    Kind {
        name: "vehicle",
        keys: &["vin", "plate", "engine"],
        columns: &["vin", "plate", "country", "engine"],
    },
];

/// The column of the sender's own name for a row.
const ID: &str = "id";

/// The columns of a file.
pub(super) struct Columns {
    separator: u8,
    names: Vec<&'static str>,
}

impl Columns {
    /// Reads the first line.
    ///
    /// # Errors
    /// [`FileError::Column`] or [`FileError::NoIdentifier`].
    pub(super) fn read(line: &[u8]) -> Result<Self, FileError> {
        let separator = if line.contains(&b';') && !line.contains(&b',') { b';' } else { b',' };
        let written = fields(line, separator).map_err(|_| FileError::Column(1))?;
        let mut names = Vec::with_capacity(written.len());
        for (place, name) in written.iter().enumerate() {
            let known = known(&name.to_ascii_lowercase()).filter(|known| !names.contains(known));
            names.push(known.ok_or(FileError::Column(place + 1))?);
        }
        let asks = KINDS.iter().any(|kind| kind.keys.iter().any(|key| names.contains(key)));
        if asks { Ok(Self { separator, names }) } else { Err(FileError::NoIdentifier) }
    }

    /// The question that a row makes, in the JSON format.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub(super) fn question(&self, line: &[u8]) -> Result<Vec<u8>, Fault> {
        let values = fields(line, self.separator).map_err(Fault::new)?;
        if values.len() != self.names.len() {
            return Err(Fault::new(FIELDS));
        }
        let row =
            Row(self.names.iter().copied().zip(values).filter(|(_, value)| !value.is_empty()).collect());
        row.question().map(|question| question.to_string().into_bytes())
    }
}

fn known(name: &str) -> Option<&'static str> {
    let columns = KINDS.iter().flat_map(|kind| kind.columns.iter().copied());
    std::iter::once(ID).chain(columns).find(|column| *column == name)
}

/// The fields of a line, without blanks around them.
fn fields(line: &[u8], separator: u8) -> Result<Vec<String>, FaultCode> {
    let text = str::from_utf8(line).map_err(|_| ENCODING)?;
    if text.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
        return Err(QUOTE);
    }
    let mut reader = csv::ReaderBuilder::new();
    reader.has_headers(false).delimiter(separator).flexible(true).trim(csv::Trim::All);
    let mut records = reader.from_reader(text.as_bytes()).into_records();
    match records.next() {
        Some(Ok(record)) => Ok(record.iter().map(str::to_owned).collect()),
        _ => Err(FIELDS),
    }
}

/// The filled columns of a row.
struct Row(Vec<(&'static str, String)>);

impl Row {
    fn get(&self, column: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == column).map(|(_, value)| value.as_str())
    }

    fn asks(&self, kind: &Kind) -> bool {
        kind.keys.iter().any(|key| self.get(key).is_some())
    }

    fn question(&self) -> Result<Value, Fault> {
        let asked: Vec<&Kind> = KINDS.iter().filter(|kind| self.asks(kind)).collect();
        let used = |column: &str| column == ID || asked.iter().any(|kind| kind.columns.contains(&column));
        if asked.is_empty() {
            return Err(Fault::new(FaultCode::EMPTY));
        }
        if let Some((column, _)) = self.0.iter().find(|(column, _)| !used(column)) {
            return Err(Fault::new(UNUSED).field(*column));
        }
        let subjects: Vec<Value> = asked.iter().map(|kind| self.subject(kind)).collect();
        let mut question = json!({ "subjects": subjects });
        if let Some(id) = self.get(ID) {
            question["id"] = id.into();
        }
        Ok(question)
    }

    fn subject(&self, kind: &Kind) -> Value {
        let mut fields = Map::new();
        fields.insert("kind".to_owned(), kind.name.into());
        for column in kind.columns {
            let value = match *column {
                // The document of a row is its person's.
                "document" => self.get("document").or_else(|| self.get("number")),
                column => self.get(column),
            };
            let Some(value) = value else { continue };
            match *column {
                "mrz" => fields.insert("lines".to_owned(), value.into()),
                "sex" => fields.insert("sex".to_owned(), sex(value).into()),
                column => fields.insert(column.to_owned(), value.into()),
            };
        }
        Value::Object(fields)
    }
}

/// The letters of passenger lists and zones, beside the words of the JSON format.
fn sex(written: &str) -> &str {
    match written {
        "F" => "female",
        "M" => "male",
        "X" | "U" => "unspecified",
        other => other,
    }
}
