//! Runs over HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use loom_studio_core::{
    ErrorKind, EventFilter, Pattern, Projection as _, RunList, RunStatus, Seq, SeqSet, Timestamp,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::dto::JsonText;
use crate::dto::runs::{Part, RunDetail, RunsPage};
use crate::error::{ApiError, Problem};
use crate::http::security::Workspace;
use crate::runs::{AsOf, Found, Question, RunName, RunOrder, detail, list_at};
use crate::state::AppState;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// Records of the largest run that is folded for a question: some seconds.
const MAX_FOLDED: usize = 1_000_000;

/// Which runs, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// At most so many, 1 to 1000. Default 100.
    limit: Option<usize>,
    /// Go on where a page ended: its `next_cursor`.
    cursor: Option<String>,
    /// `running`, `ok`, `failed` or `unanswered`.
    status: Option<String>,
    /// The session of the root; `x*` prefix, `*x*` contains.
    session_id: Option<String>,
    /// The caller or the callee of the root, in any spelling; `x*` prefix, `*x*` contains.
    node_id: Option<String>,
    /// `true`: only runs whose root may have been called by somebody known, so that they may be part of another; `false`: only the others.
    ambiguous: Option<bool>,
    /// `-seq` (default, the newest first), `seq`, `-duration` or `duration`.
    order: Option<String>,
    /// As of this position; now when absent.
    at: Option<u64>,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// Runs: root calls and all below them.
#[utoipa::path(
    get, path = "/api/runs",
    operation_id = "listRuns", tag = "views", params(ListQuery),
    responses(
        (status = 200, description = "A page", body = RunsPage),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The cursor is of another epoch: start over", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "What was before the position was deleted by retention", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<axum::Json<RunsPage>, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let question = question(&state, &query)?;
    let as_of = as_of(&state, &workspace.0, query.at).await?;
    let page = as_of.page(&*state.store, &workspace.0, question).await?;
    Ok(axum::Json(page))
}

fn question(state: &AppState, query: &ListQuery) -> Result<Question, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::invalid(format!(
            "limit: expected 1 to {MAX_LIMIT}"
        )));
    }
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let order = query.order.as_deref().unwrap_or("-seq");
    let order = RunOrder::parse(order)
        .ok_or_else(|| ApiError::invalid("order: expected seq, -seq, duration or -duration"))?;
    let status = given(&query.status);
    let all = [
        RunStatus::Running,
        RunStatus::Ok,
        RunStatus::Failed,
        RunStatus::Unanswered,
    ];
    if let Some(status) = &status
        && !all.iter().any(|known| known.as_str() == status)
    {
        return Err(ApiError::invalid(
            "status: expected running, ok, failed or unanswered",
        ));
    }
    let place = |cursor: String| order.place(&cursor, state.store.epoch());
    let after = given(&query.cursor).map(place).transpose();
    let after = after.map_err(|error| match error.kind() {
        ErrorKind::Invalid => {
            ApiError::new(StatusCode::BAD_REQUEST, "invalid_cursor", error.to_string())
        }
        _ => error.into(),
    })?;
    let pattern = |text: &Option<String>| given(text).and_then(|text| text.parse().ok());
    Ok(Question {
        status,
        session: pattern(&query.session_id),
        node: node(pattern(&query.node_id)),
        is_ambiguous: query.ambiguous,
        order,
        limit,
        after,
    })
}

/// A pattern of nodes as they are stored.
pub(crate) fn node(pattern: Option<Pattern>) -> Option<Pattern> {
    let filter = EventFilter {
        node: pattern,
        ..EventFilter::default()
    };
    filter.normalized().node
}

/// The runs as of a position; the present one when none is given.
pub(super) async fn as_of(
    state: &AppState,
    workspace: &Arc<str>,
    at: Option<u64>,
) -> Result<AsOf, ApiError> {
    let head = state.store.stats().await?.last_seq;
    let at = at.map_or(head, Seq).min(head);
    let history = &state.live.runs;
    if at >= head {
        // Who asks after an acknowledgement sees what was acknowledged.
        state.live.reach_runs(head).await?;
        let list = list_at(history, None).await?;
        return Ok(AsOf {
            at: list.through().max(head),
            list,
            now: state.clock.now(),
        });
    }
    let list = list_at(history, Some(at)).await?;
    // The present of a past list: its last event.
    let sessions = state.live.sessions.at(at).await?.of_workspace(workspace);
    let times = sessions.iter().map(|session| session.last_time);
    let now = times.max().unwrap_or_else(Timestamp::default);
    Ok(AsOf { list, at, now })
}

