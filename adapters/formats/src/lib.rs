//! Leaf parsers that adapters share.

pub mod xml;
