//! Importers: what brings other people's data into the form that a copy is built from.
//!
//! A publisher builds states without a person from [feeds](Feed) that appear in a [watched](Watcher) folder; a
//! [`Source`] fetches them there over HTTPS. What must hold, in the order of its weight:
//!
//! * **No half of a feed is taken for the whole.** A feed is taken when its writer says that it is complete, never while
//!   it changes, and not if it is far smaller than the state before.
//! * **No change is left out or applied twice.** What was begun stands in the [ledger](Ledger) before it is built, so a
//!   crash at any point repeats or finishes it; what was applied is known by its digest; after changes that were refused,
//!   later ones wait.
//! * **Old data is never made young**: a feed says when it was extracted, and nothing is guessed.
//! * **A faulty feed changes nothing.** It is put aside with a report that names lines and codes, never content.

mod fault;
mod fetch_error;
mod https;
mod inbox;
mod ledger;
mod name;
pub mod notices;
mod publisher;
mod settings;
mod tidy;
mod watch;

pub use fault::{Fault, Trouble};
pub use fetch_error::FetchError;
pub use https::{Fetched, Source};
pub use ledger::Ledger;
pub use name::{Build, Feed, FeedName};
pub use settings::{
    CopySettings, DatasetSettings, FeedSettings, FolderSettings, SignalledBy, SourceLimits, SourceSettings,
};
pub use watch::{Pass, Watcher};

#[cfg(test)]
mod https_tests;
#[cfg(test)]
mod notices_feed_tests;
#[cfg(test)]
mod tests;
