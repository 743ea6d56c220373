//! Serving: connections, faults, and one request after another.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::find::profile::{HeaderValue as Field, Operation, SchemaService, Service, Step, Wisdm, WisdmStep};
use crate::find::soap::Unwritable;

use super::act::{Act, Wrong};
use super::answer::AnswerWriter;
use super::body::{Body, Closed, paced, whole};
use super::faults::{Faults, Outage};
use super::latency::LATENCY_MAX;
use super::log::Logged;
use super::managed::{self, Turn};
use super::service::{self, Request};
use super::shared::{Shared, State};
use super::spoil::{Answered, Spoilt};
use super::tables;

/// Size of a request's body in bytes.
const REQUEST_BYTES_MAX: usize = 1 << 20;
/// How long a TLS handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// What the service that tells tables is called in faults and log.
pub(super) const TABLES: &str = "schema";
/// What the service that manages the country's own records is called in faults and log.
pub(super) const MANAGED: &str = "wisdm";
/// What a told table is called in the log, as no code of the wire is told with it.
const TABLE_TOLD: &str = "told";

/// A request, as far as it could be read.
struct Asked<'a> {
    /// The service's name in faults and log.
    service: &'a str,
    /// The step's name in the log.
    step: &'static str,
    reference: String,
    exchange: String,
    /// What it is about, in normal form.
    about: Option<String>,
    what: What<'a>,
}

