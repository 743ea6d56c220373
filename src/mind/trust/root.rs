//! A root: which keys may sign what, and how many of them must.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use postern_sdk::Environment;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::refusal::Refusal;
use super::signatures;
use crate::keys::{PrivateKey, PublicKey, hex};

/// The version of the format that is written and read here.
pub const FORMAT: u32 = 1;

/// For what a root is signed, so that no other signed document can pass for one.
pub const ROOT_LABEL: &str = "postern mind root 1";

/// Size of a root in bytes at most.
pub const ROOT_BYTES_MAX: u64 = 1 << 16;

/// Size of a file of signatures in bytes at most.
pub const SIGNATURES_BYTES_MAX: u64 = 1 << 14;

/// The highest version of a root: its file has six digits.
const VERSION_MAX: u64 = 999_999;

/// How many keys a root lists at most.
pub const KEYS_MAX: usize = 32;

/// The name of a key: the first eight bytes of its SHA-256 in hexadecimal.
pub type KeyId = String;

/// Which keys may sign what. It is to be believed only as the last of a [`Chain`](super::Chain).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// The version of the format, [`FORMAT`].
    pub format: u32,
    /// Counts up by one from root to root.
    pub version: u64,
    /// Whether the states are real data; never another than in the root before.
    pub environment: Environment,
    /// From when on no new state is taken under it.
    pub expires: Timestamp,
    /// The keys by their ids.
    #[serde(deserialize_with = "distinct_keys")]
    pub keys: BTreeMap<KeyId, PublicKey>,
    /// Who signs what.
    pub roles: Roles,
}

/// The two roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// Who signs the next root.
    pub root: Role,
    /// Who signs the manifests of states.
    pub copy: Role,
}

/// Some keys, and how many of them must sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// How many distinct keys must sign.
    pub threshold: usize,
    /// The keys that may.
    #[serde(deserialize_with = "distinct_ids")]
    pub keys: BTreeSet<KeyId>,
}

/// What a role of a new root is made of.
#[derive(Clone, Debug)]
pub struct RoleKeys {
    /// How many distinct keys must sign.
    pub threshold: usize,
    /// The keys that may.
    pub keys: Vec<PublicKey>,
}

impl RoleKeys {
    fn role(&self) -> Result<Role, Refusal> {
        let keys: BTreeSet<KeyId> = self.keys.iter().map(PublicKey::id).collect();
        if keys.len() < self.keys.len() {
            return Err(malformed("a key stands twice in a role"));
        }
        Ok(Role { threshold: self.threshold, keys })
    }
}

impl Root {
    /// Makes a root that keeps the rules. It is worth nothing until it is signed.
    ///
    /// # Errors
    /// [`Refusal::RootMalformed`].
    pub fn new(
        version: u64,
        environment: Environment,
        expires: Timestamp,
        root: &RoleKeys,
        copy: &RoleKeys,
    ) -> Result<Self, Refusal> {
        let roles = Roles { root: root.role()?, copy: copy.role()? };
        let keys = root.keys.iter().chain(&copy.keys).map(|key| (key.id(), key.clone())).collect();
        let new = Self { format: FORMAT, version, environment, expires, keys, roles };
        new.check()?;
        Ok(new)
    }

