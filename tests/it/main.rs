//! Tests of the whole: the built binary and real parts.

// Clippy knows the functions marked as tests alone; everything here is one.
#![allow(clippy::unwrap_used)]

mod batch;
mod canary;
mod cli;
mod client;
mod console;
mod copy;
mod deadline;
mod demo;
mod distribution;
mod fault;
mod feeds;
mod fetch;
mod find;
mod independent;
mod independent_find;
mod keys;
mod kill;
mod lanes;
mod openapi;
mod persons;
mod recheck;
mod reconcile;
mod relay;
mod simulator;
mod stolen;
mod supply;
mod trace;
mod wisdm;
mod world;
