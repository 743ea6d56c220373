//! Bodies of answers: whole, in drips, or cut off.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;

/// The body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, Closed>;

/// What the connection is closed for instead of being answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed by the simulator, as it was told to")
    }
}

impl std::error::Error for Closed {}

/// How many drips there are in a second, at most.
const DRIPS_PER_S: u64 = 10;

/// The whole of it at once.
pub(super) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// So many bytes in a second, and no more than so many before the connection is closed.
pub(super) fn paced(bytes: &Bytes, per_s: Option<u64>, cut_at: Option<usize>) -> Body {
    let cut = cut_at.is_some_and(|at| at < bytes.len());
    let rest = bytes.slice(..cut_at.map_or(bytes.len(), |at| at.min(bytes.len())));
    let pace = Pace { step: per_s.map_or(rest.len(), step), pause: per_s.map(pause), cut, rest };
    StreamBody::new(stream::unfold(pace, Pace::next)).boxed_unsync()
}

fn step(per_s: u64) -> usize {
    usize::try_from(per_s / DRIPS_PER_S).unwrap_or(usize::MAX).max(1)
}

fn pause(per_s: u64) -> Duration {
    Duration::from_secs(1) / u32::try_from(per_s.clamp(1, DRIPS_PER_S)).unwrap_or(1)
}

struct Pace {
    rest: Bytes,
    step: usize,
    pause: Option<Duration>,
    cut: bool,
}

impl Pace {
    async fn next(mut self) -> Option<(Result<Frame<Bytes>, Closed>, Self)> {
        if self.rest.is_empty() {
            if !self.cut {
                return None;
            }
            self.cut = false;
            // The server writes what it was given while it waits: otherwise that would end with the connection.
            tokio::task::yield_now().await;
            return Some((Err(Closed), self));
        }
        if let Some(pause) = self.pause {
            tokio::time::sleep(pause).await;
        }
        let drip = self.rest.split_to(self.step.min(self.rest.len()));
        Some((Ok(Frame::data(drip)), self))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    async fn taken(mut body: Body) -> (usize, bool, f64) {
        let begun = Instant::now();
        let mut count = 0;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => count += frame.into_data().unwrap().len(),
                Err(Closed) => return (count, true, begun.elapsed().as_secs_f64()),
            }
        }
        (count, false, begun.elapsed().as_secs_f64())
    }

    // Proves that a drip takes the time that its bytes take, slow or fast, that a cut comes after its bytes, and that an answer
    // shorter than the cut is whole.
    #[tokio::test(start_paused = true)]
    async fn drips_and_cuts() {
        let bytes = Bytes::from(vec![b'x'; 1_000]);
        assert_eq!(taken(whole(bytes.clone())).await, (1_000, false, 0.0));
        for per_s in [2, 50, 500] {
            let (count, cut, seconds) = taken(paced(&bytes, Some(per_s), None)).await;
            let wanted = 1_000.0 / per_s as f64;
            assert!(count == 1_000 && !cut && (seconds / wanted - 1.0).abs() < 0.1, "{per_s}: {seconds}");
        }
        assert_eq!(taken(paced(&bytes, None, Some(10))).await, (10, true, 0.0));
        assert_eq!(taken(paced(&bytes, None, Some(0))).await, (0, true, 0.0));
        assert_eq!(taken(paced(&bytes, None, Some(2_000))).await, (1_000, false, 0.0));
    }
}
