//! Figures over HTTP.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use loom_studio_core::{
    Bottlenecks, Error, ErrorKind, EventFilter, Measured, NodeId, Pattern, Projection as _, Record,
    RunFacts, RunId, Seq, Timestamp, bottlenecks, measure, visit_records,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::dear::written;
use crate::dto::JsonText;
use crate::dto::metrics::MetricsDto;
use crate::error::{ApiError, Problem};
use crate::figures::FiguresOf;
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
) -> Result<JsonText, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let log = state.store.stats().await?;
    let at = query.at.map_or(log.last_seq, Seq).min(log.last_seq);
    let of = FiguresOf {
        workspace: workspace.0,
        session: query.session_id.filter(|session| !session.is_empty()),
        run: query.run_id,
        node: query
            .node_id
            .filter(|node| !node.is_empty())
            .map(|node| NodeId::new(&node)),
        at,
        is_now: at >= log.last_seq,
        first: log.first_seq,
    };
    if of.run.is_some() && of.session.is_some() {
        let detail = "session_id and run_id exclude each other";
        return Err(ApiError::invalid(detail));
    }
    if let Some(json) = state.figures.known(&of, state.clock.now()) {
        return Ok(JsonText(json.to_vec()));
    }
    let dear = state.dear.clone();
    let json = dear.run(move || figures(state, of)).await??;
    Ok(JsonText(json))
}

/// Works the figures out.
async fn figures(state: AppState, of: FiguresOf) -> Result<Vec<u8>, ApiError> {
    let made = state.clock.now();
    // Somebody else may have asked the same meanwhile.
    if let Some(json) = state.figures.known(&of, made) {
        return Ok(json.to_vec());
    }
    let session: Option<Pattern> = of.session.as_ref().and_then(|session| session.parse().ok());
    let scope = match (of.run, session) {
        (Some(run), _) => of_run(&state, &of, RunId(Seq(run))).await?,
        (None, Some(session)) => of_session(&state, &of, session).await?,
        (None, None) => of_everything(&state, &of).await?,
    };
    let node = of.node.as_ref();
    let view = scope.measured.view(&of.workspace, node, scope.now);
    let json = written(&MetricsDto::new(
        &view,
        &scope.bottlenecks,
        node,
        scope.at.0,
        scope.is_complete,
        state.store.epoch(),
    ))?;
    state.figures.keep(of, made, &json);
    Ok(json)
}

async fn of_everything(state: &AppState, of: &FiguresOf) -> Result<Scope, ApiError> {
    let (live, at) = (&state.live, of.at);
    live.reach(at).await?;
    live.reach_runs(at).await?;
    let measured = Measured {
        topologies: live.topologies.at(at).await?,
        runs: live.runs.at(at).await?,
        metrics: live.metrics.at(at).await?,
    };
    scope(state, of, measured, at, true).await
}

/// The figures of some sessions: folded from their own records, between the first and the last of them.
async fn of_session(state: &AppState, of: &FiguresOf, session: Pattern) -> Result<Scope, ApiError> {
    state.live.reach(of.at).await?;
    let sessions = state.live.sessions.at(of.at).await?;
    let Some((first, last)) = sessions.extent(&of.workspace, &session) else {
        return scope(state, of, Measured::default(), of.at, true).await;
    };
    let filter = EventFilter {
        session: Some(session),
        ..EventFilter::workspace(Arc::clone(&of.workspace))
    };
    let up_to = last.min(of.at);
    let (measured, reached) =
        measure(&*state.store, &filter, first.previous(), up_to, MAX_RECORDS).await?;
    let is_complete = reached >= up_to;
    let at = if is_complete { of.at } else { reached };
    scope(state, of, measured, at, is_complete).await
}

/// The figures of one run: folded from its own records.
async fn of_run(state: &AppState, of: &FiguresOf, run: RunId) -> Result<Scope, ApiError> {
    state.live.reach_runs(of.at).await?;
    let list = list_at(&state.live.runs, (!of.is_now).then_some(of.at)).await?;
    let mut members = list.members(&of.workspace, run.0);
    if list.find(&of.workspace, run.0) != Some(run) {
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
        _ => of.at,
    };
    let (mut measured, mut facts) = (Measured::default(), RunFacts::default());
    let take = |record: &Record| {
        measured.apply(record);
        facts.add(record);
        ControlFlow::Continue(())
    };
    visit_records(&*state.store, &members, take).await?;
    let now = present(state, of, &measured);
    Ok(Scope {
        bottlenecks: Bottlenecks::of([&facts.tree(now)]),
        measured,
        now,
        at,
        is_complete,
    })
}

async fn scope(
    state: &AppState,
    of: &FiguresOf,
    measured: Measured,
    at: Seq,
    is_complete: bool,
) -> Result<Scope, ApiError> {
    let now = present(state, of, &measured);
    let runs = &measured.runs;
    Ok(Scope {
        bottlenecks: bottlenecks(&*state.store, runs, &of.workspace, now).await?,
        measured,
        now,
        at,
        is_complete,
    })
}

/// The moment figures are of: now at the head, else that of the last event.
fn present(state: &AppState, of: &FiguresOf, measured: &Measured) -> Timestamp {
    if of.is_now {
        state.clock.now()
    } else {
        measured.metrics.last_time(&of.workspace)
    }
}
