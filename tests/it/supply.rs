//! What is built in stays within `deny.toml`, also where cargo-deny is not installed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

fn deny() -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml");
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn names(section: &str, list: &str) -> BTreeSet<String> {
    let entries = deny()[section][list].as_array().unwrap().clone();
    entries.iter().map(|entry| entry.get("name").unwrap_or(entry).as_str().unwrap().to_owned()).collect()
}

struct Package {
    name: String,
    version: String,
    licence: String,
}

/// The packages that a build for Linux uses, with development and build dependencies.
fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--workspace",
            "--edges",
            "all",
            "--prefix",
            "none",
            "--locked",
            "--offline",
            "--no-dedupe",
        ])
        .args(["--target", "x86_64-unknown-linux-gnu", "--format", "{p}|{l}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: BTreeSet<String> =
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.iter().filter_map(|line| package(line)).collect()
}

/// Reads `name v1.2.3 (proc-macro)|licence`.
fn package(line: &str) -> Option<Package> {
    let (package, licence) = line.split_once('|')?;
    let mut words = package.split(' ');
    let [name, version] = [words.next()?, words.next()?].map(str::to_owned);
    Some(Package { name, version, licence: licence.to_owned() })
}

// Proves that no crate is built in twice but those that deny.toml tolerates, and that each of those is still needed.
#[test]
fn duplicates_are_the_tolerated_ones() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages() {
        versions.entry(package.name).or_default().insert(package.version);
    }
    let twice: BTreeSet<String> =
        versions.into_iter().filter(|(_, v)| v.len() > 1).map(|(name, _)| name).collect();
    assert_eq!(twice, names("bans", "skip"));
}

// Proves that nothing banned is built in.
#[test]
fn nothing_banned_is_built_in() {
    let banned = names("bans", "deny");
    let found: Vec<_> = packages().into_iter().map(|p| p.name).filter(|name| banned.contains(name)).collect();
    assert!(found.is_empty(), "{found:?}");
}

// Proves that each crate can be had under a licence that is allowed.
#[test]
fn licences_are_allowed() {
    let allowed = names("licenses", "allow");
    for package in packages() {
        let licence = package.licence.replace('/', " OR ");
        assert!(satisfied(&licence, &allowed), "{} is under {licence}", package.name);
    }
}

/// Whether a licence expression can be satisfied: of alternatives one, of what is joined by AND each.
fn satisfied(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let all = |joined: &str| {
        joined.split(" AND ").all(|licence| {
            let licence = licence.trim_matches(['(', ')', ' ']);
            allowed.contains(licence.split(" WITH ").next().unwrap_or(licence))
        })
    };
    match expression.split_once(") AND ") {
        Some((group, rest)) => satisfied(group.trim_start_matches('('), allowed) && satisfied(rest, allowed),
        None => expression.split(" OR ").any(all),
    }
}
