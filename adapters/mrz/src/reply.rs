//! The one line that goes back.

use std::collections::BTreeMap;

use postern_sdk::{Exchange, Fault, Gate, Personal, Reply, Stamp, Told};

use crate::REQUEST_ID;
use crate::request::is_request_id;

/// What stands for "none" in a field.
const NONE: &str = "-";

/// The answer: continue only if every subject may.
pub(crate) fn answer(exchange: &Exchange, told: &[Told], stamp: &Stamp) -> Reply {
    // An outcome that is missing is one that nobody may continue on.
    let gate = if told.len() == exchange.subjects.len() { Told::gate_of_all(told) } else { Gate::Refer };
    let as_of = Told::as_of_all(told).filter(|_| gate == Gate::Continue);
    let as_of = as_of.map_or_else(|| NONE.to_owned(), |time| format!("{time:.0}"));
    line(request_id(&exchange.native, exchange.context.sender_id.as_deref()), gate, stamp, &as_of, 200)
}

/// The refusal: a refer like any other.
pub(crate) fn refusal(fault: &Fault, stamp: &Stamp) -> Reply {
    let status = if fault.code.as_str().starts_with("mrz_") { 400 } else { 503 };
    line(request_id(&fault.native, fault.sender_id.as_deref()), Gate::Refer, stamp, NONE, status)
}

fn request_id<'a>(native: &'a BTreeMap<String, Personal<String>>, sender_id: Option<&'a str>) -> &'a str {
    let id = native.get(REQUEST_ID).map(|id| id.reveal().as_str()).or(sender_id);
    id.filter(|id| is_request_id(id)).unwrap_or(NONE)
}

fn line(id: &str, gate: Gate, stamp: &Stamp, as_of: &str, http_status: u16) -> Reply {
    let body = format!("P1;{id};{};{};{as_of}", gate.code(), stamp.reference);
    Reply { http_status, ..Reply::new(body, "text/plain; charset=us-ascii") }
}
