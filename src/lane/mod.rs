//! Lanes: how bytes of a national system come in, and how the answers go out.
//!
//! A lane knows nothing of documents. It tells frames apart, names the client, keeps every limit of its config, and
//! hands each frame to a [`Handler`], which is the rest of Postern: adapter, screening and journal. What comes back
//! is durable already, so the lane's only duty towards it is to send it, in order, and to say whether that worked.
//!
//! Four rules hold in every transport:
//!
//! * **One client hurts nobody else.** Each connection is one task with its own limits: bytes of a frame, frames in
//!   flight,
//!   time for a frame, time to read an answer, time to be silent. What a client sends beyond them stays in its socket.
//! * **A frame that was handed over is driven to its end**, even if its client hangs up: a hit must be told and
//!   journaled
//!   although nobody waits for the reply any more. Only the time limit of a shutdown cuts it short.
//! * **A fault is told in the native form where the framing still allows it**, and asserts nothing: it means refer.
//! * **A panic costs one message.** Its sender gets the refusal `internal`; the connection and all others live on.
//!
//! The handler is a trait object and its futures are boxed: measured, that is a small fraction of a microsecond a
//! frame, and it keeps the transports free of type parameters.

mod auth;
mod guard;
mod http;
mod identity;
mod link;
mod listener;
mod meter;
mod tcp;
#[cfg(test)]
mod testing;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use postern_sdk::{Fault, FaultCode, Reference, Reply};
use tokio::time::Instant;

pub use auth::{TokenError, Tokens};
pub use http::{Documents, Fetches, HttpLane};
pub use identity::{ClientIdentity, IdentifiedBy, is_client_name};
pub use tcp::TcpLane;

/// A frame, or the head or body of a request, that did not arrive within the lane's time for one.
pub const TIMEOUT: FaultCode = FaultCode::new("timeout");

/// The answer to one frame, under way.
pub type Handling = Pin<Box<dyn Future<Output = Handled> + Send>>;

/// What a lane hands its frames to: adapter, screening and journal behind one seam.
pub trait Handler: Send + Sync + 'static {
    /// Answers one frame of one client. The replies are durable when the future ends, and it must end: the lane
    /// sets no deadline of its own, the lane's `deadline_ms` is the handler's to keep, counted from
    /// [`Frame::received`].
    fn handle(&self, frame: Frame) -> Handling;

    /// Is told once for each [`Handled`] whether its replies were written out: taken by the kernel, or lost with the
    /// connection. Must not block.
    fn sent(&self, receipt: Receipt, written: bool);

    /// The native refusal of what never became a frame, or of a frame whose handling failed. It asserts nothing.
    fn refuse(&self, fault: Fault, client: Option<&str>) -> Reply;

    /// Is told when a link has ended: no frame of it comes any more. Parts that wait to be assembled can be let go.
    fn closed(&self, _link: u64) {}
}

/// One frame of one client, without its framing.
#[derive(Clone)]
pub struct Frame {
    /// The message.
    pub bytes: Bytes,
    /// Who sent it.
    pub client: Arc<ClientIdentity>,
    /// From where.
    pub peer: SocketAddr,
    /// When its last byte was read.
    pub received: Instant,
    /// The sender's id of the message, if the transport carries one (`Idempotency-Key`): 1 to 128 visible ASCII
    /// characters.
    pub sender_id: Option<String>,
    /// The connection, by a number that is unique while the process lives.
    pub link: u64,
    /// The frame's place on the connection, from 1.
    pub number: u64,
}

/// A frame holds personal data, so only its size is shown.
impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({} bytes of {}, link {}/{})", self.bytes.len(), self.client, self.link, self.number)
    }
}

/// What became of a frame.
#[derive(Debug, Default)]
pub struct Handled {
    /// The replies in the order in which they are sent; none for an acknowledged control. Over HTTP only the first
    /// is sent.
    pub replies: Vec<Reply>,
    /// What [`Handler::sent`] is given back.
    pub receipt: Receipt,
    /// Whether the connection ends after these replies. Frames that are in flight by then are still answered.
    pub close: bool,
}

/// The exchanges that a frame's replies answer; none for a refusal. A lane only carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt(pub Vec<Reference>);
