//! `postern mind build`: a state from a feed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use postern_sdk::{Database, Environment};

use super::super::{Exit, complain, say};
use super::place::{Place, by_number};
use super::progress::Work;
use super::{Failure, environment, notices, show};
use crate::clock::Clock;
use crate::keys::PrivateKey;
use crate::mind::feed::notices::Colour;
use crate::mind::hub::Sites;
use crate::mind::keyring::{GenerationName, KeyFile, SitePublic};
use crate::mind::{
    self, BuildError, BuildOptions, Copy, Coverage, Dataset, Generation, Info, Manifest, Outcome, Progress,
};

/// Builds and signs a state.
#[derive(Clone, Debug, Args)]
pub struct MindBuild {
    /// The records in CSV; - for standard input
    #[arg(long, value_name = "FILE", required_unless_present = "notices")]
    pub csv: Option<PathBuf>,
    /// Public notices in JSON, as they were fetched, in place of CSV: several files, or - for standard input. They become
    /// the dataset notices, of the persons in public_notices, whose silence says nothing
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["csv", "dataset", "databases", "changes", "differences"])]
    pub notices: Vec<PathBuf>,
    /// The kind of the notices: red, yellow or un. Without it each says so itself
    #[arg(long, value_name = "COLOUR", requires = "notices", value_parser = notices::colour)]
    pub colour: Option<Colour>,
    /// The dataset: documents, vehicles, firearms or vessels
    #[arg(long, value_name = "DATASET", default_value = "documents", value_parser = by_number)]
    pub dataset: Dataset,
    /// A database that the records are of; with =partial if they are not all of it, so that their silence says nothing.
    /// May be given several times. Without it sltd and tdawn, or the one database of the dataset
    #[arg(long = "database", value_name = "DATABASE[=partial]", value_parser = coverage)]
    pub databases: Vec<(Database, Coverage)>,
    /// The folder of the copy
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// The number of the state, higher than that of any before it; one more than the newest if it is not given
    #[arg(long, value_name = "N")]
    pub number: Option<u64>,
    /// A file with a private key of the publisher; several where the root asks for several
    #[arg(long, value_name = "FILE", required = true)]
    pub key: Vec<PathBuf>,
    /// A file with the public key of a site that may open the copy, beside those that are enrolled; may be given several
    /// times. Only with a snapshot:
    /// changes are for those who can open what they change
    #[arg(long = "to", value_name = "FILE", conflicts_with_all = ["changes", "differences"])]
    pub recipients: Vec<PathBuf>,
    /// The rows are changes of the newest state: each begins with upsert or withdraw
    #[arg(long, requires_all = ["root", "site_key"], conflicts_with = "differences")]
    pub changes: bool,
    /// The rows are all records: what differs from the newest state is published as its change
    #[arg(long, requires_all = ["root", "site_key"])]
    pub differences: bool,
    /// The root that is believed from the start, to open the newest state
    #[arg(long, value_name = "FILE")]
    pub root: Option<PathBuf>,
    /// The file with a site's private key, to open the newest state
    #[arg(long, value_name = "FILE")]
    pub site_key: Option<PathBuf>,
    /// When the records were extracted from INTERPOL's database (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub as_of: Timestamp,
    /// How many days after that the state's silence still says something, whatever the ages that are configured
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub expires_days: u32,
    /// The environment that the records are of
    #[arg(long, value_name = "ENVIRONMENT", value_parser = environment)]
    pub environment: Environment,
    /// Tells the result as JSON
    #[arg(long)]
    pub json: bool,
}

fn coverage(text: &str) -> Result<(Database, Coverage), String> {
    let (name, coverage) = match text.split_once('=') {
        Some((name, "partial")) => (name, Coverage::Partial),
        Some((_, other)) => return Err(format!("{other} is not a coverage; write =partial, or nothing")),
        None => (text, Coverage::Full),
    };
    let held = || Dataset::ALL.into_iter().filter(|one| one.is_by_number()).flat_map(Dataset::databases);
    let database = held().find(|database| database.code() == name);
    database.map(|database| (*database, coverage)).ok_or_else(|| {
        let names: Vec<&str> = held().map(|database| database.code()).collect();
        names.join(", ")
    })
}

/// Builds the state and tells what it is.
pub(super) fn run(args: &MindBuild) -> Exit {
    let clock = Clock::system();
    let work = Work::begin();
    let built = build(args, clock.now(), &work);
    drop(work);
    match built {
        Ok((info, outcome)) => tell(args, &info, outcome, clock.now()),
        Err(error) => {
            complain(error);
            Exit::Usage
        }
    }
}

fn tell(args: &MindBuild, info: &Info, outcome: Option<Outcome>, now: Timestamp) -> Exit {
    if let (Some(outcome), false) = (outcome, args.json) {
        let Outcome { added, changed, withdrawn, unknown, same } = outcome;
        say(format_args!(
            "changes     {added} added, {changed} changed, {withdrawn} withdrawn, {same} as they were, {unknown} \
             withdrawals of records that were not there"
        ));
    }
    show::tell(info, now, args.json)
}

