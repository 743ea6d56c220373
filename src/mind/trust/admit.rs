//! Whether a state is still taken.

use jiff::{SignedDuration, Timestamp};
use postern_sdk::Environment;

use super::highest::{Accepted, Highest};
use super::refusal::Refusal;
use super::root::Root;

/// How far a version may be above the highest that was accepted.
pub const VERSION_JUMP_MAX: u64 = 100_000;

/// The highest version that there is: the folder of a state has twelve digits.
pub const VERSION_MAX: u64 = 999_999_999_999;

/// How far the clock of the machine that made a state may be ahead of ours.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What a manifest, signed by enough keys, says of its state, and where it would be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The dataset that was asked for, or whose place the state stands in.
    pub wanted: String,
    /// The dataset that the manifest says.
    pub dataset: String,
    /// Whether the data is real.
    pub environment: Environment,
    /// The number of the state.
    pub version: u64,
    /// The name of the states under one sealing key.
    pub generation: String,
    /// When the data was extracted at its source.
    pub data_as_of: Timestamp,
    /// When the state was built.
    pub created: Timestamp,
    /// From when on its silence says nothing.
    pub expires: Timestamp,
    /// The version that its delta leads from; none if it is taken as a snapshot.
    pub from: Option<u64>,
    /// Generation and version of what a delta would be applied to: what is served or, on the way through several deltas,
    /// the state before.
    pub serving: Option<(String, u64)>,
}

/// Whether a state may be served, by what its manifest claims. Signatures and content are checked elsewhere.
///
/// The state that was accepted last may be opened again even after it, or the root, has expired: its matches must be
/// told, and its silence says nothing by then. A new state must not have expired.
///
/// # Errors
/// [`Refusal::RootRollback`], [`Refusal::Environment`], [`Refusal::Dataset`], those of [`follows`],
/// [`Refusal::Rollback`], [`Refusal::DataRollback`], [`Refusal::FastForward`], [`Refusal::RootExpired`],
/// [`Refusal::Freeze`], [`Refusal::FutureDated`].
pub fn admit(root: &Root, highest: &Highest, claims: &Claims, now: Timestamp) -> Result<(), Refusal> {
    if root.version < highest.root() {
        return Err(Refusal::RootRollback { highest: highest.root(), found: root.version });
    }
    if claims.environment != root.environment {
        return Err(Refusal::Environment(claims.environment));
    }
    if claims.dataset != claims.wanted {
        return Err(Refusal::Dataset);
    }
    follows(claims)?;
    match highest.of(&claims.dataset) {
        Some(accepted) if accepted.version == claims.version => again(accepted, claims),
        accepted => order(accepted, claims).and_then(|()| times(root, claims, now)),
    }
}

/// Whether a delta leads from what is served to something newer of the same generation. A snapshot follows anything.
///
/// # Errors
/// [`Refusal::Gap`], [`Refusal::MixAndMatch`] or [`Refusal::Rollback`].
pub fn follows(claims: &Claims) -> Result<(), Refusal> {
    let Some(from) = claims.from else { return Ok(()) };
    if claims.version <= from {
        return Err(Refusal::Rollback { highest: from, found: claims.version });
    }
    match &claims.serving {
        Some((generation, _)) if *generation != claims.generation => {
            Err(Refusal::MixAndMatch("the delta is of another generation than what is served"))
        }
        Some((_, version)) if *version == from => Ok(()),
        serving => Err(Refusal::Gap { from, serving: serving.as_ref().map(|(_, version)| *version) }),
    }
}

/// Whether a version that was accepted still says the same of itself.
fn again(accepted: &Accepted, claims: &Claims) -> Result<(), Refusal> {
    let same = accepted.generation == claims.generation
        && accepted.data_as_of == claims.data_as_of
        && accepted.created == claims.created;
    if same { Ok(()) } else { Err(Refusal::MixAndMatch("the version was accepted as another state")) }
}

/// Whether a new state is newer than what was accepted, and not too far ahead.
fn order(accepted: Option<&Accepted>, claims: &Claims) -> Result<(), Refusal> {
    let limit = accepted
        .map_or(VERSION_MAX, |accepted| accepted.version.saturating_add(VERSION_JUMP_MAX).min(VERSION_MAX));
    if claims.version > limit {
        return Err(Refusal::FastForward { limit, found: claims.version });
    }
    let Some(accepted) = accepted else { return Ok(()) };
    if claims.version < accepted.version {
        return Err(Refusal::Rollback { highest: accepted.version, found: claims.version });
    }
    if claims.data_as_of < accepted.data_as_of {
        return Err(Refusal::DataRollback { highest: accepted.data_as_of, found: claims.data_as_of });
    }
    Ok(())
}

/// Whether a new state is of the present.
fn times(root: &Root, claims: &Claims, now: Timestamp) -> Result<(), Refusal> {
    if root.expired(now) {
        return Err(Refusal::RootExpired { expired: root.expires });
    }
    if now >= claims.expires {
        return Err(Refusal::Freeze { expired: claims.expires });
    }
    not_after("created", claims.created, now)?;
    not_after("data_as_of", claims.data_as_of, now.min(claims.created))
}

fn not_after(field: &'static str, time: Timestamp, latest: Timestamp) -> Result<(), Refusal> {
    let latest = latest.saturating_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX);
    if time > latest { Err(Refusal::FutureDated { field, time }) } else { Ok(()) }
}
