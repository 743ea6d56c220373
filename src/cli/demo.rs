//! `postern demo`: Postern at work in one process.

use std::path::PathBuf;

use clap::Args;

use super::Exit;

/// Shows Postern at work.
#[derive(Clone, Debug, Args)]
pub struct Demo {
    /// End after the summary; exit 1 if an expected hit is missing or an answer is wrong
    #[arg(long)]
    pub once: bool,
    /// How many synthetic documents the copy holds
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub records: u64,
    /// The seed of everything synthetic
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Where to keep copy, journal and keys; left out: a temporary folder that is removed at the end
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
}

/// Runs the demo.
pub(super) fn run(_args: &Demo) -> Exit {
    super::not_wired("demo")
}
