//! Posting an envelope and taking the answer, with limits on time and size.
//!
//! There is no redirect, no proxy and no authority but the configured one. A request is posted once: whether it is asked
//! again is for the caller to say, who is told whether any of it was sent.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use jiff::Timestamp;
use postern_sdk::Reason;
use rustls::pki_types::ServerName;
use tokio::time::Instant;

use super::link::{ConnectError, Connection, Link, Resolve, Target};
use super::profile::{Profile, SchemaService, Service, Step};
use super::settings::{Settings, SetupError};
use crate::tls::{Looked, WatchedClient};

/// An answer of a service, whole.
pub(super) struct Response {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// A request that got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unanswered {
    pub(crate) reason: Reason,
    /// Whether any of it was sent, so that it may have been asked all the same.
    pub(crate) sent: bool,
}

/// What is posted where.
pub(super) struct Address {
    uri: Uri,
    actions: BTreeMap<Step, HeaderValue>,
}

/// Posts envelopes.
pub(super) struct Poster {
    link: Link,
    host: HeaderValue,
    content_type: HeaderValue,
    action_header: HeaderName,
    reply_bytes_max: usize,
    file_bytes_max: usize,
}

impl Poster {
    pub(super) fn new(
        settings: &Settings,
        profile: &Profile,
        resolver: Box<dyn Resolve>,
    ) -> Result<Self, SetupError> {
        let base = base(settings)?;
        let link = Link::new(target(settings, &base)?, settings.tls()?, resolver, settings.link_limits());
        Ok(Self {
            link,
            host: HeaderValue::from_str(base.authority().map_or("", |authority| authority.as_str()))
                .map_err(|_| no_url())?,
            content_type: header("http.content_type", &profile.http.content_type)?,
            action_header: HeaderName::from_bytes(profile.http.action_header.as_bytes())
                .map_err(|_| unusable("http.action_header"))?,
            reply_bytes_max: profile.limits.reply_bytes,
            file_bytes_max: profile.limits.file_bytes,
        })
    }

    /// Posts an envelope. Nothing is sent after `send_by`.
    ///
    /// # Errors
    /// [`Reason::Transport`] if the connection can't be made or breaks, [`Reason::CertificateRefused`] or
    /// [`Reason::Deadline`] if it can't be made for that, [`Reason::MalformedAnswer`] if the answer is larger than the
    /// profile allows.
    pub(super) async fn post(
        &self,
        address: &Address,
        step: Step,
        envelope: String,
        send_by: Instant,
    ) -> Result<Response, Unanswered> {
        let mut request = self.request(address, step, envelope);
        loop {
            let mut connection = self.link.connection(send_by).await.map_err(|error| unsent(&error))?;
            match connection.sender.try_send_request(request).await {
                Ok(response) => return self.answer(connection, step, response).await,
                // A connection that was closed while nobody used it gives back what it did not send.
                Err(mut error) => match error.take_message() {
                    Some(back) if connection.reused => request = back,
                    back => return Err(Unanswered { reason: Reason::Transport, sent: back.is_none() }),
                },
            }
        }
    }

    fn request(&self, address: &Address, step: Step, envelope: String) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(Bytes::from(envelope)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = address.uri.clone();
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().insert(CONTENT_TYPE, self.content_type.clone());
        if let Some(action) = address.actions.get(&step) {
            request.headers_mut().insert(self.action_header.clone(), action.clone());
        }
        request
    }

    async fn answer(
        &self,
        connection: Connection,
        step: Step,
        response: hyper::Response<hyper::body::Incoming>,
    ) -> Result<Response, Unanswered> {
        let status = response.status();
        let bytes_max = if step.is_file() { self.file_bytes_max } else { self.reply_bytes_max };
        match Limited::new(response.into_body(), bytes_max).collect().await {
            Ok(body) => {
                self.link.keep(connection);
                Ok(Response { status, body: body.to_bytes() })
            }
            Err(error) if error.is::<LengthLimitError>() => {
                Err(Unanswered { reason: Reason::MalformedAnswer, sent: true })
            }
            Err(_) => Err(Unanswered { reason: Reason::Transport, sent: true }),
        }
    }

    /// Closes connections that are not to be used again, and looks at the files of TLS.
    pub(super) fn look_after(&self, now: Timestamp) -> Looked {
        self.link.look_after(now)
    }

    /// The client side of TLS, if there is one.
    pub(super) const fn tls(&self) -> Option<&WatchedClient> {
        self.link.tls()
    }
}

impl Address {
    /// The address of one operation that is none of a search service's: it is posted as [`Step::Search`].
    pub(super) fn of_operation(path: &str, action: &str) -> Result<Self, SetupError> {
        let action = header("wisdm.namespace", action)?;
        Ok(Self { uri: uri(path)?, actions: [(Step::Search, action)].into() })
    }

    /// The address of the service that tells its tables.
    pub(super) fn of_schema(schema: &SchemaService) -> Result<Self, SetupError> {
        let action = header("schema.namespace", &schema.action())?;
        Ok(Self { uri: uri(&schema.path)?, actions: [(Step::Schema, action)].into() })
    }

    pub(super) fn new(service: &Service) -> Result<Self, SetupError> {
        let uri = uri(&service.path)?;
        let mut actions = BTreeMap::new();
        for step in Step::ALL {
            if let Some(operation) = service.operation(step) {
                actions.insert(step, header("service.namespace", &service.action(operation))?);
            }
        }
        Ok(Self { uri, actions })
    }
}

fn uri(path: &str) -> Result<Uri, SetupError> {
    path.parse().map_err(|_| SetupError::new("service.path", "not the path of a URL", "correct the profile"))
}

fn unsent(error: &ConnectError) -> Unanswered {
    if let ConnectError::Certificate(code) = error {
        metrics::counter!("postern_find_certificates_refused_total", "code" => *code).increment(1);
        tracing::error!(code, "The certificate of INTERPOL's gateway was refused.");
    }
    Unanswered { reason: error.into(), sent: false }
}

/// The base URL, if it is one that the settings suit.
fn base(settings: &Settings) -> Result<Uri, SetupError> {
    let url = settings.options.base_url.as_ref().ok_or_else(no_url)?;
    let base: Uri = url.parse().map_err(|_| no_url())?;
    let host = base.host().is_some_and(|host| !host.is_empty());
    match base.scheme_str() {
        Some("http") if host => Ok(base),
        Some("https") if host && settings.options.tls.is_some() => Ok(base),
        Some("https") if host => {
            let what = "left out, and base_url begins with https";
            Err(SetupError::new("find.tls", what, "name the private authority in find.tls.ca_file"))
        }
        _ => Err(no_url()),
    }
}

fn target(settings: &Settings, base: &Uri) -> Result<Target, SetupError> {
    let host = base.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let encrypted = settings.options.tls.is_some() && base.scheme_str() == Some("https");
    let name = encrypted.then(|| ServerName::try_from(host.clone()).map_err(|_| no_url())).transpose()?;
    let port = base.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
    Ok(Target { host, port, name })
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
