//! Moving the cursor of a replay session. `step` and `jump` answer as the original design has it: an object with `error` where there is nothing to move to.

use std::time::Duration;

use axum::Extension;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use loom_studio_core::{Direction, Moment, Pace, ReplayStep, Seq};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::{IntoParams, ToSchema};

use super::{PlaceDto, Tenant, path_of, query_of};
use crate::dto::{JsonText, event_json};
use crate::error::{ApiError, Problem};
use crate::http::security::Workspace;
use crate::replays::{self, Movement};
use crate::routes::filter;
use crate::state::AppState;

/// How long a run to a breakpoint may take: it reads every event on its way.
const LONGEST_RUN: Duration = Duration::from_mins(1);
/// The speeds at which a session can be played.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.01..=10_000.0;

/// The event the cursor moved over, or why it didn't.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::routes) struct Moved {
    /// The event, as in `GET /api/events`.
    event: Option<serde_json::Map<String, serde_json::Value>>,
    /// The cursor after the move.
    index: Option<usize>,
    /// Events in the session.
    total: Option<usize>,
    /// The breakpoint that stopped a run.
    breakpoint: Option<String>,
    /// In place of all others: `No more events` of a step, `Invalid index` of a jump, `No breakpoint` of a run.
    error: Option<String>,
}

/// Written from the stored bytes.
fn moved(step: Option<&ReplayStep>, error: &str, says_breakpoint: bool) -> JsonText {
    let Some(step) = step else {
        let answer = serde_json::json!({ "error": error });
        return JsonText(answer.to_string().into_bytes());
    };
    let mut rest = serde_json::json!({ "index": step.index, "total": step.total });
    if let (true, Some(members)) = (says_breakpoint, rest.as_object_mut()) {
        let breakpoint = step.breakpoint.as_deref().map(str::to_owned);
        members.insert("breakpoint".to_owned(), breakpoint.into());
    }
    let mut json = br#"{"event":"#.to_vec();
    json.extend(event_json(&step.event));
    json.push(b',');
    json.extend_from_slice(rest.to_string().trim_start_matches('{').as_bytes());
    JsonText(json)
}

/// Which way.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Way {
    /// `forward` (default) or `backward`.
    direction: Option<String>,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

impl Way {
    fn direction(&self) -> Result<Direction, ApiError> {
        Ok(self.direction.as_deref().unwrap_or("forward").parse()?)
    }
}

