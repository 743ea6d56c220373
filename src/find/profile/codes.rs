//! What the codes of a result and of a block mean.

use postern_sdk::Reason;
use serde::Deserialize;

/// What a code of a result or a block means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// The code as a number.
    pub number: u16,
    /// The code as text.
    pub name: String,
    /// What it means.
    pub means: Meaning,
    /// Whether blocks that say for themselves that nothing was found are believed beside it.
    #[serde(default)]
    pub blocks_stand: bool,
}

/// What a code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "MeaningText")]
pub enum Meaning {
    /// Matching records were found.
    Hits,
    /// Nothing was found.
    NoRecord,
    /// Nothing is known, for this reason.
    NotChecked(Reason),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum MeaningText {
    Found(FoundText),
    Reason(Reason),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum FoundText {
    Hits,
    NoRecord,
}

impl From<MeaningText> for Meaning {
    fn from(text: MeaningText) -> Self {
        match text {
            MeaningText::Found(FoundText::Hits) => Self::Hits,
            MeaningText::Found(FoundText::NoRecord) => Self::NoRecord,
            MeaningText::Reason(reason) => Self::NotChecked(reason),
        }
    }
}

impl Meaning {
    /// The stable name: `hits`, `no_record` or the reason's.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Hits => "hits",
            Self::NoRecord => "no_record",
            Self::NotChecked(reason) => reason.code(),
        }
    }
}
