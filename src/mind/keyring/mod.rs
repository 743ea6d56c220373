//! The keys of the copy, so that a stolen disk tells nothing.
//!
//! Everything in the copy is sealed under a *generation key*: 32 random bytes that no file holds as they are. The copy's
//! folder holds it wrapped to the public key of each enrolled site ([`KeyFile`]), and a site's private key is not on
//! that disk: it comes from a [`KeySource`] when the daemon starts and stays in the [`Vault`], in memory. So one site can
//! be revoked alone, and a copy is purged by destroying its key file.
//!
//! What must hold, in the order of its weight:
//!
//! * **No key is written or told.** Keys have a masked `Debug` and no `Display`, are wiped when they are dropped, and
//!   stand neither in arguments nor in the environment of a process.
//! * **A wrong key is an error, never silence.** [`key_check`] tells the right generation key from any other.
//! * **What was wrapped for one dataset, generation or site opens as no other.**
//!
//! `docs/keys.md` describes the construction and the ways in which a site gets its key.

mod error;
mod generation;
mod key_file;
mod sealed;
mod server;
mod site;
mod source;
mod unlock;
mod vault;

pub use error::{KeySourceError, KeyringError};
pub use generation::{GenerationKey, GenerationName, KEY_BYTES, key_check};
pub use key_file::{KeyFile, RECIPIENTS_MAX};
pub use sealed::{PASSPHRASE_CHARS_MIN, is_sealed, seal, unseal};
pub use site::{SiteKey, SitePublic, Wrapped, wrap};
pub use source::KeySource;
pub use unlock::{UnlockError, UnlockSocket, unlock};
pub use vault::Vault;

#[cfg(test)]
mod tests;
