//! Makes a key pair: for the bureau's grants, for the publisher's snapshots, or of a site that opens them.

use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use super::{Exit, complain, say, secret};
use crate::daemon;
use crate::keys::{self, KeyError, PrivateKey};
use crate::mind::keyring::{self, PASSPHRASE_CHARS_MIN, SiteKey};

/// Standard output in place of a file.
const STDOUT: &str = "-";

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

/// Makes a key pair of the publisher, or of a site. Files that exist are never overwritten.
#[derive(Clone, Debug, Args)]
pub struct MindKeygen {
    /// Where the keys go
    #[command(flatten)]
    pub files: Keygen,
    /// Makes the pair of a site (X25519), which the copy's keys are wrapped to; the private key - goes to standard
    /// output, so that it can be sealed without ever being on a disk
    #[arg(long)]
    pub site: bool,
    /// Puts the site's private key under a passphrase that is asked for
    #[arg(long, requires = "site")]
    pub passphrase: bool,
}

/// Makes the pair and tells the public key's id.
pub(super) fn run(args: &Keygen) -> Exit {
    told(&args.private, make(args))
}

/// Makes the pair of the publisher or of a site, and tells the public key's id.
pub(super) fn run_mind(args: &MindKeygen) -> Exit {
    let private = &args.files.private;
    if args.site
        && let Err(error) = daemon::keep_out_of_dumps()
    {
        complain(error);
        return Exit::Unavailable;
    }
    match (args.site, args.passphrase) {
        (false, _) => run(&args.files),
        (true, false) => told(private, make_site(&args.files)),
        (true, true) => match passphrase() {
            Ok(words) => told(private, make_sealed(&args.files, &words)),
            Err(exit) => exit,
        },
    }
}

/// Tells the id, beside standard output if the private key went there.
fn told<E: std::fmt::Display>(private: &Path, made: Result<String, E>) -> Exit {
    match made {
        Ok(id) if private == Path::new(STDOUT) => {
            complain(format_args!("key {id}"));
            Exit::Ok
        }
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

fn make_site(args: &Keygen) -> Result<String, KeyError> {
    let key = SiteKey::generate()?;
    // The public key first: a pair that can't be kept whole must not go into a pipe by half.
    key.public().write(&args.public)?;
    put(&args.private, &key.line()?)?;
    Ok(key.public().id())
}

fn make_sealed(args: &Keygen, passphrase: &str) -> Result<String, Box<dyn std::error::Error>> {
    let key = SiteKey::generate()?;
    let sealed = keyring::seal(&key, passphrase)?;
    key.public().write(&args.public)?;
    put(&args.private, &sealed)?;
    Ok(key.public().id())
}

/// Writes the private key to its file, or to standard output.
fn put(path: &Path, line: &str) -> Result<(), KeyError> {
    if path == Path::new(STDOUT) {
        say(line.trim_end());
        return Ok(());
    }
    keys::write_text(path, line, 0o600)
}

/// A passphrase that was typed twice alike.
fn passphrase() -> Result<Zeroizing<String>, Exit> {
    let words = secret::ask(&format!("a passphrase of at least {PASSPHRASE_CHARS_MIN} characters"))?;
    let again = secret::ask("the same once more")?;
    if *words == *again {
        return Ok(words);
    }
    complain("that was not the same");
    Err(Exit::Usage)
}
