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
