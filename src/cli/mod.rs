//! The command line: one file a subcommand, each a struct of arguments and a `run` that gives the exit code.
//!
//! Help, completions and manual pages come from these structs. What a command finds goes to standard output, what is
//! wrong with it to standard error; a reader that closes the pipe early ends nothing with a panic.

mod adapters;
mod batch;
mod check;
mod completions;
mod decode;
mod demo;
mod exit;
mod find;
mod grants;
mod journal;
mod keygen;
mod man;
mod mind;
mod output;
mod profile;
mod query;
mod reconcile;
mod run;
mod secret;
mod sim;
mod wisdm;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub use adapters::Adapters;
pub use batch::{Batch, BatchCommand, BatchSubmit, ListFormat};
pub use check::Check;
pub use completions::Completions;
pub use decode::Decode;
pub use demo::Demo;
pub use exit::Exit;
pub use find::{Find, FindCommand, FindOrder};
pub use grants::{Grants, GrantsCommand};
pub use journal::{Journal, JournalCommand};
pub use keygen::{Keygen, MindKeygen};
pub use man::Man;
pub use mind::{
    EnrolApprove, EnrolCommand, EnrolList, EnrolRequest, Mind, MindApply, MindBuild, MindCommand, MindDiff,
    MindEnrol, MindExport, MindFold, MindImport, MindInfo, MindLookup, MindPublish, MindPurge, MindRevoke,
    MindRoot, MindUnlock, MindVerify, MindWithdraw, Place, RootCommand, RootNew,
};
pub use output::{complain, say};
pub use profile::{Profile, ProfileCommand};
pub use query::{Asked, DocumentArgs, PersonArgs, Query, QueryContext, Target, VehicleArgs};
pub use reconcile::{Reconcile, ReconcileCommand, ReconcileExport, ReconcileImport};
pub use run::Run;
pub use sim::{Feed, Sim, SimCommand, Wsdl};
pub use wisdm::{
    DocumentFields, Selector, Wisdm, WisdmActions, WisdmBulk, WisdmCommand, WisdmInit, WisdmInitCommand,
    WisdmRemoval, WisdmReport, WisdmRetention, WisdmRetrieve, WisdmWho, WisdmWithdraw,
};

/// Connects national border-control systems to INTERPOL's databases, online and from a local copy
#[derive(Debug, Parser)]
#[command(name = "postern", version, after_help = exit::HELP, max_term_width = 100)]
pub struct Cli {
    /// The configuration file; the *.toml of conf.d beside it are merged into it
    #[arg(long, global = true, value_name = "FILE", default_value = "postern.toml")]
    pub config: PathBuf,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the daemon until it is told to end
    Run(Run),
    /// Checks the configuration and tells everything that is wrong with it
    Check(Check),
    /// Shows Postern at work: a copy, a simulator, traffic, an outage and its end
    Demo(Demo),
    /// Simulates INTERPOL's services, for training and tests
    Sim(Sim),
    /// Decodes native messages and writes each inbound as canonical JSON
    Decode(Decode),
    /// Asks a running daemon or a copy about one document, person or vehicle
    Query(Query),
    /// Builds, shows and verifies the local copy
    Mind(Mind),
    /// Shows the services of a running daemon, and opens and closes their breakers
    Find(Find),
    /// Manages the country's own records at INTERPOL: reports, corrects and withdraws documents
    Wisdm(Box<Wisdm>),
    /// Has a running daemon work lists off: passengers, visas, vehicles
    Batch(Batch),
    /// Verifies the journal
    Journal(Journal),
    /// Gives a hub what happened at a site without a link, or takes it in
    Reconcile(Reconcile),
    /// Checks and compares descriptions of INTERPOL's wire format
    Profile(Profile),
    /// Signs and verifies documents of grants
    Grants(Grants),
    /// Lists the adapters that are built in, with their options
    Adapters(Adapters),
    /// Writes the completions of a shell to standard output
    Completions(Completions),
    /// Writes the manual pages
    Man(Man),
}

/// Parses the arguments, runs the subcommand and gives its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Cli::try_parse_from(arguments) {
        Ok(cli) => cli.run().into(),
        Err(error) => {
            // Nothing is left to do if neither stream can be written.
            let _ = error.print();
            if error.use_stderr() { Exit::Usage.into() } else { Exit::Ok.into() }
        }
    }
}

impl Cli {
    /// Runs the subcommand.
    pub fn run(&self) -> Exit {
        match &self.command {
            Command::Run(args) => run::run(args, &self.config),
            Command::Check(args) => check::run(args, &self.config),
            Command::Demo(args) => demo::run(args),
            Command::Sim(args) => sim::run(args),
            Command::Decode(args) => decode::run(args),
            Command::Query(args) => query::run(args),
            Command::Mind(args) => mind::run(args, &self.config),
            Command::Find(args) => find::run(args, &self.config),
            Command::Wisdm(args) => wisdm::run(args, &self.config),
            Command::Batch(args) => batch::run(args, &self.config),
            Command::Journal(args) => journal::run(args, &self.config),
            Command::Reconcile(args) => reconcile::run(args, &self.config),
            Command::Profile(args) => profile::run(args, &self.config),
            Command::Grants(args) => grants::run(args),
            Command::Adapters(args) => adapters::run(args),
            Command::Completions(args) => completions::run(args),
            Command::Man(args) => man::run(args),
        }
    }
}

/// The async runtime, with so many workers or one a core.
fn runtime(workers: usize) -> Result<tokio::runtime::Runtime, Exit> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if workers > 0 {
        builder.worker_threads(workers);
    }
    builder.enable_all().build().map_err(|error| {
        complain(format_args!("the runtime can't be started: {error}"));
        Exit::Unavailable
    })
}

/// An argument, or what standard input holds if it is `-`, so that it stays out of the process list.
fn given(argument: &str) -> Result<String, Exit> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let read = std::io::read_to_string(std::io::stdin().lock());
    read.map(|text| text.trim_end_matches(['\r', '\n']).to_owned()).map_err(|error| {
        complain(format_args!("standard input: {error}"));
        Exit::Usage
    })
}

/// The command line as clap sees it: the one source of help, completions and manual pages.
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests;
