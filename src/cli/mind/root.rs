//! `postern mind root`: whom the copy believes.

use std::error::Error;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use postern_sdk::Environment;

use super::super::grants::replace;
use super::super::{Exit, complain, say};
use super::environment;
use crate::clock::Clock;
use crate::keys::{PrivateKey, PublicKey};
use crate::mind::trust::{
    Chain, ROOT_BYTES_MAX, Refusal, Role, RoleKeys, Root, SIGNATURES_BYTES_MAX, read_at_most, sign,
};

/// How a command ended that could not do its work, and why.
struct Failure(Exit, String);

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Exit::Usage, error.to_string())
    }
}

impl Failure {
    /// What is wrong with a document is a finding; that its file can't be read is the command line's.
    fn of(file: &Path, refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Missing(error) => Self::file(file, error),
            _ => Self(Exit::Found, format!("{}: {refusal} ({})", file.display(), refusal.code())),
        }
    }

    fn file(file: &Path, error: impl Display) -> Self {
        Self(Exit::Usage, format!("{}: {error}", file.display()))
    }
}

/// Makes, signs, shows and verifies roots: which keys may sign states of the copy, and how many must.
#[derive(Clone, Debug, Args)]
pub struct MindRoot {
    /// What to do with a root
    #[command(subcommand)]
    pub command: RootCommand,
}

/// What can be done with a root.
#[derive(Clone, Debug, Subcommand)]
pub enum RootCommand {
    /// Makes a root that nobody has signed yet
    New(RootNew),
    /// Signs a root; several people sign one after the other. The signatures stand beside it, in a file ending in .sig
    Sign {
        /// The root
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The file with the private key: one of the root's own root keys or, with --previous, of the one before
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The root before, if the key is one of its root keys
        #[arg(long, value_name = "FILE")]
        previous: Option<PathBuf>,
    },
    /// Shows a root and which of its own root keys have signed it
    Show {
        /// The root
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Write it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Verifies roots, each by the one before it; exit 1 if one does not verify, or the last has expired
    Verify {
        /// The pinned root, then each one after it, in order
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

/// Makes a root.
#[derive(Clone, Debug, Args)]
pub struct RootNew {
    /// Where the root goes, such as root.000001.json; a file that exists is not overwritten
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The root that it replaces; what is left out here is taken from there, and its number is one higher
    #[arg(long, value_name = "FILE")]
    pub previous: Option<PathBuf>,
    /// The environment of the states; it can't be changed later
    #[arg(long, value_name = "ENVIRONMENT", value_parser = environment, required_unless_present = "previous", conflicts_with = "previous")]
    pub environment: Option<Environment>,
    /// For how many days from now new states are taken under it
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub expires_days: u32,
    /// A file with the public key of somebody who signs roots. May be given several times
    #[arg(
        long = "root-key",
        value_name = "FILE",
        required_unless_present = "previous",
        requires = "root_threshold"
    )]
    pub root_keys: Vec<PathBuf>,
    /// How many of them must sign
    #[arg(long, value_name = "N", requires = "root_keys")]
    pub root_threshold: Option<usize>,
    /// A file with the public key of a publisher of states. May be given several times
    #[arg(
        long = "copy-key",
        value_name = "FILE",
        required_unless_present = "previous",
        requires = "copy_threshold"
    )]
    pub copy_keys: Vec<PathBuf>,
    /// How many of them must sign
    #[arg(long, value_name = "N", requires = "copy_keys")]
    pub copy_threshold: Option<usize>,
}

/// Does what was asked with the root.
pub(super) fn run(args: &MindRoot) -> Exit {
    let now = Clock::system().now();
    let done = match &args.command {
        RootCommand::New(args) => new(args, now),
        RootCommand::Sign { file, key, previous } => add_signature(file, key, previous.as_deref()),
        RootCommand::Show { file, json } => show(file, *json, now),
        RootCommand::Verify { files } => verify(files, now),
    };
    done.unwrap_or_else(|Failure(exit, why)| {
        complain(why);
        exit
    })
}

fn new(args: &RootNew, now: Timestamp) -> Result<Exit, Failure> {
    let previous = args.previous.as_deref().map(read).transpose()?.map(|(root, ..)| root);
    let (version, environment) = match &previous {
        Some(previous) => (previous.version + 1, previous.environment),
        None => (1, args.environment.unwrap_or_default()),
    };
    let kept = |role: fn(&Root) -> &Role| previous.as_ref().map(|root| root.role_keys(role(root)));
    let root = role_keys(&args.root_keys, args.root_threshold, kept(|root| &root.roles.root))?;
    let copy = role_keys(&args.copy_keys, args.copy_threshold, kept(|root| &root.roles.copy))?;
    let expires = now + SignedDuration::from_hours(24 * i64::from(args.expires_days));
    let expires = Timestamp::from_second(expires.as_second())?;
    let root = Root::new(version, environment, expires, &root, &copy);
    let root = root.map_err(|refusal| Failure::of(&args.out, &refusal))?;
    is_json(&args.out)?;
    create(&args.out, &root.text()).map_err(|error| Failure::file(&args.out, error))?;
    tell(&root, &[], now);
    Ok(Exit::Ok)
}

