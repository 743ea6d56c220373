//! Roots: who may sign, and how keys are replaced.

use std::fs;
use std::path::Path;

use super::*;

// Proves that a root survives its text, that several people sign it one after the other, and that its threshold counts.
#[test]
fn several_people_sign() {
    let (a, b, c, copy) = (key(), key(), key(), key());
    let first = root(1, &role(2, &[&a, &b, &c]), &role(1, &[&copy]));
    assert_eq!(Root::parse_unverified(&first.text()).unwrap(), first);
    refused(begin(&first, &[]), "signature_threshold");
    refused(begin(&first, &[&a]), "signature_threshold");
    assert_eq!(begin(&first, &[&a, &c]).unwrap().root(), &first);
    let (text, signatures) = signed(&first, &[&a, &b]);
    assert_eq!(first.signers(&text, &signatures).len(), 2);
}

// Proves that one key is one vote, however often it signs and whichever role it has beside.
#[test]
fn key_compromise_below_the_threshold() {
    let (a, b, copy) = (key(), key(), key());
    let first = root(1, &role(2, &[&a, &b]), &role(2, &[&copy, &b]));
    let text = first.text();
    let twice = lines(ROOT_LABEL, &text, &[&a, &a, &a]);
    refused(Chain::begin(&text, &twice), "signature_threshold");
    refused(begin(&first, &[&a, &copy]), "signature_threshold");
    let state = b"state";
    refused(first.verify_copy(MANIFEST, state, &lines(MANIFEST, state, &[&b, &b])), "signature_threshold");
    refused(first.verify_copy(MANIFEST, state, &lines(MANIFEST, state, &[&a, &b])), "signature_threshold");
    first.verify_copy(MANIFEST, state, &lines(MANIFEST, state, &[&b, &copy])).unwrap();
}

// Proves that a state by a key without a part in the role is refused by name, and so is one signed as something else,
// of another text, or with a bit flipped.
#[test]
fn arbitrary_installation_attack() {
    let site = Site::new();
    let (root, text) = (site.chain.root(), b"state");
    let by = |key: &PrivateKey| root.verify_copy(MANIFEST, text, &lines(MANIFEST, text, &[key]));
    by(&site.copy_key).unwrap();
    refused(by(&key()), "unknown_key");
    refused(by(&site.root_key), "unknown_key");
    refused(root.verify_copy(MANIFEST, text, b""), "signature_threshold");
    refused(root.verify_copy(MANIFEST, text, b"not a line\xff\n\n"), "signature_threshold");
    let other_use = lines(ROOT_LABEL, text, &[&site.copy_key]);
    refused(root.verify_copy(MANIFEST, text, &other_use), "signature_wrong");
    refused(
        root.verify_copy(MANIFEST, b"State", &lines(MANIFEST, text, &[&site.copy_key])),
        "signature_wrong",
    );
}

// Proves that no flipped bit of a state's text passes, and none of its signatures but of an upper-case digit, which says the same.
#[test]
fn bit_flips_of_what_is_signed() {
    let site = Site::new();
    let text = br#"{"version": 7}"#;
    let signatures = lines(MANIFEST, text, &[&site.copy_key]);
    let verify = |text: &[u8], signatures: &[u8]| site.chain.root().verify_copy(MANIFEST, text, signatures);
    for bit in 0..text.len() * 8 {
        let mut flipped = text.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        refused(verify(&flipped, &signatures), "signature_wrong");
    }
    for bit in 0..(signatures.len() - 1) * 8 {
        let mut flipped = signatures.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let same = flipped[..16] == signatures[..16] && flipped.eq_ignore_ascii_case(&signatures);
        assert_eq!(verify(text, &flipped).is_ok(), same, "bit {bit}");
    }
}

// Proves that lines by others and wrong ones beside enough good ones are no harm, since a root is signed by two roles.
#[test]
fn other_signatures_are_no_harm() {
    let site = Site::new();
    let text = b"state";
    let mut signatures = lines(MANIFEST, text, &[&key()]);
    signatures.extend(lines(MANIFEST, b"another", &[&site.copy_key]));
    signatures.extend(b"\xff\xfe\n\n");
    refused(site.chain.root().verify_copy(MANIFEST, text, &signatures), "signature_wrong");
    signatures.extend(lines(MANIFEST, text, &[&site.copy_key]));
    site.chain.root().verify_copy(MANIFEST, text, &signatures).unwrap();
}

