//! Tests of the whole: the built binary and real parts.

mod client;
mod kill;
mod supply;
mod trace;
mod world;
