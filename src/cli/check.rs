//! `postern check`: whether the configuration, and with `--live` the machine, is as it must be.

use std::path::Path;

use clap::Args;

use super::{Exit, say};
use crate::clock::Clock;
use crate::config::live::{self, Finding, Mark, Probes};
use crate::config::{self, ClientIdentity, Config, Problem, Severity};
use crate::lane::Tokens;
use crate::tls::{self, Speaks};

/// Checks the configuration.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Without --live, no network and no secret is touched. Each stage is one line: ok, warn or fail, \
                        its name, and what was found."
)]
pub struct Check {
    /// Also look at keys, grants, addresses, disk, the copy and INTERPOL
    #[arg(long)]
    pub live: bool,
}

/// Checks: 78 if the configuration is wrong, 69 if a live stage failed.
pub(super) fn run(args: &Check, path: &Path) -> Exit {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(problems) => return refused(&problems),
    };
    config.warnings.iter().for_each(say);
    tell("config", &found(&config));
    if !args.live {
        return Exit::Ok;
    }
    match live::check(&config, &Clock::system(), probes(), &mut tell) {
        Mark::Fail => Exit::Unavailable,
        Mark::Ok | Mark::Warn => Exit::Ok,
    }
}

/// Tells what is wrong with a configuration, for every command that needs one.
pub(super) fn refused(problems: &[Problem]) -> Exit {
    problems.iter().for_each(say);
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    tell("config", &Finding::fail(format!("{errors} errors")));
    Exit::Config
}

fn found(config: &Config) -> Finding {
    let (lanes, policies) = (config.lanes.len(), config.policies.len());
    let environment = config.instance.environment.code();
    match config.warnings.len() {
        0 => Finding::ok(format!("{lanes} lanes, {policies} policies, {environment}")),
        warnings => {
            Finding::warn(format!("{lanes} lanes, {policies} policies, {environment}; {warnings} warnings"))
        }
    }
}

fn tell(name: &str, found: &Finding) {
    say(format_args!("{:<4}  {name:<9}  {}", found.mark, found.detail));
}

/// The stages of the rooms above the configuration.
fn probes() -> Probes<'static> {
    let unwired = |_: &Config| Finding::warn("not looked at: this build has no probe for it");
    Probes { lanes: Box::new(lanes), copy: Box::new(unwired), find: Box::new(unwired) }
}

/// Whether each lane's TLS and tokens can be used, as the lane itself would.
fn lanes(config: &Config) -> Finding {
    let environment = config.instance.environment;
    let found = config.lanes.iter().flat_map(|lane| {
        let tls = lane.tls.iter().map(|tls| {
            let made = tls::Server::from_config(tls, environment, Speaks::Frames);
            Finding::of(made.map(|_| format!("lane.{}: tls", lane.name)))
        });
        let tokens = match &lane.client {
            ClientIdentity::Token(file) => Some(Tokens::read(file)),
            _ => None,
        };
        tls.chain(tokens.map(|read| Finding::of(read.map(|_| format!("lane.{}: tokens", lane.name)))))
            .collect::<Vec<_>>()
    });
    Finding::all(found.collect(), "neither certificates nor tokens")
}
