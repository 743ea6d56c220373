//! Which databases are asked, in which way, and how old the copy may be.

use std::collections::BTreeMap;
use std::time::Duration;

use postern_sdk::{Database, SubjectKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the two sources of a database are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// FIND alone.
    Find,
    /// The copy alone.
    Mind,
    /// FIND; the copy if FIND can't be reached or fails.
    FindThenMind,
    /// The copy; FIND if the copy has a match, is stale or can't answer.
    MindThenFind,
    /// Both at once: a hit of either goes out, the copy's silence waits for FIND until the hedge limit.
    Hedged,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 5] = [Self::Find, Self::Mind, Self::FindThenMind, Self::MindThenFind, Self::Hedged];

    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::Mind => "mind",
            Self::FindThenMind => "find_then_mind",
            Self::MindThenFind => "mind_then_find",
            Self::Hedged => "hedged",
        }
    }
}

/// The ages of the copy, counted from the extraction of its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ages {
    /// From this age on it is said.
    pub warn: Duration,
    /// From this age on the copy's silence is not checked, and its matches are possible at most.
    pub stop: Duration,
    /// At this age the key is destroyed.
    pub purge: Duration,
}

impl Default for Ages {
    fn default() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        Self { warn: hours(24), stop: hours(48), purge: hours(24 * 30) }
    }
}

/// Which databases are asked, in which way and time, and how old the copy may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The name under which lanes refer to it.
    pub name: String,
    /// The databases, never none, each with its mode.
    pub databases: BTreeMap<Database, Mode>,
    /// How long FIND may take before the copy is asked in its place.
    pub find_timeout: Duration,
    /// How long the copy's silence waits for FIND in the mode [`Mode::Hedged`].
    pub hedge_limit: Duration,
    /// The ages of the copy.
    pub ages: Ages,
    /// Of a thousand fresh misses in the mode [`Mode::MindThenFind`], how many are rechecked with FIND.
    pub recheck_permille: u16,
}

impl Policy {
    /// The databases of the policy that hold subjects of this kind, with their modes.
    pub fn for_kind(&self, kind: SubjectKind) -> impl Iterator<Item = (Database, Mode)> + '_ {
        self.databases.iter().map(|(database, mode)| (*database, *mode)).filter(move |(d, _)| holds(*d, kind))
    }
}

/// Whether a database holds records by which subjects of this kind are found.
pub const fn holds(database: Database, kind: SubjectKind) -> bool {
    matches!(
        (database, kind),
        (Database::Sltd | Database::Tdawn, SubjectKind::TravelDocument)
            | (Database::Nominal | Database::PublicNotices, SubjectKind::Person)
            | (Database::Smv, SubjectKind::Vehicle)
            | (Database::Firearms, SubjectKind::Firearm)
            | (Database::Vessels, SubjectKind::Vessel)
            | (Database::Sad, SubjectKind::AdministrativeDocument)
            | (Database::WorksOfArt, SubjectKind::WorkOfArt)
    )
}
