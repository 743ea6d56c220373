//! The assembly of questions that arrive in parts.
//!
//! An adapter is stateless, so it hands out the parts of a question as it meets them; the lane puts them together here.
//! Whoever sends parts can send too many, too few, twice or contradictory ones, so everything is bounded: how many
//! questions are open, how many parts and subjects one may have, and how long one may stay open. Time is a count of
//! ticks that the caller gives, so that a test needs no clock.
//!
//! A question is never answered in part. Parts that contradict each other, or one that never comes, cost the whole
//! question, and the lane refuses it with the fault that is given here. A question that is whole is forgotten at once: if
//! its parts are sent again they make the same question again, which the window of duplicates then recognises.

use std::collections::BTreeMap;

use crate::{Exchange, Fault, FaultCode, Part, Personal};

/// The bounds of an [`Assembler`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssemblyLimits {
    /// Questions that may be open at once, at least 1.
    pub keys_max: usize,
    /// Parts that one question may have, at least 1.
    pub parts_max: u32,
    /// Subjects that one question may have.
    pub subjects_max: usize,
    /// Ticks from a question's first part to the moment at which it has to be whole.
    pub open_ticks_max: u64,
}

/// What a part led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assembled {
    /// More parts are awaited.
    Pending,
    /// The same part was there already.
    Duplicate,
    /// The question is whole.
    Whole(Box<Exchange>),
}

/// Puts the parts of questions together. See the module's document for its rules.
#[derive(Debug)]
pub struct Assembler {
    limits: AssemblyLimits,
    open: BTreeMap<Personal<String>, Open>,
}

/// A question of which parts are missing.
#[derive(Debug)]
struct Open {
    parts: BTreeMap<u32, Exchange>,
    last: Option<u32>,
    subjects: usize,
    expires_at: u64,
}

impl Assembler {
    /// The question has contradictory parts: two contents for one place, two last parts, or a place after the last.
    pub const CONFLICT: FaultCode = FaultCode::new("part_conflict");
    /// The question has more parts than the lane allows.
    pub const TOO_MANY_PARTS: FaultCode = FaultCode::new("too_many_parts");
    /// Not all parts of the question came in time.
    pub const MISSING: FaultCode = FaultCode::new("part_missing");

    /// An assembler with nothing open.
    pub const fn new(limits: AssemblyLimits) -> Self {
        Self { limits, open: BTreeMap::new() }
    }

    /// How many questions are open.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// When the question that expires first does so, in ticks.
    pub fn next_expiry(&self) -> Option<u64> {
        self.open.values().map(|open| open.expires_at).min()
    }

    /// Takes a part at the tick `now`.
    ///
    /// # Errors
    /// The fault to refuse the question with; nothing of it is kept then. [`FaultCode::BUSY`] if too many questions are
    /// open, [`FaultCode::TOO_MANY_SUBJECTS`], [`Self::TOO_MANY_PARTS`] or [`Self::CONFLICT`].
    pub fn add(&mut self, part: Part, now: u64) -> Result<Assembled, Fault> {
        if !self.open.contains_key(&part.key) && self.open.len() >= self.limits.keys_max {
            return Err(fault(FaultCode::BUSY, &part.exchange));
        }
        let limits = self.limits;
        let expires_at = now.saturating_add(limits.open_ticks_max);
        let open = self.open.entry(part.key.clone()).or_insert_with(|| Open::until(expires_at));
        let (key, refusal) = (part.key.clone(), fault(Self::CONFLICT, &part.exchange));
        match open.add(part, &limits) {
            Ok(true) => Ok(self.open.remove(&key).map_or(Assembled::Pending, Open::whole)),
            Ok(false) => Ok(Assembled::Pending),
            Err(Rejected::Duplicate) => Ok(Assembled::Duplicate),
            Err(Rejected::Refused(code)) => {
                self.open.remove(&key);
                Err(Fault { code, ..refusal })
            }
        }
    }

    /// Gives up the questions that are not whole by the tick `now`, with the fault to refuse each with.
    pub fn expire(&mut self, now: u64) -> Vec<Fault> {
        let late = |open: &Open| open.expires_at <= now;
        let faults = self.open.values().filter(|open| late(open)).filter_map(Open::missing).collect();
        self.open.retain(|_, open| !late(open));
        faults
    }
}

