//! States: each tampering of TUF's list has a test that names it.

use aws_lc_rs::digest::{SHA256, digest};
use proptest::prelude::*;

use super::*;

// Proves that what is in order is admitted: the same again, the next, a delta, another generation as a snapshot, the
// first of a dataset.
#[test]
fn admits_what_is_in_order() {
    let site = Site::new();
    let other_generation = Claims { generation: "fedcba9876543210".into(), ..claims(12) };
    let vehicles = Claims { wanted: "vehicles".into(), dataset: "vehicles".into(), ..claims(3) };
    for good in [
        claims(10),
        claims(11),
        claims(999),
        delta(10, 11, 10),
        delta(10, 14, 10),
        other_generation,
        vehicles,
    ] {
        site.admit(&good).unwrap();
    }
}

// Proves that an older version is refused, as a snapshot and as a delta, and that a delta can't lead back.
#[test]
fn rollback_attack() {
    let site = Site::new();
    refused(site.admit(&claims(9)), "rollback");
    refused(site.admit(&claims(0)), "rollback");
    refused(site.admit(&delta(8, 9, 8)), "rollback");
    refused(site.admit(&delta(11, 11, 11)), "rollback");
    refused(site.admit(&delta(12, 11, 12)), "rollback");
}

// Proves that older data under a newer version is refused.
#[test]
fn rollback_attack_by_older_data() {
    let site = Site::new();
    let older = after(-1) - SignedDuration::from_secs(1);
    refused(site.admit(&Claims { data_as_of: older, ..claims(11) }), "data_rollback");
    site.admit(&Claims { data_as_of: after(-1), ..claims(11) }).unwrap();
}

// Proves that a delta must lead from exactly what is served.
#[test]
fn gap() {
    let site = Site::new();
    refused(site.admit(&delta(11, 12, 10)), "gap");
    refused(site.admit(&delta(9, 12, 10)), "gap");
    refused(site.admit(&Claims { serving: None, ..delta(10, 11, 10) }), "gap");
}

// Proves that a delta of another generation, and another state under an accepted version, are refused.
#[test]
fn mix_and_match_attack() {
    let site = Site::new();
    let other = String::from("fedcba9876543210");
    refused(site.admit(&Claims { generation: other.clone(), ..delta(10, 11, 10) }), "mix_and_match");
    refused(site.admit(&Claims { generation: other, ..claims(10) }), "mix_and_match");
    refused(site.admit(&Claims { created: after(-1), ..claims(10) }), "mix_and_match");
    refused(site.admit(&Claims { data_as_of: NOW, ..claims(10) }), "mix_and_match");
}

// Proves that a part of another state, of the same size, is refused by its digest.
#[test]
fn mix_and_match_attack_by_files() {
    let mut measure = Measure::new(4, sha256(b"mine"), 10).unwrap();
    measure.take(b"your").unwrap();
    refused(measure.finish(), "bit_flip");
}

// Proves that a new state which has expired is refused, to the very moment, while the one that was accepted may be
// opened again: its matches must be told.
#[test]
fn indefinite_freeze_attack() {
    let site = Site::new();
    refused(site.admit(&Claims { expires: after(-1), ..claims(11) }), "freeze");
    refused(site.admit(&Claims { expires: NOW, ..claims(11) }), "freeze");
    let late = |claims: &Claims| admit(site.chain.root(), &site.highest, claims, after(13));
    refused(late(&claims(11)), "freeze");
    late(&claims(10)).unwrap();
}

// Proves that under a root that has expired no new state is taken, and the accepted one may be opened again.
#[test]
fn indefinite_freeze_attack_on_the_root() {
    let site = Site::new();
    let late = |claims: &Claims| admit(site.chain.root(), &site.highest, claims, after(24));
    refused(late(&Claims { expires: after(48), ..claims(11) }), "root_expired");
    late(&claims(10)).unwrap();
}

