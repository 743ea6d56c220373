//! How records are sealed, so that a table without its key tells nothing and can't be probed for a number.
//!
//! Everything is a pseudo-random function built on AES-128 under keys that are derived from the generation key:
//!
//! * the *locator* of a number, under `K1`, of the number alone, so that the records of all countries and types under one
//!   number lie together;
//! * the *secret* of a number, 128 bits under `K2`, that stands for the number in all that follows and is never stored;
//! * the *tag* of a record, `MAC(secret, record)`. It proves that a slot belongs to the number that was asked, that the
//!   record is as it was sealed, and it is the nonce of
//! * the *pad* that hides the record, a function of secret and tag. Two records of one number differ in their tags, so no
//!   pad is used for two plain texts (the construction of SIV, Rogaway and Shrimpton, 2006);
//! * the *mark* of a record id, `MAC(secret, database, id)`, which is at once the nonce of the id's own pad and, with the
//!   locator, the identity of a record in every state of a generation.
//!
//! An identifier is one block if it has at most 14 characters, else three. The first byte tells which, so that no input
//! begins another and CBC-MAC is a pseudo-random function on them (Petrank and Rackoff, 2000). Batches are encrypted
//! side by side, which is several times as fast as one after the other.

use std::fmt;

use aes::Aes128Enc;
use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockEncrypt, KeyInit};
use zeroize::Zeroizing;

use super::identifier::Identifier;
use super::keyring::GenerationKey;

/// Size of a packed record in bytes, of whose last byte the low four bits are used.
pub(super) const RECORD: usize = 9;
/// Bits of a packed record that are used.
pub(super) const RECORD_BITS: u32 = 68;
/// Bits of a locator.
pub(super) const LOCATOR_BITS: u32 = 48;
/// Longest record id in bytes.
pub(super) const ID_MAX: usize = 64;

/// The name of the construction in the manifest.
pub(super) const SEAL: &str = "aes128-siv-68";

const SHORT: usize = 14;
/// The flag in the first byte of a long identifier.
const LONG: u8 = 0x80;

type Block = GenericArray<u8, aes::cipher::consts::U16>;

/// A packed record in the low 68 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed(pub(super) u128);

impl Packed {
    const MASK: u128 = (1 << RECORD_BITS) - 1;

    pub(super) fn bytes(self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        bytes.copy_from_slice(&self.0.to_le_bytes()[..RECORD]);
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; RECORD]) -> Self {
        let mut word = [0; 16];
        word[..RECORD].copy_from_slice(bytes);
        Self(u128::from_le_bytes(word) & Self::MASK)
    }
}

/// What stands for a number in the seal of its records. It is as secret as the number.
#[derive(Clone, Copy)]
pub(super) struct Secret(Block);

#[cfg(test)]
impl Secret {
    pub(super) fn bytes(&self) -> [u8; 16] {
        self.0.into()
    }
}

/// A sealed record as tables and deltas hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) tag: u64,
    /// The hidden record, in the low 68 bits.
    pub(super) body: Packed,
}

/// A sealed record id: its mark, and what of the id is hidden.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct SealedId {
    pub(super) mark: u64,
    length: u8,
    body: [u8; ID_MAX],
}

impl fmt::Debug for SealedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedId({} bytes)", self.length & !HEX)
    }
}

/// The flag in the length of an id that is written as the bytes of its hexadecimal digits.
const HEX: u8 = 0x80;

impl SealedId {
    /// The length as stored: bytes, and the flag that they are hexadecimal digits.
    pub(super) const fn length(&self) -> u8 {
        self.length
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body[..usize::from(self.length & !HEX)]
    }

    /// From what is stored; none if it can't be an id.
    pub(super) fn new(mark: u64, length: u8, bytes: &[u8]) -> Option<Self> {
        let mut id = Self { mark, length, body: [0; ID_MAX] };
        let fits = usize::from(length & !HEX) == bytes.len() && bytes.len() <= ID_MAX;
        id.body.get_mut(..bytes.len()).filter(|_| fits)?.copy_from_slice(bytes);
        Some(id)
    }

    /// How many bytes follow a stored length.
    pub(super) const fn stored_bytes(length: u8) -> usize {
        (length & !HEX) as usize
    }
}

/// The keys of one generation of a dataset.
#[derive(Clone)]
pub(super) struct Seal {
    locator: Aes128Enc,
    secret: Aes128Enc,
    tag: Aes128Enc,
    pad: Aes128Enc,
    mark: Aes128Enc,
    id_pad: Aes128Enc,
}

