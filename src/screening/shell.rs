//! The thin shell around the inquiries of an exchange: it asks the sources, keeps the time, and takes what comes too late.
//!
//! All subjects of an exchange run inside one future. A source that answers from memory is asked on the spot, so a
//! screening that only needs the copy awaits nothing, spawns nothing and costs little more than its lookups. A source
//! that has to wait is asked in a task of its own, because its answer is worth having after the deadline too: it goes to
//! the [`LateSink`] then, and settles the recheck. A source that panics has failed inside Postern and takes nothing
//! else with it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use postern_sdk::{Answer, Context, Database, Exchange, Finding, Outcome, Query, Reason, Reference, Source};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Ask, Follow, Given, Inquiry, Lookup, Policy, Sources, Step, ceiling, plan, sampled};
use crate::clock::{Clock, Reading};

/// How long after the deadline an answer is still waited for. A source has limits of its own; this one holds if they fail,
/// and what is not heard by then is left to the recheck.
const LATE_WAIT_MAX: Duration = Duration::from_secs(60);

/// FIND's answer to one query, come after the outcome was concluded. It finds its screening by the reference and may
/// come before that screening's record is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// The exchange's reference.
    pub reference: Reference,
    /// The subject's place in the exchange, from 0.
    pub subject: usize,
    /// The question.
    pub query: Query,
    /// The answers; their hits are graded within the query's basis. At least one says more than `not checked`.
    pub answers: Vec<Answer>,
}

/// Where late answers go. It is bounded: what does not fit is counted and dropped, and the recheck in the journal record
/// still stands.
pub type LateSink = mpsc::Sender<Late>;

/// What is to be screened, and by when.
#[derive(Clone, Debug)]
pub struct Order {
    /// The exchange, its context complete.
    pub exchange: Arc<Exchange>,
    /// Its reference.
    pub reference: Reference,
    /// Which databases are asked, and how.
    pub policy: Arc<Policy>,
    /// The databases that are not to be asked, each with the reason: not granted, suspended, not configured.
    pub barred: Vec<(Database, Reason)>,
    /// When the outcomes are due.
    pub deadline: Instant,
}

/// The result, in the order of the exchange's subjects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Screened {
    /// What is concluded of each subject.
    pub outcomes: Vec<Outcome>,
    /// What must follow for each subject.
    pub follow: Vec<Follow>,
}

/// Screens exchanges. One serves the whole daemon.
pub struct Screener {
    find: Option<Arc<dyn Lookup>>,
    mind: Option<Arc<dyn Lookup>>,
    clock: Clock,
    late: LateSink,
}

impl Screener {
    /// A screener over the sources that there are.
    pub fn new(
        find: Option<Arc<dyn Lookup>>,
        mind: Option<Arc<dyn Lookup>>,
        clock: Clock,
        late: LateSink,
    ) -> Self {
        Self { find, mind, clock, late }
    }

    /// Screens every subject of an exchange. It returns by the order's deadline at the latest, with the best honest
    /// outcome; it can't fail. It must run inside a tokio runtime with time enabled.
    pub async fn screen(&self, order: Order) -> Screened {
        let mut round = Round::new(self, &order);
        round.start();
        round.wait().await;
        round.conclude()
    }

    fn source(&self, source: Source) -> Option<&Arc<dyn Lookup>> {
        match source {
            Source::Find => self.find.as_ref(),
            Source::Mind => self.mind.as_ref(),
        }
    }
}

impl std::fmt::Debug for Screener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screener")
            .field("find", &self.find.is_some())
            .field("mind", &self.mind.is_some())
            .finish_non_exhaustive()
    }
}

/// Answers on their way back from a task.
struct Heard {
    subject: usize,
    step: Step,
    answers: Vec<Answer>,
}

type Channel = (mpsc::UnboundedSender<Heard>, mpsc::UnboundedReceiver<Heard>);

/// The screening of one exchange.
struct Round<'a> {
    screener: &'a Screener,
    order: &'a Order,
    began: Instant,
    context: Arc<Context>,
    inquiries: Vec<Inquiry<'a>>,
    /// Made for the first task. It holds at most one message a step, and the steps of a plan are bounded.
    channel: Option<Channel>,
}

