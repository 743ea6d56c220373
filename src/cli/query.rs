//! `postern query`: one question from a terminal.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Exit;

/// Asks a running daemon or a copy.
#[derive(Clone, Debug, Args)]
#[command(after_help = "A command line can be seen by other users and stays in the shell's history: \
                        write - in place of a number, name or zone to give it on standard input.")]
pub struct Query {
    /// Who is asked
    #[command(flatten)]
    pub target: Target,
    /// Who asks, where and why
    #[command(flatten)]
    pub context: QueryContext,
    /// What is asked about
    #[command(subcommand)]
    pub asked: Asked,
}

/// Who is asked.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Target {
    /// A daemon's JSON lane: http://host:port or https://host:port
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The folder of a copy, which is opened and asked without a daemon
    #[arg(long, value_name = "FOLDER")]
    pub copy: Option<PathBuf>,
}

/// Who asks, where and why, as far as the daemon's lane does not supply it.
#[derive(Clone, Debug, Args)]
pub struct QueryContext {
    /// The file that holds the client's token, for a daemon
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The authority of the daemon's certificate, PEM
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// The file with the public key that the copy must be signed with
    #[arg(long, value_name = "FILE")]
    pub publisher_key: Option<PathBuf>,
    /// The authority on whose behalf is asked
    #[arg(long)]
    pub agency: Option<String>,
    /// The officer or device that asks
    #[arg(long)]
    pub end_user: Option<String>,
    /// The border crossing point, port or office
    #[arg(long)]
    pub site: Option<String>,
    /// Why is asked, as a code of the grant
    #[arg(long)]
    pub purpose: Option<String>,
}

/// What is asked about.
#[derive(Clone, Debug, Subcommand)]
pub enum Asked {
    /// The document and person of a machine-readable zone
    Mrz {
        /// The lines of the zone, or - for standard input
        #[arg(required = true, num_args = 1..=3, allow_hyphen_values = true)]
        lines: Vec<String>,
    },
    /// A travel document
    Document(DocumentArgs),
    /// A person
    Person(PersonArgs),
    /// A vehicle
    Vehicle(VehicleArgs),
}

/// A travel document.
#[derive(Clone, Debug, Args)]
pub struct DocumentArgs {
    /// Its number, or - for standard input
    #[arg(allow_hyphen_values = true)]
    pub number: String,
    /// Its issuing state: three letters, or D
    #[arg(long, value_name = "STATE")]
    pub issuer: Option<String>,
    /// Its type, as the machine-readable zone writes it: P, ID, V
    #[arg(long = "type", value_name = "TYPE")]
    pub doc_type: Option<String>,
}

/// A person.
#[derive(Clone, Debug, Args)]
pub struct PersonArgs {
    /// The surname, or - for standard input
    #[arg(allow_hyphen_values = true)]
    pub surname: String,
    /// The given names
    #[arg(long, value_name = "NAMES")]
    pub given: Option<String>,
    /// The date of birth: YYYY-MM-DD, YYYY-MM or YYYY
    #[arg(long, value_name = "DATE")]
    pub birth: Option<String>,
    /// The nationality: three letters, or D
    #[arg(long, value_name = "STATE")]
    pub nationality: Option<String>,
}

/// A vehicle.
#[derive(Clone, Debug, Args)]
#[group(id = "vehicle", required = true, multiple = true)]
pub struct VehicleArgs {
    /// The vehicle identification number, or - for standard input
    #[arg(long, allow_hyphen_values = true)]
    pub vin: Option<String>,
    /// The registration mark, or - for standard input
    #[arg(long, allow_hyphen_values = true)]
    pub plate: Option<String>,
    /// The country of registration
    #[arg(long, value_name = "STATE", requires = "plate")]
    pub country: Option<String>,
}

/// Asks, and writes the outcome: 0 if it is complete, 1 if something was not checked, 69 if nobody answered.
pub(super) fn run(_args: &Query) -> Exit {
    super::not_wired("query")
}
