//! What the bureau grants to whom.
//!
//! The national bureau answers to INTERPOL for every question that is asked in its name. So what a client may ask is not
//! configuration, which an administrator of one machine could change, but a document that the bureau signs: who, which
//! databases, at which sites, for which purposes, until when. Nothing but that signature can widen it. A suspension of a
//! check is written in the same document, with its reason, because it must be as deliberate as a grant.
//!
//! The document is TOML; its last line is a comment with the signature over every byte before it:
//!
//! ```text
//! # signature ed25519 <key id> <128 hex digits>
//! ```
//!
//! So it is one file, readable by people, that can't be half replaced. It has a number that only counts up (whoever
//! keeps state asks [`Grants::supersedes`]), an environment, and an expiry; with a clock that can't be trusted every
//! grant lapses, for nobody can tell whether it has expired.

mod decision;
mod document;
mod signature;

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use postern_sdk::Environment;

pub use decision::{Barred, Decision, Denial};
pub use document::{Document, Everything, Grant, Named, Operation, Suspension};
pub use signature::sign;

use crate::keys::PublicKey;

/// Size of the document in bytes at most.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Why there are no grants.
#[derive(Debug)]
#[non_exhaustive]
pub enum GrantsError {
    /// The file can't be read. Remedy: name a file that exists, and that this user may read.
    File(PathBuf, std::io::Error),
    /// The last line is no signature. Remedy: have the bureau sign it (`postern grants sign`).
    Unsigned,
    /// The signature is not of this text by the bureau's key. Remedy: fetch the document anew, or the bureau's new key.
    /// Holds the id of the key that was expected and that of the key that the document names.
    Signature {
        /// The key by which it was verified.
        expected: String,
        /// The key that the document names; not proven.
        named: String,
    },
    /// The text is not a document of grants. Remedy: mend what is said, and sign again.
    Form(String),
    /// The document is for the other environment. Remedy: use the document of this one.
    Environment(Environment),
    /// The document is older than one that was in force here. Remedy: fetch the newest.
    Rollback {
        /// Its number.
        number: u64,
        /// The number of the document that was in force.
        known: u64,
    },
}

impl fmt::Display for GrantsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Unsigned => f.write_str("the document is not signed"),
            Self::Signature { expected, named } => {
                write!(
                    f,
                    "the signature does not verify: expected key {expected}, the document names {named}"
                )
            }
            Self::Form(message) => write!(f, "not a document of grants: {message}"),
            Self::Environment(environment) => write!(f, "the document is for {}", environment.code()),
            Self::Rollback { number, known } => {
                write!(f, "document {number} is older than {known}, known here")
            }
        }
    }
}

impl std::error::Error for GrantsError {}

/// The grants of one verified document.
#[derive(Clone, Debug)]
pub struct Grants {
    document: Document,
    /// The places of each client's grants in the document, for every question asks for them.
    by_client: HashMap<String, Vec<usize>>,
}

impl Grants {
    /// Loads a file, verifies that the bureau signed it, and that it is for this environment.
    ///
    /// Expiry is asked by [`decide`](Self::decide), since a document expires while it is loaded.
    ///
    /// # Errors
    /// [`GrantsError`]; nothing of an unsigned or foreign document is read.
    pub fn load(file: &Path, key: &PublicKey, environment: Environment) -> Result<Self, GrantsError> {
        let unreadable = |error| GrantsError::File(file.to_owned(), error);
        if fs::metadata(file).map_err(unreadable)?.len() > FILE_BYTES_MAX {
            return Err(GrantsError::Form("the file is larger than 16 MiB".to_owned()));
        }
        Self::verify(&fs::read_to_string(file).map_err(unreadable)?, key, environment)
    }

    /// Verifies a signed text.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn verify(signed: &str, key: &PublicKey, environment: Environment) -> Result<Self, GrantsError> {
        let document = Document::parse(signature::verified(signed, key)?)?;
        if document.environment != environment {
            return Err(GrantsError::Environment(document.environment));
        }
        Ok(Self::of(document))
    }

    fn of(document: Document) -> Self {
        let mut by_client: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, grant) in document.grants.iter().enumerate() {
            by_client.entry(grant.client.clone()).or_default().push(place);
        }
        Self { document, by_client }
    }

    /// Whether the document has a grant for this client, in force or not.
    pub fn names(&self, client: &str) -> bool {
        self.by_client.contains_key(client)
    }

    /// The number of the document, which counts up.
    pub fn number(&self) -> u64 {
        self.document.number
    }

    /// From when on the document grants nothing.
    pub fn expires_at(&self) -> Timestamp {
        self.document.expires_at
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Whether the document may take the place of one with the number `known`: the same again, or a later one.
    ///
    /// # Errors
    /// [`GrantsError::Rollback`] if it is an earlier one.
    pub fn supersedes(&self, known: u64) -> Result<(), GrantsError> {
        let number = self.number();
        if number < known { Err(GrantsError::Rollback { number, known }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
