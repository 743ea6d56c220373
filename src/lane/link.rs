//! One connection's way to the handler.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use postern_sdk::FaultCode;
use tokio::time::Instant;

use super::guard::Guarded;
use super::meter::Meter;
use super::{ClientIdentity, Frame, Handler, Receipt};

/// The number of the next connection of the process.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A number that no other connection of this process has.
pub(super) fn next_link() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What all frames of a connection have in common.
pub(super) struct Link {
    handler: Arc<dyn Handler>,
    meter: Arc<Meter>,
    client: Arc<ClientIdentity>,
    peer: SocketAddr,
    id: u64,
}

impl Link {
    /// A connection of a client from an address.
    pub(super) fn new(
        handler: Arc<dyn Handler>,
        meter: Arc<Meter>,
        client: Arc<ClientIdentity>,
        peer: SocketAddr,
    ) -> Self {
        Self { handler, meter, client, peer, id: next_link() }
    }

    /// What answers.
    pub(super) fn handler(&self) -> &dyn Handler {
        &*self.handler
    }

    /// The client's name.
    pub(super) fn client(&self) -> &str {
        &self.client.name
    }

    /// Hands a frame over.
    pub(super) fn hand_over(&self, bytes: Bytes, received: Instant, number: u64) -> Guarded {
        self.meter.frame();
        let client = Arc::clone(&self.client);
        let frame =
            Frame { bytes, client, peer: self.peer, received, sender_id: None, link: self.id, number };
        Guarded::handle(&*self.handler, frame)
    }

    /// Counts a fault.
    pub(super) fn count(&self, code: &FaultCode) {
        self.meter.fault(code);
    }

    /// Tells what became of replies. A panic there is the handler's own matter.
    pub(super) fn sent(&self, receipt: Receipt, written: bool) {
        sent(&*self.handler, receipt, written);
    }

    /// Tells that the connection has ended.
    pub(super) fn closed(&self) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.handler.closed(self.id)));
    }
}

/// Tells what became of replies; a panic of the handler ends here.
pub(super) fn sent(handler: &dyn Handler, receipt: Receipt, written: bool) {
    let _ = catch_unwind(AssertUnwindSafe(|| handler.sent(receipt, written)));
}
