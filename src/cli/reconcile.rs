//! `postern reconcile`: a site without a link gives its hub what happened there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use postern_sdk::Reference;
use serde_json::json;

use super::{Exit, complain, say};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::daemon;
use crate::ids::new_id;
use crate::journal::Options;
use crate::journal::storage::{FileStorage, Storage};
use crate::keys::{KeyError, PrivateKey, PublicKey};
use crate::mind::keyring::{SiteKey, SitePublic};
use crate::reconcile::{
    self, Bundle, Checked, Counts, Departure, Export, Exported, Fits, Gap, Imported, Ledger, RECORDS_MAX,
    ReconcileError, STATE_FILE,
};

/// Gives a hub what happened at a site without a link, or takes it in.
#[derive(Clone, Debug, Args)]
pub struct Reconcile {
    /// What to do
    #[command(subcommand)]
    pub command: ReconcileCommand,
}

/// What can be done.
#[derive(Clone, Debug, Subcommand)]
pub enum ReconcileCommand {
    /// At the site: writes the screenings, hits and open rechecks since the last export into one sealed, signed file
    Export(ReconcileExport),
    /// At the hub: takes such a file into the journal, which no daemon may hold; twice changes nothing
    Import(ReconcileImport),
}

/// Exports what the journal holds since the last time. A running daemon is not disturbed.
#[derive(Clone, Debug, Args)]
pub struct ReconcileExport {
    /// The file to write; one that exists is not overwritten
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The file with the hub's public key, which the file is sealed to
    #[arg(long, value_name = "FILE")]
    pub hub_pub: PathBuf,
    /// The file with the site's private Ed25519 key, which signs
    #[arg(long, value_name = "FILE")]
    pub signing_key: PathBuf,
    /// The site's name as the hub knows it; without it the name in the configuration
    #[arg(long, value_name = "NAME")]
    pub site: Option<String>,
    /// Exports again what came behind this record, 0: all, whatever was exported before
    #[arg(long, value_name = "RECORD")]
    pub since: Option<u64>,
    /// Returned records of the file at most
    #[arg(long, value_name = "N", default_value_t = RECORDS_MAX, value_parser = clap::value_parser!(u64).range(1..=RECORDS_MAX))]
    pub records_max: u64,
    /// Tells it as JSON
    #[arg(long)]
    pub json: bool,
}

/// Takes a site's file into the journal.
#[derive(Clone, Debug, Args)]
pub struct ReconcileImport {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The file with the hub's private key, which the file is sealed to
    #[arg(long, value_name = "FILE")]
    pub hub_key: PathBuf,
    /// The folder of the sites' public Ed25519 keys, each named `SITE.pub`
    #[arg(long, value_name = "FOLDER", required_unless_present = "site_pub", conflicts_with = "site_pub")]
    pub sites: Option<PathBuf>,
    /// One site's public Ed25519 key, named `SITE.pub`
    #[arg(long, value_name = "FILE")]
    pub site_pub: Option<PathBuf>,
    /// Accepts that records before these are missing for good; the journal says so
    #[arg(long)]
    pub accept_gap: bool,
    /// Tells it as JSON
    #[arg(long)]
    pub json: bool,
}

