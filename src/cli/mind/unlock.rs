//! `postern mind unlock`: an operator gives a locked daemon the site's key.

use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use super::super::{Exit, complain, runtime, say, secret};
use crate::config::{self, KeyFrom};
use crate::mind::keyring;
use crate::{daemon, keys};

/// Gives a locked daemon the site's key.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Run it as the daemon's user or as the administrator. Key and passphrase are asked for at the \
                        terminal, or read from standard input; never write them into an argument."
)]
pub struct MindUnlock {
    /// The file with the site's private key, as it is or under a passphrase; left out: the key is asked for
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The daemon's socket; left out: as the configuration says
    #[arg(long, value_name = "SOCKET")]
    pub socket: Option<PathBuf>,
}

/// Hands the key over: 64 if there is none, 69 if no daemon takes it.
pub(super) fn run(args: &MindUnlock, config: &Path) -> Exit {
    unlock(args, config).unwrap_or_else(|exit| exit)
}

fn unlock(args: &MindUnlock, config: &Path) -> Result<Exit, Exit> {
    daemon::keep_out_of_dumps().map_err(|error| failed(Exit::Unavailable, error))?;
    let socket = match &args.socket {
        Some(socket) => socket.clone(),
        None => configured(config)?,
    };
    let line = match &args.key {
        Some(file) => opened(file)?,
        None => secret::ask("the site's private key")?,
    };
    let id = runtime(1)?.block_on(keyring::unlock(&socket, &line));
    let id = id.map_err(|error| failed(Exit::Unavailable, error))?;
    say(format_args!("unlocked with key {id}"));
    Ok(Exit::Ok)
}

fn configured(config: &Path) -> Result<PathBuf, Exit> {
    let config = config::load(config).map_err(|problems| super::super::check::refused(&problems))?;
    match config.mind.map(|mind| mind.key.from) {
        Some(KeyFrom::Operator { socket }) => Ok(socket),
        _ => Err(failed(Exit::Usage, "the configuration does not say that an operator gives the key")),
    }
}

/// The key's line of a file, after the passphrase if it is under one.
fn opened(file: &Path) -> Result<Zeroizing<String>, Exit> {
    let line = keys::read_text(file).map_err(|error| failed(Exit::Usage, error))?;
    if !keyring::is_sealed(&line) {
        return Ok(line);
    }
    let passphrase = secret::ask("the passphrase")?;
    let key = keyring::unseal(&line, &passphrase).map_err(|error| failed(Exit::Usage, error))?;
    key.line().map_err(|error| failed(Exit::Usage, error))
}

fn failed(exit: Exit, error: impl std::fmt::Display) -> Exit {
    complain(error);
    exit
}
