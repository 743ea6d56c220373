//! Tests of the whole: the built binary and real parts.

mod cli;
mod client;
mod console;
mod kill;
mod openapi;
mod supply;
mod trace;
mod world;
