//! A plain HTTP client for our own tools: one request a connection, with limits on time and size.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a request may take in all.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// How large an answer may be if nothing else is said, in bytes.
const BODY_BYTES_MAX: usize = 16 << 20;

/// A request to one of our servers.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// `GET`, `POST` or `PUT`.
    pub method: Method,
    /// The path.
    pub path: &'a str,
    /// The JSON body; empty for none.
    pub body: Bytes,
    /// The bearer token, if the server wants one.
    pub token: Option<&'a str>,
    /// The sender's id, if the request has one.
    pub idempotency_key: Option<&'a str>,
    /// How large the answer may be, in bytes.
    pub body_bytes_max: usize,
}

impl<'a> Ask<'a> {
    /// Fetches a path.
    pub const fn get(path: &'a str) -> Self {
        Self {
            method: Method::GET,
            path,
            body: Bytes::new(),
            token: None,
            idempotency_key: None,
            body_bytes_max: BODY_BYTES_MAX,
        }
    }

    /// Posts JSON to a path.
    pub fn post(path: &'a str, body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, body: body.into(), ..Self::get(path) }
    }
}

/// Asks over a new TCP connection: the status and the body.
///
/// # Errors
/// If no whole answer comes in time.
pub async fn ask(address: SocketAddr, ask: Ask<'_>) -> io::Result<(u16, Bytes)> {
    let exchange = async { ask_over(TcpStream::connect(address).await?, &address.to_string(), ask).await };
    timeout(TIME_LIMIT, exchange).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// Asks over a stream that is connected already.
///
/// # Errors
/// If no whole answer comes.
pub async fn ask_over<S>(stream: S, host: &str, ask: Ask<'_>) -> io::Result<(u16, Bytes)>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let body_bytes_max = ask.body_bytes_max;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let driven = tokio::spawn(connection);
    let answer = sender.send_request(request(host, ask)?).await.map_err(io::Error::other)?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), body_bytes_max).collect().await.map_err(io::Error::other)?;
    driven.abort();
    Ok((status, body.to_bytes()))
}

fn request(host: &str, ask: Ask<'_>) -> io::Result<Request<Full<Bytes>>> {
    let mut request = Request::builder().method(ask.method).uri(ask.path).header(HOST, host);
    if !ask.body.is_empty() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    if let Some(token) = ask.token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    if let Some(key) = ask.idempotency_key {
        request = request.header("idempotency-key", key);
    }
    request.body(Full::new(ask.body)).map_err(io::Error::other)
}
