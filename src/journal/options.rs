//! What can be set. Every limit has a default that suits a border post on ordinary hardware.

use super::error::OpenError;
use super::format::{
    BARE_FRAME_BYTES, FRAME_OVERHEAD_BYTES, HEADER_BLOCK_BYTES, MAX_BODY_BYTES, START_FRAME_BYTES,
};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Tells the time, ns since 1970-01-01 UTC.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How a journal is opened.
#[derive(Clone)]
pub struct Options {
    /// The environment's number; a journal of another environment is refused.
    pub environment: u8,
    /// The instance; a journal of another instance is refused.
    pub instance: Uuid,
    /// The size of a segment in bytes, 8 KiB to 1 GiB. A body must fit in one. Default 64 MiB.
    pub segment_bytes: u64,
    /// The longest that a commit waits for others to share its sync, in µs, 0 to 10 000. Default 500.
    pub gather_us_max: u32,
    /// After this long without work, unsynced records and a mark are written, in ms, at least 1. Default 100.
    pub idle_flush_ms: u32,
    /// The most records in the queue, at least 1; beyond it a commit is refused as busy. Default 16 384.
    pub queue_records_max: usize,
    /// The most body bytes in the queue; beyond it a commit is refused as busy. A single record always fits
    /// into an empty queue. Default 64 MiB.
    pub queue_bytes_max: usize,
    /// The most unsynced records in waiting; beyond it they are dropped and counted. Default 4096.
    pub unsynced_records_max: usize,
    /// After a segment could not be opened, further commits fail at once for this long, in ms. Default 250.
    pub reopen_backoff_ms: u32,
    /// The clock, for the times in records and headers. Default: the system's.
    pub clock: Clock,
}

impl Options {
    /// The defaults for an environment and an instance.
    #[must_use]
    pub fn new(environment: u8, instance: Uuid) -> Self {
        Self {
            environment,
            instance,
            segment_bytes: 64 << 20,
            gather_us_max: 500,
            idle_flush_ms: 100,
            queue_records_max: 16_384,
            queue_bytes_max: 64 << 20,
            unsynced_records_max: 4096,
            reopen_backoff_ms: 250,
            clock: Arc::new(system_time_ns),
        }
    }

    /// The largest body that one segment holds, in bytes.
    #[must_use]
    pub fn body_bytes_max(&self) -> usize {
        let fixed = HEADER_BLOCK_BYTES as usize + START_FRAME_BYTES + FRAME_OVERHEAD_BYTES + BARE_FRAME_BYTES;
        let room = (self.segment_bytes as usize).saturating_sub(fixed);
        (room - room % 8).min(MAX_BODY_BYTES)
    }

    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let limits = [
            ((8 << 10..=1 << 30).contains(&self.segment_bytes), "segment_bytes"),
            (self.segment_bytes.is_multiple_of(512), "segment_bytes is no multiple of 512"),
            (self.gather_us_max <= 10_000, "gather_us_max"),
            (self.idle_flush_ms >= 1, "idle_flush_ms"),
            (self.queue_records_max >= 1, "queue_records_max"),
        ];
        match limits.iter().find(|(holds, _)| !holds) {
            Some((_, name)) => Err(OpenError::Options(name)),
            None => Ok(()),
        }
    }

    pub(crate) fn reopen_backoff(&self) -> Duration {
        Duration::from_millis(self.reopen_backoff_ms.into())
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the default of an option that the daemon sets to its own clock"
)]
fn system_time_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
