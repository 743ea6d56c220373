//! What HTTP clients are told when a request is no question: problem details (RFC 9457).

use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use postern_sdk::FaultCode;
use serde::Serialize;

use super::body::ReplyBody;

/// The media type of a problem.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// One kind of problem.
#[derive(Clone, Copy, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// The stable name: the end of the problem's type, and the code that is counted.
    code: &'static str,
    title: &'static str,
    /// A header that goes with it, its name in lower case.
    header: Option<(&'static str, &'static str)>,
    /// Whether the connection can't be used any more, because the request was not read to its end.
    closes: bool,
}

/// A problem as it is sent.
#[derive(Serialize)]
struct Details<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
}

impl Problem {
    const fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { status, code, title, header: None, closes: false }
    }

    const fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    const fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// There is nothing at this path.
    pub(super) const NOT_FOUND: Self =
        Self::new(StatusCode::NOT_FOUND, "not_found", "nothing is at this path");

    /// The path is read, not posted to.
    pub(super) const ONLY_GET: Self = Self::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path does not take this method",
    )
    .with("allow", "GET, HEAD");

    /// The path is posted to, not read.
    pub(super) const ONLY_POST: Self = Self::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path does not take this method",
    )
    .with("allow", "POST")
    .closing();

    /// Nothing names the client.
    pub(super) const UNAUTHENTICATED: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "unauthenticated",
        "the client is not known by certificate or token",
    )
    .with("www-authenticate", "Bearer")
    .closing();

    /// Too many wrong tokens came from the address.
    pub(super) const LOCKED: Self =
        Self::new(StatusCode::TOO_MANY_REQUESTS, "locked", "too many wrong tokens came from this address")
            .closing();

    /// The body is of another type.
    pub(super) const MEDIA_TYPE: Self =
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", "the body is not application/json")
            .closing();

    /// The body is too large.
    pub(super) const TOO_LARGE: Self = Self::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "frame_too_large",
        "the message is larger than the lane allows",
    )
    .closing();

    /// The body did not come in time.
    pub(super) const TIMEOUT: Self =
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body did not arrive in time").closing();

    /// The body ended early or is malformed.
    pub(super) const BODY: Self =
        Self::new(StatusCode::BAD_REQUEST, "framing", "the message does not follow the lane's framing")
            .closing();

    /// The sender's id can't be used.
    pub(super) const IDEMPOTENCY_KEY: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "idempotency_key",
        "Idempotency-Key is not one value of 1 to 128 visible ASCII characters",
    )
    .closing();

    /// There is no room for another connection.
    pub(super) const BUSY: Self =
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many connections or messages at once")
            .with("retry-after", "1")
            .closing();

    /// Something failed inside Postern.
    pub(super) const INTERNAL: Self =
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something failed inside Postern");

    /// The code that is counted.
    pub(super) const fn code(&self) -> FaultCode {
        FaultCode::new(self.code)
    }

    fn body(&self) -> Vec<u8> {
        let kind = format!("urn:postern:problem:{}", self.code);
        let details = Details { kind, title: self.title, status: self.status.as_u16() };
        serde_json::to_vec(&details).expect("a struct of strings and a number is JSON")
    }

    /// The problem as a response.
    pub(super) fn response(&self) -> Response<ReplyBody> {
        let mut response = Response::new(ReplyBody::new(self.body()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some((name, value)) = self.header {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if self.closes {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// The problem as bytes, for a connection that no HTTP machinery was set up for.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let body = self.body();
        let mut head = format!("HTTP/1.1 {}\r\n", self.status);
        let length = body.len().to_string();
        let header = self.header.into_iter();
        let always = [("content-type", PROBLEM_JSON), ("content-length", &length), ("connection", "close")];
        for (name, value) in header.chain(always) {
            head.extend([name, ": ", value, "\r\n"]);
        }
        [head.as_bytes(), b"\r\n", &body].concat()
    }
}
