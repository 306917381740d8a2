//! The conditions a replay session stops at.

use std::collections::BTreeSet;

use axum::Extension;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use bytes::Bytes;
use loom_studio_core::{Breakpoint, ErrorKind, ReplayEngine as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Tenant, path_of, query_of};
use crate::error::{ApiError, Problem};
use crate::http::security::Workspace;
use crate::routes::{body, filter};
use crate::state::AppState;

/// Largest list of breakpoints: what they take in memory goes with their text.
const MAX_BYTES: usize = 2 << 20;
/// Most breakpoints of a session.
const MAX_BREAKPOINTS: usize = 10_000;
/// Longest id of a breakpoint.
const MAX_ID_BYTES: usize = 128;
/// Conditions read between two chances for other tasks to run.
const READ_PER_TURN: usize = 64;

/// The breakpoints of a session.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Breakpoints {
    breakpoints: Vec<BreakpointDto>,
}

/// A condition to stop at.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BreakpointDto {
    /// Chosen by the client, at most 128 bytes; unique in the session.
    id: String,
    /// As docs/conditions.md has it. `duration` is not known here.
    condition: String,
}

impl From<&Breakpoint> for BreakpointDto {
    fn from(breakpoint: &Breakpoint) -> Self {
        Self {
            id: breakpoint.id.to_string(),
            condition: breakpoint.condition.to_string(),
        }
    }
}

/// The breakpoints of a session.
#[utoipa::path(
    get, path = "/api/replay/{session_id}/breakpoints",
    operation_id = "listBreakpoints", tag = "replay",
    params(("session_id" = String, Path, description = "The session"), Tenant),
    responses(
        (status = 200, description = "In the order they were set in; conditions in their canonical form", body = Breakpoints),
        (status = 404, description = "There is no such session in this workspace (any more)", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn list(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<Tenant>, QueryRejection>,
) -> Result<axum::Json<Breakpoints>, ApiError> {
    let id = path_of(id)?;
    let _ = query_of(query)?;
    let replay = state.replays.find(&workspace.0, &id)?;
    let breakpoints = state.replays.engine.breakpoints(&replay.id).await?;
    Ok(axum::Json(Breakpoints {
        breakpoints: breakpoints.iter().map(BreakpointDto::from).collect(),
    }))
}

/// Sets the breakpoints of a session, in place of those before: all of them, or none where one is wrong.
#[utoipa::path(
    put, path = "/api/replay/{session_id}/breakpoints",
    operation_id = "setBreakpoints", tag = "replay",
    params(("session_id" = String, Path, description = "The session"), Tenant),
    request_body(content = Breakpoints, content_type = "application/json"),
    responses(
        (status = 200, description = "As they are now", body = Breakpoints),
        (status = 400, description = "A condition or the list is wrong; `invalid_condition` points at the character", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such session in this workspace (any more)", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The list is too large", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The breakpoints of all sessions hold as many regular expressions as there may be", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn set(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<Tenant>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<axum::Json<Breakpoints>, ApiError> {
    let id = path_of(id)?;
    let _ = query_of(query)?;
    let replay = state.replays.find(&workspace.0, &id)?;
    let wanted: Breakpoints = body::json(&body::read(body, MAX_BYTES)?)?;
    if wanted.breakpoints.len() > MAX_BREAKPOINTS {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "too_many_breakpoints",
            format!(
                "{} breakpoints: a session has at most {MAX_BREAKPOINTS}",
                wanted.breakpoints.len()
            ),
        ));
    }
    let mut ids = BTreeSet::new();
    let mut breakpoints = Vec::with_capacity(wanted.breakpoints.len());
    for (place, wanted) in wanted.breakpoints.iter().enumerate() {
        if !(1..=MAX_ID_BYTES).contains(&wanted.id.len()) || !ids.insert(&*wanted.id) {
            return Err(ApiError::invalid(format!(
                "breakpoints[{place}].id: expected 1 to {MAX_ID_BYTES} bytes that no other breakpoint has"
            )));
        }
        let condition = filter::required_condition(&wanted.condition)
            .map_err(|error| error.about(&format!("breakpoint {:?}", wanted.id)))?;
        breakpoints.push(Breakpoint {
            id: wanted.id.as_str().into(),
            condition,
        });
        if breakpoints.len().is_multiple_of(READ_PER_TURN) {
            tokio::task::yield_now().await;
        }
    }
    let set = breakpoints.iter().map(BreakpointDto::from).collect();
    state
        .replays
        .engine
        .set_breakpoints(&replay.id, breakpoints)
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::Full => ApiError::too_many_patterns(error.to_string()),
            _ => error.into(),
        })?;
    Ok(axum::Json(Breakpoints { breakpoints: set }))
}
