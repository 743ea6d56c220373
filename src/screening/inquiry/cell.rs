//! One database and one query: whom to ask when, on whose word it rests, and until when to wait.
//!
//! All rules of the modes stand in this file, so that they can be read at once.

use std::time::Duration;

use postern_sdk::{Reason, Source};

use crate::screening::word::{Word, copy_may_replace, gravest};
use crate::screening::{Mode, Policy};

/// How long the copy may take before FIND is asked too, where it is asked first. It answers from memory in microseconds;
/// one that takes longer than this hangs.
const COPY_PATIENCE: Duration = Duration::from_millis(100);

/// How much of the time is kept at the end for the copy, where it is asked in FIND's place: this much, or a quarter of
/// the time if that is less. Without it a policy whose FIND time-out exceeds the lane's deadline would never get to the
/// copy.
const COPY_RESERVE: Duration = Duration::from_millis(50);

/// When what is due, from the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    find_timeout: Duration,
    /// FIND has had its time then, whenever it was asked.
    find_latest: Duration,
    hedge: Duration,
}

impl Limits {
    pub(super) fn new(policy: &Policy, deadline: Duration) -> Self {
        Self {
            find_timeout: policy.find_timeout,
            find_latest: deadline.saturating_sub(COPY_RESERVE.min(deadline / 4)),
            hedge: policy.hedge_limit.min(deadline),
        }
    }

    /// Until when FIND, asked at this time, has its time.
    fn find(&self, asked: Duration) -> Duration {
        asked.saturating_add(self.find_timeout).min(self.find_latest)
    }
}

/// What is known from one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Slot {
    /// It was not asked.
    #[default]
    Unasked,
    /// It was asked at this time.
    Asked(Duration),
    /// It said this.
    Heard(Word),
}

/// One database and one query.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    pub(super) find: Slot,
    pub(super) mind: Slot,
}

impl Cell {
    pub(super) const fn slot(&mut self, source: Source) -> &mut Slot {
        match source {
            Source::Find => &mut self.find,
            Source::Mind => &mut self.mind,
        }
    }

    /// Whom to ask now.
    pub(super) fn wants(&self, mode: Mode, limits: &Limits, now: Duration) -> Option<Source> {
        if self.find == Slot::Unasked && self.wants_find(mode, now) {
            Some(Source::Find)
        } else if self.mind == Slot::Unasked && self.wants_mind(mode, limits, now) {
            Some(Source::Mind)
        } else {
            None
        }
    }

    fn wants_find(&self, mode: Mode, now: Duration) -> bool {
        match mode {
            Mode::Mind => false,
            Mode::Find | Mode::FindThenMind | Mode::Hedged => true,
            Mode::MindThenFind => match self.mind {
                Slot::Unasked => false,
                Slot::Asked(at) => now >= at.saturating_add(COPY_PATIENCE),
                Slot::Heard(word) => word != Word::NO_RECORD,
            },
        }
    }

    fn wants_mind(&self, mode: Mode, limits: &Limits, now: Duration) -> bool {
        match mode {
            Mode::Find => false,
            Mode::Mind | Mode::MindThenFind | Mode::Hedged => true,
            Mode::FindThenMind => match self.find {
                Slot::Unasked => false,
                Slot::Asked(at) => now >= limits.find(at),
                Slot::Heard(word) => word.reason.is_some_and(copy_may_replace),
            },
        }
    }

    /// Whether nothing more need be waited for.
    pub(super) fn is_settled(&self, mode: Mode, limits: &Limits, now: Duration) -> bool {
        match self.find {
            Slot::Heard(word) if word.reason.is_none() => true,
            Slot::Heard(_) => !matches!(self.mind, Slot::Asked(_)),
            Slot::Unasked => matches!(self.mind, Slot::Heard(_)),
            Slot::Asked(_) => self.copy_answers() && self.find_has_had_its_time(mode, limits, now),
        }
    }

    fn copy_answers(&self) -> bool {
        matches!(self.mind, Slot::Heard(word) if word.reason.is_none())
    }

