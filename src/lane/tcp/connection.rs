//! One connection: frames in, replies out, in order.
//!
//! The whole connection is one task and one state machine. It reads what is there, cuts it into frames, hands each
//! over and keeps the answers' futures in the order of the frames; whatever is answered by then goes out in one
//! write. Reading, answering and writing go on side by side, so that a client that does not read stalls neither its
//! own screenings nor their journaling. No future is spawned and nothing is locked for a frame.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use postern_sdk::{Fault, FaultCode, Reply};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::framing::{Deframer, Found};
use super::outbox::Outbox;
use super::patience::{Overdue, Patience};
use crate::config::file::{Framing, Limits};
use crate::lane::guard::{self, Guarded};
use crate::lane::link::Link;
use crate::lane::{Handled, TIMEOUT};

/// How much room the input has at least before a read, in bytes.
const READ_BYTES: usize = 4 << 10;

/// How much the input grows by when it has less, in bytes.
const GROW_BYTES: usize = 16 << 10;

/// From how many unread bytes of answers on nothing more is read.
const OUTBOX_BYTES_MAX: usize = 256 << 10;

/// The answer to a frame, or to what was no frame.
enum Answering {
    Handled(Guarded),
    Refused(Option<Fault>),
}

impl Future for Answering {
    type Output = Result<Handled, Fault>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Handled(guarded) => {
                let handled = ready!(Pin::new(guarded).poll(cx));
                Poll::Ready(handled.map_err(|_| Fault::new(FaultCode::INTERNAL)))
            }
            Self::Refused(fault) => {
                Poll::Ready(Err(fault.take().unwrap_or(const { Fault::new(FaultCode::INTERNAL) })))
            }
        }
    }
}

/// One connection and everything that it waits for.
pub(super) struct Connection<S> {
    stream: S,
    link: Link,
    in_flight_max: usize,
    deframer: Deframer,
    inbox: BytesMut,
    /// When the inbox's last byte was read.
    received: Instant,
    number: u64,
    in_flight: FuturesOrdered<Answering>,
    outbox: Outbox,
    /// Whether something was written and not flushed.
    unflushed: bool,
    patience: Patience,
    drain: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// Whether frames are still taken.
    reading: bool,
    /// Whether the client can no longer be reached.
    broken: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// A connection over a stream. When `drain` is cancelled it takes no more frames.
    pub(super) fn new(
        stream: S,
        link: Link,
        framing: Framing,
        limits: &Limits,
        drain: CancellationToken,
    ) -> Self {
        Self {
            stream,
            link,
            in_flight_max: limits.in_flight_max.max(1),
            deframer: Deframer::new(framing, limits.frame_bytes_max),
            inbox: BytesMut::new(),
            received: Instant::now(),
            number: 0,
            in_flight: FuturesOrdered::new(),
            outbox: Outbox::default(),
            unflushed: false,
            patience: Patience::new(limits),
            drain: Some(Box::pin(drain.cancelled_owned())),
            reading: true,
            broken: false,
        }
    }

    /// Serves the connection until both sides are done. The stream, if the client can still be reached, for a
    /// farewell.
    pub(super) async fn run(mut self) -> Option<S> {
        poll_fn(|cx| self.poll(cx)).await;
        self.link.closed();
        (!self.broken).then_some(self.stream)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.poll_drain(cx);
            let read = self.poll_read(cx);
            let answered = self.poll_answers(cx);
            let wrote = self.poll_write(cx);
            if self.is_done() {
                return Poll::Ready(());
            }
            if !answered && !wrote && !read {
                let overdue = ready!(self.patience.poll_overdue(self.is_quiet(), cx));
                self.give_up(overdue);
            }
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) {
        if self.drain.as_mut().is_some_and(|drain| drain.as_mut().poll(cx).is_ready()) {
            self.drain = None;
            self.stop_reading();
        }
    }

    fn is_quiet(&self) -> bool {
        self.in_flight.is_empty() && self.outbox.bytes.is_empty() && !self.unflushed
    }

    fn is_done(&self) -> bool {
        !self.reading && self.is_quiet()
    }

    fn has_room(&self) -> bool {
        self.in_flight.len() < self.in_flight_max && self.outbox.bytes.len() < OUTBOX_BYTES_MAX
    }

    fn stop_reading(&mut self) {
        self.reading = false;
        self.inbox = BytesMut::new();
        self.patience.no_frame();
    }

    /// The client can't be reached any more. What is in flight is still driven to its end.
    fn hang_up(&mut self) {
        self.broken = true;
        self.unflushed = false;
        self.patience.no_stall();
        self.stop_reading();
        for receipt in self.outbox.abandon() {
            self.link.sent(receipt, false);
        }
    }

    fn give_up(&mut self, overdue: Overdue) {
        match overdue {
            Overdue::Idle => self.stop_reading(),
            Overdue::Frame => {
                if !self.inbox.is_empty() {
                    self.refuse_in_turn(Fault::new(TIMEOUT));
                }
                self.stop_reading();
            }
            Overdue::Write => {
                self.link.count(&TIMEOUT);
                self.hang_up();
            }
        }
    }

