//! A world of scripted sources in virtual time, in which an inquiry runs to its end.

use std::time::Duration;

use postern_sdk::{Answer, Basis, Database, Finding, Hit, MatchClass, Outcome, Reason, Source};

use super::super::{Follow, Given, Inquiry, Mode, Policy, Sources, Step};
use super::{hours_ago, ms, plan_with, policy, present};
use crate::clock::Reading;

pub(super) const DEADLINE: Duration = ms(1000);

/// What a source says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    NoRecord,
    Exact,
    Weak,
    Not(Reason),
    /// It answers without this database's block.
    Missing,
    /// It answers with an empty list of hits.
    NoHits,
    /// An exact hit, beside which the rest of the database is not checked.
    ExactBut(Reason),
    /// No record, and yet a reason why the database is not checked: a contradiction that a source must not make.
    NoRecordBut(Reason),
}

impl Say {
    /// Why, beside what is said, the rest is not checked.
    pub(super) const fn beside(self) -> Option<Reason> {
        match self {
            Self::ExactBut(reason) | Self::NoRecordBut(reason) => Some(reason),
            _ => None,
        }
    }

    pub(super) const fn is_exact(self) -> bool {
        matches!(self, Self::Exact | Self::ExactBut(_))
    }
}

/// What a source says of one cell, how long after it was asked, and from data of which age in hours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Script {
    pub(super) say: Say,
    pub(super) after_ms: Option<u64>,
    pub(super) age_h: Option<i64>,
}

/// Both sources' scripts for one cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct CellScript {
    pub(super) find: Script,
    pub(super) mind: Script,
}

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) modes: Vec<(Database, Mode)>,
    pub(super) queries: usize,
    /// The cell of a database and a query stands at `database * queries + query`.
    pub(super) cells: Vec<CellScript>,
    pub(super) barred: Vec<(Database, Reason)>,
    pub(super) sources: Sources,
    pub(super) clock_trusted: bool,
    pub(super) unreliable: bool,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) outcome: Outcome,
    pub(super) follow: Follow,
    pub(super) end: Duration,
    pub(super) asked: Vec<(Source, u16, Database)>,
    /// What the inquiry heard by the end.
    pub(super) heard: Vec<Answer>,
    /// Which asks came back by the end, with or without an answer.
    pub(super) came: Vec<(Source, u16, Database)>,
}

impl Script {
    pub(super) const fn find(say: Say) -> Self {
        Self { say, after_ms: Some(10), age_h: None }
    }

    pub(super) const fn mind(say: Say, age_h: i64) -> Self {
        Self { say, after_ms: Some(0), age_h: Some(age_h) }
    }

    pub(super) const fn after(mut self, after_ms: Option<u64>) -> Self {
        self.after_ms = after_ms;
        self
    }

    fn answer(self, database: Database, query: u16, source: Source) -> Option<Answer> {
        let hit = |class| Finding::Hits(vec![Hit::new(class, record(database, query, source))]);
        let finding = match self.say {
            Say::Missing => return None,
            Say::NoRecord | Say::NoRecordBut(_) => Finding::NoRecord,
            Say::NoHits => Finding::Hits(Vec::new()),
            Say::Not(reason) => Finding::NotChecked(reason),
            Say::Exact | Say::ExactBut(_) => hit(MatchClass::Exact),
            Say::Weak => hit(MatchClass::TypeDiffers),
        };
        let mut answer = Answer::new(database, query, source, finding);
        answer.unchecked = self.say.beside();
        answer.data_as_of = self.age_h.map(hours_ago);
        Some(answer)
    }
}

/// The id of the one record that a source has in a cell.
pub(super) fn record(database: Database, query: u16, source: Source) -> String {
    format!("{}-{query}-{}", database.code(), source.code())
}

impl World {
    pub(super) fn one(mode: Mode, find: Script, mind: Script) -> Self {
        Self::of(vec![(Database::Sltd, mode)], 1, vec![CellScript { find, mind }])
    }