// Proves that a version which leaps is refused, that no first one is beyond what a folder's name holds, and that a leap within the
// limit is taken.
#[test]
fn fast_forward_attack() {
    let mut site = Site::new();
    site.admit(&claims(10 + VERSION_JUMP_MAX)).unwrap();
    refused(site.admit(&claims(11 + VERSION_JUMP_MAX)), "fast_forward");
    refused(site.admit(&claims(u64::MAX)), "fast_forward");
    let first = |version| Claims { wanted: "vessels".into(), dataset: "vessels".into(), ..claims(version) };
    site.admit(&first(VERSION_MAX)).unwrap();
    refused(site.admit(&first(VERSION_MAX + 1)), "fast_forward");
    site.highest.accept(&first(VERSION_MAX));
    refused(site.admit(&first(VERSION_MAX + 1)), "fast_forward");
}

// Proves the recovery from a fast-forward: a root that replaces the copy keys forgets the highest, what the stolen key signed is refused from
// then on, and the true states go on where they were.
#[test]
fn fast_forward_recovery() {
    let mut site = Site::new();
    site.highest.accept(&claims(90_000));
    refused(site.admit(&claims(11)), "rollback");
    let fresh = key();
    assert_eq!(site.rotate(1, &[&fresh]), Followed::Reset);
    site.admit(&claims(11)).unwrap();
    let stolen = lines(MANIFEST, b"state 90000", &[&site.copy_key]);
    refused(site.chain.root().verify_copy(MANIFEST, b"state 90000", &stolen), "unknown_key");
}

// Proves that a root which leaves enough old keys to sign forgets nothing, nor does one that brings an old key back: states of
// then could pass again.
#[test]
fn rotation_alone_forgets_nothing() {
    let mut site = Site::new();
    let (second, third) = (key(), key());
    let old = PrivateKey::generate().unwrap();
    let first = std::mem::replace(&mut site.copy_key, old);
    assert_eq!(site.rotate(1, &[&first, &second]), Followed::Newer);
    assert_eq!(site.rotate(1, &[&second]), Followed::Newer);
    assert_eq!(site.rotate(1, &[&first, &third]), Followed::Newer);
    refused(site.admit(&claims(9)), "rollback");
    assert_eq!(site.highest.follow(&site.chain).unwrap(), Followed::Same);
    assert_eq!(site.rotate(2, &[&first, &key()]), Followed::Reset);
    site.admit(&claims(9)).unwrap();
}

// Proves that other data and other datasets than were asked for are refused.
#[test]
fn wrong_software_installation() {
    let site = Site::new();
    let production = Claims { environment: Environment::Production, ..claims(11) };
    refused(site.admit(&production), "wrong_environment");
    refused(site.admit(&Claims { wanted: "vehicles".into(), ..claims(11) }), "wrong_dataset");
    refused(site.admit(&Claims { dataset: "vehicles".into(), ..claims(11) }), "wrong_dataset");
}

// Proves that a state from beyond the skew of clocks is refused, and data from after its state was built.
#[test]
fn future_dated() {
    let site = Site::new();
    let second = SignedDuration::from_secs(1);
    let (edge, made) = (NOW + CLOCK_SKEW, after(-1));
    refused(site.admit(&Claims { created: edge + second, ..claims(11) }), "future_dated");
    refused(site.admit(&Claims { data_as_of: edge + second, created: edge, ..claims(11) }), "future_dated");
    refused(
        site.admit(&Claims { created: made, data_as_of: made + CLOCK_SKEW + second, ..claims(11) }),
        "future_dated",
    );
    site.admit(&Claims { created: edge, data_as_of: edge, ..claims(11) }).unwrap();
}

// Proves that under a root older than the one that was accepted nothing is admitted.
#[test]
fn root_rollback_is_refused_everywhere() {
    let mut site = Site::new();
    let (before, fresh) = (site.chain.clone(), key());
    site.rotate(1, &[&fresh]);
    refused(site.highest.follow(&before), "root_rollback");
    refused(admit(before.root(), &site.highest, &claims(11), NOW), "root_rollback");
}

fn sha256(content: &[u8]) -> [u8; 32] {
    digest(&SHA256, content).as_ref().try_into().unwrap()
}

