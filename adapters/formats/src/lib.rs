//! Leaf parsers that adapters share. Each is pure and knows one format; what they give is either the format's own or the
//! sdk's words for it.

pub mod mrz;
pub mod xml;
