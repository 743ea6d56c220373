//! The rows of a feed: documented columns, bounded lines, and errors that name line and column but never content.
//!
//! The format is the plain half of RFC 4180: one record a line, fields between commas, each field bare or wholly in
//! double quotes. No field of the feed can hold a comma, a quote or a line break, so none is allowed, and a line that
//! is damaged can't swallow the next one.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, Read as _};

use jiff::civil::Date;
use postern_sdk::{
    Database, DocumentNumber, DocumentType, IdentifierError, PartialDate, Plate, Serial, State, Vin,
};

use super::dataset::Dataset;
use super::identifier::{Identifier, Kind};
use super::record::{self, Record};

/// The columns of a feed of documents, in their order; the first line names them. A feed of things has the column
/// `kind` after the first, a feed of changes has the column `change` before all.
pub const COLUMNS: [&str; 10] = [
    "database",
    "number",
    "issuer",
    "type",
    "theft_type",
    "theft_date",
    "theft_country",
    "notice",
    "retention_date",
    "record_id",
];
/// The column of what kind of identifier the number is.
const KIND: &str = "kind";
/// The column of what is to be done with a record.
const CHANGE: &str = "change";
const COLUMNS_MAX: usize = COLUMNS.len() + 2;

/// Longest line in bytes, without its end.
pub(super) const LINE_MAX: usize = 1024;
/// Longest record id.
const ID_MAX: usize = 64;
/// Longest code of theft or notice.
const CODE_MAX: usize = 16;

/// What is wrong with a line. It never holds what the line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowError {
    /// The line, from 1, the header included.
    pub line: u64,
    /// The column, if the fault is in one.
    pub column: Option<&'static str>,
    /// The stable code of the fault, as `docs/copy-format.md` lists them.
    pub code: &'static str,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.code)
    }
}

/// Which columns a feed has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The dataset that the records are of.
    pub dataset: Dataset,
    /// Whether the rows are changes: each says first whether its record is to be there, or not.
    pub changes: bool,
}

impl Layout {
    fn columns(self) -> impl Iterator<Item = &'static str> {
        let kind = (self.dataset != Dataset::Documents).then_some(KIND);
        let change = self.changes.then_some(CHANGE);
        let (first, rest) = COLUMNS.split_at(1);
        change.into_iter().chain(first.iter().copied()).chain(kind).chain(rest.iter().copied())
    }

    /// The line that a feed of this layout begins with.
    pub fn header(self) -> String {
        self.columns().collect::<Vec<_>>().join(",")
    }
}

/// One row.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) line: u64,
    /// Whether the record is to be taken out.
    pub(super) withdraws: bool,
    pub(super) identifier: Identifier,
    pub(super) record: Record<'a>,
    pub(super) id: &'a str,
}

/// A fault within a line, by column and code.
type Fault = (Option<&'static str>, &'static str);

/// Reads rows.
pub(super) struct Rows<R> {
    input: R,
    layout: Layout,
    line: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Rows<R> {
    /// Reads from the first line on, which must name the columns.
    #[cfg(test)]
    pub(super) fn new(input: R, layout: Layout) -> Self {
        Self::after(input, layout, 0)
    }

    /// Reads on after this many lines.
    pub(super) fn after(input: R, layout: Layout, lines: u64) -> Self {
        Self { input, layout, line: lines, buffer: Vec::with_capacity(LINE_MAX + 2) }
    }

    /// The next row or faulty line; none at the end.
    ///
    /// # Errors
    /// What reading says.
    pub(super) fn next(&mut self) -> io::Result<Option<Result<Row<'_>, RowError>>> {
        if self.line == 0 {
            self.read_line()?;
            let header = self.layout.header();
            if self.buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.buffer) != header.as_bytes() {
                return Ok(Some(Err(RowError { line: 1, column: None, code: "header" })));
            }
        }
        if !self.read_line()? {
            return Ok(None);
        }
        let line = self.line;
        let row = parse(&self.buffer, line, self.layout);
        Ok(Some(row.map_err(|(column, code)| RowError { line, column, code })))
    }

    /// Reads the next line without its end, of a too long one the beginning. False at the end of the input.
    fn read_line(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        let read = self.input.by_ref().take(LINE_MAX as u64 + 2).read_until(b'\n', &mut self.buffer)?;
        self.line += 1;
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
            self.buffer.pop_if(|byte| *byte == b'\r');
        } else if read > LINE_MAX {
            skip_line(&mut self.input)?;
        }
        Ok(read > 0)
    }
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let chunk = input.fill_buf()?;
        let (length, ended) = match line_end(chunk) {
            Some(end) => (end + 1, true),
            None => (chunk.len(), chunk.is_empty()),
        };
        input.consume(length);
        if ended {
            return Ok(());
        }
    }
}

