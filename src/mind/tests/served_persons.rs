//! Persons as they are served: taken into service, replaced, kept, locked and purged.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use postern_sdk::{Answer, Context, Query, Reason, Reference, Remark};

use super::super::keyring::{SiteKey, Vault};
use super::persons::{listed, query};
use super::*;
use crate::clock::Clock;
use crate::screening::{Ask, Lookup};
use crate::sim::persons::generate;
use crate::sim::publisher::Publisher;

/// A publisher, and a copy that serves what it publishes, at a time that is set by hand.
struct Served {
    folder: tempfile::TempDir,
    publisher: Publisher,
    hours: Arc<AtomicI64>,
    vault: Arc<Vault>,
}

impl Served {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let publisher = Publisher::create(folder.path(), Environment::Training, NOW).unwrap();
        let site = SiteKey::read(&folder.path().join("site.key")).unwrap();
        Self { folder, publisher, hours: Arc::default(), vault: Arc::new(Vault::holding(site)) }
    }

    fn clock(&self) -> Clock {
        let hours = Arc::clone(&self.hours);
        Clock::from_fn(move || after(hours.load(Ordering::Relaxed)))
    }

    fn mind(&self) -> (Arc<Mind>, Reload) {
        let options = MindOptions {
            folder: self.publisher.copy(),
            root_file: self.folder.path().join("root.json"),
            environment: Environment::Training,
            purge: Duration::from_secs(100 * 24 * 3_600),
            vault: Arc::clone(&self.vault),
            country: None,
            fold: FoldSettings::default(),
        };
        let (mind, reload) = Mind::open(options, self.clock());
        (Arc::new(mind), reload)
    }

    /// Publishes persons whose data is of two hours after the last.
    fn publish(&self, version: u64, persons: &[super::super::names::Person]) {
        let now = self.clock().now();
        self.publisher.notices(persons, version, now - SignedDuration::from_hours(1), now).unwrap();
    }
}

fn ask(query: Query) -> Ask {
    let databases = vec![Database::PublicNotices, Database::Nominal];
    let (context, deadline) = (Arc::new(Context::default()), Instant::now() + Duration::from_secs(60));
    Ask {
        reference: Reference(crate::ids::new_id(NOW)),
        context,
        query,
        number: 2,
        databases,
        deadline: deadline.into(),
    }
}

/// What the notices say; of nominals there is never anything.
fn heard(answers: &[Answer]) -> Answer {
    let [notices, nominal] = answers else { panic!("{answers:?}") };
    assert_eq!(nominal.finding, Finding::NotChecked(Reason::CopyMissing));
    assert_ne!(notices.finding, Finding::NoRecord);
    notices.clone()
}

fn asked(mind: &Mind) -> Answer {
    heard(&mind.answer(&ask(query("KORVATZ", "LIMA", "1974-08-12"))))
}

// Proves that without a state a person is not checked, that a published one answers after a reload and shows itself, that
// a newer one replaces it, and that one that was damaged is refused while the one before stays.
#[test]
fn newer_persons_replace_older_ones() {
    let served = Served::new();
    let (mind, reload) = served.mind();
    assert!(reload.refused.is_empty());
    assert_eq!(asked(&mind).finding, Finding::NotChecked(Reason::CopyMissing));
    served.publish(1, &listed()[1..]);
    assert_eq!(mind.reload().changed, [(Dataset::Notices, 1)]);
    assert_eq!(asked(&mind).finding, Finding::NotChecked(Reason::CopyPartial));
    assert!(mind.reload().changed.is_empty());
    served.publish(2, &listed());
    assert_eq!(mind.reload().changed, [(Dataset::Notices, 2)]);
    assert_eq!(asked(&mind).finding.hits()[0].record, "2020/1");
    let infos = mind.infos();
    assert_eq!((infos[0].dataset.as_str(), infos[0].version, infos[0].records), ("notices", 2, 2));
    assert_eq!(mind.without_reason(Dataset::Notices), None);
    served.publish(3, &listed());
    let file = served.publisher.copy().join("notices/000000000003/persons.bin");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[1..]).unwrap();
    let reload = mind.reload();
    let refused: Vec<_> =
        reload.refused.iter().map(|(of, version, why)| (*of, *version, why.code())).collect();
    assert_eq!(refused, [(Some(Dataset::Notices), 3, "truncated")]);
    assert_eq!(asked(&mind).finding.hits()[0].record, "2020/1");
    let (later, _) = served.mind();
    assert_eq!(later.infos()[0].version, 2, "what was accepted is opened again");
}

