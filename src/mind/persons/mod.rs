//! Persons in the copy: a dataset that is found by name, in a state of its own beside those that are found by number.
//!
//! A state is a signed [manifest](PersonsManifest) and one file, `persons.bin`, a sealed stream of all persons. There are
//! no deltas: a state is read whole, checked whole and [indexed](super::names) in memory, where alone its names stand in
//! the clear. What is public is a part of what there is, so a person is found or not checked; nothing here can say that
//! there is no record.

mod answer;
mod build;
mod manifest;
mod open;

pub use build::build_persons;
#[cfg(test)]
pub(super) use build::build_persons_on;
pub use manifest::{PersonsFile, PersonsManifest};
pub use open::PersonsCopy;

/// The label of the key under which a generation's persons are sealed.
const KEY_LABEL: &str = "persons file";
/// Most bytes of the file: what an index of all the persons that it takes is made of.
const FILE_BYTES_MAX: u64 = 1 << 30;
