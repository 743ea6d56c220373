//! Importers: what brings other people's data into the form that a copy is built from.

pub mod notices;