/// One step: forward returns the event at the cursor, then advances; backward goes back, then returns.
#[utoipa::path(
    post, path = "/api/replay/{session_id}/step",
    operation_id = "stepReplay", tag = "replay",
    params(("session_id" = String, Path, description = "The session"), Way),
    responses(
        (status = 200, description = "The event, or `No more events`", body = Moved),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such session in this workspace (any more)", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The event was deleted by retention", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn step(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<Way>, QueryRejection>,
) -> Result<JsonText, ApiError> {
    let id = path_of(id)?;
    let direction = query_of(query)?.direction()?;
    let replay = state.replays.find(&workspace.0, &id)?;
    let step = state.replays.go(&replay, Movement::Step(direction)).await?;
    Ok(moved(step.as_ref(), "No more events", false))
}

/// Where to: one of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Target {
    /// The index of an event, from 0.
    index: Option<i64>,
    /// A position: its event if it is part of the session, else the first event that shows a later state.
    seq: Option<u64>,
    /// The first event at or after this time: epoch seconds or RFC 3339.
    time: Option<String>,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// To an event, which is then at the cursor.
#[utoipa::path(
    post, path = "/api/replay/{session_id}/jump",
    operation_id = "jumpReplay", tag = "replay",
    params(("session_id" = String, Path, description = "The session"), Target),
    responses(
        (status = 200, description = "The event, or `Invalid index`", body = Moved),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such session in this workspace (any more)", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The event was deleted by retention", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn jump(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<Target>, QueryRejection>,
) -> Result<JsonText, ApiError> {
    let id = path_of(id)?;
    let query = query_of(query)?;
    let movement = match (query.index, query.seq, query.time.as_deref()) {
        // One below 0 is no index, like one beyond the end.
        (Some(index), None, None) => Movement::Jump(usize::try_from(index).unwrap_or(usize::MAX)),
        (None, Some(seq), None) => Movement::JumpTo(Moment::Seq(Seq(seq))),
        (None, None, Some(time)) => Movement::JumpTo(Moment::Time(filter::moment("time", time)?)),
        _ => return Err(ApiError::invalid("expected one of index, seq and time")),
    };
    let replay = state.replays.find(&workspace.0, &id)?;
    let step = state.replays.go(&replay, movement).await?;
    Ok(moved(step.as_ref(), "Invalid index", false))
}

/// To the next event in the direction for which a breakpoint holds.
#[utoipa::path(
    post, path = "/api/replay/{session_id}/run",
    operation_id = "runReplay", tag = "replay",
    params(("session_id" = String, Path, description = "The session"), Way),
    responses(
        (status = 200, description = "The event and the breakpoint, or `No breakpoint`", body = Moved),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such session in this workspace (any more)", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No breakpoint was found in the time there is; the cursor has not moved", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn run(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<Way>, QueryRejection>,
) -> Result<JsonText, ApiError> {
    let id = path_of(id)?;
    let direction = query_of(query)?.direction()?;
    let replay = state.replays.find(&workspace.0, &id)?;
    let run = state.replays.go(&replay, Movement::Run(direction));
    let found = tokio::select! {
        () = replay.ended.cancelled() => return Err(replays::unknown(&id)),
        found = timeout(LONGEST_RUN, run) => found,
    };
    let step = found.map_err(|_| {
        let detail = format!(
            "no breakpoint was found within {} seconds: replay fewer events, or set fewer breakpoints",
            LONGEST_RUN.as_secs()
        );
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "run_too_long", detail)
    })??;
    Ok(moved(step.as_ref(), "No breakpoint", true))
}

/// How fast.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Speed {
    /// So many times as fast as it happened, 0.01 to 10,000. Default 1. A pause is never longer than two seconds.
    speed: Option<f64>,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// Plays forward from the cursor to the next breakpoint or the end, in place of a play under way. Followers hear of it by WebSocket.
#[utoipa::path(
    post, path = "/api/replay/{session_id}/play",
    operation_id = "playReplay", tag = "replay",
    params(("session_id" = String, Path, description = "The session"), Speed),
    responses(
        (status = 200, description = "Where it stands", body = PlaceDto),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such session in this workspace (any more)", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn play(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<Speed>, QueryRejection>,
) -> Result<axum::Json<PlaceDto>, ApiError> {
    let id = path_of(id)?;
    let speed = query_of(query)?.speed.unwrap_or(1.0);
    let pace = Pace::new(speed)
        .filter(|_| SPEEDS.contains(&speed))
        .ok_or_else(|| ApiError::invalid("speed: expected a number from 0.01 to 10000"))?;
    let replay = state.replays.find(&workspace.0, &id)?;
    let standing = replays::play(&state, &replay, speed, pace).await?;
    Ok(axum::Json(PlaceDto::new(&state, &replay, &standing)?))
}

/// Stops playing.
#[utoipa::path(
    post, path = "/api/replay/{session_id}/pause",
    operation_id = "pauseReplay", tag = "replay",
    params(("session_id" = String, Path, description = "The session"), Tenant),
    responses(
        (status = 200, description = "Where it stands", body = PlaceDto),
        (status = 404, description = "There is no such session in this workspace (any more)", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn pause(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<Tenant>, QueryRejection>,
) -> Result<axum::Json<PlaceDto>, ApiError> {
    let id = path_of(id)?;
    let _ = query_of(query)?;
    let replay = state.replays.find(&workspace.0, &id)?;
    let place = state.replays.pause(&replay).await?;
    Ok(axum::Json(PlaceDto::new(&state, &replay, &place)?))
}
