//! A site's private key under a passphrase, for a file that an operator carries or keeps where others may come by it.
//!
//! Whoever gets the file can try passphrases as fast as his machines allow, so each try is made to cost memory and time
//! by Argon2id (RFC 9106), and short passphrases are refused. The file is one line, `x25519-sealed:` and four fields that
//! colons part: KiB of memory, passes, salt, sealed key.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::error::KeyringError;
use super::generation::KEY_BYTES;
use super::site::SiteKey;
use crate::keys::{hex, unhex};

const KIND: &str = "x25519-sealed:";

/// Characters of a passphrase at least: three long words, or five short ones.
pub const PASSPHRASE_CHARS_MIN: usize = 16;

/// What a try costs: 256 MiB and three passes, about a second of one core.
const COST: Cost = Cost { memory_kib: 256 << 10, passes: 3 };

/// The dearest file that is opened, so that none can make the machine run out of memory.
const COST_MAX: Cost = Cost { memory_kib: 1 << 20, passes: 16 };

/// Size of the salt in bytes.
const SALT_BYTES: usize = 16;

#[derive(Clone, Copy)]
pub(super) struct Cost {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
}

/// The line of a file that holds the key under a passphrase.
///
/// # Errors
/// [`KeyringError::Passphrase`] if the passphrase is too short, [`KeyringError::Random`].
pub fn seal(key: &SiteKey, passphrase: &str) -> Result<String, KeyringError> {
    seal_at(COST, key, passphrase)
}

pub(super) fn seal_at(cost: Cost, key: &SiteKey, passphrase: &str) -> Result<String, KeyringError> {
    if passphrase.chars().count() < PASSPHRASE_CHARS_MIN {
        return Err(KeyringError::Passphrase);
    }
    let mut salt = [0; SALT_BYTES];
    rand::fill(&mut salt).map_err(|_| KeyringError::Random)?;
    let mut text = key.bytes().ok_or(KeyringError::Random)?;
    let (head, sealing) = (head(cost, &salt), stretched(cost, passphrase, &salt)?);
    // The salt is new, so the key is used once.
    let tag = sealing.seal_in_place_separate_tag(nonce(), Aad::from(head.as_bytes()), text.as_mut_slice());
    let tag = tag.map_err(|_| KeyringError::Random)?;
    Ok(format!("{head}{}{}\n", hex(&text[..]), hex(tag.as_ref())))
}

/// Whether a line is that of a key under a passphrase.
pub fn is_sealed(line: &str) -> bool {
    line.starts_with(KIND)
}

/// The key that a line holds under a passphrase.
///
/// # Errors
/// [`KeyringError::Passphrase`] if it is another passphrase or the line was changed, [`KeyringError::Damaged`] if it is
/// no such line or a dearer one than is opened.
pub fn unseal(line: &str, passphrase: &str) -> Result<SiteKey, KeyringError> {
    let (cost, salt, sealed) = fields(line).ok_or(KeyringError::Damaged)?;
    if cost.memory_kib > COST_MAX.memory_kib || cost.passes > COST_MAX.passes {
        return Err(KeyringError::Damaged);
    }
    open(cost, &salt, sealed, passphrase)
}

fn fields(line: &str) -> Option<(Cost, Vec<u8>, Zeroizing<Vec<u8>>)> {
    let mut fields = line.trim().strip_prefix(KIND)?.split(':');
    let cost = Cost { memory_kib: fields.next()?.parse().ok()?, passes: fields.next()?.parse().ok()? };
    let (salt, sealed) = (unhex(fields.next()?)?, Zeroizing::new(unhex(fields.next()?)?));
    fields.next().is_none().then_some((cost, salt, sealed))
}

fn open(
    cost: Cost,
    salt: &[u8],
    mut sealed: Zeroizing<Vec<u8>>,
    passphrase: &str,
) -> Result<SiteKey, KeyringError> {
    let head = head(cost, salt);
    let opened = stretched(cost, passphrase, salt)?.open_in_place(
        nonce(),
        Aad::from(head.as_bytes()),
        sealed.as_mut_slice(),
    );
    let bytes: &[u8] = opened.map_err(|_| KeyringError::Passphrase)?;
    SiteKey::from_bytes(bytes).ok_or(KeyringError::Passphrase)
}

/// Everything that stands before the sealed key; it is authenticated with it.
fn head(cost: Cost, salt: &[u8]) -> String {
    format!("{KIND}{}:{}:{}:", cost.memory_kib, cost.passes, hex(salt))
}

fn stretched(cost: Cost, passphrase: &str, salt: &[u8]) -> Result<LessSafeKey, KeyringError> {
    let wrong = || KeyringError::Passphrase;
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(KEY_BYTES)).map_err(|_| wrong())?;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(|_| wrong())?;
    UnboundKey::new(&AES_256_GCM, &key[..]).map(LessSafeKey::new).map_err(|_| wrong())
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}
