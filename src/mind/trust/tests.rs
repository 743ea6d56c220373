//! Each tampering of TUF's list, and what an operator must be able to do nonetheless.

mod roots;
mod states;
mod stored;

use jiff::{SignedDuration, Timestamp};
use postern_sdk::Environment;

use super::*;
use crate::keys::PrivateKey;

const NOW: Timestamp = Timestamp::constant(1_795_500_000, 0);
const MANIFEST: &str = "postern mind manifest 1";

fn after(hours: i64) -> Timestamp {
    NOW + SignedDuration::from_hours(hours)
}

fn key() -> PrivateKey {
    PrivateKey::generate().unwrap()
}

fn role(threshold: usize, keys: &[&PrivateKey]) -> RoleKeys {
    RoleKeys { threshold, keys: keys.iter().map(|key| key.public()).collect() }
}

fn root(version: u64, root: &RoleKeys, copy: &RoleKeys) -> Root {
    Root::new(version, Environment::Training, after(24), root, copy).unwrap()
}

/// A text with its signatures.
type Signed = (Vec<u8>, Vec<u8>);

fn signed(root: &Root, signers: &[&PrivateKey]) -> Signed {
    let text = root.text();
    let add = |lines: String, key: &&PrivateKey| sign(&text, lines.as_bytes(), key).unwrap();
    let signatures = signers.iter().fold(String::new(), add);
    (text, signatures.into_bytes())
}

fn begin(root: &Root, signers: &[&PrivateKey]) -> Result<Chain, Refusal> {
    let (text, signatures) = signed(root, signers);
    Chain::begin(&text, &signatures)
}

fn step(chain: &mut Chain, root: &Root, signers: &[&PrivateKey]) -> Result<(), Refusal> {
    let (text, signatures) = signed(root, signers);
    chain.step(&text, &signatures)
}

fn lines(label: &str, text: &[u8], signers: &[&PrivateKey]) -> Vec<u8> {
    let line =
        |key: &&PrivateKey| format!("{} {}\n", key.public().id(), crate::keys::hex(&key.sign(label, text)));
    signers.iter().map(line).collect::<String>().into_bytes()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>, code: &str) {
    assert_eq!(result.expect_err("it was taken").code(), code);
}

/// A training site that pinned a root with one key a role, and accepted a state.
struct Site {
    root_key: PrivateKey,
    copy_key: PrivateKey,
    chain: Chain,
    highest: Highest,
}

impl Site {
    fn new() -> Self {
        let (root_key, copy_key) = (key(), key());
        let first = root(1, &role(1, &[&root_key]), &role(1, &[&copy_key]));
        let chain = begin(&first, &[&root_key]).unwrap();
        let mut highest = Highest::new(&chain);
        highest.accept(&claims(10));
        Self { root_key, copy_key, chain, highest }
    }

    fn admit(&self, claims: &Claims) -> Result<(), Refusal> {
        admit(self.chain.root(), &self.highest, claims, NOW)
    }

    /// A next root with these keys for states, followed by the site.
    fn rotate(&mut self, threshold: usize, copy: &[&PrivateKey]) -> Followed {
        let next = root(self.chain.root().version + 1, &role(1, &[&self.root_key]), &role(threshold, copy));
        step(&mut self.chain, &next, &[&self.root_key]).unwrap();
        self.highest.follow(&self.chain).unwrap()
    }
}

/// A snapshot that is in order: its data an hour older than now, for each version above 10 a second newer.
fn claims(version: u64) -> Claims {
    let seconds = i64::try_from(version.min(1_000)).unwrap() - 10;
    Claims {
        wanted: "documents".into(),
        dataset: "documents".into(),
        environment: Environment::Training,
        version,
        generation: "0123456789abcdef".into(),
        data_as_of: after(-1) + SignedDuration::from_secs(seconds),
        created: NOW,
        expires: after(12),
        from: None,
        serving: None,
    }
}

/// The same as a delta on what is served.
fn delta(from: u64, version: u64, serving: u64) -> Claims {
    let served = Some(("0123456789abcdef".into(), serving));
    Claims { from: Some(from), serving: served, ..claims(version) }
}