/// The keys that were given or, if none were, those of the root before.
fn role_keys(
    files: &[PathBuf],
    threshold: Option<usize>,
    kept: Option<RoleKeys>,
) -> Result<RoleKeys, Failure> {
    if let (Some(kept), true) = (kept, files.is_empty()) {
        return Ok(kept);
    }
    let keys = files.iter().map(|file| PublicKey::read(file)).collect::<Result<_, _>>()?;
    Ok(RoleKeys { threshold: threshold.unwrap_or_default(), keys })
}

fn create(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(text)?;
    file.sync_all()
}

fn add_signature(file: &Path, key: &Path, previous: Option<&Path>) -> Result<Exit, Failure> {
    let key = PrivateKey::read(key)?;
    let (root, text, signatures) = read(file)?;
    let previous = previous.map(read).transpose()?.map(|(root, ..)| root);
    let signer = key.public().id();
    let before = previous.filter(|previous| previous.version.checked_add(1) == Some(root.version));
    let mut asked = [Some(&root), before.as_ref()].into_iter().flatten();
    if !asked.any(|root| root.roles.root.keys.contains(&signer)) {
        complain(format_args!("key {signer} is no root key of root {}, nor of the one before", root.version));
        return Ok(Exit::Found);
    }
    let path = file.with_extension("sig");
    let lines = sign(&text, &signatures, &key).map_err(|refusal| Failure::of(file, &refusal))?;
    replace(&path, &lines).map_err(|error| Failure::file(&path, error))?;
    say(format_args!("root {} for {} signed by key {signer}", root.version, root.environment.code()));
    Ok(Exit::Ok)
}

fn show(file: &Path, json: bool, now: Timestamp) -> Result<Exit, Failure> {
    let (root, text, signatures) = read(file)?;
    let signed: Vec<&str> = root.signers(&text, &signatures).into_iter().collect();
    if json {
        let complete = signed.len() >= root.roles.root.threshold;
        let expired = root.expired(now);
        let shown =
            serde_json::json!({ "root": root, "signed": signed, "complete": complete, "expired": expired });
        say(shown);
    } else {
        tell(&root, &signed, now);
    }
    Ok(Exit::Ok)
}

fn tell(root: &Root, signed: &[&str], now: Timestamp) {
    say(format_args!("root        {} for {}", root.version, root.environment.code()));
    let expired = if root.expired(now) { ", expired" } else { "" };
    say(format_args!("expires     {:.0}{expired}", root.expires));
    tell_role("root", &root.roles.root);
    tell_role("copy", &root.roles.copy);
    let needed = root.roles.root.threshold;
    say(format_args!("signed      by {} of its own root keys, {needed} must", signed.len()));
    signed.iter().for_each(|key| say(format_args!("            {key}")));
}

fn tell_role(name: &str, role: &Role) {
    say(format_args!("role {name}   {} of {} must sign", role.threshold, role.keys.len()));
    role.keys.iter().for_each(|key| say(format_args!("            {key}")));
}

fn verify(files: &[PathBuf], now: Timestamp) -> Result<Exit, Failure> {
    let mut walked: Option<Chain> = None;
    for file in files {
        let (_, text, signatures) = read(file)?;
        let stepped = match &mut walked {
            Some(chain) => chain.step(&text, &signatures),
            None => Chain::begin(&text, &signatures).map(|begun| walked = Some(begun)),
        };
        stepped.map_err(|refusal| Failure::of(file, &refusal))?;
    }
    let (Some(chain), Some(last)) = (walked, files.last()) else { return Ok(Exit::Usage) };
    let root = chain.current(now).map_err(|refusal| Failure::of(last, &refusal))?;
    say(format_args!(
        "root {} for {} is good until {:.0}",
        root.version,
        root.environment.code(),
        root.expires
    ));
    Ok(Exit::Ok)
}

/// A root, its text, and the signatures beside it, if there are any yet.
fn read(file: &Path) -> Result<(Root, Vec<u8>, Vec<u8>), Failure> {
    is_json(file)?;
    let refused = |refusal| Failure::of(file, &refusal);
    let text = read_at_most(file, ROOT_BYTES_MAX).map_err(refused)?;
    let signatures = match read_at_most(&file.with_extension("sig"), SIGNATURES_BYTES_MAX) {
        Err(Refusal::Missing(error)) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read.map_err(refused)?,
    };
    let root = Root::parse_unverified(&text).map_err(refused)?;
    Ok((root, text, signatures))
}

/// Whether the signatures, which end in `.sig`, can stand beside the file.
fn is_json(file: &Path) -> Result<(), Failure> {
    let json = file.extension().is_some_and(|extension| extension == "json");
    if json { Ok(()) } else { Err(Failure::file(file, "the file of a root ends in .json")) }
}
