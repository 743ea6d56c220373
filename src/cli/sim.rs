//! `postern sim`: a pocket INTERPOL.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::{Exit, complain, say};
use crate::clock::Clock;
use crate::find::Profile;
use crate::sim::pki::TrainingPki;
use crate::sim::{Faults, SimOptions, SimRecords, SimTls, Simulator, feed, wsdl};

type Failure = Box<dyn Error>;

/// Synthetic persons in notices.
const NOMINALS: usize = 1_000;
/// Synthetic vehicles, firearms, vessels and works of art, of each.
const THINGS: usize = 10_000;
/// Planted questions at most.
const PLANTS_MAX: u64 = 100_000;

/// Simulates INTERPOL's services.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Sim {
    /// The address of the services; port 0: any free port, told on standard output
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4090")]
    pub listen: SocketAddr,
    /// The address at which latency, errors, result codes and outages are set
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4091")]
    pub admin: SocketAddr,
    /// How many synthetic records the databases hold
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub records: u64,
    /// The documents to hold in place of synthetic ones, in the copy's CSV
    #[arg(long, value_name = "FILE", conflicts_with = "records")]
    pub feed: Option<PathBuf>,
    /// How it misbehaves from the start, in TOML; the admin endpoint says otherwise later
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Where every request is logged, a line of JSON each; the file is written anew
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// The seed of the records
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Serve HTTPS to clients with a certificate, all of a new training authority, and write what a client needs to
    /// this folder: ca.pem, client.pem, client.key
    #[arg(long, value_name = "FOLDER")]
    pub tls_folder: Option<PathBuf>,
    /// The profile of the wire format; left out: the one that is built in
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// What to make in place of serving
    #[command(subcommand)]
    pub command: Option<SimCommand>,
}

/// What the simulator can make.
#[derive(Clone, Debug, Subcommand)]
pub enum SimCommand {
    /// Writes a synthetic feed in the copy's CSV, and the planted numbers with their expected answers
    Feed(Feed),
    /// Writes the description of the services in WSDL, for SOAP stacks of any make
    Wsdl(Wsdl),
}

/// Writes the description of the services in WSDL.
#[derive(Clone, Debug, Args)]
pub struct Wsdl {
    /// Where the services are
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4090")]
    pub url: String,
    /// The profile of the wire format; left out: the one that is built in
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// The file; left out: standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Writes a synthetic feed.
#[derive(Clone, Debug, Args)]
pub struct Feed {
    /// How many records
    #[arg(long, value_name = "N")]
    pub records: u64,
    /// The seed of the records
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// The feed
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The planted numbers with their expected answers
    #[arg(long, value_name = "FILE")]
    pub plant: Option<PathBuf>,
}

/// Serves until it is told to end, or makes what was asked.
pub(super) fn run(args: &Sim) -> Exit {
    match &args.command {
        None => serve(args),
        Some(SimCommand::Feed(feed)) => made(write_feed(feed)),
        Some(SimCommand::Wsdl(args)) => made(write_wsdl(args)),
    }
}

fn serve(args: &Sim) -> Exit {
    let prepared = match Prepared::of(args) {
        Ok(prepared) => prepared,
        Err(error) => {
            complain(error);
            return Exit::Usage;
        }
    };
    let runtime = match super::runtime(0) {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    match runtime.block_on(simulate(args, prepared)) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            complain(error);
            Exit::Unavailable
        }
    }
}

/// What stands in files, read before anything is started.
struct Prepared {
    profile: Profile,
    faults: Faults,
    log: Option<File>,
    records: SimRecords,
}

impl Prepared {
    fn of(args: &Sim) -> Result<Self, Failure> {
        let profile = profile(args.profile.as_deref())?;
        let faults = args.faults.as_deref().map(|file| faults(file, &profile)).transpose()?;
        let log = args.log.as_deref().map(File::create).transpose()?;
        let records = records(args)?.with_nominals(args.seed, NOMINALS).with_things(args.seed, THINGS);
        Ok(Self { profile, faults: faults.unwrap_or_default(), log, records })
    }
}

async fn simulate(args: &Sim, prepared: Prepared) -> Result<(), Failure> {
    let clock = Clock::system();
    let sim = Simulator::start(SimOptions {
        listen: args.listen,
        admin_listen: Some(args.admin),
        tls: args.tls_folder.as_deref().map(|folder| tls(folder, args, &clock)).transpose()?,
        records: Arc::new(prepared.records),
        seed: args.seed,
        profile: Arc::new(prepared.profile),
        clock,
    })
    .await?;
    prepared.log.into_iter().for_each(|file| sim.log_to(file));
    sim.set_faults(prepared.faults)?;
    let scheme = if args.tls_folder.is_some() { "https" } else { "http" };
    say(format_args!("services {scheme}://{}", sim.addr));
    if let Some(admin) = sim.admin_addr {
        say(format_args!("admin http://{admin}"));
    }
    tokio::signal::ctrl_c().await?;
    sim.shutdown().await;
    Ok(())
}

fn records(args: &Sim) -> Result<SimRecords, Failure> {
    Ok(match &args.feed {
        Some(feed) => SimRecords::from_csv(BufReader::new(File::open(feed)?))?,
        None => SimRecords::from_feed(&feed::generate(args.records, args.seed))?,
    })
}

fn faults(path: &Path, profile: &Profile) -> Result<Faults, Failure> {
    let read = Faults::parse(&std::fs::read_to_string(path)?).and_then(|faults| {
        faults.check(profile)?;
        Ok(faults)
    });
    read.map_err(|error| format!("{}: {error}", path.display()).into())
}

fn profile(path: Option<&Path>) -> Result<Profile, Failure> {
    match path {
        Some(path) => Ok(Profile::parse(&std::fs::read_to_string(path)?)?),
        None => Ok(Profile::built_in()),
    }
}

/// Makes a training authority, and writes what a client needs to a folder.
fn tls(folder: &Path, args: &Sim, clock: &Clock) -> Result<SimTls, Failure> {
    let pki = TrainingPki::generate(
        &[args.listen.ip().to_string(), "localhost".to_owned()],
        "postern",
        clock.now(),
    )?;
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("ca.pem"), &pki.ca_pem)?;
    std::fs::write(folder.join("client.pem"), &pki.client.cert_pem)?;
    let mut options = File::options();
    let mut key =
        options.write(true).create(true).truncate(true).mode(0o600).open(folder.join("client.key"))?;
    key.write_all(pki.client.key_pem.as_bytes())?;
    Ok(SimTls { identity: pki.server, client_ca_pem: pki.ca_pem })
}

fn write_feed(args: &Feed) -> Result<(), Failure> {
    let feed = feed::generate(args.records, args.seed);
    feed.write_csv(BufWriter::new(File::create(&args.out)?))?;
    if let Some(plant) = &args.plant {
        feed::write_plants(&feed.plant(PLANTS_MAX), BufWriter::new(File::create(plant)?))?;
    }
    Ok(())
}

fn write_wsdl(args: &Wsdl) -> Result<(), Failure> {
    let text = wsdl(&profile(args.profile.as_deref())?, args.url.trim_end_matches('/'));
    match &args.out {
        Some(out) => std::fs::write(out, text)?,
        None => say(text.trim_end()),
    }
    Ok(())
}

fn made(made: Result<(), Failure>) -> Exit {
    match made {
        Ok(()) => Exit::Ok,
        Err(error) => {
            complain(error);
            Exit::Usage
        }
    }
}
