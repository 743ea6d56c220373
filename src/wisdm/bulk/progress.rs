//! The progress file: what is about to be sent, and what came of it.
//!
//! ```text
//! postern wisdm progress 1 <SHA-256 of the list>
//! i <line>              the row of this line is about to be sent
//! d <line> <outcome>    it is settled
//! ```
//!
//! Intents are durable before they are sent, together with the outcomes that came before; so after a crash, of the machine
//! too, what is neither fresh nor settled is at most what was under way. The file holds lines and codes, nothing of the rows.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use rustix::fs::{FlockOperation, flock};

use super::super::error::WisdmError;
use super::{BulkError, Summary};
use crate::keys::hex;

const FIRST: &str = "postern wisdm progress 1 ";
/// Most bytes of a progress file: two lines for each of a million rows.
const BYTES_MAX: u64 = 256 << 20;

/// What came of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was reported.
    Reported,
    /// The record is there, as the row says.
    Present,
    /// The record was there, and was corrected.
    Corrected,
    /// The service objects, by this name.
    Objected(String),
}

impl Outcome {
    fn code(&self) -> String {
        match self {
            Self::Reported => "reported".to_owned(),
            Self::Present => "present".to_owned(),
            Self::Corrected => "corrected".to_owned(),
            Self::Objected(name) => format!("objected:{name}"),
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "reported" => Self::Reported,
            "present" => Self::Present,
            "corrected" => Self::Corrected,
            _ => Self::Objected(code.strip_prefix("objected:")?.to_owned()),
        })
    }
}

/// The progress of a list.
pub struct Progress {
    file: File,
    list: String,
    /// What is known of each line that is not fresh; none: about to be sent.
    lines: BTreeMap<u64, Option<Outcome>>,
    done: u64,
    /// Outcomes that are not durable yet.
    unsynced: bool,
}

/// The hash by which a list is known again.
///
/// # Errors
/// The list can't be read.
pub(super) fn hash_of(mut list: impl Read) -> io::Result<String> {
    let (mut context, mut block) = (Context::new(&SHA256), vec![0; 1 << 16]);
    loop {
        match list.read(&mut block)? {
            0 => return Ok(hex(context.finish().as_ref())),
            count => context.update(&block[..count]),
        }
    }
}

impl Progress {
    /// Opens the progress of a list, new or gone on with. Nobody else can meanwhile.
    ///
    /// # Errors
    /// [`BulkError`] if it can't be used.
    pub fn open(path: &Path, list: impl Read) -> Result<Self, BulkError> {
        let hash = hash_of(list)?;
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| BulkError::InUse)?;
        let text = read(&mut file)?;
        let (lines, kept) = if text.contains('\n') {
            let (known, lines, kept) = parse(&text)?;
            if known != hash {
                return Err(BulkError::OtherList);
            }
            (lines, kept)
        } else {
            (BTreeMap::new(), 0)
        };
        // A line that was cut by a crash is written anew.
        file.set_len(kept)?;
        file.seek(SeekFrom::End(0))?;
        if kept == 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(format!("{FIRST}{hash}\n").as_bytes())?;
            file.sync_all()?;
            File::open(path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new(".")))?
                .sync_all()?;
        }
        let done = lines.values().flatten().count() as u64;
        Ok(Self { file, list: hash, lines, done, unsynced: false })
    }

    /// How many rows of a list were reported or corrected, as its progress file says.
    ///
    /// # Errors
    /// [`BulkError`] if it can't be read.
    pub fn renewed(path: &Path) -> Result<u64, BulkError> {
        let (_, lines, _) = parse(&read(&mut File::open(path)?)?)?;
        let renewed = |outcome: &&Outcome| !matches!(outcome, Outcome::Objected(_));
        Ok(lines.values().flatten().filter(renewed).count() as u64)
    }

    /// The SHA-256 of the list.
    pub fn list(&self) -> &str {
        &self.list
    }

    pub(super) fn is_done(&self, line: u64) -> bool {
        matches!(self.lines.get(&line), Some(Some(_)))
    }

    /// Whether a row was about to be sent when a run ended.
    pub(super) fn is_intended(&self, line: u64) -> bool {
        self.lines.contains_key(&line)
    }

    /// Rows that are settled.
    pub const fn done(&self) -> u64 {
        self.done
    }

    /// Rows that were under way when the last run ended.
    pub fn in_doubt(&self) -> u64 {
        self.lines.values().filter(|outcome| outcome.is_none()).count() as u64
    }

    /// Writes down that these rows are about to be sent, and returns when that is durable. It blocks for as long as the
    /// disk takes: nothing may be sent meanwhile anyway.
    pub(super) fn intend(&mut self, lines: impl Iterator<Item = u64>) -> Result<(), BulkError> {
        let mut text = String::new();
        for line in lines {
            text.push_str(&format!("i {line}\n"));
            self.lines.entry(line).or_default();
        }
        if text.is_empty() {
            return Ok(());
        }
        self.file.write_all(text.as_bytes())?;
        self.unsynced = true;
        self.sync()
    }

    /// Writes down what came of a row. It is durable with the next intent.
    pub(super) fn settle(&mut self, line: u64, outcome: &Outcome) -> Result<(), BulkError> {
        self.file.write_all(format!("d {line} {}\n", outcome.code()).as_bytes())?;
        self.unsynced = true;
        if !matches!(self.lines.insert(line, Some(outcome.clone())), Some(Some(_))) {
            self.done += 1;
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<(), BulkError> {
        if self.unsynced {
            self.file.sync_data()?;
            self.unsynced = false;
        }
        Ok(())
    }

    pub(super) fn summary(&self, lines: impl Iterator<Item = u64>, stopped: Option<WisdmError>) -> Summary {
        let mut summary = Summary { stopped, ..Summary::default() };
        for line in lines {
            match self.lines.get(&line) {
                Some(Some(Outcome::Reported)) => summary.reported += 1,
                Some(Some(Outcome::Present)) => summary.present += 1,
                Some(Some(Outcome::Corrected)) => summary.corrected += 1,
                Some(Some(Outcome::Objected(name))) => summary.objected.push((line, name.clone())),
                Some(None) | None => summary.open += 1,
            }
        }
        summary
    }
}

fn read(file: &mut File) -> Result<String, BulkError> {
    let mut text = String::new();
    file.take(BYTES_MAX).read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => BulkError::Damaged,
        _ => BulkError::File(error),
    })?;
    Ok(text)
}

