//! `postern demo`: Postern at work in one process.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, complain, runtime};
use crate::config::file::Log;
use crate::console::Prometheus;
use crate::{demo, log};

/// Shows Postern at work.
#[derive(Clone, Debug, Args)]
pub struct Demo {
    /// End after the summary; exit 1 if an expected hit is missing or an answer is wrong
    #[arg(long)]
    pub once: bool,
    /// How many synthetic documents the copy holds
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    pub records: u64,
    /// The seed of everything synthetic
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Where to keep copy, journal and keys; left out: a temporary folder that is removed at the end
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
}

/// Runs the demo: 1 if an answer was wrong, 69 if it could not be set up.
pub(super) fn run(args: &Demo) -> Exit {
    log::init(Log { level: crate::config::file::LogLevel::Error, ..Log::default() });
    let runtime = match runtime(0) {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let options = demo::Options {
        records: args.records,
        seed: args.seed,
        folder: args.folder.clone(),
        once: args.once,
    };
    match runtime.block_on(demo::run(options, Prometheus::install())) {
        Ok(true) => Exit::Ok,
        Ok(false) => Exit::Found,
        Err(error) => {
            complain(error);
            Exit::Unavailable
        }
    }
}
