//! Tests of sealed streams.

use std::io::{BufRead, BufReader, Read, Write};

use proptest::prelude::*;

use super::header::{Drawn, HEADER_BYTES};
use super::*;
use crate::keys::hex;

const KEY: [u8; 32] = [7; 32];
const LABEL: &str = "test";
/// Bytes of a full sealed chunk.
const FRAME: usize = 4 + CHUNK_BYTES + TAG_BYTES;

fn sealed(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    assert_eq!(seal(plain, &mut out, &KEY, LABEL).unwrap(), plain.len() as u64);
    out
}

fn opened(stream: &[u8]) -> Result<Vec<u8>, SealedError> {
    let mut out = Vec::new();
    open(stream, &mut out, &KEY, LABEL, u64::MAX).map(|_| out)
}

fn code(stream: &[u8]) -> &'static str {
    opened(stream).map_or_else(|error| error.code(), |_| "opened")
}

fn plain(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7) as u8 ^ (at >> 9) as u8).collect()
}

// Proves that streams of every kind of length come back, that none shows its content, and that no two are alike.
#[test]
fn round_trip() {
    for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 5]
    {
        let plain = plain(length);
        let stream = sealed(&plain);
        assert_eq!(opened(&stream).unwrap(), plain, "{length}");
        assert_ne!(stream, sealed(&plain));
        let chunks = length.div_ceil(CHUNK_BYTES).max(1);
        assert_eq!(stream.len(), HEADER_BYTES + chunks * (4 + TAG_BYTES) + length);
    }
    let text = b"a line that must not be found".repeat(9);
    assert!(!sealed(&text).windows(10).any(|part| part == &text[..10]));
}

// Proves the vector of docs/sealed-format.md.
#[test]
fn vector() {
    let drawn = Drawn { salt: std::array::from_fn(|at| at as u8), prefix: [0xA0; 7] };
    let key: [u8; 32] = std::array::from_fn(|at| 0xFF - at as u8);
    let mut sealer = Sealer::drawn(Vec::new(), &drawn, &key, "vector").unwrap();
    sealer.write_all(b"postern").unwrap();
    let stream = hex(&sealer.finish().unwrap());
    let document = include_str!("../../docs/sealed-format.md");
    let block = document.split("```text\n").nth(2).unwrap().split("```").next().unwrap();
    assert_eq!(stream, block.split_whitespace().collect::<String>());
}

// Proves that another key and another label are refused, each by its name.
#[test]
fn key_and_label() {
    let stream = sealed(b"text");
    let result = |key, label| open(&stream[..], Vec::new(), key, label, u64::MAX).unwrap_err().code();
    assert_eq!(result(&[8; 32], LABEL), "sealed_wrong_key");
    assert_eq!(result(&[8; 32], "other"), "sealed_wrong_key");
    assert_eq!(result(&KEY, "other"), "sealed_wrong_label");
    assert_eq!(result(&KEY, "test\0"), "sealed_wrong_label");
}

// Proves that a stream cut at any byte is refused, at a chunk's end too, and by name.
#[test]
fn truncation() {
    let short = sealed(&plain(40));
    for length in 0..short.len() {
        let expected = if length < 8 { "sealed_not_sealed" } else { "sealed_truncated" };
        assert_eq!(code(&short[..length]), expected, "{length}");
    }
    let long = sealed(&plain(3 * CHUNK_BYTES));
    for chunks in 0..3 {
        for beside in [0, 1, 4, 5, CHUNK_BYTES] {
            assert_eq!(code(&long[..HEADER_BYTES + chunks * FRAME + beside]), "sealed_truncated");
        }
    }
}

// Proves that bytes behind the end are refused, another stream's among them.
#[test]
fn appended() {
    let stream = sealed(&plain(CHUNK_BYTES));
    assert_eq!(code(&[&stream[..], b"x"].concat()), "sealed_trailing");
    assert_eq!(code(&[&stream[..], &stream[HEADER_BYTES..]].concat()), "sealed_trailing");
}

