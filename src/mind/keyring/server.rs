//! A key server: the site's key over HTTPS, where both sides show certificates of the private authority.

use std::io;
use std::sync::Arc;

use postern_sdk::Environment;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::error::KeySourceError;
use super::site::SiteKey;
use crate::config::settings::KeyServer;
use crate::http_client::{self, Ask};
use crate::keys::FILE_BYTES_MAX;
use crate::tls;

/// The status of an answer that holds a key.
const OK: u16 = 200;

/// Asks the server once.
pub(super) async fn fetch(server: &KeyServer, environment: Environment) -> Result<SiteKey, KeySourceError> {
    let config = tls::client_config(&server.tls, environment)?;
    let asked = timeout(server.request_timeout, ask(server, TlsConnector::from(Arc::new(config))));
    let late = |_| KeySourceError::Server(io::ErrorKind::TimedOut.into());
    let (status, body) = asked.await.map_err(late)?.map_err(KeySourceError::Server)?;
    if status != OK {
        return Err(KeySourceError::Refused(status));
    }
    // What the connection read before is out of reach; this copy of it is not.
    let body = Zeroizing::new(Vec::from(body));
    let line = std::str::from_utf8(&body).map_err(|_| KeySourceError::Answer)?;
    SiteKey::parse(line).ok_or(KeySourceError::Answer)
}

async fn ask(server: &KeyServer, connector: TlsConnector) -> io::Result<(u16, bytes::Bytes)> {
    let name = ServerName::try_from(server.host.clone()).map_err(io::Error::other)?;
    let stream = TcpStream::connect((server.host.as_str(), server.port)).await?;
    let stream = connector.connect(name, stream).await?;
    let host = format!("{}:{}", server.host, server.port);
    let ask = Ask { body_bytes_max: FILE_BYTES_MAX, ..Ask::get(&server.path) };
    http_client::ask_over(stream, &host, ask).await
}
