//! That something was exported, noted for the journal.
//!
//! An export reads the journal beside a daemon that holds it, and a journal has one writer. So the export leaves a note in
//! the journal's folder, and who holds the journal writes it down and removes it. A crash in between writes it twice,
//! under the same bundle; it is never lost.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::ReconcileError;
use super::record::Departure;
use crate::engine::record::{Body, Section};
use crate::ids::new_id;
use crate::journal::{Entry, Journal, Kind};

/// What the names of notes begin and end with; between stands the bundle.
const NAME: (&str, &str) = ("exported-", ".json");

/// Bytes of a note at most.
const FILE_BYTES_MAX: u64 = 4 << 10;

/// Notes that are written down at once at most; the next time goes on.
const NOTES_MAX: usize = 256;

/// Leaves a note in the journal's folder.
///
/// # Errors
/// What the system says.
pub fn leave_note(folder: &Path, departure: &Departure) -> Result<(), ReconcileError> {
    let path = folder.join(format!("{}{}{}", NAME.0, departure.bundle, NAME.1));
    let temporary = path.with_extension("new");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec(departure)?)?;
        // The daemon may run as another user than the operator.
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(ReconcileError::file(&path))
}

/// Whether what is written into the folder by this process belongs to whom the folder belongs to. What another user writes
/// into a journal, its daemon could not open.
pub fn is_own(folder: &Path, departure: &Departure) -> bool {
    let owner = |path: &Path| fs::metadata(path).map(|about| about.uid()).ok();
    let note = folder.join(format!("{}{}{}", NAME.0, departure.bundle, NAME.1));
    owner(folder).is_some_and(|uid| owner(&note) == Some(uid))
}

/// Writes the notes that are in the journal's folder into the journal, and removes them. It blocks.
///
/// # Errors
/// [`ReconcileError::Commit`], or what the system says; what was not written down waits.
pub fn journal_notes(
    folder: &Path,
    journal: &Journal,
    now: Timestamp,
) -> Result<Vec<Departure>, ReconcileError> {
    let mut written = Vec::new();
    for path in notes(folder)?.into_iter().take(NOTES_MAX) {
        let Some(departure) = read(&path) else {
            tracing::error!(path = %path.display(), "The note of an export can't be read and is set aside.");
            fs::rename(&path, path.with_extension("damaged")).map_err(ReconcileError::file(&path))?;
            continue;
        };
        let body = Body::new().json(Section::Departure, &departure).into_bytes();
        let entry = Entry::new(Kind::Administrative, new_id(now), body);
        journal.append(entry).wait().map_err(ReconcileError::Commit)?;
        fs::remove_file(&path).map_err(ReconcileError::file(&path))?;
        written.push(departure);
    }
    Ok(written)
}

fn notes(folder: &Path) -> Result<Vec<PathBuf>, ReconcileError> {
    let entries = fs::read_dir(folder).map_err(ReconcileError::file(folder))?;
    let is_note = |name: &str| name.starts_with(NAME.0) && name.ends_with(NAME.1);
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter(|name| is_note(name)).map(|name| folder.join(name)).collect())
}

fn read(path: &Path) -> Option<Departure> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::engine::record::section;
    use crate::journal::storage::FileStorage;
    use crate::journal::{Options, Reader};
    use crate::reconcile::{Counts, Point};

    fn departure(bundle: &str) -> Departure {
        Departure {
            bundle: bundle.to_owned(),
            site: "harbour-2".to_owned(),
            signer: "00112233".to_owned(),
            made: Timestamp::UNIX_EPOCH,
            from: Point::START,
            to: Point { segment: 1, sequence: 7, hash: [3; 32] },
            counts: Counts { records: 7, ..Counts::default() },
        }
    }

    // Proves that each note is written down once and is gone then, and that one that makes no sense is set aside, not
    // written down and not in the way of others.
    #[test]
    fn notes_are_written_down_once() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Arc::new(FileStorage::create(folder.path()).unwrap());
        let options = Options::new(2, Uuid::from_u128(1));
        let (journal, _) = Journal::open(storage.clone(), &options, |_| {}).unwrap();
        let write = || journal_notes(folder.path(), &journal, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(write(), []);
        leave_note(folder.path(), &departure("a")).unwrap();
        leave_note(folder.path(), &departure("b")).unwrap();
        assert!(is_own(folder.path(), &departure("a")) && !is_own(folder.path(), &departure("c")));
        fs::write(folder.path().join("exported-c.json"), b"{\"bundle\":\"c\"}").unwrap();
        let mut written = write();
        written.sort_by(|a, b| a.bundle.cmp(&b.bundle));
        assert_eq!(written, [departure("a"), departure("b")]);
        assert_eq!(write(), []);
        assert!(folder.path().join("exported-c.damaged").exists());
        journal.close().unwrap();
        let mut found: Vec<Departure> = Reader::new(storage)
            .unwrap()
            .map(|read| read.unwrap().unwrap())
            .filter(|record| record.kind == Kind::Administrative)
            .filter_map(|record| serde_json::from_slice(section(&record.body, Section::Departure)?).ok())
            .collect();
        found.sort_by(|a, b| a.bundle.cmp(&b.bundle));
        assert_eq!(found, [departure("a"), departure("b")]);
    }
}
