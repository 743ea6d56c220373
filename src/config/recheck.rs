//! Asking FIND later what could not be asked now, as it is written.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Asking FIND later what could not be asked now. It is on wherever FIND is configured.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Recheck {
    /// Whether it is done. What is open stays in the journal until it is.
    pub enabled: bool,
    /// The list of what is open, made from the journal and made anew if it is missing. Left out: `recheck.db` in the journal's
    /// folder.
    pub state_file: Option<PathBuf>,
    /// Questions a second at most, beside those of the lanes.
    pub rate_per_s_max: u32,
    /// Questions at once at most, and never more than `find.concurrency_max`, of which lanes need the most.
    pub concurrency_max: usize,
    /// Of a hundred questions, how many are the oldest that are open; the others are the newest.
    pub oldest_share_percent: u32,
    /// After how many days a question is given up, which is recorded.
    pub age_max_days: u32,
}

impl Default for Recheck {
    fn default() -> Self {
        Self {
            enabled: true,
            state_file: None,
            rate_per_s_max: 20,
            concurrency_max: 4,
            oldest_share_percent: 25,
            age_max_days: 7,
        }
    }
}
