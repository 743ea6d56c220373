//! What stands in clear before a bundle's sealed stream: who, whose, and from where to where. Nothing personal.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use postern_sdk::Environment;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::ReconcileError;
use crate::keys;
use crate::mind::hex;
use crate::mind::keyring::Wrapped;

/// What every bundle begins with; the eighth byte is the version.
const MAGIC: &[u8; 8] = b"PSTRECO\x01";
/// Bytes before the header.
pub(super) const PREFIX_BYTES: usize = 84;
/// Bytes of a header at most.
const HEADER_BYTES_MAX: usize = 16 << 10;
/// Bytes of a site's name at most.
const SITE_BYTES_MAX: usize = 64;
/// What the signature is for, and a part of what the stream is sealed for.
pub(super) const LABEL: &str = "postern reconcile 1";

/// A record of the site's journal, and the chain behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// The segment that holds it.
    pub segment: u64,
    /// Its number; 0 is before the first.
    pub sequence: u64,
    /// The chain hash behind it; zeros if it is not known, or before the first.
    #[serde(with = "hex")]
    pub hash: [u8; 32],
}

impl Point {
    /// Before the first record.
    pub const START: Self = Self { segment: 0, sequence: 0, hash: [0; 32] };

    /// Whether the hash says something.
    pub(super) fn is_hashed(&self) -> bool {
        self.hash != [0; 32]
    }
}

/// What a bundle says of itself in clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The bundle's name: 16 hexadecimal digits, random.
    pub bundle: String,
    /// The site.
    pub site: String,
    /// Whether it is production or training.
    pub environment: Environment,
    /// The site's journal.
    pub instance: Uuid,
    /// When it was made.
    pub made: Timestamp,
    /// The record that it begins behind.
    pub from: Point,
    /// The last record of its range.
    pub to: Point,
    /// The id of the key that signs.
    pub signer: String,
    /// The key of the sealed stream, wrapped to the hub.
    pub key: Wrapped,
}

impl Header {
    /// The header as it is written and signed.
    pub(super) fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a header has no map with keys that are not strings")
    }

    /// Reads a header.
    pub(super) fn parse(text: &[u8]) -> Result<Self, ReconcileError> {
        let header: Self = serde_json::from_slice(text).map_err(|_| ReconcileError::HeaderMalformed)?;
        let makes_sense = is_site_name(&header.site) && header.from.sequence < header.to.sequence;
        if makes_sense { Ok(header) } else { Err(ReconcileError::HeaderMalformed) }
    }
}

/// Whether a site can be called so: its name is that of a file.
pub fn is_site_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=SITE_BYTES_MAX).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('.')
}

/// What the stream behind a header is sealed for: no other header leads to it.
pub(super) fn stream_label(header: &[u8]) -> String {
    format!("{LABEL} {}", keys::hex(digest(&SHA256, header).as_ref()))
}

/// The bytes before the header, but for the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    pub(super) header_bytes: usize,
    pub(super) sealed_bytes: u64,
    pub(super) signature: [u8; 64],
}

impl Prefix {
    pub(super) fn encode(&self) -> [u8; PREFIX_BYTES] {
        let mut bytes = [0; PREFIX_BYTES];
        bytes[..20].copy_from_slice(&self.lengths());
        bytes[20..].copy_from_slice(&self.signature);
        bytes
    }

    /// Magic and lengths: what of the prefix is signed.
    fn lengths(&self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(MAGIC);
        // A header has at most `HEADER_BYTES_MAX`.
        bytes[8..12].copy_from_slice(&(self.header_bytes as u32).to_be_bytes());
        bytes[12..20].copy_from_slice(&self.sealed_bytes.to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; PREFIX_BYTES]) -> Result<Self, ReconcileError> {
        if bytes[..7] != MAGIC[..7] {
            return Err(ReconcileError::NotABundle);
        }
        if bytes[7] != MAGIC[7] {
            return Err(ReconcileError::Version);
        }
        let mut prefix = Self { header_bytes: 0, sealed_bytes: 0, signature: [0; 64] };
        let header_bytes = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        prefix.header_bytes = usize::try_from(header_bytes).unwrap_or(usize::MAX);
        let mut sealed_bytes = [0; 8];
        sealed_bytes.copy_from_slice(&bytes[12..20]);
        prefix.sealed_bytes = u64::from_be_bytes(sealed_bytes);
        prefix.signature.copy_from_slice(&bytes[20..]);
        if prefix.header_bytes > HEADER_BYTES_MAX {
            return Err(ReconcileError::EndlessData);
        }
        Ok(prefix)
    }

    /// What is signed: magic, lengths, header, and the sealed stream by its digest.
    pub(super) fn signed(&self, header: &[u8], sealed: &[u8]) -> Vec<u8> {
        [&self.lengths()[..], header, sealed].concat()
    }
}
