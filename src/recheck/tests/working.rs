//! Whether the worker asks the right things in the right order, and records what came of them.

use super::*;

// Proves that the newest come first and every fourth turn is the oldest's, that each place is asked once, and that all are
// settled and recorded in the end.
#[tokio::test(start_paused = true)]
async fn the_newest_come_first_and_the_oldest_have_their_share() {
    let world = World::new();
    world.screen(0..20, &Finding::NoRecord).await;
    let find = Scripted::new(Finding::NoRecord);
    let running = world.work(world.parts(&find));
    running.until("all to be asked", |status| status.asked == 20 && status.open == 0).await;
    let asked = find.asked();
    assert_eq!(asked[..8], [19, 18, 17, 0, 16, 15, 14, 1]);
    assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), 20, "{asked:?}");
    running.stop().await;
    let rechecks = world.rechecks();
    assert_eq!(rechecks.len(), 20);
    for (_, record) in rechecks {
        assert_eq!((record.attempt, record.places[0].state), (1, PlaceState::Answered));
        assert!(record.places[0].disagreement.is_none() && !record.follow.case);
    }
}

// Proves that a hit which the copy did not have is told as late, with a case to follow, that a hit which was told before is
// not told again, and that a copy's hit which FIND does not have is recorded as a disagreement.
#[tokio::test(start_paused = true)]
async fn late_hits_and_disagreements_are_recorded() {
    let world = World::new();
    world.screen(1..2, &Finding::NoRecord).await;
    world.screen(2..3, &hits()).await;
    let find = Scripted::new(hits());
    let running = world.work(world.parts(&find));
    running.until("both to be asked", |status| status.asked == 2 && status.open == 0).await;
    find.say(Finding::NoRecord);
    world.screen(3..4, &hits()).await;
    running.until("the third", |status| status.asked == 3 && status.open == 0).await;
    assert_eq!(running.figures.status().hits, 1);
    running.stop().await;
    let rechecks: Vec<_> = world
        .rechecks()
        .into_iter()
        .map(|(n, record)| {
            (n, (record.places[0].late_hit, record.places[0].disagreement, record.follow.case))
        })
        .collect();
    assert!(rechecks.contains(&(1, (true, Some(Disagreement::CopyMissed), true))), "{rechecks:?}");
    assert!(rechecks.contains(&(2, (false, None, true))), "{rechecks:?}");
    assert!(rechecks.contains(&(3, (false, Some(Disagreement::CopyHitNotConfirmed), false))), "{rechecks:?}");
    assert_eq!(world.shared.stats.figures(now()).late_hits, 1);
}

// Proves that an outage is met with few attempts at growing distances, and that all places, those tried in it too, are
// asked and answered soon after its end.
#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_out() {
    let world = World::new();
    world.screen(0..30, &Finding::NoRecord).await;
    let find = Scripted::new(Finding::NotChecked(Reason::Transport));
    let running = world.work(world.parts(&find));
    running.until("some attempts", |status| status.asked >= 6).await;
    assert_eq!(world.rechecks().len(), find.asked().len());
    find.say(Finding::NoRecord);
    let tried = find.asked().len();
    // The clock stands: no place that was tried is due by itself.
    running.until("all to be answered", |status| status.open == 0).await;
    assert!(find.asked().len() <= tried + 31, "{} after {tried}", find.asked().len());
    running.stop().await;
    let answered: BTreeSet<u128> = world
        .rechecks()
        .iter()
        .filter(|(_, record)| record.places[0].state == PlaceState::Answered)
        .map(|(n, _)| *n)
        .collect();
    assert_eq!(answered.len(), 30);
}

