//! The rate cap: requests get turns at even distances, with a burst of a tenth of a second's worth.

use std::time::Duration;

use tokio::time::Instant;

/// The turns of one account, which all of its services share.
pub(crate) struct Rate {
    /// Distance of two turns; none: no cap.
    distance: Option<Duration>,
    burst: Duration,
    /// The time up to which turns were given.
    given: Option<Instant>,
}

impl Rate {
    /// So many turns a second, of which this instance may have a share; 0: no cap.
    pub(crate) fn new(per_s_max: u32, share_percent: u8) -> Self {
        let share = u64::from(per_s_max) * u64::from(share_percent);
        // A share of less than one turn a second is a longer distance, not none.
        let distance = Duration::from_secs(100).as_nanos().checked_div(u128::from(share));
        let distance = distance.map(|ns| Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX)));
        let burst = distance.map_or(Duration::ZERO, |distance| distance.max(Duration::from_millis(100)));
        Self { distance, burst, given: None }
    }

    /// The turn of a request: at once, at a later time, or not before the deadline.
    pub(crate) fn take(&mut self, now: Instant, deadline: Instant) -> Option<Option<Instant>> {
        let Some(distance) = self.distance else { return Some(None) };
        let next = self.given.map_or(now, |given| given.max(now)) + distance;
        // A turn counts from its end less the burst, so that the first ones come at once.
        let turn = next.checked_sub(self.burst).unwrap_or(now);
        if turn > deadline {
            return None;
        }
        self.given = Some(next);
        Some((turn > now).then_some(turn))
    }

    /// A turn that nobody else is about to want: one of the burst's first half, now. False if there is none.
    pub(crate) fn take_spare(&mut self, now: Instant) -> bool {
        let Some(distance) = self.distance else { return true };
        let start = self.given.map_or(now, |given| given.max(now));
        let spare = start == now || start + distance <= now + self.burst / 2;
        if spare {
            self.given = Some(start + distance);
        }
        spare
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that an instance gets its share of the account's rate, and that no share is no cap or no turn at all.
    #[test]
    fn shares_the_rate() {
        let now = Instant::now();
        let far = now + Duration::from_secs(100);
        let turns = |mut rate: Rate| {
            std::iter::from_fn(|| {
                rate.take(now, far).map(|turn| turn.map_or(Duration::ZERO, |turn| turn - now))
            })
            .take(200)
            .last()
        };
        assert_eq!(turns(Rate::new(0, 100)), Some(Duration::ZERO));
        // The 200th turn ends after 200 distances, less the burst.
        assert_eq!(turns(Rate::new(20, 100)), Some(Duration::from_millis(9_900)));
        assert_eq!(turns(Rate::new(40, 50)), Some(Duration::from_millis(9_900)));
        assert_eq!(turns(Rate::new(200, 25)), Some(Duration::from_millis(3_900)));
        // A quarter of one a second: one in four seconds.
        let mut slow = Rate::new(1, 25);
        assert_eq!(slow.take(now, far), Some(None));
        assert_eq!(slow.take(now, far), Some(Some(now + Duration::from_secs(4))));
    }

    // Proves that a spare turn leaves half of the burst to whoever comes next.
    #[test]
    fn spare_turns_leave_half() {
        let now = Instant::now();
        let mut rate = Rate::new(100, 100);
        assert_eq!((0..20).filter(|_| rate.take_spare(now)).count(), 5);
        assert_eq!((0..20).filter(|_| rate.take(now, now).is_some()).count(), 5);
        assert!(!rate.take_spare(now + Duration::from_millis(40)));
        assert!(rate.take_spare(now + Duration::from_millis(60)));
        assert!(Rate::new(0, 100).take_spare(now));
        let mut slow = Rate::new(1, 100);
        assert!(slow.take_spare(now) && !slow.take_spare(now + Duration::from_millis(500)));
        assert!(slow.take_spare(now + Duration::from_secs(1)));
    }
}
