//! Lists.

use std::fs::File;
use std::path::Path;

use super::super::rules::Rule;
use super::*;
use crate::sim::Faults;

fn list(rows: impl IntoIterator<Item = String>) -> String {
    let mut text = String::from("number,type,loss,country,date\n");
    rows.into_iter().for_each(|row| text.push_str(&(row + "\n")));
    text
}

fn rows(count: usize) -> String {
    list((0..count).map(|at| format!("X{at:07},PAS,stolen,FRA,2025-11-30")))
}

fn checked(text: &str) -> Checked {
    let profile = Profile::built_in();
    read_rows(text.as_bytes(), &rules_of(&profile)).unwrap()
}

// Proves that every row is checked, and told by its line and rules, without content.
#[test]
fn rows_are_told_by_line() {
    let text = list([
        "X0000001,PAS,stolen,FRA,2025-11-30".into(),
        "X0000002,PAS,stolen,,2025-11-30".into(),
        "\"X00\n00003\",PAS,stolen,FRA,".into(),
        "x-0000001,PAS,lost,FRA,".into(),
        "X0000004,PAS".into(),
        "X1,QQ,mislaid,FRA,".into(),
    ]);
    let checked = checked(&text);
    let lines: Vec<u64> = checked.documents.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2]);
    let faults: Vec<_> = checked.faults.iter().map(|fault| (fault.line, fault.rules.as_slice())).collect();
    let expected: [(u64, &[Rule]); 5] = [
        (3, &[Rule::CountryMissing]),
        (4, &[Rule::NumberInvalid]),
        (6, &[Rule::Twice]),
        (7, &[Rule::RowUnreadable]),
        (8, &[Rule::NumberInvalid, Rule::TypeUnknown, Rule::LossUnknown]),
    ];
    assert_eq!(faults, expected);
    assert_eq!(checked.faulty, 5);
}

// Proves that a header that can't be one is told.
#[test]
fn headers_are_checked() {
    let profile = Profile::built_in();
    let read = |text: &str| read_rows(text.as_bytes(), &rules_of(&profile)).map(drop);
    assert_eq!(read("number,type\n"), Err(Faulty::Missing("loss")));
    assert_eq!(read("number,type,loss,colour\n"), Err(Faulty::Unknown(4)));
    assert_eq!(read("number,type,loss,type\n"), Err(Faulty::Twice(4)));
    assert_eq!(read("loss,type,number\n"), Ok(()));
}

async fn run(wisdm: &Wisdm, text: &str, progress: &Path, correct: bool) -> Summary {
    let file = progress.with_extension("csv");
    std::fs::write(&file, text).unwrap();
    let mut progress = Progress::open(progress, File::open(&file).unwrap()).unwrap();
    let order = Order { concurrency: 8, correct };
    let bulk = Bulk { wisdm, sender: &sender(), order };
    bulk.run(&checked(text).documents, &mut progress, |_| {}).await.unwrap()
}

// Proves that a list is reported whole, that working it off again asks nothing, and that objections are told by line; and
// that a record that is there is corrected where that is wanted.
#[tokio::test]
async fn lists_are_worked_off_once() {
    let (sim, wisdm) = simulated(Profile::built_in()).await;
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("first");
    assert_eq!(run(&wisdm, &rows(50), &first, false).await.reported, 50);
    assert_eq!(run(&wisdm, &rows(50), &first, false).await.reported, 50);
    assert_eq!(sim.log().counts["wisdm/create_or_update/NO_ERROR"], 50);
    let text = list(["X0000003,PAS,lost,FRA,".into(), "Y0000003,PAS,lost,FRA,".into()]);
    let summary = run(&wisdm, &text, &folder.path().join("second"), false).await;
    assert_eq!((summary.reported, summary.open), (1, 0));
    assert_eq!(summary.objected, [(2, "number_already_present".to_owned())]);
    let text = list(["X0000004,PAS,stolen,UTO,2025-11-30".into()]);
    assert_eq!(run(&wisdm, &text, &folder.path().join("third"), true).await.corrected, 1);
    assert_eq!(sim.managed(), 51);
    assert_eq!(Progress::renewed(&first).unwrap(), 50);
    sim.shutdown().await;
}

// Proves that rows whose answers are lost are asked again and told as present, because the record says what the row says;
// one that says something else is an objection.
#[tokio::test]
async fn doubts_are_settled_by_the_record() {
    let (sim, wisdm) = simulated(Profile::built_in()).await;
    let folder = tempfile::tempdir().unwrap();
    let progress = folder.path().join("list");
    let text = rows(3);
    for one in checked(&text).documents.iter().take(2) {
        wisdm.report(&one.1, &sender()).await.unwrap();
    }
    let other = Draft { loss: "lost".into(), ..stolen("X0000002") };
    wisdm.report(&document(&wisdm, &other), &sender()).await.unwrap();
    let hash = {
        drop(Progress::open(&progress, text.as_bytes()).unwrap());
        std::fs::read_to_string(&progress).unwrap()
    };
    std::fs::write(&progress, format!("{hash}i 2\ni 3\ni 4\n")).unwrap();
    let summary = run(&wisdm, &text, &progress, false).await;
    assert_eq!((summary.present, summary.open), (2, 0));
    assert_eq!(summary.objected, [(4, "number_already_present".to_owned())]);
    sim.shutdown().await;
}

// Proves that a service that refuses ends the run with what is open, and that the next run does the rest.
#[tokio::test]
async fn refusals_end_the_run() {
    let (sim, wisdm) = simulated(Profile::built_in()).await;
    let folder = tempfile::tempdir().unwrap();
    let progress = folder.path().join("list");
    sim.set_faults(Faults { truncated: true, ..Faults::default() }).unwrap();
    tokio::time::pause();
    let summary = run(&wisdm, &rows(40), &progress, false).await;
    tokio::time::resume();
    assert!(summary.stopped.is_some() && summary.open == 40, "{summary:?}");
    sim.set_faults(Faults::default()).unwrap();
    let summary = run(&wisdm, &rows(40), &progress, false).await;
    assert_eq!((summary.reported + summary.present, summary.open, sim.managed()), (40, 0, 40));
    sim.shutdown().await;
}
