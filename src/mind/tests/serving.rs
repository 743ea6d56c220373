//! The copy in service: what is taken, what is refused by name while the state before stays, and what is purged.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use postern_sdk::{Basis, Context, Query, QueryKey, Reason, Reference};

use super::super::keyring::{GenerationName, KeyFile, SiteKey, Vault};
use super::super::trust;
use super::*;
use crate::clock::Clock;
use crate::screening::Ask;

const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// A site with a publisher, a key and a clock that can be set.
pub(super) struct Service {
    pub(super) site: Site,
    key: SiteKey,
    vault: Arc<Vault>,
    hours: Arc<AtomicI64>,
}

impl Service {
    pub(super) fn new() -> Self {
        let (site, key) = (Site::new(), SiteKey::generate().unwrap());
        let text = site.root.text();
        fs::write(Self::root_file(&site), &text).unwrap();
        let signatures = trust::sign(&text, b"", &site.key).unwrap();
        fs::write(Self::root_file(&site).with_extension("sig"), signatures).unwrap();
        let vault = Arc::new(Vault::holding(SiteKey::parse(&key.line().unwrap()).unwrap()));
        let service = Self { site, key, vault, hours: Arc::new(AtomicI64::new(0)) };
        service.wrap(&service.site.generation);
        service
    }

    fn root_file(site: &Site) -> std::path::PathBuf {
        site.temporary.path().join("root.json")
    }

    pub(super) fn wrap(&self, generation: &Generation) {
        let mut file = KeyFile::new(&GenerationName::new("documents", generation.name()).unwrap());
        file.add(generation.key(), self.key.public()).unwrap();
        file.write(&self.site.folder).unwrap();
    }

    pub(super) fn open(&self) -> (Mind, Reload) {
        let hours = Arc::clone(&self.hours);
        let options = MindOptions {
            folder: self.site.folder.clone(),
            root_file: Self::root_file(&self.site),
            environment: Environment::Training,
            purge: RETENTION,
            vault: Arc::clone(&self.vault),
            country: Some(self.site.key.public()),
            fold: FoldSettings { after: Duration::from_secs(3600), changes: 3, bytes_per_second: None },
        };
        Mind::open(options, Clock::from_fn(move || after(hours.load(Ordering::Relaxed))))
    }
}

pub(super) fn version(mind: &Mind) -> Option<u64> {
    mind.serving(Dataset::Documents).map(|copy| copy.manifest().version)
}

fn codes(reload: &Reload) -> Vec<&'static str> {
    reload.refused.iter().map(|(_, _, refusal)| refusal.code()).collect()
}

pub(super) fn answer(mind: &Mind, key: QueryKey) -> Finding {
    let ask = Ask {
        reference: Reference(uuid::Uuid::nil()),
        context: Arc::new(Context::default()),
        query: Query { key, basis: Basis::Stated },
        number: 0,
        databases: vec![Database::Sltd],
        deadline: tokio::time::Instant::now(),
    };
    mind.answer(&ask).remove(0).finding
}

fn upsert(n: u64) -> String {
    format!("upsert,sltd,NR{n:06},UTO,PAS,STL,,,,,id{n}")
}

// Proves that each newer state is taken into service and answers at once, by its delta where it can; that many changes are
// folded and the fold is taken into service; and that states which are no longer needed go.
#[test]
fn newer_states_are_served() {
    let service = Service::new();
    let (mind, reload) = service.open();
    assert_eq!((version(&mind), reload.changed.len()), (None, 0));
    assert_eq!(answer(&mind, number("NR000002")), Finding::NotChecked(Reason::CopyMissing));
    service.site.build(1, &csv(&[ROW, TDAWN])).unwrap();
    assert_eq!(mind.reload().changed, [(Dataset::Documents, 1)]);
    assert_eq!(answer(&mind, number("NR000002")), Finding::NoRecord);
    for next in 2..=6 {
        service.site.change(next, &changes_csv(&[upsert(next)])).unwrap();
        service.site.strip(next);
        assert_eq!(mind.reload().changed, [(Dataset::Documents, next)]);
        assert_eq!(answer(&mind, number(&format!("NR{next:06}"))).hits().len(), 1);
        assert_eq!(mind.infos()[0].base, 1);
    }
    assert_eq!(mind.maintain().unwrap(), [(Dataset::Documents, 6)]);
    assert_eq!(mind.reload().changed, [(Dataset::Documents, 6)]);
    assert_eq!((mind.infos()[0].base, mind.infos()[0].changes), (6, 0));
    assert_eq!(answer(&mind, number("NR000002")).hits().len(), 1);
    service.site.change(7, &changes_csv(&(10..20).map(upsert).collect::<Vec<_>>())).unwrap();
    assert_eq!(mind.reload().changed, [(Dataset::Documents, 7)]);
    assert_eq!(mind.maintain().unwrap(), [(Dataset::Documents, 7)]);
    mind.reload();
    assert_eq!(mind.maintain().unwrap(), []);
    assert_eq!(service.site.listing(), ["000000000006", "000000000007"]);
}

