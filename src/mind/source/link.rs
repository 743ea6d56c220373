//! A connection with the hub. Every wait has a limit; nothing larger than was expected is ever taken.

use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io::{self, ErrorKind, Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_RANGE, HOST, RANGE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use postern_sdk::Environment;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::error::PullError;
use crate::config::settings::MindSource;
use crate::mind::trust::Refusal;
use crate::tls;

/// The port of a URL that names none.
const HTTPS_PORT: u16 = 443;
/// Most bytes of an answer that says why there is none.
const PROBLEM_BYTES_MAX: u64 = 4 << 10;
/// A download must bring so many bytes a second at least, reckoned from its second minute on: an endless trickle is cut.
const BYTES_PER_SECOND_MIN: u64 = 256;
const TRICKLE_AFTER: Duration = Duration::from_secs(60);

/// Host and port of a hub's URL, if it is one.
pub fn address(url: &str) -> Option<(String, u16)> {
    let url: hyper::Uri = url.parse().ok()?;
    let named = url.authority().filter(|named| !named.as_str().contains('@') && !named.host().is_empty())?;
    let plain = url.scheme_str() == Some("https") && url.query().is_none() && matches!(url.path(), "" | "/");
    let host = named.host().trim_matches(['[', ']']).to_owned();
    plain.then(|| (host, named.port_u16().unwrap_or(HTTPS_PORT)))
}

/// A connection with the hub.
pub struct Link {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    limit: Duration,
    driven: JoinHandle<()>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link({})", self.host)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driven.abort();
    }
}

impl Link {
    /// Connects with the hub that the settings name.
    ///
    /// # Errors
    /// [`PullError::Tls`] or [`PullError::Link`].
    pub async fn connect(settings: &MindSource, environment: Environment) -> Result<Self, PullError> {
        let config = tls::client_config(&settings.tls, environment).map_err(PullError::Tls)?;
        let limit = Duration::from_millis(settings.request_timeout_ms);
        let (host, port) = address(&settings.url).ok_or(PullError::Answer)?;
        let name =
            ServerName::try_from(host.clone()).map_err(|error| PullError::Link(io::Error::other(error)))?;
        let stream = within(limit, TcpStream::connect((host.as_str(), port))).await?;
        stream.set_nodelay(true).map_err(PullError::Link)?;
        let stream = within(limit, TlsConnector::from(Arc::new(config)).connect(name, stream)).await?;
        let shaken = async { handshake(TokioIo::new(stream)).await.map_err(io::Error::other) };
        let (sender, connection) = within(limit, shaken).await?;
        let driven = tokio::spawn(async move {
            // What goes wrong shows in the request that waits.
            let _ = connection.await;
        });
        Ok(Self { sender, host: format!("{host}:{port}"), limit, driven })
    }

    /// Sends a request; the answer's head, of any status.
    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, PullError> {
        let sent = async {
            self.sender.ready().await.map_err(io::Error::other)?;
            self.sender.send_request(request).await.map_err(io::Error::other)
        };
        within(self.limit, sent).await
    }

    async fn get(&mut self, path: &str, from: u64) -> Result<Response<Incoming>, PullError> {
        let mut request = Request::builder().method(Method::GET).uri(path).header(HOST, &self.host);
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let request =
            request.body(Full::default()).map_err(|error| PullError::Link(io::Error::other(error)))?;
        let response = self.send(request).await?;
        self.answered(response).await
    }

