//! Bodies of responses, and whose they are.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::wire::Wire;
use crate::lane::{Handler, Receipt, link};

/// A receipt that is owed to the handler. Whoever drops it, wherever a request may be cut off, tells that nothing
/// was sent.
pub(super) struct Due {
    handler: Arc<dyn Handler>,
    receipt: Option<Receipt>,
}

impl Due {
    pub(super) fn new(handler: Arc<dyn Handler>, receipt: Receipt) -> Self {
        Self { handler, receipt: Some(receipt) }
    }

    /// The reply is out.
    pub(super) fn settle(mut self) {
        if let Some(receipt) = self.receipt.take() {
            link::sent(&*self.handler, receipt, true);
        }
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        if let Some(receipt) = self.receipt.take() {
            link::sent(&*self.handler, receipt, false);
        }
    }
}

/// The body of a response. Once it is taken, what is due for it waits in the [`Wire`] for the next flush.
pub(super) struct ReplyBody {
    bytes: Option<Bytes>,
    due: Option<(Due, Arc<Wire>)>,
}

impl ReplyBody {
    /// A body for which nothing is due.
    pub(super) fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: Some(bytes.into()), due: None }
    }

    /// A body for which something is due.
    pub(super) fn due(bytes: impl Into<Bytes>, due: Due, wire: Arc<Wire>) -> Self {
        let bytes: Bytes = bytes.into();
        if bytes.is_empty() {
            // An empty body is never asked for: it counts as taken with the head.
            wire.owe(due);
            return Self { bytes: None, due: None };
        }
        Self { bytes: Some(bytes), due: Some((due, wire)) }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Some((due, wire)) = self.due.take() {
            wire.owe(due);
        }
        Poll::Ready(self.bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
