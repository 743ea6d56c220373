//! `postern completions`: for shells.

use clap::Args;
use clap_complete::{Shell, generate};

use super::Exit;

/// Writes the completions of a shell.
#[derive(Clone, Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

/// Writes the completions to standard output.
pub(super) fn run(args: &Completions) -> Exit {
    let mut text = Vec::new();
    generate(args.shell, &mut super::command(), "postern", &mut text);
    super::say(String::from_utf8_lossy(&text).trim_end());
    Exit::Ok
}