/// What is asked of which service.
enum What<'a> {
    /// A list, a record or a file.
    Search(&'a Service, Step, Box<Request>),
    /// A table of codes, by the wire's name.
    Table(&'a SchemaService, String),
    /// Something about the country's own records.
    Managed(&'a Wisdm, WisdmStep, Bytes),
}

/// Where a request goes.
#[derive(Clone, Copy)]
enum Route<'a> {
    Search(&'a Service, Step),
    Table(&'a SchemaService),
    Managed(&'a Wisdm, WisdmStep),
}

/// Why a request is not answered by a service.
#[derive(Clone, Copy)]
enum Unread {
    NotFound,
    BadRequest,
}

/// The status, body and media type of an answer.
type Answer = (StatusCode, Vec<u8>, String);

impl Shared {
    async fn respond(&self, request: HttpRequest<Incoming>) -> Result<Response<Body>, Closed> {
        let mut states = self.states();
        let state = states.borrow_and_update().clone();
        if state.outage == Some(Outage::Refuse) {
            return Err(Closed);
        }
        let asked = match self.read(request).await {
            Ok(asked) => asked,
            Err(unread) => {
                self.log_unread(unread);
                return Ok(status(unread.status()));
            }
        };
        if let Some(outage) = state.outage_of(asked.service) {
            self.log_asked(&asked, outage.code());
            return withheld(outage, states, asked.service).await;
        }
        self.answer(&asked, &state).await
    }

    /// Answers as the faults say.
    async fn answer(&self, asked: &Asked<'_>, state: &State) -> Result<Response<Body>, Closed> {
        let faults = state.faults.of(asked.service);
        let script = if state.faults.services.contains_key(asked.service) { asked.service } else { "" };
        let act = self.act(faults, script, asked.about.as_deref());
        let answer = self.acted(asked, faults, &act);
        let latency = self.latency(faults).min(LATENCY_MAX);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match act {
            Act::Close => Err(Closed),
            Act::Hang => {
                tokio::time::sleep(LATENCY_MAX).await;
                Err(Closed)
            }
            _ => Ok(sent(answer, faults, act == Act::Cut)),
        }
    }

    /// What is answered when this becomes of a request. It is logged here.
    fn acted(&self, asked: &Asked<'_>, faults: &Faults, act: &Act) -> Answer {
        let media_type = self.profile.http.content_type.clone();
        let forced = if let Act::Result(code) = act { Some(code.as_str()) } else { faults.result.as_deref() };
        let (code, written) = match act {
            Act::Hang | Act::Close => (StatusCode::OK, Ok((String::new(), act.to_string()))),
            Act::Http(code) => {
                let code = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (code, Ok((String::new(), act.to_string())))
            }
            Act::Fault => {
                let fault = AnswerWriter::fault(&self.profile).map(|text| (text, act.to_string()));
                (StatusCode::INTERNAL_SERVER_ERROR, fault)
            }
            Act::Natural | Act::Cut | Act::Wrong(_) | Act::Result(_) => {
                (StatusCode::OK, self.written(asked, faults, forced))
            }
        };
        let Ok((text, result)) = written else {
            self.log_asked(asked, Unread::BadRequest.code());
            return (StatusCode::BAD_REQUEST, Vec::new(), media_type);
        };
        match act {
            Act::Cut | Act::Wrong(_) => self.log_asked(asked, &format!("{result} {act}")),
            _ => self.log_asked(asked, &result),
        }
        let (body, media_type) = match act {
            Act::Wrong(wrong) => self.spoilt(asked, text, *wrong),
            _ => (text.into_bytes(), media_type),
        };
        (code, body, media_type)
    }

    fn written(
        &self,
        asked: &Asked<'_>,
        faults: &Faults,
        result: Option<&str>,
    ) -> Result<(String, String), Unwritable> {
        let request_id = format!("SIM-{:08}", self.next_answer());
        let (profile, at) = (&*self.profile, self.clock.now());
        match &asked.what {
            What::Table(schema, name) => Ok((tables::tell(profile, schema, name)?, TABLE_TOLD.to_owned())),
            What::Search(service, step, request) => {
                let managed = self.managed();
                let found = service::find(profile, service, *step, request, &self.records, &managed);
                let step = *step;
                AnswerWriter { profile, service, step, request, faults, result, request_id, at }.write(found)
            }
            What::Managed(wisdm, step, body) => {
                Turn { profile, wisdm, step: *step, at, request_id }.take(&mut self.manage(), body)
            }
        }
    }

    fn spoilt(&self, asked: &Asked<'_>, text: String, wrong: Wrong) -> Spoilt {
        let (other, own) = match &asked.what {
            What::Table(..) | What::Managed(..) => (None, None),
            What::Search(service, step, _) => (other_operation(service, *step), service.operation(*step)),
        };
        Answered { profile: &self.profile, own, other }.spoil(text, wrong, &mut self.seed())
    }

    async fn read(&self, request: HttpRequest<Incoming>) -> Result<Asked<'_>, Unread> {
        let route = self.route(&request).ok_or(Unread::NotFound)?;
        let body = Limited::new(request.into_body(), REQUEST_BYTES_MAX).collect().await;
        let body = body.map_err(|_| Unread::BadRequest)?.to_bytes();
        match route {
            Route::Search(service, step) => self.read_search(service, step, &body),
            Route::Table(schema) => read_table(schema, &body),
            Route::Managed(wisdm, step) => self.read_managed(wisdm, step, body),
        }
    }

    fn read_search<'a>(&self, service: &'a Service, step: Step, body: &[u8]) -> Result<Asked<'a>, Unread> {
        let operation = service.operation(step).ok_or(Unread::NotFound)?;
        let request = Request::read(&self.profile, operation, body).map_err(|_| Unread::BadRequest)?;
        let header = |field| request.header(field).unwrap_or_default().to_owned();
        Ok(Asked {
            service: &service.name,
            step: step.code(),
            reference: header(Field::ReferenceInCountry),
            exchange: header(Field::ExchangeReference),
            about: request.sought(operation),
            what: What::Search(service, step, Box::new(request)),
        })
    }

    fn read_managed<'a>(&self, wisdm: &'a Wisdm, step: WisdmStep, body: Bytes) -> Result<Asked<'a>, Unread> {
        let reference = managed::reference(&self.profile, wisdm, step, &body).ok_or(Unread::BadRequest)?;
        let (exchange, about) = (String::new(), None);
        let what = What::Managed(wisdm, step, body);
        Ok(Asked { service: MANAGED, step: step.code(), reference, exchange, about, what })
    }

    /// Where a request goes: by path and action, whether enabled for the client or not.
    fn route(&self, request: &HttpRequest<Incoming>) -> Option<Route<'_>> {
        let path = request.uri().path();
        if let Some(schema) = self.profile.schema.as_ref().filter(|schema| schema.path == path) {
            return Some(Route::Table(schema));
        }
        let action = request.headers().get(&self.profile.http.action_header)?.to_str().ok()?;
        if let Some(wisdm) = self.profile.wisdm.as_ref().filter(|wisdm| wisdm.path == path) {
            let mut operations = wisdm.operations.iter();
            let (step, _) = operations.find(|(_, operation)| wisdm.action(operation) == action)?;
            return Some(Route::Managed(wisdm, *step));
        }
        let service = self.profile.service.iter().find(|service| service.path == path)?;
        let named = |step: &Step| {
            service.operation(*step).is_some_and(|operation| service.action(operation) == action)
        };
        let step = Step::ALL.into_iter().find(named)?;
        Some(Route::Search(service, step))
    }

    fn log_asked(&self, asked: &Asked<'_>, result: &str) {
        self.log.add(Logged {
            number: 0,
            at: self.clock.now(),
            service: asked.service.to_owned(),
            step: asked.step,
            reference: asked.reference.clone(),
            exchange: asked.exchange.clone(),
            about: asked.about.as_ref().map_or(String::new(), |text| self.log.about(text)),
            result: result.to_owned(),
        });
    }

    fn log_unread(&self, unread: Unread) {
        let (service, step) = ("-".to_owned(), "-");
        let (reference, exchange, about) = (String::new(), String::new(), String::new());
        let (at, result) = (self.clock.now(), unread.code().to_owned());
        self.log.add(Logged { number: 0, at, service, step, reference, exchange, about, result });
    }
}

