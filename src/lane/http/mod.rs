//! Questions over HTTP/1.1.

mod body;
mod per_client;
mod problem;
mod session;
#[cfg(test)]
mod tests;
mod wire;

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::per_client::PerClient;
use self::problem::Problem;
use self::session::Session;
use self::wire::WireStream;
use super::auth::Lockout;
use super::link::next_link;
use super::listener::{self, Serve};
use super::meter::Meter;
use super::{ClientIdentity, Handler, IdentifiedBy, Tokens};
use crate::config::file::Limits;
use crate::tls;

/// Where questions are posted.
const SCREENINGS: &str = "/v1/screenings";

/// Where documents are reported.
const DOCUMENTS: &str = "/v1/documents";

/// Where the records of documents are withdrawn.
const WITHDRAWALS: &str = "/v1/documents/withdraw";

/// Where records in full are asked for.
const DETAILS: &str = "/v1/details";

/// Where files of records are asked for.
const FILES: &str = "/v1/files";

/// Where the description of the interface is.
const OPENAPI: &str = "/v1/openapi.json";

/// How large a request's head may be, in bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// How many headers a request may have.
const HEADERS_MAX: usize = 64;

/// A lane of questions over HTTP/1.1, or over TLS below it.
///
/// `POST /v1/screenings` hands the body to the handler and answers with its first reply; `GET /v1/openapi.json`
/// describes the interface, to anybody. Everything else is a problem (RFC 9457). A client is named by its
/// certificate, or else by its bearer token, or else by the lane.
pub struct HttpLane {
    handler: Arc<dyn Handler>,
    meter: Meter,
    limits: Limits,
    client: Option<Arc<ClientIdentity>>,
    tls: Option<tls::Server>,
    tokens: Option<Tokens>,
    lockout: Lockout,
    openapi: Option<Bytes>,
    /// Where questions are posted.
    path: &'static str,
    /// Connections of one client at once, and how many there are.
    per_client_max: usize,
    per_client: Arc<PerClient>,
    documents: Option<Documents>,
    fetches: Option<Fetches>,
    /// What is being handled, also for clients that have hung up.
    handling: TaskTracker,
}

/// Who answers reports and withdrawals of documents.
pub struct Documents {
    /// Reports.
    pub report: Arc<dyn Handler>,
    /// Withdrawals.
    pub withdraw: Arc<dyn Handler>,
}

/// Who answers what the second line asks about a record.
pub struct Fetches {
    /// The record in full.
    pub details: Arc<dyn Handler>,
    /// Its files, which are answered as attachments.
    pub files: Arc<dyn Handler>,
}

impl HttpLane {
    /// A lane of this name. `client` names whoever shows neither certificate nor token.
    pub fn new(
        name: &str,
        limits: Limits,
        client: Option<&str>,
        tls: Option<tls::Server>,
        handler: Arc<dyn Handler>,
    ) -> Self {
        Self {
            handler,
            meter: Meter::new(name),
            limits,
            client: client.map(|name| Arc::new(ClientIdentity::new(name, IdentifiedBy::Lane))),
            tls,
            tokens: None,
            lockout: Lockout::default(),
            openapi: None,
            path: SCREENINGS,
            per_client_max: usize::MAX,
            per_client: Arc::default(),
            documents: None,
            fetches: None,
            handling: TaskTracker::new(),
        }
    }

    /// With tokens that name clients.
    #[must_use]
    pub fn with_tokens(mut self, tokens: Tokens) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// With a description of the interface to serve.
    #[must_use]
    pub fn with_openapi(mut self, openapi: impl Into<Bytes>) -> Self {
        self.openapi = Some(openapi.into());
        self
    }

