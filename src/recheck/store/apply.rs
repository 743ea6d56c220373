//! How a change is written.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Transaction, params, params_from_iter};

use super::super::change::{Change, Question, Spot};
use super::read_position;
use crate::journal::{Mark, Position};
use crate::screening::Place;

/// How long a settling is kept whose place is not open yet: a late answer may be recorded before its screening.
const EARLY_MS_MAX: i64 = 3_600_000;

/// How long a site's screening is remembered for the record of what is open of it. It follows at once, unless an import was
/// broken off.
const QUESTION_MS_MAX: i64 = 7 * 86_400_000;

/// Forgets what is remembered no longer at the time of a record. It happens with the records that change something, so that
/// it depends on the journal alone and not on how it was read.
pub(super) fn forget(transaction: &Transaction<'_>, time_ms: i64) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM early WHERE at_ms < ?1", [time_ms - EARLY_MS_MAX])?;
    transaction.execute("DELETE FROM question WHERE at_ms < ?1", [time_ms - QUESTION_MS_MAX])?;
    Ok(())
}

/// Applies a change of a record of this time.
pub(super) fn apply(transaction: &Transaction<'_>, change: &Change, time_ms: i64) -> rusqlite::Result<()> {
    match change {
        Change::Open { spot, at, raised_ms, late } => open(transaction, spot, *at, *raised_ms, *late),
        Change::Settle { spot } => {
            let removed = on(transaction, "DELETE FROM place", spot, [])?;
            if removed == 0 { early(transaction, spot, true, time_ms) } else { Ok(()) }
        }
        Change::Told { spot } => {
            let told = on(transaction, "UPDATE place SET told = 1", spot, [])?;
            if told == 0 { early(transaction, spot, false, time_ms) } else { Ok(()) }
        }
        Change::Tried { spot, attempt, tried_ms, due_ms, link } => {
            let sql = "UPDATE place SET attempts = ?5, tried_ms = ?6, due_ms = ?7, link = ?8";
            let values = [i64::from(*attempt), *tried_ms, *due_ms, i64::from(*link)];
            on(transaction, sql, spot, values).map(|_| ())
        }
        Change::Question { matter, at } => {
            let sql = "INSERT OR REPLACE INTO question VALUES (?1, ?2, ?3, ?4, ?5)";
            let [sequence, segment, offset] = numbers(*at);
            transaction
                .execute(sql, params![matter.as_bytes(), sequence, segment, offset, time_ms])
                .map(|_| ())
        }
    }
}

fn open(
    transaction: &Transaction<'_>,
    spot: &Spot,
    at: Question,
    raised_ms: i64,
    late: bool,
) -> rusqlite::Result<()> {
    let Spot { matter, subject, place: Place { query, database } } = spot;
    let key = params![matter.as_bytes(), subject, query, database.code()];
    let sql = "DELETE FROM early WHERE matter = ?1 AND subject = ?2 AND query = ?3 AND database = ?4 \
               RETURNING settled";
    let settled: Option<bool> = transaction.query_row(sql, key, |row| row.get(0)).optional()?;
    if settled == Some(true) {
        return Ok(());
    }
    let sql = "INSERT OR IGNORE INTO place \
               (matter, subject, query, database, sequence, segment, offset, raised_ms, late, told) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let [sequence, segment, offset] = numbers(position(transaction, spot, at)?);
    let told = settled.is_some();
    transaction.execute(
        sql,
        params![
            matter.as_bytes(),
            subject,
            query,
            database.code(),
            sequence,
            segment,
            offset,
            raised_ms,
            late,
            told
        ],
    )?;
    Ok(())
}

fn position(transaction: &Transaction<'_>, spot: &Spot, at: Question) -> rusqlite::Result<Position> {
    let told = match at {
        Question::At(position) => return Ok(position),
        Question::OfSite(told) => told,
    };
    let sql = "SELECT sequence, segment, offset FROM question WHERE matter = ?1";
    let found = transaction.query_row(sql, [spot.matter.as_bytes()], |row| read_position(row, 0));
    Ok(found.optional()?.unwrap_or(told))
}

fn numbers(at: Position) -> [i64; 3] {
    [at.sequence, at.segment, at.offset].map(u64::cast_signed)
}

/// A settling, or a hit told, of a place that is not open yet.
fn early(transaction: &Transaction<'_>, spot: &Spot, settled: bool, at_ms: i64) -> rusqlite::Result<()> {
    let Spot { matter, subject, place: Place { query, database } } = spot;
    let sql = "INSERT INTO early (matter, subject, query, database, settled, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT DO UPDATE SET settled = max(settled, excluded.settled), at_ms = excluded.at_ms";
    transaction
        .execute(sql, params![matter.as_bytes(), subject, query, database.code(), settled, at_ms])
        .map(|_| ())
}

/// Does something on the place of a spot: the first four parameters are its key.
fn on<const N: usize>(
    transaction: &Transaction<'_>,
    what: &str,
    spot: &Spot,
    values: [i64; N],
) -> rusqlite::Result<usize> {
    let Spot { matter, subject, place: Place { query, database } } = spot;
    let sql = format!("{what} WHERE matter = ?1 AND subject = ?2 AND query = ?3 AND database = ?4");
    let key: [Value; 4] = [
        matter.as_bytes().to_vec().into(),
        (*subject).into(),
        (*query).into(),
        database.code().to_owned().into(),
    ];
    transaction.execute(&sql, params_from_iter(key.into_iter().chain(values.map(Value::from))))
}

/// Writes how far the journal was followed.
pub(super) fn write_mark(transaction: &Transaction<'_>, mark: &Mark) -> rusqlite::Result<()> {
    let [sequence, segment, offset] = numbers(mark.position);
    let sql = "INSERT OR REPLACE INTO mark VALUES (1, ?1, ?2, ?3, ?4)";
    transaction.execute(sql, params![sequence, segment, offset, &mark.hash[..]]).map(|_| ())
}
