//! The results of a batch, made from the journal: whoever lost them makes them again.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use postern_sdk::Fault;
use serde_json::{Value, json};

use super::folder::{Folder, Paths, own_file};
use super::record::{BatchRecord, Submission};
use super::rows::Rows;
use crate::engine::record::{Section, replies, section};
use crate::journal::{Journal, Position};

/// The columns of the results as CSV.
const COLUMNS: [&str; 12] = [
    "line",
    "id",
    "result",
    "subject",
    "kind",
    "gate",
    "verdict",
    "complete",
    "data_as_of",
    "databases",
    "code",
    "field",
];

/// Where the results of a batch come from.
pub(super) struct Source<'a> {
    pub(super) folder: &'a Folder,
    pub(super) journal: &'a Journal,
    pub(super) submission: &'a Submission,
    /// The segment from which on the batch's records stand.
    pub(super) segment: u64,
    pub(super) row_bytes_max: usize,
}

/// What is known of a row.
enum Known {
    /// The answer, as it was encoded.
    Answer(Vec<u8>),
    Refused(Fault),
    /// Its record in the journal is damaged.
    Unreadable,
    NotAsked,
}

impl Source<'_> {
    /// Writes the results as they are now. A reader sees those before or these, never a part.
    pub(super) fn write(&self) -> io::Result<Paths> {
        let paths = self.folder.results(self.submission.id);
        let answered = self.answered()?;
        let parts = [&paths.jsonl, &paths.csv].map(|path| path.with_added_extension("part"));
        let mut writer = Writer::create(&parts[0], &parts[1])?;
        for line in self.lines(&answered) {
            writer.row(line, self.known(answered.get(&line))?)?;
        }
        writer.finish()?;
        fs::rename(&parts[0], &paths.jsonl)?;
        fs::rename(&parts[1], &paths.csv)?;
        Ok(paths)
    }

    /// Where the result of each line stands.
    fn answered(&self) -> io::Result<BTreeMap<u64, Position>> {
        let mut answered = BTreeMap::new();
        for record in self.journal.read_from(self.segment)? {
            let record = record?;
            if let Some(BatchRecord::Answered { row, .. }) = BatchRecord::read(&record.body)
                && row.batch == self.submission.id
            {
                let (sequence, segment, offset) = (record.sequence, record.segment, record.offset);
                answered.insert(row.line, Position { sequence, segment, offset });
            }
        }
        Ok(answered)
    }

    /// The lines of the file, or those that have a result if the file is gone.
    fn lines(&self, answered: &BTreeMap<u64, Position>) -> Vec<u64> {
        let Submission { id, format, .. } = *self.submission;
        let read = || -> Option<Vec<u64>> {
            let path = self.folder.original(id, format);
            let mut rows = Rows::open(&path, format, self.row_bytes_max).ok()?;
            let mut lines = Vec::new();
            while let Some(line) = rows.skip().ok()? {
                lines.push(line);
            }
            Some(lines)
        };
        let mut lines = read().unwrap_or_default();
        let is_missing = answered.keys().any(|line| lines.binary_search(line).is_err());
        if is_missing {
            lines.extend(answered.keys());
            lines.sort_unstable();
            lines.dedup();
        }
        lines
    }

    fn known(&self, position: Option<&Position>) -> io::Result<Known> {
        let Some(position) = position else { return Ok(Known::NotAsked) };
        let body = match self.journal.read(*position) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(Known::Unreadable),
            read => read?,
        };
        let fault = section(&body, Section::Fault).and_then(|fault| serde_json::from_slice(fault).ok());
        if let Some(fault) = fault {
            return Ok(Known::Refused(fault));
        }
        Ok(replies(&body).pop().map_or(Known::Unreadable, |reply| Known::Answer(reply.body)))
    }
}

/// Writes both files at once.
struct Writer {
    jsonl: BufWriter<fs::File>,
    csv: csv::Writer<fs::File>,
}

impl Writer {
    fn create(jsonl: &Path, csv: &Path) -> io::Result<Self> {
        let mut csv = csv::Writer::from_writer(own_file(csv)?);
        csv.write_record(COLUMNS)?;
        Ok(Self { jsonl: BufWriter::new(own_file(jsonl)?), csv })
    }

    fn row(&mut self, line: u64, known: Known) -> io::Result<()> {
        match known {
            Known::Answer(answer) => {
                write!(self.jsonl, "{{\"line\":{line},\"result\":\"screened\",\"answer\":")?;
                self.jsonl.write_all(&answer)?;
                self.jsonl.write_all(b"}\n")?;
                self.outcomes(line, &serde_json::from_slice(&answer)?)
            }
            Known::Refused(fault) => {
                let (code, field) = (fault.code.as_str(), fault.field.as_deref());
                let mut told = json!({ "line": line, "result": "refused", "code": code });
                told["id"] = fault.sender_id.as_deref().into();
                told["field"] = field.into();
                told["offset"] = fault.offset.into();
                told.as_object_mut().into_iter().for_each(|told| told.retain(|_, value| !value.is_null()));
                writeln!(self.jsonl, "{told}")?;
                let id = fault.sender_id.as_deref().unwrap_or_default();
                self.plain(line, id, "refused", code, field.unwrap_or_default())
            }
            Known::Unreadable => self.without(line, "unreadable"),
            Known::NotAsked => self.without(line, "not_asked"),
        }
    }

    fn without(&mut self, line: u64, result: &str) -> io::Result<()> {
        writeln!(self.jsonl, "{}", json!({ "line": line, "result": result }))?;
        self.plain(line, "", result, "", "")
    }

    /// A row that has no outcome: refer.
    fn plain(&mut self, line: u64, id: &str, result: &str, code: &str, field: &str) -> io::Result<()> {
        let line = line.to_string();
        let record = [&*line, id, result, "", "", "refer", "", "", "", "", code, field];
        Ok(self.csv.write_record(record)?)
    }

    fn outcomes(&mut self, line: u64, answer: &Value) -> io::Result<()> {
        let line = line.to_string();
        for outcome in answer["outcomes"].as_array().into_iter().flatten() {
            let of = |name: &str| plain(&outcome[name]);
            let record = [
                line.clone(),
                plain(&answer["id"]),
                "screened".to_owned(),
                of("subject"),
                of("kind"),
                of("gate"),
                of("verdict"),
                of("complete"),
                of("data_as_of"),
                databases(&outcome["databases"]),
                String::new(),
                String::new(),
            ];
            self.csv.write_record(record)?;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.csv.flush()?;
        let csv = self.csv.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        let jsonl = self.jsonl.into_inner().map_err(io::IntoInnerError::into_error)?;
        csv.sync_all()?;
        jsonl.sync_all()
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What each database said, in a word, with the reason if it was not checked.
fn databases(databases: &Value) -> String {
    let told = |database: &Value| {
        let reason = database["reason"].as_str().map(|reason| format!("({reason})")).unwrap_or_default();
        format!("{}={}{reason}", plain(&database["database"]), plain(&database["result"]))
    };
    databases.as_array().into_iter().flatten().map(told).collect::<Vec<_>>().join(" ")
}
