//! What was known at the cursor of a replay session, and what changed between two of its places.

use std::cmp::Ordering;

use axum::Extension;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use loom_studio_core::{
    MemoryReconstructor as _, PendingCall, RecordedMemory, ReplayEngine as _, Seq, StateOf,
    Topology, at_both,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{path_of, query_of};
use crate::dto::{EdgeDto, NodeDto, TopologyDto};
use crate::error::{ApiError, Problem};
use crate::http::security::Workspace;
use crate::replays::Replay;
use crate::routes::topology::{self, Past};
use crate::state::AppState;

/// Open calls listed; the counter says how many there are.
const MAX_OPEN_CALLS: usize = 1_000;

/// Which place.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct At {
    /// With the cursor here, 0 to `total`; where it is when absent. The cursor doesn't move.
    index: Option<usize>,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// The workspace as it was at a place of the session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReplayStateDto)]
pub(in crate::routes) struct StateDto {
    session_id: String,
    /// The cursor.
    index: usize,
    /// Events in the session.
    total: usize,
    /// The position whose state this is; other routes take it as `at`.
    at: u64,
    /// The moment it was.
    time: String,
    /// As in `GET /api/topology`.
    topology: TopologyDto,
    /// Calls without a reply, oldest first; at most 1,000.
    open_calls: Vec<OpenCallDto>,
    counters: CountersDto,
    memory: MemoryCountersDto,
}

/// How much was remembered by then; `GET /api/memory/{node_id}` and `GET /api/state` with this `at` have it.
#[derive(Debug, Serialize, ToSchema)]
struct MemoryCountersDto {
    /// Nodes that reported a memory, in each session.
    owners: usize,
    entries: usize,
    /// The session whose state tree was patched last.
    state_session: Option<String>,
}

impl MemoryCountersDto {
    fn new(memory: Option<&RecordedMemory>) -> Self {
        let owners = memory.map_or_else(Vec::new, RecordedMemory::owners);
        let state_session = memory.and_then(|memory| memory.state_session(StateOf::Session(None)));
        Self {
            owners: owners.len(),
            entries: owners.iter().map(|owner| owner.entries).sum(),
            state_session: state_session.map(|session| session.to_string()),
        }
    }
}

/// A call that waits for its reply.
#[derive(Debug, Serialize, ToSchema)]
struct OpenCallDto {
    from: String,
    to: String,
    /// The request's id.
    id: String,
    /// The request's position.
    seq: u64,
    since: String,
}

impl From<&PendingCall> for OpenCallDto {
    fn from(call: &PendingCall) -> Self {
        Self {
            from: call.from.to_string(),
            to: call.to.to_string(),
            id: call.id.to_string(),
            seq: call.seq.0,
            since: call.time.to_string(),
        }
    }
}

/// How much there was by then.
#[derive(Debug, Serialize, ToSchema)]
struct CountersDto {
    events: u64,
    /// Calls that failed or were never answered.
    errors: u64,
    nodes: usize,
    edges: usize,
    open_calls: usize,
}

/// The position whose state is shown with the cursor at an index.
async fn position(state: &AppState, replay: &Replay, index: usize) -> Result<Seq, ApiError> {
    let place = state.replays.engine.state_at(&replay.id, index).await?;
    let place = place.ok_or_else(|| {
        let detail = format!("the session has no index {index}");
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_index", detail)
    })?;
    Ok(place.state_at)
}

/// That position, and the workspace there.
async fn past(
    state: &AppState,
    workspace: &Workspace,
    replay: &Replay,
    index: usize,
) -> Result<(u64, Past), ApiError> {
    let at = position(state, replay, index).await?;
    let past = topology::past(state, &workspace.0, at).await?;
    Ok((at.0, past))
}

/// What was known at the cursor: the workspace's graph, its open calls, counters and how much its nodes remembered, as the live views showed them then.
#[utoipa::path(
    get, path = "/api/replay/{session_id}/state",
    operation_id = "showReplayState", tag = "replay",
    params(("session_id" = String, Path, description = "The session"), At),
    responses(
        (status = 200, description = "The state", body = StateDto),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such session in this workspace (any more)", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "What was before the position was deleted by retention", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn show(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<At>, QueryRejection>,
) -> Result<axum::Json<StateDto>, ApiError> {
    let id = path_of(id)?;
    let query = query_of(query)?;
    let replay = state.replays.find(&workspace.0, &id)?;
    let cursor = state.replays.engine.session(&replay.id).await?;
    let index = query.index.unwrap_or(cursor.index);
    let at = position(&state, &replay, index).await?;
    let live = &state.live;
    let (topologies, memories) = at_both(&live.topologies, &live.memories, at).await?;
    let past = topology::then(&topologies, &workspace.0);
    let graph = &past.graph;
    Ok(axum::Json(StateDto {
        session_id: id,
        index,
        total: cursor.total,
        at: at.0,
        memory: MemoryCountersDto::new(memories.of_workspace(&workspace.0)),
        time: past.now.to_string(),
        counters: CountersDto {
            events: graph.nodes.iter().map(|node| node.events).sum(),
            errors: graph.edges.iter().map(|edge| edge.errors).sum(),
            nodes: graph.nodes.len(),
            edges: graph.edges.len(),
            open_calls: past.open.len(),
        },
        open_calls: past
            .open
            .iter()
            .take(MAX_OPEN_CALLS)
            .map(OpenCallDto::from)
            .collect(),
        topology: TopologyDto::new(graph, state.store.epoch()),
    }))
}

/// Between which places.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Between {
    /// With the cursor here, 0 to `total`.
    from: usize,
    /// With the cursor here; may be before `from`.
    to: usize,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// What changed in the graph.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReplayDiffDto)]
pub(in crate::routes) struct DiffDto {
    session_id: String,
    from: EndDto,
    to: EndDto,
    nodes: NodeChanges,
    edges: EdgeChanges,
}

/// One end of a comparison.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReplayEndDto)]
struct EndDto {
    index: usize,
    /// The position whose state it is.
    at: u64,
}

/// Nodes by what became of them, each list by id.
#[derive(Debug, Serialize, ToSchema)]
struct NodeChanges {
    added: Vec<NodeDto>,
    changed: Vec<NodeChange>,
    removed: Vec<NodeDto>,
}

/// A node before and after.
#[derive(Debug, Serialize, ToSchema)]
struct NodeChange {
    before: NodeDto,
    after: NodeDto,
}

/// Edges by what became of them, each list by `from`, then `to`.
#[derive(Debug, Serialize, ToSchema)]
struct EdgeChanges {
    added: Vec<EdgeDto>,
    changed: Vec<EdgeChange>,
    removed: Vec<EdgeDto>,
}

/// An edge before and after.
#[derive(Debug, Serialize, ToSchema)]
struct EdgeChange {
    before: EdgeDto,
    after: EdgeDto,
}

/// Pairs two lists that are sorted by key, and leaves out what is equal in both.
fn changes<'a, T: PartialEq>(
    before: &'a [T],
    after: &'a [T],
    compare: impl Fn(&T, &T) -> Ordering,
) -> Vec<(Option<&'a T>, Option<&'a T>)> {
    let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
    let mut found = Vec::new();
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return found,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => compare(old, new),
        };
        let old = order.is_le().then(|| before.next()).flatten();
        let new = order.is_ge().then(|| after.next()).flatten();
        if old != new {
            found.push((old, new));
        }
    }
}