// Proves that a question which fails for a reason of its own waits longer each time while others go on, and that a reason
// which does not pass ends it.
#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_or_closed() {
    let world = World::new();
    world.screen(1..2, &Finding::NoRecord).await;
    let find = Scripted::new(Finding::NotChecked(Reason::OtherError));
    let running = world.work(world.parts(&find));
    running.until("the first attempt", |status| status.asked == 1).await;
    for attempt in 2..5 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(find.asked().len(), attempt - 1, "not before its time");
        world.pass(SignedDuration::from_secs(20 << attempt));
        running.until("another attempt", |status| status.asked == attempt as u64).await;
    }
    find.say(Finding::NotChecked(Reason::InvalidSearch));
    world.pass(SignedDuration::from_hours(1));
    running.until("the end", |status| status.open == 0).await;
    running.stop().await;
    let (_, last) = world.rechecks().pop().unwrap();
    assert_eq!(
        (last.attempt, last.places[0].state),
        (5, PlaceState::Closed { reason: Reason::InvalidSearch })
    );
}

// Proves that what a hub refuses without asking is recorded: a suspension there puts the question off, and what the hub does
// not grant is closed.
#[tokio::test(start_paused = true)]
async fn refusals_of_a_hub_are_recorded() {
    let world = World::new();
    world.screen(1..2, &Finding::NoRecord).await;
    let find = Scripted::new(Finding::NotChecked(Reason::Suspended));
    let running = world.work(world.parts(&find));
    running.until("the first attempt", |status| status.asked == 1).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!((find.asked().len(), running.figures.status().open), (1, 1), "put off");
    find.say(Finding::NotChecked(Reason::NotGranted));
    world.pass(SignedDuration::from_secs(60));
    running.until("the end", |status| status.open == 0).await;
    running.stop().await;
    let states: Vec<_> = world.rechecks().iter().map(|(_, record)| record.places[0].state).collect();
    let (open, closed) = (Reason::Suspended, Reason::NotGranted);
    assert_eq!(states, [PlaceState::Open { reason: open }, PlaceState::Closed { reason: closed }]);
}

// Proves that what the grant no longer allows is closed as not granted without being asked, that a suspended check stays
// open, and that both are recorded.
#[tokio::test(start_paused = true)]
async fn the_grant_is_asked_again() {
    let world = World::new();
    world.screen(1..2, &Finding::NoRecord).await;
    world.append(Kind::Screening, 2, screening(2, &Finding::NoRecord, places(&BOTH), Vec::new())).await;
    world.grant(
        &["tdawn"],
        "[[suspension]]\ndatabases = ['tdawn']\nsites = ['ZZA']\nfrom = 2026-01-01T00:00:00Z\n\
         until = 2028-01-01T00:00:00Z\nreason = 'x'\n",
    );
    let find = Scripted::new(Finding::NoRecord);
    let running = world.work(world.parts(&find));
    running.until("what is not granted to be closed", |status| status.open == 1).await;
    assert_eq!(find.asked(), [0_u128; 0]);
    world.grant(&["sltd", "tdawn"], "");
    world.pass(SignedDuration::from_secs(60));
    running.until("the suspended place to be asked", |status| status.open == 0).await;
    running.stop().await;
    assert_eq!(*find.asked.lock().unwrap(), [(Uuid::from_u128(2), vec![Database::Tdawn])]);
    let closed = |record: &RecheckRecord| {
        record.places.iter().any(|place| place.state == PlaceState::Closed { reason: Reason::NotGranted })
    };
    assert_eq!(
        world.rechecks().iter().filter(|(_, record)| closed(record) && record.asked.is_none()).count(),
        2
    );
}

// Proves that a place which was open for too long ends with a record of its own, though nothing could be asked.
#[tokio::test(start_paused = true)]
async fn what_is_too_old_expires() {
    let world = World::new();
    world.screen(1..4, &Finding::NoRecord).await;
    world.pass(SignedDuration::from_hours(24 * 7));
    world.screen(4..5, &Finding::NoRecord).await;
    let find = Scripted::new(Finding::NotChecked(Reason::BreakerOpen));
    let running = world.work(world.parts(&find));
    running.until("three to expire", |status| status.open == 1).await;
    running.stop().await;
    let mut ended: Vec<_> =
        world.rechecks().into_iter().map(|(n, record)| (n, record.places[0].state)).collect();
    ended.sort_by_key(|(n, _)| *n);
    assert_eq!(
        ended,
        [1, 2, 3].map(|n| (n, PlaceState::Expired)),
        "nothing is recorded of what was not sent"
    );
}

