//! The bytes on disk; `docs/journal-format.md` is the normative text.
//!
//! Three decisions carry the rest:
//!
//! * A segment's header holds only what is known when the file is prepared (identity, salt), so the file is
//!   complete and durable before it is needed. What is known only at its opening, the first sequence and the
//!   previous chain hash, is in its first frame, written together with the first records: a roll-over costs
//!   no extra sync.
//! * Every frame names the offset at which its *group* (one write, one sync) began. All before that offset
//!   was durable when the frame was written. So an unreadable spot is damage if some later frame vouches for
//!   it, and a torn tail if none does: no guess from "something valid follows", which a reordering disk cache
//!   makes true of torn groups too.
//! * A frame ends with its chain hash, so the 32 bytes before a frame are the previous hash, and hash input
//!   is one contiguous run in the write buffer.

use aws_lc_rs::digest::{Context, SHA256, digest};

/// The largest body of a record, in bytes.
pub const MAX_BODY_BYTES: usize = 16 << 20;
/// The size of a segment's header block; the first frame begins here.
pub const HEADER_BLOCK_BYTES: u64 = 4096;
/// The format that this release writes.
pub const FORMAT_VERSION: u16 = 1;
/// The length of a frame's fixed header.
pub const FRAME_HEADER_BYTES: usize = 64;
/// The length of a frame's end: CRC, length and chain hash.
pub const FRAME_TRAILER_BYTES: usize = 40;
/// What a frame costs beside its body and padding.
pub const FRAME_OVERHEAD_BYTES: usize = FRAME_HEADER_BYTES + FRAME_TRAILER_BYTES;
/// Flag: the body is ciphertext under the frame's key id.
pub const FLAG_SEALED: u16 = 1;

/// The first frame of each segment; its body is a [`Start`].
pub const KIND_START: u16 = 0xFF01;
/// The last frame of a finished segment.
pub const KIND_END: u16 = 0xFF02;
/// A frame without content, written when the journal falls idle, so that something vouches for the last group.
pub const KIND_MARK: u16 = 0xFF03;
/// Kinds from here on are the log's own and use up no sequence.
pub const KIND_INTERNAL: u16 = 0xFF00;

pub(crate) const FRAME_MAGIC: u32 = u32::from_le_bytes(*b"PJr1");
const SEGMENT_MAGIC: &[u8; 8] = b"POSTJRN1";
const HEADER_BYTES: usize = 256;
const HEADER_COPY_AT: usize = 2048;
const START_BODY_BYTES: usize = 48;
/// The whole frame of a [`Start`].
pub(crate) const START_FRAME_BYTES: usize = FRAME_OVERHEAD_BYTES + START_BODY_BYTES;
/// The whole frame of an end or a mark.
pub(crate) const BARE_FRAME_BYTES: usize = FRAME_OVERHEAD_BYTES;

/// A chain hash, SHA-256.
pub type ChainHash = [u8; 32];

/// The chain hash before the very first frame of a journal.
pub const GENESIS: ChainHash = [0; 32];

/// What a segment says of itself, known when it is prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The format's version.
    pub version: u16,
    /// The environment (production, training, test) as the daemon numbers them.
    pub environment: u8,
    /// Reserved for the class of the segment's key; 0 is "not sealed".
    pub key_class: u8,
    /// Reserved for the id of the segment's key.
    pub key_id: u32,
    /// The running number, equal to the one in the file's name.
    pub number: u64,
    /// The instance that writes.
    pub instance: [u8; 16],
    /// When the file was prepared, ns since 1970-01-01 UTC.
    pub created_ns: u64,
    /// Random, for the segment's key and for the seed of its checksums.
    pub salt: [u8; 32],
}

impl SegmentHeader {
    /// The seed of all checksums in the segment: bytes that were not written for this segment don't verify.
    #[must_use]
    pub fn seed(&self) -> u32 {
        crc32c::crc32c(&self.salt)
    }

    /// The header block: two equal copies in different sectors, the rest zero.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut one = Vec::with_capacity(HEADER_BYTES);
        one.extend_from_slice(SEGMENT_MAGIC);
        one.extend_from_slice(&self.version.to_le_bytes());
        one.extend_from_slice(&[self.environment, self.key_class]);
        one.extend_from_slice(&self.key_id.to_le_bytes());
        one.extend_from_slice(&self.number.to_le_bytes());
        one.extend_from_slice(&self.instance);
        one.extend_from_slice(&self.created_ns.to_le_bytes());
        one.extend_from_slice(&self.salt);
        one.resize(HEADER_BYTES - 4, 0);
        one.extend_from_slice(&crc32c::crc32c(&one).to_le_bytes());
        let mut block = vec![0; HEADER_BLOCK_BYTES as usize];
        block[..HEADER_BYTES].copy_from_slice(&one);
        block[HEADER_COPY_AT..HEADER_COPY_AT + HEADER_BYTES].copy_from_slice(&one);
        block
    }

    /// Reads a header block. The flag tells whether the whole block is as it was written; with one copy
    /// damaged the header is still known. `None`: both copies are unreadable.
    #[must_use]
    pub fn decode(block: &[u8]) -> Option<(Self, bool)> {
        let header = Self::decode_copy(block, 0).or_else(|| Self::decode_copy(block, HEADER_COPY_AT))?;
        let whole = header.encode() == block;
        Some((header, whole))
    }

    fn decode_copy(block: &[u8], at: usize) -> Option<Self> {
        let copy = block.get(at..at + HEADER_BYTES)?;
        let crc = u32_at(copy, HEADER_BYTES - 4);
        if copy[..8] != *SEGMENT_MAGIC || crc32c::crc32c(&copy[..HEADER_BYTES - 4]) != crc {
            return None;
        }
        Some(Self {
            version: u16_at(copy, 8),
            environment: copy[10],
            key_class: copy[11],
            key_id: u32_at(copy, 12),
            number: u64_at(copy, 16),
            instance: array_at(copy, 24),
            created_ns: u64_at(copy, 40),
            salt: array_at(copy, 48),
        })
    }
}

