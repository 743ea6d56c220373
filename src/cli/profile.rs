//! `postern profile`: descriptions of INTERPOL's wire format.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use postern_sdk::{Context, Reason, Reference};

use super::{Exit, complain, say};
use crate::clock::Clock;
use crate::config;
use crate::daemon;
use crate::find::profile::{BUILT_IN, Table};
use crate::find::{self, Difference, Online};
use crate::ids::new_id;

type Failure = Box<dyn Error>;

/// Checks and compares profiles.
#[derive(Clone, Debug, Args)]
pub struct Profile {
    /// What to do with a profile
    #[command(subcommand)]
    pub command: ProfileCommand,
}

/// What can be done with a profile. Where a file is left out, the one that is built in is meant.
#[derive(Clone, Debug, Subcommand)]
pub enum ProfileCommand {
    /// Checks a profile and tells everything that can't be, each with its key and remedy; exit 1 if there is something
    Check {
        /// The profile
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Writes a profile to standard output: the built-in one is where a bureau's own begins
    Show {
        /// The profile
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Tells every key in which two profiles differ; exit 1 if there is one
    Diff {
        /// The profile that is compared with
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The profile to compare with; left out: the one that is built in
        #[arg(value_name = "WITH")]
        with: Option<PathBuf>,
    },
    /// Asks the configured service for its own tables of codes and tells where the profile differs; exit 1 if it does
    Probe {
        /// Tells it as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Does what was asked with the profile.
pub(super) fn run(args: &Profile, config: &Path) -> Exit {
    let done = match &args.command {
        ProfileCommand::Check { file } => check(file.as_deref()),
        ProfileCommand::Show { file } => text(file.as_deref()).map(|text| {
            say(text.trim_end());
            Exit::Ok
        }),
        ProfileCommand::Diff { file, with } => diff(file, with.as_deref()),
        ProfileCommand::Probe { json } => probe(config, *json),
    };
    done.unwrap_or_else(|error| {
        complain(error);
        Exit::Usage
    })
}

fn text(file: Option<&Path>) -> Result<String, Failure> {
    match file {
        None => Ok(BUILT_IN.to_owned()),
        Some(path) => {
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()).into())
        }
    }
}

fn check(file: Option<&Path>) -> Result<Exit, Failure> {
    let profile = match find::Profile::parse(&text(file)?) {
        Ok(profile) => profile,
        Err(error) => {
            complain(error);
            return Ok(Exit::Found);
        }
    };
    say(format_args!("{} edition {}", profile.name, profile.edition));
    for service in &profile.service {
        let databases: Vec<&str> = service.databases().map(postern_sdk::Database::code).collect();
        let state = match (service.enabled, service.silent) {
            (false, _) => "not asked",
            (true, false) => "asked",
            (true, true) => "asked, confirmed silent",
        };
        say(format_args!("{:<14} {:<24} {state}", service.name, databases.join(", ")));
    }
    Ok(Exit::Ok)
}

fn diff(file: &Path, with: Option<&Path>) -> Result<Exit, Failure> {
    let flat = |file: Option<&Path>| -> Result<BTreeMap<String, String>, Failure> {
        let mut keys = BTreeMap::new();
        flatten(&toml::Value::Table(text(file)?.parse()?), "", &mut keys);
        Ok(keys)
    };
    let (one, other) = (flat(Some(file))?, flat(with)?);
    let mut differs = false;
    for key in one.keys().chain(other.keys().filter(|key| !one.contains_key(*key))) {
        let (here, there) = (one.get(key), other.get(key));
        if here != there {
            differs = true;
            let shown = |text: Option<&String>| text.map_or("absent", String::as_str).to_owned();
            say(format_args!("{key}: {} here, {} there", shown(here), shown(there)));
        }
    }
    Ok(if differs { Exit::Found } else { Exit::Ok })
}

/// Every value by its path. What has a name of its own stands under that, so that an order is no difference.
fn flatten(value: &toml::Value, path: &str, keys: &mut BTreeMap<String, String>) {
    let below = |part: &str| if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") };
    match value {
        toml::Value::Table(table) => {
            table.iter().for_each(|(key, value)| flatten(value, &below(key), keys));
        }
        toml::Value::Array(values) => {
            for (place, value) in values.iter().enumerate() {
                let named =
                    ["value", "name", "element", "database"].iter().find_map(|key| value.get(key)?.as_str());
                flatten(value, &below(named.unwrap_or(&place.to_string())), keys);
            }
        }
        value => {
            keys.insert(path.to_owned(), value.to_string());
        }
    }
}

fn probe(path: &Path, json: bool) -> Result<Exit, Failure> {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(problems) => return Ok(super::check::refused(&problems)),
    };
    let clock = Clock::system();
    let online = daemon::online(&config, &clock)?;
    let Some(find) = online.as_ref().and_then(Online::interpol) else {
        return Err("the configuration has no [find] that asks INTERPOL itself".into());
    };
    let runtime = match super::runtime(1) {
        Ok(runtime) => runtime,
        Err(exit) => return Ok(exit),
    };
    let context = Context { environment: config.instance.environment, ..Context::default() };
    let Some(tables) = runtime.block_on(find.tables(&context, Reference(new_id(clock.now())))) else {
        return Err("the profile names no service that tells its tables: see [schema]".into());
    };
    let mut worst = Exit::Ok;
    for (table, told) in tables {
        let told = told.map(|told| Difference::of(find.profile(), table, &told));
        let exit = match &told {
            Err(_) => Exit::Unavailable,
            Ok(difference) if difference.is_none() => Exit::Ok,
            Ok(_) => Exit::Found,
        };
        if worst != Exit::Unavailable && exit != Exit::Ok {
            worst = exit;
        }
        tell(table, told.as_ref(), json);
    }
    Ok(worst)
}

fn tell(table: Table, told: Result<&Difference, &Reason>, json: bool) {
    let name = table.code();
    match told {
        Err(reason) if json => say(serde_json::json!({ "table": name, "failed": reason })),
        Err(reason) => say(format_args!("{name}: the service did not tell it: {reason}")),
        Ok(difference) if json => say(serde_json::json!({ "table": name, "difference": difference })),
        Ok(difference) if difference.is_none() => say(format_args!("{name}: as the service tells it")),
        Ok(Difference { missing, unknown }) => {
            for (code, label) in missing {
                say(format_args!("{name}: the profile lacks {code:?}, which is {label:?}"));
            }
            for code in unknown {
                say(format_args!("{name}: the service does not tell {code:?}"));
            }
        }
    }
}
