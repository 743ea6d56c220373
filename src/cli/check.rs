//! `postern check`: whether the configuration, and with `--live` the machine, is as it must be.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use postern_sdk::{Context, Personal, Reference};

use super::{Exit, say};
use crate::clock::Clock;
use crate::config::live::{self, Finding, Mark, Probes};
use crate::config::{self, ClientIdentity, Config, Problem, Severity};
use crate::daemon;
use crate::ids::new_id;
use crate::lane::Tokens;
use crate::mind::keyring::{KeySource, KeySourceError, Vault};
use crate::mind::trust::Refusal;
use crate::mind::{Dataset, Mind};
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
    Probes { lanes: Box::new(lanes), key: Box::new(key), copy: Box::new(copy), find: Box::new(find) }
}

/// Whether the site's key can be had from its source now.
fn key(config: &Config) -> Finding {
    let Some(source) = KeySource::of(config) else { return Finding::ok("not configured") };
    let Ok(runtime) = super::runtime(1) else { return Finding::fail("the runtime can't be started") };
    let code = source.settings().from.code();
    match runtime.block_on(source.load()) {
        Ok(key) if source.is_on_disk() => {
            Finding::warn(format!("key on disk: key {} from {code} opens a stolen disk", key.public().id()))
        }
        Ok(key) => Finding::ok(format!("key {} from {code}", key.public().id())),
        Err(KeySourceError::Operator) => {
            Finding::ok("an operator gives it at each start by postern mind unlock")
        }
        Err(error) => Finding::fail(error.to_string()),
    }
}

/// The site's key, if its source gives it now.
fn vault(config: &Config) -> Arc<Vault> {
    let loaded =
        KeySource::of(config).and_then(|source| super::runtime(1).ok()?.block_on(source.load()).ok());
    Arc::new(loaded.map_or_else(Vault::locked, Vault::holding))
}

/// Whether there is a copy that the daemon would answer from, and how old its data is.
fn copy(config: &Config) -> Finding {
    let Some(settings) = &config.mind else { return Finding::ok("not configured") };
    let options = match daemon::mind_options(settings, config, vault(config)) {
        Ok(options) => options,
        Err(error) => return Finding::fail(error.to_string()),
    };
    let clock = Clock::system();
    let (mind, opened) = Mind::open(options, clock.clone());
    let told = |(dataset, version, error): &(Option<Dataset>, u64, Refusal)| match dataset {
        Some(dataset) => format!("version {version} of {dataset} is refused: {error}"),
        None => format!("a root is refused: {error}"),
    };
    let refused: Vec<String> = opened.refused.iter().map(told).collect();
    let oldest = mind.infos().into_iter().min_by_key(|info| info.data_as_of);
    match oldest {
        None if refused.is_empty() => Finding::fail("no snapshot is there"),
        None => Finding::fail(refused.join("; ")),
        Some(info) => {
            let age = clock.read().age(info.data_as_of);
            let told = format!(
                "{} version {}, {} records, data of {:.0}",
                info.dataset, info.version, info.records, info.data_as_of
            );
            match age.unsigned_abs() {
                age if age >= settings.ages.stop => {
                    Finding::fail(format!("{told}: stale, its silence says nothing"))
                }
                age if age >= settings.ages.warn || !refused.is_empty() => {
                    Finding::warn(format!("{told}: old; {}", refused.join("; ")))
                }
                _ => Finding::ok(told),
            }
        }
    }
}

/// Whether each of INTERPOL's services answers a harmless question.
fn find(config: &Config) -> Finding {
    let clock = Clock::system();
    let find = match daemon::online(config, &clock) {
        Ok(Some(find)) => find,
        Ok(None) => return Finding::ok("not configured"),
        Err(error) => return Finding::fail(error.to_string()),
    };
    let Ok(runtime) = super::runtime(1) else { return Finding::fail("the runtime can't be started") };
    let context = Context {
        environment: config.instance.environment,
        end_user: Some(Personal::from("postern check")),
        ..Context::default()
    };
    let probed = runtime.block_on(find.probe(&context, Reference(new_id(clock.now()))));
    let found = probed.into_iter().map(|service| match service.failure {
        None => Finding::ok(format!("{} answered in {} ms", service.service, service.elapsed_us / 1_000)),
        Some(reason) => Finding::fail(format!("{}: {reason}", service.service)),
    });
    Finding::all(found.collect(), "no service is enabled")
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
