//! Why a state of the copy, or a root, is refused.

use std::fmt;
use std::io;

use jiff::Timestamp;
use postern_sdk::{Environment, Reason};

use super::root::KeyId;

/// Why something of the copy is refused. What was served before stays in service; each refusal is an alarm.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// A file does not exist or can't be read. Remedy: build or fetch it; see the system's words.
    Missing(io::Error),
    /// A document is of a format that this version does not read. Remedy: update, or build the state anew.
    Format(u32),
    /// A manifest was signed but can't be read, or contradicts itself. Remedy: the publisher builds and signs anew.
    ManifestMalformed(String),
    /// The state is of another version than its place says. Remedy: put it back, or fetch it again.
    Misplaced,
    /// A file is not what its manifest says. Remedy: fetch or build it again.
    Damaged,
    /// The data is past its purge age, or the key of its generation was destroyed here. Remedy: get a newer state; after
    /// a destroyed key, one of a newer generation.
    Purged,
    /// A file is longer than its manifest says, or a manifest promises more than is ever taken: *endless data*, by which
    /// a disk is filled. Remedy: fetch it from another source; ask who runs this one.
    EndlessData {
        /// The size in bytes that is taken at most.
        limit: u64,
    },
    /// A file ends early: a download was cut, or the disk lost what it was given. Remedy: resume, or fetch it again.
    Truncated {
        /// The size in bytes that the manifest says.
        expected: u64,
        /// The size in bytes that is there.
        found: u64,
    },
    /// A file has its size but not its digest: at least one *bit flipped*, on the way or on the disk, or it is a file of
    /// another state. Remedy: fetch it again; if it comes back, check the disk.
    BitFlip,
    /// A key of the role signed something else than this text. Remedy: fetch text and signatures again; if it comes back,
    /// the publisher signs anew.
    SignatureWrong {
        /// The key.
        key: KeyId,
    },
    /// Too few keys of the role signed. Remedy: the holders of the other keys sign too.
    SignatureThreshold {
        /// How many distinct keys of the role signed.
        signed: usize,
        /// How many must.
        needed: usize,
    },
    /// Only keys signed that have no part in the role: another publisher, or a key that was taken out. Remedy: fetch the
    /// newest root; if this is the newest, find out who signed.
    UnknownKey {
        /// The first of them, as the signature names it.
        key: String,
    },
    /// A root breaks a rule: a threshold that can't be reached, a key that stands twice or is not what its id says.
    /// Remedy: make and sign it anew.
    RootMalformed(String),
    /// A root between the last one and this one is missing. Remedy: fetch every root, none may be left out.
    RootGap {
        /// The version that comes next.
        expected: u64,
        /// The version that is there.
        found: u64,
    },
    /// The newest root is older than one that was accepted: *rollback*, which could bring stolen keys back. Remedy: fetch
    /// the newer roots again.
    RootRollback {
        /// The version that was accepted.
        highest: u64,
        /// The version that is there.
        found: u64,
    },
    /// The newest root has expired: what it says may long have been replaced. Remedy: fetch the newer root; if there is
    /// none, the holders of its keys sign one.
    RootExpired {
        /// When.
        expired: Timestamp,
    },
    /// The state, or root, is of the other environment. Remedy: configure a folder of the right one.
    Environment(Environment),
    /// The state is of another dataset than was asked for. Remedy: put it in its place, or fetch it again.
    Dataset,
    /// The version is lower than one that was accepted: *rollback*, which would bring back what has been withdrawn and hide what
    /// has been added. Remedy: fetch the newest state; if the source has none newer, ask who runs it.
    Rollback {
        /// The version that was accepted.
        highest: u64,
        /// The version that is there.
        found: u64,
    },
    /// The version is higher but its data was extracted earlier: *rollback* by the publisher. Remedy: the publisher
    /// builds from the newest extract.
    DataRollback {
        /// The extraction of what was accepted.
        highest: Timestamp,
        /// The extraction of what is there.
        found: Timestamp,
    },
    /// A delta starts from another version than is served. Remedy: fetch the deltas between, or a snapshot.
    Gap {
        /// From which version it leads.
        from: u64,
        /// The version that is served, if any.
        serving: Option<u64>,
    },
    /// Parts of different states stand together: *mix-and-match*. A delta is of another generation than what is served,
    /// or a version that was accepted now says something else of itself. Remedy: fetch the whole state anew, from one
    /// source.
    MixAndMatch(&'static str),
    /// The manifest of a new state has expired: *freeze*, by which a site is kept on old data. Remedy: fetch the newest
    /// state; if the source has none newer, ask who runs it. Check the clock.
    Freeze {
        /// When.
        expired: Timestamp,
    },
    /// The version leaps so far that no true state could follow: *fast-forward*, the work of stolen keys. Remedy: replace
    /// the copy keys by a new root (`docs/trust.md`), which forgets the highest version.
    FastForward {
        /// The highest version that is taken.
        limit: u64,
        /// The version that is there.
        found: u64,
    },
    /// The state was made, or its data extracted, in the future, or its data after it was made. Remedy: set the clock
    /// here or at the publisher.
    FutureDated {
        /// Which time: `created` or `data_as_of`.
        field: &'static str,
        /// What it says.
        time: Timestamp,
    },
    /// More changes since the base than are held in memory. Remedy: fold them, or fetch a snapshot.
    OverlayFull {
        /// How many are held at most.
        limit: usize,
    },
    /// The site's enrolment was revoked. Remedy: ask the hub; enrol again with a new key pair.
    Revoked,
    /// There is no generation key for this state here. Remedy: give the key, or fetch the one wrapped to this site.
    KeyMissing,
    /// The generation key is another than the state was sealed with; with it everything would be silent. Remedy: fetch
    /// the key of this generation.
    KeyWrong,
    /// A record that the state must hold was not found in it. Remedy: fetch or build it again, and report the fault.
    SelfTest,
    /// The file that remembers what was accepted is damaged; taking none would forget it, and let anything back in.
    /// Remedy: restore it from a backup, or follow `docs/trust.md`, *A damaged highest.json*.
    HighestDamaged,
}

