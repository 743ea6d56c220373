//! What requests are for, and how many of them there may be.

use std::time::Duration;

use super::breaker::Triggers;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Somebody waits at a lane.
    Lane,
    /// A notice, an image: large, slow, and wanted by a person who knows.
    File,
    /// A recheck, a list: whenever there is room.
    Background,
}

/// The limits of a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) concurrency_max: usize,
    pub(super) file_concurrency_max: usize,
    pub(super) request_timeout: Duration,
    pub(super) file_timeout: Duration,
    pub(super) retry_percent: u8,
    pub(super) triggers: Triggers,
}