impl NodeChanges {
    fn between(before: &Topology, after: &Topology) -> Self {
        let mut sorted = Self {
            added: Vec::new(),
            changed: Vec::new(),
            removed: Vec::new(),
        };
        let by_id = changes(&before.nodes, &after.nodes, |old, new| old.id.cmp(&new.id));
        for change in by_id {
            match change {
                (Some(before), Some(after)) => sorted.changed.push(NodeChange {
                    before: before.into(),
                    after: after.into(),
                }),
                (Some(before), None) => sorted.removed.push(before.into()),
                (None, after) => sorted.added.extend(after.map(NodeDto::from)),
            }
        }
        sorted
    }
}

impl EdgeChanges {
    fn between(before: &Topology, after: &Topology) -> Self {
        let mut sorted = Self {
            added: Vec::new(),
            changed: Vec::new(),
            removed: Vec::new(),
        };
        let by_ends = changes(&before.edges, &after.edges, |old, new| {
            (&old.from, &old.to).cmp(&(&new.from, &new.to))
        });
        for change in by_ends {
            match change {
                (Some(before), Some(after)) => sorted.changed.push(EdgeChange {
                    before: before.into(),
                    after: after.into(),
                }),
                (Some(before), None) => sorted.removed.push(before.into()),
                (None, after) => sorted.added.extend(after.map(EdgeDto::from)),
            }
        }
        sorted
    }
}

/// What changed in the workspace's graph between two places of a session.
#[utoipa::path(
    get, path = "/api/replay/{session_id}/diff",
    operation_id = "diffReplay", tag = "replay",
    params(("session_id" = String, Path, description = "The session"), Between),
    responses(
        (status = 200, description = "The changes", body = DiffDto),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such session in this workspace (any more)", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "What was before a position was deleted by retention", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn diff(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<Between>, QueryRejection>,
) -> Result<axum::Json<DiffDto>, ApiError> {
    let id = path_of(id)?;
    let query = query_of(query)?;
    let replay = state.replays.find(&workspace.0, &id)?;
    let (from_at, before) = past(&state, &workspace, &replay, query.from).await?;
    let (to_at, after) = past(&state, &workspace, &replay, query.to).await?;
    Ok(axum::Json(DiffDto {
        session_id: id,
        from: EndDto {
            index: query.from,
            at: from_at,
        },
        to: EndDto {
            index: query.to,
            at: to_at,
        },
        nodes: NodeChanges::between(&before.graph, &after.graph),
        edges: EdgeChanges::between(&before.graph, &after.graph),
    }))
}
