//! Random bytes and mutated zones: no panic, and no number is trusted whose check digit does not agree.
//!
//! The seed is fixed, or `POSTERN_SEED`, so a failure repeats. `POSTERN_LONG=1` runs a million of each kind instead of some thousands.

use postern_formats::mrz::{Confidence, Format, Mrz, parse};
use postern_mrz::MrzAdapter;
use postern_sdk::{
    Adapter, Environment, Gate, Inbound, LinkOptions, Message, Reference, Reliability, Stamp, Subject, Told,
    View,
};

/// One zone of each layout, with and without overflow, as they are sent.
const SEEDS: &[&str] = &[
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\r\nL898902C36UTO7408122F1204159ZE184226B<<<<<10\r\n",
    "#gate-1;P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<HA672242<6YTO5802254M9601086<<<<<<<<<<<<<<08",
    "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<\n",
    "I<UTOD23145890<7349<<<<<<<<<<<\r3407127M9507122UTO<<<<<<<<<<<2\rSTEVENSON<<PETER<JOHN<<<<<<<<<\r",
    "IDBEL000590240<6013<<<<<<<<<<<\n8512017F1311048BEL851201002007\nPEETERS<<JAN<<<<<<<<<<<<<<<<<<",
    "I<PRT007666667<ZZ00<<<<<<<<<<<\n8303143M3405293PRT<<<<<<<<<<<4\nERIKSSON<<ANNA<MARIA<<<<<<<<<<",
    "\x02I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\rD231458907UTO7408122F1204159<<<<<<<6\x03",
    "]e0V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL8988901C4XXX7408122F96121096ZE184226B<<<<<<",
    "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nL898902C<3UTO6908061F9406236ZE184226",
    "IDFRABERTHIER<<<<<<<<<<<<<<<<<<<<<<<\n9409923102854CORINNE<<<<<<<6512068F4",
    "D1FRA13AA000026181231MARTIN<<9",
    "AAA001D<<\nFACHE305142128097<<800126<<<<<\nMUSTER<<HANS<<<<<<<<<<<<<<<<<<",
];

/// What a mutation puts in: mostly what zones hold, some of what surrounds them, some that neither does.
const PALETTE: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<<<<<< \r\n\x02\x03;#]abz-\0\xc3\xff";

struct Random(u64);

