//! MIND: the local copy, answering in the time of one memory access when INTERPOL can't be asked, or before it is.
//!
//! A *snapshot* is a folder of immutable files: a `table` that finds the records of a document number in one cache
//! line, the record ids, the hashes of all `pages`, and a signed [manifest](Manifest). It is built from a feed
//! ([`build`]), becomes visible by a rename, is opened memory-mapped ([`Copy`]), and served as a source of answers
//! ([`Mind`]) that is replaced by one atomic swap.
//!
//! What must hold, in the order of its weight:
//!
//! * **Silence is evidence only if all of it was looked at.** A page is checked against the signed root before a byte of
//!   it is believed; a page that fails answers `not checked (copy damaged)`. No record is said of databases that the
//!   manifest holds in full, and until it expires. No flipped bit turns a match into silence.
//! * **Matches are told whatever else fails.** A damaged id, or damage to another record, does not hide one.
//! * **Training never answers production**, and a snapshot that the publisher did not sign answers nothing.
//! * **A document number is never written.** The table holds 88 bits of a keyed function of it.
//!
//! The layout is described byte by byte in `docs/copy-format.md`.

mod build;
mod copy;
mod hex;
mod ids;
mod locator;
mod manifest;
mod map;
mod pages;
mod record;
mod rows;
mod serve;
mod table;

pub use build::{BuildError, BuildOptions, Progress, RECORDS_MAX, build};
pub use copy::{Copy, OpenError, verify};
pub use manifest::{Coverage, FORMAT, Holding, Info, Manifest};
pub use pages::FileState;
pub use record::{Codes, Record};
pub use rows::{COLUMNS, RowError};
pub use serve::{DOCUMENTS, Mind, MindOptions, Reload, newest};

#[cfg(test)]
mod tests;
