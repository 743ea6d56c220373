//! Whether rows are read as they should be, and what the journal tells of them.

use std::fs;

use postern_sdk::{Exchange, Fault, Subject};
use uuid::Uuid;

use super::columns::Columns;
use super::error::FileError;
use super::folder::{FileLimits, Folder};
use super::ledger::{ENDED_MAX, Ledger};
use super::record::{BatchRecord, End, Format, RowMark, Submission, row_reference};
use super::rows::Rows;
use crate::engine::record::{Body, Section};
use crate::journal::{Kind, RecordRef};

const BYTES_MAX: usize = 80;

/// A row's line, and what it asks.
type Asked = (u64, Result<Exchange, Fault>);

fn read(text: impl AsRef<[u8]>, format: Format) -> Result<Vec<Asked>, FileError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let mut rows = Rows::open(file.path(), format, BYTES_MAX)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next(|_| true)? {
        assert!(row.native.len() <= BYTES_MAX + 2);
        found.push((row.line, row.question));
    }
    Ok(found)
}

fn codes(text: impl AsRef<[u8]>, format: Format) -> Vec<(u64, String)> {
    let told = |(line, question): Asked| {
        (line, question.map_or_else(|fault| fault.to_string(), |_| "good".to_owned()))
    };
    read(text, format).unwrap().into_iter().map(told).collect()
}

// Proves that a line is a row's name: whatever ends lines, is blank or too long, the next row keeps its own, and a line of
// exactly the limit is read.
#[test]
fn lines_are_names() {
    let good = br#"{"kind":"vehicle","plate":"AB 1"}"#.as_slice();
    let mut text =
        [b"\xef\xbb\xbf", good, b"\r\n\n  \n", good, b"\n", &[b'x'; 10 * BYTES_MAX], b"\n", good].concat();
    let expected = [(1, "good"), (4, "good"), (5, "row_too_large"), (6, "good")];
    assert_eq!(codes(&text, Format::Jsonl), expected.map(|(line, told)| (line, told.to_owned())));
    text.push(b'\n');
    assert_eq!(codes(&text, Format::Jsonl).len(), 4);
    let fits = [good, &vec![b' '; BYTES_MAX - good.len()]].concat();
    assert_eq!(codes(&fits, Format::Jsonl)[0].1, "good");
    assert_eq!(codes([&[b'x'; BYTES_MAX + 1][..], b"\n"].concat(), Format::Jsonl)[0].1, "row_too_large");
}

// Proves that a subject alone can't smuggle a context or another question into the words around it.
#[test]
fn a_subject_stays_one() {
    let breaks_out = r#"{"kind":"vehicle","plate":"A1"}],"context":{"site":"X"},"id":"#;
    for text in
        [breaks_out, r#"{"kind":"vehicle","plate":"A1"},{"kind":"vehicle","plate":"A2"}"#, "[]", "{}", "7"]
    {
        let told = codes(text, Format::Jsonl);
        assert!(told[0].1.starts_with("json_"), "{text}: {told:?}");
    }
    let twice = r#"{"kind":"vehicle","plate":"A1","plate":"A2"}"#;
    assert!(codes(twice, Format::Jsonl)[0].1.starts_with("json_content"));
}

// Proves that a row of columns asks about everything that it holds, that the number of its document is its person's, and
// that what can't be asked refuses the row by the column's name.
#[test]
fn columns_become_subjects() {
    let head = "id,number,issuer,primary_name,sex,plate,nationality,birth\n";
    let rows =
        read(format!("{head}r1,\"L898902C3\", UTO ,SPECIMEN,F,AB 1,,1970-01-02\n"), Format::Csv).unwrap();
    let exchange = rows[0].1.as_ref().unwrap();
    assert_eq!(exchange.context.sender_id.as_deref(), Some("r1"));
    let [Subject::TravelDocument(document), Subject::Person(person), Subject::Vehicle(_)] =
        &exchange.subjects[..]
    else {
        panic!("{} subjects", exchange.subjects.len())
    };
    assert!(person.document.is_some() && person.document == document.number);
    let cases = [
        ("r,,UTO,,,AB1,,\n", "csv_unused in issuer"),
        ("r,,,,,AB1,UTO,\n", "csv_unused in nationality"),
        ("r,,,,,,,\n", "no_subject"),
        ("r,?,,,,,,\n", "identifier_empty in number"),
        ("r,,,SPECIMEN,Q,,,\n", "json_content"),
        ("r,,,SPECIMEN,,,,soon\n", "date_unusable in birth"),
        ("r,,,\"SPECIMEN,,,,\n", "csv_quote"),
        ("r,,,,\n", "csv_fields"),
    ];
    for (row, expected) in cases {
        assert_eq!(codes(format!("{head}{row}"), Format::Csv), [(2, expected.to_owned())], "{row}");
    }
    assert_eq!(
        codes([head.as_bytes(), b"r,L898902C3,\xff,,,,,\n"].concat(), Format::Csv)[0].1,
        "csv_encoding"
    );
    let zone = "mrz\nP<UTOERIKSSON<<ANNA<MARIA\n";
    assert_eq!(codes(zone, Format::Csv), [(2, "mrz_length in mrz".to_owned())]);
}

// Proves that a list whose columns are not all known, are there twice, or hold nothing to ask by, is no list.
#[test]
fn columns_are_known() {
    let fault = |head: &str| Columns::read(head.as_bytes()).map(|_| ()).unwrap_err();
    assert!(matches!(fault("number,colour"), FileError::Column(2)));
    assert!(matches!(fault("number,Number"), FileError::Column(2)));
    assert!(matches!(fault("issuer,birth,id"), FileError::NoIdentifier));
    assert!(Columns::read(b" Number ; TYPE").is_ok());
}

// Proves that what is taken in is whole and its owner's alone, and that nothing is left of what is over a limit.
#[test]
fn files_are_taken_within_limits() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::create(&place.path().join("lists")).unwrap();
    let file = place.path().join("list.csv");
    let (id, limits) =
        (Uuid::from_u128(7), FileLimits { file_bytes_max: 25, row_bytes_max: 20, rows_max: 3 });
    let take = |text: &str| {
        fs::write(&file, text).unwrap();
        folder.take(&file, id, Format::Csv, &limits)
    };
    let taken = take("number\nA1234\nB1234\nC1234\n").ok().unwrap();
    assert_eq!((taken.rows, fs::read_dir(place.path().join("lists/in")).unwrap().count()), (3, 1));
    let path = folder.input(id, Format::Csv);
    assert!(super::folder::is_of(&path, &taken.sha256).unwrap());
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777,
        0o600
    );
    assert!(matches!(take("number\nA1234\nB1234\nC12345\n"), Err(FileError::TooLarge)));
    assert!(matches!(take("number\nA\nB\nC\nD\n"), Err(FileError::TooManyRows)));
    assert!(matches!(take("number\n\n"), Err(FileError::Empty)));
    assert!(matches!(folder.take(place.path(), id, Format::Csv, &limits), Err(FileError::Io(_))));
    assert_eq!(fs::read_dir(place.path().join("lists/in")).unwrap().count(), 0);
}

