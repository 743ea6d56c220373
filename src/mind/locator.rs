//! Where a number's records stand: a keyed pseudo-random function of the number alone.
//!
//! Of the number *alone*, so that the records of other countries and types under it are found together, and *keyed*, so
//! that a table without its key neither shows a number nor answers whether it holds one.
//!
//! The function is the CBC-MAC of AES-128 over exactly two blocks. For inputs of one fixed length CBC-MAC is a
//! pseudo-random function as good as its cipher (Bellare, Kilian, Rogaway, 1994), and it costs two block encryptions
//! with a key schedule that is made once. The two blocks are: the kind of the identifier (one byte; 1 is a document
//! number), its length (one byte), its characters in normal form, zeros. That encoding is injective.

use std::fmt;

use aws_lc_rs::cipher::{AES_128, AES_128_KEY_LEN, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use postern_sdk::DocumentNumber;

use super::hex;

/// The function's name in the manifest.
pub(super) const PRF: &str = "aes128-cbcmac-2";

/// The kind byte of a document number. Vehicles, firearms and vessels will have kinds of their own.
const KIND_DOCUMENT: u8 = 1;

const BLOCK: usize = 16;
const INPUT: usize = 2 * BLOCK;

/// The place of a number in every table of a generation: 88 bits of the function's output.
///
/// Tables keep all of them, so one can be rebuilt at any size and two can be merged without knowing a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Locator {
    /// The order of the records, and which bucket they are in at any size of a table.
    pub(super) place: u64,
    /// 24 bits more, of which the low 16 are the tag in the bucket.
    pub(super) check: u32,
}

impl Locator {
    /// The tag in the bucket: never 0, which marks an empty place.
    pub(super) const fn tag(self) -> u16 {
        tag_of(self.check)
    }
}

/// The tag that belongs to these check bits.
pub(super) const fn tag_of(check: u32) -> u16 {
    match (check & 0xffff) as u16 {
        0 => 1,
        tag => tag,
    }
}

/// The key of the function: one a generation.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct LocatorKey([u8; AES_128_KEY_LEN]);

impl LocatorKey {
    /// A new random key.
    pub(super) fn random() -> Result<Self, Unspecified> {
        let mut key = [0; AES_128_KEY_LEN];
        rand::fill(&mut key)?;
        Ok(Self(key))
    }
}

/// The key itself never shows.
impl fmt::Debug for LocatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocatorKey(‹secret›)")
    }
}

impl serde::Serialize for LocatorKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        hex::serialize(&self.0, serializer)
    }
}

impl<'de> serde::Deserialize<'de> for LocatorKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hex::deserialize(deserializer).map(Self)
    }
}

/// The function under one key.
pub(super) struct Prf(EncryptingKey);

impl Prf {
    /// Expands the key.
    ///
    /// # Errors
    /// If the cryptographic library refuses the key, which it has no cause to.
    pub(super) fn new(key: &LocatorKey) -> Result<Self, Unspecified> {
        Ok(Self(EncryptingKey::ecb(UnboundCipherKey::new(&AES_128, &key.0)?)?))
    }

    /// The locator of a document number.
    pub(super) fn document(&self, number: &DocumentNumber) -> Locator {
        let output = self.evaluate(&input(KIND_DOCUMENT, number.reveal()));
        let word = u128::from_le_bytes(output);
        Locator { place: word as u64, check: (word >> 64) as u32 & 0x00ff_ffff }
    }

    fn evaluate(&self, input: &[u8; INPUT]) -> [u8; BLOCK] {
        let (first, second) = input.split_at(BLOCK);
        let mut block = [0; BLOCK];
        block.copy_from_slice(first);
        self.encrypt(&mut block);
        block.iter_mut().zip(second).for_each(|(byte, next)| *byte ^= next);
        self.encrypt(&mut block);
        block
    }

    fn encrypt(&self, block: &mut [u8; BLOCK]) {
        // The library fails only for a length that is no multiple of the block.
        self.0.encrypt(block).expect("one whole block is always encrypted");
    }
}

fn input(kind: u8, text: &str) -> [u8; INPUT] {
    let mut input = [0; INPUT];
    input[0] = kind;
    input[1] = text.len() as u8;
    input[2..2 + text.len()].copy_from_slice(text.as_bytes());
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prf(key: [u8; 16]) -> Prf {
        Prf::new(&LocatorKey(key)).unwrap()
    }

    // Proves the construction against the vector of RFC 4493's and FIPS 197's cipher: a CBC-MAC of two blocks, the
    // second of which is the cipher text of the first, is the encryption of zero.
    #[test]
    fn is_cbc_mac_of_aes_128() {
        // FIPS 197 appendix C.1: key, plain text and cipher text of AES-128.
        let key = core::array::from_fn(|i| i as u8);
        let plain: [u8; 16] = core::array::from_fn(|i| (i as u8) * 0x11);
        let cipher = 0x69c4_e0d8_6a7b_0430_d8cd_b780_70b4_c55a_u128.to_be_bytes();
        let mut input = [0; INPUT];
        input[..16].copy_from_slice(&plain);
        // The second block turns E(plain) into plain again, so that the output is the known cipher text.
        for i in 0..16 {
            input[16 + i] = cipher[i] ^ plain[i];
        }
        assert_eq!(prf(key).evaluate(&input), cipher);
    }

    // Proves the vector that OpenSSL gives for the key 00 01 … 0f and the number L898902C3.
    #[test]
    fn the_vector_of_the_document() {
        let number = DocumentNumber::normalise("L898902C3").unwrap();
        let locator = prf(core::array::from_fn(|i| i as u8)).document(&number);
        assert_eq!(locator, Locator { place: 0xd926245d322d8bed, check: 0xbfc0c8 });
    }

    // Proves that the longest number fits, that length and kind are part of the input, and that keys matter.
    #[test]
    fn encoding_is_injective() {
        let longest = "Z".repeat(DocumentNumber::LEN_MAX);
        assert_eq!(input(1, &longest)[26], b'Z');
        assert_eq!(input(1, &longest)[27..], [0; 5]);
        assert_ne!(input(1, "12345"), input(1, "123450"));
        assert_ne!(input(1, "12345"), input(2, "12345"));
        let number = DocumentNumber::normalise("L898902C3").unwrap();
        assert_ne!(prf([1; 16]).document(&number), prf([2; 16]).document(&number));
        assert_eq!(prf([1; 16]).document(&number), prf([1; 16]).document(&number));
    }

    // Proves that a tag is never the mark of an empty place, and that the key does not print.
    #[test]
    fn tags_and_debug() {
        assert_eq!(tag_of(0x12_0000), 1);
        assert_eq!(tag_of(0x12_3456), 0x3456);
        assert!(!format!("{:?}", LocatorKey([7; 16])).contains('7'));
    }
}