// Proves that an older state than was accepted is refused, by name, even after a restart.
#[test]
fn older_persons_are_refused() {
    let served = Served::new();
    served.publish(1, &listed());
    served.publish(2, &listed());
    let (mind, _) = served.mind();
    assert_eq!(mind.infos()[0].version, 2);
    std::fs::remove_dir_all(served.publisher.copy().join("notices/000000000002")).unwrap();
    let (mind, reload) = served.mind();
    assert_eq!(reload.refused[0].2.code(), "rollback");
    assert_eq!(asked(&mind).finding, Finding::NotChecked(Reason::CopyStale));
}

// Proves that a locked copy says so, that past the expiry hits are told as stale, that past the purge age nothing is told,
// and that the purge destroys the key.
#[test]
fn locked_stale_and_purged_persons_say_so() {
    let served = Served::new();
    served.publish(1, &listed());
    let (mind, _) = served.mind();
    served.vault.lock();
    mind.reload();
    assert_eq!(asked(&mind).finding, Finding::NotChecked(Reason::CopyLocked));
    served.vault.unlock(SiteKey::read(&served.folder.path().join("site.key")).unwrap());
    mind.reload();
    assert!(asked(&mind).finding.hits()[0].remarks.is_empty());
    served.hours.store(24 * 31, Ordering::Relaxed);
    let stale = asked(&mind);
    assert_eq!(stale.finding.hits()[0].remarks, [Remark::StaleCopy]);
    assert!(mind.purge_aged().is_empty());
    served.hours.store(24 * 101, Ordering::Relaxed);
    assert_eq!(asked(&mind).finding, Finding::NotChecked(Reason::CopyPurged));
    assert_eq!(mind.without_reason(Dataset::Notices), Some(Reason::CopyPurged));
    let purged = mind.purge_aged().remove(0).unwrap();
    assert_eq!((purged.dataset.as_str(), purged.records, purged.cause), ("notices", 2, "age"));
    assert!(mind.infos().is_empty());
    assert_eq!(std::fs::read_dir(served.publisher.copy().join("keys")).unwrap().count(), 0);
}

// Proves that maintaining keeps the state that is served and the one before it.
#[test]
fn old_persons_are_removed() {
    let served = Served::new();
    (1..=4).for_each(|version| served.publish(version, &listed()));
    let (mind, _) = served.mind();
    mind.maintain().unwrap();
    assert_eq!(versions(&served.publisher.copy(), "notices"), [4, 3]);
}

// Proves that of few names is answered at once, and that of many names a search does not hold others up: it is handed to a
// thread of its own and answers the same.
#[tokio::test]
async fn long_searches_hold_nobody_up() {
    let served = Served::new();
    served.publish(1, &listed());
    let (mind, _) = served.mind();
    let question = || ask(query("KORVATZ", "LIMA", "1974-08-12"));
    assert_eq!(heard(&mind.ask_now(&question()).unwrap()).finding, asked(&mind).finding);
    let mut many = generate(21_000, 3);
    many.extend(listed());
    served.publish(2, &many);
    mind.reload();
    assert!(mind.ask_now(&question()).is_none());
    let searched = heard(&Arc::clone(&mind).ask(question()).await);
    assert_eq!(searched.finding, asked(&mind).finding);
    assert!(searched.finding.hits().iter().any(|hit| hit.record == "2020/1"));
    let document = Ask { query: Query { key: number("L898902C3"), ..question().query }, ..question() };
    assert!(mind.ask_now(&document).is_some());
}
