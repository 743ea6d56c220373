//! `postern mind`: the local copy.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Exit, Keygen, keygen};

/// Builds, shows and verifies the local copy.
#[derive(Clone, Debug, Args)]
pub struct Mind {
    /// What to do with the copy
    #[command(subcommand)]
    pub command: MindCommand,
}

/// What can be done with a copy.
#[derive(Clone, Debug, Subcommand)]
pub enum MindCommand {
    /// Builds a signed snapshot of one dataset from CSV
    Build(MindBuild),
    /// Shows the datasets of a copy: version, records, age, coverage
    Info(MindInfo),
    /// Looks a document number up in a copy
    Lookup(MindLookup),
    /// Verifies every page of a copy against its signed manifest
    Verify(MindVerify),
    /// Makes the publisher's key pair
    Keygen(Keygen),
}

/// Builds a signed snapshot.
#[derive(Clone, Debug, Args)]
pub struct MindBuild {
    /// The records in CSV
    #[arg(long, value_name = "FILE")]
    pub csv: PathBuf,
    /// The database that they are of: sltd, tdawn, sad, smv, firearms or vessels
    #[arg(long, value_name = "DATABASE", default_value = "sltd")]
    pub database: String,
    /// The folder of the copy
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// The file with the publisher's private key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// When the records were extracted from INTERPOL's database (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub as_of: String,
    /// The environment that the records are of
    #[arg(long, value_name = "ENVIRONMENT", value_parser = ["production", "training"])]
    pub environment: String,
    /// Whether the records are the whole database; only then can their silence say "no record"
    #[arg(long, default_value = "full")]
    pub coverage: Coverage,
}

/// How much of a database a dataset covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Coverage {
    /// All of it
    Full,
    /// A part of it
    Partial,
}

/// Shows the datasets of a copy.
#[derive(Clone, Debug, Args)]
pub struct MindInfo {
    /// The folder of the copy
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// The file with the publisher's public key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
}

/// Looks a number up.
#[derive(Clone, Debug, Args)]
pub struct MindLookup {
    /// The folder of the copy
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// The document's number, or - for standard input
    #[arg(allow_hyphen_values = true)]
    pub number: String,
    /// The file with the publisher's public key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Its issuing state
    #[arg(long, value_name = "STATE")]
    pub issuer: Option<String>,
    /// Its type, as the machine-readable zone writes it
    #[arg(long = "type", value_name = "TYPE")]
    pub doc_type: Option<String>,
}

/// Verifies a copy.
#[derive(Clone, Debug, Args)]
pub struct MindVerify {
    /// The folder of the copy
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// The file with the publisher's public key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
}

/// Does what was asked with the copy.
pub(super) fn run(args: &Mind) -> Exit {
    match &args.command {
        MindCommand::Build(args) => build(args),
        MindCommand::Info(args) => info(args),
        MindCommand::Lookup(args) => lookup(args),
        MindCommand::Verify(args) => verify(args),
        MindCommand::Keygen(args) => keygen::run(args),
    }
}

fn build(_args: &MindBuild) -> Exit {
    super::not_wired("mind build")
}

fn info(_args: &MindInfo) -> Exit {
    super::not_wired("mind info")
}

fn lookup(_args: &MindLookup) -> Exit {
    super::not_wired("mind lookup")
}

fn verify(_args: &MindVerify) -> Exit {
    super::not_wired("mind verify")
}
