//! The tearing campaign: one scripted workload, cut off at every operation, torn by several seeds each time.

use super::super::verify;
use super::*;
use std::collections::BTreeSet;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// What the workload knows to be durable, and what it tried in vain since.
#[derive(Default)]
struct Model {
    acknowledged: Vec<Vec<u8>>,
    attempted: Vec<Vec<Vec<u8>>>,
}

impl Model {
    fn commit(&mut self, log: &mut Log, bodies: &[Vec<u8>]) -> bool {
        let batch: Vec<_> = bodies.iter().cloned().map(entry).collect();
        let outcome = log.commit(&batch);
        let durable = log.positions.len();
        for (position, body) in log.positions.iter().zip(bodies) {
            self.acknowledged.push(body.clone());
            assert_eq!(position.sequence, self.acknowledged.len() as u64);
        }
        if durable > 0 {
            self.attempted.clear();
        }
        self.attempted.push(bodies[durable..].to_vec());
        outcome.is_ok()
    }

    /// Every acknowledged record is there, in order; behind them at most a beginning of one of the groups
    /// that were tried since.
    fn check(&self, found: &[Vec<u8>]) {
        assert!(found.len() >= self.acknowledged.len(), "{} of {}", found.len(), self.acknowledged.len());
        let (sure, maybe) = found.split_at(self.acknowledged.len());
        assert!(sure == self.acknowledged, "an acknowledged record is not as it was");
        let tried = maybe.is_empty() || self.attempted.iter().any(|group| group.starts_with(maybe));
        assert!(tried, "a record came back that nobody wrote");
    }
}

/// Groups of different sizes, with a mark, roll-overs, a close and a second opening. `patient`: goes on after
/// failures.
fn workload(storage: &TornStorage, model: &mut Model, patient: bool) {
    let mut serial = 0;
    for life in 0..2 {
        let Ok((mut log, _, records)) = open_log(storage) else {
            if patient && !storage.crashed() {
                continue;
            }
            return;
        };
        model.check(&records.iter().map(|record| record.body.clone()).collect::<Vec<_>>());
        model.acknowledged = records.into_iter().map(|record| record.body).collect();
        model.attempted.clear();
        for group in 0..8 {
            let bodies: Vec<_> =
                (0..=(group * 3) % 4).map(|index| body(&mut serial, group * 7 + index)).collect();
            if !model.commit(&mut log, &bodies) && !patient {
                return;
            }
            if group == 5 && log.mark().is_err() && !patient {
                return;
            }
        }
        if life == 0 && log.close().is_err() && !patient {
            return;
        }
    }
}

fn body(serial: &mut u32, shape: usize) -> Vec<u8> {
    *serial += 1;
    let mut body = serial.to_le_bytes().to_vec();
    body.resize(4 + (shape * 173) % 1400, *serial as u8 | 1);
    body
}

/// Opens what is left, checks it against the model, appends, closes, and verifies the whole.
fn survives(storage: &TornStorage, model: &mut Model) {
    let (mut log, recovery, records) = open_log(storage).unwrap();
    assert_eq!(recovery.damage, []);
    let found: Vec<_> = records.into_iter().map(|record| record.body).collect();
    model.check(&found);
    model.acknowledged = found;
    assert!(model.commit(&mut log, &[b"after".to_vec(), b"the crash".to_vec()]));
    log.close().unwrap();
    let report = verify(shared(storage)).unwrap();
    assert!(report.is_sound() && report.closed && report.unfinished.is_none(), "{report:?}");
    assert_eq!(report.records, model.acknowledged.len() as u64);
    assert_eq!(bodies(storage), model.acknowledged);
}

fn operations() -> u64 {
    let storage = TornStorage::new(0);
    workload(&storage, &mut Model::default(), false);
    storage.operations()
}

fn seeds() -> u64 {
    if long() { 400 } else { 6 }
}

#[test]
fn a_crash_at_every_operation_loses_nothing_acknowledged() {
    // At each operation, with several tears each, a power cut (and every third time another one during the
    // recovery) leaves every acknowledged record, in order and verifying, nothing by halves, no false damage,
    // and a journal that goes on.
    let operations = operations();
    let mut torn = 0;
    for operation in 0..operations {
        for seed in 0..seeds() {
            let storage = TornStorage::new(seed << 32 | operation);
            storage.crash_at(operation);
            let mut model = Model::default();
            workload(&storage, &mut model, false);
            assert!(storage.crashed());
            let mut storage = storage.restart();
            if seed % 3 == 2 {
                storage.crash_at((seed * 31 + operation) % 12);
                let _ = open_log(&storage);
                storage = storage.restart();
            }
            torn += u64::from(verify(shared(&storage)).unwrap().unfinished.is_some());
            survives(&storage, &mut model);
        }
    }
    assert!(torn > operations / 4, "only {torn} torn tails: the campaign does not tear");
    println!("{operations} operations x {} seeds, {torn} torn tails", seeds());
}

#[test]
fn a_failure_at_every_operation_then_a_crash_loses_nothing_acknowledged() {
    // At each operation an EIO or ENOSPC that passes: the journal goes on by itself or refuses, never
    // acknowledges what is not there, and a power cut some operations later still leaves every acknowledged
    // record.
    let operations = operations();
    let mut poisoned = BTreeSet::new();
    for operation in 0..operations {
        for seed in 0..seeds() {
            let storage = TornStorage::new(seed << 32 | operation);
            storage.fail_at(operation, if seed % 2 == 0 { EIO } else { ENOSPC });
            if seed % 3 != 0 {
                storage.crash_at(operation + 1 + (seed * 13) % 30);
            }
            let mut model = Model::default();
            workload(&storage, &mut model, true);
            let storage = storage.restart();
            if verify(shared(&storage)).unwrap().segments > 6 {
                poisoned.insert(operation);
            }
            survives(&storage, &mut model);
        }
    }
    println!("{operations} operations x {} seeds, {} gave an extra segment", seeds(), poisoned.len());
}

#[test]
fn a_failed_sync_poisons_the_segment_and_the_records_are_written_again() {
    // One failed sync: the commit succeeds on a new segment, the old one's void frames are passed over, also
    // when the cache still shows them, and no second sync on the old file is trusted.
    for seed in 0..50 {
        let storage = TornStorage::new(seed);
        let (mut log, _, _) = open_log(&storage).unwrap();
        let mut model = Model::default();
        assert!(model.commit(&mut log, &[vec![1; 100]]));
        storage.fail_at(storage.operations() + 1, EIO);
        assert!(model.commit(&mut log, &[vec![2; 700], vec![3; 20]]));
        assert_eq!(log.poisoned, 1);
        assert_eq!(bodies(&storage), model.acknowledged);
        let storage = storage.restart();
        survives(&storage, &mut model);
    }
}

#[test]
fn a_full_disk_refuses_and_then_goes_on() {
    // While no segment can be made, what fits in the prepared ones is committed, then commits fail with
    // ENOSPC, and when there is room again the journal goes on without a gap.
    let storage = TornStorage::new(1);
    let (mut log, _, _) = open_log(&storage).unwrap();
    storage.fail_growth(Some(ENOSPC));
    let mut model = Model::default();
    while model.commit(&mut log, &[vec![9; 1000]]) {}
    assert!(model.acknowledged.len() >= 6, "{}", model.acknowledged.len());
    assert!(!model.commit(&mut log, &[vec![8; 10]]));
    storage.fail_growth(None);
    assert!(model.commit(&mut log, &[vec![7; 10]]));
    survives(&storage.restart(), &mut model);
}
