//! What decoding and encoding cost, on one core: nanoseconds a message, median of batches.

use std::hint::black_box;
use std::time::Instant;

use postern_json::JsonAdapter;
use postern_sdk::{Adapter, Inbound, LinkOptions};

const DOCUMENT: &str = r#"{"version":1,"id":"booth-4-000124","context":{"agency":"Border Police","end_user":"officer-17","terminal":"booth-4","site":"ZZA","direction":"entry","purpose":"border_check"},"subjects":[{"kind":"travel_document","number":"ZZ9000001","issuer":"UTO","type":"PAS","expiry":"2031-01-01"}]}"#;
const ZONE: &str = r#"{"context":{"end_user":"officer-17"},"subjects":[{"kind":"mrz","lines":["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<","L898902C36UTO7408122F1204159ZE184226B<<<<<10"]}]}"#;
const BATCH: u32 = 20_000;

fn main() {
    let options = LinkOptions::default();
    for (name, message) in [("document", DOCUMENT), ("zone", ZONE)] {
        let decode = || JsonAdapter.decode(black_box(message.as_bytes()), &options);
        assert!(matches!(decode()[..], [Inbound::Query(_)]));
        let mut ns: Vec<u128> = (0..15)
            .map(|_| {
                let start = Instant::now();
                for _ in 0..BATCH {
                    black_box(decode());
                }
                start.elapsed().as_nanos() / u128::from(BATCH)
            })
            .collect();
        ns.sort_unstable();
        println!("decode {name}: {} ns ({} bytes)", ns[ns.len() / 2], message.len());
    }
}
