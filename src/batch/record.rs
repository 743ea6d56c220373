//! What the journal holds of a batch.

use aws_lc_rs::digest;
use jiff::Timestamp;
use postern_sdk::{Context, Reference};
use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::engine::record::{Section, section};

/// What a row's reference is made under, so that no other id is ever made of the same bytes.
const REFERENCE_LABEL: &[u8] = b"postern batch row 1";

/// A step of a batch, in the record of what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchRecord {
    /// A batch was handed over: an administrative record whose matter is the batch.
    Submitted(Box<Submission>),
    /// A row will be asked: a record of the kind Inbox whose matter is the row's reference.
    Begun(RowMark),
    /// A row has its result, in the record of its screening or refusal.
    Answered {
        /// Which row.
        row: RowMark,
        /// Whether there is a hit or a possible one.
        hit: bool,
    },
    /// Nothing more is asked of a batch: an administrative record whose matter is the batch.
    Ended {
        /// The batch.
        batch: Uuid,
        /// How it ended.
        end: End,
    },
}

/// A row of a batch, and how often it was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowMark {
    /// The batch.
    pub batch: Uuid,
    /// The row's line in the file, from 1.
    pub line: u64,
    /// Which attempt it is, from 1.
    pub attempt: u32,
}

/// How a batch ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Every row has its result.
    Done,
    /// An operator cancelled it.
    Cancelled {
        /// The operator's user on the machine.
        uid: u32,
    },
    /// Its file is gone or is another one.
    FileChanged,
}

/// A batch as it was handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Its id.
    pub id: Uuid,
    /// The file's name, for people.
    pub name: String,
    /// How the file is written.
    pub format: Format,
    /// The SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Its rows.
    pub rows: u64,
    /// The policy by which is asked.
    pub policy: String,
    /// Who asks, where and why.
    pub context: Context,
    /// Rows a second at most; none: what all batches together may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_s_max: Option<u32>,
    /// When it was handed over.
    pub at: Timestamp,
    /// The operator's user on the machine.
    pub uid: u32,
}

/// How a file of rows is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A line of column names, then a row a line.
    Csv,
    /// A JSON object a line.
    Jsonl,
}

impl Format {
    /// The end of such files' names.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }
}

impl BatchRecord {
    /// Reads it from a record's body. None if the record is not of a batch.
    pub fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(section(body, Section::Batch)?).ok()
    }
}

/// The reference of a row: the same whenever it is asked, and of no other row.
pub fn row_reference(batch: Uuid, line: u64) -> Reference {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [REFERENCE_LABEL, batch.as_bytes(), &line.to_be_bytes()] {
        context.update(part);
    }
    let hash = context.finish();
    let bytes = hash.as_ref().first_chunk().expect("a SHA-256 hash has 32 bytes");
    Reference(Builder::from_custom_bytes(*bytes).into_uuid())
}