impl<'a> Round<'a> {
    fn new(screener: &'a Screener, order: &'a Order) -> Self {
        let began = Instant::now();
        let reading = screener.clock.read();
        let given = Given {
            policy: &order.policy,
            barred: &order.barred,
            sources: Sources { find: screener.find.is_some(), mind: screener.mind.is_some() },
            reading,
            deadline: order.deadline.saturating_duration_since(began),
            sampled: false,
        };
        let plans = plan(&order.exchange, &order.policy, today(reading));
        let inquiry = |(subject, plan)| {
            let sampled = sampled(order.reference, subject, order.policy.recheck_permille);
            Inquiry::new(plan, Given { sampled, ..given })
        };
        let inquiries = plans.into_iter().enumerate().map(inquiry).collect();
        let context = Arc::new(order.exchange.context.clone());
        Self { screener, order, began, context, inquiries, channel: None }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn start(&mut self) {
        for subject in 0..self.inquiries.len() {
            let steps = self.inquiries[subject].start();
            self.run(subject, steps);
        }
    }

    /// Waits until every inquiry is settled.
    async fn wait(&mut self) {
        while let Some(wake) = self.next_wake() {
            let timer = sleep_until(self.began + wake);
            tokio::select! {
                biased;
                heard = next(&mut self.channel) => self.take(heard),
                () = timer => self.tick(),
            }
        }
    }

    fn next_wake(&self) -> Option<Duration> {
        // Without a task everything was answered on the spot.
        self.channel.as_ref()?;
        let now = self.now();
        self.inquiries.iter().filter_map(|inquiry| inquiry.next_wake(now)).min()
    }

    fn take(&mut self, heard: Heard) {
        let now = self.now();
        let steps = self.inquiries[heard.subject].heard(&heard.step, heard.answers, now);
        self.run(heard.subject, steps);
    }

    fn tick(&mut self) {
        let now = self.now();
        for subject in 0..self.inquiries.len() {
            let steps = self.inquiries[subject].tick(now);
            self.run(subject, steps);
        }
    }

    /// Does the steps, and those that follow from answers on the spot.
    fn run(&mut self, subject: usize, steps: Vec<Step>) {
        let mut steps = VecDeque::from(steps);
        while let Some(step) = steps.pop_front() {
            if let Some(answers) = self.ask(subject, &step) {
                let now = self.now();
                steps.extend(self.inquiries[subject].heard(&step, answers, now));
            }
        }
    }

    /// Asks; none if the answers will come through the channel.
    fn ask(&mut self, subject: usize, step: &Step) -> Option<Vec<Answer>> {
        let Some(source) = self.screener.source(step.source) else { return Some(failed(step)) };
        let ask = Ask {
            reference: self.order.reference,
            context: Arc::clone(&self.context),
            query: self.inquiries[subject].queries()[usize::from(step.query)].clone(),
            number: step.query,
            databases: step.databases.clone(),
            deadline: self.order.deadline,
        };
        match catch_unwind(AssertUnwindSafe(|| source.ask_now(&ask))) {
            Err(_) => Some(failed(step)),
            Ok(Some(answers)) => Some(answers),
            Ok(None) => {
                let source = Arc::clone(source);
                self.spawn(subject, step.clone(), source, ask);
                None
            }
        }
    }

    fn spawn(&mut self, subject: usize, step: Step, source: Arc<dyn Lookup>, ask: Ask) {
        let (back, _) = self.channel.get_or_insert_with(mpsc::unbounded_channel);
        let (back, sink) = (back.clone(), self.screener.late.clone());
        let (reference, query) = (ask.reference, ask.query.clone());
        let give_up = ask.deadline + LATE_WAIT_MAX;
        tokio::spawn(async move {
            let answers = AssertUnwindSafe(async move { source.ask(ask).await }).catch_unwind();
            let Ok(answers) = timeout_at(give_up, answers).await else { return };
            let answers = answers.unwrap_or_else(|_| failed(&step));
            if let Err(mpsc::error::SendError(heard)) = back.send(Heard { subject, step, answers }) {
                tell_late(&sink, heard, reference, query);
            }
        });
    }

    /// Takes what has come by now, and concludes. From here on an answer is late.
    fn conclude(mut self) -> Screened {
        let now = self.now();
        if let Some((_, mut receiver)) = self.channel.take() {
            receiver.close();
            while let Ok(heard) = receiver.try_recv() {
                self.inquiries[heard.subject].heard(&heard.step, heard.answers, now);
            }
        }
        let (outcomes, follow) = self.inquiries.into_iter().map(|inquiry| inquiry.conclude(now)).unzip();
        Screened { outcomes, follow }
    }
}

/// The next answers from a task.
async fn next(channel: &mut Option<Channel>) -> Heard {
    match channel {
        // A sender is kept beside the receiver, so the channel never ends.
        Some((_, receiver)) => match receiver.recv().await {
            Some(heard) => heard,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

fn today(reading: Reading) -> Date {
    TimeZone::UTC.to_datetime(reading.now).date()
}

/// What is said of a source that failed inside Postern.
fn failed(step: &Step) -> Vec<Answer> {
    let answer = |database: &Database| {
        Answer::new(*database, step.query, step.source, Finding::NotChecked(Reason::Internal))
    };
    step.databases.iter().map(answer).collect()
}

fn tell_late(sink: &LateSink, heard: Heard, reference: Reference, query: Query) {
    let says_something = heard.answers.iter().any(|answer| answer.finding.not_checked().is_none());
    if heard.step.source != Source::Find || !says_something {
        return;
    }
    let mut answers = heard.answers;
    for answer in &mut answers {
        if let Finding::Hits(hits) = &mut answer.finding {
            hits.iter_mut().for_each(|hit| hit.class = hit.class.max(ceiling(query.basis)));
        }
    }
    if sink.try_send(Late { reference, subject: heard.subject, query, answers }).is_err() {
        metrics::counter!("postern_late_answers_dropped_total").increment(1);
    }
}
