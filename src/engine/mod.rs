//! One message's trip: from a frame to a durable answer.
//!
//! A lane hands over frames; what happens to one stands in [`LaneHandler`]. The order of the steps is the promise: the
//! grant is checked before anything is asked, the outcome is stripped before the adapter sees it, the answer is durable
//! before the lane gets it. Whatever fails on the way ends in the adapter's native refusal, which asserts nothing.

mod duplicates;
mod handler;
mod late;
mod parts;
mod recent;
pub mod record;
mod stats;

pub use duplicates::{Content, Duplicates, SenderKey, Sent};
pub use handler::{LaneHandler, LaneSettings, Shared};
pub use late::{LateRecord, record_late};
pub(crate) use recent::recents;
pub use recent::{Recent, Recents};
pub use record::{Body, Section};
pub use stats::{Figures, LaneStats, Percentiles, Stats};
