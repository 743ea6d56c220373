//! Lists: a file of many questions is worked off beside the lanes, and its results are given as files.
//!
//! An operator hands a file over ([`Office`]); the daemon keeps it in its folder and writes down what was asked for. A
//! worker ([`Worker`]) takes its rows in turn with those of other batches, each at its rate and all together at one, and
//! asks the same sources as the lanes, FIND with the turns that the lanes leave ([`mod@desk`]). Before a row is asked its
//! intent is durable, and after it the answer; both name the batch and the line. So the journal tells after a crash which
//! rows were answered and which were begun ([`Ledger`]): those that were begun are asked again, under the same reference,
//! as a further attempt. A row that can't be read ([`mod@rows`], [`mod@columns`]) is refused by its line, and the others go on.
//!
//! The results are made from the journal alone ([`mod@results`]), as often as they are wanted.

mod active;
mod columns;
mod desk;
mod error;
mod folder;
mod ledger;
mod office;
mod record;
mod results;
mod rows;
mod status;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use folder::own_file;

pub use error::{BatchError, FileError};
pub use folder::{Folder, Paths};
pub use ledger::Ledger;
pub use office::{Office, Request};
pub use record::{BatchRecord, End, Format, RowMark, Submission, row_reference};
pub use status::{BatchState, BatchStatus};
pub use worker::{Parts, Services, Worker};
