//! The shell in paused time: nothing here waits for a clock on a wall.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use postern_sdk::{
    Answer, Basis, Database, Finding, Hit, MatchClass, Outcome, Person, Reason, Reference, Source, Subject,
    TravelDocument, Verdict,
};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::super::{Answers, Ask, Late, Lookup, Mode, Order, Policy, Screened, Screener};
use super::{document, exchange, hours_ago, ms, policy, present};
use crate::clock::Clock;

/// What a scripted source does with an ask.
#[derive(Clone, Copy)]
enum Act {
    NoRecord,
    Hit,
    Not(Reason),
    Panic,
    Never,
}

/// A source that acts after a time; after none it answers on the spot.
struct Scripted {
    source: Source,
    act: Act,
    after: Option<Duration>,
    asked: AtomicUsize,
}

impl Scripted {
    fn new(source: Source, act: Act, after: Option<Duration>) -> Arc<Self> {
        Arc::new(Self { source, act, after, asked: AtomicUsize::new(0) })
    }

    fn answers(&self, ask: &Ask) -> Vec<Answer> {
        let finding = match self.act {
            Act::NoRecord => Finding::NoRecord,
            Act::Hit => Finding::Hits(vec![Hit::new(MatchClass::Exact, "R1")]),
            Act::Not(reason) => Finding::NotChecked(reason),
            Act::Panic | Act::Never => panic!("a source that fails"),
        };
        let answer = |database: &Database| Answer {
            data_as_of: Some(hours_ago(1)),
            ..Answer::new(*database, ask.number, self.source, finding.clone())
        };
        ask.databases.iter().map(answer).collect()
    }
}

impl Lookup for Scripted {
    fn source(&self) -> Source {
        self.source
    }

    fn ask(self: Arc<Self>, ask: Ask) -> Answers {
        Box::pin(async move {
            tokio::time::sleep(self.after.unwrap_or_default()).await;
            match self.act {
                Act::Never => std::future::pending().await,
                _ => self.answers(&ask),
            }
        })
    }

    fn ask_now(&self, ask: &Ask) -> Option<Vec<Answer>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.after.is_none().then(|| self.answers(ask))
    }
}

struct Bench {
    screener: Screener,
    late: mpsc::Receiver<Late>,
}

fn bench(find: Option<Arc<Scripted>>, mind: Option<Arc<Scripted>>) -> Bench {
    let (sink, late) = mpsc::channel(4);
    let upcast = |one: Option<Arc<Scripted>>| one.map(|one| one as Arc<dyn Lookup>);
    Bench { screener: Screener::new(upcast(find), upcast(mind), Clock::from_fn(present), sink), late }
}

fn documents(mode: Mode) -> Policy {
    policy(&[(Database::Sltd, mode), (Database::Tdawn, mode)])
}

fn order(policy: Policy, subjects: Vec<Subject>) -> Order {
    Order {
        exchange: Arc::new(exchange(subjects)),
        reference: Reference(uuid::Uuid::from_u128(7)),
        policy: Arc::new(policy),
        barred: Vec::new(),
        deadline: Instant::now() + ms(1000),
    }
}

async fn screen(bench: &Bench, mode: Mode) -> (Screened, Duration) {
    let began = Instant::now();
    let screened =
        bench.screener.screen(order(documents(mode), vec![Subject::TravelDocument(document())])).await;
    (screened, began.elapsed())
}

fn find(act: Act, after_ms: u64) -> Option<Arc<Scripted>> {
    Some(Scripted::new(Source::Find, act, Some(ms(after_ms))))
}

fn copy(act: Act) -> Option<Arc<Scripted>> {
    Some(Scripted::new(Source::Mind, act, None))
}

fn statements(outcome: &Outcome) -> Vec<String> {
    outcome.databases().iter().map(ToString::to_string).collect()
}