impl Refusal {
    /// The stable name, for metrics, alarms and JSON.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "copy_missing",
            Self::Format(_) => "format_unknown",
            Self::ManifestMalformed(_) => "manifest_malformed",
            Self::Misplaced => "copy_misplaced",
            Self::Damaged => "copy_damaged",
            Self::Purged => "copy_purged",
            Self::EndlessData { .. } => "endless_data",
            Self::Truncated { .. } => "truncated",
            Self::BitFlip => "bit_flip",
            Self::SignatureWrong { .. } => "signature_wrong",
            Self::SignatureThreshold { .. } => "signature_threshold",
            Self::UnknownKey { .. } => "unknown_key",
            Self::RootMalformed(_) => "root_malformed",
            Self::RootGap { .. } => "root_gap",
            Self::RootRollback { .. } => "root_rollback",
            Self::RootExpired { .. } => "root_expired",
            Self::Environment(_) => "wrong_environment",
            Self::Dataset => "wrong_dataset",
            Self::Rollback { .. } => "rollback",
            Self::DataRollback { .. } => "data_rollback",
            Self::Gap { .. } => "gap",
            Self::MixAndMatch(_) => "mix_and_match",
            Self::Freeze { .. } => "freeze",
            Self::FastForward { .. } => "fast_forward",
            Self::FutureDated { .. } => "future_dated",
            Self::OverlayFull { .. } => "overlay_full",
            Self::Revoked => "revoked",
            Self::KeyMissing => "key_missing",
            Self::KeyWrong => "key_wrong",
            Self::SelfTest => "self_test",
            Self::HighestDamaged => "highest_damaged",
        }
    }

    /// The reason that answers give while this is why there is no copy.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Missing(_)
            | Self::Format(_)
            | Self::Gap { .. }
            | Self::KeyMissing
            | Self::OverlayFull { .. } => Reason::CopyMissing,
            Self::Environment(_) => Reason::WrongEnvironment,
            Self::Purged | Self::Revoked => Reason::CopyPurged,
            Self::Rollback { .. }
            | Self::DataRollback { .. }
            | Self::Freeze { .. }
            | Self::RootRollback { .. }
            | Self::RootExpired { .. } => Reason::CopyStale,
            Self::FutureDated { .. } => Reason::ClockImplausible,
            _ => Reason::CopyDamaged,
        }
    }

    /// Damage if the file is not what it should be, else missing.
    pub fn from_io(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Self::Damaged,
            _ => Self::Missing(error),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignatureWrong { .. }
            | Self::SignatureThreshold { .. }
            | Self::UnknownKey { .. }
            | Self::RootMalformed(_)
            | Self::RootGap { .. }
            | Self::RootRollback { .. }
            | Self::RootExpired { .. } => self.of_keys(f),
            Self::Environment(_)
            | Self::Dataset
            | Self::Rollback { .. }
            | Self::DataRollback { .. }
            | Self::Gap { .. }
            | Self::MixAndMatch(_)
            | Self::Freeze { .. }
            | Self::FastForward { .. }
            | Self::FutureDated { .. } => self.of_states(f),
            _ => self.of_files(f),
        }
    }
}

