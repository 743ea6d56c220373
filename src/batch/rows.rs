//! Reads a file of rows, line by line and with a bound for each, so that a row's line is its name for good.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use postern_json::JsonAdapter;
use postern_sdk::{Adapter, Exchange, Fault, FaultCode, Inbound, LinkOptions};
use serde_json::Value;

use super::columns::Columns;
use super::error::FileError;
use super::record::Format;

/// The line is longer than `batch.row_bytes_max`.
const TOO_LARGE: FaultCode = FaultCode::new("row_too_large");

/// What makes a question of a subject that stands alone.
const BEFORE: &[u8] = b"{\"subjects\":[";
const AFTER: &[u8] = b"]}";

/// What some editors put before the first line.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A row.
pub(super) struct Row {
    /// Its line in the file, from 1.
    pub(super) line: u64,
    /// The line as it stands, without its end; cut if it is too long.
    pub(super) native: Vec<u8>,
    /// Its question.
    pub(super) question: Result<Exchange, Fault>,
}

/// The rows of a file, in order. Blank lines are none.
pub(super) struct Rows {
    input: BufReader<File>,
    columns: Option<Columns>,
    bytes_max: usize,
    line: u64,
}

impl Rows {
    /// The rows of a file.
    ///
    /// # Errors
    /// [`FileError`]: it can't be read, or its first line names no columns.
    pub(super) fn open(path: &Path, format: Format, bytes_max: usize) -> Result<Self, FileError> {
        let input = BufReader::with_capacity(64 << 10, File::open(path)?);
        let mut rows = Self { input, columns: None, bytes_max, line: 0 };
        if format == Format::Csv {
            let (_, names) = rows.next_line()?.ok_or(FileError::Empty)?;
            rows.columns = Some(Columns::read(&names.map_err(|_| FileError::Column(1))?)?);
        }
        Ok(rows)
    }

    /// The next row of which `wanted` says so by its line.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn next(&mut self, wanted: impl Fn(u64) -> bool) -> io::Result<Option<Row>> {
        while let Some((line, text)) = self.next_line()? {
            if wanted(line) {
                return Ok(Some(self.row(line, text)));
            }
        }
        Ok(None)
    }

    /// The number of the next row's line, which is not looked at further.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn skip(&mut self) -> io::Result<Option<u64>> {
        Ok(self.next_line()?.map(|(line, _)| line))
    }

    fn row(&self, line: u64, text: Result<Vec<u8>, Vec<u8>>) -> Row {
        match text {
            Err(native) => Row { line, native, question: Err(Fault::new(TOO_LARGE)) },
            Ok(native) => {
                let question = match &self.columns {
                    Some(columns) => {
                        columns.question(&native).and_then(|json| decoded(&json)).map_err(of_columns)
                    }
                    None => of_json(&native),
                };
                Row { line, native, question }
            }
        }
    }

    /// The next line that is not blank; what there is room for of one that is too long.
    #[allow(clippy::type_complexity)]
    fn next_line(&mut self) -> io::Result<Option<(u64, Result<Vec<u8>, Vec<u8>>)>> {
        loop {
            let mut text = Vec::new();
            let limit = self.bytes_max as u64 + 2;
            if (&mut self.input).take(limit).read_until(b'\n', &mut text)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            let whole = text.last() == Some(&b'\n') || (text.len() as u64) < limit;
            if !whole {
                self.pass_over()?;
            }
            if self.line == 1 && text.starts_with(MARK) {
                text.drain(..MARK.len());
            }
            let kept = text.trim_ascii().len();
            if kept == 0 && whole {
                continue;
            }
            let text = if whole { text.trim_ascii().to_vec() } else { text };
            let fits = whole && kept <= self.bytes_max;
            return Ok(Some((self.line, if fits { Ok(text) } else { Err(text) })));
        }
    }

    /// Passes over the rest of a line.
    fn pass_over(&mut self) -> io::Result<()> {
        loop {
            let found = self.input.fill_buf()?;
            let end = found.iter().position(|byte| *byte == b'\n');
            let passed = end.map_or(found.len(), |end| end + 1);
            let is_over = end.is_some() || found.is_empty();
            self.input.consume(passed);
            if is_over {
                return Ok(());
            }
        }
    }
}

/// The question of a line of JSON: a subject alone, or a whole question of the JSON format.
fn of_json(native: &[u8]) -> Result<Exchange, Fault> {
    // Only what is one whole value is put between the words of a question.
    let alone = serde_json::from_slice::<Value>(native).is_ok_and(|value| value.get("kind").is_some());
    if !alone {
        return decoded(native);
    }
    decoded(&[BEFORE, native, AFTER].concat()).map_err(|fault| {
        let offset = fault.offset.map(|offset| offset.saturating_sub(BEFORE.len() as u64));
        without_place(Fault { offset, ..fault })
    })
}

fn decoded(json: &[u8]) -> Result<Exchange, Fault> {
    match JsonAdapter.decode(json, &LinkOptions::default()).pop() {
        Some(Inbound::Query(exchange)) => Ok(exchange),
        Some(Inbound::Fault(fault)) => Err(fault),
        _ => Err(Fault::new(FaultCode::UNSUPPORTED)),
    }
}

/// A fault of the question that a row of columns made: its places are not those of the row.
fn of_columns(fault: Fault) -> Fault {
    let mut fault = without_place(Fault { offset: None, ..fault });
    if fault.field.as_deref() == Some("lines") {
        fault = fault.field("mrz");
    }
    fault
}

/// Names the field as the row does, without the subject's place in the question.
fn without_place(fault: Fault) -> Fault {
    let field = fault.field.as_deref().and_then(|field| field.strip_prefix("subjects["));
    match field.and_then(|rest| rest.split_once("].")) {
        Some((_, name)) => {
            let name = name.to_owned();
            fault.field(name)
        }
        None => fault,
    }
}
