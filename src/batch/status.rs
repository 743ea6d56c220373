//! What is told of a batch.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchState {
    /// Its rows are asked.
    Running,
    /// It waits for FIND, which rests after failures or is held open by an operator.
    WaitsForFind,
    /// It waits for a grant: the document has expired, or none of the client is in force.
    WaitsForGrant,
    /// It waits for its policy, which the configuration does not have any more.
    WaitsForPolicy,
    /// It waits for the journal, which can't be written.
    WaitsForJournal,
    /// Nothing more of it is asked, and what is under way comes to its end.
    Ending,
    /// Nothing more is asked, and its results are being written.
    Writing,
    /// Every row has its result, and the results are written.
    Done,
    /// It was cancelled, and the results so far are written.
    Cancelled,
    /// Its file is gone or is another one than was handed over; the results so far can be had.
    FileChanged,
    /// Nothing more is asked, and its results could not be written: ask for them when there is room.
    NotWritten,
}

impl BatchState {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::WaitsForFind => "waits_for_find",
            Self::WaitsForGrant => "waits_for_grant",
            Self::WaitsForPolicy => "waits_for_policy",
            Self::WaitsForJournal => "waits_for_journal",
            Self::Ending => "ending",
            Self::Writing => "writing",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::FileChanged => "file_changed",
            Self::NotWritten => "not_written",
        }
    }

    /// Whether nothing changes any more by itself.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::FileChanged | Self::NotWritten)
    }
}

/// A batch as operators see it. It holds nothing of its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchStatus {
    /// Its id.
    pub id: Uuid,
    /// The file's name.
    pub name: String,
    /// The client under whose grant is asked.
    pub client: String,
    /// The policy by which is asked.
    pub policy: String,
    /// When it was handed over.
    pub at: Timestamp,
    /// How it stands.
    pub state: BatchState,
    /// Its rows.
    pub rows: u64,
    /// Rows that were screened.
    pub screened: u64,
    /// Rows that could not be read and were refused.
    pub refused: u64,
    /// Rows with a hit or a possible one.
    pub hits: u64,
    /// Rows a second over the last half minute.
    pub rate_per_s: f64,
    /// The time that is left at this rate, in seconds, if there is one.
    pub left_s: Option<u64>,
}

impl BatchStatus {
    /// Rows that have their result.
    pub const fn done(&self) -> u64 {
        self.screened + self.refused
    }
}