impl Refusal {
    fn of_files(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(error) => write!(f, "the file can't be read: {error}"),
            Self::Format(format) => write!(f, "the document is of the unknown format {format}"),
            Self::ManifestMalformed(fault) => write!(f, "the manifest is malformed: {fault}"),
            Self::Misplaced => f.write_str("the state is of another version than its place says"),
            Self::Purged => f.write_str("the state is past its purge age, or its key was destroyed"),
            Self::EndlessData { limit } => {
                write!(f, "there is more than the {limit} bytes that are taken at most")
            }
            Self::Truncated { expected, found } => {
                write!(f, "the file has {found} of the {expected} bytes that its manifest says")
            }
            Self::BitFlip => f.write_str("the file's digest is not what its manifest says"),
            Self::OverlayFull { limit } => write!(f, "there are more than {limit} changes since the base"),
            Self::Revoked => f.write_str("the site's enrolment was revoked"),
            Self::KeyMissing => f.write_str("there is no key for the state's generation"),
            Self::KeyWrong => f.write_str("the key is not the one that the state was sealed with"),
            Self::SelfTest => f.write_str("a record that the state must hold was not found in it"),
            Self::HighestDamaged => f.write_str("the file that remembers what was accepted is damaged"),
            _ => f.write_str("the state is not what its manifest says"),
        }
    }

    fn of_keys(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignatureWrong { key } => write!(f, "the signature by key {key} is not of this text"),
            Self::SignatureThreshold { signed, needed } => {
                write!(f, "{signed} of the {needed} keys that are needed have signed")
            }
            Self::UnknownKey { key } => write!(f, "it is signed by key {key}, which has no part in the role"),
            Self::RootMalformed(fault) => write!(f, "the root is malformed: {fault}"),
            Self::RootGap { expected, found } => {
                write!(f, "root {expected} is missing before root {found}")
            }
            Self::RootRollback { highest, found } => {
                write!(f, "root {found} is older than root {highest}, which was accepted")
            }
            Self::RootExpired { expired } => write!(f, "the newest root expired at {expired:.0}"),
            other => f.write_str(other.code()),
        }
    }

    fn of_states(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(environment) => write!(f, "it is of the environment {}", environment.code()),
            Self::Dataset => f.write_str("the state is of another dataset than was asked for"),
            Self::Rollback { highest, found } => {
                write!(f, "version {found} is older than version {highest}, which was accepted")
            }
            Self::DataRollback { highest, found } => {
                write!(f, "its data is of {found:.0}, that of the accepted state of {highest:.0}")
            }
            Self::Gap { from, serving: Some(serving) } => {
                write!(f, "the delta leads from version {from}, served is version {serving}")
            }
            Self::Gap { from, .. } => write!(f, "the delta leads from version {from}, nothing is served"),
            Self::MixAndMatch(fault) => f.write_str(fault),
            Self::Freeze { expired } => write!(f, "the state expired at {expired:.0}"),
            Self::FastForward { limit, found } => {
                write!(f, "version {found} is beyond version {limit}, the highest that is taken")
            }
            Self::FutureDated { field, time } => write!(f, "its {field}, {time:.0}, can't have been yet"),
            other => f.write_str(other.code()),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn each() -> Vec<Refusal> {
        let time = Timestamp::UNIX_EPOCH;
        vec![
            Refusal::Missing(io::ErrorKind::NotFound.into()),
            Refusal::Format(9),
            Refusal::ManifestMalformed("x".into()),
            Refusal::Misplaced,
            Refusal::Damaged,
            Refusal::Purged,
            Refusal::EndlessData { limit: 1 },
            Refusal::Truncated { expected: 2, found: 1 },
            Refusal::BitFlip,
            Refusal::SignatureWrong { key: "k".into() },
            Refusal::SignatureThreshold { signed: 1, needed: 2 },
            Refusal::UnknownKey { key: "k".into() },
            Refusal::RootMalformed("x".into()),
            Refusal::RootGap { expected: 2, found: 3 },
            Refusal::RootRollback { highest: 2, found: 1 },
            Refusal::RootExpired { expired: time },
            Refusal::Environment(Environment::Training),
            Refusal::Dataset,
            Refusal::Rollback { highest: 2, found: 1 },
            Refusal::DataRollback { highest: time, found: time },
            Refusal::Gap { from: 1, serving: None },
            Refusal::MixAndMatch("x"),
            Refusal::Freeze { expired: time },
            Refusal::FastForward { limit: 1, found: 2 },
            Refusal::FutureDated { field: "created", time },
            Refusal::OverlayFull { limit: 1 },
            Refusal::Revoked,
            Refusal::KeyMissing,
            Refusal::KeyWrong,
            Refusal::SelfTest,
            Refusal::HighestDamaged,
        ]
    }

    // Proves that each refusal has a code and words of its own, and a row in the operator's table with the reason that answers give.
    #[test]
    fn codes_are_distinct_and_documented() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/trust.md");
        let table = std::fs::read_to_string(path).unwrap();
        let (mut codes, mut words) = (BTreeSet::new(), BTreeSet::new());
        for refusal in each() {
            assert!(codes.insert(refusal.code()), "{} twice", refusal.code());
            assert!(words.insert(refusal.to_string()), "{refusal} twice");
            let row = table.lines().find(|line| line.starts_with(&format!("| `{}` |", refusal.code())));
            let reason = format!("| {} |", refusal.reason());
            assert!(row.is_some_and(|row| row.ends_with(&reason)), "{}: {row:?}", refusal.code());
        }
        let rows = table.lines().filter(|line| line.starts_with("| `")).count();
        assert!(rows >= codes.len(), "{rows}");
    }
}
