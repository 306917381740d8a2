//! The graph over HTTP.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use loom_studio_core::{
    CausalTopology, EventFilter, Seq, Timestamp, Topology, TopologyInferer as _, fold,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::dto::TopologyDto;
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
        (status = 410, description = "The position was deleted by retention", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    query: Result<Query<TopologyQuery>, QueryRejection>,
) -> Result<axum::Json<TopologyDto>, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let head = state.store.stats().await?.last_seq;
    let session = query.session_id.filter(|session| !session.is_empty());
    if query.at.is_none() && session.is_none() {
        // Who asks after an acknowledgement sees what was acknowledged.
        state.live.reach(head).await?;
        return Ok(axum::Json(TopologyDto::new(
            &state.live.topology(&workspace.0),
            state.store.epoch(),
        )));
    }
    if let Some(at) = query.at {
        // A position that was deleted has no answer any more; the store says so.
        state.store.get(Seq(at)).await?;
    }
    let filter = EventFilter {
        session: session.and_then(|session| session.parse().ok()),
        ..EventFilter::workspace(Arc::clone(&workspace.0))
    };
    let mut inferer = CausalTopology::default();
    let at = fold(&*state.store, &filter, query.at.map(Seq), &mut inferer).await?;
    let now = if at >= head {
        state.clock.now()
    } else {
        last_time(&inferer.topology(Timestamp::default()))
    };
    let graph = Topology {
        at,
        ..inferer.topology(now)
    };
    Ok(axum::Json(TopologyDto::new(&graph, state.store.epoch())))
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
