//! From a subject to an outcome: plan, look up, merge.
//!
//! The heart of this room is pure. [`plan`](plan()) turns the subjects of an exchange into queries; an [`Inquiry`] decides
//! for one subject whom to ask when and what the answers come to. Neither waits, reads a clock or touches a source. The
//! [`Screener`] is the thin shell around them: it asks, wakes them in time, and takes what comes too late.
//!
//! Invariant: `no record` leaves this room for a database only if every planned query of it was answered so, by FIND or
//! by a copy young enough whose word the mode lets stand. Everything else is hits or `not checked`, with a reason.

mod follow;
mod grade;
mod inquiry;
mod plan;
mod policy;
mod shell;
mod source;
mod word;

#[cfg(test)]
mod tests;

pub use follow::{Follow, Place, sampled};
pub use grade::{PersonRecord, ThingRecord, ceiling, grade, grade_person, grade_thing};
pub use inquiry::{Given, Inquiry, Sources, Step};
pub use plan::{Plan, QUERIES_MAX, plan};
pub use policy::{Ages, Mode, Policy, holds};
pub use shell::{Late, LateSink, Order, Screened, Screener};
pub use source::{Answers, Ask, Lookup};
#[cfg(test)]
pub(crate) use word::copy_may_replace;