/// A frame's fixed header, without magic and checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The stored body's length in bytes.
    pub body_bytes: u32,
    /// The kind's number.
    pub kind: u16,
    /// [`FLAG_SEALED`] and flags to come; unknown ones are kept.
    pub flags: u16,
    /// The record's number; of the log's own frames, the number that the next record will have.
    pub sequence: u64,
    /// When it was written, ns since 1970-01-01 UTC.
    pub time_ns: u64,
    /// The exchange or case concerned.
    pub matter: [u8; 16],
    /// The key that sealed the body; 0 is none.
    pub key_id: u32,
    /// Where this frame's group began in the segment.
    pub group_offset: u32,
}

impl FrameHeader {
    fn encode(&self, seed: u32) -> [u8; FRAME_HEADER_BYTES] {
        let mut out = [0; FRAME_HEADER_BYTES];
        out[0..4].copy_from_slice(&FRAME_MAGIC.to_le_bytes());
        out[8..12].copy_from_slice(&self.body_bytes.to_le_bytes());
        out[12..14].copy_from_slice(&self.kind.to_le_bytes());
        out[14..16].copy_from_slice(&self.flags.to_le_bytes());
        out[16..24].copy_from_slice(&self.sequence.to_le_bytes());
        out[24..32].copy_from_slice(&self.time_ns.to_le_bytes());
        out[32..48].copy_from_slice(&self.matter);
        out[48..52].copy_from_slice(&self.key_id.to_le_bytes());
        out[52..56].copy_from_slice(&self.group_offset.to_le_bytes());
        let crc = crc32c::crc32c_append(seed, &out[8..]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a frame header of a segment with this checksum seed; `None` if magic or checksum fail.
    #[must_use]
    pub fn decode(bytes: &[u8], seed: u32) -> Option<Self> {
        let bytes = bytes.get(..FRAME_HEADER_BYTES)?;
        if u32_at(bytes, 0) != FRAME_MAGIC || u32_at(bytes, 4) != crc32c::crc32c_append(seed, &bytes[8..]) {
            return None;
        }
        Some(Self {
            body_bytes: u32_at(bytes, 8),
            kind: u16_at(bytes, 12),
            flags: u16_at(bytes, 14),
            sequence: u64_at(bytes, 16),
            time_ns: u64_at(bytes, 24),
            matter: array_at(bytes, 32),
            key_id: u32_at(bytes, 48),
            group_offset: u32_at(bytes, 52),
        })
    }

    /// The whole frame's length: header, body, padding and trailer.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        frame_bytes(self.body_bytes as usize)
    }

    /// Whether the frame uses up a sequence, that is, is a caller's record.
    #[must_use]
    pub fn is_record(&self) -> bool {
        self.kind < KIND_INTERNAL
    }
}

/// The length of a frame around a body of this length.
#[must_use]
pub fn frame_bytes(body_bytes: usize) -> usize {
    FRAME_OVERHEAD_BYTES + body_bytes.next_multiple_of(8)
}

/// Appends a frame to `out`, whose last 32 bytes must be the previous chain hash, and thereby makes the
/// frame's own hash the last 32 bytes.
pub(crate) fn encode_frame(out: &mut Vec<u8>, seed: u32, header: &FrameHeader, body: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&header.encode(seed));
    out.extend_from_slice(body);
    let hash = digest(&SHA256, &out[start - 32..]);
    out.resize(start + FRAME_HEADER_BYTES + body.len().next_multiple_of(8), 0);
    let crc = crc32c::crc32c_append(crc32c::crc32c_append(seed, &out[start..]), hash.as_ref());
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&(frame_bytes(body.len()) as u32).to_le_bytes());
    out.extend_from_slice(hash.as_ref());
}

/// Checks a whole frame (from its header to its hash) against its checksum; `None` if anything is off.
pub(crate) fn check_frame(frame: &[u8], seed: u32, header: &FrameHeader) -> Option<ChainHash> {
    let body_end = FRAME_HEADER_BYTES + header.body_bytes as usize;
    let padded_end = frame.len().checked_sub(FRAME_TRAILER_BYTES)?;
    let hash: ChainHash = array_at(frame, padded_end + 8);
    let crc = crc32c::crc32c_append(crc32c::crc32c_append(seed, &frame[..padded_end]), &hash);
    let sound = frame.get(body_end..padded_end)?.iter().all(|byte| *byte == 0)
        && u32_at(frame, padded_end) == crc
        && u32_at(frame, padded_end + 4) as usize == frame.len();
    sound.then_some(hash)
}

