//! Postern connects national border-control systems to INTERPOL's databases.
//!
//! The rooms of the house, from the top down; a room knows what stands below it, never above. See
//! `ARCHITECTURE.md` for the map and the invariants.

pub mod adapters;
pub mod batch;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod control;
pub mod daemon;
pub mod demo;
pub mod engine;
pub mod find;
pub mod grants;
pub mod http_client;
pub mod ids;
pub mod journal;
pub mod keys;
pub mod lane;
pub mod local_socket;
pub mod log;
pub mod mind;
pub mod recheck;
pub mod reconcile;
pub mod relay;
pub mod screening;
pub mod sealed;
pub mod second_line;
pub mod sim;
pub mod tls;
pub mod wisdm;
