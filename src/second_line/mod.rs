//! What somebody of the second line asks for by name: the record behind a hit in full, and its files.
//!
//! `POST /v1/details` and `POST /v1/files` on a lane over HTTP, for a client that sees everything and whose grant has the
//! operation. Both belong to a screening that this instance has in its journal ([`exchange`]): its purpose, its silence and,
//! unless another is named, its end user come along, and only a record that it hit can be had, and only a file that this
//! record names. What is about to be asked stands in the journal before it is asked, and what came of it before it is told
//! ([`note`]); of a file its hash and length, not its bytes.
//!
//! Nobody waits at a gate for it: a file has places and time limits of its own, and takes none of a screening's.

mod asked;
mod exchange;
mod lane;
mod note;
mod refusal;
mod told;

#[cfg(test)]
mod tests;

pub use asked::What;
pub use lane::{FetchHandler, Looking};
pub use note::{FetchNote, FetchedFile, Stage};
pub use refusal::Refusal;