/// The keys never show.
impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(‹secret›)")
    }
}

impl Seal {
    /// Derives the keys of a generation from its key.
    pub(super) fn new(generation: &GenerationKey) -> Self {
        let key = |label: &str| {
            let derived = Zeroizing::new(generation.derive(label));
            let (half, _) = derived.split_at(16);
            Aes128Enc::new_from_slice(half).expect("a key of this cipher has 16 bytes")
        };
        Self {
            locator: key("copy locator"),
            secret: key("copy secret"),
            tag: key("copy tag"),
            pad: key("copy pad"),
            mark: key("copy mark"),
            id_pad: key("copy id pad"),
        }
    }

    /// The locator of an identifier: 48 bits.
    #[inline]
    pub(super) fn locator(&self, identifier: &Identifier) -> u64 {
        locator_of(&evaluate(&self.locator, identifier))
    }

    /// The locators of many identifiers, at most as many as `locators` has room for.
    pub(super) fn locators(&self, identifiers: &[Identifier], locators: &mut [u64]) {
        for (identifiers, locators) in identifiers.chunks(BATCH).zip(locators.chunks_mut(BATCH)) {
            let mut blocks = [Block::default(); BATCH];
            let blocks = &mut blocks[..identifiers.len()];
            evaluate_many(&self.locator, identifiers.iter(), blocks);
            blocks.iter().zip(locators).for_each(|(block, locator)| *locator = locator_of(block));
        }
    }

    /// The secret of an identifier.
    #[inline]
    pub(super) fn secret(&self, identifier: &Identifier) -> Secret {
        Secret(evaluate(&self.secret, identifier))
    }

    /// Seals a record.
    pub(super) fn seal(&self, secret: &Secret, record: Packed) -> Sealed {
        let tag = self.tag(secret, record);
        Sealed { tag, body: Packed(record.0 ^ self.pad(secret, tag)) }
    }

    /// The record, if it was sealed under this secret.
    #[inline]
    pub(super) fn open(&self, secret: &Secret, sealed: &Sealed) -> Option<Packed> {
        let record = Packed(sealed.body.0 ^ self.pad(secret, sealed.tag));
        (self.tag(secret, record) == sealed.tag).then_some(record)
    }

    /// Opens at most [`BATCH`] at once, each asked by the identifier that `askers` gives the place of. Those that open are
    /// told to `each` by their own place.
    pub(super) fn open_many(
        &self,
        identifiers: &[Identifier],
        askers: &[u8],
        sealed: &[Sealed],
        mut each: impl FnMut(usize, Packed),
    ) {
        if sealed.is_empty() {
            return;
        }
        let (mut secrets, mut blocks) = ([Block::default(); BATCH], [Block::default(); BATCH]);
        let (secrets, blocks) = (&mut secrets[..sealed.len()], &mut blocks[..sealed.len()]);
        evaluate_many(&self.secret, askers.iter().map(|asker| &identifiers[usize::from(*asker)]), secrets);
        for ((block, secret), sealed) in blocks.iter_mut().zip(&*secrets).zip(sealed) {
            *block = with_low(secret, u128::from(sealed.tag));
        }
        self.pad.encrypt_blocks(blocks);
        let mut records = [Packed(0); BATCH];
        for ((block, secret), (sealed, record)) in
            blocks.iter_mut().zip(&*secrets).zip(sealed.iter().zip(&mut records))
        {
            *record = Packed(sealed.body.0 ^ word(block) & Packed::MASK);
            *block = with_low(secret, record.0);
        }
        self.tag.encrypt_blocks(blocks);
        for (place, (block, sealed)) in blocks.iter().zip(sealed).enumerate() {
            if word(block) as u64 == sealed.tag {
                each(place, records[place]);
            }
        }
    }

    /// The tag of a record under a secret.
    pub(super) fn tag(&self, secret: &Secret, record: Packed) -> u64 {
        encrypt_word(&self.tag, &secret.0, record.0) as u64
    }

    fn pad(&self, secret: &Secret, tag: u64) -> u128 {
        encrypt_word(&self.pad, &secret.0, u128::from(tag)) & Packed::MASK
    }

    /// The mark of a record id of a database, given by its number: with the locator the identity of a record.
    pub(super) fn mark(&self, secret: &Secret, database: u8, id: &str) -> u64 {
        let first = u128::from(database) | (id.len() as u128) << 8;
        let mut state = with_low(&secret.0, first);
        self.mark.encrypt_block(&mut state);
        for chunk in id.as_bytes().chunks(16) {
            state.iter_mut().zip(chunk).for_each(|(byte, next)| *byte ^= next);
            self.mark.encrypt_block(&mut state);
        }
        word(&state) as u64
    }