fn line_end(chunk: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', chunk)
}

fn parse(line: &[u8], number: u64, layout: Layout) -> Result<Row<'_>, Fault> {
    if line.len() > LINE_MAX {
        return Err((None, "line_too_long"));
    }
    let text = std::str::from_utf8(line).map_err(|_| (None, "encoding"))?;
    let mut fields = [""; COLUMNS_MAX];
    let fields = split(text, layout, &mut fields)?;
    let (withdraws, fields) = match fields {
        [change, fields @ ..] if layout.changes => (parse_change(change)?, fields),
        fields => (false, fields),
    };
    let (kind, fields) = match fields {
        [database, kind, fields @ ..] if layout.dataset != Dataset::Documents => {
            (parse_kind(kind, layout.dataset)?, (*database, fields))
        }
        [database, fields @ ..] => (Kind::Document, (*database, fields)),
        [] => return Err((None, "columns")),
    };
    let (database, [din, issuer, type_code, theft_type, theft_date, theft_country, notice, retention, id]) =
        fields
    else {
        return Err((None, "columns"));
    };
    Ok(Row {
        line: number,
        withdraws,
        identifier: parse_number(kind, din)?,
        record: Record {
            database: parse_database(database, layout.dataset)?,
            issuer: optional(issuer, |code| identifier(State::normalise(code), "issuer"))?,
            type_code: optional(type_code, |code| parse_type(code, layout.dataset))?,
            theft_type: optional(theft_type, |code| short_code(code, "theft_type"))?,
            theft_date: optional(theft_date, |date| partial_date(date, "theft_date"))?,
            theft_country: optional(theft_country, |code| {
                identifier(State::normalise(code), "theft_country")
            })?,
            notice: optional(notice, |code| short_code(code, "notice"))?,
            retention: optional(retention, full_date)?,
        },
        id: parse_id(id)?,
    })
}

fn split<'a, 'b>(
    text: &'a str,
    layout: Layout,
    fields: &'b mut [&'a str; COLUMNS_MAX],
) -> Result<&'b [&'a str], Fault> {
    let mut rest = Some(text);
    let mut count = 0;
    for (field, column) in fields.iter_mut().zip(layout.columns()) {
        let line = rest.ok_or((None, "columns"))?;
        let (found, later) = match memchr::memchr(b',', line.as_bytes()) {
            Some(at) => (&line[..at], Some(&line[at + 1..])),
            None => (line, None),
        };
        *field = unquote(found).ok_or((Some(column), "quote"))?;
        rest = later;
        count += 1;
    }
    if rest.is_some() { Err((None, "columns")) } else { Ok(&fields[..count]) }
}

fn parse_change(change: &str) -> Result<bool, Fault> {
    match change {
        "upsert" => Ok(false),
        "withdraw" => Ok(true),
        _ => Err((Some(CHANGE), "change")),
    }
}

fn parse_kind(kind: &str, dataset: Dataset) -> Result<Kind, Fault> {
    dataset.kind(kind).ok_or((Some(KIND), "kind"))
}

fn parse_number(kind: Kind, text: &str) -> Result<Identifier, Fault> {
    let parsed = match kind {
        Kind::Document => DocumentNumber::normalise(text).map(|number| Identifier::document(&number)),
        Kind::Vin => Vin::normalise(text).map(|vin| Identifier::vin(&vin)),
        Kind::Plate => Plate::normalise(text).map(|plate| Identifier::plate(&plate)),
        Kind::Part | Kind::Firearm | Kind::Vessel => {
            Serial::normalise(text).map(|serial| Identifier::serial(kind, &serial))
        }
    };
    identifier(parsed, "number")
}

