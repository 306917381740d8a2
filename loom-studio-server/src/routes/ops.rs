//! The server itself.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use loom_studio_core::Health;
use serde::Serialize;
use utoipa::ToSchema;

use crate::dto::JsonText;
use crate::error::{ApiError, Problem};
use crate::state::AppState;

/// A word on how the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    /// `ok` or `ready`.
    status: &'static str,
}

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, description = "It does", body = Status)))]
pub(super) async fn healthz() -> axum::Json<Status> {
    axum::Json(Status { status: "ok" })
}

/// Whether events are taken.
#[utoipa::path(
    get, path = "/readyz", tag = "operation",
    responses(
        (status = 200, description = "They are", body = Status),
        (status = 503, description = "They are not, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn readyz(State(state): State<AppState>) -> Result<axum::Json<Status>, ApiError> {
    let not_ready = |reason| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", reason);
    if state.shutdown.is_cancelled() {
        return Err(not_ready("the server is shutting down".to_owned()));
    }
    match state.store.health() {
        Health::Ready => Ok(axum::Json(Status { status: "ready" })),
        Health::ReadOnly(reason) => Err(not_ready(reason)),
    }
}

/// Counters in Prometheus' text format.
#[utoipa::path(
    get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "Counters and gauges", body = String, content_type = "text/plain; version=0.0.4"))
)]
pub(super) async fn metrics(State(state): State<AppState>) -> Result<Response, ApiError> {
    let text = state.metrics.render(&state.store.stats().await?);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}

/// This description.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "operation",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
pub(super) async fn openapi() -> JsonText {
    JsonText(super::openapi().into_bytes())
}