// Proves that a file which is longer than its manifest says, or than is ever taken, is refused at the first byte too many.
#[test]
fn endless_data_attack() {
    refused(Measure::new(11, [0; 32], 10), "endless_data");
    let mut measure = Measure::new(4, sha256(b"mine"), 10).unwrap();
    measure.take(b"mine").unwrap();
    refused(measure.take(b"!"), "endless_data");
    let endless = std::path::Path::new("/dev/zero");
    refused(check_file(endless, 1 << 20, [0; 32], 1 << 20), "endless_data");
    refused(read_at_most(endless, 1 << 10), "endless_data");
}

// Proves that a file is refused wherever it is cut, whichever bit of it is flipped, and not when it is whole.
#[test]
fn truncation_and_bit_flips_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("delta.bin");
    let content = b"some sealed records";
    let check = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        check_file(&path, 19, sha256(b"some sealed records"), 100)
    };
    check(content).unwrap();
    for end in 0..content.len() {
        refused(check(&content[..end]), "truncated");
    }
    for bit in 0..content.len() * 8 {
        let mut flipped = content.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        refused(check(&flipped), "bit_flip");
    }
    std::fs::remove_file(&path).unwrap();
    refused(check_file(&path, 19, sha256(content), 100), "copy_missing");
}

/// One thing that happens to a site.
#[derive(Clone, Debug)]
enum Event {
    Offer { version: u64, age_s: i64, delta: Option<u64>, generation: u8 },
    Rotate { copy: Vec<usize>, threshold: usize },
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    let versions = prop_oneof![8 => 0..40_u64, 1 => 0..300_000_u64, 1 => any::<u64>()];
    let offer = (versions, -400..4_000_i64, proptest::option::of(1..4_u64), 0..2_u8)
        .prop_map(|(version, age_s, delta, generation)| Event::Offer { version, age_s, delta, generation });
    let rotate = (proptest::sample::subsequence(vec![0, 1, 2, 3], 1..=3), 1..=2_usize)
        .prop_map(|(copy, threshold)| Event::Rotate { threshold: threshold.min(copy.len()), copy });
    prop_oneof![12 => offer, 1 => rotate, 2 => Just(Event::Restart)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    // Proves that no sequence of admitted states, rotations and restarts ever lowers version or data_as_of, except after a
    // root under which nothing that was signed before can pass.
    #[test]
    fn never_goes_back(events in proptest::collection::vec(event(), 1..60)) {
        let trust = tempfile::tempdir().unwrap();
        let keys: Vec<PrivateKey> = (0..4).map(|_| key()).collect();
        let mut listed = std::collections::BTreeSet::from([0]);
        let mut site = Site::new();
        let first = root(1, &role(1, &[&site.root_key]), &role(1, &[&keys[0]]));
        site.chain = begin(&first, &[&site.root_key]).unwrap();
        site.highest = Highest::new(&site.chain);
        let mut last: Option<(u64, Timestamp)> = None;
        for event in events {
            match event {
                Event::Offer { version, age_s, delta, generation } => {
                    let served = site.highest.of("documents").map(|old| (old.generation.clone(), old.version));
                    let offer = Claims {
                        data_as_of: NOW - SignedDuration::from_secs(age_s),
                        from: delta.map(|steps| version.saturating_sub(steps)),
                        serving: served,
                        generation: format!("{generation:016x}"),
                        ..claims(version)
                    };
                    if site.admit(&offer).is_ok() {
                        let now = (version, offer.data_as_of);
                        if let Some((version, data_as_of)) = last {
                            prop_assert!(now.0 >= version && now.1 >= data_as_of, "{now:?} after {last:?}");
                        }
                        last = Some(now);
                        site.highest.accept(&offer);
                    }
                }
                Event::Rotate { copy, threshold } => {
                    let known = copy.iter().filter(|index| listed.contains(*index)).count();
                    let chosen: Vec<&PrivateKey> = copy.iter().map(|index| &keys[*index]).collect();
                    let followed = site.rotate(threshold, &chosen);
                    prop_assert_eq!(followed == Followed::Reset, known < threshold);
                    if followed == Followed::Reset {
                        last = None;
                    }
                    listed.extend(copy);
                }
                Event::Restart => {
                    site.highest.write(trust.path()).unwrap();
                    site.highest = Highest::read(trust.path()).unwrap().unwrap();
                }
            }
        }
    }
}