fn build(args: &MindBuild, now: Timestamp, work: &Work) -> Result<(Info, Option<Outcome>), Failure> {
    let persons = notices::read(&args.notices, args.colour)?;
    let keys = args.key.iter().map(|file| PrivateKey::read(file)).collect::<Result<Vec<_>, _>>()?;
    let signers: Vec<&PrivateKey> = keys.iter().collect();
    let before = before(args)?;
    let generation = match &before {
        Some(copy) => {
            warn_of_revoked(args, copy.generation().name())?;
            copy.generation()
        }
        None => new_generation(args)?,
    };
    let coverage = args.coverage(before.as_ref());
    let newest = mind::versions(&args.out, args.dataset().name()).first().copied().unwrap_or(0);
    let options = BuildOptions {
        folder: &args.out,
        dataset: args.dataset(),
        version: args.number.unwrap_or(newest + 1),
        data_as_of: args.as_of,
        created: now,
        expires: args.as_of + SignedDuration::from_hours(24 * i64::from(args.expires_days)),
        environment: args.environment,
        coverage: &coverage,
        signers: &signers,
        generation: &generation,
    };
    if let Some(persons) = persons {
        return Ok((mind::build_persons(&persons, &options)?.info(), None));
    }
    let (input, bytes) = input(args)?;
    let progress = |progress| match progress {
        Progress::Reading(read) => work.at("reading", read, bytes.unwrap_or(read)),
        Progress::Writing(written, of) => work.at("writing", written, of),
        Progress::Syncing => work.at("syncing", 1, 1),
    };
    let built = match before {
        None => mind::build(input, &options, progress).map(|manifest| (manifest, None)),
        Some(before) if args.changes => with_outcome(mind::build_changes(input, &before, &options, progress)),
        Some(before) => with_outcome(mind::build_differences(input, &before, &options, progress)),
    };
    let (manifest, outcome) = built.inspect_err(tell_faults)?;
    Ok((manifest.info(manifest.version, 0), outcome))
}

type Built = Result<(Manifest, Option<Outcome>), BuildError>;

fn with_outcome(built: Result<(Manifest, Outcome), BuildError>) -> Built {
    built.map(|(manifest, outcome)| (manifest, Some(outcome)))
}

/// The state that is changed, if one is.
fn before(args: &MindBuild) -> Result<Option<Copy>, Failure> {
    let (true, Some(root)) = (args.changes || args.differences, &args.root) else { return Ok(None) };
    let place = Place { folder: args.out.clone(), root: root.clone(), site_key: args.site_key.clone() };
    place.open(args.dataset, None).map(Some)
}

/// Says which revoked sites could open a change, as they may have kept the key of its generation.
fn warn_of_revoked(args: &MindBuild, generation: &str) -> Result<(), Failure> {
    for site in Sites::of(&args.out).could_open(args.dataset.name(), generation)? {
        complain(format_args!(
            "{site} is revoked but may have kept the key of this generation: build a snapshot, which has a new one"
        ));
    }
    Ok(())
}

/// A new generation, its key wrapped to the sites before anything is sealed under it.
fn new_generation(args: &MindBuild) -> Result<Arc<Generation>, Failure> {
    let sites = Sites::of(&args.out);
    // A site that is revoked meanwhile is taken out of the key file after it is written.
    let _locked = sites.lock()?;
    let mut recipients = sites.enrolled()?;
    for recipient in &args.recipients {
        let public = SitePublic::read(recipient)?;
        sites.check_never_revoked(&public)?;
        recipients.push(public);
    }
    if recipients.is_empty() {
        return Err("nobody could open the copy: enrol a site, or name its public key with --to".into());
    }
    let generation = Generation::random()?;
    let mut file = KeyFile::new(&GenerationName::new(args.dataset().name(), generation.name())?);
    for recipient in &recipients {
        file.add(generation.key(), recipient)?;
    }
    file.write(&args.out)?;
    Ok(Arc::new(generation))
}

impl MindBuild {
    fn dataset(&self) -> Dataset {
        if self.notices.is_empty() { self.dataset } else { Dataset::Notices }
    }

    fn coverage(&self, before: Option<&Copy>) -> BTreeMap<Database, Coverage> {
        if !self.notices.is_empty() {
            return [(Database::PublicNotices, Coverage::Partial)].into();
        }
        if !self.databases.is_empty() {
            return self.databases.iter().copied().collect();
        }
        if let Some(before) = before {
            let databases = &before.manifest().databases;
            return databases.iter().map(|(database, holding)| (*database, holding.coverage)).collect();
        }
        let all = self.dataset.databases().iter().filter(|database| **database != Database::Sad);
        all.map(|database| (*database, Coverage::Full)).collect()
    }
}

/// The feed, and its size if that is known.
fn input(args: &MindBuild) -> Result<(Box<dyn Read>, Option<u64>), Failure> {
    let csv = args.csv.as_ref().ok_or("name the records with --csv")?;
    if csv.as_os_str() == "-" {
        return Ok((Box::new(std::io::stdin()), None));
    }
    let file = File::open(csv).map_err(|error| format!("{}: {error}", csv.display()))?;
    let bytes = file.metadata()?.len();
    Ok((Box::new(file), Some(bytes)))
}

/// Each faulty line of a feed, up to a hundred, without its content.
fn tell_faults(error: &BuildError) {
    if let BuildError::Rows { faults, .. } = error {
        faults.iter().for_each(complain);
    }
}
