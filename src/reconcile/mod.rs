//! Reconciliation: a site without a link gives its hub what happened there.
//!
//! The site screens from its copy, writes its journal, and can tell nobody. So it exports what the journal holds since the
//! last time into one file, somebody carries it, and the hub takes it into its own journal: the screenings with their
//! outcomes and hits, the late answers, and the questions that are still to be asked again.
//!
//! What must hold, in the order of its weight:
//!
//! * **Nothing is missing unnoticed.** A bundle says from which record to which it goes, with the chain's hashes; a gap
//!   between two bundles is refused until a person accepts it, and what could not be read at the site is counted.
//! * **A lost bundle tells nothing.** All but the range is sealed to the hub's key.
//! * **The hub knows who it is from.** The site signs header and sealed stream, and both are bound to each other, so that
//!   no enrolled site can pass another's records for its own.
//! * **Nothing is taken in by halves.** All is checked before the first record is written, and taking a bundle in again
//!   writes what is not there yet: nothing, if it was whole.
//!
//! The export reads the journal beside a running daemon, which journals that it happened. The import writes the hub's journal, and a journal has one
//! writer: it is done while no daemon holds it. `docs/reconcile.md` has the bytes and an operator's steps.

mod bundle;
mod content;
mod error;
mod export;
mod header;
mod import;
mod ledger;
mod note;
mod record;
mod state;
mod survey;
#[cfg(test)]
mod tests;

pub use bundle::{Bundle, FILE_BYTES_MAX};
pub use error::ReconcileError;
pub use export::{Export, Exported, RECORDS_MAX, export};
pub use header::{Header, Point, is_site_name};
pub use import::{Checked, Imported, check};
pub use ledger::{Fits, Gap, Ledger};
pub use note::{is_own, journal_notes, leave_note};
pub use record::{Counts, Departure, Import, Origin};
pub use state::{STATE_FILE, State, read_state, write_state};