// Proves that a place whose live request is still under way is left alone until that must be over, and is settled by its late
// answer.
#[tokio::test(start_paused = true)]
async fn late_answers_are_waited_for() {
    let world = World::new();
    let late = places(&[Database::Sltd]);
    for n in 1..3 {
        world.append(Kind::Screening, n, screening(n, &Finding::NoRecord, late.clone(), late.clone())).await;
    }
    let find = Scripted::new(Finding::NoRecord);
    let running = world.work(world.parts(&find));
    running.until("both to be open", |status| status.open == 2).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let answer = Answer::new(Database::Sltd, 0, Source::Find, Finding::NoRecord);
    world.append(Kind::LateAnswer, 1, late_answer(vec![answer])).await;
    running.until("one to be settled", |status| status.open == 1).await;
    assert_eq!(find.asked(), [0_u128; 0]);
    world.pass(SignedDuration::from_secs(30));
    running.until("the other to be asked", |status| status.open == 0).await;
    assert_eq!(find.asked(), [2]);
    running.stop().await;
}

// Proves that after a crash exactly what was under way is asked again, and everything else once.
#[tokio::test(start_paused = true)]
async fn a_crash_repeats_what_was_under_way() {
    let world = World::new();
    world.screen(0..12, &Finding::NoRecord).await;
    let find = Scripted::new(Finding::NoRecord);
    let parts = || Parts { concurrency_max: 3, ..world.parts(&find) };
    find.hangs_after.store(5, Ordering::Relaxed);
    let running = world.work(parts());
    running.until("three to hang", |_| find.asked().len() == 8 && world.rechecks().len() == 5).await;
    let under_way: BTreeSet<u128> = find.asked().split_off(5).into_iter().collect();
    running.crash().await;
    find.hangs_after.store(usize::MAX, Ordering::Relaxed);
    let running = world.work(parts());
    running.until("the rest to be answered", |status| status.open == 0 && status.asked > 0).await;
    running.stop().await;
    let asked = find.asked();
    for n in 0..12 {
        let times = asked.iter().filter(|other| **other == n).count();
        assert_eq!(times, if under_way.contains(&n) { 2 } else { 1 }, "{n}: {asked:?}");
    }
    assert_eq!(under_way.len(), 3, "{asked:?}");
}

// Proves that the room's own rate is kept, whatever FIND could take.
#[tokio::test(start_paused = true)]
async fn the_rate_is_kept() {
    let world = World::new();
    world.screen(0..60, &Finding::NoRecord).await;
    let find = Scripted::new(Finding::NoRecord);
    let running = world.work(Parts { rate_per_s_max: 10, concurrency_max: 8, ..world.parts(&find) });
    let begun = tokio::time::Instant::now();
    running.until("all to be asked", |status| status.asked == 60).await;
    assert!(begun.elapsed() >= Duration::from_millis(5_700), "{:?}", begun.elapsed());
    running.stop().await;
}

// Proves that nothing is asked before the list has come to the journal's end, where it is told what is settled already.
#[tokio::test(start_paused = true)]
async fn what_is_settled_further_on_is_not_asked() {
    let world = World::new();
    world.screen(0..100, &Finding::NoRecord).await;
    for n in 0..99 {
        let answer = Answer::new(Database::Sltd, 0, Source::Find, Finding::NoRecord);
        world.append(Kind::LateAnswer, n, late_answer(vec![answer])).await;
    }
    let find = Scripted::new(Finding::NoRecord);
    let running = world.work(world.parts(&find));
    running.until("the last to be asked", |status| status.asked == 1 && status.open == 0).await;
    assert_eq!(find.asked(), [99]);
    running.stop().await;
}
