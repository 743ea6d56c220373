//! The session guard at work: repeats, trials after a rest, orders, late answers, background.

use crate::find::control::{Control, Order};
use crate::sim::{Faults, Outage, RunningSim, Simulator};

use super::canned::canned;
use super::simulated::{asked, both, options};
use super::*;

async fn simulated(change: impl FnOnce(&mut file::Find)) -> (RunningSim, Arc<Find>) {
    let sim = Simulator::start(options(None)).await.unwrap();
    let mut settings = settings(&format!("http://{}", sim.addr));
    change(&mut settings.options);
    (sim, find(settings))
}

/// The canned server again, asked by somebody who may repeat.
fn repeating(find: &Find, percent: u8) -> Arc<Find> {
    let mut settings = find.settings.clone();
    settings.options.retry_percent = percent;
    super::find(settings)
}

fn order(control: Control) -> Order {
    let service = Profile::built_in().service[0].name.clone();
    Order { service, control, reason: "exercise".to_owned(), at: jiff::Timestamp::UNIX_EPOCH, uid: 0 }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), met)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

// Proves that a search which failed is asked again under a reference and number of its own, and that details are not.
#[tokio::test]
async fn searches_are_repeated() {
    let busy = || (503, "busy".to_owned());
    let answers = vec![busy(), (500, fixture("fault")), (200, fixture("search-hit-inline")), busy()];
    let (find, sent) = canned(answers).await;
    let answers = repeating(&find, 100).ask(ask(document("L898902C3"), BOTH)).await;
    assert_eq!(told(&answers), both("hits", "no_record"));
    let reference = answers[0].reference_in_country.clone().unwrap();
    let logical = reference.strip_suffix("-3").unwrap();
    let sent = sent.lock().unwrap();
    assert_eq!(sent.len(), 4, "details are asked once");
    assert!(sent[0].contains(&format!("{logical}<")), "the first attempt has no number");
    assert!(sent[1].contains(&format!("{logical}-2<")) && sent[2].contains(&format!("{logical}-3<")));
    assert!(!sent[3].contains(logical));
}

// Proves that repeats end with the budget and the attempts, and that what was refused or not readable is not repeated.
#[tokio::test]
async fn repeats_are_few() {
    let cases = [
        (vec![(503, String::new()); 3], 100, "transport"),
        (vec![(503, String::new()); 2], 20, "transport"),
        (vec![(503, String::new())], 0, "transport"),
        (vec![(403, String::new())], 100, "access_denied"),
        (vec![(429, String::new())], 100, "rate_capped"),
        (vec![(200, "{}".to_owned())], 100, "malformed_answer"),
    ];
    for (answers, percent, expected) in cases {
        let count = answers.len();
        let (find, sent) = canned(answers).await;
        let answers = repeating(&find, percent).ask(ask(document("L898902C3"), &[Database::Sltd])).await;
        assert_eq!((told(&answers)["sltd"].as_str(), sent.lock().unwrap().len()), (expected, count));
    }
}

// Proves that a service which failed is tried without any traffic, by the harmless question alone, and that travellers'
// questions stay here until it answered.
#[tokio::test]
async fn services_are_tried_without_traffic() {
    let (sim, find) = simulated(|options| options.breaker_rest_ms = 20).await;
    sim.set_faults(Faults { outage: Some(Outage::Refuse), ..Faults::default() }).unwrap();
    for _ in 0..3 {
        assert_eq!(asked(&find, "L898902C3").await["sltd"], "transport");
    }
    assert_eq!(asked(&find, "L898902C3").await["sltd"], "breaker_open");
    assert_eq!(find.status()[0].last_error, Some(Reason::Transport));
    sim.set_faults(Faults::default()).unwrap();
    until("the service's return", || find.status()[0].state == BreakerState::Closed).await;
    let log = sim.log();
    assert_eq!(log.latest.len(), 1, "one harmless question: {:?}", log.counts);
    assert!(find.status()[0].last_success.is_some());
    assert_eq!(asked(&find, "L898902C3").await, both("hits", "hits"));
}

// Proves that a service held open is not asked, that the order is shown, and that its end has the service tried first.
#[tokio::test]
async fn orders_are_followed() {
    let (sim, find) = simulated(|_| {}).await;
    assert_eq!(
        find.check_order(&Order { service: "moon".into(), ..order(Control::Open) }).unwrap_err().code(),
        "unknown_service"
    );
    assert_eq!(
        find.check_order(&Order { reason: String::new(), ..order(Control::Open) }).unwrap_err().code(),
        "reason"
    );
    find.follow(order(Control::Open)).unwrap();
    assert_eq!(asked(&find, "L898902C3").await, both("breaker_open", "breaker_open"));
    let status = &find.status()[0];
    assert_eq!(
        (status.state, status.order.as_ref().unwrap().reason.as_str()),
        (BreakerState::Open, "exercise")
    );
    assert_eq!(sim.log().latest.len(), 0);
    find.follow(order(Control::Auto)).unwrap();
    until("the trial", || find.status()[0].state == BreakerState::Closed).await;
    assert_eq!((sim.log().latest.len(), find.status()[0].order.is_none()), (1, true));
    find.follow(order(Control::Closed)).unwrap();
    sim.set_faults(Faults { outage: Some(Outage::Refuse), ..Faults::default() }).unwrap();
    for _ in 0..10 {
        assert_eq!(asked(&find, "L898902C3").await["sltd"], "transport");
    }
}

// Proves that a request which its lane no longer waits for gives its place back, so that the next is asked at once when
// the service is well again, and that its late answer is still taken.
#[tokio::test]
async fn overdue_requests_hold_no_place() {
    let (sim, find) = simulated(|options| options.concurrency_max = 1).await;
    sim.set_faults(Faults { latency_ms: 1_000, ..Faults::default() }).unwrap();
    let mut hasty = ask(document("ZZ9999999"), BOTH);
    hasty.deadline = Instant::now() + Duration::from_millis(100);
    let deadline = hasty.deadline;
    let late = tokio::spawn(Arc::clone(&find).ask(hasty));
    tokio::time::sleep_until(deadline).await;
    sim.set_faults(Faults::default()).unwrap();
    assert_eq!(asked(&find, "ZZ9999999").await, both("no_record", "no_record"));
    assert!(!late.is_finished());
    assert_eq!(told(&late.await.unwrap()), both("no_record", "no_record"));
}

// Proves that background questions wait for room that lanes leave, and are refused by their deadline if there is none.
#[tokio::test]
async fn lanes_come_before_the_background() {
    let (sim, find) = simulated(|options| options.concurrency_max = 2).await;
    sim.set_faults(Faults { latency_ms: 300, ..Faults::default() }).unwrap();
    let lane = Arc::clone(&find).ask(ask(document("ZZ9999999"), BOTH));
    let mut hasty = ask(document("ZZ9999999"), BOTH);
    hasty.deadline = Instant::now() + Duration::from_millis(100);
    let background = Arc::new(Arc::clone(&find).in_background()).ask(hasty);
    let (lane, background) = tokio::join!(lane, background);
    assert_eq!(told(&lane), both("no_record", "no_record"));
    assert_eq!(told(&background), both("rate_capped", "rate_capped"));
    let patient = Arc::new(Arc::clone(&find).in_background()).ask(ask(document("ZZ9999999"), BOTH));
    assert_eq!(told(&patient.await), both("no_record", "no_record"));
}
