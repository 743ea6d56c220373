//! The proofs on damaged and random input.

use std::collections::BTreeSet;

use postern_sdk::{
    Adapter, Environment, Exchange, Fault, FaultCode, Inbound, LinkOptions, Message, Stamp, Told, View,
};

use crate::case::Case;
use crate::leak::Vocabulary;
use crate::trap::quietly;
use crate::{Report, cases, mutate, telling};

/// Inputs in a normal run.
const MUTANTS: u64 = 20_000;
/// Inputs in a long run.
const MUTANTS_LONG: u64 = 1_000_000;

/// Tries all inputs, and stops at the first that the adapter fails.
pub(crate) fn run(adapter: &dyn Adapter, cases: &[Case], words: &[u8]) -> Result<Report, String> {
    let frames: Vec<&[u8]> = cases.iter().flat_map(|case| case.frames.iter().map(Vec::as_slice)).collect();
    let mut trial = Trial::new(adapter)?;
    trial.vocabulary.learn(words);
    if let Some(number) = number_from("POSTERN_MUTANT") {
        let case = &cases[usize::try_from(number).unwrap_or(0) % cases.len()];
        drop(adapter.decode(&mutate::mutant(number, trial.seed, &frames), &case.options));
        return trial.of_mutant(number, &frames, &case.options).map(|()| trial.report);
    }
    for case in cases {
        for frame in &case.frames {
            trial.of(frame, &case.options).map_err(|failure| format!("case {}: {failure}", case.name))?;
        }
    }
    let count = if std::env::var_os("POSTERN_LONG").is_some() { MUTANTS_LONG } else { MUTANTS };
    for number in 0..count {
        let case = &cases[usize::try_from(number).unwrap_or(0) % cases.len()];
        trial.of_mutant(number, &frames, &case.options)?;
    }
    Ok(Report { mutants: count, ..trial.report })
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The adapter under trial, and what has been learnt of it.
struct Trial<'a> {
    adapter: &'a dyn Adapter,
    stamp: Stamp,
    vocabulary: Vocabulary,
    codes: BTreeSet<FaultCode>,
    seed: u64,
    report: Report,
}

impl<'a> Trial<'a> {
    fn new(adapter: &'a dyn Adapter) -> Result<Self, String> {
        let vocabulary = Vocabulary::of(&quietly("describe", || adapter.describe())?);
        let seed = number_from("POSTERN_SEED").unwrap_or(0);
        let (stamp, codes) = (telling::stamp(), BTreeSet::new());
        Ok(Self { adapter, stamp, vocabulary, codes, seed, report: Report::default() })
    }

    fn of_mutant(&mut self, number: u64, frames: &[&[u8]], options: &LinkOptions) -> Result<(), String> {
        let frame = mutate::mutant(number, self.seed, frames);
        let place = format!("POSTERN_SEED={} POSTERN_MUTANT={number}, {} bytes", self.seed, frame.len());
        self.of(&frame, options).map_err(|failure| format!("damaged input ({place}): {failure}"))
    }

    fn of(&mut self, frame: &[u8], options: &LinkOptions) -> Result<(), String> {
        let inbounds = quietly("decode", || self.adapter.decode(frame, options))?;
        demand(!inbounds.is_empty(), "decode yields nothing")?;
        let again = quietly("decode", || self.adapter.decode(frame, options))?;
        demand(again == inbounds, "decode is not deterministic")?;
        survives_serde(&inbounds)?;
        for inbound in &inbounds {
            self.inbound(inbound, frame)?;
        }
        cases::exchanges(&inbounds).iter().try_for_each(|exchange| self.tellings(exchange))?;
        Ok(())
    }

    fn inbound(&mut self, inbound: &Inbound, frame: &[u8]) -> Result<(), String> {
        match inbound {
            Inbound::Query(exchange) => {
                demand(!exchange.subjects.is_empty(), "a question asks about nothing")?;
                well_formed(exchange)
            }
            Inbound::Part(part) => {
                well_formed(&part.exchange)?;
                self.tellings(&part.exchange)
            }
            Inbound::Control(control) => {
                let reply = quietly("acknowledge", || self.adapter.acknowledge(control, &self.stamp))?;
                demand(reply.is_none_or(|reply| !reply.body.is_empty()), "an acknowledgement is empty")
            }
            Inbound::Fault(fault) => self.fault(fault, frame),
        }
    }

