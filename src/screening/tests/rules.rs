//! Single rules, told one by one, with their wording.

use postern_sdk::{
    Conclusion, Database, Finding, MatchClass, Reason, Remark, Source, TravelDocument, Verdict,
};

use super::super::{Given, Inquiry, Mode, Plan, Sources, Step};
use super::world::{CellScript, DEADLINE, Run, Say, Script, World};
use super::{EXACT, STALE, document, ms, plan_of, policy, present};
use crate::clock::Reading;

fn run(mode: Mode, find: Script, mind: Script) -> Run {
    World::one(mode, find, mind).run()
}

fn sltd(run: &Run) -> &Conclusion {
    &run.outcome.databases()[0]
}

fn down() -> Script {
    Script::find(Say::Not(Reason::Transport))
}

// Proves what is told of a copy that is old, stale, purged or can't be dated.
#[test]
fn wording_of_ages() {
    let told = |say, age| sltd(&run(Mode::Mind, down(), Script::mind(say, age))).to_string();
    assert_eq!(told(Say::NoRecord, 1), "no record in SLTD as of 2026-11-24T09:42:00Z, source MIND");
    assert_eq!(told(Say::NoRecord, 48), "SLTD not checked (copy stale)");
    assert_eq!(told(Say::NoRecord, -1), "SLTD not checked (clock implausible)");
    assert_eq!(told(Say::NoRecord, 720), "SLTD not checked (copy purged)");
    assert_eq!(told(Say::Exact, 720), "SLTD not checked (copy purged)");
    assert_eq!(
        told(Say::Exact, 48),
        "1 matching record(s) in SLTD as of 2026-11-22T10:42:00Z, source MIND, not fully checked (copy stale)"
    );
    let aged = run(Mode::Mind, down(), Script::mind(Say::NoRecord, 24));
    assert!(sltd(&aged).aged && aged.outcome.verdict() == Verdict::NoRecord);
}

// Proves that nothing of a purged copy is told, not even in the answers.
#[test]
fn purged_data_is_not_told() {
    let run = run(Mode::Mind, down(), Script::mind(Say::Exact, 720));
    assert_eq!(sltd(&run).answers[0].finding, Finding::NotChecked(Reason::CopyPurged));
    assert!(!run.follow.case);
}

// Proves that FIND's newer absence makes a copy's hit possible at most, and never no record.
#[test]
fn disagreement() {
    let find = Script::find(Say::NoRecord);
    let run = run(Mode::MindThenFind, find, Script::mind(Say::Exact, 1));
    assert_eq!(run.outcome.verdict(), Verdict::PossibleHit);
    assert!(run.outcome.complete());
    assert_eq!(sltd(&run).finding.hits()[0].remarks, [Remark::MaybeWithdrawn]);
    assert_eq!(sltd(&run).answers.len(), 2);
    assert_eq!(sltd(&run).source, Some(Source::Mind));
}

// Proves the other disagreement: FIND's hit stands against the copy's silence.
#[test]
fn find_hit_against_silence() {
    let run = run(Mode::Hedged, Script::find(Say::Exact), Script::mind(Say::NoRecord, 1));
    assert_eq!((run.outcome.verdict(), sltd(&run).source), (Verdict::Hit, Some(Source::Find)));
    assert_eq!(run.end, ms(10));
}

// Proves that a fresh miss is answered without FIND, and that everything else asks it.
#[test]
fn mind_then_find_asks_when_needed() {
    let asks = |mind| {
        let run = run(Mode::MindThenFind, Script::find(Say::NoRecord), mind);
        run.asked.iter().any(|(source, _, _)| *source == Source::Find)
    };
    assert!(!asks(Script::mind(Say::NoRecord, 1)) && !asks(Script::mind(Say::NoRecord, 30)));
    assert!(asks(Script::mind(Say::Exact, 1)) && asks(Script::mind(Say::Weak, 1)));
    assert!(asks(Script::mind(Say::NoRecord, 50)));
    assert!(asks(Script::mind(Say::Not(Reason::CopyDamaged), 1)));
    assert!(asks(Script::mind(Say::NoRecord, 1).after(None)));
}

