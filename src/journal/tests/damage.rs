//! What is told when a journal was changed behind the daemon's back.

use super::super::format::{HEADER_BLOCK_BYTES, segment_name};
use super::super::{Cause, verify};
use super::*;

/// A closed journal of several segments, with the number of its records.
fn closed_journal() -> (TornStorage, u64) {
    let storage = TornStorage::new(3);
    let (mut log, _, _) = open_log(&storage).unwrap();
    for size in [600, 0, 1100, 900, 1, 1200, 800] {
        log.commit(&[entry(vec![size as u8; size])]).unwrap();
    }
    log.close().unwrap();
    (storage, 7)
}

fn segments(storage: &TornStorage) -> Vec<String> {
    let mut names = storage.list().unwrap();
    names.sort();
    names
}

fn flip(storage: &TornStorage, name: &str, byte: usize, bit: u8) {
    let mut bytes = storage.contents(name).unwrap();
    bytes[byte] ^= 1 << bit;
    storage.overwrite(name, &bytes);
}

#[test]
fn every_flipped_bit_is_detected() {
    // In a closed journal one flipped bit, wherever it is (by default one bit of each byte), changes the
    // verdict: damage, or an end that is not finished any more.
    let (storage, records) = closed_journal();
    let names = segments(&storage);
    assert_eq!(names.len(), 2);
    let report = verify(shared(&storage)).unwrap();
    assert!(report.is_sound() && report.closed);
    assert_eq!((report.records, report.segments, report.last_sequence), (records, 2, records));
    let mut flips = 0;
    for name in names {
        for byte in 0..storage.contents(&name).unwrap().len() {
            for bit in 0..8 {
                if !long() && byte % 8 != usize::from(bit) {
                    continue;
                }
                flips += 1;
                flip(&storage, &name, byte, bit);
                let report = verify(shared(&storage)).unwrap();
                assert!(!report.is_sound() || !report.closed, "bit {bit} of byte {byte} of {name}");
                flip(&storage, &name, byte, bit);
            }
        }
    }
    println!("{flips} flips");
}

#[test]
fn damage_in_the_middle_is_quarantined_and_told_every_time() {
    // A hurt record is not skipped silently: the opening names it and renames its segment, the sound records
    // before and behind it are still visited, the log goes on, and the next opening tells it again as known.
    let (storage, records) = closed_journal();
    let name = segment_name(1);
    flip(&storage, &name, HEADER_BLOCK_BYTES as usize + 400, 2);
    let (mut log, recovery, found) = open_log(&storage).unwrap();
    assert!(recovery.has_new_damage());
    assert_eq!(recovery.damage[0].cause, Cause::Unreadable);
    assert_eq!(recovery.damage[0].segment, 1);
    assert_eq!(found.iter().map(|record| record.sequence).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7]);
    assert_eq!(recovery.next_sequence, records + 1);
    assert!(storage.contents(&format!("{name}.damaged")).is_some() && storage.contents(&name).is_none());
    log.commit(&[entry(vec![1])]).unwrap();
    assert_eq!(log.positions[0].sequence, records + 1);
    log.close().unwrap();
    let (_, recovery, found) = open_log(&storage).unwrap();
    assert!(!recovery.damage.is_empty() && !recovery.has_new_damage());
    assert_eq!(found.len() as u64, records);
}

#[test]
fn an_unreadable_header_never_lets_a_sequence_be_given_twice() {
    // With both copies of the last segment's header gone its records can't be read; the next record's number
    // lies behind any that the segment can have held.
    let (storage, records) = closed_journal();
    let name = segments(&storage).pop().unwrap();
    let mut bytes = storage.contents(&name).unwrap();
    bytes[..HEADER_BLOCK_BYTES as usize].fill(0);
    storage.overwrite(&name, &bytes);
    let (mut log, recovery, _) = open_log(&storage).unwrap();
    assert!(recovery.damage.iter().any(|damage| damage.cause == Cause::Header));
    log.commit(&[entry(vec![1])]).unwrap();
    assert!(log.positions[0].sequence > records);
}

#[test]
fn a_missing_segment_is_noticed() {
    // A segment taken out of the middle: its predecessor does not reach the point where its successor took
    // over.
    let storage = TornStorage::new(3);
    for _ in 0..3 {
        let (mut log, _, _) = open_log(&storage).unwrap();
        log.commit(&[entry(vec![5; 50])]).unwrap();
        log.close().unwrap();
    }
    let names = segments(&storage);
    storage.remove(&names[1]).unwrap();
    let report = verify(shared(&storage)).unwrap();
    assert_eq!(report.damage.iter().map(|damage| damage.cause).collect::<Vec<_>>(), [Cause::Short]);
}

#[test]
fn a_changed_record_with_good_checksums_breaks_the_chain() {
    // Whoever rewrites a record and its checksums still can't hide it: the chain tells.
    use super::super::format::{FrameHeader, SegmentHeader, encode_frame};
    let (storage, _) = closed_journal();
    let name = segment_name(1);
    let mut bytes = storage.contents(&name).unwrap();
    let seed = SegmentHeader::decode(&bytes[..HEADER_BLOCK_BYTES as usize]).unwrap().0.seed();
    let at = HEADER_BLOCK_BYTES as usize + super::super::format::START_FRAME_BYTES;
    let header = FrameHeader::decode(&bytes[at..], seed).unwrap();
    let mut forged = bytes[at - 32..at].to_vec();
    encode_frame(&mut forged, seed, &header, &vec![0xEE; header.body_bytes as usize]);
    bytes[at..at + header.frame_bytes()].copy_from_slice(&forged[32..]);
    storage.overwrite(&name, &bytes);
    assert_eq!(verify(shared(&storage)).unwrap().damage[0].cause, Cause::Chain);
}

#[test]
fn foreign_and_newer_journals_are_refused() {
    // Another environment or instance is not opened, let alone appended to.
    let (storage, _) = closed_journal();
    let before = segments(&storage);
    for options in
        [Options { environment: 2, ..options() }, Options { instance: Uuid::from_u128(8), ..options() }]
    {
        let refused = Journal::open(shared(&storage), &options, |_| {}).err();
        assert!(matches!(refused, Some(OpenError::Foreign { segment: 1 })), "{refused:?}");
    }
    assert_eq!(segments(&storage), before);
}

#[test]
fn arbitrary_bytes_never_panic_a_reader() {
    // Segments of noise, and sound ones with noise written over any part, are read to their end.
    let (sound, _) = closed_journal();
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize
    };
    for _ in 0..if long() { 20_000 } else { 300 } {
        let storage = sound.copy();
        let name = segment_name(1 + random() as u64 % 2);
        let mut bytes = storage.contents(&name).unwrap();
        let from = random() % bytes.len();
        let to = (from + 1 + random() % 700).min(bytes.len());
        bytes[from..to].fill_with(|| random() as u8);
        storage.overwrite(&name, &bytes);
        let _ = verify(shared(&storage)).unwrap();
        let (log, _, _) = open_log(&storage).unwrap_or_else(|error| panic!("{error}"));
        drop(log);
    }
}