/// How long a question about one event waits for the runs to come to the head of the log.
const PATIENCE: Duration = Duration::from_secs(1);

/// The runs as far as they have come, which is the head unless they are far behind; `None` when they failed.
pub(super) async fn list_now(state: &AppState) -> Result<Option<Arc<RunList>>, ApiError> {
    let head = state.store.stats().await?.last_seq;
    let reached = tokio::time::timeout(PATIENCE, state.live.reach_runs(head)).await;
    if matches!(reached, Ok(Err(_))) {
        return Ok(None);
    }
    Ok(Some(list_at(&state.live.runs, None).await?))
}

/// The run of that name.
pub(super) async fn find(
    state: &AppState,
    workspace: &Arc<str>,
    as_of: &AsOf,
    name: &str,
) -> Result<Found, ApiError> {
    let name = RunName::parse(name).ok_or_else(|| {
        ApiError::invalid("run: expected a position or the 32 hexadecimal digits of a trace id")
    })?;
    if let Some(found) = as_of.find(workspace, name).await? {
        return Ok(found);
    }
    let first = state.store.stats().await?.first_seq;
    match name {
        RunName::Member(seq) if seq > Seq::ZERO && seq < first => {
            let detail = format!("record {seq} was deleted by retention");
            Err(ApiError::new(StatusCode::GONE, "gone", detail))
        }
        RunName::Member(seq) if as_of.may_have_forgotten(workspace, seq).await? => {
            let detail = format!(
                "the list of runs is bounded, and the oldest runs are forgotten: if event {seq} was part of one, it was one of those"
            );
            Err(ApiError::new(StatusCode::GONE, "run_forgotten", detail))
        }
        RunName::Member(seq) => Err(none(format!("event {seq} is part of no run here"))),
        RunName::Trace(trace) => Err(none(format!("trace {trace} is part of no run here"))),
    }
}

/// As of when a run is meant, and the positions of its records. They go by its name, so that a cursor stays good while it grows.
pub(super) async fn records_of(
    state: &AppState,
    workspace: &Arc<str>,
    at: Option<u64>,
    name: &str,
) -> Result<(AsOf, SeqSet), ApiError> {
    let as_of = as_of(state, workspace, at).await?;
    let found = find(state, workspace, &as_of, name).await?;
    let within = SeqSet::new(found.run.id.to_string(), found.members);
    Ok((as_of, within))
}

fn none(detail: String) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", detail)
}

/// As of when, and which of its calls.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ShowQuery {
    /// Only the call with this request and those beneath it.
    under: Option<u64>,
    /// Only so many levels of calls, at least 1.
    depth: Option<usize>,
    /// Only so many calls, at least 1: the deepest levels are left out first.
    limit: Option<usize>,
    /// As of this position; now when absent.
    at: Option<u64>,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// One run: its calls as a tree, the critical path, and what went wrong first.
#[utoipa::path(
    get, path = "/api/runs/{id}",
    operation_id = "showRun", tag = "views",
    params(
        ("id" = String, Path, description = "The position of its root or of any event that is part of it, or the 32 hexadecimal digits of a trace id"),
        ShowQuery,
    ),
    responses(
        (status = 200, description = "The run", body = RunDetail),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No run of this workspace has this part, or the run no such call", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "It was deleted by retention, or what was before the position", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<ShowQuery>, QueryRejection>,
) -> Result<JsonText, ApiError> {
    let Path(id) = id.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    if query.depth == Some(0) || query.limit == Some(0) {
        return Err(ApiError::invalid("depth, limit: expected at least 1"));
    }
    let as_of = as_of(&state, &workspace.0, query.at).await?;
    let found = find(&state, &workspace.0, &as_of, &id).await?;
    let part = Part {
        under: query.under.map(Seq),
        depth: query.depth,
        limit: query.limit,
    };
    let json = detail(&state.store, &state.trees, &found, &as_of, part).await?;
    let none = || none("under: the run has no call with that request".to_owned());
    Ok(JsonText(json.ok_or_else(none)?))
}

/// Refuses a run that costs too much to read as a whole.
pub(super) fn too_large(found: &Found) -> Result<(), ApiError> {
    let records = found.members.len();
    if records <= MAX_FOLDED {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "run_too_large",
        format!("the run has {records} records; at most {MAX_FOLDED} are read at once"),
    ))
}
