//! The adapter for machine-readable zones: a document reader or e-gate sends the lines that it read, and gets one line
//! back that opens the gate or refers the traveller.
//!
//! # The question
//! One frame holds one zone, optionally with a request id before it:
//!
//! ```text
//! #<request id>;<the zone>
//! ```
//!
//! The request id has 1 to 36 of `A-Z a-z 0-9 . _ -` and comes back in the reply. It is the sender's id of the message:
//! the same id sent again is the same question asked again and is answered from the record, so a sender that numbers
//! its questions must not use a number twice within the lane's duplicate window. A sender whose counter wraps sets
//! the lane's option `request_id = "echo"`; then the id is only echoed. Without an id, replies come in the order of
//! questions.
//!
//! The zone is what [`postern_formats::mrz::parse`] accepts: TD1, TD2, TD3, visas of both sizes, the French identity
//! card before 2021 and the French and Swiss driving licences; with CR, LF, CRLF, tabs or nothing between its lines,
//! in either case, with blanks for fillers, and with a reader's STX, ETX, block check and AIM prefix around it.
//!
//! **Framing.** A lane must deliver the zone in one piece. With `stx_etx` or a length prefix, line breaks inside the
//! frame are the zone's own. With `line`, each line is a frame, so the zone's lines must be joined without a break, or
//! with tabs, as most readers can be set to do.
//!
//! # What is asked
//! Two subjects of one traveller: the document and the person. The document's number is whole even where it overflows
//! its field. Its check digit decides how far silence under it can be believed: if it disagrees, nothing found means
//! `not checked`, and each look-alike that satisfies all digits is asked too. So are the numbers in the optional data,
//! and a visa's number is asked as the visa's and as the passport's. The person has names with the mark of a cut
//! name, the birth date with its unknown parts and without a century, since a zone has none, sex and nationality.
//! The person's document is named only if its digit does not disagree, because an identifier that failed proves nobody.
//!
//! # The reply
//! ```text
//! P1;<request id or ->;<continue|refer>;<reference>;<as-of>
//! ```
//!
//! `P1` is the version of this line. The reference is Postern's own, under which the journal and the second line know
//! the question. As-of is the extraction time of the oldest data behind a `continue`, RFC 3339 in UTC to the second,
//! or `-`. A refusal has the same shape and is always `refer` with `-`: at a gate it must not be told from a hit. News of
//! an earlier question comes as the same line with that question's reference. A reader that does not know the version, or
//! gets no line in time, refers.
//!
//! # Faults
//! | code | meaning |
//! |---|---|
//! | `mrz_empty` | no text in the frame |
//! | `mrz_length` | the text has no layout's length |
//! | `mrz_character` | a character that no zone holds |
//! | `mrz_layout` | no layout is meant, or more than one |
//! | `mrz_request_id` | `#` without a proper request id and `;` after it |
//! | `mrz_deviation` | strict lanes only: a field had to be corrected, or holds what its kind can't |
//!
//! Each carries the byte offset in the frame, except `mrz_deviation`, which names the field.

mod reply;
mod request;
mod verdicts;

use std::borrow::Cow;
use std::collections::BTreeMap;

use postern_formats::mrz::{self, Mrz, MrzError};
use postern_sdk::{
    Adapter, AdapterDescription, CONTRACT_VERSION, Context, Exchange, Fault, FaultCode, Inbound, LinkOptions,
    Message, Personal, Reply, Stamp, Subject, Told,
};

pub use postern_formats::mrz::{person, travel_document};
use request::Request;

/// The option that says what a request id means.
const REQUEST_ID_OPTION: &str = "request_id";
/// The key of the request id among the native values.
const REQUEST_ID: &str = "request_id";

/// See the crate's document.
#[derive(Clone, Copy, Debug, Default)]
pub struct MrzAdapter;

impl Adapter for MrzAdapter {
    fn describe(&self) -> AdapterDescription {
        let request_id = "unique (default): the id names the question, and the same id again is the same question; \
                          echo: the id is only sent back";
        AdapterDescription {
            name: Cow::Borrowed("mrz"),
            summary: Cow::Borrowed(
                "machine-readable zones from document readers and e-gates, answered by one line",
            ),
            contract: CONTRACT_VERSION,
            options: BTreeMap::from([(Cow::Borrowed(REQUEST_ID_OPTION), Cow::Borrowed(request_id))]),
        }
    }

    fn decode(&self, bytes: &[u8], options: &LinkOptions) -> Vec<Inbound> {
        vec![match decode_one(bytes, options) {
            Ok(exchange) => Inbound::Query(exchange),
            Err(fault) => Inbound::Fault(fault),
        }]
    }

    fn encode(
        &self,
        exchange: &Exchange,
        told: &[Told],
        _message: Message,
        stamp: &Stamp,
    ) -> Result<Vec<Reply>, Fault> {
        Ok(vec![reply::answer(exchange, told, stamp)])
    }

    fn refuse(&self, fault: &Fault, stamp: &Stamp) -> Reply {
        reply::refusal(fault, stamp)
    }
}

fn decode_one(bytes: &[u8], options: &LinkOptions) -> Result<Exchange, Fault> {
    let request = Request::split(bytes)?;
    let unique = options.options.get(REQUEST_ID_OPTION).and_then(|value| value.as_str()) != Some("echo");
    let sender_id = request.id.filter(|_| unique);
    let refused = |fault: Fault| Fault { native: request.native(), ..fault.of(sender_id.map(str::to_owned)) };
    let zone = mrz::parse(request.zone).map_err(|error| refused(fault_of(error, request.zone_offset)))?;
    if options.strict {
        conform(&zone).map_err(refused)?;
    }
    let context = Context { sender_id: sender_id.map(str::to_owned), ..Context::default() };
    let mut native = request.native();
    describe(&zone, &mut native);
    let subjects = vec![Subject::TravelDocument(travel_document(&zone)), Subject::Person(person(&zone))];
    Ok(Exchange { context, subjects, travellers: Vec::new(), native })
}

fn fault_of(error: MrzError, zone_offset: usize) -> Fault {
    Fault::new(FaultCode::new(error.code())).at(zone_offset + error.offset())
}

/// Whether the zone holds only what its fields may.
fn conform(zone: &Mrz) -> Result<(), Fault> {
    let impossible = |date: Option<mrz::MrzDate>| {
        let state = date.map(|date| date.state());
        matches!(state, Some(mrz::DateState::Impossible | mrz::DateState::Unreadable))
    };
    let field = match () {
        () if !zone.corrections().is_empty() => "correction",
        () if impossible(zone.birth()) => "birth",
        () if impossible(zone.expiry()) => "expiry",
        () if matches!(zone.sex(), Some(mrz::Sex::X | mrz::Sex::Unreadable)) => "sex",
        () => return Ok(()),
    };
    Err(Fault::new(FaultCode::new("mrz_deviation")).field(field))
}

/// How what was read was judged, for the record: layout, verdicts, corrected columns and the way a long number was
/// reckoned. The lines themselves stand in the record as the native message.
fn describe(zone: &Mrz, native: &mut BTreeMap<String, Personal<String>>) {
    let mut note = |key: &str, value: String| native.insert(key.to_owned(), value.into());
    note("format", zone.format().name().to_owned());
    note("checks", verdicts::verdicts(zone.checks()));
    if !zone.corrections().is_empty() {
        let columns: Vec<_> = zone.corrections().iter().map(|one| one.position.to_string()).collect();
        note("corrected_columns", columns.join(","));
    }
    if let Some(variant) = zone.number().long() {
        note("long_number", variant.name().to_owned());
    }
}
