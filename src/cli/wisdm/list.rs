//! Lists of documents.

use std::fs::File;
use std::io::{BufReader, Seek as _};
use std::path::PathBuf;

use serde_json::json;

use super::super::mind::progress::Work;
use super::super::{Exit, complain, say};
use super::WisdmBulk;
use super::session::{Failure, Session};
use crate::wisdm::{Bulk, Checked, Order, Progress, Stage, Summary, read_rows};

/// Objections that are told one by one at most.
const TOLD_MAX: usize = 1_000;

/// Reports a list: 1 if a row is faulty or the service objects to one, 69 if rows are open.
pub(super) fn run(session: &Session, args: &WisdmBulk) -> Result<Exit, Failure> {
    let file_error =
        |error: std::io::Error| Failure::usage("list", format_args!("{}: {error}", args.file.display()));
    let mut file = File::open(&args.file).map_err(file_error)?;
    let checked = read_rows(BufReader::new(&file), &session.wisdm.rules())
        .map_err(|error| Failure::usage("list", error))?;
    tell_faults(session, &checked);
    if args.check || (checked.faulty > 0 && !args.skip_faulty) {
        return Ok(end_of_check(session, args, &checked));
    }
    file.rewind().map_err(file_error)?;
    let mut progress =
        Progress::open(&progress_path(args), &file).map_err(|error| Failure::usage(error.code(), error))?;
    let summary = report(session, args, &checked, &mut progress)?;
    tell(session, &summary, checked.faulty);
    Ok(match (&summary.stopped, summary.open, summary.objected.len() as u64 + checked.faulty) {
        (None, 0, 0) => Exit::Ok,
        (None, 0, _) => Exit::Found,
        _ => Exit::Unavailable,
    })
}

fn progress_path(args: &WisdmBulk) -> PathBuf {
    args.progress.clone().unwrap_or_else(|| {
        let mut name = args.file.clone().into_os_string();
        name.push(".progress");
        name.into()
    })
}

fn tell_faults(session: &Session, checked: &Checked) {
    for fault in checked.faults.iter().filter(|_| !session.json) {
        fault.rules.iter().for_each(|rule| complain(format_args!("line {}: {rule}", fault.line)));
    }
}

fn end_of_check(session: &Session, args: &WisdmBulk, checked: &Checked) -> Exit {
    let (sound, faulty) = (checked.documents.len(), checked.faulty);
    if session.json {
        say(json!({ "outcome": "checked", "sound": sound, "faulty": faulty, "faults": checked.faults }));
    } else {
        say(format_args!("{sound} rows are sound, {faulty} are faulty; nothing was sent"));
        if faulty > 0 && !args.check {
            say("correct them, or send the others with --skip-faulty");
        }
    }
    if faulty > 0 { Exit::Found } else { Exit::Ok }
}

/// Works the list off between two notes.
fn report(
    session: &Session,
    args: &WisdmBulk,
    checked: &Checked,
    progress: &mut Progress,
) -> Result<Summary, Failure> {
    let mut note = session.note("bulk", Stage::Asked);
    note.list = Some(progress.list().to_owned());
    note.count = Some(checked.documents.len() as u64 - progress.done());
    session.leave(&note)?;
    let order = Order { concurrency: usize::try_from(args.concurrency).unwrap_or(1), correct: args.update };
    let bulk = Bulk { wisdm: &session.wisdm, sender: &session.sender, order };
    let work = Work::begin();
    let told = |event: crate::wisdm::Event| work.at("reporting", event.done, event.of);
    let summary = session.wait(bulk.run(&checked.documents, progress, told));
    drop(work);
    let mut note = session.note("bulk", Stage::Ended);
    note.list = Some(progress.list().to_owned());
    match &summary {
        Ok(summary) => {
            note.count = Some(summary.reported + summary.present + summary.corrected);
            let stopped = summary.stopped.as_ref().map_or("done", |error| error.code());
            note.outcome = Some(stopped.to_owned());
        }
        Err(error) => note.outcome = Some(error.code().to_owned()),
    }
    session.leave_end(&note);
    summary.map_err(|error| Failure::Other(Exit::Unavailable, error.code(), error.to_string()))
}

fn tell(session: &Session, summary: &Summary, faulty: u64) {
    let Summary { reported, present, corrected, objected, open, stopped } = summary;
    if session.json {
        let told: Vec<_> = objected
            .iter()
            .take(TOLD_MAX)
            .map(|(line, code)| json!({ "line": line, "code": code }))
            .collect();
        let outcome = if *open == 0 { "done" } else { "open" };
        say(json!({
            "outcome": outcome, "reported": reported, "present": present, "corrected": corrected,
            "objected": objected.len(), "objections": told, "open": open, "faulty": faulty,
            "stopped": stopped.as_ref().map(crate::wisdm::WisdmError::code),
        }));
    } else {
        for (line, code) in objected.iter().take(TOLD_MAX) {
            complain(format_args!("line {line}: the service objects: {code}"));
        }
        say(format_args!(
            "{reported} reported, {present} there already, {corrected} corrected, {} objected to, {faulty} faulty, {open} open",
            objected.len()
        ));
    }
    if let Some(error) = stopped {
        complain(format_args!("stopped: {error}; run the same command again to go on"));
    }
}
