//! What a lane counts.

use metrics::{Counter, Gauge, counter, gauge};
use postern_sdk::FaultCode;

/// The metrics of one lane. Those of every frame are looked up once, when the lane is made.
pub(super) struct Meter {
    lane: String,
    frames: Counter,
    refused: Counter,
    connections: Gauge,
}

impl Meter {
    /// The metrics of the lane of this name, in the recorder that is installed by now.
    pub(super) fn new(lane: &str) -> Self {
        let lane = lane.to_owned();
        Self {
            frames: counter!("postern_lane_frames_total", "lane" => lane.clone()),
            refused: counter!("postern_lane_refused_connections_total", "lane" => lane.clone()),
            connections: gauge!("postern_lane_connections", "lane" => lane.clone()),
            lane,
        }
    }

    /// The lane's name.
    pub(super) fn lane(&self) -> &str {
        &self.lane
    }

    /// A frame was handed over.
    pub(super) fn frame(&self) {
        self.frames.increment(1);
    }

    /// Something that came in was no frame, or its handling failed.
    pub(super) fn fault(&self, code: &FaultCode) {
        let labels = [("lane", self.lane.clone()), ("code", code.as_str().to_owned())];
        counter!("postern_lane_faults_total", &labels).increment(1);
    }

    /// A connection was turned away.
    pub(super) fn connection_refused(&self) {
        self.refused.increment(1);
    }

    /// Counts a connection for as long as the result lives.
    pub(super) fn connection(&self) -> Counted {
        self.connections.increment(1);
        Counted(self.connections.clone())
    }
}

/// One connection that is being counted.
pub(super) struct Counted(Gauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use metrics::{Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

    use super::*;

    /// Keeps the counters and gauges by name and labels.
    #[derive(Default)]
    struct Kept(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

    impl Kept {
        fn cell(&self, key: &Key) -> Arc<AtomicU64> {
            let labels: String =
                key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect();
            let mut cells = self.0.lock().unwrap();
            Arc::clone(cells.entry(format!("{}{labels}", key.name())).or_default())
        }

        fn count(&self, key: &str) -> u64 {
            self.0.lock().unwrap()[key].load(Ordering::Relaxed)
        }

        fn gauge(&self, key: &str) -> f64 {
            f64::from_bits(self.count(key))
        }
    }

    impl Recorder for Kept {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.cell(key))
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.cell(key))
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    // Proves under which names and labels a lane counts, and that a connection counts only while it lives.
    #[test]
    fn a_lane_counts() {
        let kept = Kept::default();
        metrics::with_local_recorder(&kept, || {
            let meter = Meter::new("gates");
            meter.frame();
            meter.frame();
            meter.fault(&FaultCode::FRAMING);
            meter.connection_refused();
            let first = meter.connection();
            let _second = meter.connection();
            assert_eq!(kept.gauge("postern_lane_connections lane=gates"), 2.0);
            drop(first);
            assert_eq!(kept.gauge("postern_lane_connections lane=gates"), 1.0);
        });
        assert_eq!(kept.count("postern_lane_frames_total lane=gates"), 2);
        assert_eq!(kept.count("postern_lane_faults_total lane=gates code=framing"), 1);
        assert_eq!(kept.count("postern_lane_refused_connections_total lane=gates"), 1);
    }
}
