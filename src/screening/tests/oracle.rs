//! What must be true of every run, written from the promises and the rules of the modes.

use std::time::Duration;

use postern_sdk::{Answer, Conclusion, Database, Finding, Reason, Remark, Source, Verdict};

use super::super::{Mode, Place};
use super::ms;
use super::world::{DEADLINE, Run, World, record};

/// After these, and only these, the copy's word may stand in FIND's place.
const REPLACEABLE: [Reason; 11] = [
    Reason::Transport,
    Reason::CertificateRefused,
    Reason::Deadline,
    Reason::BreakerOpen,
    Reason::RateCapped,
    Reason::Overloaded,
    Reason::UnexpectedError,
    Reason::OtherError,
    Reason::ServiceTimeOut,
    Reason::MalformedAnswer,
    Reason::BlockMissing,
];

/// What an observer knows of one cell at the end.
struct Seen<'a> {
    world: &'a World,
    run: &'a Run,
    mode: Mode,
    database: Database,
    query: u16,
}

/// What FIND came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Online {
    NotAsked,
    Silent,
    NoRecord,
    Hit,
    Failed(Reason),
    /// It has hits, and left the rest of the database unchecked.
    Partial(Reason),
}

pub(super) fn check(world: &World, run: &Run) {
    assert!(run.end <= DEADLINE, "{world:?} ended at {:?}", run.end);
    assert_eq!(run.outcome.databases().len(), world.modes.len(), "{world:?}");
    for (conclusion, (database, mode)) in run.outcome.databases().iter().zip(&world.modes) {
        assert_eq!(conclusion.database, *database);
        check_database(world, run, *mode, conclusion);
    }
    let all_clear = run.outcome.databases().iter().all(|one| one.finding == Finding::NoRecord);
    assert_eq!(run.outcome.verdict() == Verdict::NoRecord, all_clear, "{world:?}");
    let any_hit = run.outcome.databases().iter().any(|one| !one.finding.hits().is_empty());
    assert_eq!(run.follow.case, any_hit, "{world:?}");
}

fn check_database(world: &World, run: &Run, mode: Mode, conclusion: &Conclusion) {
    let database = conclusion.database;
    if let Some((_, reason)) = world.barred.iter().find(|(one, _)| *one == database) {
        assert_eq!(*conclusion, Conclusion::not_asked(database, *reason));
        assert!(run.asked.iter().all(|(_, _, one)| *one != database), "{world:?}");
        return;
    }
    let cells: Vec<Seen<'_>> = (0..u16::try_from(world.queries).unwrap())
        .map(|query| Seen { world, run, mode, database, query })
        .collect();
    let hits = cells.iter().any(|cell| cell.usable_hits().next().is_some());
    let answered = cells.iter().all(Seen::is_answered) && !world.unreliable;
    let context = || format!("{world:#?}\n{run:#?}");
    assert_eq!(conclusion.finding == Finding::NoRecord, answered && !hits, "{}", context());
    assert_eq!(conclusion.unchecked().is_none(), answered, "{}", context());
    assert_eq!(!conclusion.finding.hits().is_empty(), hits, "{}", context());
    if conclusion.finding == Finding::NoRecord {
        assert!(conclusion.source.is_some() && conclusion.data_as_of.is_some(), "{}", context());
    }
    cells.iter().for_each(|cell| cell.check(conclusion));
}

