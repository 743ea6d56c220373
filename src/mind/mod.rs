//! MIND: the local copy, answering in the time of one memory access when INTERPOL can't be asked, or before it is.
//!
//! A *state* is what a dataset holds at one version. It stands in a folder of immutable files: a signed [manifest](Manifest),
//! and a *base* (a [table] that finds the records of a number in one cache line, and their ids), a *delta* from the
//! version before, or both. A state is built from a feed ([`build()`]) or as the change of another ([`build_changes`],
//! [`build_differences`]), becomes visible by a rename, is opened memory-mapped ([`struct@Copy`]), and served as a source of
//! answers ([`Mind`]) that is replaced by one atomic swap.
//!
//! What must hold, in the order of its weight:
//!
//! * **Silence is evidence only if all of it was looked at.** A page is checked against the signed root before a byte of
//!   it is believed; a page that fails answers `not checked (copy damaged)`. No record is said of databases that the
//!   manifest holds in full, and until it expires. No flipped bit turns a match into silence, nor does a wrong key.
//! * **Matches are told whatever else fails.** A damaged id, or damage to another record, does not hide one.
//! * **A stolen disk tells nothing.** Records are sealed, numbers are never written, and what could try a number is a key
//!   that is not there ([`seal`]).
//! * **Training never answers production**, and a state that the publisher did not sign answers nothing.
//! * **A state is what its manifest says wherever it was made**: layout and order follow from the records, so a fold is
//!   checked against the publisher's word.
//!
//! The layout is described byte by byte in `docs/copy-format.md`.

mod answer;
mod base;
mod build;
pub mod bundle;
mod copy;
mod dataset;
mod delta;
mod disk;
mod entry;
pub mod feed;
mod feed_reader;
mod fold;
mod folder;
pub(crate) mod hex;
pub mod hub;
mod identifier;
mod ids;
mod install;
mod intake;
pub mod keyring;
mod lookup;
mod manifest;
mod map;
pub mod names;
mod overlay;
mod pages;
mod persons;
mod publish;
mod record;
mod rows;
mod seal;
mod self_test;
mod serve;
pub mod source;
mod spill;
mod state;
mod state_manifest;
mod table;
pub mod trust;
mod withdrawn;

pub use build::{BuildError, BuildOptions, Progress, build};
pub use copy::{Copy, Generation, Opening};
pub use dataset::Dataset;
pub use fold::{Difference, FoldOptions, diff};
pub use folder::versions;
pub use identifier::{Identifier, Kind};
pub use install::{Installed, install};
pub use lookup::Presence;
pub use manifest::{Coverage, DeltaState, FORMAT, Holding, Info, Manifest};
pub use pages::FileState;
pub use persons::{PersonsCopy, PersonsFile, PersonsManifest, build_persons};
pub use publish::{Outcome, build_changes, build_differences};
pub use record::{Codes, Record};
pub use rows::{COLUMNS, Layout, RowError};
pub use serve::{FoldSettings, Mind, MindOptions, Purged, Reload, open_generation, purge};
pub use withdrawn::{Withdrawal, Withdrawn, Withdrew};

#[cfg(test)]
mod tests;
