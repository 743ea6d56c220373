//! The list of open places: a projection of the journal in SQLite.
//!
//! It holds ids, clocks and journal positions, nothing of what was asked about. Each batch of records is applied in one
//! transaction together with the mark of the last one, so that a crash repeats nothing and forgets nothing. A list that
//! belongs to another journal, is of another version, or is damaged is thrown away and made anew; so it is
//! written without waiting for the disk.

mod apply;
mod pick;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use postern_sdk::Database;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::change::changes;
use crate::journal::{Mark, Position, Record, Tail};

pub(super) use pick::{Job, JobKey, Pick};

/// The version of the tables. A list of another version is made anew.
const VERSION: u32 = 1;

/// Records that are applied in one transaction at most.
const BATCH_RECORDS_MAX: usize = if cfg!(test) { 8 } else { 2_048 };

/// Transactions of one call at most, so that who waits for the list, or for an end, does not wait for a whole journal.
const BATCHES_MAX: usize = if cfg!(test) { 3 } else { 16 };

const TABLES: &str = "
CREATE TABLE place (
    matter BLOB NOT NULL, subject INTEGER NOT NULL, query INTEGER NOT NULL, database TEXT NOT NULL,
    sequence INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL,
    raised_ms INTEGER NOT NULL, late INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, tried_ms INTEGER NOT NULL DEFAULT 0, due_ms INTEGER NOT NULL DEFAULT 0,
    link INTEGER NOT NULL DEFAULT 0, told INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (matter, subject, query, database)
) WITHOUT ROWID;
CREATE INDEX place_raised ON place (raised_ms, sequence, subject, query);
CREATE TABLE early (
    matter BLOB NOT NULL, subject INTEGER NOT NULL, query INTEGER NOT NULL, database TEXT NOT NULL,
    settled INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    PRIMARY KEY (matter, subject, query, database)
) WITHOUT ROWID;
CREATE INDEX early_at ON early (at_ms);
CREATE TABLE question (
    matter BLOB PRIMARY KEY, sequence INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX question_at ON question (at_ms);
CREATE TABLE mark (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    sequence INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL, hash BLOB NOT NULL
);
";

/// Why the list can't be kept. Remedy: see that its folder is there, has room and may be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite failed.
    State(rusqlite::Error),
    /// The file can't be replaced.
    File(io::Error),
    /// The journal can't be read.
    Journal(io::Error),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(error) => write!(f, "the list of rechecks: {error}"),
            Self::File(error) => write!(f, "the file of the list of rechecks: {error}"),
            Self::Journal(error) => write!(f, "the journal: {error}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::State(error)
    }
}

/// The list.
pub struct Store {
    connection: Connection,
    path: PathBuf,
    mark: Option<Mark>,
}

impl Store {
    /// Opens the list, or makes an empty one in place of what can't be used.
    ///
    /// # Errors
    /// [`StoreError`]: neither can be had.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Self::anew(path);
        }
        Self::existing(path).or_else(|error| {
            tracing::warn!(%error, "The list of rechecks can't be used and is made anew from the journal.");
            Self::anew(path)
        })
    }

    fn existing(path: &Path) -> rusqlite::Result<Self> {
        let connection = connect(path)?;
        let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version != VERSION {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        }
        let mark = connection.query_row("SELECT * FROM mark", [], read_mark).optional()?;
        Ok(Self { connection, path: path.to_owned(), mark })
    }

    fn anew(path: &Path) -> Result<Self, StoreError> {
        for ending in ["", "-wal", "-shm", "-journal"] {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            match std::fs::remove_file(Path::new(&name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::File(error)),
                _ => {}
            }
        }
        let connection = connect(path)?;
        connection.execute_batch(&format!("BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"))?;
        Ok(Self { connection, path: path.to_owned(), mark: None })
    }

    /// How far the journal was followed.
    pub const fn mark(&self) -> Option<&Mark> {
        self.mark.as_ref()
    }

    /// Follows the journal to what `read_on` gives behind the mark. If the mark is not of this journal, the list is made
    /// anew from the first record on. False if more is left than one call takes: until the end is reached the list may hold
    /// what is settled.
    ///
    /// # Errors
    /// [`StoreError`]; what was applied before stays.
    pub fn follow(
        &mut self,
        read_on: impl Fn(Option<&Mark>) -> io::Result<Option<Tail>>,
    ) -> Result<bool, StoreError> {
        let tail = match read_on(self.mark.as_ref()).map_err(StoreError::Journal)? {
            Some(tail) => Some(tail),
            None => {
                tracing::warn!("The list of rechecks is of another journal and is made anew.");
                let path = self.path.clone();
                *self = Self::anew(&path)?;
                read_on(None).map_err(StoreError::Journal)?
            }
        };
        let mut tail = tail.into_iter().flatten();
        for _ in 0..BATCHES_MAX {
            let batch: Vec<Record> = tail
                .by_ref()
                .take(BATCH_RECORDS_MAX)
                .collect::<Result<_, _>>()
                .map_err(StoreError::Journal)?;
            let Some(last) = batch.last() else { return Ok(true) };
            let mark = Mark::behind(last);
            self.apply(&batch, mark)?;
        }
        Ok(false)
    }

    fn apply(&mut self, batch: &[Record], mark: Mark) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        for record in batch {
            let time_ms = i64::try_from(record.time_ns / 1_000_000).unwrap_or(i64::MAX);
            let changes = changes(record);
            if !changes.is_empty() {
                apply::forget(&transaction, time_ms)?;
            }
            for change in changes {
                apply::apply(&transaction, &change, time_ms)?;
            }
        }
        apply::write_mark(&transaction, &mark)?;
        transaction.commit()?;
        self.mark = Some(mark);
        Ok(())
    }

    /// What is open: how many places, and when the oldest was screened.
    pub(super) fn figures(&self) -> Result<(u64, Option<i64>), StoreError> {
        let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1)?));
        let (open, oldest) =
            self.connection.query_row("SELECT count(*), min(raised_ms) FROM place", [], read)?;
        Ok((open.unsigned_abs(), oldest))
    }

    /// An outage of the database ended: what was tried in it is due.
    pub(super) fn recovered(&self, database: Database, now_ms: i64) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO temp.recovered (database, at_ms) VALUES (?1, ?2)";
        self.connection.execute(sql, params![database.code(), now_ms])?;
        Ok(())
    }

    /// Everything in the list, as text, to compare two of them.
    #[cfg(test)]
    pub(super) fn dump(&self) -> Vec<String> {
        use rusqlite::types::Value;
        let mut lines = Vec::new();
        for table in ["place", "early", "question", "mark"] {
            let mut statement =
                self.connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2, 3, 4")).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let values: Vec<Value> = (0..columns).map(|column| row.get(column).unwrap()).collect();
                lines.push(format!("{table} {values:?}"));
            }
        }
        lines
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;
         CREATE TEMP TABLE recovered (database TEXT PRIMARY KEY, at_ms INTEGER NOT NULL);",
    )?;
    Ok(connection)
}

fn read_mark(row: &Row<'_>) -> rusqlite::Result<Mark> {
    Ok(Mark { position: read_position(row, 1)?, hash: row.get(4)? })
}

fn read_position(row: &Row<'_>, column: usize) -> rusqlite::Result<Position> {
    let number = |column| row.get(column).map(i64::cast_unsigned);
    Ok(Position { sequence: number(column)?, segment: number(column + 1)?, offset: number(column + 2)? })
}