// Proves that a screening by a copy that answers on the spot is done at the first poll, outside any runtime.
#[test]
fn copy_only_never_waits() {
    let bench = bench(None, copy(Act::NoRecord));
    let order = order(documents(Mode::Mind), vec![Subject::TravelDocument(document())]);
    let future = std::pin::pin!(bench.screener.screen(order));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(screened) = future.poll(&mut context) else { panic!("it waits") };
    assert_eq!(screened.outcomes[0].verdict(), Verdict::NoRecord);
    assert!(screened.follow[0].is_nothing());
}

// Proves that a source is asked one query about all its databases at once.
#[tokio::test(start_paused = true)]
async fn databases_are_asked_together() {
    let source = find(Act::NoRecord, 20);
    let bench = bench(source.clone(), None);
    let (screened, took) = screen(&bench, Mode::Find).await;
    assert_eq!(screened.outcomes[0].verdict(), Verdict::NoRecord);
    assert_eq!((took, source.unwrap().asked.load(Ordering::Relaxed)), (ms(20), 1));
}

// Proves that the deadline holds against a source that never answers, and that the copy gets its turn before it.
#[tokio::test(start_paused = true)]
async fn a_source_that_never_answers() {
    let (screened, took) = screen(&bench(find(Act::Never, 0), None), Mode::Find).await;
    assert_eq!(took, ms(1000));
    assert_eq!(statements(&screened.outcomes[0])[0], "SLTD not checked (no answer in time)");
    assert_eq!((screened.follow[0].rechecks.len(), screened.follow[0].late.len()), (2, 2));
    let (screened, took) = screen(&bench(find(Act::Never, 0), copy(Act::NoRecord)), Mode::FindThenMind).await;
    assert_eq!((took, screened.outcomes[0].verdict()), (ms(500), Verdict::NoRecord));
}

// Proves that the copy gets its turn before the deadline even if FIND's time-out is longer than the lane's time.
#[tokio::test(start_paused = true)]
async fn the_copy_gets_its_turn() {
    let bench = bench(find(Act::Never, 0), copy(Act::NoRecord));
    let long = Policy { find_timeout: ms(9000), ..documents(Mode::FindThenMind) };
    let began = Instant::now();
    let screened = bench.screener.screen(order(long, vec![Subject::TravelDocument(document())])).await;
    assert_eq!((began.elapsed(), screened.outcomes[0].verdict()), (ms(950), Verdict::NoRecord));
}

// Proves that FIND's answer after the deadline is still taken, graded within its basis, once.
#[tokio::test(start_paused = true)]
async fn late_answers_are_taken() {
    let mut bench = bench(find(Act::Hit, 5000), None);
    let mut misread = document();
    misread.reliability = postern_sdk::Reliability::Failed;
    let order = order(documents(Mode::Find), vec![Subject::TravelDocument(misread)]);
    let screened = bench.screener.screen(order).await;
    assert_eq!(screened.outcomes[0].verdict(), Verdict::NotEstablished);
    let late = bench.late.recv().await.unwrap();
    assert_eq!((late.subject, late.query.basis, late.answers.len()), (0, Basis::Unreliable, 2));
    assert_eq!(late.reference.0.as_u128(), 7);
    assert_eq!(late.answers[0].finding.hits()[0].class, MatchClass::MisreadVariant);
    drop(bench.screener);
    assert_eq!(bench.late.recv().await, None);
}

// Proves that a late failure and an answer in time don't go to the sink, and that a task ends with its source.
#[tokio::test(start_paused = true)]
async fn only_late_answers_are_told() {
    for (act, after) in [(Act::Not(Reason::Transport), 5000), (Act::NoRecord, 10), (Act::Never, 0)] {
        let mut bench = bench(find(act, after), None);
        screen(&bench, Mode::Find).await;
        drop(bench.screener);
        assert_eq!(bench.late.recv().await, None);
    }
}

// Proves that a full sink drops what does not fit and stops nobody.
#[tokio::test(start_paused = true)]
async fn full_sink() {
    let bench = bench(find(Act::NoRecord, 2000), None);
    for _ in 0..9 {
        screen(&bench, Mode::Find).await;
    }
    assert_eq!(bench.late.len(), 4);
}

