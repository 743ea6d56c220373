//! `postern run`: the daemon.

use std::path::Path;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, complain, runtime};
use crate::clock::Clock;
use crate::config;
use crate::console::Prometheus;
use crate::daemon::{self, Daemon};
use crate::log;

/// Runs the daemon until it is told to end.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "SIGTERM and SIGINT end it: lanes stop reading, what is in flight is answered, then it exits."
)]
pub struct Run {}

/// Loads the configuration, builds the daemon and runs it. 78 if the configuration is wrong, 69 if it can't start.
pub(super) fn run(_args: &Run, config: &Path) -> Exit {
    let config = match config::load(config) {
        Ok(config) => config,
        Err(problems) => return super::check::refused(&problems),
    };
    log::init(config.log);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if let Err(error) = daemon::keep_out_of_dumps() {
        complain(format_args!("core dumps can't be forbidden: {error}"));
        return Exit::Unavailable;
    }
    let metrics = Prometheus::install();
    let runtime = match runtime(config.instance.workers) {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    runtime.block_on(async {
        let ended = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(mut terminate), Ok(mut interrupt)) => {
                async move {
                    tokio::select! {
                        _ = terminate.recv() => {}
                        _ = interrupt.recv() => {}
                    }
                }
            }
            (Err(error), _) | (_, Err(error)) => {
                complain(error);
                return Exit::Unavailable;
            }
        };
        match Daemon::start(config, Clock::system(), metrics).await {
            Ok(daemon) => {
                ended.await;
                daemon.stop().await;
                Exit::Ok
            }
            Err(error) => {
                complain(&error);
                if error.is_config() { Exit::Config } else { Exit::Unavailable }
            }
        }
    })
}
