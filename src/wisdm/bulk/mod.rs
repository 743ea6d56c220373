//! Lists of documents, reported one by one.
//!
//! All rows are checked before the first is sent. What is about to be sent is written into a progress file first and made
//! durable, and what came of it afterwards; so a run that was killed goes on where it was, and only what was under way is
//! asked twice. Being asked twice does no harm: the service has one record of a number and type, objects to a second
//! report, and the record that it has is compared with the row.

mod progress;
mod rows;

use std::fmt;
use std::io;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::client::Wisdm;
use super::document::Document;
use super::error::WisdmError;
use super::request::Sender;
use crate::find::profile::Functional;

pub use progress::{Outcome, Progress};
pub use rows::{COLUMNS, Checked, Faulty, RowFault, read_rows};

/// How often a row is asked in one run, if what prevents it passes.
const ATTEMPTS_MAX: u32 = 5;
/// How long is waited before the second attempt; it doubles.
const PAUSE: Duration = Duration::from_millis(500);

/// How a list is worked off.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Requests at once, 1 to 64.
    pub concurrency: usize,
    /// Whether a record that is there already is corrected by the row.
    pub correct: bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Rows that are settled.
    pub done: u64,
    /// Rows of the list.
    pub of: u64,
}

/// What came of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Reported in this run or before.
    pub reported: u64,
    /// There already, as the row says.
    pub present: u64,
    /// There already, and corrected.
    pub corrected: u64,
    /// Rows that the service objects to: the line, and the objection's name.
    pub objected: Vec<(u64, String)>,
    /// Rows that are not settled.
    pub open: u64,
    /// Why the run ended before its end.
    pub stopped: Option<WisdmError>,
}

/// Why a list can't be worked off.
#[derive(Debug)]
pub enum BulkError {
    /// The progress file can't be read or written. Remedy: as the system says.
    File(io::Error),
    /// The progress file is another list's, or the list was changed since. Remedy: name another file by `--progress`.
    OtherList,
    /// Another run works on the list. Remedy: wait for it.
    InUse,
    /// The progress file is damaged before its end. Remedy: put it aside; rows that were reported are objected to as
    /// already present then.
    Damaged,
}

impl BulkError {
    /// The stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File(_) => "progress_file",
            Self::OtherList => "progress_of_another_list",
            Self::InUse => "progress_in_use",
            Self::Damaged => "progress_damaged",
        }
    }
}

impl From<io::Error> for BulkError {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl fmt::Display for BulkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "the progress file: {error}"),
            Self::OtherList => {
                f.write_str("the progress file is of another list, or the list was changed since")
            }
            Self::InUse => f.write_str("another run works on this list"),
            Self::Damaged => f.write_str("the progress file is damaged"),
        }
    }
}

impl std::error::Error for BulkError {}

/// A list under work.
pub struct Bulk<'a> {
    /// The service.
    pub wisdm: &'a Wisdm,
    /// Who asks.
    pub sender: &'a Sender,
    /// How it is worked off.
    pub order: Order,
}

impl Bulk<'_> {
    /// Works the rows off that are not settled yet, and tells how far it is after each.
    ///
    /// # Errors
    /// The progress file can't be written: nothing more is sent then.
    pub async fn run(
        &self,
        rows: &[(u64, Document)],
        progress: &mut Progress,
        mut tell: impl FnMut(Event),
    ) -> Result<Summary, BulkError> {
        let of = rows.len() as u64;
        let mut waiting = rows.iter().filter(|(line, _)| !progress.is_done(*line)).collect::<Vec<_>>();
        waiting.reverse();
        let concurrency = self.order.concurrency.clamp(1, 64);
        let mut under_way = FuturesUnordered::new();
        let mut stopped = None;
        loop {
            // Rows go out in groups, as each group costs one wait for the disk.
            if stopped.is_none() && under_way.len() <= concurrency / 2 {
                let free = waiting.len().min(concurrency - under_way.len());
                let group = waiting.split_off(waiting.len() - free);
                let in_doubt: Vec<bool> = group.iter().map(|(line, _)| progress.is_intended(*line)).collect();
                progress.intend(group.iter().rev().map(|(line, _)| *line))?;
                under_way.extend(group.into_iter().zip(in_doubt).rev().map(
                    |((line, document), in_doubt)| {
                        self.settle(document, in_doubt).map(|outcome| (*line, outcome))
                    },
                ));
            }
            let mut ended = under_way.next().await;
            if ended.is_none() {
                break;
            }
            while let Some((line, outcome)) = ended {
                match outcome {
                    Ok(outcome) => progress.settle(line, &outcome)?,
                    Err(error) => stopped = stopped.or(Some(error)),
                }
                tell(Event { done: progress.done(), of });
                ended = under_way.next().now_or_never().flatten();
            }
        }
        progress.sync()?;
        Ok(progress.summary(rows.iter().map(|(line, _)| *line), stopped))
    }

    /// Reports a row, again if what prevents it passes.
    async fn settle(&self, document: &Document, mut in_doubt: bool) -> Result<Outcome, WisdmError> {
        let mut attempt = 1;
        loop {
            match self.report(document, in_doubt).await {
                Err(error) if error.passes() && attempt < ATTEMPTS_MAX => in_doubt |= error.in_doubt(),
                settled => return settled,
            }
            tokio::time::sleep(PAUSE * 2_u32.pow(attempt - 1)).await;
            attempt += 1;
        }
    }

    async fn report(&self, document: &Document, in_doubt: bool) -> Result<Outcome, WisdmError> {
        match self.wisdm.report(document, self.sender).await {
            Ok(_) => Ok(Outcome::Reported),
            Err(WisdmError::Objection(Functional::NumberAlreadyPresent)) if in_doubt => {
                self.compare(document).await
            }
            Err(WisdmError::Objection(Functional::NumberAlreadyPresent)) if self.order.correct => {
                self.correct(document).await
            }
            Err(WisdmError::Objection(functional)) => Ok(Outcome::Objected(functional.code().to_owned())),
            Err(WisdmError::UnknownObjection(name)) => Ok(Outcome::Objected(name)),
            Err(error) => Err(error),
        }
    }

    /// The row may have been reported before: so says the record that is there.
    async fn compare(&self, document: &Document) -> Result<Outcome, WisdmError> {
        let found = self.wisdm.find(&document.number, Some(&document.doc_type), self.sender).await?;
        let held = self.wisdm.retrieve(&found.id, self.sender).await?.told;
        let same = held.fraud == Some(document.fraud)
            && held.theft_date == document.theft_date
            && held.theft_country == document.theft_country;
        if same {
            return Ok(Outcome::Present);
        }
        if self.order.correct {
            return self.correct(document).await;
        }
        Ok(Outcome::Objected(Functional::NumberAlreadyPresent.code().to_owned()))
    }

    async fn correct(&self, document: &Document) -> Result<Outcome, WisdmError> {
        let found = self.wisdm.find(&document.number, Some(&document.doc_type), self.sender).await?;
        match self.wisdm.correct(&found.id, document, self.sender).await {
            Ok(_) => Ok(Outcome::Corrected),
            Err(WisdmError::Objection(functional)) => Ok(Outcome::Objected(functional.code().to_owned())),
            Err(error) => Err(error),
        }
    }
}
