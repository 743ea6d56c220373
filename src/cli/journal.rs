//! `postern journal`: the record of every answer.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Exit;

/// Verifies the journal.
#[derive(Clone, Debug, Args)]
pub struct Journal {
    /// What to do with the journal
    #[command(subcommand)]
    pub command: JournalCommand,
}

/// What can be done with a journal.
#[derive(Clone, Debug, Subcommand)]
pub enum JournalCommand {
    /// Verifies checksums and chain of every segment; exit 1 if a record is damaged or missing
    Verify {
        /// The journal's folder; left out: that of the configuration
        #[arg(value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
}

/// Does what was asked with the journal.
pub(super) fn run(args: &Journal, config: &Path) -> Exit {
    let JournalCommand::Verify { folder } = &args.command;
    let folder = match folder {
        Some(folder) => folder.clone(),
        None => match crate::config::load(config) {
            Ok(config) => config.journal.folder,
            Err(problems) => return super::check::refused(&problems),
        },
    };
    verify(&folder)
}

fn verify(_folder: &Path) -> Exit {
    super::not_wired("journal verify")
}
