//! One connection: the name's addresses in turn, TLS, HTTP/1.1.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::CertificateError;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::resolve::{Remembering, Resolve};
use crate::tls::WatchedClient;

/// The gateway.
#[derive(Clone, Debug)]
pub(in crate::find) struct Target {
    /// Its name or address.
    pub(in crate::find) host: String,
    /// Its port.
    pub(in crate::find) port: u16,
    /// The name that its certificate must bear; none: the connection is not encrypted.
    pub(in crate::find) name: Option<ServerName<'static>>,
}

/// Why there is no connection. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::find) enum ConnectError {
    /// No address answers, or the handshake fails.
    Failed,
    /// The lane's time ended first.
    Deadline,
    /// The server's certificate was refused; the code says why.
    Certificate(&'static str),
}

/// Makes connections to one gateway.
pub(super) struct Connector {
    target: Target,
    tls: Option<WatchedClient>,
    resolver: Remembering,
    timeout: Duration,
}

type Sender = SendRequest<Full<Bytes>>;

impl Connector {
    pub(super) fn new(
        target: Target,
        tls: Option<WatchedClient>,
        resolver: Box<dyn Resolve>,
        timeout: Duration,
    ) -> Self {
        Self { target, tls, resolver: Remembering::new(resolver), timeout }
    }

    pub(super) const fn tls(&self) -> Option<&WatchedClient> {
        self.tls.as_ref()
    }

    /// A connection that stands by the deadline, and within the time that one may take.
    pub(super) async fn connect(&self, deadline: Instant) -> Result<Sender, ConnectError> {
        let begin = Instant::now();
        let limit = deadline.min(begin + self.timeout);
        match timeout_at(limit, self.connected(begin, limit)).await {
            Ok(Err(ConnectError::Failed)) | Err(_) if Instant::now() >= deadline => {
                Err(ConnectError::Deadline)
            }
            Ok(connected) => connected,
            Err(_) => Err(ConnectError::Failed),
        }
    }

    async fn connected(&self, begin: Instant, limit: Instant) -> Result<Sender, ConnectError> {
        let half = begin + limit.saturating_duration_since(begin) / 2;
        let addresses = self.resolver.addresses(&self.target.host, self.target.port, half).await;
        let stream = first(&addresses, limit).await.ok_or(ConnectError::Failed)?;
        // A question is one small write; it must not wait for the answer to one before it.
        let _ = stream.set_nodelay(true);
        match (&self.tls, &self.target.name) {
            (Some(tls), Some(name)) => {
                let connecting = TlsConnector::from(tls.config()).connect(name.clone(), stream);
                spoken(connecting.await.map_err(|error| refused(&error))?).await
            }
            _ => spoken(stream).await,
        }
    }
}

/// A stream to the first address that answers; each has its share of the time.
async fn first(addresses: &[SocketAddr], limit: Instant) -> Option<TcpStream> {
    for (tried, address) in addresses.iter().enumerate() {
        let now = Instant::now();
        let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let until = now + limit.saturating_duration_since(now) / left;
        if let Ok(Ok(stream)) = timeout_at(until, TcpStream::connect(address)).await {
            return Some(stream);
        }
    }
    None
}

async fn spoken<S>(stream: S) -> Result<Sender, ConnectError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|_| ConnectError::Failed)?;
    // It ends when the sender is dropped or the other side closes; what it says then stands in the answer.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

/// Whether a handshake failed because of the server's certificate, and why.
fn refused(error: &io::Error) -> ConnectError {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(cause)) => ConnectError::Certificate(code(cause)),
        Some(rustls::Error::InvalidCertRevocationList(_)) => ConnectError::Certificate("revocation_list"),
        _ => ConnectError::Failed,
    }
}

const fn code(cause: &CertificateError) -> &'static str {
    match cause {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "not_yet_valid",
        CertificateError::Revoked => "revoked",
        CertificateError::UnknownRevocationStatus => "revocation_unknown",
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            "revocation_list_expired"
        }
        CertificateError::UnknownIssuer => "unknown_issuer",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "other_name",
        CertificateError::ApplicationVerificationFailure => "training",
        _ => "other",
    }
}
