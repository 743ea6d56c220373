//! Ed25519 keys in files, and what they sign.
//!
//! A key file is one line, so that a person can compare two over a telephone: `ed25519-public:` or `ed25519-private:`
//! and 64 hexadecimal digits. Keys of other kinds (see [`crate::mind::keyring`]) have files of the same form. Every signature is made over a label and the text, so that what was signed for one use can
//! never be shown as signed for another.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const PUBLIC: &str = "ed25519-public:";
const PRIVATE: &str = "ed25519-private:";

/// Size of a key file in bytes at most.
pub(crate) const FILE_BYTES_MAX: usize = 1_024;

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

/// A key that verifies. In JSON it is the line of its key file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyError`] if there is none, or it holds no public key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        read(path, PUBLIC).map(|key| Self(*key))
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
        id(&self.0)
    }

    /// Whether the signature is this key's, of this text, for this use.
    pub fn verifies(&self, label: &str, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(&labelled(label, text), signature).is_ok()
    }
}

impl TryFrom<String> for PublicKey {
    type Error = String;

    fn try_from(line: String) -> Result<Self, String> {
        let key = parse(&line, PUBLIC).map(|key| Self(*key));
        key.ok_or_else(|| format!("not a key of the form {PUBLIC}<64 hex digits>"))
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        format!("{PUBLIC}{}", hex(&key.0))
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
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed[..]);
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

/// The first eight bytes of a public key's SHA-256 in hexadecimal.
pub(crate) fn id(public: &[u8; 32]) -> String {
    hex(&digest(&SHA256, public).as_ref()[..8])
}

/// Reads the key of a file of one line that begins with `kind`.
pub(crate) fn read(path: &Path, kind: &'static str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let text = read_text(path)?;
    parse(&text, kind).ok_or_else(|| KeyError::Form(path.to_owned(), kind))
}

/// The text of a key file; empty if it is too long for one. What it held is wiped from memory after use.
pub(crate) fn read_text(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let file = |error| KeyError::File(path.to_owned(), error);
    // All the room at once, so that no part of a key is left behind where the text was before it grew.
    let mut text = Zeroizing::new(String::with_capacity(2 * FILE_BYTES_MAX));
    let mut bounded = fs::File::open(path).map_err(file)?.take(FILE_BYTES_MAX as u64 + 1);
    bounded.read_to_string(&mut text).map_err(file)?;
    if text.len() > FILE_BYTES_MAX { Ok(Zeroizing::default()) } else { Ok(text) }
}

/// The key of a line that begins with `kind`.
pub(crate) fn parse(line: &str, kind: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(unhex(line.trim().strip_prefix(kind)?)?);
    let key: [u8; 32] = bytes.as_slice().try_into().ok()?;
    Some(Zeroizing::new(key))
}

/// The line of a key, which [`parse`] reads.
pub(crate) fn line(kind: &str, key: &[u8]) -> Zeroizing<String> {
    let digits = Zeroizing::new(hex(key));
    Zeroizing::new([kind, &digits, "\n"].concat())
}

/// Writes the file of a key.
pub(crate) fn write(path: &Path, kind: &str, key: &[u8], mode: u32) -> Result<(), KeyError> {
    write_text(path, &line(kind, key), mode)
}

/// Writes the text of a key file, which must not exist yet.
pub(crate) fn write_text(path: &Path, text: &str, mode: u32) -> Result<(), KeyError> {
    let file = |error| KeyError::File(path.to_owned(), error);
    let mut out = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(file)?;
    out.write_all(text.as_bytes()).and_then(|()| out.sync_all()).map_err(file)
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