/// A document's type has INTERPOL's form; another thing's type is a code.
fn parse_type(code: &str, dataset: Dataset) -> Result<Cow<'_, str>, Fault> {
    match dataset {
        Dataset::Documents => {
            let normal = identifier(DocumentType::normalise(code), "type")?;
            Ok(if normal.as_str() == code { code.into() } else { normal.to_string().into() })
        }
        _ => short_code(code, "type").map(Cow::Borrowed),
    }
}

/// A field without the quotes around it; none if there is any other quote.
fn unquote(field: &str) -> Option<&str> {
    let inner = match field.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => field,
    };
    (!inner.contains('"')).then_some(inner)
}

fn optional<'a, T>(field: &'a str, parse: impl Fn(&'a str) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
    if field.is_empty() { Ok(None) } else { parse(field).map(Some) }
}

fn identifier<T>(parsed: Result<T, IdentifierError>, column: &'static str) -> Result<T, Fault> {
    parsed.map_err(|error| (Some(column), error.code()))
}

fn parse_database(code: &str, dataset: Dataset) -> Result<Database, Fault> {
    let database = Database::from_code(code).filter(|database| dataset.databases().contains(database));
    database.ok_or((Some("database"), "database"))
}

fn short_code<'a>(code: &'a str, column: &'static str) -> Result<&'a str, Fault> {
    let fits =
        code.len() <= CODE_MAX && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if fits { Ok(code) } else { Err((Some(column), "code")) }
}

fn partial_date(date: &str, column: &'static str) -> Result<PartialDate, Fault> {
    date.parse().map_err(|_| (Some(column), "date"))
}

fn full_date(date: &str) -> Result<Date, Fault> {
    let full = partial_date(date, "retention_date")?.date();
    full.filter(|date| record::fits_retention(*date)).ok_or((Some("retention_date"), "date"))
}

