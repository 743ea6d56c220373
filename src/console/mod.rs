//! The operations console: health, metrics and the first screen.
//!
//! Everything here reads; nothing changes. The page is static and asks for `/api/status` once a second, so that it shows
//! the same to everybody and costs the lanes nothing. What it shows is masked where it is made, not here.

mod prometheus;
mod series;
mod status;

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use tokio::net::TcpListener;

pub use prometheus::Prometheus;
pub use series::{Described, SERIES, reference};
pub use status::{CopyStatus, DatabaseStatus, KeyStatus, Status};

const PAGE: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");

/// Nothing but what this console serves itself may run or load in the page.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'";

/// Gives the status of the moment.
pub type StatusSource = Arc<dyn Fn() -> Status + Send + Sync>;

/// What the pages are made of.
#[derive(Clone)]
pub struct Sources {
    /// The status.
    pub status: StatusSource,
    /// The metrics.
    pub metrics: Prometheus,
}

/// The console's pages.
pub fn router(sources: Sources) -> Router {
    Router::new()
        .route("/", get(|| async { fixed(PAGE, "text/html; charset=utf-8") }))
        .route("/page.js", get(|| async { fixed(SCRIPT, "text/javascript; charset=utf-8") }))
        .route("/page.css", get(|| async { fixed(STYLE, "text/css; charset=utf-8") }))
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/status", get(|State(sources): State<Sources>| async move { Json((sources.status)()) }))
        .with_state(sources)
}

/// Serves the console until `shutdown` is done.
///
/// # Errors
/// What the listener says when it fails for good.
pub async fn run(
    listener: TcpListener,
    sources: Sources,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(sources)).with_graceful_shutdown(shutdown).await
}

/// Serves `/live` and `/metrics` alone until `shutdown` is done.
///
/// # Errors
/// What the listener says when it fails for good.
pub async fn run_metrics(
    listener: TcpListener,
    metrics: Prometheus,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let page = move || async move {
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
    };
    let router = Router::new().route("/live", get(|| async { "live\n" })).route("/metrics", get(page));
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

async fn ready(State(sources): State<Sources>) -> Response {
    let not_ready = (sources.status)().not_ready;
    match not_ready.is_empty() {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", not_ready.join(", ")))
            .into_response(),
    }
}

async fn metrics(State(sources): State<Sources>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], sources.metrics.render())
        .into_response()
}

fn fixed(body: &'static str, media_type: &'static str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
