//! The keys that snapshots are signed and checked with: Ed25519, in PEM files.
//!
//! The secret key is PKCS#8 and readable by its owner alone; the public key is a SubjectPublicKeyInfo. Both are what
//! `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

use super::hex;
use super::pages::read_small;

/// A key file is never larger.
const FILE_BYTES_MAX: u64 = 16 << 10;
/// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410 §4 and §10.1).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Why a key can't be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyError {
    /// The file can't be read or written. Remedy: see the system's words.
    Io(io::Error),
    /// The file is no PEM file of an Ed25519 key of this kind. Remedy: make one with `postern mind keygen`.
    Format,
    /// The cryptographic library failed to make a key. Remedy: try again; the system may lack randomness.
    Generation,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Format => f.write_str("not a PEM file of an ed25519 key"),
            Self::Generation => f.write_str("no key could be made"),
        }
    }
}

impl std::error::Error for KeyError {}

impl From<io::Error> for KeyError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A secret key, which signs.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Reads a secret key from the text of a PEM file.
    ///
    /// # Errors
    /// [`KeyError::Format`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| KeyError::Format)?;
        let pair = Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| KeyError::Format)?;
        Ok(Self(pair))
    }

    /// Reads a secret key from a PEM file.
    ///
    /// # Errors
    /// [`KeyError::Io`] or [`KeyError::Format`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        Self::from_pem(&read_small(path, FILE_BYTES_MAX)?)
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(key)
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.0.sign(message).as_ref());
        signature
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}

/// A public key, which checks signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads a public key from the text of a PEM file.
    ///
    /// # Errors
    /// [`KeyError::Format`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| KeyError::Format)?;
        let key = der.as_ref().strip_prefix(&SPKI_PREFIX).ok_or(KeyError::Format)?;
        key.try_into().map(Self).map_err(|_| KeyError::Format)
    }

    /// Reads a public key from a PEM file.
    ///
    /// # Errors
    /// [`KeyError::Io`] or [`KeyError::Format`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        Self::from_pem(&read_small(path, FILE_BYTES_MAX)?)
    }

    /// The key's short name: the first eight bytes of its SHA-256, in hexadecimal.
    pub fn id(&self) -> String {
        hex::encode(&digest(&SHA256, &self.0).as_ref()[..8])
    }

    /// Whether this key signed the message.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

/// A new pair of keys, as the text of their files.
pub struct NewKeys {
    /// The secret key, PEM.
    pub secret_pem: String,
    /// The public key, PEM.
    pub public_pem: String,
}

/// Makes a pair of keys.
///
/// # Errors
/// [`KeyError::Generation`].
pub fn generate() -> Result<NewKeys, KeyError> {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(|_| KeyError::Generation)?;
    Ok(NewKeys { secret_pem: pair.serialize_pem(), public_pem: pair.public_key_pem() })
}

/// Makes a pair of keys and writes its files, which must not exist yet; the secret one for its owner alone.
///
/// # Errors
/// [`KeyError::Generation`] or [`KeyError::Io`].
pub fn generate_files(secret: &Path, public: &Path) -> Result<PublicKey, KeyError> {
    let keys = generate()?;
    write_new(secret, &keys.secret_pem, 0o600)?;
    write_new(public, &keys.public_pem, 0o644).inspect_err(|_| drop(fs::remove_file(secret)))?;
    PublicKey::from_pem(keys.public_pem.as_bytes())
}

fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    // Proves that a pair written to files signs and verifies, keeps the secret to its owner, and overwrites nothing.
    #[test]
    fn files_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, public) = (folder.path().join("secret.pem"), folder.path().join("public.pem"));
        let key = generate_files(&secret, &public).unwrap();
        assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(generate_files(&secret, &public), Err(KeyError::Io(_))));
        let signing = SigningKey::read(&secret).unwrap();
        assert_eq!(PublicKey::read(&public).unwrap(), key);
        assert_eq!(signing.public(), key);
        let signature = signing.sign(b"message");
        assert!(key.verifies(b"message", &signature));
        assert!(!key.verifies(b"massage", &signature));
        assert!(matches!(PublicKey::read(&secret), Err(KeyError::Format)));
        assert!(matches!(SigningKey::read(&public), Err(KeyError::Format)));
    }
}
