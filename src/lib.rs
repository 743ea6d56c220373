//! Postern connects national border-control systems to INTERPOL's databases.
//!
//! The rooms of the house, from the top down; a room knows what stands below it, never above. See
//! `ARCHITECTURE.md` for the map and the invariants.

pub mod clock;
pub mod config;
pub mod mind;
pub mod screening;
pub mod sim;