fn read_table<'a>(schema: &'a SchemaService, body: &[u8]) -> Result<Asked<'a>, Unread> {
    let name = tables::asked(schema, body).ok().flatten().ok_or(Unread::BadRequest)?;
    let (service, step, about) = (TABLES, Step::Schema.code(), None);
    let (reference, exchange) = (String::new(), String::new());
    Ok(Asked { service, step, reference, exchange, about, what: What::Table(schema, name) })
}

/// Another operation than a step's.
fn other_operation(service: &Service, step: Step) -> Option<&Operation> {
    let own = service.operation(step)?;
    let mut operations = Step::ALL.into_iter().filter_map(|step| service.operation(step));
    operations.find(|operation| operation.response != own.response)
}

impl Unread {
    const fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::BadRequest => "bad_request",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::BadRequest => StatusCode::BAD_REQUEST,
        }
    }
}

/// Answers nothing until the outage ends.
async fn withheld(
    outage: Outage,
    mut states: watch::Receiver<State>,
    service: &str,
) -> Result<Response<Body>, Closed> {
    if outage == Outage::Hang {
        let _ended = states.wait_for(|state| state.outage_of(service) != Some(Outage::Hang)).await;
    }
    Err(Closed)
}

/// The answer on its way.
fn sent((code, mut body, media_type): Answer, faults: &Faults, cut: bool) -> Response<Body> {
    if faults.truncated {
        body.truncate(body.len() * 2 / 3);
    }
    let length = body.len();
    let cut_at = cut.then(|| faults.cut_after_bytes.map_or(length * 2 / 3, |bytes| size(bytes).min(length)));
    let body = Bytes::from(body);
    let mut response = Response::new(match (faults.drip_bytes_per_s, cut_at) {
        (None, None) => whole(body),
        (per_s, cut_at) => paced(&body, per_s, cut_at),
    });
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    if let Ok(media_type) = HeaderValue::from_str(&media_type) {
        response.headers_mut().insert(CONTENT_TYPE, media_type);
    }
    response
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(whole(Bytes::new()));
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
            tokio::select! {
                () = stop.cancelled() => {}
                () = refusal(shared.states()) => {}
                () = connection(stream, Arc::clone(&shared), tls) => {}
            }
        });
    }
}

/// Ends when connections are refused.
async fn refusal(mut states: watch::Receiver<State>) {
    if states.wait_for(|state| state.outage == Some(Outage::Refuse)).await.is_err() {
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
