//! Lines `key-id signature`, and whether enough of them are good.

use std::collections::{BTreeMap, BTreeSet};

use super::refusal::Refusal;
use super::root::{KeyId, Role, SIGNATURES_BYTES_MAX};
use crate::keys::{PublicKey, unhex};

/// The lines, each as the name of its key and the hexadecimal digits. What is no such line is passed over.
pub(super) fn lines(signatures: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    let lines = signatures.split(|byte| *byte == b'\n');
    lines.filter_map(|line| std::str::from_utf8(line).ok()?.trim_end().split_once(' '))
}

/// Which keys of the role signed this text for this use. Each counts once, however often it signed.
pub(super) fn signers<'a>(
    role: &'a Role,
    keys: &BTreeMap<KeyId, PublicKey>,
    label: &str,
    text: &[u8],
    signatures: &[u8],
) -> BTreeSet<&'a str> {
    let good = |(id, digits): (&str, &str)| {
        let id = role.keys.get(id)?;
        let signature = unhex(digits)?;
        keys.get(id)?.verifies(label, text, &signature).then_some(id.as_str())
    };
    lines(signatures).filter_map(good).collect()
}

/// Whether as many distinct keys of the role as it asks for signed this text for this use. Lines by other keys, and
/// wrong ones beside enough good ones, are no harm: a root is signed by two roles in one file.
pub(super) fn require(
    role: &Role,
    keys: &BTreeMap<KeyId, PublicKey>,
    label: &str,
    text: &[u8],
    signatures: &[u8],
) -> Result<(), Refusal> {
    if signatures.len() as u64 > SIGNATURES_BYTES_MAX {
        return Err(Refusal::EndlessData { limit: SIGNATURES_BYTES_MAX });
    }
    let good = signers(role, keys, label, text, signatures);
    if good.len() >= role.threshold { Ok(()) } else { Err(lacking(role, &good, signatures)) }
}

/// Why the signatures are not enough, in the words that help most.
fn lacking(role: &Role, good: &BTreeSet<&str>, signatures: &[u8]) -> Refusal {
    let wrong =
        lines(signatures).find_map(|(id, _)| role.keys.get(id).filter(|id| !good.contains(id.as_str())));
    if let Some(key) = wrong {
        return Refusal::SignatureWrong { key: key.clone() };
    }
    match lines(signatures).next() {
        Some((id, _)) if good.is_empty() => Refusal::UnknownKey { key: masked(id) },
        _ => Refusal::SignatureThreshold { signed: good.len(), needed: role.threshold },
    }
}

/// What names a key that is not known, cut down to what a name may be.
fn masked(id: &str) -> String {
    id.chars().filter(char::is_ascii_hexdigit).take(16).collect()
}