impl Random {
    /// A stream of its own for each test.
    fn stream(number: u64) -> Self {
        let seed = std::env::var("POSTERN_SEED").ok().and_then(|seed| seed.parse().ok());
        let mixed = seed.unwrap_or(0x5eed_u64).wrapping_add(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // A xorshift never leaves zero.
        Self(mixed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn of(&mut self, set: &[u8]) -> u8 {
        set[self.below(set.len())]
    }
}

fn rounds() -> usize {
    if std::env::var_os("POSTERN_LONG").is_some_and(|value| value == "1") { 1_000_000 } else { 20_000 }
}

fn stamp() -> Stamp {
    Stamp {
        reference: Reference("0193f5a0-0000-7000-8000-000000000001".parse().expect("a UUID")),
        at: "2026-11-24T10:42:00Z".parse().expect("a time"),
        control: 1,
        view: View::Gate,
        environment: Environment::Training,
    }
}

/// The standard's rule, written anew and without any table.
fn digit_of(text: &[u8]) -> u8 {
    let value = |c: u8| match c {
        b'0'..=b'9' => usize::from(c - b'0'),
        b'A'..=b'Z' => usize::from(c - b'A') + 10,
        _ => 0,
    };
    b'0' + (text.iter().enumerate().map(|(i, c)| value(*c) * [7, 3, 1][i % 3]).sum::<usize>() % 10) as u8
}

/// Whether the printed digit agrees with the printed number, from the columns alone.
fn number_digit_agrees(zone: &Mrz) -> bool {
    let lines: Vec<&[u8]> = zone.lines().map(str::as_bytes).collect();
    match zone.format() {
        Format::Td1 => {
            digit_of(&lines[0][5..14]) == lines[0][14] || long_agrees(&lines[0][5..15], &lines[0][15..])
        }
        Format::Td2 => {
            digit_of(&lines[1][..9]) == lines[1][9] || long_agrees(&lines[1][..10], &lines[1][28..35])
        }
        Format::Td3 | Format::MrvA | Format::MrvB => digit_of(&lines[1][..9]) == lines[1][9],
        Format::FrenchId => digit_of(&lines[1][..12]) == lines[1][12],
        Format::FrenchLicence | Format::OtherLicence => digit_of(&lines[0][..14]) == lines[0][14],
        Format::SwissLicence => false,
    }
}

fn long_agrees(field: &[u8], optional: &[u8]) -> bool {
    let token: Vec<u8> = optional.iter().copied().take_while(|c| *c != b'<').collect();
    let Some((printed, rest)) = token.split_last() else { return false };
    let excluded = [&field[..9], rest].concat();
    let included = [field, rest].concat();
    field[9] == b'<' && (digit_of(&excluded) == *printed || digit_of(&included) == *printed)
}

/// Everything that must hold of any frame.
fn check(frame: &[u8]) {
    let inbounds = MrzAdapter.decode(frame, &LinkOptions::default());
    assert_eq!(inbounds.len(), 1);
    match &inbounds[0] {
        Inbound::Fault(fault) => {
            assert!(fault.offset.is_some_and(|offset| offset <= frame.len() as u64));
            let reply = MrzAdapter.refuse(fault, &stamp());
            assert!(is_refer(&reply.body));
        }
        Inbound::Query(exchange) => {
            let id = if frame.contains(&b'#') { frame.iter().position(|c| *c == b';') } else { None };
            let zone = parse(&frame[id.map_or(0, |at| at + 1)..]).expect("what was decoded parses");
            let Some(Subject::TravelDocument(document)) = exchange.subjects.first() else {
                panic!("no document")
            };
            let trusted =
                matches!(document.reliability, Reliability::Verified | Reliability::VerifiedAmbiguous);
            assert_eq!(
                trusted,
                matches!(zone.confidence(), Confidence::Confirmed | Confidence::ConfirmedBlind)
            );
            assert!(!trusted || number_digit_agrees(&zone), "a number is trusted whose digit disagrees");
            assert!(document.alternatives.len() <= 11);
            assert!(zone.misreads().is_empty() || document.reliability == Reliability::Failed);
            let json = serde_json::to_string(exchange).expect("serialises");
            assert_eq!(&serde_json::from_str::<postern_sdk::Exchange>(&json).expect("reads back"), exchange);
            let told = vec![Told { gate: Gate::Refer, ..Told::refer() }; exchange.subjects.len()];
            let replies = MrzAdapter.encode(exchange, &told, Message::Answer, &stamp()).expect("a reply");
            assert!(is_refer(&replies[0].body));
        }
        other => panic!("{other:?}"),
    }
}

/// Five fields, of which the third is refer and the last is none.
fn is_refer(body: &[u8]) -> bool {
    let fields: Vec<_> = body.split(|c| *c == b';').collect();
    fields.len() == 5 && fields[0] == b"P1" && fields[2] == b"refer" && fields[4] == b"-"
}

fn mutate(random: &mut Random, frame: &mut Vec<u8>) {
    let at = random.below(frame.len().max(1)).min(frame.len());
    match random.below(8) {
        0..=3 if at < frame.len() => frame[at] = random.of(PALETTE),
        4 => frame.insert(at, random.of(PALETTE)),
        5 if at < frame.len() => drop(frame.remove(at)),
        6 if at + 1 < frame.len() => frame.swap(at, at + 1),
        7 if random.below(4) == 0 => frame.truncate(at),
        _ => {}
    }
}

#[test]
fn mutated_zones() {
    // One to six edits of real zones: most still parse, so the fields are reached.
    let mut random = Random::stream(1);
    let mut queries = 0;
    for round in 0..rounds() {
        let mut frame = SEEDS[round % SEEDS.len()].as_bytes().to_vec();
        for _ in 0..=random.below(6) {
            mutate(&mut random, &mut frame);
        }
        queries += usize::from(parse(&frame).is_ok());
        check(&frame);
    }
    assert!(queries * 4 > rounds(), "the mutations reach the fields");
}

#[test]
fn random_bytes() {
    // Any bytes of any length.
    let mut random = Random::stream(2);
    for _ in 0..rounds() {
        let frame: Vec<u8> = (0..random.below(200)).map(|_| random.next() as u8).collect();
        check(&frame);
    }
}

#[test]
fn random_zones() {
    // Canonical characters in every layout's widths: all fields hold anything at all.
    let mut random = Random::stream(3);
    for _ in 0..rounds() {
        let widths: &[usize] =
            [&[44, 44][..], &[36, 36], &[30, 30, 30], &[9, 30, 30], &[30], &[88], &[72], &[90]]
                [random.below(8)];
        let mut frame = vec![];
        for width in widths {
            frame.extend((0..*width).map(|_| random.of(&PALETTE[..42])));
            frame.push(b'\n');
        }
        frame[0] = random.of(b"PVIACDX");
        check(&frame);
    }
}
