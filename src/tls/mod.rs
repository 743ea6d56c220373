//! TLS as Postern does it, for servers and clients alike.
//!
//! One provider (aws-lc-rs), named where it is used rather than installed for the process. TLS 1.3, and 1.2 with
//! ECDHE and AEAD suites only, which is all that rustls has. Trust comes from the private authority of the config
//! and never from the system's store. Sessions are not resumed: a ticket would carry an identity past its
//! revocation, and a lane's connections are long. Nothing is sent before the handshake is complete (0-RTT can be
//! replayed). Where there are lists of revoked certificates, they cover the whole chain and their expiry is enforced: an
//! old list is no list.
//!
//! The authority of the simulator and of exercises carries the organisational unit `TRAINING`. In production a
//! certificate that such an authority issued is refused: when it is read from a file, and when a peer shows it.

mod error;
mod expiry;
mod files;
mod names;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod training;
mod watch;

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use postern_sdk::{Environment, FaultCode};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::file::{ClientTls, ServerTls};

pub use error::{TlsError, TlsErrorKind};
pub use expiry::{Expiring, Expiry};
pub use names::client_name;
pub use training::{OfTraining, TRAINING_EXTENSION, TRAINING_UNIT, refuse_training};
pub use watch::{Looked, WatchedClient};

/// A TLS handshake that failed.
pub const HANDSHAKE: FaultCode = FaultCode::new("tls_handshake");

/// How long a handshake may take.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);

const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// The one cryptographic provider.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

/// What the application speaks on top of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// Frames; no protocol is negotiated.
    Frames,
    /// HTTP/1.1; a client that offers only others is refused.
    Http,
}

/// The TLS side of a listening socket.
#[derive(Clone)]
pub struct Server {
    acceptor: TlsAcceptor,
    names_clients: bool,
}

impl Server {
    /// Reads the files of a config.
    ///
    /// # Errors
    /// If a file can't be read or used, if the key is readable by others, or if production would use or trust a
    /// certificate of a training authority.
    pub fn from_config(tls: &ServerTls, environment: Environment, speaks: Speaks) -> Result<Self, TlsError> {
        let config = server_config(tls, environment, speaks)?;
        Ok(Self { acceptor: TlsAcceptor::from(config), names_clients: tls.client_ca_file.is_some() })
    }

    /// Makes the handshake, and names the client by its certificate if the lane asks for one.
    ///
    /// # Errors
    /// If the handshake fails or takes longer than [`HANDSHAKE_LIMIT`], or if the certificate names no client.
    pub async fn accept<S>(&self, stream: S) -> io::Result<(TlsStream<S>, Option<String>)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "handshake took too long");
        let stream = timeout(HANDSHAKE_LIMIT, self.acceptor.accept(stream)).await.map_err(late)??;
        if !self.names_clients {
            return Ok((stream, None));
        }
        let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        match leaf.and_then(client_name) {
            Some(name) => Ok((stream, Some(name))),
            None => Err(io::Error::new(io::ErrorKind::PermissionDenied, "certificate names no client")),
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("names_clients", &self.names_clients).finish_non_exhaustive()
    }
}

/// The settings of a listening socket.
///
/// # Errors
/// See [`Server::from_config`].
pub fn server_config(
    tls: &ServerTls,
    environment: Environment,
    speaks: Speaks,
) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = files::certificates(&tls.cert_file, environment)?;
    let key = files::key(&tls.key_file)?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)
        .map_err(|error| TlsError::setup(&tls.cert_file, &error))?;
    let builder = match &tls.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(ca_file) => {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots(ca_file, environment)?, provider())
                    .build()
                    .map_err(|error| TlsError::setup(ca_file, &error))?;
            builder.with_client_cert_verifier(training::verify_clients(verifier, environment))
        }
    };
    let mut config =
        builder.with_single_cert(chain, key).map_err(|error| TlsError::setup(&tls.cert_file, &error))?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    if speaks == Speaks::Http {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
    }
    Ok(Arc::new(config))
}

/// The settings of a client: it trusts the config's authority alone and shows its own certificate if it has one. With
/// lists of revoked certificates, a server is refused whose revocation can't be told from a list that has not expired.
///
/// # Errors
/// See [`Server::from_config`]; also if only one of certificate and key is given.
pub fn client_config(tls: &ClientTls, environment: Environment) -> Result<ClientConfig, TlsError> {
    let identity = match (&tls.cert_file, &tls.key_file) {
        (None, None) => None,
        (Some(cert_file), Some(key_file)) => Some((cert_file, key_file)),
        (Some(file), None) | (None, Some(file)) => return Err(TlsError::half(file)),
    };
    let lists = tls.crl_files.iter().map(|file| files::revocation_lists(file));
    let lists: Vec<_> = lists.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    let verifier = WebPkiServerVerifier::builder_with_provider(roots(&tls.ca_file, environment)?, provider())
        .with_crls(lists)
        .enforce_revocation_expiration()
        .build()
        .map_err(|error| TlsError::setup(&tls.ca_file, &error))?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)
        .map_err(|error| TlsError::setup(&tls.ca_file, &error))?
        .dangerous()
        .with_custom_certificate_verifier(training::verify_servers(verifier, environment));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((cert_file, key_file)) => builder
            .with_client_auth_cert(files::certificates(cert_file, environment)?, files::key(key_file)?)
            .map_err(|error| TlsError::setup(cert_file, &error))?,
    };
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(config)
}

/// The authorities of a file and no others.
fn roots(ca_file: &std::path::Path, environment: Environment) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in files::certificates(ca_file, environment)? {
        roots.add(authority).map_err(|error| TlsError::setup(ca_file, &error))?;
    }
    Ok(Arc::new(roots))
}