/// Why a part is not taken.
enum Rejected {
    Duplicate,
    Refused(FaultCode),
}

impl Open {
    const fn until(expires_at: u64) -> Self {
        Self { parts: BTreeMap::new(), last: None, subjects: 0, expires_at }
    }

    /// Takes a part, and says whether the question is whole with it.
    fn add(&mut self, part: Part, limits: &AssemblyLimits) -> Result<bool, Rejected> {
        if part.index >= limits.parts_max {
            return Err(Rejected::Refused(Assembler::TOO_MANY_PARTS));
        }
        if let Some(known) = self.parts.get(&part.index) {
            let same = *known == part.exchange && part.last == (self.last == Some(part.index));
            return Err(if same { Rejected::Duplicate } else { Rejected::Refused(Assembler::CONFLICT) });
        }
        self.settle_last(&part)?;
        self.subjects += part.exchange.subjects.len();
        if self.subjects > limits.subjects_max {
            return Err(Rejected::Refused(FaultCode::TOO_MANY_SUBJECTS));
        }
        self.parts.insert(part.index, part.exchange);
        Ok(self.last.is_some_and(|last| self.parts.len() as u64 > u64::from(last)))
    }

    /// Keeps one last part, with nothing after it.
    fn settle_last(&mut self, part: &Part) -> Result<(), Rejected> {
        let highest = self.parts.last_key_value().map(|(index, _)| *index);
        let fits = match (part.last, self.last) {
            (true, Some(_)) => false,
            (true, None) => highest.is_none_or(|highest| highest < part.index),
            (false, last) => last.is_none_or(|last| part.index < last),
        };
        if part.last {
            self.last = Some(part.index);
        }
        fits.then_some(()).ok_or(Rejected::Refused(Assembler::CONFLICT))
    }

    fn missing(&self) -> Option<Fault> {
        self.parts.values().next().map(|first| fault(Assembler::MISSING, first))
    }

    fn whole(self) -> Assembled {
        let mut parts = self.parts.into_values();
        let Some(first) = parts.next() else { return Assembled::Pending };
        Assembled::Whole(Box::new(parts.fold(first, joined)))
    }
}

/// The question with one more part. The first part's context stands, and what it says natively wins.
///
/// A traveller is never spread over parts, so each part's travellers are numbered on from those before it: to take two
/// travellers for one could let the second pass on the first one's document.
fn joined(mut whole: Exchange, part: Exchange) -> Exchange {
    let (held, more) = (whole.subjects.len(), part.subjects.len());
    let known: Vec<u32> = (0..held).map(|subject| whole.traveller(subject)).collect();
    let next = known.iter().max().map_or(0, |highest| highest.saturating_add(1));
    let added: Vec<u32> = (0..more).map(|subject| next.saturating_add(part.traveller(subject))).collect();
    if held > 0 && more > 0 {
        whole.travellers = known;
        whole.travellers.extend(added);
    } else if more > 0 {
        whole.travellers = part.travellers;
    }
    whole.subjects.extend(part.subjects);
    for (name, value) in part.native {
        whole.native.entry(name).or_insert(value);
    }
    whole
}