// Proves that chunks that were exchanged, doubled, left out or taken from another stream are refused.
#[test]
fn order() {
    let (stream, other) = (sealed(&plain(4 * CHUNK_BYTES)), sealed(&plain(4 * CHUNK_BYTES)));
    let header = &stream[..HEADER_BYTES];
    let chunk = |at: usize| &stream[HEADER_BYTES + at * FRAME..HEADER_BYTES + (at + 1) * FRAME];
    let foreign = &other[HEADER_BYTES + FRAME..HEADER_BYTES + 2 * FRAME];
    let arrangements: [(&[&[u8]], &str); 6] = [
        (&[chunk(0), chunk(1), chunk(2), chunk(3)], "opened"),
        (&[chunk(1), chunk(0), chunk(2), chunk(3)], "sealed_damaged"),
        (&[chunk(0), chunk(0), chunk(1), chunk(2), chunk(3)], "sealed_damaged"),
        (&[chunk(0), chunk(2), chunk(3)], "sealed_damaged"),
        (&[chunk(0), chunk(3)], "sealed_damaged"),
        (&[chunk(0), foreign, chunk(2), chunk(3)], "sealed_damaged"),
    ];
    for (chunks, expected) in arrangements {
        assert_eq!(code(&[&[header], chunks].concat().concat()), expected);
    }
}

// Proves that a flipped bit anywhere is refused.
#[test]
fn flipped_bits() {
    let stream = sealed(&plain(50));
    for bit in 0..stream.len() * 8 {
        let mut stream = stream.clone();
        stream[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(code(&stream), "opened", "bit {bit}");
    }
}

// Proves that the last mark can't be set on a chunk that is not the last, nor taken from the one that is.
#[test]
fn last_mark() {
    let mut stream = sealed(&plain(2 * CHUNK_BYTES));
    stream[HEADER_BYTES] ^= 0x80;
    assert_eq!(code(&stream), "sealed_damaged");
    stream[HEADER_BYTES] ^= 0x80;
    stream[HEADER_BYTES + FRAME] ^= 0x80;
    assert_eq!(code(&stream), "sealed_damaged");
}

// Proves that a stream that holds more than it may is refused before it is written in full.
#[test]
fn limit() {
    let stream = sealed(&plain(2 * CHUNK_BYTES));
    let mut out = Vec::new();
    let error = open(&stream[..], &mut out, &KEY, LABEL, CHUNK_BYTES as u64).unwrap_err();
    assert_eq!((error.code(), out.len()), ("sealed_too_long", CHUNK_BYTES));
}

// Proves that a stream that was not finished is refused as truncated.
#[test]
fn unfinished() {
    let mut out = Vec::new();
    let mut sealer = Sealer::new(&mut out, &KEY, LABEL).unwrap();
    sealer.write_all(&plain(2 * CHUNK_BYTES)).unwrap();
    drop(sealer);
    assert_eq!(code(&out), "sealed_truncated");
}

// Proves that a reader gets the lines and the typed error, and that it is told no end after the error.
#[test]
fn reading() {
    let plain = b"one line\n".repeat(20_000);
    let mut stream = sealed(&plain);
    let opener = |stream: Vec<u8>| Opener::new(std::io::Cursor::new(stream), &KEY, LABEL).unwrap();
    assert_eq!(BufReader::new(opener(stream.clone())).lines().map(Result::unwrap).count(), 20_000);
    stream.push(0);
    let mut reader = opener(stream);
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(SealedError::from(error).code(), "sealed_trailing");
    assert!(reader.read(&mut [0; 9]).is_err());
}

proptest! {
    // Proves that no bytes make opening panic, and that none but a sealed stream opens.
    #[test]
    fn never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..300), headed: bool) {
        if headed {
            let header = sealed(b"")[..HEADER_BYTES].to_vec();
            bytes.splice(0..0, header);
        }
        prop_assert_ne!(code(&bytes), "opened");
    }
}
