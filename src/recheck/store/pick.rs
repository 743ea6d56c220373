//! What is asked next.

use postern_sdk::Database;
use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};
use uuid::Uuid;

use super::super::schedule::End;
use super::{Store, StoreError, read_position};
use crate::journal::Position;

/// One subject's query: what is asked in one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::recheck) struct JobKey {
    pub(in crate::recheck) matter: Uuid,
    pub(in crate::recheck) subject: u32,
    pub(in crate::recheck) query: u16,
}

/// What is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::recheck) struct Job {
    pub(in crate::recheck) key: JobKey,
    /// Where the question stands.
    pub(in crate::recheck) at: Position,
    /// The databases, and whether a hit of each was told already.
    pub(in crate::recheck) databases: Vec<(Database, bool)>,
    /// Attempts before this one.
    pub(in crate::recheck) attempts: u32,
}

/// What may be picked.
pub(in crate::recheck) struct Pick<'a> {
    pub(in crate::recheck) end: End,
    pub(in crate::recheck) now_ms: i64,
    /// How long a place waits whose live request is still under way.
    pub(in crate::recheck) late_wait_ms: i64,
    /// The databases that are not to be asked now.
    pub(in crate::recheck) blocked: &'a [Database],
    /// What is under way, or recorded and not yet applied.
    pub(in crate::recheck) taken: &'a dyn Fn(&JobKey) -> bool,
}

impl Store {
    /// The next job from one end of the list, with all its databases that may be asked now.
    pub(in crate::recheck) fn pick(&self, pick: &Pick<'_>) -> Result<Option<Job>, StoreError> {
        let order = match pick.end {
            End::Newest => "raised_ms DESC, sequence DESC, subject DESC, query DESC",
            End::Oldest => "raised_ms, sequence, subject, query",
        };
        let ready = ready(pick.blocked.len());
        let sql = format!("SELECT matter, subject, query FROM place WHERE {ready} ORDER BY {order}");
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(ready_values(pick)))?;
        while let Some(row) = rows.next()? {
            let key = read_key(row)?;
            if !(pick.taken)(&key) {
                return self.job(key, &ready, ready_values(pick));
            }
        }
        Ok(None)
    }

    /// Jobs that were raised before a time, the oldest first, whatever they wait for.
    pub(in crate::recheck) fn raised_before(
        &self,
        before_ms: i64,
        taken: &dyn Fn(&JobKey) -> bool,
        most: usize,
    ) -> Result<Vec<Job>, StoreError> {
        let sql = "SELECT DISTINCT matter, subject, query FROM place WHERE raised_ms < ?1 \
                   ORDER BY raised_ms, sequence, subject, query";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([before_ms])?;
        let mut jobs = Vec::new();
        while let Some(row) = rows.next()? {
            let key = read_key(row)?;
            if jobs.len() == most {
                break;
            }
            if !taken(&key) {
                jobs.extend(self.job(key, "1", Vec::new())?);
            }
        }
        Ok(jobs)
    }

    fn job(&self, key: JobKey, ready: &str, mut values: Vec<Value>) -> Result<Option<Job>, StoreError> {
        let at = values.len();
        let sql = format!(
            "SELECT sequence, segment, offset, attempts, database, told FROM place WHERE {ready} \
             AND matter = ?{} AND subject = ?{} AND query = ?{} ORDER BY database",
            at + 1,
            at + 2,
            at + 3
        );
        values.extend([key.matter.as_bytes().to_vec().into(), key.subject.into(), Value::from(key.query)]);
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut job: Option<Job> = None;
        while let Some(row) = rows.next()? {
            let at = read_position(row, 0)?;
            let job = job.get_or_insert(Job { key, at, databases: Vec::new(), attempts: 0 });
            job.attempts = job.attempts.max(row.get(3)?);
            let code: String = row.get(4)?;
            let database = Database::from_code(&code).unwrap_or(Database::Unknown);
            job.databases.push((database, row.get(5)?));
        }
        Ok(job)
    }
}

/// Which places may be asked now; the parameters are those of [`ready_values`].
fn ready(blocked: usize) -> String {
    let places: Vec<String> = (0..blocked).map(|n| format!("?{}", n + 3)).collect();
    format!(
        "((due_ms <= ?1 AND (late = 0 OR raised_ms + ?2 <= ?1)) OR (link = 1 AND tried_ms <= \
         (SELECT at_ms FROM temp.recovered WHERE recovered.database = place.database))) \
         AND database NOT IN ({})",
        places.join(", ")
    )
}

fn ready_values(pick: &Pick<'_>) -> Vec<Value> {
    let blocked = pick.blocked.iter().map(|database| Value::from(database.code().to_owned()));
    [pick.now_ms, pick.late_wait_ms].into_iter().map(Value::from).chain(blocked).collect()
}

fn read_key(row: &Row<'_>) -> rusqlite::Result<JobKey> {
    Ok(JobKey { matter: Uuid::from_bytes(row.get(0)?), subject: row.get(1)?, query: row.get(2)? })
}
