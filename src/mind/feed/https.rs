//! Fetches a feed over HTTPS into the watched folder.
//!
//! Trust comes from the private authority of the configuration, and both sides show a certificate. There is no redirect,
//! no proxy and no compression. A feed that did not change is not fetched again. What was cut is gone on with where it
//! ended, as long as the server says that the feed is still the same; what one process began, the next one begins anew,
//! and the watcher knows a feed that it has built before. A feed gets its name by a rename once all of it is on disk.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE, TRANSFER_ENCODING,
};
use hyper::{Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use postern_sdk::Environment;
use tokio::time::timeout;

use super::fetch_error::FetchError;
use super::inbox::marker;
use super::name::FeedName;
use super::settings::{FolderSettings, SignalledBy, SourceSettings};
use crate::clock::Clock;
use crate::mind::disk::{Disk as _, RealDisk};
use crate::tls::{self, TlsError};

/// Where in the watched folder feeds are while they are fetched.
const FETCHING: &str = ".fetching";

/// What a fetch brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// A feed, under this name.
    New(String),
    /// The feed is the same as the last time.
    Unchanged,
}

/// What tells a feed from a later one at the same place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Validators {
    etag: Option<String>,
    modified: Option<String>,
}

impl Validators {
    fn of(headers: &HeaderMap) -> Self {
        Self { etag: text(headers, &ETAG), modified: text(headers, &LAST_MODIFIED) }
    }

    /// What proves that it is the same byte for byte, to go on with a part of it: a weak tag does not.
    fn strong(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|tag| !tag.starts_with("W/"));
        strong.or(if self.etag.is_none() { self.modified.as_deref() } else { None })
    }
}

/// A feed of which a part is here.
struct Part {
    file: File,
    bytes: u64,
    validators: Validators,
    as_of: Timestamp,
}

/// A source of feeds.
pub struct Source {
    settings: SourceSettings,
    folder: PathBuf,
    marker: bool,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    time_header: HeaderName,
    /// Of what was fetched last.
    last: Option<Validators>,
    part: Option<Part>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.settings.name)
    }
}

