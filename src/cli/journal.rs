//! `postern journal`: the record of every answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{Exit, complain, say};
use crate::journal::storage::FileStorage;
use crate::journal::{self, Report};
use crate::keys::hex;

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

fn verify(folder: &Path) -> Exit {
    if !folder.is_dir() {
        complain(format_args!("{}: no such folder", folder.display()));
        return Exit::Usage;
    }
    match journal::verify(Arc::new(FileStorage::at(folder))) {
        Ok(report) => tell(&report),
        Err(error) => {
            complain(format_args!("{}: {error}", folder.display()));
            Exit::Unavailable
        }
    }
}

fn tell(report: &Report) -> Exit {
    let (records, segments) = (report.records, report.segments);
    say(format_args!("{records} records in {segments} segments"));
    if records > 0 {
        let (first, last) = (report.first_sequence, report.last_sequence);
        say(format_args!(
            "sequence {first} at {} to {last} at {}",
            time(report.first_time_ns),
            time(report.last_time_ns)
        ));
    }
    say(format_args!("chain head {}", hex(report.chain_head.as_ref())));
    if let Some(segment) = report.unfinished {
        say(format_args!("segment {segment} ends in an unfinished write"));
    }
    if !report.closed {
        say("not closed: a daemon is running, or ended without closing it");
    }
    for damage in &report.damage {
        let known = if damage.known { ", quarantined before" } else { "" };
        complain(format_args!("segment {} at {}: {}{known}", damage.segment, damage.offset, damage.cause));
    }
    if report.is_sound() { Exit::Ok } else { Exit::Found }
}

fn time(ns: u64) -> Timestamp {
    Timestamp::from_nanosecond(ns.into()).unwrap_or(Timestamp::MAX)
}