impl Seen<'_> {
    fn heard(&self, source: Source) -> Option<&Answer> {
        let of = |answer: &&Answer| {
            answer.database == self.database && answer.query == self.query && answer.source == source
        };
        self.run.heard.iter().find(of)
    }

    fn was_asked(&self, source: Source) -> bool {
        self.run.asked.contains(&(source, self.query, self.database))
    }

    fn online(&self) -> Online {
        if !self.world.sources.find && self.mode != Mode::Mind && self.mode != Mode::MindThenFind {
            return Online::Failed(Reason::NotConfigured);
        }
        if !self.was_asked(Source::Find) {
            return Online::NotAsked;
        }
        match self.heard(Source::Find) {
            None if self.run.came.contains(&(Source::Find, self.query, self.database)) => {
                Online::Failed(Reason::BlockMissing)
            }
            None => Online::Silent,
            Some(answer) => match (&answer.finding, answer.unchecked) {
                (Finding::NoRecord, None) => Online::NoRecord,
                (Finding::Hits(hits), _) if hits.is_empty() => Online::Failed(Reason::MalformedAnswer),
                (Finding::Hits(_), None) => Online::Hit,
                (Finding::Hits(_), Some(reason)) => Online::Partial(reason),
                (Finding::NotChecked(reason), _) => Online::Failed(*reason),
                (Finding::NoRecord, Some(reason)) => Online::Failed(reason),
            },
        }
    }

    /// The age of what the copy said, if it may be used at all.
    fn copy_is_fresh(&self) -> bool {
        let age = self.world.script(self.database, self.query, Source::Mind).age_h;
        self.world.clock_trusted && age.is_some_and(|age| (0..48).contains(&age))
    }

    fn copy_is_purged(&self) -> bool {
        let age = self.world.script(self.database, self.query, Source::Mind).age_h;
        self.world.clock_trusted && age.is_some_and(|age| age >= 720)
    }

    fn copy_says(&self, what: fn(&Finding) -> bool) -> bool {
        let full = |answer: &Answer| answer.unchecked.is_none() && what(&answer.finding);
        self.heard(Source::Mind).is_some_and(full) && self.copy_is_fresh()
    }

    /// Whether the query was answered by a word that may stand.
    fn is_answered(&self) -> bool {
        let copy_misses = self.copy_says(|finding| *finding == Finding::NoRecord);
        let copy_hits = self.copy_says(|finding| !finding.hits().is_empty());
        let replaces = |waited: Duration| match self.online() {
            Online::Silent => self.run.end >= waited || copy_hits,
            Online::Failed(reason) => REPLACEABLE.contains(&reason),
            Online::NotAsked | Online::NoRecord | Online::Hit | Online::Partial(_) => false,
        };
        if matches!(self.online(), Online::NoRecord | Online::Hit) {
            return true;
        }
        (copy_misses || copy_hits)
            && match self.mode {
                Mode::Find => false,
                Mode::Mind => true,
                Mode::MindThenFind if copy_misses => !self.find_refused(),
                Mode::MindThenFind if !self.world.sources.find => false,
                Mode::FindThenMind | Mode::MindThenFind => replaces(ms(500)),
                Mode::Hedged => replaces(ms(300)),
            }
    }

    fn find_refused(&self) -> bool {
        match self.online() {
            Online::Partial(_) => true,
            Online::Failed(reason) => !REPLACEABLE.contains(&reason),
            Online::NotAsked | Online::Silent | Online::NoRecord | Online::Hit => false,
        }
    }

    /// The answers whose hits must be told.
    fn usable_hits(&self) -> impl Iterator<Item = &Answer> {
        [Source::Find, Source::Mind]
            .into_iter()
            .filter_map(|source| self.heard(source))
            .filter(|answer| !answer.finding.hits().is_empty())
            .filter(|answer| answer.source == Source::Find || !self.copy_is_purged())
    }

    fn check(&self, conclusion: &Conclusion) {
        for source in [Source::Find, Source::Mind] {
            let told =
                conclusion.answers.iter().filter(|one| one.query == self.query && one.source == source);
            assert_eq!(told.count(), usize::from(self.heard(source).is_some()), "both answers are told");
        }
        for answer in self.usable_hits() {
            self.check_hit(answer, conclusion);
        }
        self.check_partial(conclusion);
        self.check_follow();
    }

    fn check_hit(&self, answer: &Answer, conclusion: &Conclusion) {
        let id = record(self.database, self.query, answer.source);
        let context = || format!("{id}: {:#?}\n{:#?}", self.world, self.run);
        let told = conclusion.finding.hits().iter().find(|hit| hit.record == id);
        let told = told.unwrap_or_else(|| panic!("a hit was dropped: {}", context()));
        let from_copy = answer.source == Source::Mind;
        let contradicted = from_copy && self.online() == Online::NoRecord;
        assert_eq!(told.remarks.contains(&Remark::MaybeWithdrawn), contradicted, "{}", context());
        let weak = from_copy && !self.copy_is_fresh();
        let says_weak = [Remark::StaleCopy, Remark::Unverified].iter().any(|one| told.remarks.contains(one));
        assert_eq!(says_weak, weak, "{}", context());
        let exact = self.world.script(self.database, self.query, answer.source).say.is_exact();
        let stated = !(self.world.unreliable && self.query == 0);
        assert_eq!(told.is_certain(), exact && stated && !weak && !contradicted, "{}", context());
    }

    /// FIND's hits beside an unchecked rest leave the database unchecked, and with it the outcome; the copy is still asked
    /// for its matches where it may stand in.
    fn check_partial(&self, conclusion: &Conclusion) {
        let context = || format!("{:#?}\n{:#?}", self.world, self.run);
        let Online::Partial(reason) = self.online() else { return };
        assert!(conclusion.unchecked().is_some() && !self.run.outcome.complete(), "{}", context());
        if self.world.queries == 1 && !self.world.unreliable {
            assert_eq!(conclusion.unchecked, Some(reason), "{}", context());
        }
        let asks_copy = self.mode == Mode::FindThenMind && self.world.sources.mind;
        if asks_copy && REPLACEABLE.contains(&reason) {
            assert!(self.was_asked(Source::Mind), "{}", context());
        }
    }

    fn check_follow(&self) {
        let place = Place { query: self.query, database: self.database };
        let rechecked = self.run.follow.rechecks.contains(&place);
        let context = || format!("{:#?}\n{:#?}", self.world, self.run);
        match self.online() {
            Online::NoRecord | Online::Hit => assert!(!rechecked, "{}", context()),
            Online::Silent => assert!(rechecked, "{}", context()),
            Online::Failed(reason) | Online::Partial(reason) => {
                assert_eq!(rechecked, reason.passes(), "{}", context());
            }
            Online::NotAsked => {}
        }
        assert_eq!(self.run.follow.late.contains(&place), self.online() == Online::Silent, "{}", context());
    }
}