type Lines = BTreeMap<u64, Option<Outcome>>;

/// The hash of the list, what is known of each line, and how many bytes of the text are whole lines.
fn parse(text: &str) -> Result<(String, Lines, u64), BulkError> {
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut texts = text[..whole].lines();
    let hash = texts.next().and_then(|first| first.strip_prefix(FIRST)).ok_or(BulkError::Damaged)?;
    let mut lines = Lines::new();
    for text in texts {
        let (line, outcome) = entry(text).ok_or(BulkError::Damaged)?;
        match outcome {
            None => drop(lines.entry(line).or_default()),
            outcome => drop(lines.insert(line, outcome)),
        }
    }
    Ok((hash.to_owned(), lines, whole as u64))
}

fn entry(text: &str) -> Option<(u64, Option<Outcome>)> {
    let (kind, rest) = text.split_once(' ')?;
    match kind {
        "i" => Some((rest.parse().ok()?, None)),
        "d" => {
            let (line, code) = rest.split_once(' ')?;
            Some((line.parse().ok()?, Some(Outcome::from_code(code)?)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that a progress goes on after any cut, that another list's is refused, and that two runs exclude each other.
    #[test]
    fn goes_on_after_any_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.progress");
        let mut progress = Progress::open(&path, &b"list"[..]).unwrap();
        assert!(matches!(Progress::open(&path, &b"list"[..]), Err(BulkError::InUse)));
        progress.intend([2, 3, 4].into_iter()).unwrap();
        progress.settle(2, &Outcome::Reported).unwrap();
        progress.settle(3, &Outcome::Objected("field_too_long".into())).unwrap();
        progress.sync().unwrap();
        drop(progress);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let progress = Progress::open(&path, &b"list"[..]).unwrap();
            assert!(progress.done() <= 2 && progress.in_doubt() <= 3, "{cut}");
        }
        let progress = Progress::open(&path, &b"list"[..]).unwrap();
        assert_eq!((progress.done(), progress.in_doubt()), (2, 1));
        assert!(progress.is_done(2) && progress.is_intended(4) && !progress.is_intended(5));
        let summary = progress.summary([2, 3, 4, 5].into_iter(), None);
        assert_eq!((summary.reported, summary.open), (1, 2));
        assert_eq!(summary.objected, [(3, "field_too_long".to_owned())]);
        drop(progress);
        assert_eq!(Progress::renewed(&path).unwrap(), 1);
        assert!(matches!(Progress::open(&path, &b"other"[..]), Err(BulkError::OtherList)));
        std::fs::write(&path, "postern wisdm progress 1 00\nx 1\n").unwrap();
        assert!(matches!(Progress::open(&path, &b"list"[..]), Err(BulkError::Damaged)));
    }
}
