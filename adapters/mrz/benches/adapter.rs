//! Cost of the adapter: a passport decoded into an exchange, and its reply encoded.
//!
//! `cargo bench -p postern-mrz --bench adapter`

use std::hint::black_box;
use std::time::Instant;

use postern_mrz::MrzAdapter;
use postern_sdk::{
    Adapter, Environment, Exchange, Gate, Inbound, LinkOptions, Message, Reference, Stamp, Told, View,
};

const FRAME: &[u8] =
    b"#gate-1;P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\r\nL898902C36UTO7408122F1204159ZE184226B<<<<<10";

/// Best of seven rounds, in nanoseconds a call.
fn measure<T>(mut work: impl FnMut() -> T) -> f64 {
    const CALLS: u32 = 50_000;
    let round = |_| {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(work());
        }
        start.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    (0..7).map(round).fold(f64::INFINITY, f64::min)
}

fn exchange() -> Exchange {
    match MrzAdapter.decode(FRAME, &LinkOptions::default()).remove(0) {
        Inbound::Query(exchange) => exchange,
        other => panic!("{other:?}"),
    }
}

fn main() {
    let options = LinkOptions::default();
    println!("{:<34}{:>9.1} ns", "decode a TD3", measure(|| MrzAdapter.decode(black_box(FRAME), &options)));
    let stamp = Stamp {
        reference: Reference("0193f5a0-0000-7000-8000-000000000001".parse().expect("a UUID")),
        at: "2026-11-24T10:42:00Z".parse().expect("a time"),
        control: 1,
        view: View::Gate,
        environment: Environment::Training,
    };
    let told = vec![Told { gate: Gate::Continue, data_as_of: Some(stamp.at), ..Told::refer() }; 2];
    let exchange = exchange();
    let encode = || MrzAdapter.encode(black_box(&exchange), &told, Message::Answer, &stamp);
    println!("{:<34}{:>9.1} ns", "encode its reply", measure(encode));
}
