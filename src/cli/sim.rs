//! `postern sim`: a pocket INTERPOL.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::{Exit, complain, say};
use crate::clock::Clock;
use crate::find::Profile;
use crate::sim::pki::TrainingPki;
use crate::sim::{SimOptions, SimRecords, SimTls, Simulator, feed};

type Failure = Box<dyn Error>;

/// Synthetic persons in notices.
const NOMINALS: usize = 1_000;
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
        Some(SimCommand::Feed(feed)) => write_feed(feed),
    }
}

fn serve(args: &Sim) -> Exit {
    let runtime = match super::runtime(0) {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    match runtime.block_on(simulate(args)) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            complain(error);
            Exit::Unavailable
        }
    }
}

async fn simulate(args: &Sim) -> Result<(), Failure> {
    let clock = Clock::system();
    let mut csv = Vec::new();
    feed::generate(args.records, args.seed).write_csv(&mut csv)?;
    let records = SimRecords::from_csv(csv.as_slice())?.with_nominals(args.seed, NOMINALS);
    drop(csv);
    let sim = Simulator::start(SimOptions {
        listen: args.listen,
        admin_listen: Some(args.admin),
        tls: args.tls_folder.as_deref().map(|folder| tls(folder, args, &clock)).transpose()?,
        records: Arc::new(records),
        seed: args.seed,
        profile: Arc::new(profile(args.profile.as_deref())?),
        clock,
    })
    .await?;
    let scheme = if args.tls_folder.is_some() { "https" } else { "http" };
    say(format_args!("services {scheme}://{}", sim.addr));
    if let Some(admin) = sim.admin_addr {
        say(format_args!("admin http://{admin}"));
    }
    tokio::signal::ctrl_c().await?;
    sim.shutdown().await;
    Ok(())
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

fn write_feed(args: &Feed) -> Exit {
    let written = (|| -> Result<(), Failure> {
        let feed = feed::generate(args.records, args.seed);
        feed.write_csv(BufWriter::new(File::create(&args.out)?))?;
        if let Some(plant) = &args.plant {
            feed::write_plants(&feed.plant(PLANTS_MAX), BufWriter::new(File::create(plant)?))?;
        }
        Ok(())
    })();
    match written {
        Ok(()) => Exit::Ok,
        Err(error) => {
            complain(error);
            Exit::Usage
        }
    }
}
