//! Tests of the journal as a whole. What they share is here; the campaigns run for a second or two with fixed
//! seeds, and at full length with `POSTERN_LONG=1`.

mod campaign;
mod damage;
mod since;
mod tail;
mod threads;

use super::handle::Journal;
use super::log::Log;
use super::options::Options;
use super::recovery::{Recovery, recover};
use super::spare::{Factory, Spares};
use super::storage::Storage;
use super::storage::torn::TornStorage;
use super::{Entry, Kind, OpenError, Reader, Record};
use std::sync::Arc;
use uuid::Uuid;

/// Small segments, so that little work rolls over often.
fn options() -> Options {
    Options {
        segment_bytes: 8 << 10,
        reopen_backoff_ms: 0,
        clock: Arc::new(|| 1_700_000_000_000_000_000),
        ..Options::new(1, Uuid::from_u128(7))
    }
}

fn shared(storage: &TornStorage) -> Arc<dyn Storage> {
    Arc::new(storage.clone())
}

fn entry(body: Vec<u8>) -> Entry {
    Entry::new(Kind::Screening, Uuid::from_u128(body.len() as u128), body)
}

/// The bodies of a journal that must be sound, in order, with their sequences checked.
fn bodies(storage: &TornStorage) -> Vec<Vec<u8>> {
    let records: Vec<Record> =
        Reader::new(shared(storage)).unwrap().map(|item| item.unwrap().unwrap()).collect();
    for (index, record) in records.iter().enumerate() {
        assert_eq!(record.sequence, index as u64 + 1);
        assert_eq!(record.matter, Uuid::from_u128(record.body.len() as u128));
    }
    records.into_iter().map(|record| record.body).collect()
}

fn open(storage: &TornStorage) -> (Journal, Recovery) {
    Journal::open(shared(storage), &options(), |_| {}).unwrap()
}

/// The log without its threads: every operation in a fixed order.
fn open_log(storage: &TornStorage) -> Result<(Log, Recovery, Vec<Record>), OpenError> {
    let options = options();
    let storage = shared(storage);
    let mut records = Vec::new();
    let (recovery, resume) = recover(&storage, &options, &mut |record| records.push(Record::from(*record)))?;
    let spares = Spares::inline(Factory::new(Arc::clone(&storage), &options));
    let mut log = Log::new(storage, spares, &options, &resume);
    log.open_segment().map_err(OpenError::storage("beginning a segment of"))?;
    Ok((log, recovery, records))
}

/// Whether campaigns run at full length.
fn long() -> bool {
    std::env::var_os("POSTERN_LONG").is_some_and(|value| value == "1")
}
