//! Modes × source states, judged by the oracle.

use postern_sdk::{Database, Reason};

use super::super::{Mode, Sources};
use super::world::{CellScript, Say, Script, World};
use super::{oracle, policy};

/// What FIND can say, with each reason, in time, after its time-out, and not at all.
fn find_scripts() -> Vec<Script> {
    let says = [Say::NoRecord, Say::Exact, Say::Weak, Say::Missing, Say::NoHits];
    let with = [Say::Not, Say::ExactBut, Say::NoRecordBut];
    let says = says.into_iter().chain(Reason::ALL.iter().flat_map(|reason| with.map(|say| say(*reason))));
    let mut scripts: Vec<Script> =
        says.flat_map(|say| [Script::find(say), Script::find(say).after(Some(700))]).collect();
    scripts.push(Script::find(Say::NoRecord).after(None));
    scripts
}

/// What the copy can say: of every age, of no age, of the future, failing, slow, and not at all.
fn mind_scripts() -> Vec<Script> {
    let mut scripts = Vec::new();
    for say in [Say::NoRecord, Say::Exact, Say::Weak] {
        scripts.extend([1, 30, 50, 800, -5].map(|age| Script::mind(say, age)));
        scripts.push(Script { age_h: None, ..Script::mind(say, 0) });
        scripts.push(Script::mind(say, 1).after(Some(400)));
        scripts.push(Script::mind(say, 1).after(None));
    }
    let failures = [
        Reason::CopyMissing,
        Reason::CopyPartial,
        Reason::CopyDamaged,
        Reason::CopyStale,
        Reason::CopyPurged,
        Reason::CopyLocked,
        Reason::WrongEnvironment,
        Reason::Internal,
    ];
    scripts.extend(failures.map(|reason| Script::mind(Say::Not(reason), 1)));
    scripts.extend([Say::Missing, Say::NoHits].map(|say| Script::mind(say, 1)));
    for reason in [Reason::CopyPartial, Reason::CopyDamaged, Reason::Internal] {
        scripts.extend([1, 50, 800].map(|age| Script::mind(Say::ExactBut(reason), age)));
        scripts.push(Script::mind(Say::NoRecordBut(reason), 1));
    }
    scripts
}

/// A few states of each kind, for tables of several cells.
fn few() -> Vec<CellScript> {
    let finds = [
        Script::find(Say::NoRecord),
        Script::find(Say::Exact),
        Script::find(Say::Weak).after(Some(700)),
        Script::find(Say::Not(Reason::Transport)),
        Script::find(Say::Not(Reason::AccessDenied)),
        Script::find(Say::ExactBut(Reason::ListTruncated)),
        Script::find(Say::ExactBut(Reason::OtherError)),
        Script::find(Say::NoRecord).after(None),
    ];
    let minds = [
        Script::mind(Say::NoRecord, 1),
        Script::mind(Say::NoRecord, 50),
        Script::mind(Say::Exact, 30),
        Script::mind(Say::Weak, 1),
        Script::mind(Say::Exact, 50),
        Script::mind(Say::Not(Reason::CopyDamaged), 1),
        Script::mind(Say::ExactBut(Reason::CopyDamaged), 1),
    ];
    finds.iter().flat_map(|find| minds.iter().map(|mind| CellScript { find: *find, mind: *mind })).collect()
}

fn judge(world: &World) {
    oracle::check(world, &world.run());
}

// Proves the rules of the modes on one cell, in every combination of mode, FIND's state, the copy's state, reliability of
// the number, clock, suspension and missing source.
#[test]
fn one_cell() {
    for mode in Mode::ALL {
        for find in find_scripts() {
            for mind in mind_scripts() {
                let world = World::one(mode, find, mind);
                judge(&world);
                judge(&World { unreliable: true, ..world.clone() });
                judge(&World { clock_trusted: false, ..world.clone() });
                judge(&World { barred: vec![(Database::Sltd, Reason::Suspended)], ..world });
            }
        }
    }
}

// Proves the same where a source is not there at all.
#[test]
fn one_cell_without_a_source() {
    for mode in Mode::ALL {
        for find in find_scripts() {
            for mind in mind_scripts() {
                for (has_find, has_mind) in [(true, false), (false, true), (false, false)] {
                    let sources = Sources { find: has_find, mind: has_mind };
                    judge(&World { sources, ..World::one(mode, find, mind) });
                }
            }
        }
    }
}

// Proves that two queries of one database are both needed, in every combination of a few states.
#[test]
fn two_queries() {
    for mode in Mode::ALL {
        for first in few() {
            for second in few() {
                let world = World::of(vec![(Database::Sltd, mode)], 2, vec![first, second]);
                judge(&world);
            }
        }
    }
}

// Proves that one database never answers for another, in every combination of modes and of a few states, and with the
// other one barred.
#[test]
fn two_databases() {
    for (first_mode, second_mode) in Mode::ALL.into_iter().flat_map(|a| Mode::ALL.map(|b| (a, b))) {
        for (i, first) in few().into_iter().enumerate() {
            for second in few() {
                let modes = vec![(Database::Sltd, first_mode), (Database::Tdawn, second_mode)];
                let world = World::of(modes, 1, vec![first, second]);
                judge(&world);
                if i == 0 {
                    judge(&World { barred: vec![(Database::Sltd, Reason::NotGranted)], ..world });
                }
            }
        }
    }
}

// Proves the rules on tables of two databases and two queries, drawn from all states by a fixed seed.
#[test]
fn two_databases_two_queries() {
    let (finds, minds) = (find_scripts(), mind_scripts());
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for _ in 0..20_000 {
        let modes =
            [Database::Sltd, Database::Tdawn].map(|database| (database, Mode::ALL[draw(Mode::ALL.len())]));
        let mut cell = || CellScript { find: finds[draw(finds.len())], mind: minds[draw(minds.len())] };
        let cells = (0..4).map(|_| cell()).collect();
        let unreliable = draw(8) == 0;
        judge(&World { unreliable, ..World::of(modes.to_vec(), 2, cells) });
    }
}

// Proves that the oracle is not blind: the states that must be clear are.
#[test]
fn clear_is_possible() {
    let clear = |mode, find, mind| {
        let world = World::one(mode, find, mind);
        world.run().outcome.verdict() == postern_sdk::Verdict::NoRecord
    };
    let (online, copy) = (Script::find(Say::NoRecord), Script::mind(Say::NoRecord, 30));
    let down = Script::find(Say::Not(Reason::Transport));
    for mode in Mode::ALL {
        assert!(clear(mode, online, copy), "{mode:?}");
        assert_eq!(clear(mode, down, copy), mode != Mode::Find, "{mode:?}");
    }
    assert_eq!(policy(&[(Database::Sltd, Mode::Find)]).databases.len(), 1);
}
