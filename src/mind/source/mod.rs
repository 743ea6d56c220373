//! The edge's side of distribution: pulls the copy from a hub, and asks to be enrolled there.
//!
//! Nothing of what comes is believed before it is signed: roots lead on from the pinned one, a manifest's signatures are
//! checked and its state admitted before its files are fetched, files are taken up to the size that it says and no
//! byte further, and a state becomes visible only after every byte was checked ([`install`](crate::mind::install())).

mod error;
mod link;
mod pull;
mod run;

pub use error::PullError;
pub use link::{Link, address};
pub use pull::Pulled;
pub use run::{Source, TellPurged};
