//! A toy format, small enough to read in one go, that has what most formats lack: questions in parts and answers in two
//! replies. It proves the kit and the lanes, and shows an integrator how an adapter is laid out.
//!
//! A question is a line a part, `ASK <id> <part>/<parts> <number> …`, parts counted from 1; `ACK <id>`, `END <id>` and
//! `PING <text>` are controls. The answer is `GATE <id> <continue|refer> <reference>`, then `DATA <id> <time|->`. The refusal is
//! `NO <id|-> <code> <offset|->`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use postern_sdk::{
    Adapter, AdapterDescription, CONTRACT_VERSION, Context, Control, DocumentNumber, Exchange, Fault,
    FaultCode, Inbound, LinkOptions, Message, Part, Personal, Reply, Stamp, Subject, Told, TravelDocument,
};

/// Parts that one question may have.
const PARTS_MAX: u32 = 99;

/// The toy adapter.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToyAdapter;

impl ToyAdapter {
    /// The bytes are not text, or no line that the format knows.
    pub const LINE: FaultCode = FaultCode::new("toy_line");
    /// The parts are not `<part>/<parts>` with 1 ≤ part ≤ parts ≤ 99.
    pub const PARTS: FaultCode = FaultCode::new("toy_parts");
    /// A number can't be a document number.
    pub const NUMBER: FaultCode = FaultCode::new("toy_number");
}

impl Adapter for ToyAdapter {
    fn describe(&self) -> AdapterDescription {
        AdapterDescription {
            name: Cow::Borrowed("toy"),
            summary: Cow::Borrowed("a toy with questions in parts and answers in two replies"),
            contract: CONTRACT_VERSION,
            options: BTreeMap::new(),
        }
    }

    fn decode(&self, bytes: &[u8], _: &LinkOptions) -> Vec<Inbound> {
        vec![line(bytes).unwrap_or_else(Inbound::Fault)]
    }

    fn encode(
        &self,
        exchange: &Exchange,
        told: &[Told],
        message: Message,
        stamp: &Stamp,
    ) -> Result<Vec<Reply>, Fault> {
        let id = exchange.context.sender_id.as_deref().unwrap_or("-");
        let word = if message == Message::Update { "NEWS" } else { "GATE" };
        let gate = format!("{word} {id} {} {}\n", Told::gate_of_all(told).code(), stamp.reference);
        let as_of = Told::as_of_all(told).map_or("-".to_owned(), |as_of| as_of.to_string());
        let data = format!("DATA {id} {as_of}\n");
        Ok([gate, data].map(|text| Reply::new(text, "text/plain")).into())
    }

    fn refuse(&self, fault: &Fault, _: &Stamp) -> Reply {
        let id = fault.sender_id.as_deref().unwrap_or("-");
        let offset = fault.offset.map_or("-".to_owned(), |offset| offset.to_string());
        Reply::new(format!("NO {id} {} {offset}\n", fault.code), "text/plain")
    }

    fn acknowledge(&self, control: &Control, _: &Stamp) -> Option<Reply> {
        match control {
            Control::Echo(text) => Some(Reply::new(format!("PONG {}\n", text.reveal()), "text/plain")),
            _ => None,
        }
    }
}

/// A word of the line, with its offset.
type Word<'a> = (usize, &'a str);

fn line(bytes: &[u8]) -> Result<Inbound, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|e| Fault::new(ToyAdapter::LINE).at(e.valid_up_to()))?;
    let mut words =
        text.split_ascii_whitespace().map(|word| (word.as_ptr().addr() - text.as_ptr().addr(), word));
    let (_, verb) = words.next().ok_or(Fault::new(ToyAdapter::LINE).at(0))?;
    let (at, id) = words.next().ok_or(Fault::new(ToyAdapter::LINE).at(bytes.len()))?;
    match verb {
        "ACK" => Ok(Inbound::Control(Control::Ack(id.into()))),
        "END" => Ok(Inbound::Control(Control::Close(id.into()))),
        "PING" => Ok(Inbound::Control(Control::Echo(text[at..].trim_end().into()))),
        "ASK" => ask(id, words, bytes.len()).map_err(|fault| fault.of(Some(id.to_owned()))),
        _ => Err(Fault::new(ToyAdapter::LINE).at(0)),
    }
}

fn ask<'a>(id: &str, mut words: impl Iterator<Item = Word<'a>>, end: usize) -> Result<Inbound, Fault> {
    let (at, parts) = words.next().ok_or(Fault::new(ToyAdapter::PARTS).at(end))?;
    let (index, count) = places(parts).ok_or(Fault::new(ToyAdapter::PARTS).at(at))?;
    let subjects = words.map(subject).collect::<Result<Vec<_>, _>>()?;
    if subjects.is_empty() {
        return Err(Fault::new(FaultCode::EMPTY).at(end));
    }
    let context = Context { sender_id: Some(id.to_owned()), ..Context::default() };
    let exchange = Exchange { context, subjects, ..Exchange::default() };
    if count == 1 {
        return Ok(Inbound::Query(exchange));
    }
    Ok(Inbound::Part(Part { key: Personal::from(id), index: index - 1, last: index == count, exchange }))
}

fn places(parts: &str) -> Option<(u32, u32)> {
    let (index, count) = parts.split_once('/')?;
    let (index, count) = (index.parse().ok()?, count.parse().ok()?);
    (1 <= index && index <= count && count <= PARTS_MAX).then_some((index, count))
}

fn subject((at, word): Word<'_>) -> Result<Subject, Fault> {
    let number = DocumentNumber::normalise(word).map_err(|_| Fault::new(ToyAdapter::NUMBER).at(at))?;
    Ok(Subject::TravelDocument(TravelDocument { number: Some(number), ..TravelDocument::default() }))
}