// Proves that rollback, fast-forward, freeze, a gap, future dates, a foreign signature, a flipped bit and a state that fails
// its known questions are refused by name, each told once, while the state before stays in service, also after a restart.
#[test]
fn refusals_keep_what_is_served() {
    let service = Service::new();
    let site = &service.site;
    site.build(5, &csv(&[ROW, TDAWN])).unwrap();
    let (mind, _) = service.open();
    assert_eq!(version(&mind), Some(5));
    let refused = |code: &str| {
        assert_eq!(codes(&mind.reload()), [code]);
        assert_eq!(version(&mind), Some(5), "{code}");
        assert!(codes(&mind.reload()).is_empty(), "{code} is told once");
        assert_eq!(answer(&mind, number("L898902C3")).hits().len(), 1);
        for name in site.listing().iter().filter(|name| *name != "000000000005") {
            fs::remove_dir_all(site.folder.join("documents").join(name)).unwrap();
        }
    };
    let build = |version: u64, change: &dyn Fn(&mut BuildOptions<'_>)| {
        site.options(version, |mut options| {
            change(&mut options);
            build(csv(&[ROW, TDAWN]).as_bytes(), &options, |_| {}).unwrap();
        });
    };
    build(200_000, &|_| {});
    refused("fast_forward");
    build(6, &|options| options.data_as_of = after(-3));
    refused("data_rollback");
    build(6, &|options| (options.created, options.expires) = (after(-2), after(-1)));
    refused("freeze");
    build(6, &|options| (options.data_as_of, options.created) = (after(9), after(10)));
    refused("future_dated");
    let stranger = PrivateKey::generate().unwrap();
    site.options(6, |options| {
        let options = BuildOptions { signers: &[&stranger], ..options };
        build_with(&options);
    });
    refused("unknown_key");
    build(6, &|_| {});
    let path = site.path(6).join("table.tree");
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096] ^= 1;
    fs::write(&path, bytes).unwrap();
    refused("copy_damaged");
    site.change(6, &changes_csv(&[upsert(1)])).unwrap();
    site.change(7, &changes_csv(&[upsert(2)])).unwrap();
    [6, 7].iter().for_each(|version| site.strip(*version));
    fs::remove_dir_all(site.path(6)).unwrap();
    refused("copy_missing");
    site.build(4, &csv(&[ROW, TDAWN])).unwrap();
    assert!(mind.reload().changed.is_empty() && version(&mind) == Some(5));
    fs::remove_dir_all(site.path(5)).unwrap();
    let (again, reload) = service.open();
    assert_eq!((version(&again), codes(&reload)), (None, vec!["rollback"]));
}

fn build_with(options: &BuildOptions<'_>) {
    build(csv(&[ROW, TDAWN]).as_bytes(), options, |_| {}).unwrap();
}

