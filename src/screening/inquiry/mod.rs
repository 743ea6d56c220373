//! The screening of one subject, as a machine that does nothing but decide.
//!
//! An [`Inquiry`] is told what was planned, what the sources said and how much time has passed; it says what to ask next,
//! when it wants to be woken, whether it is settled, and at any moment what the best honest outcome is. It never waits,
//! asks or reads a clock, so every mode, race and deadline is a sequence of calls that a test can write down.
//!
//! Its state is a table of cells, one for each pair of database and query, each with what is known from either source
//! ([`cell`]). From the cells of a database follows its conclusion ([`merge`]). Time is a plain duration since the start.

mod cell;
mod merge;

use std::time::Duration;

use postern_sdk::{Answer, Database, Finding, MatchClass, Outcome, Reason, Source};

use self::cell::{Cell, Limits, Slot};
use super::follow::{Follow, Place};
use super::grade::ceiling;
use super::plan::Plan;
use super::word::{Trust, Word};
use super::{Mode, Policy};
use crate::clock::Reading;

/// Which sources there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Whether FIND is configured.
    pub find: bool,
    /// Whether there is a copy.
    pub mind: bool,
}

impl Sources {
    const fn has(self, source: Source) -> bool {
        match source {
            Source::Find => self.find,
            Source::Mind => self.mind,
        }
    }
}

/// What an inquiry starts from, beside its plan.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// Times, ages and modes.
    pub policy: &'a Policy,
    /// The databases that are not to be asked, each with the reason: not granted, suspended, not configured.
    pub barred: &'a [(Database, Reason)],
    /// Which sources there are.
    pub sources: Sources,
    /// The clock at the start, from which the age of the copy counts.
    pub reading: Reading,
    /// When the outcome is due, from the start.
    pub deadline: Duration,
    /// Whether the fresh misses of this subject are rechecked by sample. See [`super::sampled`].
    pub sampled: bool,
}

/// Something to do: ask one source one query about some databases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whom to ask.
    pub source: Source,
    /// Which query of the plan.
    pub query: u16,
    /// About which databases, at least one.
    pub databases: Vec<Database>,
}

/// The screening of one subject. See the module's document.
#[derive(Debug)]
pub struct Inquiry<'a> {
    given: Given<'a>,
    plan: Plan,
    limits: Limits,
    /// The cell of a database and a query stands at `database * queries + query`.
    cells: Vec<Cell>,
    answers: Vec<Answer>,
    /// Whether a certain hit in the mode `hedged` is to go out at once.
    certain: bool,
}

impl<'a> Inquiry<'a> {
    /// An inquiry that has asked nothing yet.
    pub fn new(plan: Plan, given: Given<'a>) -> Self {
        let cells = vec![Cell::default(); plan.databases.len() * plan.queries.len()];
        let limits = Limits::new(given.policy, given.deadline);
        let answers = Vec::with_capacity(cells.len());
        Self { given, plan, limits, cells, answers, certain: false }
    }

    /// What to ask first.
    pub fn start(&mut self) -> Vec<Step> {
        self.advance(Duration::ZERO)
    }

    /// Takes the answers to a step that was asked, and says what to ask next.
    ///
    /// An answer about something else than the step asked is not used. A database of the step without an answer has not
    /// been checked, whatever the source said of the others.
    pub fn heard(&mut self, step: &Step, answers: Vec<Answer>, now: Duration) -> Vec<Step> {
        for answer in answers {
            let is_asked = answer.source == step.source
                && answer.query == step.query
                && step.databases.contains(&answer.database);
            if is_asked {
                self.take(answer, now);
            }
        }
        for database in &step.databases {
            if let Some(at) = self.index(*database, step.query) {
                let slot = self.cells[at].slot(step.source);
                if matches!(slot, Slot::Asked(_)) {
                    *slot = Slot::Heard(Word::not_checked(Reason::BlockMissing));
                }
            }
        }
        self.advance(now)
    }

    /// Takes note of the time, and says what to ask next.
    pub fn tick(&mut self, now: Duration) -> Vec<Step> {
        self.advance(now)
    }

    /// When [`tick`](Self::tick) is due if nothing is heard before; none if the inquiry is settled.
    pub fn next_wake(&self, now: Duration) -> Option<Duration> {
        if self.is_settled(now) {
            return None;
        }
        let wakes = self.open_cells(now).filter_map(|(mode, cell)| cell.next_wake(mode, &self.limits));
        Some(wakes.filter(|wake| *wake > now).min().unwrap_or(self.given.deadline).min(self.given.deadline))
    }

    /// Whether waiting longer can't, or must not, change the outcome: everything is answered, the deadline has come, or a
    /// certain hit in the mode `hedged` is to go out at once. Such a hit settles its subject; of what is not heard by then
    /// the outcome says that there was no answer in time, and it is asked again.
    pub fn is_settled(&self, now: Duration) -> bool {
        self.certain || now >= self.given.deadline || self.open_cells(now).next().is_none()
    }

    /// The best honest outcome at this time, and what must follow from it.
    pub fn conclude(self, now: Duration) -> (Outcome, Follow) {
        if self.plan.outside_policy {
            return (Outcome::outside_policy(), Follow::default());
        }
        let follow = self.follow(now);
        let conclusions =
            merge::conclusions(&self.plan, self.given, &self.limits, &self.cells, self.answers, now);
        let outcome = Outcome::conclude(conclusions, self.plan.queries);
        let case = outcome.databases().iter().any(|one| matches!(one.finding, Finding::Hits(_)));
        (outcome, Follow { case, ..follow })
    }