// Proves that a root or its signatures of endless length are not read on.
#[test]
fn endless_data_attack_on_roots() {
    let site = Site::new();
    let text = vec![b' '; usize::try_from(ROOT_BYTES_MAX).unwrap() + 1];
    refused(Root::parse_unverified(&text), "endless_data");
    let signatures = vec![b'\n'; usize::try_from(SIGNATURES_BYTES_MAX).unwrap() + 1];
    refused(site.chain.root().verify_copy(MANIFEST, b"state", &signatures), "endless_data");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("r.json"), &text).unwrap();
    refused(Chain::walk(&folder.path().join("r.json"), folder.path()), "endless_data");
}

// Proves that a root which breaks a rule can neither be made nor read: thresholds, keys that stand twice, stand under a
// wrong id, in no role or not at all, too many keys, a format of later.
#[test]
fn rules() {
    let (a, b) = (key(), key());
    let make = |root: &RoleKeys, copy: &RoleKeys| Root::new(1, Environment::Training, after(1), root, copy);
    refused(make(&role(0, &[&a]), &role(1, &[&b])), "root_malformed");
    refused(make(&role(1, &[&a]), &role(2, &[&b])), "root_malformed");
    refused(make(&role(1, &[]), &role(1, &[&b])), "root_malformed");
    refused(make(&role(1, &[&a, &a]), &role(1, &[&b])), "root_malformed");
    for version in [0, 1_000_000, u64::MAX] {
        let (root, copy) = (role(1, &[&a]), role(1, &[&b]));
        refused(Root::new(version, Environment::Training, after(1), &root, &copy), "root_malformed");
    }
    let many: Vec<PrivateKey> = (0..=KEYS_MAX).map(|_| key()).collect();
    refused(make(&role(1, &many.iter().collect::<Vec<_>>()), &role(1, &[&b])), "root_malformed");

    let good = String::from_utf8(make(&role(1, &[&a]), &role(1, &[&b])).unwrap().text()).unwrap();
    let (id_a, id_b) = (a.public().id(), b.public().id());
    let key_a = good.lines().find(|line| line.contains(&id_a)).unwrap().trim_end_matches(',').to_owned();
    let cases = [
        (good.replace("\"format\": 1", "\"format\": 2"), "format_unknown"),
        (good.replace("\"format\"", "\"also\": 1, \"format\""), "root_malformed"),
        (good.replacen("\"keys\": {", &format!("\"keys\": {{{key_a},"), 1), "root_malformed"),
        (
            good.replace(&format!("[\n        \"{id_a}\""), &format!("[\"{id_a}\",\"{id_a}\"")),
            "root_malformed",
        ),
        (good.replace(&id_a, "0123456789abcdef"), "root_malformed"),
        (
            good.replace(&format!("[\n        \"{id_b}\""), &format!("[\n        \"{id_a}\"")),
            "root_malformed",
        ),
        (good.replace("ed25519-public:", "ed25519-private:"), "root_malformed"),
        (good[..good.len() / 2].to_owned(), "root_malformed"),
    ];
    for (text, code) in cases {
        assert_ne!(text, good);
        refused(Root::parse_unverified(text.as_bytes()), code);
        refused(sign(text.as_bytes(), b"", &a), code);
    }
}

// Proves that the next root needs the keys of the old one and its own, and that keys can be replaced so.
#[test]
fn rotation_needs_old_and_new() {
    let (old, new, copy) = (key(), key(), key());
    let first = root(1, &role(1, &[&old]), &role(1, &[&copy]));
    let second = root(2, &role(1, &[&new]), &role(1, &[&copy]));
    let mut chain = begin(&first, &[&old]).unwrap();
    refused(step(&mut chain, &second, &[&new]), "unknown_key");
    refused(step(&mut chain, &second, &[&old]), "unknown_key");
    assert_eq!(chain.root(), &first);
    step(&mut chain, &second, &[&old, &new]).unwrap();
    refused(step(&mut chain, &root(3, &role(1, &[&old]), &role(1, &[&copy])), &[&old]), "unknown_key");
    assert_eq!(chain.root(), &second);
}

