//! Makes a key pair, for the bureau's grants and the publisher's snapshots.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, complain, say};
use crate::keys::{KeyError, PrivateKey};

/// Makes an Ed25519 key pair. Files that exist are never overwritten.
#[derive(Clone, Debug, Args)]
pub struct Keygen {
    /// Where the private key goes, readable by its owner alone
    #[arg(long, value_name = "FILE")]
    pub private: PathBuf,
    /// Where the public key goes
    #[arg(long, value_name = "FILE")]
    pub public: PathBuf,
}

/// Makes the pair and tells the public key's id.
pub(super) fn run(args: &Keygen) -> Exit {
    match make(args) {
        Ok(id) => {
            say(format_args!("key {id}"));
            Exit::Ok
        }
        Err(error) => {
            complain(error);
            Exit::Usage
        }
    }
}

fn make(args: &Keygen) -> Result<String, KeyError> {
    let key = PrivateKey::generate()?;
    key.write(&args.private)?;
    key.public().write(&args.public)?;
    Ok(key.public().id())
}