    /// With questions posted at this path.
    #[must_use]
    pub const fn at(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    /// With so many connections at once of a client that its certificate names.
    #[must_use]
    pub const fn with_connections_per_client(mut self, max: usize) -> Self {
        self.per_client_max = max;
        self
    }

    /// With the country's own documents: `POST /v1/documents` and `POST /v1/documents/withdraw`.
    #[must_use]
    pub fn with_documents(mut self, documents: Documents) -> Self {
        self.documents = Some(documents);
        self
    }

    /// With records in full and their files: `POST /v1/details` and `POST /v1/files`.
    #[must_use]
    pub fn with_fetches(mut self, fetches: Fetches) -> Self {
        self.fetches = Some(fetches);
        self
    }

    /// Serves until `shutdown` ends; then no request is taken any more, and those in flight have `drain_limit` to be
    /// answered.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>, drain_limit: Duration) {
        let lane = Arc::new(self);
        let mut limit = None;
        let shutdown = async {
            shutdown.await;
            limit = Some(Instant::now() + drain_limit);
        };
        listener::run(listener, Arc::clone(&lane), shutdown, drain_limit).await;
        lane.handling.close();
        let limit = limit.unwrap_or_else(Instant::now);
        if timeout_at(limit, lane.handling.wait()).await.is_err() {
            tracing::warn!(
                lane = lane.meter.lane(),
                cut = lane.handling.len(),
                "Requests outlived the drain limit."
            );
        }
    }

    async fn converse<S>(
        self: Arc<Self>,
        stream: S,
        certified: Option<Arc<ClientIdentity>>,
        peer: SocketAddr,
        drain: CancellationToken,
    ) where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let link = next_link();
        let (stream, wire) = WireStream::new(stream, &self.limits);
        let number = AtomicU64::new(0);
        let session = Arc::new(Session { lane: Arc::clone(&self), certified, peer, wire, link, number });
        let service = service_fn(move |request| Box::pin(Arc::clone(&session).respond(request)));
        let mut connection = self.protocol().serve_connection(TokioIo::new(stream), service);
        let mut draining = std::pin::pin!(drain.cancelled());
        let mut drained = false;
        let ended = poll_fn(|cx| {
            if !drained && draining.as_mut().poll(cx).is_ready() {
                drained = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            connection.poll_without_shutdown(cx)
        });
        if let Err(error) = ended.await {
            tracing::debug!(lane = self.meter.lane(), %peer, %error, "A connection ended early.");
        }
        listener::part(connection.into_parts().io.into_inner().into_inner()).await;
        let handler = Arc::clone(&self.handler);
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| handler.closed(link)));
    }

    /// HTTP/1.1 with this lane's limits. The finer time limits are [`WireStream`]'s; hyper's stands behind them.
    fn protocol(&self) -> http1::Builder {
        let limits = &self.limits;
        let mut protocol = http1::Builder::new();
        protocol
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(limits.idle_timeout_ms + limits.frame_timeout_ms))
            .max_header_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .half_close(true);
        protocol
    }
}

impl Serve for HttpLane {
    fn meter(&self) -> &Meter {
        &self.meter
    }

    fn connections_max(&self) -> usize {
        self.limits.connections_max
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, drain: CancellationToken) {
        let Some(tls) = &self.tls else { return self.converse(stream, None, peer, drain).await };
        match tls.accept(stream).await {
            Ok((stream, name)) => {
                let counted = name.as_ref().map(|name| self.per_client.enter(name, self.per_client_max));
                if let Some(None) = counted {
                    self.meter.connection_refused();
                    return;
                }
                let certified =
                    name.map(|name| Arc::new(ClientIdentity::new(name, IdentifiedBy::Certificate)));
                Arc::clone(&self).converse(stream, certified, peer, drain).await;
            }
            Err(error) => {
                self.meter.fault(&tls::HANDSHAKE);
                tracing::warn!(lane = self.meter.lane(), %peer, %error, "A TLS handshake failed.");
            }
        }
    }

    async fn turn_away(self: Arc<Self>, mut stream: TcpStream) {
        self.meter.fault(&Problem::BUSY.code());
        if self.tls.is_some() {
            return;
        }
        let limit = Duration::from_millis(self.limits.write_timeout_ms);
        if let Ok(Ok(())) = timeout(limit, stream.write_all(&Problem::BUSY.bytes())).await {
            listener::part(stream).await;
        }
    }
}
