//! `postern sim`: a pocket INTERPOL.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Exit;

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
    /// Serve HTTPS with a training certificate, and write its authority to this file
    #[arg(long, value_name = "FILE")]
    pub tls_ca_out: Option<PathBuf>,
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

fn serve(_args: &Sim) -> Exit {
    super::not_wired("sim")
}

fn write_feed(_args: &Feed) -> Exit {
    super::not_wired("sim feed")
}