// Proves the times of the modes: the copy's turn after FIND's time-out, its silence at the hedge limit, a certain hit at once.
#[test]
fn times() {
    let never = Script::find(Say::NoRecord).after(None);
    let (miss, hit) = (Script::mind(Say::NoRecord, 1), Script::mind(Say::Exact, 1));
    assert_eq!(run(Mode::FindThenMind, never, miss).end, ms(500));
    assert_eq!(run(Mode::Hedged, never, miss).end, ms(300));
    assert_eq!(run(Mode::Hedged, never, hit).end, ms(0));
    assert_eq!(run(Mode::Hedged, never, Script::mind(Say::Weak, 1)).end, ms(300));
    assert_eq!(run(Mode::MindThenFind, never, hit).end, ms(500));
    assert_eq!(run(Mode::Find, never, miss).end, DEADLINE);
    assert_eq!(run(Mode::FindThenMind, never, Script::mind(Say::NoRecord, 50)).end, DEADLINE);
    let late = run(Mode::Find, never, miss);
    assert_eq!(sltd(&late).to_string(), "SLTD not checked (no answer in time)");
}

// Proves that a certain hit of one hedged database goes out at once, and that the others are told as not answered in time.
#[test]
fn certain_hit_settles_its_subject() {
    let never = Script::find(Say::NoRecord).after(None);
    let cell = |mind| CellScript { find: never, mind };
    let modes = vec![(Database::Sltd, Mode::Hedged), (Database::Tdawn, Mode::Hedged)];
    let cells = vec![cell(Script::mind(Say::Exact, 1)), cell(Script::mind(Say::NoRecord, 1))];
    let run = World::of(modes, 1, cells).run();
    assert_eq!((run.end, run.outcome.verdict()), (ms(0), Verdict::Hit));
    assert_eq!(run.outcome.databases()[1].to_string(), "TDAWN not checked (no answer in time)");
    assert_eq!(run.follow.rechecks.len(), 2);
}

// Proves that a refusal is not got round by the copy, though a hit that it told already still stands.
#[test]
fn refusal_stands() {
    let denied = Script::find(Say::Not(Reason::AccessDenied));
    let silent = run(Mode::Hedged, denied, Script::mind(Say::NoRecord, 1));
    assert_eq!(sltd(&silent).to_string(), "SLTD not checked (access denied)");
    let hit = run(Mode::MindThenFind, denied, Script::mind(Say::Exact, 1));
    assert_eq!(sltd(&hit).unchecked, Some(Reason::AccessDenied));
    assert_eq!(hit.outcome.verdict(), Verdict::Hit);
    assert!(hit.follow.case && hit.follow.rechecks.is_empty());
}

// Proves which reason is told where both sources fail, and that FIND is asked again.
#[test]
fn gravest_reason() {
    let reason = |mind| sltd(&run(Mode::FindThenMind, down(), mind)).unchecked();
    assert_eq!(reason(Script::mind(Say::NoRecord, 50)), Some(STALE));
    assert_eq!(reason(Script::mind(Say::Not(Reason::CopyMissing), 1)), Some(Reason::Transport));
    assert_eq!(run(Mode::FindThenMind, down(), Script::mind(Say::NoRecord, 50)).follow.rechecks.len(), 1);
    assert_eq!(run(Mode::FindThenMind, down(), Script::mind(Say::NoRecord, 1)).follow.rechecks.len(), 1);
}

// Proves that hits beside an unchecked rest are told and settle nothing, although the copy could answer in full.
#[test]
fn partial_hits_settle_nothing() {
    let partial = |reason| Script::find(Say::ExactBut(reason));
    for mode in [Mode::Find, Mode::FindThenMind, Mode::Hedged] {
        let run = run(mode, partial(Reason::ListTruncated), Script::mind(Say::NoRecord, 1));
        assert_eq!((run.outcome.verdict(), run.outcome.complete()), (Verdict::Hit, false), "{mode:?}");
        assert_eq!(sltd(&run).unchecked, Some(Reason::ListTruncated), "{mode:?}");
        assert!(run.follow.rechecks.is_empty(), "a cut list is cut again");
    }
    let run = run(Mode::FindThenMind, partial(Reason::OtherError), Script::mind(Say::Exact, 1));
    assert_eq!(sltd(&run).unchecked, Some(Reason::OtherError));
    assert_eq!((sltd(&run).finding.hits().len(), run.follow.rechecks.len()), (2, 1));
}

// Proves that a failed check digit makes silence say nothing and a match a misread variant.
#[test]
fn unreliable_identifier() {
    let world = World::one(Mode::Find, Script::find(Say::NoRecord), down());
    let silent = World { unreliable: true, ..world.clone() }.run();
    assert_eq!(sltd(&silent).to_string(), "SLTD not checked (identifier unreliable)");
    assert!(silent.follow.rechecks.is_empty());
    let script = CellScript { find: Script::find(Say::Exact), mind: down() };
    let hit = World { unreliable: true, cells: vec![script], ..world }.run();
    assert_eq!(sltd(&hit).finding.hits()[0].class, MatchClass::MisreadVariant);
    assert_eq!(hit.outcome.verdict(), Verdict::PossibleHit);
}

