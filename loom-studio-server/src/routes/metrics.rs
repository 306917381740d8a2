//! Figures over HTTP.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use loom_studio_core::{
    Bottlenecks, Error, ErrorKind, EventFilter, Measured, NodeId, Pattern, RunId, RunList, Seq,
    Timestamp, bottlenecks, call_tree, measure, read_records,
};
use serde::Deserialize;
use tokio::sync::Semaphore;
use utoipa::IntoParams;

use crate::dto::metrics::MetricsDto;
use crate::error::{ApiError, Problem};
use crate::http::security::Workspace;
use crate::runs::list_at;
use crate::state::AppState;

/// Records of a session or run that are measured at most.
const MAX_RECORDS: usize = 200_000;

/// Which figures.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricsQuery {
    /// As of this position; now when absent.
    at: Option<u64>,
    /// Of this session alone; `x*` prefix, `*x*` contains.
    session_id: Option<String>,
    /// Of the run with this id alone.
    run_id: Option<u64>,
    /// Of this node alone, in any spelling.
    node_id: Option<String>,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// Answers that are worked out at a time: each may read and fold many records.
static WORKING: Semaphore = Semaphore::const_new(2);

/// What the figures are of, and the records behind them.
struct Scope {
    measured: Measured,
    bottlenecks: Bottlenecks,
    now: Timestamp,
    /// The position they go up to.
    at: Seq,
    is_complete: bool,
}

/// Tokens, response times, throughput, errors and bottlenecks.
#[utoipa::path(
    get, path = "/api/metrics",
    operation_id = "showMetrics", tag = "views", params(MetricsQuery),
    responses(
        (status = 200, description = "The figures", body = MetricsDto),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "What was before the position was deleted by retention", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    query: Result<Query<MetricsQuery>, QueryRejection>,
) -> Result<axum::Json<MetricsDto>, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let head = state.store.stats().await?.last_seq;
    let at = query.at.map_or(head, Seq).min(head);
    let session = query.session_id.filter(|session| !session.is_empty());
    let session: Option<Pattern> = session.and_then(|session| session.parse().ok());
    let node = query.node_id.filter(|node| !node.is_empty());
    let node = node.as_deref().map(NodeId::new);
    let closing = |_| Error::new(ErrorKind::Closed, "the server is shutting down");
    let _turn = WORKING.acquire().await.map_err(closing)?;
    let scope = match (query.run_id, session) {
        (Some(_), Some(_)) => {
            let detail = "session_id and run_id exclude each other";
            return Err(ApiError::invalid(detail));
        }
        (Some(run), None) => of_run(&state, &workspace.0, RunId(Seq(run)), at, head).await?,
        (None, Some(session)) => of_session(&state, &workspace.0, session, at, head).await?,
        (None, None) => of_everything(&state, &workspace.0, at, head).await?,
    };
    let view = scope.measured.view(&workspace.0, node.as_ref(), scope.now);
    Ok(axum::Json(MetricsDto::new(
        &view,
        &scope.bottlenecks,
        node.as_ref(),
        scope.at.0,
        scope.is_complete,
        state.store.epoch(),
    )))
}

async fn of_everything(
    state: &AppState,
    workspace: &Arc<str>,
    at: Seq,
    head: Seq,
) -> Result<Scope, ApiError> {
    let live = &state.live;
    live.reach(at).await?;
    live.reach_runs(at).await?;
    let measured = Measured {
        topologies: live.topologies.at(at).await?,
        runs: RunList::clone(&*list_at(&live.runs, (at < head).then_some(at)).await?),
        metrics: live.metrics.at(at).await?,
    };
    scope(state, workspace, measured, at, at >= head, true).await
}

/// The figures of some sessions: folded from their own records, between the first and the last of them.
async fn of_session(
    state: &AppState,
    workspace: &Arc<str>,
    session: Pattern,
    at: Seq,
    head: Seq,
) -> Result<Scope, ApiError> {
    state.live.reach(at).await?;
    let sessions = state.live.sessions.at(at).await?;
    let Some((first, last)) = sessions.extent(workspace, &session) else {
        return scope(state, workspace, Measured::default(), at, at >= head, true).await;
    };
    let filter = EventFilter {
        session: Some(session),
        ..EventFilter::workspace(Arc::clone(workspace))
    };
    let up_to = last.min(at);
    let (measured, reached) =
        measure(&*state.store, &filter, first.previous(), up_to, MAX_RECORDS).await?;
    let is_complete = reached >= up_to;
    let at = if is_complete { at } else { reached };
    scope(state, workspace, measured, at, at >= head, is_complete).await
}

/// The figures of one run: folded from its own records.
async fn of_run(
    state: &AppState,
    workspace: &Arc<str>,
    run: RunId,
    at: Seq,
    head: Seq,
) -> Result<Scope, ApiError> {
    state.live.reach_runs(at).await?;
    let list = list_at(&state.live.runs, (at < head).then_some(at)).await?;
    let mut members = list.members(workspace, run.0);
    if list.find(workspace, run.0) != Some(run) {
        let detail = format!("there is no run {run}");
        return Err(ApiError::new(StatusCode::NOT_FOUND, "not_found", detail));
    }
    let first = state.store.stats().await?.first_seq;
    let deleted = members.partition_point(|seq| *seq < first);
    if deleted == members.len() {
        let message = "the events of the run were deleted by retention";
        return Err(Error::new(ErrorKind::Gone, message).into());
    }
    members.drain(..deleted);
    let is_complete = deleted == 0 && members.len() <= MAX_RECORDS;
    let is_cut = members.len() > MAX_RECORDS;
    members.truncate(MAX_RECORDS);
    let at = match members.last() {
        Some(newest) if is_cut => *newest,
        _ => at,
    };
    let records = read_records(&*state.store, &members).await?;
    let measured: Measured = records.iter().cloned().collect();
    let now = present(state, workspace, &measured, at >= head);
    Ok(Scope {
        bottlenecks: Bottlenecks::of([&call_tree(&records, now)]),
        measured,
        now,
        at,
        is_complete,
    })
}

async fn scope(
    state: &AppState,
    workspace: &Arc<str>,
    measured: Measured,
    at: Seq,
    is_now: bool,
    is_complete: bool,
) -> Result<Scope, ApiError> {
    let now = present(state, workspace, &measured, is_now);
    Ok(Scope {
        bottlenecks: bottlenecks(&*state.store, &measured.runs, workspace, now).await?,
        measured,
        now,
        at,
        is_complete,
    })
}

/// The moment figures are of: now at the head, else that of the last event.
fn present(state: &AppState, workspace: &str, measured: &Measured, is_now: bool) -> Timestamp {
    if is_now {
        state.clock.now()
    } else {
        measured.metrics.last_time(workspace)
    }
}
