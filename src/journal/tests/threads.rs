//! The journal with its threads.

use super::super::storage::FileStorage;
use super::super::{CommitError, Position, verify};
use super::*;
use std::time::Duration;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_appenders_share_syncs_and_all_is_there() {
    // 64 tasks append at once: each position is unique, all records are found in order, and groups were shared.
    let storage = TornStorage::new(1);
    let (journal, _) = open(&storage);
    let mut tasks = JoinSet::new();
    for task in 0..64_u8 {
        let journal = journal.clone();
        tasks.spawn(async move {
            let mut sequences = Vec::new();
            for round in 0..10 {
                let position = journal.expect().append(entry(vec![task; round * 20])).await.unwrap();
                sequences.push(position.sequence);
            }
            sequences
        });
    }
    let mut sequences: Vec<u64> = tasks.join_all().await.concat();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=640).collect::<Vec<_>>());
    let stats = journal.stats();
    assert!(stats.groups < 640 && stats.records == 640, "{stats:?}");
    journal.close().unwrap();
    assert_eq!(bodies(&storage).len(), 640);
    assert!(verify(shared(&storage)).unwrap().closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_under_concurrent_load_keeps_what_was_acknowledged() {
    // With all threads running and the power cut at some operation: whatever was acknowledged is found, at
    // its sequence.
    for seed in 0..if long() { 3000 } else { 40 } {
        let storage = TornStorage::new(seed);
        let (journal, _) = open(&storage);
        storage.crash_at(storage.operations() + seed % 60);
        let mut tasks = JoinSet::new();
        for task in 0..8_u8 {
            let journal = journal.clone();
            tasks.spawn(async move {
                let mut acknowledged = Vec::new();
                for round in 0..40_u8 {
                    match journal.append(entry(vec![task, round])).await {
                        Ok(position) => acknowledged.push((position.sequence, vec![task, round])),
                        Err(_) => break,
                    }
                }
                acknowledged
            });
        }
        let acknowledged = tasks.join_all().await.concat();
        drop(journal);
        let storage = storage.restart();
        let (journal, recovery) = open(&storage);
        assert_eq!(recovery.damage, []);
        journal.close().unwrap();
        let found = bodies(&storage);
        for (sequence, body) in acknowledged {
            assert_eq!(found[sequence as usize - 1], body);
        }
    }
}

#[tokio::test]
async fn a_hanging_sync_fills_the_queue_and_then_refuses_at_once() {
    // While a sync hangs nothing is acknowledged, a full queue answers busy at once, a caller that gave up
    // disturbs nobody, and all is told when the sync returns.
    let storage = TornStorage::new(1);
    let options = Options { queue_records_max: 3, unsynced_records_max: 1, ..options() };
    let (journal, _) = Journal::open(shared(&storage), &options, |_| {}).unwrap();
    storage.hold_syncs();
    let first = journal.append(entry(vec![1]));
    // The held sync may be that of a spare segment: what counts is that the writer has taken the record.
    storage.wait_for_held_sync();
    while journal.stats().queued > 0 {
        std::thread::yield_now();
    }
    let mut waiting: Vec<_> = (2..5).map(|body| journal.append(entry(vec![body]))).collect();
    assert_eq!(journal.append(entry(vec![9])).await, Err(CommitError::Busy));
    assert_eq!(journal.append_unsynced(entry(vec![6])), Ok(()));
    assert_eq!(journal.append_unsynced(entry(vec![7])), Err(CommitError::Busy));
    assert!(tokio::time::timeout(Duration::from_millis(1), &mut waiting[0]).await.is_err());
    drop(waiting.remove(0));
    storage.release_syncs();
    assert_eq!(first.await.unwrap().sequence, 1);
    assert_eq!(waiting.remove(0).await.unwrap().sequence, 3);
    assert_eq!(waiting.remove(0).await.unwrap().sequence, 4);
    assert_eq!(journal.stats().dropped_unsynced, 1);
    journal.close().unwrap();
    assert_eq!(bodies(&storage), [[1], [2], [3], [4], [6]]);
}

#[tokio::test]
async fn failing_storage_is_told_and_the_journal_recovers_by_itself() {
    // While every sync fails, commits say so; when syncs work again the next commit succeeds without a gap or
    // a restart.
    let storage = TornStorage::new(5);
    let (journal, _) = open(&storage);
    journal.append(entry(vec![1])).await.unwrap();
    storage.fail_syncs(Some(5));
    assert!(matches!(journal.append(entry(vec![2])).await, Err(CommitError::Storage(_))));
    storage.fail_syncs(None);
    assert_eq!(journal.append(entry(vec![3])).await.unwrap().sequence, 2);
    journal.close().unwrap();
    assert_eq!(bodies(&storage), [[1], [3]]);
    assert!(journal.stats().poisoned_segments >= 1);
}

#[tokio::test]
async fn limits_and_closing_have_their_own_errors() {
    // Too large, closed, in use: each is told as such, and closing twice is no error.
    let storage = TornStorage::new(1);
    let (journal, _) = open(&storage);
    let most = options().body_bytes_max();
    assert_eq!(journal.append(entry(vec![0; most + 1])).await, Err(CommitError::TooLarge));
    assert!(journal.append(entry(vec![0; most])).await.is_ok());
    let refused = Journal::open(shared(&storage), &options(), |_| {}).err();
    assert!(matches!(refused, Some(OpenError::InUse)));
    journal.close().unwrap();
    journal.close().unwrap();
    assert_eq!(journal.append(entry(vec![1])).await, Err(CommitError::Closed));
    assert_eq!(journal.append_unsynced(entry(vec![1])), Err(CommitError::Closed));
    let (journal, recovery) = open(&storage);
    assert!(recovery.closed_properly);
    assert_eq!(recovery.records, 1);
    journal.close().unwrap();
}

#[test]
fn an_idle_journal_writes_unsynced_records_and_vouches_for_the_last_group() {
    // Without further work an unsynced record is written after the idle time, and then even damage to the
    // last group is told as damage, not taken for a torn tail.
    let storage = TornStorage::new(1);
    let options = Options { idle_flush_ms: 1, ..options() };
    let (journal, _) = Journal::open(shared(&storage), &options, |_| {}).unwrap();
    let position = journal.append(entry(vec![1; 64])).wait().unwrap();
    journal.append_unsynced(entry(vec![2; 64])).unwrap();
    let marked = |storage: &TornStorage| {
        let hurt = storage.copy();
        let name = super::super::format::segment_name(position.segment);
        let mut bytes = hurt.contents(&name).unwrap();
        bytes[position.offset as usize + 70] ^= 1;
        hurt.overwrite(&name, &bytes);
        !verify(shared(&hurt)).unwrap().is_sound()
    };
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !(bodies(&storage).len() == 2 && marked(&storage)) {
        assert!(std::time::Instant::now() < deadline, "the flush never came");
        std::thread::yield_now();
    }
    journal.close().unwrap();
}

#[test]
fn verifying_beside_a_writer_finds_no_false_damage() {
    // On real files: verification and reading while a writer appends and rolls over never see damage, and see
    // ever more.
    let folder = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = Arc::new(FileStorage::create(&folder.path().join("journal")).unwrap());
    let (journal, _) = Journal::open(Arc::clone(&storage), &options(), |_| {}).unwrap();
    let writer = std::thread::spawn(move || {
        for round in 0..300 {
            let commits: Vec<_> = (0..4).map(|_| journal.append(entry(vec![round as u8; 200]))).collect();
            for commit in commits {
                commit.wait().unwrap();
            }
        }
        journal.close().unwrap();
    });
    let mut seen = 0;
    while !writer.is_finished() {
        let report = verify(Arc::clone(&storage)).unwrap();
        assert_eq!(report.damage, []);
        assert!(report.records >= seen);
        seen = report.records;
    }
    writer.join().unwrap();
    let report = verify(storage).unwrap();
    assert!(report.is_sound() && report.closed && report.records == 1200);
}

// Proves that a record can be read back by its position while the journal goes on, and that a wrong position is refused.
#[tokio::test]
async fn a_record_is_read_back_by_its_position() {
    let storage = TornStorage::new(1);
    let (journal, _) = open(&storage);
    let first = journal.append(entry(b"first".to_vec())).await.unwrap();
    let second = journal.append(entry(vec![7; 1_000])).await.unwrap();
    assert_eq!(journal.read(first).unwrap(), b"first");
    assert_eq!(journal.read(second).unwrap(), vec![7; 1_000]);
    let elsewhere = Position { offset: first.offset, ..second };
    assert_eq!(journal.read(elsewhere).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
}
