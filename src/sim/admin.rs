//! The admin endpoint: `GET` and `PUT /faults`, `GET /log?since=N`, in JSON. It has no access control: keep it on the loopback.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use super::faults::Faults;
use super::log::LogView;
use super::shared::Shared;

/// The admin's routes.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().route("/faults", get(faults).put(set_faults)).route("/log", get(log)).with_state(shared)
}

async fn faults(State(shared): State<Arc<Shared>>) -> Json<Faults> {
    Json(shared.faults())
}

async fn set_faults(
    State(shared): State<Arc<Shared>>,
    Json(faults): Json<Faults>,
) -> Result<Json<Faults>, (StatusCode, String)> {
    match shared.set_faults(faults) {
        Ok(()) => Ok(Json(shared.faults())),
        Err(error) => Err((StatusCode::UNPROCESSABLE_ENTITY, error.to_string())),
    }
}

/// From where the log is told.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Since {
    since: u64,
}

async fn log(State(shared): State<Arc<Shared>>, Query(from): Query<Since>) -> Json<LogView> {
    Json(shared.log_since(from.since))
}
