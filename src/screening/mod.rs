//! From a subject to an outcome: plan, look up, merge.

mod policy;
mod source;

pub use policy::{Ages, Mode, Policy, holds};
pub use source::{Answers, Ask, Lookup};
