//! Reading from a time on.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

#[test]
fn a_visit_begins_in_the_segment_of_its_time() {
    // Whatever the time, every record from it on is visited, in order and once; earlier ones only of the same segment; and a
    // visit that breaks off sees no more.
    let storage = TornStorage::new(6);
    let now = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&now);
    let options = Options { clock: Arc::new(move || clock.load(Ordering::SeqCst)), ..options() };
    let (journal, _) = Journal::open(shared(&storage), &options, |_| {}).unwrap();
    let (mut segments, last) = (Vec::new(), 100_u64);
    for time in 1..=last {
        now.store(time * 10, Ordering::SeqCst);
        segments.push(journal.append(entry(vec![7; 400])).wait().unwrap().segment);
    }
    assert!(segments.last().unwrap() - segments[0] > 3, "it went over several segments");
    for time in 1..=last {
        let mut seen = Vec::new();
        let visit = |record: &super::super::RecordRef<'_>| {
            seen.push(record.time_ns / 10);
            ControlFlow::Continue(())
        };
        journal.visit_since(time * 10, visit).unwrap();
        assert!(seen[0] <= time && seen.last() == Some(&last), "{time}: {seen:?}");
        assert!(seen.windows(2).all(|pair| pair[0] + 1 == pair[1]));
        let segment = segments[usize::try_from(time).unwrap() - 1];
        let begun = segments.iter().position(|one| *one == segment).unwrap();
        assert!(seen[0] > begun as u64, "{time}: no segment before {segment} is read");
        let mut count = 0;
        journal
            .visit_since(time * 10, |_| {
                count += 1;
                ControlFlow::Break(())
            })
            .unwrap();
        assert_eq!(count, 1);
    }
    journal.close().unwrap();
}