fn fault(code: FaultCode, exchange: &Exchange) -> Fault {
    let mut fault = Fault::new(code).of(exchange.context.sender_id.clone());
    fault.native.clone_from(&exchange.native);
    fault
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Person, Subject};

    const LIMITS: AssemblyLimits =
        AssemblyLimits { keys_max: 2, parts_max: 3, subjects_max: 4, open_ticks_max: 10 };

    fn person(name: &str) -> Subject {
        let mut person = Person::default();
        person.name.primary = name.into();
        Subject::Person(person)
    }

    fn part(key: &str, index: u32, last: bool, names: &[&str]) -> Part {
        let context = Context { sender_id: Some(format!("{key}-{index}")), ..Context::default() };
        let subjects = names.iter().map(|name| person(name)).collect();
        Part { key: key.into(), index, last, exchange: Exchange { context, subjects, ..Exchange::default() } }
    }

    fn code(result: Result<Assembled, Fault>) -> FaultCode {
        result.unwrap_err().code
    }

    // Proves that parts in any order make the same whole, in the order of their places, under the first one's context.
    #[test]
    fn any_order_makes_the_same_whole() {
        let parts =
            [part("k", 0, false, &["A"]), part("k", 1, false, &["B", "C"]), part("k", 2, true, &["D"])];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut assembler = Assembler::new(LIMITS);
            assert_eq!(assembler.add(parts[order[0]].clone(), 0), Ok(Assembled::Pending));
            assert_eq!(assembler.add(parts[order[1]].clone(), 0), Ok(Assembled::Pending));
            let Ok(Assembled::Whole(whole)) = assembler.add(parts[order[2]].clone(), 0) else { panic!() };
            assert_eq!(whole.subjects, ["A", "B", "C", "D"].map(person));
            assert_eq!(whole.context.sender_id.as_deref(), Some("k-0"));
            assert_eq!(whole.travellers, [0, 1, 1, 2]);
            assert_eq!(assembler.open_count(), 0);
        }
    }

    // Proves that a part sent twice changes nothing, and that a single last part is whole at once.
    #[test]
    fn duplicates_change_nothing() {
        let mut assembler = Assembler::new(LIMITS);
        assert_eq!(assembler.add(part("k", 1, true, &["B"]), 0), Ok(Assembled::Pending));
        assert_eq!(assembler.add(part("k", 1, true, &["B"]), 0), Ok(Assembled::Duplicate));
        assert!(matches!(assembler.add(part("k", 0, false, &["A"]), 0), Ok(Assembled::Whole(_))));
        let Ok(Assembled::Whole(one)) = assembler.add(part("k", 0, true, &["A"]), 0) else { panic!() };
        assert!(one.travellers.is_empty());
    }

    // Proves that each contradiction costs the whole question.
    #[test]
    fn contradictions_are_refused() {
        let pairs = [
            (part("k", 0, false, &["A"]), part("k", 0, false, &["B"])),
            (part("k", 1, true, &["A"]), part("k", 1, false, &["A"])),
            (part("k", 1, true, &["A"]), part("k", 2, true, &["B"])),
            (part("k", 1, true, &["A"]), part("k", 2, false, &["B"])),
            (part("k", 2, false, &["A"]), part("k", 1, true, &["B"])),
        ];
        for (first, second) in pairs {
            let mut assembler = Assembler::new(LIMITS);
            assert_eq!(assembler.add(first, 0), Ok(Assembled::Pending));
            assert_eq!(code(assembler.add(second, 0)), Assembler::CONFLICT);
            assert_eq!(assembler.open_count(), 0);
        }
    }

    // Proves each bound: open questions, parts, subjects.
    #[test]
    fn everything_is_bounded() {
        let mut assembler = Assembler::new(LIMITS);
        assert_eq!(code(assembler.add(part("k", 3, true, &["A"]), 0)), Assembler::TOO_MANY_PARTS);
        let crowd = part("k", 0, false, &["A", "B", "C", "D", "E"]);
        assert_eq!(code(assembler.add(crowd, 0)), FaultCode::TOO_MANY_SUBJECTS);
        for key in ["a", "b"] {
            assert_eq!(assembler.add(part(key, 0, false, &["A"]), 0), Ok(Assembled::Pending));
        }
        assert_eq!(code(assembler.add(part("c", 0, false, &["A"]), 0)), FaultCode::BUSY);
    }

    // Proves that a question whose part never comes is given up at its tick, with its sender's id, and others stay.
    #[test]
    fn missing_parts_expire() {
        let mut assembler = Assembler::new(LIMITS);
        assert_eq!(assembler.add(part("a", 0, false, &["A"]), 0), Ok(Assembled::Pending));
        assert_eq!(assembler.add(part("b", 0, false, &["A"]), 5), Ok(Assembled::Pending));
        assert_eq!(assembler.next_expiry(), Some(10));
        assert!(assembler.expire(9).is_empty());
        let faults = assembler.expire(10);
        assert_eq!(faults.len(), 1);
        assert_eq!(
            (faults[0].code.clone(), faults[0].sender_id.as_deref()),
            (Assembler::MISSING, Some("a-0"))
        );
        assert_eq!(assembler.open_count(), 1);
    }
}
