//! Leaf parsers that adapters share. Each is pure, knows one format and nothing of Postern's vocabulary.

pub mod mrz;
