//! Following a journal.

use super::super::{Mark, Tail};
use super::*;

fn read_on(journal: &Journal, mark: &mut Option<Mark>, most: usize) -> Vec<Vec<u8>> {
    let tail = journal.read_on(mark.as_ref()).unwrap().expect("the mark stands in the journal");
    let records: Vec<Record> = tail.map(|read| read.unwrap()).take(most).collect();
    *mark = records.last().map(Mark::behind).or(*mark);
    records.into_iter().map(|record| record.body).collect()
}

#[test]
fn a_follower_gets_each_record_once_in_order() {
    // Over appends, segments and a second opening, and from a mark in the midst of a group as well.
    let storage = TornStorage::new(3);
    let (mut mark, mut followed, mut written) = (None, Vec::new(), Vec::new());
    for life in 0..3_u8 {
        let (journal, _) = open(&storage);
        for round in 0..40_u8 {
            let commits: Vec<_> = (0..3_u8)
                .map(|part| {
                    written.push([vec![life, round, part], vec![7; 400]].concat());
                    journal.append(entry(written.last().unwrap().clone()))
                })
                .collect();
            for commit in commits {
                commit.wait().unwrap();
            }
            followed.extend(read_on(&journal, &mut mark, if round % 2 == 0 { 2 } else { usize::MAX }));
        }
        followed.extend(read_on(&journal, &mut mark, usize::MAX));
        assert!(read_on(&journal, &mut mark, usize::MAX).is_empty());
        journal.close().unwrap();
    }
    assert!(followed == written, "{} of {}", followed.len(), written.len());
    assert!(storage.list().unwrap().len() > 3, "it went over several segments");
}

#[test]
fn a_mark_of_another_journal_is_noticed() {
    // A journal in which the mark's record is missing, or another one in its place, is not followed.
    let (one, other) = (TornStorage::new(4), TornStorage::new(5));
    let (journal, _) = open(&one);
    journal.append(entry(vec![1])).wait().unwrap();
    let mut mark = None;
    assert_eq!(read_on(&journal, &mut mark, usize::MAX), [vec![1]]);
    journal.close().unwrap();
    let (journal, _) = open(&other);
    assert!(journal.read_on(mark.as_ref()).unwrap().is_none());
    journal.append(entry(vec![2])).wait().unwrap();
    assert!(journal.read_on(mark.as_ref()).unwrap().is_none());
    journal.close().unwrap();
    assert!(Tail::new(shared(&one), mark.as_ref(), u64::MAX).unwrap().is_some());
}
