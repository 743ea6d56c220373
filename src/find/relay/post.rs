//! Posting a question to the hub, and reading what comes back.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use postern_sdk::Reason;
use rustls::pki_types::ServerName;
use tokio::time::Instant;

use super::wire::{PATH, Problem, Told};
use crate::find::breaker::Fate;
use crate::find::link::{ConnectError, Connection, Link, Resolve, Target};
use crate::find::{Settings, SetupError};
use crate::tls::WatchedClient;

/// How large a reply may be, in bytes.
const REPLY_BYTES_MAX: usize = 2 << 20;

/// Posts questions to one hub.
pub(super) struct Poster {
    pub(super) link: Link,
    host: HeaderValue,
}

/// What came of a request.
pub(super) struct Sent {
    pub(super) told: Result<Told, Reason>,
    /// What it says of the hub.
    pub(super) fate: Fate,
    /// Whether any of it was sent, so that it may have been asked.
    pub(super) sent: bool,
}

impl Poster {
    pub(super) fn new(settings: &Settings, resolver: Box<dyn Resolve>) -> Result<Self, SetupError> {
        let relay = settings.options.relay.as_ref().ok_or_else(no_url)?;
        let (host, port) = crate::mind::source::address(&relay.url).ok_or_else(no_url)?;
        let name = ServerName::try_from(host.clone()).map_err(|_| no_url())?;
        let tls = WatchedClient::new(relay.tls.clone(), settings.environment).map_err(|error| {
            SetupError::new("find.relay.tls", error.to_string(), "postern check --live looks at it again")
        })?;
        let authority =
            relay.url.parse::<Uri>().ok().and_then(|url| url.authority().map(ToString::to_string));
        let host_header = HeaderValue::from_str(&authority.unwrap_or_default()).map_err(|_| no_url())?;
        let target = Target { host, port, name: Some(name) };
        let link = Link::new(target, Some(tls), resolver, settings.link_limits());
        Ok(Self { link, host: host_header })
    }

    /// Posts a question. Nothing is sent after `send_by`.
    pub(super) async fn post(&self, body: Vec<u8>, send_by: Instant) -> Sent {
        let mut request = self.request(body);
        loop {
            let mut connection = match self.link.connection(send_by).await {
                Ok(connection) => connection,
                Err(error) => return unsent(&error),
            };
            match connection.sender.try_send_request(request).await {
                Ok(response) => return self.answer(connection, response).await,
                // A connection that was closed while nobody used it gives back what it did not send.
                Err(mut error) => match error.take_message() {
                    Some(back) if connection.reused => request = back,
                    back => return failed(Reason::Transport, back.is_none()),
                },
            }
        }
    }

    fn request(&self, body: Vec<u8>) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static(PATH);
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }

    async fn answer(&self, connection: Connection, response: hyper::Response<hyper::body::Incoming>) -> Sent {
        let status = response.status();
        match Limited::new(response.into_body(), REPLY_BYTES_MAX).collect().await {
            Ok(body) => {
                self.link.keep(connection);
                read(status, &body.to_bytes())
            }
            Err(error) if error.is::<LengthLimitError>() => failed(Reason::MalformedAnswer, true),
            Err(_) => failed(Reason::Transport, true),
        }
    }
}

/// What a reply says. A refusal in the hub's own words shows that it is there: it is no failure of the link, unless the hub
/// itself failed.
fn read(status: StatusCode, body: &[u8]) -> Sent {
    if status == StatusCode::OK {
        return match serde_json::from_slice(body) {
            Ok(told) => Sent { told: Ok(told), fate: Fate::Served, sent: true },
            Err(_) => failed(Reason::MalformedAnswer, true),
        };
    }
    let problem: Option<Problem> = serde_json::from_slice(body).ok();
    match problem.and_then(|problem| problem.reason) {
        Some(reason) if !status.is_server_error() => {
            Sent { told: Err(reason), fate: Fate::Served, sent: true }
        }
        Some(reason) => failed(reason, true),
        None => failed(unsaid(status), true),
    }
}

/// What a refusal means in which no desk of a hub gives the reason.
const fn unsaid(status: StatusCode) -> Reason {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Reason::AccessDenied,
        StatusCode::TOO_MANY_REQUESTS => Reason::RateCapped,
        StatusCode::PAYLOAD_TOO_LARGE => Reason::InvalidSearch,
        StatusCode::INTERNAL_SERVER_ERROR => Reason::UnexpectedError,
        _ => Reason::Transport,
    }
}

const fn failed(reason: Reason, sent: bool) -> Sent {
    Sent { told: Err(reason), fate: Fate::Failed, sent }
}

fn unsent(error: &ConnectError) -> Sent {
    if let ConnectError::Certificate(code) = error {
        metrics::counter!("postern_find_certificates_refused_total", "code" => *code).increment(1);
        tracing::error!(code, "The certificate of the hub was refused.");
    }
    // A lane's time that ended before there was a connection tells no outage.
    let fate = if *error == ConnectError::Deadline { Fate::Slow } else { Fate::Failed };
    Sent { told: Err(error.into()), fate, sent: false }
}

fn no_url() -> SetupError {
    SetupError::new("find.relay.url", "not the address of a hub", "write https://host:port")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str) -> (Result<usize, Reason>, Fate) {
        let sent = read(StatusCode::from_u16(status).unwrap(), body.as_bytes());
        assert!(sent.sent);
        (sent.told.map(|told| told.answers.len()), sent.fate)
    }

    // Proves that only a whole answer of the status 200 is one, that a refusal has the hub's own reason, and that whoever
    // else answers brings no record of anything.
    #[test]
    fn replies_are_read() {
        let answer = r#"{"database":"sltd","query":0,"source":"find","finding":"no_record","elapsed_us":1}"#;
        let answers = format!(r#"{{"answers":[{answer}],"later":1}}"#);
        assert_eq!(told(200, &answers), (Ok(1), Fate::Served));
        for body in ["", "{", r#"{"answers":[{}]}"#, "<html>", &answers[1..]] {
            assert_eq!(told(200, body), (Err(Reason::MalformedAnswer), Fate::Failed), "{body}");
        }
        for (status, body, reason, fate) in [
            (429, r#"{"code":"rate_capped","reason":"rate_capped"}"#, Reason::RateCapped, Fate::Served),
            (403, r#"{"reason":"not_granted"}"#, Reason::NotGranted, Fate::Served),
            (403, r#"{"reason":"solar_flare"}"#, Reason::Unrecognised, Fate::Served),
            (503, r#"{"reason":"unexpected_error"}"#, Reason::UnexpectedError, Fate::Failed),
            (403, "forbidden", Reason::AccessDenied, Fate::Failed),
            (500, "{}", Reason::UnexpectedError, Fate::Failed),
            (204, "", Reason::Transport, Fate::Failed),
            (404, &answers, Reason::Transport, Fate::Failed),
        ] {
            assert_eq!(told(status, body), (Err(reason), fate), "{status} {body}");
        }
    }
}