impl Source {
    /// A source that fetches into a watched folder. Nothing is connected yet.
    ///
    /// # Errors
    /// If a certificate or key can't be used.
    pub fn new(
        settings: SourceSettings,
        folder: &FolderSettings,
        environment: Environment,
    ) -> Result<Self, TlsError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(settings.limits.idle_timeout));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client_config(&settings.tls, environment)?)
            .https_only()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        let time_header = HeaderName::from_bytes(settings.as_of_header.as_bytes()).unwrap_or(LAST_MODIFIED);
        let marker = folder.complete == SignalledBy::Marker;
        Ok(Self {
            settings,
            folder: folder.path.clone(),
            marker,
            client,
            time_header,
            last: None,
            part: None,
        })
    }

    /// Asks again and again, for as long as it is polled.
    pub async fn run(mut self, clock: Clock) {
        let mut failures = 0;
        loop {
            let fetched = self.fetch().await;
            self.tell(&fetched, &clock);
            failures = if fetched.is_err() { failures + 1 } else { 0 };
            tokio::time::sleep(self.rest(failures, random())).await;
        }
    }

    /// How long is waited after so many failures in a row. Jitter keeps many publishers from asking at once.
    pub(super) fn rest(&self, failures: u32, random: u64) -> Duration {
        let limits = &self.settings.limits;
        let rest = match failures {
            0 => limits.interval,
            n => limits.retry.saturating_mul(1 << (n - 1).min(16)).min(limits.interval),
        };
        let most = rest.as_millis() as u64 * limits.jitter_percent / 100;
        rest + Duration::from_millis(random % (most + 1))
    }

    fn tell(&self, fetched: &Result<Fetched, FetchError>, clock: &Clock) {
        let source = self.settings.name.clone();
        let result = match fetched {
            Ok(Fetched::New(_)) => "new",
            Ok(Fetched::Unchanged) => "unchanged",
            Err(error) => error.code(),
        };
        metrics::counter!("postern_feed_fetches_total", "source" => source.clone(), "result" => result)
            .increment(1);
        match fetched {
            Ok(Fetched::New(file)) => tracing::info!(source, file, "A feed was fetched."),
            Ok(Fetched::Unchanged) => tracing::debug!(source, "The feed is unchanged."),
            Err(error) => tracing::warn!(source, %error, code = error.code(), "A feed could not be fetched."),
        }
        if fetched.is_ok() {
            let now = clock.now().as_second() as f64;
            metrics::gauge!("postern_feed_fetched_seconds", "source" => source).set(now);
        }
    }

    /// Asks once.
    ///
    /// # Errors
    /// Any [`FetchError`]; what was received so far is kept for the next time where it can be gone on with.
    pub async fn fetch(&mut self) -> Result<Fetched, FetchError> {
        let total = self.settings.limits.total_timeout;
        timeout(total, self.try_fetch()).await.unwrap_or(Err(FetchError::TooSlow))
    }

    async fn try_fetch(&mut self) -> Result<Fetched, FetchError> {
        let idle = self.settings.limits.idle_timeout;
        // What can't be proved to be the same is begun anew.
        self.part = self.part.take().filter(|part| part.validators.strong().is_some());
        let asked = self.client.request(self.request());
        let response = timeout(idle, asked).await.map_err(|_| FetchError::Idle)?;
        let response = response
            .map_err(|error| if error.is_connect() { FetchError::Connect } else { FetchError::Cut })?;
        match response.status() {
            StatusCode::NOT_MODIFIED if self.part.is_none() && self.last.is_some() => {
                return Ok(Fetched::Unchanged);
            }
            StatusCode::PARTIAL_CONTENT => self.goes_on(&response)?,
            StatusCode::OK => self.begin(&response)?,
            status => {
                self.part = None;
                return Err(FetchError::Status(status.as_u16()));
            }
        }
        self.receive(response.into_body()).await?;
        self.deliver().await.map(Fetched::New)
    }

    fn request(&self) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.settings.url.clone();
        let headers = request.headers_mut();
        let mut add = |name: HeaderName, value: &str| {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        };
        add(ACCEPT_ENCODING, "identity");
        if let Some((part, strong)) =
            self.part.as_ref().and_then(|part| Some((part, part.validators.strong()?)))
        {
            add(RANGE, &format!("bytes={}-", part.bytes));
            add(IF_RANGE, strong);
        } else if let Some(last) = &self.last {
            last.etag.iter().for_each(|tag| add(IF_NONE_MATCH, tag));
            last.modified.iter().for_each(|modified| add(IF_MODIFIED_SINCE, modified));
        }
        request
    }

    /// Begins a feed anew.
    fn begin(&mut self, response: &Response<Incoming>) -> Result<(), FetchError> {
        self.part = None;
        let headers = response.headers();
        self.is_whole(headers, 0)?;
        let as_of =
            text(headers, &self.time_header).and_then(|time| instant(&time)).ok_or(FetchError::NoTime)?;
        let fetching = self.folder.join(FETCHING);
        RealDisk.create_folder(&fetching)?;
        let path = self.part_path();
        if path.exists() {
            fs::remove_file(&path)?;
        }
        let mut options = OpenOptions::new();
        let file = std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600)
            .write(true)
            .create_new(true)
            .open(path)?;
        self.part = Some(Part { file, bytes: 0, validators: Validators::of(headers), as_of });
        Ok(())
    }

    /// Goes on with a feed, if the answer begins where the part ends.
    fn goes_on(&mut self, response: &Response<Incoming>) -> Result<(), FetchError> {
        let from = self.part.as_ref().map(|part| part.bytes);
        let range = text(response.headers(), &CONTENT_RANGE);
        let begins =
            range.as_deref().and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok());
        let goes_on = from.is_some() && begins == from && ends_at_end(range.as_deref().unwrap_or_default());
        if !goes_on {
            self.part = None;
            return Err(FetchError::Range);
        }
        self.is_whole(response.headers(), from.unwrap_or(0))
    }

    /// Whether the answer's own end can be told from a cut, and it is neither compressed nor too large.
    fn is_whole(&self, headers: &HeaderMap, before: u64) -> Result<(), FetchError> {
        if text(headers, &CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(FetchError::Encoded);
        }
        let length = text(headers, &CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        match length {
            None if !headers.contains_key(TRANSFER_ENCODING) => Err(FetchError::NoLength),
            Some(length) if before.saturating_add(length) > self.settings.limits.file_bytes_max => {
                Err(FetchError::TooLarge)
            }
            _ => Ok(()),
        }
    }

    async fn receive(&mut self, mut body: Incoming) -> Result<(), FetchError> {
        let limits = self.settings.limits;
        let Some(part) = &mut self.part else { return Err(FetchError::Range) };
        let counter =
            metrics::counter!("postern_feed_fetched_bytes_total", "source" => self.settings.name.clone());
        while let Some(frame) =
            timeout(limits.idle_timeout, body.frame()).await.map_err(|_| FetchError::Idle)?
        {
            let Ok(data) = frame.map_err(|_| FetchError::Cut)?.into_data() else { continue };
            if part.bytes + data.len() as u64 > limits.file_bytes_max {
                self.part = None;
                return Err(FetchError::TooLarge);
            }
            // A part that could not be written whole is not gone on with.
            if let Err(error) = part.file.write_all(&data) {
                self.part = None;
                return Err(error.into());
            }
            part.bytes += data.len() as u64;
            counter.increment(data.len() as u64);
        }
        Ok(())
    }

    /// Gives the whole feed its name, once all of it is on disk.
    async fn deliver(&mut self) -> Result<String, FetchError> {
        let Some(part) = self.part.take() else { return Err(FetchError::Range) };
        let Part { file, validators, as_of, .. } = part;
        let file = Arc::new(file);
        let synced = tokio::task::spawn_blocking(move || file.sync_all()).await;
        synced.map_err(io::Error::other)??;
        let SourceSettings { dataset, build, name, .. } = &self.settings;
        let name = FeedName::of_source(*dataset, *build, name, as_of);
        fs::rename(self.part_path(), self.folder.join(&name))?;
        if self.marker {
            File::create(self.folder.join(marker(&name)))?;
        }
        RealDisk.sync_folder(&self.folder)?;
        self.last = Some(validators);
        Ok(name)
    }

    fn part_path(&self) -> PathBuf {
        Path::new(&self.folder).join(FETCHING).join(&self.settings.name)
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Whether `bytes 5-9/10` ends where the whole does.
fn ends_at_end(range: &str) -> bool {
    let parts = range.rsplit_once('-').and_then(|(_, rest)| rest.split_once('/'));
    let Some((last, all)) = parts else { return false };
    last.parse::<u64>()
        .ok()
        .zip(all.parse::<u64>().ok())
        .is_some_and(|(last, all)| last.checked_add(1) == Some(all))
}

/// A time as HTTP writes it, or as RFC 3339 does, in whole seconds: a feed's name holds no more. Rounded down, so that
/// data is never made younger.
fn instant(time: &str) -> Option<Timestamp> {
    let of_http = || rfc2822::DateTimeParser::new().parse_timestamp(time).ok();
    let exact: Timestamp = time.parse().ok().or_else(of_http)?;
    Timestamp::from_second(exact.as_second() - i64::from(exact.subsec_nanosecond() < 0)).ok()
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness there is no jitter.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
