//! The kit proves a sound adapter and catches each kind of unsound one.

use std::borrow::Cow;
use std::path::Path;

use postern_conformance::toy::ToyAdapter;
use postern_conformance::{check, examine};
use postern_sdk::{
    Adapter, AdapterDescription, Exchange, Fault, FaultCode, Gate, Inbound, LinkOptions, Message, Reply,
    Stamp, Told,
};

fn fixtures() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"))
}

// Proves that the toy, with its questions in parts and answers in two replies, passes everything.
#[test]
fn toy_conforms() {
    let report = check(&ToyAdapter, fixtures());
    assert_eq!(report.cases, 5);
    assert!(report.questions > 1000 && report.faults > 1000, "{report:?}");
}

/// What is wrong with an adapter.
#[derive(Clone, Copy, Debug)]
enum Defect {
    Name,
    Contract,
    Silent,
    Panics,
    OffsetOutside,
    QuotesInFault,
    QuotesInRefusal,
    EmptyRefusal,
    AlwaysContinue,
    FirstSubjectOnly,
    NoReply,
    ForgesClient,
    AsksNothing,
    OtherAnswer,
}

/// The toy with a defect.
struct Broken(Defect);

impl Adapter for Broken {
    fn describe(&self) -> AdapterDescription {
        let mut description = ToyAdapter.describe();
        match self.0 {
            Defect::Name => description.name = Cow::Borrowed("The Toy"),
            Defect::Contract => description.contract += 1,
            _ => {}
        }
        description
    }

    fn decode(&self, bytes: &[u8], options: &LinkOptions) -> Vec<Inbound> {
        let mut inbounds = ToyAdapter.decode(bytes, options);
        let quoted = String::from_utf8_lossy(bytes).into_owned();
        match (self.0, &mut inbounds[0]) {
            (Defect::Silent, Inbound::Fault(_)) => inbounds.clear(),
            (Defect::Panics, Inbound::Fault(_)) => panic!("{quoted}"),
            (Defect::OffsetOutside, Inbound::Fault(fault)) => *fault = fault.clone().at(bytes.len() + 1),
            (Defect::QuotesInFault, Inbound::Fault(fault)) => *fault = fault.clone().field(quoted),
            (Defect::QuotesInRefusal, Inbound::Fault(fault)) => fault.code = FaultCode::given("toy_quote"),
            (Defect::ForgesClient, Inbound::Query(exchange)) => exchange.context.client = "me".into(),
            (Defect::AsksNothing, Inbound::Query(exchange)) => exchange.subjects.clear(),
            _ => {}
        }
        inbounds
    }

    fn encode(
        &self,
        exchange: &Exchange,
        told: &[Told],
        message: Message,
        stamp: &Stamp,
    ) -> Result<Vec<Reply>, Fault> {
        let mut told = told.to_vec();
        match self.0 {
            Defect::AlwaysContinue => told.iter_mut().for_each(|one| one.gate = Gate::Continue),
            Defect::FirstSubjectOnly => told.truncate(1),
            Defect::NoReply => return Ok(Vec::new()),
            _ => {}
        }
        let mut replies = ToyAdapter.encode(exchange, &told, message, stamp)?;
        if matches!(self.0, Defect::OtherAnswer) {
            replies[0].body.push(b'!');
        }
        Ok(replies)
    }

    fn refuse(&self, fault: &Fault, stamp: &Stamp) -> Reply {
        let mut refusal = ToyAdapter.refuse(fault, stamp);
        match self.0 {
            Defect::EmptyRefusal => refusal.body.clear(),
            Defect::QuotesInRefusal if fault.offset.is_some() => refusal.body.extend_from_slice(b"TT0000001"),
            _ => {}
        }
        refusal
    }
}

// Proves that each defect is caught, and named for what it is.
#[test]
fn each_defect_is_caught() {
    let defects = [
        (Defect::Name, "[a-z0-9-]"),
        (Defect::Contract, "the contract is 2"),
        (Defect::Silent, "decode yields nothing"),
        (Defect::Panics, "decode panics"),
        (Defect::OffsetOutside, "outside the frame"),
        (Defect::QuotesInFault, "quotes the frame"),
        (Defect::QuotesInRefusal, "the refusal of the fault toy_quote quotes the frame"),
        (Defect::EmptyRefusal, "a refusal is empty"),
        (Defect::AlwaysContinue, "is encoded as continue"),
        (Defect::FirstSubjectOnly, "refer of the last subject"),
        (Defect::NoReply, "no reply"),
        (Defect::ForgesClient, "names its own client"),
        (Defect::AsksNothing, "asks about nothing"),
        (Defect::OtherAnswer, "single/reply.1.txt differs"),
    ];
    if std::env::var_os("POSTERN_BLESS").is_some() {
        return;
    }
    for (defect, expected) in defects {
        let failures = examine(&Broken(defect), fixtures()).unwrap_err();
        assert!(failures.to_string().contains(expected), "{defect:?}: {failures}");
    }
}
