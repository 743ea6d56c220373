//! A panic in a handler costs that message and no other.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use postern_sdk::{Fault, Reply};

use super::{Frame, Handled, Handler, Handling};

/// The handler panicked. What it panicked with may hold a message, so it is not kept; the panic hook has told the
/// place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Panicked;

/// The handling of one frame, which ends instead of unwinding.
pub(super) struct Guarded(Result<Handling, Panicked>);

impl Guarded {
    /// Hands the frame over.
    pub(super) fn handle(handler: &dyn Handler, frame: Frame) -> Self {
        Self(catch_unwind(AssertUnwindSafe(|| handler.handle(frame))).map_err(|_| Panicked))
    }
}

impl Future for Guarded {
    type Output = Result<Handled, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(handling) = &mut self.0 else { return Poll::Ready(Err(Panicked)) };
        match catch_unwind(AssertUnwindSafe(|| handling.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(handled)) => Poll::Ready(Ok(handled)),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

/// The native refusal, or none if even that panics.
pub(super) fn refuse(handler: &dyn Handler, fault: Fault, client: Option<&str>) -> Option<Reply> {
    catch_unwind(AssertUnwindSafe(|| handler.refuse(fault, client))).ok()
}
