//! What the hub answers: who asks is admitted first, at each request.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};
use hyper::{Method, Request, Response, StatusCode};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until, timeout};

use super::enrolment::EnrolError;
use super::listen::Hub;
use super::offer::Offer;
use super::site::Status;
use crate::keys::FILE_BYTES_MAX;
use crate::mind::dataset::Dataset;
use crate::mind::folder::version_folder;
use crate::mind::keyring::{GenerationName, KeyFile, SitePublic};
use crate::mind::state_manifest::state_file;
use crate::mind::trust::root_path;
use crate::mind::withdrawn::Withdrawn;

/// How much of a file is read at once, in bytes.
const CHUNK: usize = 256 << 10;
/// How long a request's body may take.
const BODY_LIMIT: Duration = Duration::from_secs(10);

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Why a request is not answered: its status and stable code.
struct Denied(StatusCode, &'static str);

const NOT_FOUND: Denied = Denied(StatusCode::NOT_FOUND, "not_found");

impl From<Status> for Denied {
    fn from(status: Status) -> Self {
        let code = match status {
            Status::Revoked => "revoked",
            Status::Requested => "not_approved",
            Status::Unknown | Status::Enrolled => "not_enrolled",
        };
        Self(StatusCode::FORBIDDEN, code)
    }
}

impl From<EnrolError> for Denied {
    fn from(error: EnrolError) -> Self {
        match error {
            EnrolError::File(..) | EnrolError::Damaged(_) | EnrolError::Keyring(_) => {
                tracing::error!(%error, code = error.code(), "The hub's sites can't be read.");
                Self(StatusCode::INTERNAL_SERVER_ERROR, error.code())
            }
            _ => Self(StatusCode::CONFLICT, error.code()),
        }
    }
}

/// Counts an answer.
pub(super) fn count(code: &'static str) {
    metrics::counter!("postern_hub_requests_total", "code" => code).increment(1);
}

/// Answers one request of a site.
pub(super) async fn respond(hub: Arc<Hub>, site: Arc<str>, request: Request<Incoming>) -> Response<Body> {
    let answered = if hub.may_ask(&site) {
        route(&hub, &site, request).await
    } else {
        Err(Denied(StatusCode::TOO_MANY_REQUESTS, "too_many_requests"))
    };
    match answered {
        Ok(response) => {
            count("ok");
            response
        }
        Err(Denied(status, code)) => {
            count(code);
            if status == StatusCode::FORBIDDEN {
                tracing::warn!(site = &*site, code, "A site was not served.");
            }
            json(status, &serde_json::json!({ "code": code }))
        }
    }
}

async fn route(
    hub: &Arc<Hub>,
    site: &Arc<str>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Denied> {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    if parts == ["v1", "enrolment"] && request.method() == Method::POST {
        return enrol(hub, site, request.into_body()).await;
    }
    if request.method() != Method::GET {
        return Err(Denied(StatusCode::METHOD_NOT_ALLOWED, "only_get"));
    }
    if parts == ["v1", "enrolment"] {
        return Ok(enrolment(hub, site)?);
    }
    let key = hub.sites.admitted(site)?;
    match parts[..] {
        ["v1", "copy"] => offer(hub).await,
        ["v1", "keys", dataset, generation] => wrapped(hub, dataset, generation, &key),
        _ => {
            let path = file(hub, &parts).ok_or(NOT_FOUND)?;
            let from = request.headers().get(RANGE).map(range).transpose()?;
            content(hub, site, path, from).await
        }
    }
}

async fn offer(hub: &Arc<Hub>) -> Result<Response<Body>, Denied> {
    let hub = Arc::clone(hub);
    let offer = spawn_blocking(move || Offer::of(&hub.folder, hub.environment)).await;
    let offer = offer.map_err(|_| Denied(StatusCode::INTERNAL_SERVER_ERROR, "internal"))?;
    Ok(json(StatusCode::OK, &offer))
}

/// The file that a path stands for. Each of its parts is looked up; none becomes part of a name as it came.
fn file(hub: &Hub, parts: &[&str]) -> Option<PathBuf> {
    match *parts {
        ["v1", "roots", name] => {
            let (version, ending) = name.split_once('.')?;
            let root = root_path(&hub.folder.join("trust"), version.parse().ok()?);
            match ending {
                "json" => Some(root),
                "sig" => Some(root.with_extension("sig")),
                _ => None,
            }
        }
        ["v1", "states", dataset, version, name] => {
            let dataset = Dataset::from_name(dataset)?;
            let name = state_file(dataset, name)?;
            Some(version_folder(&hub.folder, dataset.name(), version.parse().ok()?).join(name))
        }
        ["v1", "withdrawn", dataset, generation] => {
            let name = GenerationName::new(dataset, generation).ok()?;
            Some(Withdrawn::path(&hub.folder, name.dataset(), name.generation()))
        }
        _ => None,
    }
}

/// The site's own part of a key file.
fn wrapped(hub: &Hub, dataset: &str, generation: &str, key: &str) -> Result<Response<Body>, Denied> {
    let name = GenerationName::new(dataset, generation).map_err(|_| NOT_FOUND)?;
    let own = KeyFile::read(&hub.folder, &name).ok().and_then(|file| file.only(key));
    let own = own.ok_or(Denied(StatusCode::NOT_FOUND, "key_not_for_this_site"))?;
    Ok(response(StatusCode::OK, "application/json", own.text()))
}

fn enrolment(hub: &Hub, site: &str) -> Result<Response<Body>, EnrolError> {
    let known = hub.sites.get(site)?;
    let status = known.as_ref().map_or(Status::Unknown, super::Site::status);
    let key = known.and_then(|known| known.requested.or(known.enrolled)).map(|key| key.id);
    Ok(json(StatusCode::OK, &serde_json::json!({ "site": site, "status": status, "key": key })))
}

async fn enrol(hub: &Arc<Hub>, site: &Arc<str>, body: Incoming) -> Result<Response<Body>, Denied> {
    let bad = || Denied(StatusCode::BAD_REQUEST, "site_key_malformed");
    let whole = timeout(BODY_LIMIT, Limited::new(body, FILE_BYTES_MAX).collect()).await;
    let line = whole.map_err(|_| bad())?.map_err(|_| bad())?.to_bytes();
    let public = std::str::from_utf8(&line).ok().and_then(SitePublic::parse).ok_or_else(bad)?;
    let (hub, site) = (Arc::clone(hub), Arc::clone(site));
    let answered = spawn_blocking(move || {
        hub.sites.request(&site, &public, hub.clock.now())?;
        tracing::info!(site = &*site, key = public.id(), "A site requests its enrolment.");
        Ok(enrolment(&hub, &site)?)
    });
    answered.await.unwrap_or(Err(Denied(StatusCode::INTERNAL_SERVER_ERROR, "internal")))
}

/// Where a range begins that goes on to the end: all that a resumed download needs.
fn range(value: &HeaderValue) -> Result<u64, Denied> {
    let from =
        value.to_str().ok().and_then(|text| text.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    from.ok_or(Denied(StatusCode::RANGE_NOT_SATISFIABLE, "range"))
}

/// A file, whole or from an offset on.
async fn content(
    hub: &Arc<Hub>,
    site: &Arc<str>,
    path: PathBuf,
    from: Option<u64>,
) -> Result<Response<Body>, Denied> {
    let open = move || File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let opened = spawn_blocking(open).await.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
    let (bytes, file) = opened.map_err(|_| NOT_FOUND)?;
    let begin = from.unwrap_or(0);
    if from.is_some_and(|from| from >= bytes) {
        return Err(Denied(StatusCode::RANGE_NOT_SATISFIABLE, "range"));
    }
    let sending = Sending {
        hub: Arc::clone(hub),
        site: Arc::clone(site),
        file: Arc::new(file),
        at: begin,
        end: bytes,
        due: Instant::now(),
    };
    let body = StreamBody::new(stream::try_unfold(sending, Sending::next)).boxed_unsync();
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_LENGTH, (bytes - begin).into());
    if from.is_some() {
        let range = HeaderValue::from_str(&format!("bytes {begin}-{}/{bytes}", bytes - 1));
        headers.insert(CONTENT_RANGE, range.unwrap_or(HeaderValue::from_static("")));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// A file on its way.
struct Sending {
    hub: Arc<Hub>,
    site: Arc<str>,
    file: Arc<File>,
    at: u64,
    end: u64,
    /// When the next piece may go out.
    due: Instant,
}

impl Sending {
    /// The next piece. Ends the connection if the site was revoked meanwhile.
    async fn next(mut self) -> io::Result<Option<(Frame<Bytes>, Self)>> {
        if self.at == self.end {
            return Ok(None);
        }
        sleep_until(self.due).await;
        let count = usize::try_from(self.end - self.at).unwrap_or(CHUNK).min(CHUNK);
        let (hub, site, file, at) =
            (Arc::clone(&self.hub), Arc::clone(&self.site), Arc::clone(&self.file), self.at);
        let read = spawn_blocking(move || {
            hub.sites.admitted(&site).map_err(|_| io::ErrorKind::PermissionDenied)?;
            let mut piece = vec![0; count];
            file.read_exact_at(&mut piece, at)?;
            Ok::<_, io::Error>(piece)
        });
        let piece = read.await.map_err(io::Error::other)??;
        self.at += count as u64;
        self.due = self.due.max(Instant::now() - Duration::from_secs(1)) + self.takes(count);
        metrics::counter!("postern_hub_bytes_total").increment(count as u64);
        Ok(Some((Frame::data(Bytes::from(piece)), self)))
    }

    /// How long a piece takes at the rate of one connection.
    fn takes(&self, bytes: usize) -> Duration {
        match self.hub.settings.mib_per_second {
            0 => Duration::ZERO,
            mib => Duration::from_secs_f64(bytes as f64 / (mib as f64 * f64::from(1 << 20))),
        }
    }
}

fn json(status: StatusCode, value: &impl serde::Serialize) -> Response<Body> {
    response(status, "application/json", serde_json::to_vec(value).unwrap_or_default())
}

fn response(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Response<Body> {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
