//! `postern wisdm`: the country's own records at INTERPOL.

mod init;
mod list;
mod one;
mod session;
mod suppress;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Exit;
use session::Session;

/// Manages the country's own records.
#[derive(Clone, Debug, Args)]
#[command(after_help = "A command line can be seen by other users and stays in the shell's history: \
                        write - in place of a number to give it on standard input.")]
pub struct Wisdm {
    /// Who does it
    #[command(flatten)]
    pub who: WisdmWho,
    /// What to do
    #[command(subcommand)]
    pub command: WisdmCommand,
}

/// Who does it, and how it is told.
#[derive(Clone, Debug, Args)]
pub struct WisdmWho {
    /// The officer or clerk who does it; the journal and INTERPOL are told
    #[arg(long, global = true, value_name = "NAME")]
    pub end_user: Option<String>,
    /// The authority on whose behalf it is done
    #[arg(long, global = true)]
    pub agency: Option<String>,
    /// Why it is done
    #[arg(long, global = true)]
    pub purpose: Option<String>,
    /// Tells it as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What can be done.
#[derive(Clone, Debug, Subcommand)]
pub enum WisdmCommand {
    /// Reports a document as stolen, lost, revoked or invalid
    Report(WisdmReport),
    /// Corrects the record of a document
    Update(WisdmReport),
    /// Withdraws the record of a document
    Withdraw(WisdmWithdraw),
    /// Changes until when a record is kept
    Retention(WisdmRetention),
    /// Shows the record of a document
    Retrieve(WisdmRetrieve),
    /// Shows the service's own figures, which it counts anew each day
    Statistics,
    /// Shows what was done to the country's records
    Actions(WisdmActions),
    /// Replaces all records of the country, in two steps, or removes them
    Init(WisdmInit),
    /// Reports a list of documents in CSV
    Bulk(WisdmBulk),
}

/// Reports or corrects a document.
#[derive(Clone, Debug, Args)]
pub struct WisdmReport {
    /// The document
    #[command(flatten)]
    pub document: DocumentFields,
}

/// A document.
#[derive(Clone, Debug, Args)]
pub struct DocumentFields {
    /// Its number, or - for standard input
    #[arg(allow_hyphen_values = true)]
    pub number: String,
    /// Its type: INTERPOL's code of three letters
    #[arg(long = "type", value_name = "TYPE")]
    pub doc_type: String,
    /// How it was lost: stolen, lost, stolen_blank, revoked or invalid
    #[arg(long)]
    pub loss: String,
    /// Where: three letters; only a stolen blank has none
    #[arg(long, value_name = "STATE", default_value = "", hide_default_value = true)]
    pub country: String,
    /// When: YYYY-MM-DD
    #[arg(long, default_value = "", hide_default_value = true)]
    pub date: String,
    /// The batch of a stolen blank
    #[arg(long, default_value = "", hide_default_value = true)]
    pub batch: String,
    /// When it was issued: YYYY-MM-DD
    #[arg(long, value_name = "DATE", default_value = "", hide_default_value = true)]
    pub issued: String,
    /// When it ends: YYYY-MM-DD
    #[arg(long, value_name = "DATE", default_value = "", hide_default_value = true)]
    pub expires: String,
    /// The country's reference
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub national_reference: String,
    /// The bureau's reference
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub ncb_reference: String,
    /// Additional information, without personal data
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub info: String,
    /// Until when the record is kept: YYYY-MM-DD; left out: as long as its class
    #[arg(long, value_name = "DATE", default_value = "", hide_default_value = true)]
    pub keep_until: String,
    /// Why longer than before: purpose_not_achieved
    #[arg(long, value_name = "WORD", default_value = "", hide_default_value = true)]
    pub keep_reason: String,
}

/// The record of a document: its number and type, or its id.
#[derive(Clone, Debug, Args)]
pub struct Selector {
    /// The document's number, or - for standard input
    #[arg(allow_hyphen_values = true, required_unless_present = "id", conflicts_with = "id")]
    pub number: Option<String>,
    /// Its type, if several documents have the number
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "id")]
    pub doc_type: Option<String>,
    /// The record's id at INTERPOL
    #[arg(long)]
    pub id: Option<String>,
}

