//! Posting an envelope and taking the answer, with limits on time and size.
//!
//! Connections are kept and used again; there is no redirect, no proxy and no authority but the configured one. A request
//! is posted once: whether it is asked again is for the recheck to say, which gives it a reference of its own.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use postern_sdk::Reason;

use super::profile::{Profile, Service, Step};
use super::settings::{Settings, SetupError};

/// How long an idle connection is kept: below the two minutes after which servers of this kind close theirs.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// An answer of a service, whole.
pub(super) struct Response {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// What is posted where.
pub(super) struct Address {
    uri: Uri,
    search: HeaderValue,
    details: HeaderValue,
}

/// Posts envelopes.
pub(super) struct Poster {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    content_type: HeaderValue,
    action_header: HeaderName,
    reply_bytes_max: usize,
}

impl Poster {
    pub(super) fn new(settings: &Settings, profile: &Profile) -> Result<Self, SetupError> {
        let encrypted = encrypted(settings)?;
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_millis(settings.options.connect_timeout_ms)));
        let builder = HttpsConnectorBuilder::new().with_tls_config(settings.client_config()?);
        let builder = if encrypted { builder.https_only() } else { builder.https_or_http() };
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(settings.options.concurrency_max)
            .build(builder.enable_http1().wrap_connector(connector));
        Ok(Self {
            client,
            content_type: header("http.content_type", &profile.http.content_type)?,
            action_header: HeaderName::from_bytes(profile.http.action_header.as_bytes())
                .map_err(|_| unusable("http.action_header"))?,
            reply_bytes_max: profile.limits.reply_bytes,
        })
    }

    /// Posts an envelope.
    ///
    /// # Errors
    /// [`Reason::Transport`] if the connection can't be made or breaks, [`Reason::MalformedAnswer`] if the answer is
    /// larger than the profile allows.
    pub(super) async fn post(
        &self,
        address: &Address,
        step: Step,
        envelope: String,
    ) -> Result<Response, Reason> {
        let mut request = Request::new(Full::new(Bytes::from(envelope)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = address.uri.clone();
        let action = match step {
            Step::Search => &address.search,
            Step::Details => &address.details,
        };
        request.headers_mut().insert(CONTENT_TYPE, self.content_type.clone());
        request.headers_mut().insert(self.action_header.clone(), action.clone());
        let response = self.client.request(request).await.map_err(|error| {
            tracing::debug!(connect = error.is_connect(), "A request to INTERPOL failed.");
            Reason::Transport
        })?;
        let status = response.status();
        match Limited::new(response.into_body(), self.reply_bytes_max).collect().await {
            Ok(body) => Ok(Response { status, body: body.to_bytes() }),
            Err(error) if error.is::<LengthLimitError>() => Err(Reason::MalformedAnswer),
            Err(_) => Err(Reason::Transport),
        }
    }
}

impl Address {
    pub(super) fn new(settings: &Settings, service: &Service) -> Result<Self, SetupError> {
        let base = settings.options.base_url.trim_end_matches('/');
        let uri = format!("{base}{}", service.path).parse().map_err(|_| no_url())?;
        Ok(Self {
            uri,
            search: header("service.namespace", &service.action(Step::Search))?,
            details: header("service.namespace", &service.action(Step::Details))?,
        })
    }
}

/// Whether the services are reached by TLS.
fn encrypted(settings: &Settings) -> Result<bool, SetupError> {
    let base: Uri = settings.options.base_url.parse().map_err(|_| no_url())?;
    let host = base.host().is_some_and(|host| !host.is_empty());
    match base.scheme_str() {
        Some("http") if host => Ok(false),
        Some("https") if host && settings.options.tls.is_some() => Ok(true),
        Some("https") if host => {
            let what = "left out, and base_url begins with https";
            Err(SetupError::new("find.tls", what, "name the private authority in find.tls.ca_file"))
        }
        _ => Err(no_url()),
    }
}

fn no_url() -> SetupError {
    SetupError::new("find.base_url", "not a base URL", "write http://host:port or https://host:port")
}

fn unusable(key: &'static str) -> SetupError {
    SetupError::new(key, "not usable as an HTTP header", "correct the profile")
}

fn header(key: &'static str, text: &str) -> Result<HeaderValue, SetupError> {
    HeaderValue::from_str(text).map_err(|_| unusable(key))
}