    // ---- in ----

    /// Whether anything came in, or anything was handed over.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> bool {
        let cut = self.cut_frames();
        if !self.reading || !self.has_room() {
            return cut;
        }
        if self.inbox.capacity() - self.inbox.len() < READ_BYTES {
            self.inbox.reserve(GROW_BYTES);
        }
        match pin!(self.stream.read_buf(&mut self.inbox)).poll(cx) {
            Poll::Pending => return cut,
            Poll::Ready(Ok(0)) => self.end_of_input(),
            Poll::Ready(Ok(_)) => {
                self.received = Instant::now();
                self.patience.came(self.received);
                self.cut_frames();
            }
            Poll::Ready(Err(_)) => self.hang_up(),
        }
        true
    }

    /// Hands over the whole frames that have come in, as far as there is room.
    fn cut_frames(&mut self) -> bool {
        let before = self.in_flight.len();
        if !self.has_room() {
            // The client is not slow: it is us who don't read.
            self.patience.no_frame();
        }
        while self.reading && self.has_room() {
            match self.deframer.next(&mut self.inbox) {
                Found::Frame(bytes) => self.hand_over(bytes),
                Found::Skipped(fault) => self.refuse_in_turn(fault),
                Found::Lost(fault) => {
                    self.refuse_in_turn(fault);
                    self.stop_reading();
                }
                Found::More => {
                    if self.deframer.is_amid(&self.inbox) {
                        self.patience.frame_begun();
                    }
                    break;
                }
            }
        }
        self.in_flight.len() > before
    }

    fn hand_over(&mut self, bytes: Bytes) {
        self.patience.no_frame();
        self.number += 1;
        let guarded = self.link.hand_over(bytes, self.received, self.number);
        self.in_flight.push_back(Answering::Handled(guarded));
    }

    /// Refuses, after what came before is answered.
    fn refuse_in_turn(&mut self, fault: Fault) {
        self.patience.no_frame();
        self.in_flight.push_back(Answering::Refused(Some(fault)));
    }

    /// The client sends no more, and may still read. A frame without its end is refused: it may have been cut short.
    fn end_of_input(&mut self) {
        if !self.inbox.is_empty() {
            self.refuse_in_turn(Fault::new(FaultCode::FRAMING));
        }
        self.stop_reading();
    }

    // ---- out ----

    fn poll_answers(&mut self, cx: &mut Context<'_>) -> bool {
        let mut answered = false;
        while let Poll::Ready(Some(answer)) = self.in_flight.poll_next_unpin(cx) {
            answered = true;
            match answer {
                Ok(handled) => self.reply(handled),
                Err(fault) => self.refuse(fault),
            }
        }
        answered
    }

    fn reply(&mut self, handled: Handled) {
        if handled.close {
            self.stop_reading();
        }
        if self.broken {
            self.link.sent(handled.receipt, false);
        } else if self.queue(&handled.replies) {
            self.outbox.owe(handled.receipt);
            self.unflushed = true;
        } else {
            self.link.sent(handled.receipt, false);
            self.refuse(Fault::new(FaultCode::INTERNAL));
        }
    }

    /// Queues all replies, or none if one of them does not fit the framing.
    fn queue(&mut self, replies: &[Reply]) -> bool {
        let before = self.outbox.bytes.len();
        let fits =
            replies.iter().all(|reply| self.deframer.frame(&reply.body, &mut self.outbox.bytes).is_ok());
        if !fits {
            self.outbox.bytes.truncate(before);
        }
        fits
    }

    fn refuse(&mut self, fault: Fault) {
        self.link.count(&fault.code);
        if self.broken {
            return;
        }
        match guard::refuse(self.link.handler(), fault, Some(self.link.client())) {
            Some(reply) if self.queue(std::slice::from_ref(&reply)) => self.unflushed = true,
            _ => self.hang_up(),
        }
    }

    /// Whether anything was written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> bool {
        let before = self.outbox.written();
        match self.try_write(cx) {
            Poll::Ready(Ok(())) => self.patience.no_stall(),
            Poll::Ready(Err(_)) => {
                self.hang_up();
                return true;
            }
            Poll::Pending => self.patience.stalled(self.outbox.written(), self.outbox.queued()),
        }
        self.outbox.written() > before
    }

    /// Writes as much as the client takes.
    fn try_write(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        while !self.outbox.bytes.is_empty() {
            match pin!(self.stream.write_buf(&mut self.outbox.bytes)).poll(cx)? {
                Poll::Ready(0) => return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())),
                Poll::Ready(wrote) => self.outbox.wrote(wrote),
                Poll::Pending => {
                    ready!(self.try_flush(cx))?;
                    return Poll::Pending;
                }
            }
        }
        self.try_flush(cx)
    }

    /// Flushes, and tells whose replies are out.
    fn try_flush(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = !self.outbox.bytes.is_empty();
            while let Some(receipt) = self.outbox.settled() {
                self.link.sent(receipt, true);
            }
        }
        Poll::Ready(Ok(()))
    }
}
