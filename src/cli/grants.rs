//! `postern grants`: documents of grants.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use postern_sdk::Environment;

use super::{Exit, Keygen, complain, keygen, say};
use crate::grants::{self, Document, GrantsError};
use crate::keys::{PrivateKey, PublicKey};

/// Signs and verifies documents of grants.
#[derive(Clone, Debug, Args)]
pub struct Grants {
    /// What to do with a document
    #[command(subcommand)]
    pub command: GrantsCommand,
}

/// What can be done with a document of grants.
#[derive(Clone, Debug, Subcommand)]
pub enum GrantsCommand {
    /// Signs a document with the bureau's key; a signature that it had is replaced
    Sign {
        /// The document
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The file with the bureau's private key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where the signed document goes; left out: the file itself
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Verifies a document and shows what it grants; exit 1 if it does not verify
    Verify {
        /// The signed document
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The file with the bureau's public key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The environment that the document must be for
        #[arg(long, default_value = "production", value_parser = ["production", "training"])]
        environment: String,
    },
    /// Makes the bureau's key pair
    Keygen(Keygen),
}

/// Does what was asked with the document.
pub(super) fn run(args: &Grants) -> Exit {
    match &args.command {
        GrantsCommand::Sign { file, key, out } => sign(file, key, out.as_deref().unwrap_or(file)),
        GrantsCommand::Verify { file, key, environment } => verify(file, key, environment),
        GrantsCommand::Keygen(args) => keygen::run(args),
    }
}

fn sign(file: &Path, key: &Path, out: &Path) -> Exit {
    let key = match PrivateKey::read(key) {
        Ok(key) => key,
        Err(error) => return refused(error, Exit::Usage),
    };
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return refused(format_args!("{}: {error}", file.display()), Exit::Usage),
    };
    let (signed, environment) = match grants::sign(&text, &key) {
        Ok(signed) => signed,
        Err(error) => return refused(format_args!("{}: {error}", file.display()), Exit::Found),
    };
    match replace(out, &signed) {
        Ok(()) => {
            say(format_args!("signed for {} by key {}", environment.code(), key.public().id()));
            Exit::Ok
        }
        Err(error) => refused(format_args!("{}: {error}", out.display()), Exit::Usage),
    }
}

/// Writes a file in one step: a reader sees the old text or the new one.
pub(super) fn replace(out: &Path, text: &str) -> io::Result<()> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(out).map(drop).map_err(|error| error.error)
}

fn verify(file: &Path, key: &Path, environment: &str) -> Exit {
    let environment = match environment {
        "training" => Environment::Training,
        _ => Environment::Production,
    };
    let key = match PublicKey::read(key) {
        Ok(key) => key,
        Err(error) => return refused(error, Exit::Usage),
    };
    match grants::Grants::load(file, &key, environment) {
        Ok(grants) => {
            show(grants.document());
            Exit::Ok
        }
        Err(error @ GrantsError::File(..)) => refused(error, Exit::Usage),
        Err(error) => refused(format_args!("{}: {error}", file.display()), Exit::Found),
    }
}

fn show(document: &Document) {
    let (number, environment) = (document.number, document.environment.code());
    say(format_args!("document {number} for {environment} by {}", document.issuer));
    say(format_args!("in force from {} until {}", document.issued_at, document.expires_at));
    for grant in &document.grants {
        let databases: Vec<&str> = grant.databases.iter().map(|database| database.code()).collect();
        say(format_args!("grant  {}: {}", grant.client, databases.join(", ")));
    }
    for suspension in &document.suspensions {
        let databases: Vec<&str> = suspension.databases.iter().map(|database| database.code()).collect();
        let (from, until) = (suspension.from, suspension.until);
        say(format_args!(
            "suspension  {} from {from} until {until}: {}",
            databases.join(", "),
            suspension.reason
        ));
    }
}

fn refused(error: impl std::fmt::Display, exit: Exit) -> Exit {
    complain(error);
    exit
}
