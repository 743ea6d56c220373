//! That records were managed, noted for the journal.
//!
//! A command runs beside a daemon that holds the journal, and a journal has one writer. So the command leaves a note in a
//! folder of the journal before it asks, and another when it has its answer; who holds the journal writes them down and
//! removes them. A crash in between writes one twice, under the same id; none is lost. A note names records by their ids
//! at INTERPOL and requests by their references, not documents by their numbers.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use postern_sdk::{Environment, Personal};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::engine::record::{Body, Section};
use crate::ids::new_id;
use crate::journal::{Entry, Journal, Kind};

/// The folder of notes, in the journal's folder.
const FOLDER: &str = "wisdm-notes";
/// What the names of notes end with.
const END: &str = ".json";
/// Bytes of a note at most.
const FILE_BYTES_MAX: u64 = 16 << 10;
/// Notes that are written down at once at most; the next time goes on.
const NOTES_MAX: usize = 256;

/// How far the command was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is about to ask.
    Asked,
    /// It has its answer.
    Ended,
}

/// That records were managed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The matter: the same of both notes of a command.
    pub matter: Uuid,
    /// How far it was.
    pub stage: Stage,
    /// When.
    pub at: Timestamp,
    /// Production or training.
    pub environment: Environment,
    /// What was done: `report`, `withdraw`, `finalize`.
    pub operation: String,
    /// Who did it.
    pub end_user: Personal<String>,
    /// The ids of the records, where one is known.
    #[serde(default)]
    pub records: Vec<String>,
    /// The reference of the request, where it is one.
    #[serde(default)]
    pub reference_in_country: Option<String>,
    /// The service's id of the request.
    #[serde(default)]
    pub request_id: Option<String>,
    /// The SHA-256 of the list, of a list.
    #[serde(default)]
    pub list: Option<String>,
    /// How many records it was about, or changed.
    #[serde(default)]
    pub count: Option<u64>,
    /// `done`, or the error's code.
    #[serde(default)]
    pub outcome: Option<String>,
}

/// Leaves a note in the journal's folder.
///
/// # Errors
/// What the system says.
pub fn leave_note(journal: &Path, note: &Note) -> io::Result<()> {
    let folder = journal.join(FOLDER);
    fs::create_dir_all(&folder)?;
    let stage = if note.stage == Stage::Asked { "asked" } else { "ended" };
    let path = folder.join(format!("{}-{stage}{END}", note.matter));
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.write_all(&serde_json::to_vec(note)?)?;
    // The daemon may run as another user than the operator.
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.sync_all()?;
    fs::rename(&temporary, &path)?;
    File::open(&folder)?.sync_all()
}

/// Writes the notes that wait into the journal, and removes them. It blocks.
///
/// # Errors
/// What the system or the journal says; what was not written down waits.
pub fn journal_notes(folder: &Path, journal: &Journal, now: Timestamp) -> io::Result<Vec<Note>> {
    let mut written = Vec::new();
    for path in notes(&folder.join(FOLDER))?.into_iter().take(NOTES_MAX) {
        let Some(note) = read(&path) else {
            tracing::error!(path = %path.display(), "A note of managed records can't be read and is set aside.");
            fs::rename(&path, path.with_extension("damaged"))?;
            continue;
        };
        let body = Body::new().json(Section::Managed, &note).into_bytes();
        let entry = Entry::new(Kind::Administrative, new_id(now), body);
        journal.append(entry).wait().map_err(io::Error::other)?;
        fs::remove_file(&path)?;
        written.push(note);
    }
    Ok(written)
}

/// The notes that wait, the earlier first.
fn notes(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(END)).collect();
    names.sort_unstable();
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

fn read(path: &Path) -> Option<Note> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::record::section;
    use crate::journal::storage::FileStorage;
    use crate::journal::{Options, Reader};

    fn note(stage: Stage) -> Note {
        Note {
            matter: Uuid::from_u128(7),
            stage,
            at: Timestamp::UNIX_EPOCH,
            environment: Environment::Training,
            operation: "withdraw".to_owned(),
            end_user: Personal::from("o'neil"),
            records: vec!["00".repeat(16)],
            reference_in_country: None,
            request_id: None,
            list: None,
            count: Some(1),
            outcome: None,
        }
    }

    // Proves that both notes of a command are written down once, in order, and are gone then, and that one that makes no
    // sense is set aside and not in the way of others.
    #[test]
    fn notes_are_written_down_once() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Arc::new(FileStorage::create(folder.path()).unwrap());
        let (journal, _) =
            Journal::open(storage.clone(), &Options::new(2, Uuid::from_u128(1)), |_| {}).unwrap();
        let write = || journal_notes(folder.path(), &journal, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(write(), []);
        leave_note(folder.path(), &note(Stage::Ended)).unwrap();
        leave_note(folder.path(), &note(Stage::Asked)).unwrap();
        fs::write(folder.path().join("wisdm-notes/0.json"), b"{}").unwrap();
        assert_eq!(write(), [note(Stage::Asked), note(Stage::Ended)]);
        assert_eq!(write(), []);
        assert!(folder.path().join("wisdm-notes/0.damaged").exists());
        journal.close().unwrap();
        let found: Vec<Note> = Reader::new(storage)
            .unwrap()
            .map(|read| read.unwrap().unwrap())
            .filter_map(|record| serde_json::from_slice(section(&record.body, Section::Managed)?).ok())
            .collect();
        assert_eq!(found, [note(Stage::Asked), note(Stage::Ended)]);
        assert!(!format!("{:?}", found[0]).contains("neil"));
    }
}
