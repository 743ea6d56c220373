//! Tests of the whole: the built binary and real parts.

mod canary;
mod cli;
mod client;
mod console;
mod deadline;
mod demo;
mod kill;
mod lanes;
mod openapi;
mod supply;
mod trace;
mod world;