fn inquiry_over<'a>(policy: &'a super::Policy, plan: Plan, sampled: bool) -> Inquiry<'a> {
    let given = Given {
        policy,
        barred: &[],
        sources: Sources { find: true, mind: true },
        reading: Reading { now: present(), trusted: true },
        deadline: DEADLINE,
        sampled,
    };
    Inquiry::new(plan, given)
}

// Proves that a plan that lacks an identifier can't be clear, whatever the sources say, and that asking nothing is not either.
#[test]
fn lacking_plan_is_not_clear() {
    let policy = policy(&[(Database::Sltd, Mode::Mind)]);
    let none = plan_of(TravelDocument { number: None, ..document() }, &policy);
    let mut inquiry = inquiry_over(&policy, none.clone(), false);
    assert!(inquiry.start().is_empty() && inquiry.is_settled(ms(0)));
    let (outcome, _) = inquiry.conclude(ms(0));
    assert_eq!(outcome.databases()[0].to_string(), "SLTD not checked (identifier missing)");
    let (outcome, _) = inquiry_over(&policy, Plan { lacking: None, ..none }, false).conclude(ms(0));
    assert_eq!(outcome.verdict(), Verdict::NotEstablished);
}

// Proves that answers about something else, in a source's or database's name that was not asked, are not used.
#[test]
fn stray_answers() {
    let policy = policy(&[(Database::Sltd, Mode::Find), (Database::Tdawn, Mode::Find)]);
    let mut inquiry = inquiry_over(&policy, plan_of(document(), &policy), false);
    let steps = inquiry.start();
    assert_eq!(steps.len(), 1, "both databases in one step");
    let stray =
        |database, query, source| postern_sdk::Answer::new(database, query, source, Finding::NoRecord);
    let strays = vec![
        stray(Database::Sltd, 0, Source::Mind),
        stray(Database::Tdawn, 1, Source::Find),
        stray(Database::Sad, 0, Source::Find),
    ];
    let step = Step { ..steps[0].clone() };
    inquiry.heard(&step, strays, ms(5));
    let (outcome, _) = inquiry.conclude(ms(5));
    let reasons: Vec<Reason> = outcome.unchecked().iter().map(|one| one.reason).collect();
    assert_eq!(reasons, [Reason::BlockMissing; 2]);
}

// Proves that one record found by two queries is told once, as its better match.
#[test]
fn one_record_is_told_once() {
    let policy = policy(&[(Database::Sltd, Mode::Mind)]);
    let mut inquiry = inquiry_over(&policy, super::plan_with(&policy, 2), false);
    for step in inquiry.start() {
        let class = if step.query == 0 { MatchClass::TypeDiffers } else { EXACT };
        let hit = postern_sdk::Hit::new(class, "R1");
        let mut answer =
            postern_sdk::Answer::new(Database::Sltd, step.query, Source::Mind, Finding::Hits(vec![hit]));
        answer.data_as_of = Some(present());
        inquiry.heard(&step, vec![answer], ms(0));
    }
    let (outcome, _) = inquiry.conclude(ms(0));
    let hits = outcome.databases()[0].finding.hits();
    assert_eq!((hits.len(), hits[0].class), (1, EXACT));
}

// Proves that a fresh miss is rechecked only if it is in the sample, and that the record of it survives serde.
#[test]
fn sampled_recheck() {
    let policy = policy(&[(Database::Sltd, Mode::MindThenFind)]);
    for sampled in [false, true] {
        let mut inquiry = inquiry_over(&policy, plan_of(document(), &policy), sampled);
        let step = inquiry.start().remove(0);
        let mut answer = postern_sdk::Answer::new(Database::Sltd, 0, Source::Mind, Finding::NoRecord);
        answer.data_as_of = Some(present());
        inquiry.heard(&step, vec![answer], ms(0));
        let (outcome, follow) = inquiry.conclude(ms(0));
        assert_eq!(outcome.verdict(), Verdict::NoRecord);
        assert_eq!(follow.rechecks.len(), usize::from(sampled));
        assert_eq!(follow.is_nothing(), !sampled);
        let text = serde_json::to_string(&follow).unwrap();
        assert_eq!(serde_json::from_str::<super::super::Follow>(&text).unwrap(), follow);
    }
}
