//! The graph over HTTP.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use loom_studio_core::{
    CausalTopology, EventFilter, EventStore, Pattern, PendingCall, Projection as _, Record, Seq,
    Timestamp, Topologies, Topology, TopologyInferer as _, fold_between, visit_records,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::runs;
use crate::dear::{aside, json, written};
use crate::dto::{JsonText, TopologyDto};
use crate::error::{ApiError, Problem};
use crate::http::security::Workspace;
use crate::state::AppState;

/// Which graph.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct TopologyQuery {
    /// As of this position; now when absent.
    at: Option<u64>,
    /// Of this session alone; `x*` prefix, `*x*` contains.
    session_id: Option<String>,
    /// Of this run alone: a position that is part of it, or a trace id. Not together with `session_id`.
    run_id: Option<String>,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// Nodes, and who calls whom.
#[utoipa::path(
    get, path = "/api/topology",
    operation_id = "showTopology", tag = "views", params(TopologyQuery),
    responses(
        (status = 200, description = "The graph", body = TopologyDto),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "What was before the position was deleted by retention", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The run has more than 1,000,000 records", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    query: Result<Query<TopologyQuery>, QueryRejection>,
) -> Result<JsonText, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let head = state.store.stats().await?.last_seq;
    let epoch = state.store.epoch();
    let workspace = workspace.0;
    let session = query.session_id.filter(|session| !session.is_empty());
    if let Some(run) = query.run_id.filter(|run| !run.is_empty()) {
        if session.is_some() {
            return Err(ApiError::invalid("run_id: not together with session_id"));
        }
        let as_of = runs::as_of(&state, &workspace, query.at).await?;
        let found = runs::find(&state, &workspace, &as_of, &run).await?;
        runs::too_large(&found)?;
        let store = Arc::clone(&state.store);
        let work = async move || {
            let graph = of_run(&*store, &found.members, as_of.at, as_of.now).await?;
            written(&TopologyDto::new(&graph, epoch))
        };
        return Ok(JsonText(state.dear.run(work).await??));
    }
    if query.at.is_none() && session.is_none() {
        // Who asks after an acknowledgement sees what was acknowledged.
        state.live.reach(head).await?;
        let graph = state.live.topology(&workspace).await?;
        return Ok(JsonText(
            json(move || TopologyDto::new(&graph, epoch)).await?,
        ));
    }
    let at = query.at.map_or(head, Seq).min(head);
    if let Some(session) = session.and_then(|session| session.parse().ok()) {
        let dear = state.dear.clone();
        let work = async move || {
            let graph = of_session(&state, &workspace, session, at, head).await?;
            written(&TopologyDto::new(&graph, epoch)).map_err(ApiError::from)
        };
        return Ok(JsonText(dear.run(work).await??));
    }
    let past = state.live.topologies.at(at).await?;
    let made = move || {
        let graph = past.topology(&workspace, Timestamp::default());
        let graph = past.topology(&workspace, present(&state, at, head, &graph));
        TopologyDto::new(&graph, epoch)
    };
    Ok(JsonText(json(made).await?))
}

/// What a workspace was at a position.
pub(super) struct Past {
    pub(super) graph: Topology,
    pub(super) open: Vec<PendingCall>,
    /// The moment it was.
    pub(super) now: Timestamp,
}

/// A workspace at a position as something past, the head too: its present is its last event, so that what was open then is open.
pub(super) async fn past(
    state: &AppState,
    workspace: &Arc<str>,
    at: Seq,
) -> Result<Past, ApiError> {
    let past = state.live.topologies.at(at).await?;
    let workspace = Arc::clone(workspace);
    Ok(aside(move || then(&past, &workspace)).await?)
}

/// As [`past`], of a state that is there.
pub(super) fn then(past: &Topologies, workspace: &str) -> Past {
    let now = last_time(&past.topology(workspace, Timestamp::default()));
    Past {
        graph: past.topology(workspace, now),
        open: past.pending_calls(workspace, now),
        now,
    }
}

/// The graph of some sessions alone: folded from their own records, between the first and the last of them.
async fn of_session(
    state: &AppState,
    workspace: &Arc<str>,
    session: Pattern,
    at: Seq,
    head: Seq,
) -> Result<Topology, ApiError> {
    // Where they begin and end is what the sessions' history says as of the same position.
    state.live.reach(at).await?;
    let sessions = state.live.sessions.at(at).await?;
    let mut inferer = CausalTopology::default();
    if let Some((first, last)) = sessions.extent(workspace, &session) {
        let filter = EventFilter {
            session: Some(session),
            ..EventFilter::workspace(Arc::clone(workspace))
        };
        let (after, up_to) = (first.previous(), last.min(at));
        fold_between(&*state.store, &filter, after, up_to, &mut inferer).await?;
    }
    let graph = inferer.topology(Timestamp::default());
    let now = present(state, at, head, &graph);
    Ok(Topology {
        at,
        ..inferer.topology(now)
    })
}

/// The graph of one run alone: folded from its records.
async fn of_run(
    store: &dyn EventStore,
    members: &[Seq],
    at: Seq,
    now: Timestamp,
) -> loom_studio_core::Result<Topology> {
    let mut inferer = CausalTopology::default();
    let take = |record: &Record| {
        inferer.apply(record);
        ControlFlow::Continue(())
    };
    visit_records(store, members, take).await?;
    Ok(Topology {
        at,
        ..inferer.topology(now)
    })
}

/// The moment a graph is of: now at the head, else that of its last event.
fn present(state: &AppState, at: Seq, head: Seq, graph: &Topology) -> Timestamp {
    if at >= head {
        state.clock.now()
    } else {
        last_time(graph)
    }
}

/// The present of a past graph: its last event.
fn last_time(graph: &Topology) -> Timestamp {
    graph
        .nodes
        .iter()
        .map(|node| node.last_time)
        .max()
        .unwrap_or_default()
}
