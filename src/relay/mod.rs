//! The hub's side of asking FIND by way of a hub: edges ask, and this instance asks INTERPOL for them.
//!
//! It listens at an address of its own, not at that of the copy's distribution: questions are many, small and urgent, downloads
//! few, large and patient, and neither may take the other's connections; whom the grants let ask is another matter than whose
//! key may open the copy; and a hub can do one without the other. The transport is that of a lane over HTTP. What must hold:
//!
//! * **An edge is who its certificate says**, and nobody who is not named in the configuration is served.
//! * **The hub's grants decide**, by the edge's name, for site, purpose, operation and database of each question, whatever the
//!   edge's own document says. An edge's view decides whether it gets records or match classes.
//! * **An edge has its share**: turns at a rate, and places. What is over it is refused at once and costs nobody else anything.
//! * **No answer leaves before it is durable here**, under the reference that the edge's own journal has. A question that was
//!   asked is recorded even if the edge has hung up.
//! * Who, where and why go on to INTERPOL as the edge said them; details and silence are decided here, as for a lane.

mod desk;
mod edge;
mod record;
mod refusal;

#[cfg(test)]
mod tests;

pub use desk::{Desk, Sources};
pub use edge::EdgeStatus;
pub use record::RelayRecord;
pub use refusal::Refusal;
