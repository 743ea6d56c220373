//! The header of a stream, and the keys that follow from it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::rand;

use super::{LAST, SealedError};

/// What every stream begins with; the eighth byte is the version.
const MAGIC: &[u8; 8] = b"PSTSEAL\x01";
/// Bytes of the header.
pub(super) const HEADER_BYTES: usize = 80;

const SALT_BYTES: usize = 32;
const PREFIX_BYTES: usize = 7;
const CHECK_BYTES: usize = 16;

const KEY_CHECK: &[u8] = b"postern sealed v1: key check";
const LABEL_CHECK: &[u8] = b"postern sealed v1: label check\0";
const CHUNK_KEY: &[u8] = b"postern sealed v1: chunk key\0";

/// What is drawn at random for a stream.
#[derive(Clone, Copy)]
pub(super) struct Drawn {
    pub(super) salt: [u8; SALT_BYTES],
    pub(super) prefix: [u8; PREFIX_BYTES],
}

impl Drawn {
    pub(super) fn random() -> Result<Self, SealedError> {
        let mut drawn = Self { salt: [0; SALT_BYTES], prefix: [0; PREFIX_BYTES] };
        rand::fill(&mut drawn.salt)?;
        rand::fill(&mut drawn.prefix)?;
        Ok(drawn)
    }
}

/// A header, checked, and the key of the chunks behind it.
pub(super) struct Header {
    pub(super) bytes: [u8; HEADER_BYTES],
    key: LessSafeKey,
}

impl Header {
    /// The header of a new stream.
    pub(super) fn new(drawn: &Drawn, key: &[u8; 32], label: &str) -> Result<Self, SealedError> {
        let keys = Keys::derive(&drawn.salt, key, label)?;
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..40].copy_from_slice(&drawn.salt);
        bytes[40..47].copy_from_slice(&drawn.prefix);
        bytes[48..64].copy_from_slice(&keys.key_check);
        bytes[64..80].copy_from_slice(&keys.label_check);
        Ok(Self { bytes, key: keys.chunk_key })
    }

    /// The header of a stream that there is: of this format, key and label.
    pub(super) fn check(bytes: [u8; HEADER_BYTES], key: &[u8; 32], label: &str) -> Result<Self, SealedError> {
        if bytes[..7] != MAGIC[..7] {
            return Err(SealedError::NotSealed);
        }
        if bytes[7] != MAGIC[7] {
            return Err(SealedError::Version);
        }
        let keys = Keys::derive(&bytes[8..40], key, label)?;
        verify_slices_are_equal(&keys.key_check, &bytes[48..64]).map_err(|_| SealedError::WrongKey)?;
        verify_slices_are_equal(&keys.label_check, &bytes[64..80]).map_err(|_| SealedError::WrongLabel)?;
        Ok(Self { bytes, key: keys.chunk_key })
    }

    pub(super) const fn key(&self) -> &LessSafeKey {
        &self.key
    }

    /// The nonce of a chunk: prefix, number, whether it is the last.
    pub(super) fn nonce(&self, chunk: u32, frame: u32) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..7].copy_from_slice(&self.bytes[40..47]);
        nonce[7..11].copy_from_slice(&chunk.to_be_bytes());
        nonce[11] = u8::from(frame & LAST != 0);
        Nonce::assume_unique_for_key(nonce)
    }

    /// What a chunk's tag covers beside its content: the header and the chunk's length.
    pub(super) fn aad(&self, frame: u32) -> Aad<[u8; HEADER_BYTES + 4]> {
        let mut aad = [0; HEADER_BYTES + 4];
        aad[..HEADER_BYTES].copy_from_slice(&self.bytes);
        aad[HEADER_BYTES..].copy_from_slice(&frame.to_be_bytes());
        Aad::from(aad)
    }
}

struct Keys {
    chunk_key: LessSafeKey,
    key_check: [u8; CHECK_BYTES],
    label_check: [u8; CHECK_BYTES],
}

impl Keys {
    fn derive(salt: &[u8], key: &[u8; 32], label: &str) -> Result<Self, SealedError> {
        let root = Salt::new(HKDF_SHA256, salt).extract(key);
        let chunk_key: [u8; 32] = expand(&root, &[CHUNK_KEY, label.as_bytes()])?;
        Ok(Self {
            chunk_key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &chunk_key)?),
            key_check: expand(&root, &[KEY_CHECK])?,
            label_check: expand(&root, &[LABEL_CHECK, label.as_bytes()])?,
        })
    }
}

/// So many bytes of output.
struct Length<const N: usize>;

impl<const N: usize> KeyType for Length<N> {
    fn len(&self) -> usize {
        N
    }
}

fn expand<const N: usize>(root: &Prk, info: &[&[u8]]) -> Result<[u8; N], SealedError> {
    let mut bytes = [0; N];
    root.expand(info, Length::<N>)?.fill(&mut bytes)?;
    Ok(bytes)
}
