//! One HTTP connection's requests: who asks, what is asked, and the response.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use postern_sdk::{Fault, FaultCode, Reply};
use tokio::time::{Instant, timeout};

use super::HttpLane;
use super::body::{Due, ReplyBody};
use super::problem::Problem;
use super::wire::Wire;
use crate::lane::guard::{self, Guarded, Panicked};
use crate::lane::{ClientIdentity, Frame, Handled, Handler};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How many characters a sender's id has at most.
const SENDER_ID_CHARS_MAX: usize = 128;

/// One connection.
pub(super) struct Session {
    pub(super) lane: Arc<HttpLane>,
    /// The client, if its certificate names it.
    pub(super) certified: Option<Arc<ClientIdentity>>,
    pub(super) peer: SocketAddr,
    pub(super) wire: Arc<Wire>,
    pub(super) link: u64,
    pub(super) number: AtomicU64,
}

/// A frame's reply on its way to the session that waits for it, or that has gone.
struct Answered {
    reply: Option<Reply>,
    due: Due,
    close: bool,
}

impl Session {
    /// Answers one request.
    pub(super) async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<ReplyBody>, Infallible> {
        self.wire.busy();
        let response = match self.route(request).await {
            Ok(response) => response,
            Err((problem, retry_after)) => {
                self.lane.meter.fault(&problem.code());
                let mut response = problem.response();
                if let Some(after) = retry_after {
                    response.headers_mut().insert(RETRY_AFTER, after.as_secs().max(1).into());
                }
                response
            }
        };
        self.wire.replying();
        Ok(response)
    }

