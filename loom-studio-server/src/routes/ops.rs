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
use crate::live::LaneState;
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

/// That events are taken, and how the views follow them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// `ready`.
    status: &'static str,
    views: Vec<ViewState>,
}

/// How some views follow the log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ViewState {
    /// `graph` (with sessions and figures), `memories` or `runs`.
    name: &'static str,
    /// `following`, or `retrying` while the log can't be read for it.
    state: &'static str,
    /// The position it has reached.
    through: u64,
    /// With `retrying`: the code of the store's error.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Whether events are taken, and the views follow them.
#[utoipa::path(
    get, path = "/readyz", tag = "operation",
    responses(
        (status = 200, description = "They are", body = Readiness),
        (status = 503, description = "Events are not taken, or a view broke and stands still; and why", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn readyz(
    State(state): State<AppState>,
) -> Result<axum::Json<Readiness>, ApiError> {
    let not_ready = |reason| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", reason);
    if state.shutdown.is_cancelled() {
        return Err(not_ready("the server is shutting down".to_owned()));
    }
    if let Health::ReadOnly(reason) = state.store.health() {
        return Err(not_ready(reason));
    }
    let mut views = Vec::new();
    for lane in state.live.lanes() {
        let (word, error) = match lane.state() {
            LaneState::Following => ("following", None),
            LaneState::Retrying(error) => ("retrying", Some(error)),
            LaneState::Failed => {
                let reason = format!("the view {} broke; the server's log says why", lane.name);
                return Err(not_ready(reason));
            }
        };
        views.push(ViewState {
            name: lane.name,
            state: word,
            through: lane.through().0,
            error,
        });
    }
    Ok(axum::Json(Readiness {
        status: "ready",
        views,
    }))
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