    /// Seals a record id of at most [`ID_MAX`] characters.
    pub(super) fn seal_id(&self, secret: &Secret, database: u8, id: &str) -> SealedId {
        let mark = self.mark(secret, database, id);
        let mut sealed = SealedId { mark, length: 0, body: [0; ID_MAX] };
        let hex = lower_hex(id, &mut sealed.body);
        match hex {
            Some(bytes) => sealed.length = HEX | bytes,
            None => {
                sealed.body[..id.len()].copy_from_slice(id.as_bytes());
                sealed.length = id.len() as u8;
            }
        }
        self.hide_id(secret, &mut sealed);
        sealed
    }

    /// The record id, if it was sealed under this secret and for this database.
    pub(super) fn open_id(&self, secret: &Secret, database: u8, sealed: &SealedId) -> Option<String> {
        let mut plain = *sealed;
        self.hide_id(secret, &mut plain);
        let id = match plain.length & HEX {
            0 => String::from_utf8(plain.body().to_vec()).ok()?,
            _ => crate::keys::hex(plain.body()),
        };
        (self.mark(secret, database, &id) == sealed.mark).then_some(id)
    }

    /// Hides or shows the body of an id.
    fn hide_id(&self, secret: &Secret, id: &mut SealedId) {
        let length = SealedId::stored_bytes(id.length);
        for (counter, chunk) in (0_u128..).zip(id.body[..length].chunks_mut(16)) {
            let pad = encrypt_word(&self.id_pad, &secret.0, u128::from(id.mark) | counter << 64);
            chunk.iter_mut().zip(pad.to_le_bytes()).for_each(|(byte, pad)| *byte ^= pad);
        }
    }
}

/// How many are encrypted side by side.
pub(super) const BATCH: usize = 64;

fn evaluate(key: &Aes128Enc, identifier: &Identifier) -> Block {
    let mut block = first_block(identifier);
    key.encrypt_block(&mut block);
    if usize::from(identifier.length()) > SHORT {
        finish_long(key, identifier, &mut block);
    }
    block
}

fn evaluate_many<'a>(
    key: &Aes128Enc,
    identifiers: impl Iterator<Item = &'a Identifier> + Clone,
    blocks: &mut [Block],
) {
    let mut any_long = false;
    for (identifier, block) in identifiers.clone().zip(&mut *blocks) {
        *block = first_block(identifier);
        any_long |= usize::from(identifier.length()) > SHORT;
    }
    key.encrypt_blocks(blocks);
    if any_long {
        for (identifier, block) in identifiers.zip(blocks) {
            if usize::from(identifier.length()) > SHORT {
                finish_long(key, identifier, block);
            }
        }
    }
}

#[inline]
fn first_block(identifier: &Identifier) -> Block {
    let mut block = Block::default();
    let long = if usize::from(identifier.length()) > SHORT { LONG } else { 0 };
    block[0] = identifier.kind() as u8 | long;
    block[1] = identifier.length();
    block[2..].copy_from_slice(&identifier.padded()[..SHORT]);
    block
}

#[cold]
fn finish_long(key: &Aes128Enc, identifier: &Identifier, block: &mut Block) {
    for chunk in rest(identifier).chunks(16) {
        block.iter_mut().zip(chunk).for_each(|(byte, next)| *byte ^= next);
        key.encrypt_block(block);
    }
}

/// The second and third block of a long identifier.
fn rest(identifier: &Identifier) -> [u8; 32] {
    let rest = &identifier.padded()[SHORT..];
    let mut padded = [0; 32];
    padded[..rest.len()].copy_from_slice(rest);
    padded
}

/// All blocks of an identifier, as they go into the cipher.
#[cfg(test)]
pub(super) fn blocks(identifier: &Identifier) -> Vec<u8> {
    let mut blocks = first_block(identifier).to_vec();
    if usize::from(identifier.length()) > SHORT {
        blocks.extend(rest(identifier));
    }
    blocks
}

fn locator_of(block: &Block) -> u64 {
    word(block) as u64 & ((1 << LOCATOR_BITS) - 1)
}

fn word(block: &Block) -> u128 {
    u128::from_le_bytes((*block).into())
}

fn with_low(block: &Block, value: u128) -> Block {
    (word(block) ^ value).to_le_bytes().into()
}

fn encrypt_word(key: &Aes128Enc, secret: &Block, value: u128) -> u128 {
    let mut block = with_low(secret, value);
    key.encrypt_block(&mut block);
    word(&block)
}

