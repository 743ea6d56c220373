//! Keys, their files and their sources.

mod keys;
mod server;
mod sources;
mod unlocking;

use super::GenerationName;

fn name(dataset: &str, generation: &str) -> GenerationName {
    GenerationName::new(dataset, generation).unwrap()
}