    /// Whether the copy's word may stand while FIND is still silent.
    fn find_has_had_its_time(&self, mode: Mode, limits: &Limits, now: Duration) -> bool {
        let Slot::Asked(at) = self.find else { return false };
        match mode {
            Mode::Find | Mode::Mind => false,
            Mode::FindThenMind => now >= limits.find(at),
            Mode::MindThenFind => self.mind == Slot::Heard(Word::NO_RECORD) || now >= limits.find(at),
            Mode::Hedged => now >= limits.hedge,
        }
    }

    /// When the passing of time alone next changes what to do.
    pub(super) fn next_wake(&self, mode: Mode, limits: &Limits) -> Option<Duration> {
        match (mode, self.find, self.mind) {
            (Mode::FindThenMind | Mode::MindThenFind, Slot::Asked(at), _) => Some(limits.find(at)),
            (Mode::MindThenFind, Slot::Unasked, Slot::Asked(at)) => Some(at.saturating_add(COPY_PATIENCE)),
            (Mode::Hedged, Slot::Asked(_), _) => Some(limits.hedge),
            _ => None,
        }
    }

    /// On whose word the query rests, or why it was not checked. This is the rule by which the copy replaces FIND.
    ///
    /// FIND's hits beside which it left the rest unchecked are not replaced: the copy may add matches, but it can't
    /// complete a newer list that has more than it knows.
    pub(super) fn rests_on(&self, mode: Mode, limits: &Limits, now: Duration) -> Result<Source, Reason> {
        let failure = match self.find {
            Slot::Heard(Word { reason: None, .. }) => return Ok(Source::Find),
            Slot::Heard(Word { hits: true, reason: Some(reason) }) => return Err(reason),
            Slot::Heard(Word { reason: Some(reason), .. }) => Some(reason),
            Slot::Asked(_) => Some(Reason::Deadline),
            Slot::Unasked => None,
        };
        match failure {
            Some(reason) if !self.copy_replaces(mode, reason) => Err(reason),
            Some(reason) if self.copy_is_early(mode, limits, now) => Err(reason),
            failure => self.copy_word().map(|()| Source::Mind).map_err(|reason| worse(failure, reason)),
        }
    }

    fn copy_replaces(&self, mode: Mode, reason: Reason) -> bool {
        mode != Mode::Find && copy_may_replace(reason)
    }

    /// Whether the copy's silence has to wait for FIND. Its matches don't: they are no silence.
    fn copy_is_early(&self, mode: Mode, limits: &Limits, now: Duration) -> bool {
        let is_pending = matches!(self.find, Slot::Asked(_));
        let is_hit = matches!(self.mind, Slot::Heard(word) if word.hits);
        mode == Mode::Hedged && is_pending && !is_hit && now < limits.hedge
    }

    fn copy_word(&self) -> Result<(), Reason> {
        match self.mind {
            Slot::Heard(Word { reason: None, .. }) => Ok(()),
            Slot::Heard(Word { reason: Some(reason), .. }) => Err(reason),
            Slot::Asked(_) | Slot::Unasked => Err(Reason::Deadline),
        }
    }

    /// Whether FIND, asked later than the copy was made, said that it has no record.
    pub(super) fn may_be_withdrawn(&self) -> bool {
        self.find == Slot::Heard(Word::NO_RECORD)
    }

    /// Whether FIND is to be asked again: it could not be asked now for a reason that passes (whether or not the copy
    /// answered in its place), nobody could be asked for a reason that passes, or a fresh miss is in the sample.
    pub(super) fn is_to_recheck(&self, mode: Mode, limits: &Limits, now: Duration, sampled: bool) -> bool {
        match self.find {
            Slot::Heard(Word { reason: None, .. }) => false,
            Slot::Heard(Word { reason: Some(reason), .. }) => reason.passes(),
            Slot::Asked(_) => true,
            Slot::Unasked => match self.rests_on(mode, limits, now) {
                Err(reason) => reason.passes(),
                Ok(_) => mode == Mode::MindThenFind && sampled,
            },
        }
    }
}

fn worse(failure: Option<Reason>, reason: Reason) -> Reason {
    gravest(failure, Some(reason)).unwrap_or(reason)
}
