//! A site's key pair (X25519), and generation keys that are wrapped to it.
//!
//! Wrapping makes a key pair for this one use, agrees with the site's public key on a secret, derives a key from it and
//! encrypts the generation key with that. The key is used once, so that the nonce can be fixed.

use std::fmt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::KeyringError;
use super::generation::{GenerationKey, GenerationName, KEY_BYTES, expand};
use crate::keys::{self, KeyError};
use crate::mind::hex;

const PUBLIC: &str = "x25519-public:";
const PRIVATE: &str = "x25519-private:";

/// What the wrapping key is derived for.
const LABEL: &str = "postern wrapped generation key 1";

/// Size of a wrapped key in bytes: the key and the tag of AES-GCM.
const SEALED_BYTES: usize = KEY_BYTES + 16;

/// The public key of a site, which generation keys are wrapped to.
#[derive(Clone, PartialEq, Eq)]
pub struct SitePublic([u8; KEY_BYTES]);

impl SitePublic {
    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyError`] if there is none, or it holds no public key of a site.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        keys::read(path, PUBLIC).map(|key| Self(*key))
    }

    /// Writes a key file.
    ///
    /// # Errors
    /// [`KeyError::File`] if it exists already or can't be written.
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        keys::write(path, PUBLIC, &self.0, 0o644)
    }

    /// The key of these bytes.
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The key of the line of a key file.
    pub fn parse(line: &str) -> Option<Self> {
        keys::parse(line, PUBLIC).map(|key| Self(*key))
    }

    /// The line of a key file, without its end.
    pub fn line(&self) -> String {
        keys::line(PUBLIC, &self.0).trim_end().to_owned()
    }

    /// The first eight bytes of the key's SHA-256 in hexadecimal, to tell sites apart.
    pub fn id(&self) -> String {
        keys::id(&self.0)
    }
}

impl fmt::Debug for SitePublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SitePublic({})", self.id())
    }
}

/// The private key of a site, which unwraps what was wrapped to it.
pub struct SiteKey {
    private: PrivateKey,
    public: SitePublic,
}

impl SiteKey {
    /// Makes a new one.
    ///
    /// # Errors
    /// [`KeyError::Generation`] if the machine gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let private = PrivateKey::generate(&X25519).map_err(|_| KeyError::Generation)?;
        Self::of(private).ok_or(KeyError::Generation)
    }

    /// Reads a key file, whoever else may read it; [`KeySource`](super::KeySource) looks at its mode and place.
    ///
    /// # Errors
    /// [`KeyError`] if there is none, or it holds no private key of a site.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = keys::read_text(path)?;
        Self::parse(&text).ok_or_else(|| KeyError::Form(path.to_owned(), PRIVATE))
    }

    /// The key of the line of a key file.
    pub fn parse(line: &str) -> Option<Self> {
        Self::from_bytes(&keys::parse(line, PRIVATE)?[..])
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::of(PrivateKey::from_private_key(&X25519, bytes).ok()?)
    }

    pub(super) fn bytes(&self) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
        let bytes: Curve25519SeedBin<'_> = self.private.as_be_bytes().ok()?;
        bytes.as_ref().try_into().ok().map(Zeroizing::new)
    }

    /// Writes a key file that only its owner can read.
    ///
    /// # Errors
    /// [`KeyError::File`] if it exists already or can't be written.
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        keys::write_text(path, &self.line()?, 0o600)
    }

    /// The line of a key file.
    ///
    /// # Errors
    /// [`KeyError::Generation`] if the key can't be told, which a key that can be used always can.
    pub fn line(&self) -> Result<Zeroizing<String>, KeyError> {
        let bytes = self.bytes().ok_or(KeyError::Generation)?;
        Ok(keys::line(PRIVATE, &bytes[..]))
    }

    /// The key that is wrapped to.
    pub const fn public(&self) -> &SitePublic {
        &self.public
    }

    /// Unwraps a generation key that was wrapped to this site.
    ///
    /// # Errors
    /// [`KeyringError::NotForThisSite`], or [`KeyringError::Damaged`] if it was changed or is of another dataset or
    /// generation.
    pub fn unwrap(&self, wrapped: &Wrapped, name: &GenerationName) -> Result<GenerationKey, KeyringError> {
        if wrapped.recipient != self.public.id() {
            return Err(KeyringError::NotForThisSite);
        }
        let key = wrapping_key(&self.private, &wrapped.ephemeral, &wrapped.ephemeral, &self.public, name)
            .ok_or(KeyringError::Damaged)?;
        let mut bytes = Zeroizing::new(wrapped.sealed);
        let opened = key.open_in_place(nonce(), Aad::empty(), bytes.as_mut_slice());
        let opened: &[u8] = opened.map_err(|_| KeyringError::Damaged)?;
        let key: [u8; KEY_BYTES] = opened.try_into().map_err(|_| KeyringError::Damaged)?;
        Ok(GenerationKey::from_bytes(key))
    }

    fn of(private: PrivateKey) -> Option<Self> {
        let public = SitePublic(public_bytes(&private)?);
        Some(Self { private, public })
    }
}

impl fmt::Debug for SiteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SiteKey({})", self.public.id())
    }
}

/// A generation key that one site can unwrap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrapped {
    /// The id of the site's public key.
    pub recipient: String,
    /// The public key that was made for this one wrapping.
    #[serde(with = "hex")]
    pub ephemeral: [u8; KEY_BYTES],
    /// The generation key, encrypted.
    #[serde(with = "hex")]
    pub sealed: [u8; SEALED_BYTES],
}

/// Wraps a generation key to a site.
///
/// # Errors
/// [`KeyringError::Random`], or [`KeyringError::Recipient`] if the public key is none.
pub fn wrap(key: &GenerationKey, to: &SitePublic, name: &GenerationName) -> Result<Wrapped, KeyringError> {
    let private = PrivateKey::generate(&X25519).map_err(|_| KeyringError::Random)?;
    let ephemeral = public_bytes(&private).ok_or(KeyringError::Random)?;
    let sealing = wrapping_key(&private, &to.0, &ephemeral, to, name).ok_or(KeyringError::Recipient)?;
    let mut sealed = [0; SEALED_BYTES];
    let (text, tag) = sealed.split_at_mut(KEY_BYTES);
    text.copy_from_slice(key.bytes());
    let made = sealing.seal_in_place_separate_tag(nonce(), Aad::empty(), text);
    tag.copy_from_slice(made.map_err(|_| KeyringError::Random)?.as_ref());
    Ok(Wrapped { recipient: to.id(), ephemeral, sealed })
}

/// The key of one wrapping, which both sides agree on. None if `peer` is a point that any private key agrees with alike.
fn wrapping_key(
    private: &PrivateKey,
    peer: &[u8; KEY_BYTES],
    ephemeral: &[u8; KEY_BYTES],
    recipient: &SitePublic,
    name: &GenerationName,
) -> Option<LessSafeKey> {
    let salt = [&ephemeral[..], &recipient.0[..]].concat();
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    agree(private, UnparsedPublicKey::new(&X25519, peer), (), |secret| {
        expand(&salt, secret, &name.after(LABEL), &mut key);
        Ok(())
    })
    .ok()?;
    UnboundKey::new(&AES_256_GCM, &key[..]).ok().map(LessSafeKey::new)
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn public_bytes(private: &PrivateKey) -> Option<[u8; KEY_BYTES]> {
    private.compute_public_key().ok()?.as_ref().try_into().ok()
}