    /// The answer, or why there is none.
    async fn answered(&self, response: Response<Incoming>) -> Result<Response<Incoming>, PullError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = self.whole(response.into_body(), PROBLEM_BYTES_MAX).await?;
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let code: String = problem["code"].as_str().unwrap_or("none").chars().take(64).collect();
        Err(match (status, &*code) {
            (StatusCode::FORBIDDEN, "revoked") => PullError::Revoked,
            (StatusCode::FORBIDDEN, _) => PullError::NotEnrolled(code),
            _ => PullError::Hub(status.as_u16(), code),
        })
    }

    async fn whole(&self, mut body: Incoming, limit: u64) -> Result<Vec<u8>, PullError> {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece(&mut body).await? {
            if whole.len() as u64 + piece.len() as u64 > limit {
                return Err(Refusal::EndlessData { limit }.into());
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    async fn piece(&self, body: &mut Incoming) -> Result<Option<Bytes>, PullError> {
        let frame = async { body.frame().await.transpose().map_err(io::Error::other) };
        let frame = within(self.limit, frame).await?;
        Ok(frame.map(|frame| frame.into_data().unwrap_or_default()))
    }

    /// Fetches something small, of at most `limit` bytes.
    ///
    /// # Errors
    /// [`PullError`] of the link or the hub's answer; [`Refusal::EndlessData`].
    pub async fn small(&mut self, path: &str, limit: u64) -> Result<Vec<u8>, PullError> {
        let response = self.get(path, 0).await?;
        self.whole(response.into_body(), limit).await
    }

    /// Sends a few bytes, and gives the small answer.
    ///
    /// # Errors
    /// As [`small`](Self::small).
    pub async fn post(&mut self, path: &str, body: String) -> Result<Vec<u8>, PullError> {
        let request = Request::builder().method(Method::POST).uri(path).header(HOST, &self.host);
        let request =
            request.body(Full::from(body)).map_err(|error| PullError::Link(io::Error::other(error)))?;
        let response = self.send(request).await?;
        let response = self.answered(response).await?;
        self.whole(response.into_body(), PROBLEM_BYTES_MAX).await
    }

    /// Fetches a file of which the size is known, and goes on where an earlier try was cut. `got` is told of each piece
    /// that was stored.
    ///
    /// # Errors
    /// As [`small`](Self::small); [`Refusal::Truncated`] if the hub's file is shorter.
    pub async fn download(
        &mut self,
        path: &str,
        to: &Path,
        bytes: u64,
        got: impl Fn(u64),
    ) -> Result<(), PullError> {
        let io = |error| PullError::Refused(Refusal::Missing(error));
        let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(to).map_err(io)?;
        let mut at = file.metadata().map_err(io)?.len();
        if at > bytes {
            (at, _) = (0, file.set_len(0).map_err(io)?);
        }
        if at == bytes {
            return Ok(());
        }
        let response = self.get(path, at).await?;
        at = begins(&response, at, bytes)?;
        begin_at(&mut file, at).map_err(io)?;
        let (mut body, begun, first) = (response.into_body(), Instant::now(), at);
        while let Some(piece) = self.piece(&mut body).await? {
            if piece.len() as u64 > bytes - at {
                file.set_len(0).map_err(io)?;
                return Err(Refusal::EndlessData { limit: bytes }.into());
            }
            file.write_all(&piece).map_err(io)?;
            at += piece.len() as u64;
            got(piece.len() as u64);
            let elapsed = begun.elapsed();
            if elapsed >= TRICKLE_AFTER && at - first < elapsed.as_secs() * BYTES_PER_SECOND_MIN {
                return Err(PullError::Link(ErrorKind::TimedOut.into()));
            }
        }
        if at < bytes { Err(PullError::Link(ErrorKind::UnexpectedEof.into())) } else { Ok(()) }
    }
}

fn begin_at(file: &mut File, at: u64) -> io::Result<()> {
    file.set_len(at)?;
    file.seek(io::SeekFrom::Start(at)).map(drop)
}

/// Where an answer begins: where it was asked to, if it is a part of a file of the expected size; else at 0.
fn begins(response: &Response<Incoming>, asked: u64, bytes: u64) -> Result<u64, PullError> {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return Ok(0);
    }
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let parts = range.and_then(|range| range.strip_prefix("bytes ")?.split_once('/'));
    let begin: Option<u64> = parts.and_then(|(range, _)| range.split_once('-')?.0.parse().ok());
    let total: Option<u64> = parts.and_then(|(_, total)| total.parse().ok());
    match (begin, total) {
        (Some(begin), Some(total)) if begin == asked && total == bytes => Ok(asked),
        (_, Some(total)) if total < bytes => Err(Refusal::Truncated { expected: bytes, found: total }.into()),
        (_, Some(total)) if total > bytes => Err(Refusal::EndlessData { limit: bytes }.into()),
        _ => Err(PullError::Answer),
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> Result<T, PullError> {
    match timeout(limit, work).await {
        Ok(done) => done.map_err(PullError::Link),
        Err(_) => Err(PullError::Link(ErrorKind::TimedOut.into())),
    }
}