    /// The text that is signed and stored.
    pub fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// Reads a root and checks its rules, but not who signed it: to show it, or to sign it.
    ///
    /// # Errors
    /// [`Refusal::EndlessData`], [`Refusal::Format`] or [`Refusal::RootMalformed`].
    pub fn parse_unverified(text: &[u8]) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        if text.len() as u64 > ROOT_BYTES_MAX {
            return Err(Refusal::EndlessData { limit: ROOT_BYTES_MAX });
        }
        let unreadable = |error: serde_json::Error| Refusal::RootMalformed(error.to_string());
        let version: Version = serde_json::from_slice(text).map_err(unreadable)?;
        if version.format != FORMAT {
            return Err(Refusal::Format(version.format));
        }
        let root: Self = serde_json::from_slice(text).map_err(unreadable)?;
        root.check()?;
        Ok(root)
    }

    fn check(&self) -> Result<(), Refusal> {
        if !(1..=VERSION_MAX).contains(&self.version) {
            return Err(malformed("its version is not of 1 to 999999"));
        }
        if self.keys.len() > KEYS_MAX {
            return Err(malformed("it lists more than 32 keys"));
        }
        if self.keys.iter().any(|(id, key)| *id != key.id()) {
            return Err(malformed("a key is not the one that its id says"));
        }
        let used: BTreeSet<&KeyId> = self.roles.root.keys.union(&self.roles.copy.keys).collect();
        if !used.into_iter().eq(self.keys.keys()) {
            return Err(malformed("its keys are not those of its roles"));
        }
        self.roles.root.check().and_then(|()| self.roles.copy.check())
    }

    /// Whether no new state is taken under it any more.
    pub fn expired(&self, now: Timestamp) -> bool {
        now >= self.expires
    }

    /// Whether enough keys of the copy role signed this text for the use that the label names.
    ///
    /// # Errors
    /// [`Refusal::EndlessData`], [`Refusal::SignatureWrong`], [`Refusal::UnknownKey`] or
    /// [`Refusal::SignatureThreshold`].
    pub fn verify_copy(&self, label: &str, text: &[u8], signatures: &[u8]) -> Result<(), Refusal> {
        signatures::require(&self.roles.copy, &self.keys, label, text, signatures)
    }

    /// Whether enough keys of the root role signed the text of a root.
    pub(super) fn verify_root(&self, text: &[u8], signatures: &[u8]) -> Result<(), Refusal> {
        signatures::require(&self.roles.root, &self.keys, ROOT_LABEL, text, signatures)
    }

    /// Which keys of the root role signed the text of a root.
    pub fn signers(&self, text: &[u8], signatures: &[u8]) -> BTreeSet<&str> {
        signatures::signers(&self.roles.root, &self.keys, ROOT_LABEL, text, signatures)
    }

    /// A role's keys, to make the next root with.
    pub fn role_keys(&self, role: &Role) -> RoleKeys {
        let keys = role.keys.iter().filter_map(|id| self.keys.get(id).cloned()).collect();
        RoleKeys { threshold: role.threshold, keys }
    }
}

impl Role {
    fn check(&self) -> Result<(), Refusal> {
        if self.threshold == 0 {
            return Err(malformed("a threshold is 0"));
        }
        if self.threshold > self.keys.len() {
            return Err(malformed("a threshold is higher than the number of its keys"));
        }
        Ok(())
    }
}

/// Adds a key's signature of a root to those that it has; an earlier line by the same key is replaced. Several people
/// sign one after the other.
///
/// # Errors
/// As [`Root::parse_unverified`]: nothing that would be refused is signed.
pub fn sign(text: &[u8], signatures: &[u8], key: &PrivateKey) -> Result<String, Refusal> {
    Root::parse_unverified(text)?;
    let signer = key.public().id();
    let others = signatures::lines(signatures).filter(|(id, _)| *id != signer);
    let mut lines: String = others.map(|(id, digits)| format!("{id} {digits}\n")).collect();
    lines.push_str(&format!("{signer} {}\n", hex(&key.sign(ROOT_LABEL, text))));
    Ok(lines)
}

fn malformed(fault: &str) -> Refusal {
    Refusal::RootMalformed(fault.to_owned())
}

/// A list of ids in which none stands twice, so that nobody counts for two.
fn distinct_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<KeyId>, D::Error> {
    let list = Vec::<KeyId>::deserialize(deserializer)?;
    let count = list.len();
    let ids: BTreeSet<KeyId> = list.into_iter().collect();
    if ids.len() == count { Ok(ids) } else { Err(D::Error::custom("a key stands twice in a role")) }
}

/// The keys, of which JSON's reader would silently take the last of two with one id.
fn distinct_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<KeyId, PublicKey>, D::Error> {
    struct Distinct;

    impl<'de> Visitor<'de> for Distinct {
        type Value = BTreeMap<KeyId, PublicKey>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("keys by their ids")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut keys = BTreeMap::new();
            while let Some((id, key)) = map.next_entry()? {
                if keys.insert(id, key).is_some() {
                    return Err(A::Error::custom("a key stands twice"));
                }
            }
            Ok(keys)
        }
    }

    deserializer.deserialize_map(Distinct)
}
