//! From files to checked settings.
//!
//! A wrong configuration is found before the daemon starts, by a person who reads the error. So everything that can be
//! known without network or secrets is checked in [`load`], all of it in one run, and every problem says where it
//! stands (file, line, column, key), what is wrong and what to do. The steps: `tree` reads the files and merges them,
//! `shape` compares them with the types of [`mod@file`], `check` asks whether they make sense, `resolve` turns names and
//! milliseconds into the [`settings`] that the rooms are built from. What needs the machine (keys, addresses,
//! the copy) is [`live`].
//!
//! Nothing is taken from the environment (a credential's place is, by who reads it), and no value is replaced by another: what is written is what is used. Secrets
//! are references to files.

mod batch;
mod check;
pub mod disk;
mod distribution;
pub mod file;
mod key;
pub mod live;
mod online;
mod problem;
pub mod publish;
mod recheck;
pub mod reference;
mod relay;
mod resolve;
pub mod settings;
mod shape;
mod tree;

use std::path::Path;

pub use problem::{Place, Problem, Severity};
pub use settings::{
    Batch, ClientIdentity, ClientTls, Config, Console, Find, Framing, GrantFiles, Instance, Journal, KeyFrom,
    KeyServer, Lane, Limits, Log, LogFormat, LogLevel, Mind, MindHub, MindKey, MindSource, Recheck,
    ServerTls, Wire,
};

use crate::adapters::{ADAPTERS, Entry};

/// Loads a file and the `*.toml` of `conf.d` beside it, and checks all of it. Takes no network and no secret; reads the
/// mode of secrets' files.
///
/// # Errors
/// Every problem, warnings included, in the order of their places, if one of them is an error.
pub fn load(path: &Path) -> Result<Config, Vec<Problem>> {
    load_with(path, ADAPTERS)
}

/// [`load`] with a registry of adapters other than the built-in one.
///
/// # Errors
/// As [`load`].
pub fn load_with(path: &Path, adapters: &'static [Entry]) -> Result<Config, Vec<Problem>> {
    let (mut root, mut problems) = tree::read(path);
    let places = tree::Places::of(&root);
    let mut misshapen = Vec::new();
    let usable = shape::Shape::new().prune(&mut root, &mut misshapen);
    if !problems.is_empty() {
        // In a file that could not be read as a whole, a key is missing because of that.
        misshapen.retain(|problem| places.has(&problem.key));
    }
    problems.append(&mut misshapen);
    let file = if usable { written(&root, path, &mut problems) } else { None };
    let Some(file) = file else { return Err(sorted(problems)) };
    let folder = path.parent().unwrap_or(Path::new(""));
    let told = |problem: &Problem| {
        problems.iter().any(|other: &Problem| !other.key.is_empty() && other.key == problem.key)
    };
    let mut senseless = check::check(&file, &places, adapters, folder);
    senseless.retain(|problem| !told(problem));
    problems.append(&mut senseless);
    let problems = sorted(problems);
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(problems);
    }
    let settings = resolve::settings(path, &file, adapters);
    let config = settings.expect("what the checks found sound resolves");
    Ok(Config { warnings: problems, ..config })
}

fn written(root: &tree::Node, path: &Path, problems: &mut Vec<Problem>) -> Option<file::File> {
    let read = serde::Deserialize::deserialize(root.plain());
    read.map_err(|error: toml::de::Error| {
        let cause = error.message().to_owned();
        problems.push(Problem::error(Place::file(path), "", cause, "see the reference of options"));
    })
    .ok()
}

fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|a, b| (&a.place, &a.key).cmp(&(&b.place, &b.key)));
    problems
}

#[cfg(test)]
mod tests;