// Proves that a panic in either source, waiting or on the spot, is an internal failure of that source alone.
#[tokio::test(start_paused = true)]
async fn a_source_that_panics() {
    let (screened, _) = screen(&bench(find(Act::Panic, 10), None), Mode::Find).await;
    assert_eq!(statements(&screened.outcomes[0])[0], "SLTD not checked (internal failure)");
    let broken = Scripted::new(Source::Mind, Act::Panic, None);
    let (screened, _) = screen(&bench(find(Act::NoRecord, 10), Some(broken)), Mode::MindThenFind).await;
    assert_eq!(screened.outcomes[0].verdict(), Verdict::NoRecord);
    assert_eq!(screened.outcomes[0].databases()[0].source, Some(Source::Find));
}

// Proves that a hit of the copy goes out at once in the mode hedged, while FIND's answer is taken when it comes.
#[tokio::test(start_paused = true)]
async fn hedged_hit_at_once() {
    let mut bench = bench(find(Act::NoRecord, 200), copy(Act::Hit));
    let (screened, took) = screen(&bench, Mode::Hedged).await;
    assert_eq!((took, screened.outcomes[0].verdict()), (ms(0), Verdict::Hit));
    assert_eq!(bench.late.recv().await.unwrap().answers[0].finding, Finding::NoRecord);
}

// Proves that all subjects of an exchange wait together, not one after another, and that each has its outcome.
#[tokio::test(start_paused = true)]
async fn subjects_wait_together() {
    let bench = bench(find(Act::NoRecord, 400), None);
    let number = |i: usize| Some(format!("DOC{i:06}").parse().unwrap());
    let mut subjects: Vec<Subject> = (0..100)
        .map(|i| Subject::TravelDocument(TravelDocument { number: number(i), ..document() }))
        .collect();
    subjects.push(Subject::Person(Person::default()));
    let began = Instant::now();
    let screened = bench.screener.screen(order(documents(Mode::Find), subjects)).await;
    assert_eq!(began.elapsed(), ms(400));
    assert_eq!(screened.outcomes.len(), 101);
    assert!(screened.outcomes[..100].iter().all(|outcome| outcome.verdict() == Verdict::NoRecord));
    assert!(screened.outcomes[100].is_outside_policy() && screened.follow[100].is_nothing());
}

// Proves that an answer which came while the deadline passed is used and not called late.
#[tokio::test(start_paused = true)]
async fn an_answer_at_the_deadline() {
    let mut bench = bench(find(Act::Hit, 1000), None);
    let (screened, _) = screen(&bench, Mode::Find).await;
    drop(bench.screener);
    let used = screened.outcomes[0].verdict() == Verdict::Hit;
    let late = bench.late.recv().await.is_some();
    assert!(used != late, "used {used}, late {late}");
}

/// A source that answers when it is let.
struct Gated(Arc<Semaphore>);

impl Lookup for Gated {
    fn source(&self) -> Source {
        Source::Mind
    }

    fn ask(self: Arc<Self>, ask: Ask) -> Answers {
        Box::pin(async move {
            let _permit = self.0.acquire().await;
            Scripted::new(Source::Mind, Act::NoRecord, None).answers(&ask)
        })
    }
}

// Proves that a copy that hangs does not keep FIND from being asked.
#[tokio::test(start_paused = true)]
async fn a_copy_that_hangs() {
    let gate = Arc::new(Semaphore::new(0));
    let (sink, _late) = mpsc::channel(4);
    let online = find(Act::NoRecord, 10).map(|one| one as Arc<dyn Lookup>);
    let mind: Option<Arc<dyn Lookup>> = Some(Arc::new(Gated(Arc::clone(&gate))));
    let bench = Screener::new(online, mind, Clock::from_fn(present), sink);
    let began = Instant::now();
    let subjects = vec![Subject::TravelDocument(document())];
    let screened = bench.screen(order(documents(Mode::MindThenFind), subjects)).await;
    assert_eq!((began.elapsed(), screened.outcomes[0].verdict()), (ms(110), Verdict::NoRecord));
    gate.add_permits(1);
}
