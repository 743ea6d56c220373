//! The site's note of its last export, so that the next one goes on there.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::ReconcileError;
use super::header::Point;

/// The note of the last export, in the journal's folder.
pub const STATE_FILE: &str = "exported.json";

/// Bytes of the note at most.
const FILE_BYTES_MAX: u64 = 4 << 10;

/// The last export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The journal that was read.
    pub instance: Uuid,
    /// The bundle that was made.
    pub bundle: String,
    /// When.
    pub made: Timestamp,
    /// Its last record.
    pub to: Point,
}

/// Reads the note; none if nothing was exported yet.
///
/// # Errors
/// [`ReconcileError::StateDamaged`], or what the system says.
pub fn read_state(path: &Path) -> Result<Option<State>, ReconcileError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(ReconcileError::file(path))?,
    };
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut text).map_err(ReconcileError::file(path))?;
    let state = serde_json::from_slice(&text);
    state.map(Some).map_err(|_| ReconcileError::StateDamaged(path.to_owned()))
}

/// Writes the note in place of the one before: the old or the new one is found, never half of one.
///
/// # Errors
/// What the system says.
pub fn write_state(path: &Path, state: &State) -> Result<(), ReconcileError> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec(state)?)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(ReconcileError::file(path))
}