    pub(super) fn of(modes: Vec<(Database, Mode)>, queries: usize, cells: Vec<CellScript>) -> Self {
        assert_eq!(cells.len(), modes.len() * queries);
        Self {
            modes,
            queries,
            cells,
            barred: Vec::new(),
            sources: Sources { find: true, mind: true },
            clock_trusted: true,
            unreliable: false,
        }
    }

    pub(super) fn policy(&self) -> Policy {
        policy(&self.modes)
    }

    pub(super) fn script(&self, database: Database, query: u16, source: Source) -> Script {
        let row = self.modes.iter().position(|(one, _)| *one == database).unwrap();
        let cell = self.cells[row * self.queries + usize::from(query)];
        match source {
            Source::Find => cell.find,
            Source::Mind => cell.mind,
        }
    }

    /// Runs an inquiry to its end, at each turn to the next answer or waking.
    pub(super) fn run(&self) -> Run {
        let policy = self.policy();
        let mut plan = plan_with(&policy, self.queries);
        if self.unreliable {
            plan.queries[0].basis = Basis::Unreliable;
        }
        let given = Given {
            policy: &policy,
            barred: &self.barred,
            sources: self.sources,
            reading: Reading { now: present(), trusted: self.clock_trusted },
            deadline: DEADLINE,
            sampled: false,
        };
        let mut turn = Turn::new(self);
        let mut inquiry = Inquiry::new(plan, given);
        let steps = inquiry.start();
        turn.ask(steps);
        for turns in 0.. {
            assert!(turns < 100, "{self:?} never ends");
            let Some(wake) = inquiry.next_wake(turn.now) else { break };
            assert!(wake > turn.now && wake <= DEADLINE, "{self:?} wakes at {wake:?}");
            turn.go_on(&mut inquiry, wake);
        }
        assert!(inquiry.is_settled(turn.now));
        let (outcome, follow) = inquiry.conclude(turn.now);
        Run { outcome, follow, end: turn.now, asked: turn.asked, heard: turn.heard, came: turn.came }
    }
}

struct Turn<'a> {
    world: &'a World,
    now: Duration,
    /// What will be answered when.
    due: Vec<(Duration, Step)>,
    asked: Vec<(Source, u16, Database)>,
    heard: Vec<Answer>,
    came: Vec<(Source, u16, Database)>,
}

impl<'a> Turn<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, now: ms(0), due: Vec::new(), asked: Vec::new(), heard: Vec::new(), came: Vec::new() }
    }

    /// Each database of a step answers by itself, so that every order of arrival is possible.
    fn ask(&mut self, steps: Vec<Step>) {
        for step in steps {
            assert!(!step.databases.is_empty());
            for database in &step.databases {
                let key = (step.source, step.query, *database);
                assert!(!self.asked.contains(&key), "asked twice");
                self.asked.push(key);
                let script = self.world.script(*database, step.query, step.source);
                if let Some(after) = script.after_ms {
                    let part = Step { databases: vec![*database], ..step };
                    self.due.push((self.now + ms(after), part));
                }
            }
        }
        self.due.sort_by_key(|(at, _)| *at);
    }

    fn go_on(&mut self, inquiry: &mut Inquiry<'_>, wake: Duration) {
        let is_first = self.due.first().is_some_and(|(at, _)| *at <= wake);
        let steps = if is_first {
            let (at, step) = self.due.remove(0);
            self.now = self.now.max(at);
            let script = self.world.script(step.databases[0], step.query, step.source);
            let answers: Vec<Answer> =
                script.answer(step.databases[0], step.query, step.source).into_iter().collect();
            self.came.push((step.source, step.query, step.databases[0]));
            self.heard.extend(answers.iter().cloned());
            inquiry.heard(&step, answers, self.now)
        } else {
            self.now = wake;
            inquiry.tick(wake)
        };
        self.ask(steps);
    }
}
