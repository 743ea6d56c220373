//! Outages on a schedule.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::faults::Outage;

/// Outages of a schedule at most.
const SCHEDULED_MAX: usize = 1_000;
/// No time of a schedule is longer, in seconds.
const SECONDS_MAX: f64 = 1e8;

/// One outage of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduled {
    /// When it begins, in seconds from when the faults are set or the schedule begins again.
    pub after_s: f64,
    /// How long it lasts, in seconds.
    pub for_s: f64,
    /// How nothing is answered.
    pub outage: Outage,
}

/// Whether the times can be.
pub(super) fn check(schedule: &[Scheduled], every_s: Option<f64>) -> Result<(), &'static str> {
    let time = |seconds: f64| (0.0..=SECONDS_MAX).contains(&seconds);
    if schedule.len() > SCHEDULED_MAX {
        return Err("schedule: too many outages");
    }
    if !schedule.iter().all(|one| time(one.after_s) && time(one.for_s)) {
        return Err("schedule: a time is negative or too long");
    }
    match every_s {
        Some(every) if !(0.001..=SECONDS_MAX).contains(&every) => {
            Err("schedule_every_s: the time is too short or too long")
        }
        _ => Ok(()),
    }
}

/// Whether nothing is answered at this time, and after how long that may change.
pub(super) fn at(
    schedule: &[Scheduled],
    every_s: Option<f64>,
    elapsed: Duration,
) -> (Option<Outage>, Option<Duration>) {
    if schedule.is_empty() {
        return (None, None);
    }
    let every = every_s.map(Duration::from_secs_f64);
    let now = every.map_or(elapsed, |every| {
        Duration::from_nanos(u64::try_from(elapsed.as_nanos() % every.as_nanos().max(1)).unwrap_or(0))
    });
    let times = |one: &Scheduled| {
        let begin = Duration::from_secs_f64(one.after_s);
        (begin, begin + Duration::from_secs_f64(one.for_s))
    };
    let outage = schedule.iter().find(|one| {
        let (begin, end) = times(one);
        begin <= now && now < end
    });
    let changes = schedule.iter().flat_map(|one| <[Duration; 2]>::from(times(one))).chain(every);
    let next = changes.filter(|change| *change > now).min();
    (outage.map(|one| one.outage), next.map(|change| change - now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: [Scheduled; 2] = [
        Scheduled { after_s: 10.0, for_s: 5.0, outage: Outage::Refuse },
        Scheduled { after_s: 20.0, for_s: 1.5, outage: Outage::Hang },
    ];

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    // Proves that outages begin and end at their times, once or again and again, and that the next change is told.
    #[test]
    fn times() {
        let once = |at_s: f64| at(&SCHEDULE, None, seconds(at_s));
        assert_eq!(once(0.0), (None, Some(seconds(10.0))));
        assert_eq!(once(10.0), (Some(Outage::Refuse), Some(seconds(5.0))));
        assert_eq!(once(15.0), (None, Some(seconds(5.0))));
        assert_eq!(once(21.0), (Some(Outage::Hang), Some(seconds(0.5))));
        assert_eq!(once(21.5), (None, None));
        let again = |at_s: f64| at(&SCHEDULE, Some(30.0), seconds(at_s));
        assert_eq!(again(25.0), (None, Some(seconds(5.0))));
        assert_eq!(again(3_012.0), (Some(Outage::Refuse), Some(seconds(3.0))));
        assert_eq!(at(&[], Some(30.0), seconds(1.0)), (None, None));
    }
}
