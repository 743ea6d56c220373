//! Ed25519 keys in files, and what they sign.
//!
//! A key file is one line, so that a person can compare two over a telephone: `ed25519-public:` or `ed25519-private:`
//! and 64 hexadecimal digits. Every signature is made over a label and the text, so that what was signed for one use can
//! never be shown as signed for another.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

const PUBLIC: &str = "ed25519-public:";
const PRIVATE: &str = "ed25519-private:";

/// Size of a key file in bytes at most.
const FILE_BYTES_MAX: u64 = 1_024;

/// Why a key can't be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyError {
    /// The file can't be read or written. Remedy: name a file that exists, and that this user may read.
    File(PathBuf, io::Error),
    /// The file holds no key of this kind. Remedy: give the public key where one is verified with, the private one
    /// where one signs.
    Form(PathBuf, &'static str),
    /// The key could not be made.
    Generation,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Form(path, kind) => {
                write!(f, "{}: not a key of the form {kind}<64 hex digits>", path.display())
            }
            Self::Generation => f.write_str("the key could not be generated"),
        }
    }
}

impl std::error::Error for KeyError {}

/// A signature.
pub type Signature = [u8; 64];

/// A key that verifies.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyError`] if there is none, or it holds no public key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        read(path, PUBLIC).map(Self)
    }

    /// Writes a key file.
    ///
    /// # Errors
    /// [`KeyError::File`] if it exists already or can't be written.
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        write(path, PUBLIC, &self.0, 0o644)
    }

    /// The first eight bytes of the key's SHA-256 in hexadecimal, to tell keys apart.
    pub fn id(&self) -> String {
        hex(&digest(&SHA256, &self.0).as_ref()[..8])
    }

    /// Whether the signature is this key's, of this text, for this use.
    pub fn verifies(&self, label: &str, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(&labelled(label, text), signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// A key that signs.
pub struct PrivateKey(Ed25519KeyPair);

impl PrivateKey {
    /// Makes a new one.
    ///
    /// # Errors
    /// [`KeyError::Generation`] if the machine gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        Ed25519KeyPair::generate().map(Self).map_err(|_| KeyError::Generation)
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyError`] if there is none, or it holds no private key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let seed = read(path, PRIVATE)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
        pair.map(Self).map_err(|_| KeyError::Form(path.to_owned(), PRIVATE))
    }

    /// Writes a key file that only its owner can read.
    ///
    /// # Errors
    /// [`KeyError::File`] if it exists already or can't be written.
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        let seed = self.0.seed().map_err(|_| KeyError::Generation)?;
        let seed =
            aws_lc_rs::encoding::AsBigEndian::<aws_lc_rs::encoding::Curve25519SeedBin<'_>>::as_be_bytes(
                &seed,
            )
            .map_err(|_| KeyError::Generation)?;
        write(path, PRIVATE, seed.as_ref(), 0o600)
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    /// Signs a text for one use.
    pub fn sign(&self, label: &str, text: &[u8]) -> Signature {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.0.sign(&labelled(label, text)).as_ref());
        bytes
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public().id())
    }
}

fn labelled(label: &str, text: &[u8]) -> Vec<u8> {
    [label.as_bytes(), b"\0", text].concat()
}

fn read(path: &Path, kind: &'static str) -> Result<[u8; 32], KeyError> {
    let file = |error| KeyError::File(path.to_owned(), error);
    let form = || KeyError::Form(path.to_owned(), kind);
    if fs::metadata(path).map_err(file)?.len() > FILE_BYTES_MAX {
        return Err(form());
    }
    let text = fs::read_to_string(path).map_err(file)?;
    let digits = text.trim().strip_prefix(kind).ok_or_else(form)?;
    unhex(digits).and_then(|bytes| bytes.try_into().ok()).ok_or_else(form)
}

fn write(path: &Path, kind: &str, key: &[u8], mode: u32) -> Result<(), KeyError> {
    let file = |error| KeyError::File(path.to_owned(), error);
    let mut out = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(file)?;
    writeln!(out, "{kind}{}", hex(key)).and_then(|()| out.sync_all()).map_err(file)
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// The bytes of hexadecimal digits; none if it is anything else.
pub fn unhex(digits: &str) -> Option<Vec<u8>> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    // Proves that keys survive their files, that the private one is its owner's alone, and that none is overwritten.
    #[test]
    fn files() {
        let folder = tempfile::tempdir().unwrap();
        let (private, public) = (folder.path().join("a.key"), folder.path().join("a.pub"));
        let key = PrivateKey::generate().unwrap();
        key.write(&private).unwrap();
        key.public().write(&public).unwrap();
        assert_eq!(fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(key.write(&private), Err(KeyError::File(..))));
        let again = PrivateKey::read(&private).unwrap();
        assert!(PublicKey::read(&public).unwrap().verifies("use", b"text", &again.sign("use", b"text")));
        assert!(matches!(PublicKey::read(&private), Err(KeyError::Form(..))));
        assert!(!format!("{again:?}").contains(&fs::read_to_string(&private).unwrap()[16..40]));
    }

    // Proves that another text, use, key or bit is not verified.
    #[test]
    fn signatures() {
        let key = PrivateKey::generate().unwrap();
        let mut signature = key.sign("grants", b"text");
        assert!(key.public().verifies("grants", b"text", &signature));
        assert!(!key.public().verifies("copy", b"text", &signature));
        assert!(!key.public().verifies("grants", b"Text", &signature));
        assert!(!PrivateKey::generate().unwrap().public().verifies("grants", b"text", &signature));
        signature[9] ^= 1;
        assert!(!key.public().verifies("grants", b"text", &signature));
    }

    // Proves hexadecimal both ways, and that odd or foreign digits are refused.
    #[test]
    fn hexadecimal() {
        assert_eq!(hex(&[0, 0x9f, 255]), "009fff");
        assert_eq!(unhex("009FFf"), Some(vec![0, 0x9f, 255]));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("+1"), None);
    }
}
