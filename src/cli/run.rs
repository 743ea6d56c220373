//! `postern run`: the daemon.

use std::path::Path;

use clap::Args;

use super::Exit;

/// Runs the daemon until it is told to end.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "SIGTERM and SIGINT end it: lanes stop reading, what is in flight is answered, then it exits."
)]
pub struct Run {}

/// Loads the configuration, builds the daemon and runs it. 78 if the configuration is wrong, 69 if it can't start.
pub(super) fn run(_args: &Run, _config: &Path) -> Exit {
    super::not_wired("run")
}
