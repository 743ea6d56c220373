//! Asking FIND later what could not be asked now.
//!
//! What must be asked again stands in the journal record of each screening ([`Follow::rechecks`]); nothing else is the truth.
//! This room keeps a list of what is open ([`Store`]), which is a projection: it follows the journal record by record
//! ([`mod@change`]), can be thrown away and is then the same again, and holds no personal content. A worker
//! ([`Worker`]) takes places from it, the newest first because that traveller may still be near, with a reserved share for the
//! oldest so that nothing starves ([`mod@schedule`]). It asks FIND under the original context, purpose, silence and the grant as
//! it is now ([`mod@attempt`]), and writes what came of it into the journal ([`RecheckRecord`]), from where the list hears it. The
//! worker itself never writes to the list, so a crash at any point asks at most those again that were under way.
//!
//! Live traffic goes first: the worker has a rate and a concurrency of its own, lets a service alone whose breaker is open or
//! that is busy with lanes, and rests with growing pauses while a database can't be reached ([`mod@health`]).
//!
//! [`Follow::rechecks`]: crate::screening::Follow::rechecks

mod attempt;
mod change;
mod figures;
mod health;
mod record;
mod schedule;
mod store;
mod worker;

#[cfg(test)]
mod tests;

pub use figures::{Figures, RecheckStatus};
pub use record::{Disagreement, PlaceState, RecheckRecord, Settling};
pub(crate) use schedule::Pace;
pub use store::{Store, StoreError};
pub use worker::{Parts, Services, Worker};
