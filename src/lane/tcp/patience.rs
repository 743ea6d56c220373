//! How long a connection waits for its client.
//!
//! One timer serves three limits, and it is lazy: what makes a deadline later does not touch it. When it fires too
//! early it is set again. So a busy connection, whose deadlines move with every frame, hardly ever pays for a
//! timer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::file::Limits;

/// Which limit was overrun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// A frame began and did not end.
    Frame,
    /// Nothing was in flight and nothing came.
    Idle,
    /// The client did not read its answers.
    Write,
}

/// The client does not read: since when, and up to which byte of the output it must have read.
#[derive(Clone, Copy, Debug)]
struct Stall {
    since: Instant,
    goal: u64,
}

/// The deadlines of one connection.
pub(super) struct Patience {
    frame: Duration,
    idle: Duration,
    write: Duration,
    timer: Pin<Box<Sleep>>,
    active: Instant,
    frame_since: Option<Instant>,
    stall: Option<Stall>,
}

impl Patience {
    /// The patience of a connection that begins now.
    pub(super) fn new(limits: &Limits) -> Self {
        let active = Instant::now();
        let idle = Duration::from_millis(limits.idle_timeout_ms);
        Self {
            frame: Duration::from_millis(limits.frame_timeout_ms),
            idle,
            write: Duration::from_millis(limits.write_timeout_ms),
            timer: Box::pin(sleep_until(active + idle)),
            active,
            frame_since: None,
            stall: None,
        }
    }

    /// Something came in at this time.
    pub(super) const fn came(&mut self, at: Instant) {
        self.active = at;
    }

    /// No frame has begun, or none is waited for.
    pub(super) const fn no_frame(&mut self) {
        self.frame_since = None;
    }

    /// A frame has begun, now unless that was said before.
    pub(super) fn frame_begun(&mut self) {
        self.frame_since.get_or_insert_with(Instant::now);
    }

    /// The client takes no more bytes for now; it has taken `written` of `queued`.
    pub(super) fn stalled(&mut self, written: u64, queued: u64) {
        if self.stall.is_none_or(|stall| stall.goal <= written) {
            self.stall = Some(Stall { since: Instant::now(), goal: queued });
        }
    }

    /// The client has taken everything.
    pub(super) const fn no_stall(&mut self) {
        self.stall = None;
    }

    /// The limit that is overrun, if one is. `quiet` says that nothing is in flight and nothing is to be written.
    pub(super) fn poll_overdue(&mut self, quiet: bool, cx: &mut Context<'_>) -> Poll<Overdue> {
        loop {
            let (deadline, overdue) = self.next();
            if self.timer.deadline() > deadline {
                self.timer.as_mut().reset(deadline);
            }
            std::task::ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            if deadline <= now && (overdue != Overdue::Idle || quiet) {
                return Poll::Ready(overdue);
            }
            if deadline <= now {
                self.active = now;
            }
            let (deadline, _) = self.next();
            self.timer.as_mut().reset(deadline);
        }
    }

    /// The next deadline and its limit.
    fn next(&self) -> (Instant, Overdue) {
        let mut next = (self.active + self.idle, Overdue::Idle);
        if let Some(since) = self.frame_since {
            next = earlier(next, (since + self.frame, Overdue::Frame));
        }
        if let Some(stall) = self.stall {
            next = earlier(next, (stall.since + self.write, Overdue::Write));
        }
        next
    }
}

fn earlier(one: (Instant, Overdue), other: (Instant, Overdue)) -> (Instant, Overdue) {
    if other.0 < one.0 { other } else { one }
}