// Proves that a row's reference is the same whenever it is made, of no other row or batch, and a UUID of version 8; its very
// bytes are those that the page describes.
#[test]
fn references_follow_from_the_row() {
    let (batch, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let reference = row_reference(batch, 2);
    assert_eq!(reference, row_reference(batch, 2));
    assert_eq!(reference.to_string(), "c579e3b6-133c-8a8d-8d8f-63c8a25a3c27");
    assert_eq!(reference.0.get_version_num(), 8);
    assert!(reference != row_reference(batch, 3) && reference != row_reference(other, 2));
}

fn submission(id: Uuid) -> Submission {
    Submission {
        id,
        name: "list.csv".to_owned(),
        format: Format::Csv,
        sha256: String::new(),
        rows: 200,
        policy: "lists".to_owned(),
        context: postern_sdk::Context::default(),
        rate_per_s_max: None,
        at: jiff::Timestamp::UNIX_EPOCH,
        uid: 0,
    }
}

/// Gives the ledger a step as the journal holds it.
fn take(ledger: &mut Ledger, kind: Kind, step: &BatchRecord) {
    let body = Body::new().json(Section::Batch, step).into_bytes();
    ledger.take(&RecordRef::for_test(kind, &body));
}

// Proves that the ledger tells rows that are done from rows that were begun, counts a row once, and remembers a bounded number
// of batches that have ended.
#[test]
fn the_ledger_follows_the_journal() {
    let batch = Uuid::from_u128(1);
    let row = |line, attempt| RowMark { batch, line, attempt };
    let mut ledger = Ledger::default();
    take(&mut ledger, Kind::Administrative, &BatchRecord::Submitted(Box::new(submission(batch))));
    for (line, attempt) in [(2, 1), (65, 1), (65, 2), (130, 1)] {
        take(&mut ledger, Kind::Inbox, &BatchRecord::Begun(row(line, attempt)));
    }
    for _ in 0..2 {
        take(&mut ledger, Kind::Screening, &BatchRecord::Answered { row: row(2, 1), hit: true });
    }
    take(&mut ledger, Kind::Refusal, &BatchRecord::Answered { row: row(3, 1), hit: false });
    let progress = &ledger.batches[&batch].progress;
    assert_eq!((progress.screened, progress.refused, progress.hits), (1, 1, 1));
    let done: Vec<u64> = (0..1_000).filter(|line| progress.is_done(*line)).collect();
    assert_eq!(done, [2, 3]);
    assert_eq!([2, 65, 130, 131].map(|line| progress.next_attempt(line)), [1, 3, 2, 1]);
    for n in 0..ENDED_MAX as u128 + 5 {
        let batch = Uuid::from_u128(100 + n);
        take(&mut ledger, Kind::Administrative, &BatchRecord::Submitted(Box::new(submission(batch))));
        take(&mut ledger, Kind::Administrative, &BatchRecord::Ended { batch, end: End::Done });
    }
    assert_eq!(ledger.batches.len(), ENDED_MAX + 1);
    assert!(ledger.batches[&batch].end.is_none() && !ledger.batches.contains_key(&Uuid::from_u128(104)));
}
