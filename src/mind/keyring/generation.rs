//! The key of a generation of a dataset, and its name.

use std::fmt;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::{hmac, rand};
use zeroize::Zeroizing;

use super::error::KeyringError;

/// Size of every key in bytes.
pub const KEY_BYTES: usize = 32;

/// What separates these keys from those of other uses of HKDF.
const SALT: &[u8] = b"postern generation key 1";

/// The label of the key that [`key_check`] is made with.
const CHECK_LABEL: &str = "key check";

/// Length of a dataset's name in bytes.
const DATASET_BYTES_MAX: usize = 64;

/// Digits of a generation's name.
const GENERATION_DIGITS: usize = 16;

/// Which key is meant: a dataset and one of its generations. Both are fit to be part of a file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationName {
    dataset: String,
    generation: String,
}

impl GenerationName {
    /// A name of these parts.
    ///
    /// # Errors
    /// [`KeyringError::Name`] if one of them can't be what it should be.
    pub fn new(dataset: &str, generation: &str) -> Result<Self, KeyringError> {
        let of_dataset = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        let of_generation = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let fits = (1..=DATASET_BYTES_MAX).contains(&dataset.len())
            && dataset.bytes().all(of_dataset)
            && generation.len() == GENERATION_DIGITS
            && generation.bytes().all(of_generation);
        let name = || Self { dataset: dataset.to_owned(), generation: generation.to_owned() };
        fits.then(name).ok_or(KeyringError::Name)
    }

    /// The dataset.
    pub fn dataset(&self) -> &str {
        &self.dataset
    }

    /// The generation, 16 hexadecimal digits.
    pub fn generation(&self) -> &str {
        &self.generation
    }

    /// Both after a label, as bytes that no other name or label gives: neither part holds a zero.
    pub(super) fn after(&self, label: &str) -> Vec<u8> {
        [label, &self.dataset, &self.generation].join("\0").into_bytes()
    }
}

/// The key that all of a generation is sealed under. It is wiped when it is dropped, and can't be printed.
pub struct GenerationKey(Zeroizing<[u8; KEY_BYTES]>);

impl GenerationKey {
    /// A new one.
    ///
    /// # Errors
    /// [`KeyringError::Random`] if the machine gives no randomness.
    pub fn random() -> Result<Self, KeyringError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        rand::fill(key.as_mut_slice()).map_err(|_| KeyringError::Random)?;
        Ok(Self(key))
    }

    /// The key of these bytes.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key for one use, by HKDF with SHA-256. The caller wipes it.
    pub fn derive(&self, label: &str) -> [u8; KEY_BYTES] {
        let mut key = [0; KEY_BYTES];
        expand(SALT, &self.0[..], label.as_bytes(), &mut key);
        key
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for GenerationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GenerationKey(•)")
    }
}

/// What a manifest tells of its generation key: it is the same for the right key alone, and says nothing of it.
///
/// A wrong key would find nothing, and its silence would be taken for an answer; so whoever unwraps a key compares this
/// before the first lookup.
pub fn key_check(key: &GenerationKey, dataset: &str, generation: &str) -> [u8; 16] {
    let derived = Zeroizing::new(key.derive(CHECK_LABEL));
    let text = [dataset, generation].join("\0");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &derived[..]), text.as_bytes());
    let mut check = [0; 16];
    check.copy_from_slice(&tag.as_ref()[..16]);
    check
}

/// As many bytes as a key has.
struct OneKey;

impl KeyType for OneKey {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

/// HKDF with SHA-256: a key from a secret, with a salt and an info.
pub(super) fn expand(salt: &[u8], secret: &[u8], info: &[u8], key: &mut [u8; KEY_BYTES]) {
    let extracted = Salt::new(HKDF_SHA256, salt).extract(secret);
    let info = [info];
    let expanded = extracted.expand(&info, OneKey).and_then(|expanded| expanded.fill(key));
    expanded.expect("one hash of output is never too long");
}
