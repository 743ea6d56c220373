//! Frames over TCP.

mod connection;
mod framing;
mod outbox;
mod patience;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use postern_sdk::{Fault, FaultCode};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::connection::Connection;
use self::framing::Deframer;
use super::link::Link;
use super::listener::{self, Serve};
use super::meter::Meter;
use super::{ClientIdentity, Handler, IdentifiedBy, guard};
use crate::config::file::{Framing, Limits};
use crate::tls;

/// A lane of frames over TCP, or over TLS on it.
///
/// Replies leave in the order of their frames, because a client of most native protocols tells them apart by order
/// alone. A client that closes its sending side still gets its replies. A client over the connection limit is told
/// `busy` and closed; with TLS it is closed without a word, since a word would cost a handshake.
pub struct TcpLane {
    handler: Arc<dyn Handler>,
    meter: Arc<Meter>,
    framing: Framing,
    limits: Limits,
    tls: Option<tls::Server>,
    client: Option<Arc<ClientIdentity>>,
}

impl TcpLane {
    /// A lane of this name. `client` names whoever connects without a certificate; if neither names the client, it is
    /// refused as `denied` and closed.
    pub fn new(
        name: &str,
        framing: Framing,
        limits: Limits,
        client: Option<&str>,
        tls: Option<tls::Server>,
        handler: Arc<dyn Handler>,
    ) -> Self {
        let client = client.map(|name| Arc::new(ClientIdentity::new(name, IdentifiedBy::Lane)));
        Self { handler, meter: Arc::new(Meter::new(name)), framing, limits, tls, client }
    }

    /// Serves until `shutdown` ends; then no frame is taken any more, and those in flight have `drain_limit` to be
    /// answered.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>, drain_limit: Duration) {
        listener::run(listener, Arc::new(self), shutdown, drain_limit).await;
    }

    async fn serve_tls(
        &self,
        tls: &tls::Server,
        stream: TcpStream,
        peer: SocketAddr,
        drain: CancellationToken,
    ) {
        match tls.accept(stream).await {
            Ok((stream, name)) => {
                let named = name.map(|name| Arc::new(ClientIdentity::new(name, IdentifiedBy::Certificate)));
                self.converse(stream, named.or_else(|| self.client.clone()), peer, drain).await;
            }
            Err(error) => {
                self.meter.fault(&tls::HANDSHAKE);
                tracing::warn!(lane = self.meter.lane(), %peer, %error, "A TLS handshake failed.");
            }
        }
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        client: Option<Arc<ClientIdentity>>,
        peer: SocketAddr,
        drain: CancellationToken,
    ) {
        let Some(client) = client else { return self.deny(stream, FaultCode::DENIED).await };
        let link = Link::new(Arc::clone(&self.handler), Arc::clone(&self.meter), client, peer);
        let connection = Connection::new(stream, link, self.framing, &self.limits, drain);
        if let Some(stream) = connection.run().await {
            listener::part(stream).await;
        }
    }

    /// Sends one refusal and closes.
    async fn deny(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin, code: FaultCode) {
        self.meter.fault(&code);
        let Some(reply) = guard::refuse(&*self.handler, Fault::new(code), None) else { return };
        let mut framed = BytesMut::new();
        let framing = Deframer::new(self.framing, self.limits.frame_bytes_max);
        if framing.frame(&reply.body, &mut framed).is_err() {
            return;
        }
        let limit = Duration::from_millis(self.limits.write_timeout_ms);
        if let Ok(Ok(())) = timeout(limit, stream.write_all(&framed)).await {
            listener::part(stream).await;
        }
    }
}

impl Serve for TcpLane {
    fn meter(&self) -> &Meter {
        &self.meter
    }

    fn connections_max(&self) -> usize {
        self.limits.connections_max
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, drain: CancellationToken) {
        match &self.tls {
            Some(tls) => self.serve_tls(tls, stream, peer, drain).await,
            None => self.converse(stream, self.client.clone(), peer, drain).await,
        }
    }

    async fn turn_away(self: Arc<Self>, stream: TcpStream) {
        if self.tls.is_none() {
            self.deny(stream, FaultCode::BUSY).await;
        }
    }
}