    /// The queries, to which the numbers of steps refer.
    pub fn queries(&self) -> &[postern_sdk::Query] {
        &self.plan.queries
    }

    fn advance(&mut self, now: Duration) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.certain || now >= self.given.deadline {
            return steps;
        }
        for query in 0..u16::try_from(self.plan.queries.len()).unwrap_or(u16::MAX) {
            let mut wanted = [(Source::Find, Vec::new()), (Source::Mind, Vec::new())];
            for row in 0..self.plan.databases.len() {
                self.advance_cell(row, query, now, &mut wanted);
            }
            let asked = wanted.into_iter().filter(|(_, databases)| !databases.is_empty());
            steps.extend(asked.map(|(source, databases)| Step { source, query, databases }));
        }
        steps
    }

    fn advance_cell(
        &mut self,
        row: usize,
        query: u16,
        now: Duration,
        wanted: &mut [(Source, Vec<Database>); 2],
    ) {
        let (database, mode) = self.plan.databases[row];
        if barred(self.given.barred, database).is_some() {
            return;
        }
        let cell = &mut self.cells[row * self.plan.queries.len() + usize::from(query)];
        while let Some(source) = cell.wants(mode, &self.limits, now) {
            if self.given.sources.has(source) {
                *cell.slot(source) = Slot::Asked(now);
                wanted[usize::from(source == Source::Mind)].1.push(database);
            } else if source == Source::Find && matches!(cell.mind, Slot::Asked(_)) {
                // Nobody else can be asked while the copy is slow: its fresh miss would still stand.
                return;
            } else {
                *cell.slot(source) = Slot::Heard(Word::not_checked(absent(source)));
            }
        }
    }

    fn take(&mut self, mut answer: Answer, now: Duration) {
        let Some(at) = self.index(answer.database, answer.query) else { return };
        let trust = Trust::of(&answer, self.given.reading, &self.given.policy.ages);
        if trust == Trust::Purged && answer.finding.not_checked().is_none() {
            answer.finding = Finding::NotChecked(Reason::CopyPurged);
            answer.unchecked = None;
        }
        if answer.source == Source::Find && answer.data_as_of.is_none() {
            let reading = self.given.reading.now;
            answer.data_as_of = Some(reading.checked_add(now).unwrap_or(reading));
        }
        let word = Word::of(&answer, trust);
        let slot = self.cells[at].slot(answer.source);
        *slot = match *slot {
            Slot::Heard(before) => Slot::Heard(before.and(word)),
            _ => Slot::Heard(word),
        };
        self.certain |= self.goes_out_at_once(at, &answer, trust);
        self.answers.push(answer);
    }

    fn goes_out_at_once(&self, at: usize, answer: &Answer, trust: Trust) -> bool {
        let queries = self.plan.queries.len();
        let withdrawn = answer.source == Source::Mind && self.cells[at].may_be_withdrawn();
        self.plan.databases[at / queries].1 == Mode::Hedged
            && trust.remark().is_none()
            && !withdrawn
            && ceiling(self.plan.queries[at % queries].basis) == MatchClass::Exact
            && answer.finding.hits().iter().any(postern_sdk::Hit::is_certain)
    }

    fn index(&self, database: Database, query: u16) -> Option<usize> {
        let row = self.plan.databases.iter().position(|(one, _)| *one == database)?;
        let query = usize::from(query);
        (query < self.plan.queries.len()).then(|| row * self.plan.queries.len() + query)
    }

    /// The cells that are to be asked, each with its place and mode.
    fn asked_cells(&self) -> impl Iterator<Item = (Place, Mode, &Cell)> {
        let queries = self.plan.queries.len();
        let rows = self.plan.databases.iter().zip(self.cells.chunks(queries.max(1)));
        let rows = rows.filter(|((database, _), _)| barred(self.given.barred, *database).is_none());
        rows.flat_map(|((database, mode), cells)| {
            let place = |query: u16| Place { query, database: *database };
            (0..).zip(cells).map(move |(query, cell)| (place(query), *mode, cell))
        })
    }

    /// The cells of which more can be heard.
    fn open_cells(&self, now: Duration) -> impl Iterator<Item = (Mode, &Cell)> {
        self.asked_cells()
            .filter(move |(_, mode, cell)| !cell.is_settled(*mode, &self.limits, now))
            .map(|(_, mode, cell)| (mode, cell))
    }

    fn follow(&self, now: Duration) -> Follow {
        let mut follow = Follow::default();
        for (place, mode, cell) in self.asked_cells() {
            if cell.is_to_recheck(mode, &self.limits, now, self.given.sampled) {
                follow.rechecks.push(place);
            }
            if matches!(cell.find, Slot::Asked(_)) {
                follow.late.push(place);
            }
        }
        follow
    }
}

/// Why a database is not to be asked, if so.
fn barred(barred: &[(Database, Reason)], database: Database) -> Option<Reason> {
    barred.iter().find(|(one, _)| *one == database).map(|(_, reason)| *reason)
}

/// What is said of a source that does not exist.
const fn absent(source: Source) -> Reason {
    match source {
        Source::Find => Reason::NotConfigured,
        Source::Mind => Reason::CopyMissing,
    }
}
