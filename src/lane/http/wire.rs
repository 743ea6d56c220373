//! The time limits of a connection, below HTTP.
//!
//! hyper's own limit for a request's head also runs while a kept-alive connection is merely idle, so it can't tell
//! an officer between two travellers from a client that sends a header a minute. This stream can: it knows whether
//! a byte of the next request has come. It also knows when replies were really flushed.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::body::Due;
use crate::config::file::Limits;

/// Where a connection is.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// No byte of the next request has come since then.
    Idle(Instant),
    /// The head of a request has begun to come then.
    Head(Instant),
    /// A request is being served.
    Busy,
    /// Its response is being written.
    Replying,
}

/// What a connection's stream and its requests tell each other.
pub(super) struct Wire {
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    due: Vec<Due>,
}

impl Wire {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request's head is complete.
    pub(super) fn busy(&self) {
        self.state().phase = Phase::Busy;
    }

    /// A response is about to be written.
    pub(super) fn replying(&self) {
        self.state().phase = Phase::Replying;
    }

    /// This is due as soon as what is being written is out.
    pub(super) fn owe(&self, due: Due) {
        self.state().due.push(due);
    }

    fn came(&self) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Idle(_)) {
            state.phase = Phase::Head(Instant::now());
        }
    }

    fn flushed(&self) {
        let due = {
            let mut state = self.state();
            if matches!(state.phase, Phase::Replying) {
                state.phase = Phase::Idle(Instant::now());
            }
            std::mem::take(&mut state.due)
        };
        due.into_iter().for_each(Due::settle);
    }
}

/// A stream that gives up on a client that is too slow.
pub(super) struct WireStream<S> {
    stream: S,
    wire: Arc<Wire>,
    idle: Duration,
    frame: Duration,
    write: Duration,
    read_timer: Pin<Box<Sleep>>,
    write_timer: Option<Pin<Box<Sleep>>>,
}

impl<S> WireStream<S> {
    /// A stream with a lane's limits, and the wire that its requests talk to it by.
    pub(super) fn new(stream: S, limits: &Limits) -> (Self, Arc<Wire>) {
        let now = Instant::now();
        let idle = Duration::from_millis(limits.idle_timeout_ms);
        let wire = Arc::new(Wire { state: Mutex::new(State { phase: Phase::Idle(now), due: Vec::new() }) });
        let stream = Self {
            stream,
            wire: Arc::clone(&wire),
            idle,
            frame: Duration::from_millis(limits.frame_timeout_ms),
            write: Duration::from_millis(limits.write_timeout_ms),
            read_timer: Box::pin(sleep_until(now + idle)),
            write_timer: None,
        };
        (stream, wire)
    }

    /// The stream below.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }

    fn poll_read_limit(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let deadline = match self.wire.state().phase {
            Phase::Idle(since) => since + self.idle,
            Phase::Head(since) => since + self.frame,
            Phase::Busy | Phase::Replying => return Poll::Pending,
        };
        if self.read_timer.deadline() != deadline {
            self.read_timer.as_mut().reset(deadline);
        }
        self.read_timer.as_mut().poll(cx).map(|()| io::ErrorKind::TimedOut.into())
    }

    /// Gives a write that the client holds up its limit.
    fn limit_write<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            return result;
        }
        let write = self.write;
        let timer = self.write_timer.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + write)));
        timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WireStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Pending => self.poll_read_limit(cx).map(Err),
            ready => {
                if buf.filled().len() > before {
                    self.wire.came();
                    // A drip that never lets a read wait is late all the same.
                    if let Poll::Ready(late) = self.poll_read_limit(cx) {
                        return Poll::Ready(Err(late));
                    }
                }
                ready
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WireStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.limit_write(cx, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        ready!(self.limit_write(cx, result))?;
        self.write_timer = None;
        self.wire.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.limit_write(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.limit_write(cx, result)
    }
}
