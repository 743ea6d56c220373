//! The re-initialisation, and the removal of all.

use std::io::{IsTerminal, stdin};

use serde_json::json;

use super::super::{Exit, say};
use super::session::{Failure, Session};
use super::{WisdmInitCommand, WisdmRemoval};
use crate::wisdm::init::Kind;
use crate::wisdm::{Done, Progress, Stage, WisdmError};

/// Does a step.
pub(super) fn run(session: &Session, command: &WisdmInitCommand) -> Result<Exit, Failure> {
    match command {
        WisdmInitCommand::Start => start(session),
        WisdmInitCommand::Finalize(args) => remove(session, Kind::Finalize, args),
        WisdmInitCommand::Clear(args) => remove(session, Kind::Clear, args),
    }
}

fn start(session: &Session) -> Result<Exit, Failure> {
    let total = session.wait(session.wisdm.statistics(&session.sender))?.told.total();
    noted(session, "init_start", total, || session.wait(session.wisdm.start_init(&session.sender)))?;
    if session.json {
        say(json!({ "outcome": "started", "total": total }));
    } else {
        say(format_args!(
            "{total} records are marked, by the service's last count; they are found as before"
        ));
        say(
            "report all documents anew with postern wisdm bulk, then: postern wisdm init finalize --progress …",
        );
    }
    Ok(Exit::Ok)
}

fn remove(session: &Session, kind: Kind, args: &WisdmRemoval) -> Result<Exit, Failure> {
    let mut renewed = 0;
    for path in &args.progress {
        renewed += Progress::renewed(path).map_err(|error| Failure::usage(error.code(), error))?;
    }
    let removal = session.wait(session.wisdm.removal(kind, renewed, &session.sender))?;
    let (total, count) = (removal.total, removal.count());
    if !session.json {
        say(format_args!("records of the country, by the service's last count: {total}"));
        if kind == Kind::Finalize {
            say(format_args!("reported anew since the start, by the progress files: {renewed}"));
        }
        say(format_args!("records that would be removed: {count}"));
    }
    let typed = match &args.confirm {
        Some(text) => text.clone(),
        None => ask(&removal.confirmation()),
    };
    let confirmed = removal.confirm(&typed).map_err(|expected| {
        Failure::usage(
            "not_confirmed",
            format_args!("nothing was removed: confirm by --confirm {:?}", expected.0),
        )
    })?;
    let operation = if kind == Kind::Clear { "init_clear" } else { "init_finalize" };
    noted(session, operation, count, || session.wait(confirmed.carry_out(&session.sender)))?;
    if session.json {
        say(json!({ "outcome": "removed", "total": total, "renewed": renewed, "count": count }));
    } else {
        say("removed");
    }
    Ok(Exit::Ok)
}

/// The text that a person types at a terminal; nothing elsewhere.
fn ask(expected: &str) -> String {
    let mut typed = String::new();
    if stdin().is_terminal() {
        say(format_args!("type \"{expected}\" to confirm:"));
        // What can't be read confirms nothing.
        let _ = stdin().read_line(&mut typed);
    }
    typed
}

fn noted(
    session: &Session,
    operation: &str,
    count: u64,
    change: impl FnOnce() -> Result<Done<()>, WisdmError>,
) -> Result<(), Failure> {
    let mut note = session.note(operation, Stage::Asked);
    note.count = Some(count);
    session.leave(&note)?;
    let done = change();
    note = session.note(operation, Stage::Ended);
    note.count = Some(count);
    note.outcome = Some(done.as_ref().map_or_else(WisdmError::code, |_| "done").to_owned());
    session.leave_end(&note);
    done?;
    Ok(())
}