// Proves that a locked copy says so, that the key opens it, that a generation not wrapped to the site is refused as
// revoked, and that what the site can open stays in service.
#[test]
fn keys_open_generations() {
    let mut service = Service::new();
    service.site.build(1, &csv(&[ROW, TDAWN])).unwrap();
    let (mind, _) = service.open();
    assert_eq!(version(&mind), Some(1));
    service.vault.lock();
    mind.reload();
    assert_eq!(answer(&mind, number("L898902C3")), Finding::NotChecked(Reason::CopyLocked));
    service.vault.unlock(SiteKey::parse(&service.key.line().unwrap()).unwrap());
    assert_eq!(mind.reload().changed.len(), 1);
    let old = Arc::clone(&service.site.generation);
    service.site.generation = Arc::new(Generation::random().unwrap());
    let other = SiteKey::generate().unwrap();
    let name = GenerationName::new("documents", service.site.generation.name()).unwrap();
    let mut file = KeyFile::new(&name);
    file.add(service.site.generation.key(), other.public()).unwrap();
    file.write(&service.site.folder).unwrap();
    service.site.build(2, &csv(&[ROW, TDAWN])).unwrap();
    assert_eq!(codes(&mind.reload()), ["revoked"]);
    assert_eq!(version(&mind), Some(1));
    // A key file with another generation's key in it: without the check, all would be silent.
    file.add(old.key(), service.key.public()).unwrap();
    file.write(&service.site.folder).unwrap();
    let (again, reload) = service.open();
    assert_eq!((version(&again), codes(&reload)), (Some(1), vec!["key_wrong"]));
}

// Proves that data past its purge age is not answered, that its key is destroyed with a certificate, and that nobody opens
// it again; and that a purge by command does the same.
#[test]
fn purging_destroys_the_key() {
    for by_age in [true, false] {
        let service = Service::new();
        service.site.build(1, &csv(&[ROW, TDAWN])).unwrap();
        let (mind, _) = service.open();
        assert!(mind.purge_aged().is_empty());
        let purged = if by_age {
            service.hours.store(24 * 40, Ordering::Relaxed);
            assert_eq!(answer(&mind, number("L898902C3")), Finding::NotChecked(Reason::CopyPurged));
            mind.purge_aged().remove(0).unwrap()
        } else {
            mind.purge(Dataset::Documents, "command").unwrap().unwrap()
        };
        assert_eq!((purged.version, purged.records), (1, 2));
        assert_eq!(purged.cause, if by_age { "age" } else { "command" });
        assert_eq!(answer(&mind, number("L898902C3")), Finding::NotChecked(Reason::CopyPurged));
        service.hours.store(0, Ordering::Relaxed);
        let (again, reload) = service.open();
        assert_eq!((version(&again), codes(&reload)), (None, vec!["key_missing"]));
    }
}

// Proves that a key which went with its state, as old ones do at a publisher, does not end the service as a purge does.
#[test]
fn a_key_that_goes_with_its_state_is_no_purge() {
    let service = Service::new();
    service.site.build(1, &csv(&[ROW, TDAWN])).unwrap();
    let (mind, _) = service.open();
    let name = GenerationName::new("documents", service.site.generation.name()).unwrap();
    let (state, away) = (service.site.path(1), service.site.temporary.path().join("away"));
    fs::rename(&state, &away).unwrap();
    KeyFile::destroy(&service.site.folder, &name).unwrap();
    assert!(mind.reload().purged.is_empty());
    assert_eq!(version(&mind), Some(1));
    fs::rename(away, state).unwrap();
    let purged = mind.reload().purged.remove(0);
    assert_eq!((purged.version, purged.records, purged.cause), (1, 2, "elsewhere"));
    assert_eq!(answer(&mind, number("L898902C3")), Finding::NotChecked(Reason::CopyPurged));
    assert!(mind.reload().purged.is_empty());
}

// Proves that the country's withdrawals take effect at the next look, without a new state, and stay through the next one.
#[test]
fn withdrawals_take_effect() {
    let service = Service::new();
    let site = &service.site;
    site.build(1, &csv(&[ROW, TDAWN])).unwrap();
    let (mind, _) = service.open();
    let withdrawal = Withdrawal {
        database: Database::Sltd,
        identifier: Identifier::document(&"L898902C3".parse().unwrap()),
        record_id: "id-1".to_owned(),
    };
    let copy = mind.serving(Dataset::Documents).unwrap();
    copy.withdraw(&site.folder, &[withdrawal], &site.key).unwrap();
    assert_eq!(answer(&mind, number("L898902C3")).hits().len(), 1);
    mind.reload();
    assert_eq!(answer(&mind, number("L898902C3")), Finding::NoRecord);
    assert_eq!(mind.infos()[0].withdrawn, 1);
    site.change(2, &changes_csv(&[upsert(1)])).unwrap();
    mind.reload();
    assert_eq!((version(&mind), answer(&mind, number("L898902C3"))), (Some(2), Finding::NoRecord));
}
