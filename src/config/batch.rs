//! Lists that are worked off beside the lanes, as they are written.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lists of documents, persons and vehicles that are worked off beside the lanes: `postern batch submit`. Left out: none is
/// taken.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The folder of the lists and their results, which hold personal data. What has ended stays there until it is removed.
    pub folder: PathBuf,
    /// Rows a second of all lists together. FIND has the turns for them that lanes leave.
    #[serde(default = "default_rate_per_s_max")]
    pub rate_per_s_max: u32,
    /// Rows at once of all lists together: so many are asked again after a crash.
    #[serde(default = "default_concurrency_max")]
    pub concurrency_max: usize,
    /// How long a row may take, in milliseconds.
    #[serde(default = "default_row_timeout_ms")]
    pub row_timeout_ms: u64,
    /// Lists that may be open at once.
    #[serde(default = "default_open_max")]
    pub open_max: usize,
    /// Rows of a list.
    #[serde(default = "default_rows_max")]
    pub rows_max: u64,
    /// Size of a row in bytes.
    #[serde(default = "default_row_bytes_max")]
    pub row_bytes_max: usize,
    /// Size of a list in mebibytes.
    #[serde(default = "default_file_mib_max")]
    pub file_mib_max: u64,
}

const fn default_rate_per_s_max() -> u32 {
    20
}
const fn default_concurrency_max() -> usize {
    8
}
const fn default_row_timeout_ms() -> u64 {
    30_000
}
const fn default_open_max() -> usize {
    16
}
const fn default_rows_max() -> u64 {
    1_000_000
}
const fn default_row_bytes_max() -> usize {
    65_536
}
const fn default_file_mib_max() -> u64 {
    256
}