    async fn route(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<ReplyBody>, (Problem, Option<Duration>)> {
        if let Some(handler) = self.beside(request.uri().path()) {
            if request.method() != Method::POST {
                return Err(Problem::ONLY_POST.into());
            }
            let is_file = request.uri().path() == super::FILES;
            let response = self.post(request, handler).await?;
            return Ok(if is_file { attached(response) } else { response });
        }
        match (request.uri().path(), &self.lane.openapi) {
            (path, _) if path == self.lane.path && request.method() == Method::POST => {
                self.post(request, &self.lane.handler).await
            }
            (path, _) if path == self.lane.path => Err(Problem::ONLY_POST.into()),
            (super::OPENAPI, Some(openapi)) if [Method::GET, Method::HEAD].contains(request.method()) => {
                Ok(json(openapi.clone()))
            }
            (super::OPENAPI, Some(_)) => Err(Problem::ONLY_GET.into()),
            _ => Err(Problem::NOT_FOUND.into()),
        }
    }

    /// Who answers what is posted beside screenings.
    fn beside(&self, path: &str) -> Option<&Arc<dyn Handler>> {
        let (documents, fetches) = (self.lane.documents.as_ref(), self.lane.fetches.as_ref());
        match path {
            super::DOCUMENTS => documents.map(|documents| &documents.report),
            super::WITHDRAWALS => documents.map(|documents| &documents.withdraw),
            super::DETAILS => fetches.map(|fetches| &fetches.details),
            super::FILES => fetches.map(|fetches| &fetches.files),
            _ => None,
        }
    }

    async fn post(
        &self,
        request: Request<Incoming>,
        handler: &Arc<dyn Handler>,
    ) -> Result<Response<ReplyBody>, (Problem, Option<Duration>)> {
        let client = self.identify(request.headers())?;
        if !is_json(request.headers()) {
            return Err(Problem::MEDIA_TYPE.into());
        }
        let sender_id = sender_id(request.headers())?;
        let bytes = self.read(request.into_body()).await?;
        let number = 1 + self.number.fetch_add(1, Ordering::Relaxed);
        let (peer, received, link) = (self.peer, Instant::now(), self.link);
        let frame = Frame { bytes, client: Arc::clone(&client), peer, received, sender_id, link, number };
        self.lane.meter.frame();
        match self.hand_over(frame, handler).await {
            Ok(answered) => Ok(self.response(answered)),
            Err(Panicked) => self.refusal(&client),
        }
    }

    /// The client: by certificate, by token, or as the lane names it.
    fn identify(&self, headers: &HeaderMap) -> Result<Arc<ClientIdentity>, (Problem, Option<Duration>)> {
        if let Some(client) = &self.certified {
            return Ok(Arc::clone(client));
        }
        if let (Some(tokens), Some(authorization)) = (&self.lane.tokens, headers.get(AUTHORIZATION)) {
            let (address, now) = (self.peer.ip(), Instant::now());
            if let Some(left) = self.lane.lockout.locked(address, now) {
                return Err((Problem::LOCKED, Some(left)));
            }
            return bearer(authorization).and_then(|token| tokens.client(token)).ok_or_else(|| {
                self.lane.lockout.failed(address, now);
                tracing::warn!(lane = self.lane.meter.lane(), peer = %self.peer, "A bearer token was wrong.");
                Problem::UNAUTHENTICATED.into()
            });
        }
        self.lane.client.clone().ok_or(Problem::UNAUTHENTICATED.into())
    }

    async fn read(&self, body: Incoming) -> Result<Bytes, Problem> {
        let limits = &self.lane.limits;
        if body.size_hint().lower() > limits.frame_bytes_max as u64 {
            return Err(Problem::TOO_LARGE);
        }
        let whole = Limited::new(body, limits.frame_bytes_max).collect();
        match timeout(Duration::from_millis(limits.frame_timeout_ms), whole).await {
            Ok(Ok(whole)) => Ok(whole.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::TOO_LARGE),
            Ok(Err(_)) => Err(Problem::BODY),
            Err(_) => Err(Problem::TIMEOUT),
        }
    }

    /// Hands a frame over. Its handling is a task of its own, because the request is dropped when its client hangs
    /// up and the handling must not be.
    async fn hand_over(&self, frame: Frame, handler: &Arc<dyn Handler>) -> Result<Answered, Panicked> {
        let handler = Arc::clone(handler);
        let guarded = Guarded::handle(&*handler, frame);
        let handling = self.lane.handling.spawn(async move {
            let Handled { replies, receipt, close } = guarded.await?;
            Ok(Answered { reply: replies.into_iter().next(), due: Due::new(handler, receipt), close })
        });
        handling.await.unwrap_or(Err(Panicked))
    }

    fn response(&self, answered: Answered) -> Response<ReplyBody> {
        let Answered { reply, due, close } = answered;
        let wire = Arc::clone(&self.wire);
        let mut response = match reply {
            Some(reply) => dressed(reply, |body| ReplyBody::due(body, due, wire)),
            None => {
                let mut response = Response::new(ReplyBody::due(Bytes::new(), due, wire));
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
        };
        if close {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn refusal(&self, client: &ClientIdentity) -> Result<Response<ReplyBody>, (Problem, Option<Duration>)> {
        let fault = Fault::new(FaultCode::INTERNAL);
        let reply = guard::refuse(&*self.lane.handler, fault, Some(&client.name)).ok_or(Problem::INTERNAL)?;
        self.lane.meter.fault(&FaultCode::INTERNAL);
        Ok(dressed(reply, ReplyBody::new))
    }
}

impl From<Problem> for (Problem, Option<Duration>) {
    fn from(problem: Problem) -> Self {
        (problem, None)
    }
}

/// A reply with its status and media type. What comes out of here is about persons, so nothing may store it.
fn dressed(reply: Reply, body: impl FnOnce(Vec<u8>) -> ReplyBody) -> Response<ReplyBody> {
    let Reply { body: bytes, content_type, http_status } = reply;
    let mut response = Response::new(body(bytes));
    *response.status_mut() = StatusCode::from_u16(http_status)
        .ok()
        .filter(|status| !status.is_informational())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = HeaderValue::from_str(&content_type);
    let headers = response.headers_mut();
    headers
        .insert(CONTENT_TYPE, content_type.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A file as it is given: to be kept or opened by whom it is meant for, and to be nothing but what it says.
fn attached(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    let headers = response.headers_mut();
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn json(bytes: Bytes) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::new(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// The token of an `Authorization` of the scheme `Bearer` (RFC 6750).
fn bearer(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The sender's id, taken literally.
fn sender_id(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let fits = (1..=SENDER_ID_CHARS_MAX).contains(&value.len())
        && value.as_bytes().iter().all(u8::is_ascii_graphic)
        && values.next().is_none();
    match value.to_str() {
        Ok(id) if fits => Ok(Some(id.to_owned())),
        _ => Err(Problem::IDEMPOTENCY_KEY),
    }
}
