//! How long answers are held back.

use std::f64::consts::TAU;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seed::Seed;

/// No answer is held back for longer.
pub(super) const LATENCY_MAX: Duration = Duration::from_secs(600);
/// What of a normal distribution lies below 99 %, in standard deviations.
const Z99: f64 = 2.326_347_874;

/// How long answers are held back: a distribution, drawn from by the simulator's seed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Latency {
    /// Always as long.
    Fixed {
        /// In milliseconds.
        ms: f64,
    },
    /// Anything between two, alike.
    Uniform {
        /// The shortest, in milliseconds.
        min_ms: f64,
        /// The longest, in milliseconds.
        max_ms: f64,
    },
    /// As networks and databases are: mostly short, now and then very long.
    Lognormal {
        /// Half are shorter, in milliseconds.
        p50_ms: f64,
        /// One in a hundred is longer, in milliseconds.
        p99_ms: f64,
    },
}

impl Latency {
    /// Whether it can be drawn from.
    pub(super) fn is_sound(&self) -> bool {
        match *self {
            Self::Fixed { ms } => ms.is_finite() && ms >= 0.0,
            Self::Uniform { min_ms, max_ms } => max_ms.is_finite() && 0.0 <= min_ms && min_ms <= max_ms,
            Self::Lognormal { p50_ms, p99_ms } => p99_ms.is_finite() && 0.0 < p50_ms && p50_ms <= p99_ms,
        }
    }

    /// One of the distribution.
    pub(super) fn draw(&self, seed: &mut Seed) -> Duration {
        let ms = match *self {
            Self::Fixed { ms } => ms,
            Self::Uniform { min_ms, max_ms } => min_ms + (max_ms - min_ms) * seed.share(),
            Self::Lognormal { p50_ms, p99_ms } => {
                let deviation = (p99_ms / p50_ms).ln() / Z99;
                p50_ms * (deviation * normal(seed)).exp()
            }
        };
        Duration::try_from_secs_f64(ms / 1000.0).unwrap_or(LATENCY_MAX).min(LATENCY_MAX)
    }
}

/// One of the standard normal distribution, by Box and Muller.
fn normal(seed: &mut Seed) -> f64 {
    let radius = (-2.0 * (1.0 - seed.share()).ln()).sqrt();
    radius * (TAU * seed.share()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(latency: Latency) -> Vec<f64> {
        let mut seed = Seed::new(5);
        let mut drawn: Vec<f64> =
            (0..200_000).map(|_| latency.draw(&mut seed).as_secs_f64() * 1000.0).collect();
        drawn.sort_by(f64::total_cmp);
        drawn
    }

    // Proves that each distribution has the measures that it is given by.
    #[test]
    fn distributions() {
        let near = |value: f64, wanted: f64| assert!((value / wanted - 1.0).abs() < 0.1, "{value} {wanted}");
        let lognormal = sorted(Latency::Lognormal { p50_ms: 200.0, p99_ms: 5_000.0 });
        near(lognormal[100_000], 200.0);
        near(lognormal[198_000], 5_000.0);
        let uniform = sorted(Latency::Uniform { min_ms: 100.0, max_ms: 300.0 });
        near(uniform[100_000], 200.0);
        assert!(uniform[0] >= 100.0 && uniform[199_999] <= 300.0);
        assert_eq!(sorted(Latency::Fixed { ms: 40.0 })[199_999], 40.0);
    }

    // Proves that what can't be drawn from is told, and that nothing is drawn that would never end.
    #[test]
    fn limits() {
        assert!(!Latency::Fixed { ms: -1.0 }.is_sound());
        assert!(!Latency::Uniform { min_ms: 2.0, max_ms: 1.0 }.is_sound());
        assert!(!Latency::Lognormal { p50_ms: 0.0, p99_ms: 1.0 }.is_sound());
        assert!(!Latency::Lognormal { p50_ms: f64::NAN, p99_ms: 1.0 }.is_sound());
        assert_eq!(Latency::Fixed { ms: 1e300 }.draw(&mut Seed::new(1)), LATENCY_MAX);
    }
}
