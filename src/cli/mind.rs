//! `postern mind`: the local copy.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use postern_sdk::{Database, DocumentKey, DocumentNumber, Environment};

use super::{Exit, Keygen, complain, keygen, say};
use crate::clock::Clock;
use crate::keys::{PrivateKey, PublicKey};
use crate::mind::{self, BuildError, BuildOptions, Copy, Coverage, DOCUMENTS, Info, OpenError, Progress};

type Failure = Box<dyn Error>;

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
    /// A database that the records are of: sltd, tdawn or sad; with =partial if they are not all of it, so that their
    /// silence says nothing. May be given several times
    #[arg(long = "database", value_name = "DATABASE[=partial]", default_values = ["sltd", "tdawn"], value_parser = coverage)]
    pub databases: Vec<(Database, Coverage)>,
    /// The folder of the copy
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// The number of the snapshot, higher than that of any before it
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub number: u64,
    /// The file with the publisher's private key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// When the records were extracted from INTERPOL's database (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub as_of: Timestamp,
    /// How many days after that the snapshot's silence still says something, whatever the ages that are configured
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub expires_days: u32,
    /// The environment that the records are of
    #[arg(long, value_name = "ENVIRONMENT", value_parser = environment)]
    pub environment: Environment,
}

fn coverage(text: &str) -> Result<(Database, Coverage), String> {
    let (name, coverage) = match text.split_once('=') {
        Some((name, "partial")) => (name, Coverage::Partial),
        Some((_, other)) => return Err(format!("{other} is not a coverage; write =partial, or nothing")),
        None => (text, Coverage::Full),
    };
    let holds_documents = [Database::Sltd, Database::Tdawn, Database::Sad];
    let database = holds_documents.into_iter().find(|database| database.code() == name);
    database.map(|database| (database, coverage)).ok_or_else(|| "sltd, tdawn or sad".to_owned())
}

fn environment(text: &str) -> Result<Environment, String> {
    let all = [Environment::Production, Environment::Training];
    all.into_iter().find(|one| one.code() == text).ok_or_else(|| "production or training".to_owned())
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
    /// Its type: INTERPOL's code of three letters, or P, I, V for any passport, identity document, visa
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

fn build(args: &MindBuild) -> Exit {
    let clock = Clock::system();
    let built = (|| -> Result<Info, Failure> {
        let signing_key = PrivateKey::read(&args.key)?;
        let options = BuildOptions {
            folder: args.out.clone(),
            dataset: DOCUMENTS.to_owned(),
            version: args.number,
            data_as_of: args.as_of,
            created: clock.now(),
            expires: args.as_of + SignedDuration::from_hours(24 * i64::from(args.expires_days)),
            environment: args.environment,
            coverage: args.databases.iter().copied().collect(),
            signing_key: &signing_key,
        };
        let csv = BufReader::new(File::open(&args.csv)?);
        Ok(mind::build(csv, &options, progress).inspect_err(tell_faults)?.info())
    })();
    match built {
        Ok(info) => tell(&info, clock.now()),
        Err(error) => {
            complain(error);
            Exit::Usage
        }
    }
}

fn progress(progress: Progress) {
    match progress {
        Progress::Reading(rows) if rows % (1 << 20) == 0 => complain(format_args!("{rows} rows read")),
        Progress::Sorting => complain("sorting"),
        Progress::Syncing => complain("syncing"),
        _ => {}
    }
}

/// Each faulty line of a feed, up to a hundred, without its content.
fn tell_faults(error: &BuildError) {
    if let BuildError::Rows { faults, .. } = error {
        faults.iter().for_each(complain);
    }
}

fn info(args: &MindInfo) -> Exit {
    match open(&args.folder, &args.key) {
        Ok(copy) => tell(&copy.manifest().info(), Clock::system().now()),
        Err(error) => refused(&error),
    }
}

fn tell(info: &Info, now: Timestamp) -> Exit {
    say(format_args!(
        "dataset     {} version {}, generation {}",
        info.dataset, info.version, info.generation
    ));
    say(format_args!("environment {}", info.environment.code()));
    for (database, holding) in &info.databases {
        let coverage = if holding.coverage == Coverage::Full { "full" } else { "partial" };
        say(format_args!("database    {database}: {} records, coverage {coverage}", holding.records));
    }
    let age_h = now.duration_since(info.data_as_of).as_hours();
    say(format_args!("data as of  {:.0}, {age_h} h old", info.data_as_of));
    say(format_args!("created     {:.0}", info.created));
    say(format_args!("expires     {:.0}", info.expires));
    say(format_args!("size        {} bytes of table, {} of record ids", info.table_bytes, info.ids_bytes));
    Exit::Ok
}

fn lookup(args: &MindLookup) -> Exit {
    let looked_up = (|| -> Result<Exit, Failure> {
        let copy = open(&args.folder, &args.key)?;
        let number = match super::given(&args.number) {
            Ok(number) => DocumentNumber::normalise(&number)?,
            Err(exit) => return Ok(exit),
        };
        let key = DocumentKey {
            number,
            issuer: args.issuer.as_deref().map(str::parse).transpose()?,
            doc_type: args.doc_type.as_deref().map(str::parse).transpose()?,
        };
        Ok(tell_answers(&copy, &key))
    })();
    looked_up.unwrap_or_else(|error| refused(&error))
}

/// Writes what each database of a copy says of a document, as JSON: 1 if something could not be checked.
pub(super) fn tell_answers(copy: &Copy, key: &DocumentKey) -> Exit {
    let databases: Vec<Database> = copy.manifest().databases.keys().copied().collect();
    let answers = copy.answer(key, &databases, 0, Clock::system().now());
    for answer in &answers {
        say(serde_json::to_string(answer).unwrap_or_default());
    }
    let unchecked = answers.iter().any(|answer| answer.unchecked().is_some());
    if unchecked { Exit::Found } else { Exit::Ok }
}

fn verify(args: &MindVerify) -> Exit {
    let verified = (|| -> Result<(), Failure> {
        let copy = open(&args.folder, &args.key)?;
        copy.verify()?;
        say(format_args!("every page of version {} is as it was signed", copy.manifest().version));
        Ok(())
    })();
    match verified {
        Ok(()) => Exit::Ok,
        Err(error) => {
            complain(error);
            Exit::Found
        }
    }
}

/// The newest snapshot of a copy's folder, whatever its environment.
pub(super) fn open(folder: &Path, key: &Path) -> Result<Copy, Failure> {
    let publisher = PublicKey::read(key)?;
    let newest =
        mind::newest(folder, DOCUMENTS).ok_or_else(|| format!("{}: no snapshot", folder.display()))?;
    let open = |environment| Copy::open(&newest, &publisher, environment);
    match open(Environment::Production) {
        Err(OpenError::Environment(_)) => Ok(open(Environment::Training)?),
        opened => Ok(opened?),
    }
}

fn refused(error: &Failure) -> Exit {
    complain(error);
    Exit::Usage
}
