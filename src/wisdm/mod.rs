//! The country's own documents at INTERPOL: reported, corrected, withdrawn.
//!
//! Who enters a document answers for it: a number that was typed wrongly stops a stranger at a border on the other side of
//! the world, and a record that is not withdrawn stops its owner. So every field is checked before anything is sent
//! ([`rules`]), every objection of the service has a name ([`WisdmError`]), changes go by the id that a search gave, and
//! what removes records by the thousand asks a person who saw the count ([`init`]). The names of the wire are the
//! profile's, as everywhere.

mod bulk;
mod client;
mod document;
mod error;
pub mod init;
mod lane;
mod note;
mod reply;
mod request;
pub mod rules;

#[cfg(test)]
mod tests;

pub use crate::find::profile::{ActionKind, Fraud, Functional};
pub use bulk::{
    Bulk, BulkError, COLUMNS, Checked, Event, Faulty, Order, Outcome, Progress, RowFault, Summary, read_rows,
};
pub use client::{Done, Speed, Told, Wisdm};
pub use document::{Document, Draft, Held};
pub use error::{OpenError, WisdmError};
pub use lane::{Act, DocumentsHandler};
pub use note::{Note, Stage, journal_notes, leave_note};
pub use reply::{Action, Statistics};
pub use request::Sender;
