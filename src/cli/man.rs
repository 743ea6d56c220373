//! `postern man`: the manual pages.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use clap_mangen::Man as Page;

use super::{Exit, complain, say};

/// Writes the manual pages.
#[derive(Clone, Debug, Args)]
pub struct Man {
    /// The folder for the pages of all subcommands; left out: the main page to standard output
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// Writes one page, or all of them.
pub(super) fn run(args: &Man) -> Exit {
    let written = match &args.out {
        Some(folder) => pages(folder),
        None => page(super::command()).map(|text| say(String::from_utf8_lossy(&text).trim_end())),
    };
    match written {
        Ok(()) => Exit::Ok,
        Err(error) => {
            complain(error);
            Exit::Usage
        }
    }
}

fn page(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    Page::new(command).render(&mut text)?;
    Ok(text)
}

fn pages(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut command = super::command();
    command.build();
    clap_mangen::generate_to(command, folder)
}