/// How a command ended that could not do its work, and why.
struct Failure(Exit, String, &'static str);

impl From<ReconcileError> for Failure {
    fn from(error: ReconcileError) -> Self {
        let exit = match &error {
            ReconcileError::File(..) | ReconcileError::SiteName | ReconcileError::Key(_) => Exit::Usage,
            ReconcileError::Journal(_) | ReconcileError::Commit(_) => Exit::Unavailable,
            _ => Exit::Found,
        };
        Self(exit, error.to_string(), error.code())
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self(Exit::Usage, error.to_string(), "key")
    }
}

/// Does what was asked.
pub(super) fn run(args: &Reconcile, config: &Path) -> Exit {
    let config = match config::load(config) {
        Ok(config) => config,
        Err(problems) => return super::check::refused(&problems),
    };
    if let Err(error) = daemon::keep_out_of_dumps() {
        complain(error);
        return Exit::Unavailable;
    }
    let (done, as_json) = match &args.command {
        ReconcileCommand::Export(args) => (export(args, &config), args.json),
        ReconcileCommand::Import(args) => (import(args, &config), args.json),
    };
    done.unwrap_or_else(|Failure(exit, why, code)| {
        if as_json {
            say(json!({ "outcome": "refused", "code": code }));
        }
        complain(format_args!("{why} ({code})"));
        exit
    })
}

fn storage(config: &Config) -> Arc<dyn Storage> {
    Arc::new(FileStorage::at(&config.journal.folder))
}

fn export(args: &ReconcileExport, config: &Config) -> Result<Exit, Failure> {
    let state_file = config.journal.folder.join(STATE_FILE);
    let (hub, key) = (SitePublic::read(&args.hub_pub)?, PrivateKey::read(&args.signing_key)?);
    let order = Export {
        journal: storage(config),
        environment_number: daemon::environment_number(config.instance.environment),
        environment: config.instance.environment,
        site: args.site.as_deref().unwrap_or(&config.instance.name),
        hub: &hub,
        key: &key,
        out: &args.out,
        records_max: args.records_max,
        now: Clock::system().now(),
    };
    // What is asked for by number needs no note, not even a sound one.
    let last = if args.since.is_some() { None } else { reconcile::read_state(&state_file)? };
    let exported = reconcile::export(&order, last.as_ref(), args.since)?;
    if let Some(departure) = &exported.departure {
        reconcile::leave_note(&config.journal.folder, departure)?;
    }
    if let Some(state) = &exported.state {
        reconcile::write_state(&state_file, state)?;
    }
    let journaled = exported.departure.as_ref().is_some_and(|departure| journal_notes(config, departure));
    tell_export(args, &exported, journaled);
    Ok(Exit::Ok)
}

/// Writes into the journal that something was exported, if nobody holds it and it is this user's. Else the daemon does,
/// at its next look.
fn journal_notes(config: &Config, departure: &Departure) -> bool {
    let (folder, clock) = (&config.journal.folder, Clock::system());
    if !reconcile::is_own(folder, departure) {
        return false;
    }
    let Ok((journal, _)) = daemon::open_journal_of(config, &clock, |_| {}) else { return false };
    let written = reconcile::journal_notes(folder, &journal, clock.now());
    let closed = journal.close();
    if let Err(error) = &written {
        complain(format_args!("the export is not in the journal yet: {error}"));
    }
    written.is_ok() && closed.is_ok()
}

fn tell_export(args: &ReconcileExport, exported: &Exported, journaled: bool) {
    let Exported { bundle, from, to, counts, held_back, more, .. } = exported;
    if args.json {
        let outcome = if bundle.is_some() { "exported" } else { "nothing_new" };
        say(json!({
            "outcome": outcome, "bundle": bundle, "from": from, "to": to, "counts": counts,
            "held_back": held_back, "more": more, "journaled": journaled,
        }));
        return;
    }
    match bundle {
        Some(bundle) => {
            let (first, last) = (from.sequence + 1, to.sequence);
            say(format_args!("bundle {bundle}: records {first} to {last} in {}", args.out.display()));
            tell_counts(counts);
            if !journaled {
                say("the daemon journals that it was made when it runs");
            }
        }
        None => say(format_args!("nothing new behind record {}", from.sequence)),
    }
    if *held_back > 0 {
        say(format_args!("{held_back} records are held back until they are certainly durable"));
    }
    if *more {
        say("the file is full and more records follow: export again");
    }
}

fn tell_counts(counts: &Counts) {
    let Counts { records, screenings, hits, late_hits, rechecks, unreadable } = counts;
    say(format_args!("{records} records: {screenings} screenings, {hits} hits, {late_hits} late hits"));
    say(format_args!("{rechecks} open rechecks"));
    if *unreadable > 0 {
        complain(format_args!("{unreadable} records of the site's journal could not be read"));
    }
}

fn import(args: &ReconcileImport, config: &Config) -> Result<Exit, Failure> {
    let environment = config.instance.environment;
    let hub = SiteKey::read(&args.hub_key)?;
    let bundle = Bundle::read(&args.file, environment, |site| site_key(args, site))?;
    let mut options = Options::new(0, uuid::Uuid::nil());
    options.segment_bytes = config.journal.segment_bytes;
    let checked = reconcile::check(bundle, &hub, options.body_bytes_max())?;
    let ledger = known(config, &checked)?;
    let fits = ledger.fits(checked.header())?;
    let gap = match fits {
        Fits::Known => {
            tell_import(args, &checked, fits, Imported::default());
            return Ok(Exit::Ok);
        }
        Fits::Behind(Gap { known, from }) if !args.accept_gap => {
            return Err(ReconcileError::Gap { known, from }.into());
        }
        Fits::Behind(gap) => Some(gap),
        Fits::Next | Fits::First => None,
    };
    let imported = write(config, &checked, &hub, fits, gap)?;
    tell_import(args, &checked, fits, imported);
    Ok(Exit::Ok)
}

/// The signing key of a site: the file that is called after it.
fn site_key(args: &ReconcileImport, site: &str) -> Result<PublicKey, ReconcileError> {
    let name = format!("{site}.pub");
    let path = match (&args.sites, &args.site_pub) {
        (Some(folder), _) => folder.join(&name),
        (None, Some(file)) if file.file_name() == Some(name.as_ref()) => file.clone(),
        _ => return Err(ReconcileError::UnknownSite(site.to_owned())),
    };
    PublicKey::read(&path).map_err(|_| ReconcileError::UnknownSite(site.to_owned()))
}

/// What the journal knows of the site, before it is taken hold of: so a bundle that is refused leaves it untouched.
fn known(config: &Config, checked: &Checked) -> Result<Ledger, Failure> {
    if !config.journal.folder.is_dir() {
        return Ok(Ledger::new(checked.header()));
    }
    let ledger = Ledger::of(storage(config), checked.header());
    ledger.map_err(|error| ReconcileError::Journal(error).into())
}

/// Takes hold of the journal, looks again, and writes.
fn write(
    config: &Config,
    checked: &Checked,
    hub: &SiteKey,
    fitted: Fits,
    gap: Option<Gap>,
) -> Result<Imported, Failure> {
    let clock = Clock::system();
    let mut ledger = Ledger::new(checked.header());
    let opened = daemon::open_journal_of(config, &clock, |record| ledger.see(record.kind, record.body));
    let unavailable =
        |error: &dyn std::fmt::Display| Failure(Exit::Unavailable, error.to_string(), "journal");
    let (journal, recovery) = opened.map_err(|error| unavailable(&error))?;
    for damage in &recovery.damage {
        complain(format_args!("segment {} at {}: {}", damage.segment, damage.offset, damage.cause));
    }
    // What another import wrote since the journal was looked at changes what is missing.
    let fits_still = matches!(ledger.fits(checked.header()), Ok(fits) if fits == fitted);
    let matter = Reference(new_id(clock.now()));
    let written = fits_still.then(|| checked.write(&journal, &ledger, hub, matter, gap));
    journal.close().map_err(|error| unavailable(&error))?;
    let written = written.ok_or_else(|| unavailable(&"another import came between: try again"))?;
    Ok(written?)
}

fn tell_import(args: &ReconcileImport, checked: &Checked, fits: Fits, imported: Imported) {
    let (header, counts) = (checked.header(), &checked.counts);
    let (outcome, gap) = match fits {
        Fits::Known => ("already_imported", None),
        Fits::Behind(gap) => ("imported", Some(gap)),
        Fits::Next | Fits::First => ("imported", None),
    };
    let first_of_journal = fits == Fits::First;
    if args.json {
        let written = json!({ "records": imported.records, "rechecks": imported.rechecks });
        say(json!({
            "outcome": outcome, "site": header.site, "bundle": header.bundle, "instance": header.instance,
            "from": header.from, "to": header.to, "counts": counts, "written": written, "gap": gap,
            "first_of_journal": first_of_journal,
        }));
        return;
    }
    let (site, first, last) = (&header.site, header.from.sequence + 1, header.to.sequence);
    say(format_args!("bundle {} of {site}: records {first} to {last}", header.bundle));
    if fits == Fits::Known {
        say("already_imported: nothing was written");
        return;
    }
    if first_of_journal {
        say(format_args!("the first of the site's journal {}", header.instance));
    }
    if let Some(gap) = gap {
        complain(format_args!("records {} to {} of {site} are missing", gap.known + 1, gap.from));
    }
    tell_counts(counts);
    let rewritten = counts.records - imported.records;
    if rewritten > 0 {
        say(format_args!("{rewritten} of the records were there before"));
    }
}