    fn fault(&mut self, fault: &Fault, frame: &[u8]) -> Result<(), String> {
        self.report.faults += 1;
        let code = &fault.code;
        demand(FaultCode::given(code.as_str()) == *code, "a fault's code is not of [a-z0-9_]")?;
        let within = fault.offset.is_none_or(|offset| offset <= frame.len() as u64);
        demand(within, "a fault's offset lies outside the frame")?;
        self.learn(fault)?;
        let refusal = quietly("refuse", || self.adapter.refuse(fault, &self.stamp))?;
        demand(!refusal.body.is_empty(), "a refusal is empty")?;
        let quotes = |text: &[u8]| self.vocabulary.quotes(text, frame, fault, &self.stamp);
        demand(
            !quotes(fault.to_string().as_bytes()),
            &format!("the text of the fault {code} quotes the frame"),
        )?;
        demand(!quotes(&refusal.body), &format!("the refusal of the fault {code} quotes the frame"))
    }

    /// Learns what the adapter says of a fault that it knows nothing more of: these words can't come from a frame.
    fn learn(&mut self, fault: &Fault) -> Result<(), String> {
        if let Some(std::borrow::Cow::Borrowed(field)) = fault.field {
            self.vocabulary.learn(field.as_bytes());
        }
        if self.codes.insert(fault.code.clone()) {
            let bare = Fault::new(fault.code.clone());
            let refusal = quietly("refuse", || self.adapter.refuse(&bare, &self.stamp))?;
            self.vocabulary.learn(&refusal.body);
        }
        Ok(())
    }

    /// Proves that nothing but continue is encoded as continue.
    fn tellings(&mut self, exchange: &Exchange) -> Result<(), String> {
        let subjects = exchange.subjects.len();
        if subjects == 0 {
            return Ok(());
        }
        self.report.questions += 1;
        for view in telling::VIEWS {
            let go = self.encode(exchange, &telling::go(subjects, view), Message::Answer, view)?;
            for (name, told) in telling::others(subjects, view) {
                let other = self.encode(exchange, &told, Message::Answer, view)?;
                let same = go.is_some() && other == go;
                demand(!same, &format!("{name:?} is encoded as continue in the view {view:?}"))?;
            }
        }
        let hit = telling::outcome("hit").map(|hit| vec![Told::of(&hit, View::Full); subjects]);
        self.encode(exchange, &hit.unwrap_or_default(), Message::Update, View::Full).map(drop)
    }

    /// The bodies of the replies, or none if the format can't say it.
    fn encode(
        &self,
        exchange: &Exchange,
        told: &[Told],
        message: Message,
        view: View,
    ) -> Result<Option<Vec<Vec<u8>>>, String> {
        let stamp = Stamp { view, ..self.stamp.clone() };
        let Ok(replies) = quietly("encode", || self.adapter.encode(exchange, told, message, &stamp))? else {
            return Ok(None);
        };
        demand(!replies.is_empty(), "encode yields no reply")?;
        demand(replies.iter().all(|reply| !reply.body.is_empty()), "a reply is empty")?;
        Ok(Some(replies.into_iter().map(|reply| reply.body).collect()))
    }
}

fn survives_serde(inbounds: &[Inbound]) -> Result<(), String> {
    let text = serde_json::to_string(inbounds).map_err(|_| "an inbound does not serialise")?;
    let read = serde_json::from_str::<Vec<Inbound>>(&text);
    demand(read.is_ok_and(|read| read == inbounds), "an inbound changes through serde")
}

fn well_formed(exchange: &Exchange) -> Result<(), String> {
    let context = &exchange.context;
    demand(context.client.is_empty(), "a question names its own client")?;
    demand(context.environment == Environment::default(), "a question chooses its environment")?;
    demand(context.supplied.is_empty(), "a question claims supplied fields")?;
    let numbered = exchange.travellers.len();
    demand(numbered == 0 || numbered == exchange.subjects.len(), "travellers are not one a subject")
}

fn demand(holds: bool, failure: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(failure.to_owned()) }
}
