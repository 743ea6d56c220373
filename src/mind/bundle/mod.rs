//! The copy carried by hand: one file with roots, states, keys and withdrawals, for a site without a link.
//!
//! The file is a tar archive, so that it can be looked into with any machine's own tools, of one form: the first entry is
//! a list of all others with size and SHA-256, every header is the one that is written here, and nothing follows. So a
//! bundle that was cut or changed in any bit is refused before anything of it is looked at. Trust comes from none of
//! that: what is in it is believed by its own signatures, as if it had come over a link.
//!
//! Everything is checked before anything is changed, so that nothing is taken in by half. Taking a bundle in again
//! changes nothing.

mod archive;
mod export;
mod import;
mod item;

pub use export::{ExportError, ExportOptions, Exported, export};
pub use import::{ImportOptions, Imported, import};
