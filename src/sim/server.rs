//! Serving: connections, faults, and one request after another.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::find::profile::{HeaderValue as Field, Profile, Service, Step};

use super::answer::AnswerWriter;
use super::faults::{Faults, Outage};
use super::log::{Log, LogView, Logged};
use super::records::SimRecords;
use super::seed::Seed;
use super::service::{self, Request};

/// Size of a request's body in bytes.
const REQUEST_BYTES_MAX: usize = 1 << 20;
/// How long a TLS handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// What all connections share.
pub(super) struct Shared {
    pub(super) profile: Arc<Profile>,
    pub(super) records: Arc<SimRecords>,
    pub(super) clock: Clock,
    faults: watch::Sender<Faults>,
    seed: Mutex<Seed>,
    log: Log,
    served: AtomicU64,
}

/// A fault that the profile does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultsError(&'static str);

impl fmt::Display for FaultsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for FaultsError {}

/// What the connection is closed for instead of being answered.
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed by the simulated outage")
    }
}

impl std::error::Error for Closed {}

impl Shared {
    pub(super) fn new(profile: Arc<Profile>, records: Arc<SimRecords>, clock: Clock, seed: u64) -> Self {
        let faults = watch::Sender::new(Faults::default());
        let (seed, log, served) = (Mutex::new(Seed::new(seed)), Log::default(), AtomicU64::new(0));
        Self { profile, records, clock, faults, seed, log, served }
    }

    pub(super) fn faults(&self) -> Faults {
        self.faults.borrow().clone()
    }

    pub(super) fn set_faults(&self, faults: Faults) -> Result<(), FaultsError> {
        if !(0.0..=1.0).contains(&faults.error_rate) {
            return Err(FaultsError("error_rate is not between 0 and 1"));
        }
        if faults.result.as_deref().is_some_and(|text| self.profile.result_code(text).is_none()) {
            return Err(FaultsError("the profile has no such result"));
        }
        if faults.blocks.values().any(|text| self.profile.status_code(text).is_none()) {
            return Err(FaultsError("the profile has no such status"));
        }
        self.faults.send_replace(faults);
        Ok(())
    }

    pub(super) fn log(&self) -> LogView {
        self.log.view()
    }

    /// Whether this request is one of those that fail.
    fn fails(&self, rate: f64) -> bool {
        // The precision that is lost is that of the share.
        #[allow(clippy::cast_precision_loss)]
        let drawn = {
            let mut seed = self.seed.lock().unwrap_or_else(PoisonError::into_inner);
            seed.below(1 << 32) as f64 / (1u64 << 32) as f64
        };
        drawn < rate
    }

    async fn respond(&self, request: HttpRequest<Incoming>) -> Result<Response<Full<Bytes>>, Closed> {
        let mut changes = self.faults.subscribe();
        let faults = changes.borrow_and_update().clone();
        match faults.outage {
            None => {}
            Some(Outage::Refuse) => return Err(Closed),
            Some(Outage::Hang) => {
                let _ended = changes.wait_for(|faults| faults.outage != Some(Outage::Hang)).await;
                return Err(Closed);
            }
        }
        if faults.latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(faults.latency_ms)).await;
        }
        Ok(self.answer(request, &faults).await)
    }

    async fn answer(&self, request: HttpRequest<Incoming>, faults: &Faults) -> Response<Full<Bytes>> {
        let Some((service, step)) = self.route(&request) else { return status(StatusCode::NOT_FOUND) };
        let Ok(body) = Limited::new(request.into_body(), REQUEST_BYTES_MAX).collect().await else {
            return status(StatusCode::BAD_REQUEST);
        };
        let Ok(read) = Request::read(&self.profile, service, step, &body.to_bytes()) else {
            return status(StatusCode::BAD_REQUEST);
        };
        let reference = read.header(Field::ReferenceInCountry).unwrap_or_default().to_owned();
        let (code, written) = if self.fails(faults.error_rate) {
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                AnswerWriter::fault(&self.profile).map(|text| (text, "fault".into())),
            )
        } else {
            (StatusCode::OK, self.write(service, step, &read, faults))
        };
        let Ok((text, result)) = written else { return status(StatusCode::BAD_REQUEST) };
        self.log.add(Logged { service: service.name.clone(), step: step.code(), reference, result });
        self.respond_with(code, text, faults)
    }

    fn write(
        &self,
        service: &Service,
        step: Step,
        request: &Request,
        faults: &Faults,
    ) -> Result<(String, String), crate::find::soap::Unwritable> {
        let found = service::find(&self.profile, service, step, request, &self.records);
        let number = self.served.fetch_add(1, Ordering::Relaxed);
        let request_id = format!("SIM-{number:08}");
        let (profile, at) = (&*self.profile, self.clock.now());
        AnswerWriter { profile, service, step, request, faults, request_id, at }.write(found)
    }

    fn respond_with(&self, code: StatusCode, text: String, faults: &Faults) -> Response<Full<Bytes>> {
        let mut body = text.into_bytes();
        if faults.truncated {
            body.truncate(body.len() * 2 / 3);
        }
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = code;
        if let Ok(content_type) = HeaderValue::from_str(&self.profile.http.content_type) {
            response.headers_mut().insert(CONTENT_TYPE, content_type);
        }
        response
    }

    /// The service and step of a request: by path and action, whether enabled for the client or not.
    fn route(&self, request: &HttpRequest<Incoming>) -> Option<(&Service, Step)> {
        let service = self.profile.service.iter().find(|service| service.path == request.uri().path())?;
        let action = request.headers().get(&self.profile.http.action_header)?.to_str().ok()?;
        let step = [Step::Search, Step::Details].into_iter().find(|step| service.action(*step) == action)?;
        Some((service, step))
    }
}

fn status(code: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = code;
    response
}

/// Accepts connections until it is stopped.
pub(super) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        // An error of one connection, or too many open files: the next may do.
        let Ok((stream, _)) = accepted else { continue };
        let (shared, tls, stop) = (Arc::clone(&shared), tls.clone(), stop.clone());
        tasks.spawn(async move {
            let refused = shared.faults.subscribe();
            tokio::select! {
                () = stop.cancelled() => {}
                () = refusal(refused) => {}
                () = connection(stream, shared, tls) => {}
            }
        });
    }
}

/// Ends when connections are refused.
async fn refusal(mut faults: watch::Receiver<Faults>) {
    if faults.wait_for(|faults| faults.outage == Some(Outage::Refuse)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, tls: Option<TlsAcceptor>) {
    let _delayed = stream.set_nodelay(true);
    match tls {
        None => requests(stream, shared).await,
        Some(tls) => match tokio::time::timeout(HANDSHAKE_MAX, tls.accept(stream)).await {
            Ok(Ok(stream)) => requests(stream, shared).await,
            _ => tracing::debug!("A TLS handshake with the simulator failed."),
        },
    }
}

async fn requests(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { shared.respond(request).await }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if served.is_err() {
        tracing::debug!("A connection to the simulator ended early.");
    }
}