fn parse_id(id: &str) -> Result<&str, Fault> {
    let fits = (1..=ID_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(id) } else { Err((Some("record_id"), "record_id")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTS: Layout = Layout { dataset: Dataset::Documents, changes: false };
    const GOOD: &str = "sltd,L898902C3,UTO,PAS,STL,2019-XX-XX,FRA,,2031-05-02,0a1b2c";

    fn errors(lines: &[&str]) -> Vec<RowError> {
        let text = lines.join("\n");
        let mut rows = Rows::new(text.as_bytes(), DOCUMENTS);
        let mut errors = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            errors.extend(row.err());
        }
        errors
    }

    fn header_text() -> String {
        COLUMNS.join(",")
    }

    // Proves that a full line, a quoted one and one with CRLF and empty fields are read as written.
    #[test]
    fn reads_rows() {
        let text = format!("\u{feff}{}\r\n{GOOD}\r\n\"sad\",\"ab 123\",,,,,,,,\"x\"", header_text());
        let mut rows = Rows::new(text.as_bytes(), DOCUMENTS);
        let row = rows.next().unwrap().unwrap().unwrap();
        assert_eq!((row.line, row.identifier.reveal(), row.id), (2, "L898902C3", "0a1b2c"));
        assert_eq!(row.record.theft_type, Some("STL"));
        assert_eq!(row.record.retention, Some(Date::constant(2031, 5, 2)));
        let row = rows.next().unwrap().unwrap().unwrap();
        assert_eq!((row.identifier.reveal(), row.record.database), ("AB123", Database::Sad));
        assert_eq!((row.record.issuer, row.record.theft_date), (None, None));
        assert!(rows.next().unwrap().is_none());
    }

    // Proves that a document's type is read in its normal form however it was written, and another thing's as it stands.
    #[test]
    fn types_in_normal_form() {
        for (written, normal) in [("PAS", "PAS"), (" pas", "PAS"), ("Pas ", "PAS"), ("p", "P")] {
            let text = format!("{}\n{}\n", header_text(), GOOD.replace("PAS", written));
            let mut rows = Rows::new(text.as_bytes(), DOCUMENTS);
            let row = rows.next().unwrap().unwrap().unwrap();
            assert_eq!(row.record.type_code.as_deref(), Some(normal), "{written}");
        }
        let layout = Layout { dataset: Dataset::Vehicles, changes: false };
        let text = format!("{}\nsmv,plate,AB123,,car,,,,,,id1\n", layout.header());
        let mut rows = Rows::new(text.as_bytes(), layout);
        assert_eq!(rows.next().unwrap().unwrap().unwrap().record.type_code.as_deref(), Some("car"));
    }

    // Proves that each fault is told with line, column and code, and that reading goes on after it.
    #[test]
    fn tells_each_fault() {
        let cases = [
            ("sltd,L898902C3,UTO,PAS", None, "columns"),
            (&format!("{GOOD},"), None, "columns"),
            (&GOOD.replace("sltd", "smv"), Some("database"), "database"),
            (&GOOD.replace("sltd", "SLTD"), Some("database"), "database"),
            (&GOOD.replace("L898902C3", "12"), Some("number"), "identifier_too_short"),
            (&GOOD.replace("L898902C3", ""), Some("number"), "identifier_empty"),
            (&GOOD.replace("L898902C3", "12345é"), Some("number"), "identifier_character"),
            (&GOOD.replace("UTO", "UTOP"), Some("issuer"), "identifier_too_long"),
            (&GOOD.replace("PAS", "PASS"), Some("type"), "identifier_too_long"),
            (&GOOD.replace("STL", "STO LEN"), Some("theft_type"), "code"),
            (&GOOD.replace("2019-XX-XX", "20190101"), Some("theft_date"), "date"),
            (&GOOD.replace("2031-05-02", "2031-05-XX"), Some("retention_date"), "date"),
            (&GOOD.replace("2031-05-02", "1969-12-31"), Some("retention_date"), "date"),
            (&GOOD.replace("0a1b2c", ""), Some("record_id"), "record_id"),
            (&GOOD.replace("0a1b2c", "a b"), Some("record_id"), "record_id"),
            (&GOOD.replace("FRA", "\"FRA"), Some("theft_country"), "quote"),
            (&"7".repeat(100_000), None, "line_too_long"),
            ("", None, "columns"),
        ];
        for (line, column, code) in cases {
            let found = errors(&[&header_text(), line, GOOD, "sltd"]);
            let expected = RowError { line: 2, column, code };
            assert_eq!(found, [expected, RowError { line: 4, column: None, code: "columns" }]);
        }
    }

    // Proves the columns of things and of changes, and their own faults.
    #[test]
    fn things_and_changes() {
        let layout = Layout { dataset: Dataset::Vehicles, changes: true };
        let header = layout.header();
        assert!(header.starts_with("change,database,kind,number,"));
        let read = |line: &str| {
            let text = format!("{header}\n{line}\n");
            let mut rows = Rows::new(text.as_bytes(), layout);
            let row = rows.next().unwrap().unwrap();
            row.map(|row| (row.withdraws, row.identifier)).map_err(|error| (error.column, error.code))
        };
        let vin = Identifier::vin(&"1M8GDM9AXKP042788".parse().unwrap());
        let plate = Identifier::plate(&"AB123".parse().unwrap());
        assert_eq!(read("upsert,smv,vin,1M8GDM9AXKP042788,,CAR,,,,,,id1"), Ok((false, vin)));
        assert_eq!(read("withdraw,smv,plate,AB-123,UTO,,,,,,,id2"), Ok((true, plate)));
        assert_eq!(read("remove,smv,vin,1M8GDM9AXKP042788,,,,,,,,id1"), Err((Some("change"), "change")));
        assert_eq!(read("upsert,smv,passport,1M8GDM9AX,,,,,,,,id1"), Err((Some("kind"), "kind")));
        assert_eq!(read("upsert,sltd,vin,1M8GDM9AXKP042788,,,,,,,,id1"), Err((Some("database"), "database")));
    }

    // Proves that a feed without its header is refused, and an empty one.
    #[test]
    fn wants_the_header() {
        let header = RowError { line: 1, column: None, code: "header" };
        assert_eq!(errors(&[GOOD]), [header]);
        assert_eq!(errors(&[""])[0], header);
    }

    // Proves that bytes that are no text are told by line.
    #[test]
    fn wants_text() {
        let mut bytes = format!("{}\n", header_text()).into_bytes();
        bytes.extend_from_slice(b"sltd,\xff\n");
        let mut rows = Rows::new(&bytes[..], DOCUMENTS);
        let error = rows.next().unwrap().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "line 2: encoding");
    }
}