/// The chain hash of a frame: SHA-256 over the previous hash, the header as stored and the body as stored.
#[must_use]
pub fn chain_hash(previous: &ChainHash, header_and_body: &[u8]) -> ChainHash {
    let mut context = Context::new(&SHA256);
    context.update(previous);
    context.update(header_and_body);
    array_at(context.finish().as_ref(), 0)
}

/// What a segment says at its opening: where it takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The sequence of the segment's first record.
    pub first_sequence: u64,
    /// The chain hash of the last durable frame before it. Frames of older segments behind that one are void.
    pub previous_hash: ChainHash,
    /// The segment that this one follows, 0 if it is the first.
    pub previous_segment: u64,
}

impl Start {
    pub(crate) fn encode(&self) -> [u8; START_BODY_BYTES] {
        let mut out = [0; START_BODY_BYTES];
        out[0..8].copy_from_slice(&self.first_sequence.to_le_bytes());
        out[8..16].copy_from_slice(&self.previous_segment.to_le_bytes());
        out[16..48].copy_from_slice(&self.previous_hash);
        out
    }

    pub(crate) fn decode(body: &[u8]) -> Option<Self> {
        let body = body.get(..START_BODY_BYTES)?;
        Some(Self {
            first_sequence: u64_at(body, 0),
            previous_segment: u64_at(body, 8),
            previous_hash: array_at(body, 16),
        })
    }
}

/// The file name of a segment.
#[must_use]
pub fn segment_name(number: u64) -> String {
    format!("{number:016}.seg")
}

/// The number in a segment's file name, and whether the file is quarantined.
#[must_use]
pub fn parse_segment_name(name: &str) -> Option<(u64, bool)> {
    let (digits, rest) = name.split_at_checked(16)?;
    let quarantined = match rest {
        ".seg" => false,
        ".seg.damaged" => true,
        _ => return None,
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((digits.parse().ok()?, quarantined))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the slice has N bytes")
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            version: FORMAT_VERSION,
            environment: 2,
            key_class: 0,
            key_id: 0,
            number: 7,
            instance: [9; 16],
            created_ns: 1_700_000_000_000_000_000,
            salt: [5; 32],
        }
    }

    #[test]
    fn header_survives_the_loss_of_either_copy() {
        // A header block round-trips; with one copy overwritten the header is still read, but the block isn't
        // whole.
        let block = header().encode();
        assert_eq!(SegmentHeader::decode(&block), Some((header(), true)));
        for copy in [0, HEADER_COPY_AT] {
            let mut hurt = block.clone();
            hurt[copy..copy + 512].fill(0xAA);
            assert_eq!(SegmentHeader::decode(&hurt), Some((header(), false)));
        }
    }

    #[test]
    fn segment_names_parse_back() {
        // Names round-trip, quarantined ones are recognised, foreign files are not.
        assert_eq!(parse_segment_name(&segment_name(42)), Some((42, false)));
        assert_eq!(parse_segment_name("0000000000000042.seg.damaged"), Some((42, true)));
        for name in [
            "",
            "lock",
            "spare.tmp",
            "000000000000004a.seg",
            "0000000000000042.seg.x",
            "ä000000000000042.seg",
        ] {
            assert_eq!(parse_segment_name(name), None);
        }
    }

    proptest! {
        #[test]
        fn frames_round_trip_and_notice_every_flip(
            body in proptest::collection::vec(any::<u8>(), 0..200),
            kind in any::<u16>(), flags in any::<u16>(), sequence in any::<u64>(), time_ns in any::<u64>(),
            matter in any::<[u8; 16]>(), key_id in any::<u32>(), seed in any::<u32>(), flip in any::<prop::sample::Index>(),
        ) {
            // A frame reads back as written with the hash of the written-down rule; any single flipped bit is
            // noticed.
            let head = FrameHeader { body_bytes: body.len() as u32, kind, flags, sequence, time_ns, matter, key_id, group_offset: 4096 };
            let mut out = vec![3; 32];
            encode_frame(&mut out, seed, &head, &body);
            let mut frame = out.split_off(32);
            prop_assert_eq!(frame.len(), head.frame_bytes());
            prop_assert_eq!(FrameHeader::decode(&frame, seed), Some(head));
            let hash = check_frame(&frame, seed, &head);
            prop_assert_eq!(hash, Some(chain_hash(&[3; 32], &frame[..FRAME_HEADER_BYTES + body.len()])));
            let bit = flip.index(frame.len() * 8);
            frame[bit / 8] ^= 1 << (bit % 8);
            let noticed = FrameHeader::decode(&frame, seed).and_then(|head| check_frame(&frame, seed, &head)).is_none();
            prop_assert!(noticed);
        }
    }
}
