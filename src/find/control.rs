//! What an operator orders of a service's breaker.
//!
//! An order is a record of the journal before it has any effect, and comes from there after a restart: there is no second
//! place that could say something else.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who decides whether a service is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The breaker, by what it sees.
    #[default]
    Auto,
    /// An operator: it is not asked.
    Open,
    /// An operator: it is asked, however often it fails.
    Closed,
}

impl Control {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    /// The value of the gauge: 0 auto, 1 forced closed, 2 forced open.
    pub const fn gauge(self) -> f64 {
        match self {
            Self::Auto => 0.0,
            Self::Closed => 1.0,
            Self::Open => 2.0,
        }
    }
}

/// How long a reason may be, in characters.
pub const REASON_CHARS_MAX: usize = 200;

/// An operator's order, as the journal's administrative record holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The profile's name of the service.
    pub service: String,
    /// Who decides from now on.
    pub control: Control,
    /// Why, in the operator's words. It stands in journal and console, not in the log.
    pub reason: String,
    /// When it was given.
    pub at: Timestamp,
    /// The operator's user id on this machine.
    pub uid: u32,
}

/// Tells that an order is in force.
pub(super) fn tell(service: &str, control: Control, uid: u32) {
    let control = control.code();
    tracing::warn!(service, control, uid, "An operator's order to the breaker is in force.");
}

/// Why an order is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderError {
    /// No service of this name is enabled. Remedy: `postern find status` lists them.
    UnknownService,
    /// The reason is empty, too long, or of several lines. Remedy: give one line of at most 200 characters.
    Reason,
}

impl OrderError {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownService => "unknown_service",
            Self::Reason => "reason",
        }
    }
}

impl Order {
    /// Whether the reason says something and fits a line.
    ///
    /// # Errors
    /// [`OrderError::Reason`].
    pub fn check_reason(&self) -> Result<(), OrderError> {
        let fits = self.reason.chars().count() <= REASON_CHARS_MAX && !self.reason.contains(char::is_control);
        if fits && !self.reason.trim().is_empty() { Ok(()) } else { Err(OrderError::Reason) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that an order survives its record, and that a reason must say something in one line.
    #[test]
    fn orders_have_reasons() {
        let order = |reason: &str| Order {
            service: "sltd".to_owned(),
            control: Control::Open,
            reason: reason.to_owned(),
            at: Timestamp::UNIX_EPOCH,
            uid: 7,
        };
        let kept = serde_json::to_string(&order("maintenance at INTERPOL")).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&kept).unwrap(), order("maintenance at INTERPOL"));
        assert_eq!(order("maintenance").check_reason(), Ok(()));
        for reason in ["", "  ", "two\nlines", &"x".repeat(201)] {
            assert_eq!(order(reason).check_reason(), Err(OrderError::Reason), "{reason:?}");
        }
    }
}