// Proves that no root may be left out, none may come again, and the environment never changes.
#[test]
fn root_gap_and_rollback() {
    let (boss, copy) = (key(), key());
    let at = |version| root(version, &role(1, &[&boss]), &role(1, &[&copy]));
    let mut chain = begin(&at(2), &[&boss]).unwrap();
    refused(step(&mut chain, &at(4), &[&boss]), "root_gap");
    refused(step(&mut chain, &at(999_999), &[&boss]), "root_gap");
    refused(step(&mut chain, &at(2), &[&boss]), "root_rollback");
    refused(step(&mut chain, &at(1), &[&boss]), "root_rollback");
    let (roles, expires) = ((role(1, &[&boss]), role(1, &[&copy])), after(24));
    let production = Root::new(3, Environment::Production, expires, &roles.0, &roles.1).unwrap();
    refused(step(&mut chain, &production, &[&boss]), "wrong_environment");
    step(&mut chain, &at(3), &[&boss]).unwrap();
}

// Proves that only the last root must not have expired: a site that was away walks over old ones.
#[test]
fn expiry_is_asked_of_the_last() {
    let (boss, copy) = (key(), key());
    let at = |version, expires| {
        Root::new(version, Environment::Training, expires, &role(1, &[&boss]), &role(1, &[&copy])).unwrap()
    };
    let mut chain = begin(&at(1, after(-48)), &[&boss]).unwrap();
    refused(chain.current(NOW), "root_expired");
    step(&mut chain, &at(2, NOW), &[&boss]).unwrap();
    refused(chain.current(NOW), "root_expired");
    step(&mut chain, &at(3, after(1)), &[&boss]).unwrap();
    assert_eq!(chain.current(NOW).unwrap().version, 3);
}

// Proves that a line of roots without an end is not followed.
#[test]
fn endless_chain() {
    let (boss, copy) = (key(), key());
    let at = |version| root(version, &role(1, &[&boss]), &role(1, &[&copy]));
    let mut chain = begin(&at(1), &[&boss]).unwrap();
    for version in 2..=ROOT_STEPS_MAX + 1 {
        step(&mut chain, &at(version), &[&boss]).unwrap();
    }
    refused(step(&mut chain, &at(ROOT_STEPS_MAX + 2), &[&boss]), "endless_data");
}

fn store(path: &Path, root: &Root, signers: &[&PrivateKey]) {
    let (text, signatures) = signed(root, signers);
    fs::write(path, text).unwrap();
    fs::write(path.with_extension("sig"), signatures).unwrap();
}

// Proves that a folder's roots are walked as far as they are good, and that what stops the walk is told: nothing, a bad
// one, one without signatures, one that is left out.
#[test]
fn walks_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (boss, copy) = (key(), key());
    let at = |version| root(version, &role(1, &[&boss]), &role(1, &[&copy]));
    let pinned = folder.path().join("pinned.json");
    let walk = || Chain::walk(&pinned, &folder.path().join("trust"));
    refused(walk(), "copy_missing");
    store(&pinned, &at(1), &[&boss]);
    assert!(matches!(walk(), Ok(Walk { refused: None, .. })));
    let trust = folder.path().join("trust");
    fs::create_dir(&trust).unwrap();
    let expect = |version, code: Option<&str>| {
        let walk = walk().unwrap();
        assert_eq!(walk.chain.root().version, version);
        assert_eq!(walk.refused.as_ref().map(Refusal::code), code);
    };
    expect(1, None);
    store(&root_path(&trust, 3), &at(3), &[&boss]);
    expect(1, Some("root_gap"));
    store(&root_path(&trust, 2), &at(2), &[&boss]);
    expect(3, None);
    store(&root_path(&trust, 4), &at(4), &[&copy]);
    expect(3, Some("unknown_key"));
    fs::remove_file(root_path(&trust, 4).with_extension("sig")).unwrap();
    expect(3, Some("copy_missing"));
    store(&pinned, &at(1), &[&copy]);
    refused(walk(), "unknown_key");
}
