//! What is known of each service's health, for the console and the live check.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use postern_sdk::{Database, Reason};
use serde::{Deserialize, Serialize};

use super::breaker::BreakerState;
use super::control::Order;
use crate::tls::Expiring;

/// The state of one service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The profile's name for it.
    pub service: String,
    /// The databases that it asks.
    pub databases: Vec<Database>,
    /// The breaker's state.
    pub state: BreakerState,
    /// Failures in a row.
    pub failures: u32,
    /// Requests under way.
    pub in_flight: usize,
    /// When it last answered.
    pub last_success: Option<Timestamp>,
    /// When it last failed.
    pub last_error_at: Option<Timestamp>,
    /// How it last failed.
    pub last_error: Option<Reason>,
    /// The operator's order in force; none if the breaker decides.
    pub order: Option<Order>,
}

/// How long a file of TLS is good.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct CertificateStatus {
    /// What ends.
    pub what: Expiring,
    /// When.
    pub at: Timestamp,
    /// The whole days that are left; negative if it has ended.
    pub days: i64,
}

/// The state of the link to the services.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LinkStatus {
    /// What of TLS ends when; empty if the link is not encrypted.
    pub certificates: Vec<CertificateStatus>,
    /// Whether its files hold something that can't be used, so that what was there before still is.
    pub files_refused: bool,
}

/// What a live check of one service found.
#[derive(Clone, Debug, Serialize)]
pub struct Probed {
    /// The profile's name for it.
    pub service: String,
    /// Whether it answered a search, or why not.
    pub failure: Option<Reason>,
    /// How long it took, in microseconds.
    pub elapsed_us: u64,
}

/// What is remembered of a service's answers.
#[derive(Default)]
pub(super) struct Health(Mutex<Remembered>);

#[derive(Clone, Copy, Default)]
pub(super) struct Remembered {
    pub(super) last_success: Option<Timestamp>,
    pub(super) last_error: Option<(Timestamp, Reason)>,
}

impl Health {
    /// Takes note of an answer.
    pub(super) fn note(&self, at: Timestamp, failure: Option<Reason>) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match failure {
            None => remembered.last_success = Some(at),
            Some(reason) => remembered.last_error = Some((at, reason)),
        }
    }

    /// What is remembered.
    pub(super) fn remembered(&self) -> Remembered {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