/// Withdraws a record.
#[derive(Clone, Debug, Args)]
pub struct WisdmWithdraw {
    /// The record
    #[command(flatten)]
    pub record: Selector,
    /// Suppresses it in a copy at once too, ahead of the copy's next change
    #[arg(long, requires_all = ["key", "folder", "root", "site_key"])]
    pub suppress: bool,
    /// The file with the country's private key, which signs the suppression
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The folder of the copy
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// The root that the copy's states must be signed under
    #[arg(long, value_name = "FILE")]
    pub root: Option<PathBuf>,
    /// The file with the site's private key, which opens the copy
    #[arg(long, value_name = "FILE")]
    pub site_key: Option<PathBuf>,
}

/// Changes until when a record is kept.
#[derive(Clone, Debug, Args)]
pub struct WisdmRetention {
    /// The record
    #[command(flatten)]
    pub record: Selector,
    /// Until when: YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    pub until: String,
    /// Why: purpose_not_achieved
    #[arg(long, value_name = "WORD")]
    pub reason: String,
}

/// Shows a record.
#[derive(Clone, Debug, Args)]
pub struct WisdmRetrieve {
    /// The record
    #[command(flatten)]
    pub record: Selector,
}

/// Shows what was done.
#[derive(Clone, Debug, Args)]
pub struct WisdmActions {
    /// After this movement
    #[arg(long, value_name = "MOVEMENT", default_value = "0")]
    pub since: String,
}

/// Replaces all records of the country.
#[derive(Clone, Debug, Args)]
pub struct WisdmInit {
    /// Which step
    #[command(subcommand)]
    pub command: WisdmInitCommand,
}

/// The steps.
#[derive(Clone, Debug, Subcommand)]
pub enum WisdmInitCommand {
    /// Marks every record of the country; all are found as before
    Start,
    /// Removes the records that are still marked: those that were not reported anew since the start
    Finalize(WisdmRemoval),
    /// Removes every record of the country
    Clear(WisdmRemoval),
}

/// A removal.
#[derive(Clone, Debug, Args)]
pub struct WisdmRemoval {
    /// The progress file of a list that was reported since the start; can be given several times
    #[arg(long, value_name = "FILE")]
    pub progress: Vec<PathBuf>,
    /// Confirms it: the text that the command shows, which names the count; without it, it is asked for
    #[arg(long, value_name = "TEXT")]
    pub confirm: Option<String>,
}

/// Reports a list.
#[derive(Clone, Debug, Args)]
pub struct WisdmBulk {
    /// The list: CSV with a header of number, type, loss and, as needed, country, date, batch, issued, expires,
    /// national_reference, ncb_reference, info, keep_until, keep_reason
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The progress file, by which a run that was broken off goes on; left out: FILE.progress
    #[arg(long, value_name = "FILE")]
    pub progress: Option<PathBuf>,
    /// Sends the rows that keep every rule, though others don't
    #[arg(long)]
    pub skip_faulty: bool,
    /// Corrects records that are there already
    #[arg(long)]
    pub update: bool,
    /// Only checks every row, and sends nothing
    #[arg(long)]
    pub check: bool,
    /// Requests at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub concurrency: u64,
    /// Requests a second at most, within what the configuration allows
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub rate: u32,
}

/// Does what was asked: 1 if a rule or the service objects, 69 if it was not or perhaps not done.
pub(super) fn run(args: &Wisdm, config: &Path) -> Exit {
    let done = Session::open(args, config).and_then(|session| match &args.command {
        WisdmCommand::Report(args) => one::report(&session, &args.document),
        WisdmCommand::Update(args) => one::update(&session, &args.document),
        WisdmCommand::Withdraw(args) => one::withdraw(&session, args),
        WisdmCommand::Retention(args) => one::retention(&session, args),
        WisdmCommand::Retrieve(args) => one::retrieve(&session, &args.record),
        WisdmCommand::Statistics => one::statistics(&session),
        WisdmCommand::Actions(args) => one::actions(&session, &args.since),
        WisdmCommand::Init(args) => init::run(&session, &args.command),
        WisdmCommand::Bulk(args) => list::run(&session, args),
    });
    done.unwrap_or_else(|failure| failure.tell(args.who.json))
}