/// The bytes of an id that is an even number of lower-case hexadecimal digits; how many.
fn lower_hex(id: &str, bytes: &mut [u8; ID_MAX]) -> Option<u8> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = id.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() > ID_MAX / 2 {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        match (digit(*high), digit(*low)) {
            (Some(high), Some(low)) => *byte = high << 4 | low,
            _ => {
                bytes.fill(0);
                return None;
            }
        }
    }
    u8::try_from(pairs.len()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::identifier::Kind;
    use super::*;

    fn seal(byte: u8) -> Seal {
        Seal::new(&GenerationKey::from_bytes([byte; 32]))
    }

    fn number(text: &str) -> Identifier {
        Identifier::document(&text.parse().unwrap())
    }

    proptest! {
        // Proves that what is sealed is opened under the same number and under no other, alone and in batches.
        #[test]
        fn round_trip(
            numbers in proptest::collection::vec("[A-Z0-9]{5,25}", 1..=BATCH), record in any::<u128>(),
        ) {
            let seal = seal(1);
            let record = Packed(record & Packed::MASK);
            let numbers: Vec<Identifier> = numbers.iter().map(|text| number(text)).collect();
            let sealed: Vec<_> = numbers.iter().map(|one| seal.seal(&seal.secret(one), record)).collect();
            let mut opened = Vec::new();
            let askers: Vec<u8> = (0..numbers.len() as u8).collect();
            seal.open_many(&numbers, &askers, &sealed, |place, packed| opened.push((place, packed)));
            prop_assert_eq!(opened, (0..sealed.len()).map(|place| (place, record)).collect::<Vec<_>>());
            let mut locators = vec![0; numbers.len()];
            seal.locators(&numbers, &mut locators);
            for ((one, locator), sealed) in numbers.iter().zip(locators).zip(sealed) {
                prop_assert_eq!(seal.locator(one), locator);
                prop_assert_eq!(seal.open(&seal.secret(one), &sealed), Some(record));
                let other = seal.secret(&number("OTHER77"));
                prop_assert_eq!(seal.open(&other, &sealed), None);
            }
        }

        // Proves that ids come back, in hexadecimal or not, and only for their number and database.
        #[test]
        fn ids(id in "[!-~]{1,64}|[0-9a-f]{2,64}") {
            let seal = seal(2);
            let secret = seal.secret(&number("L898902C3"));
            let sealed = seal.seal_id(&secret, 1, &id);
            prop_assert_eq!(seal.open_id(&secret, 1, &sealed), Some(id.clone()));
            prop_assert_eq!(seal.open_id(&secret, 2, &sealed), None);
            prop_assert_eq!(seal.open_id(&seal.secret(&number("L898902C4")), 1, &sealed), None);
            let stored = SealedId::new(sealed.mark, sealed.length(), sealed.body());
            prop_assert_eq!(stored, Some(sealed));
        }
    }

    // Proves that keys, kinds and lengths matter, and that short and long texts are told apart.
    #[test]
    fn inputs_are_distinct() {
        let (a, b) = (seal(1), seal(2));
        let one = number("L898902C3");
        assert_ne!(a.locator(&one), b.locator(&one));
        let serial = "L898902C3".parse().unwrap();
        assert_ne!(a.locator(&one), a.locator(&Identifier::serial(Kind::Firearm, &serial)));
        assert_ne!(a.locator(&number("12345")), a.locator(&number("123450")));
        assert_ne!(a.locator(&number(&"1".repeat(14))), a.locator(&number(&"1".repeat(15))));
        assert_ne!(a.locator(&number(&"1".repeat(24))), a.locator(&number(&"1".repeat(25))));
        assert!(a.locator(&one) < 1 << LOCATOR_BITS);
        assert_eq!(format!("{a:?} {one:?}"), "Seal(‹secret›) Identifier(Document)");
    }

    // Proves that each bit of a sealed record matters.
    #[test]
    fn changed_bits_do_not_open() {
        let seal = seal(3);
        let secret = seal.secret(&number("L898902C3"));
        let sealed = seal.seal(&secret, Packed(0x0123_4567_89ab_cdef));
        for bit in 0..RECORD_BITS {
            let body = Packed(sealed.body.0 ^ 1 << bit);
            assert_eq!(seal.open(&secret, &Sealed { body, ..sealed }), None);
        }
        for bit in 0..64 {
            let tag = sealed.tag ^ 1 << bit;
            assert_eq!(seal.open(&secret, &Sealed { tag, ..sealed }), None);
        }
    }
}
