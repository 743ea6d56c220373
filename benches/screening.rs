//! What a screening costs beyond its lookups: one document, two databases, a copy that answers on the spot.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use postern::clock::Clock;
use postern::screening::{Ages, Answers, Ask, Lookup, Mode, Order, Policy, Screener};
use postern_sdk::{
    Answer, Context, Database, Exchange, Finding, Reference, Source, Subject, TravelDocument, Verdict,
};

const ROUNDS: u32 = 200_000;

/// A copy without a record.
struct Empty(Timestamp);

impl Lookup for Empty {
    fn source(&self) -> Source {
        Source::Mind
    }

    fn ask(self: Arc<Self>, ask: Ask) -> Answers {
        let answers = self.answers(&ask);
        Box::pin(std::future::ready(answers))
    }

    fn ask_now(&self, ask: &Ask) -> Option<Vec<Answer>> {
        Some(self.answers(ask))
    }
}

impl Empty {
    fn answers(&self, ask: &Ask) -> Vec<Answer> {
        let answer = |database: &Database| Answer {
            data_as_of: Some(self.0),
            ..Answer::new(*database, ask.number, Source::Mind, Finding::NoRecord)
        };
        ask.databases.iter().map(answer).collect()
    }
}

fn exchange() -> Exchange {
    let document = TravelDocument {
        number: "L898902C3".parse().ok(),
        issuer: "UTO".parse().ok(),
        doc_type: "P".parse().ok(),
        ..TravelDocument::default()
    };
    let text = |text: &str| Some(text.to_owned());
    let context = Context {
        client: "gate-7".to_owned(),
        agency: text("border police"),
        end_user: Some("gate 7".into()),
        terminal: text("T1-7"),
        site: text("ZZA"),
        purpose: text("border"),
        sender_id: text("4711"),
        ..Context::default()
    };
    Exchange { context, subjects: vec![Subject::TravelDocument(document)], ..Exchange::default() }
}

fn order(exchange: &Arc<Exchange>, policy: &Arc<Policy>) -> Order {
    Order {
        exchange: Arc::clone(exchange),
        reference: Reference(uuid::Uuid::from_u128(7)),
        policy: Arc::clone(policy),
        barred: Vec::new(),
        deadline: tokio::time::Instant::now() + Duration::from_secs(2),
    }
}

fn main() {
    let clock = Clock::system();
    let (late, _late) = tokio::sync::mpsc::channel(1);
    let screener = Screener::new(None, Some(Arc::new(Empty(clock.now()))), clock, late);
    let policy = Arc::new(Policy {
        name: "bench".to_owned(),
        databases: [(Database::Sltd, Mode::Mind), (Database::Tdawn, Mode::Mind)].into(),
        find_timeout: Duration::from_millis(1200),
        hedge_limit: Duration::from_millis(600),
        ages: Ages::default(),
        recheck_permille: 0,
    });
    let exchange = Arc::new(exchange());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    runtime.block_on(async {
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let began = Instant::now();
            for _ in 0..ROUNDS {
                let screened = black_box(screener.screen(order(&exchange, &policy)).await);
                assert_eq!(screened.outcomes[0].verdict(), Verdict::NoRecord);
            }
            best = best.min(began.elapsed());
        }
        println!("screening/copy_only_two_databases: {} ns", best.as_nanos() / u128::from(ROUNDS));
    });
}
