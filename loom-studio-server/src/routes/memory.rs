//! What nodes remember, over HTTP.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use loom_studio_core::{
    Memories, MemoryReconstructor as _, NodeId, Projection as _, Recall, RecordedMemory, Seq,
    recall,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::dto::memory::{DiffDto, MemoryDto, OwnerDto, OwnersDto, StepDto, tiers};
use crate::error::{ApiError, Problem};
use crate::http::security::Workspace;
use crate::state::AppState;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// Bytes of contents in one answer; the entry that reaches it is the last with a content.
const MAX_CONTENT_BYTES: usize = 4 << 20;

/// Which memories.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnersQuery {
    /// As of this position; now when absent.
    at: Option<u64>,
    /// Of this session alone.
    session_id: Option<String>,
    /// At most so many, 1 to 1000. Default 100.
    limit: Option<usize>,
    /// Pass over so many.
    offset: Option<usize>,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// The nodes that reported a memory or a project state object, by session.
#[utoipa::path(
    get, path = "/api/memory",
    operation_id = "listMemories", tag = "views", params(OwnersQuery),
    responses(
        (status = 200, description = "A page", body = OwnersDto),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "What was before the position was deleted by retention", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    query: Result<Query<OwnersQuery>, QueryRejection>,
) -> Result<axum::Json<OwnersDto>, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let limit = page_limit(query.limit)?;
    let positions = Positions::read(&state, query.at, None).await?;
    let now = positions.now.clone();
    let session = named(query.session_id);
    let offset = query.offset.unwrap_or(0);
    let epoch = state.store.epoch().to_string();
    let owners = computed(move || {
        let owners = now
            .of_workspace(&workspace.0)
            .map(RecordedMemory::owners)
            .unwrap_or_default();
        let is_meant = |of: &str| session.as_deref().is_none_or(|session| session == of);
        let mut total = 0;
        let mut page = Vec::new();
        for owner in owners.iter().filter(|owner| is_meant(&owner.session)) {
            if total >= offset && page.len() < limit {
                page.push(OwnerDto::from(owner));
            }
            total += 1;
        }
        OwnersDto {
            owners: page,
            total,
            left_out: now.left_out(),
            at: now.through().0,
            epoch,
        }
    });
    Ok(axum::Json(owners.await?))
}

/// Which memory, and what of it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct MemoryQuery {
    /// As of this position; now when absent.
    at: Option<u64>,
    /// In this session; in the one that reported last when absent.
    session_id: Option<String>,
    /// At most so many entries, 1 to 1000. Default 100.
    limit: Option<usize>,
    /// Pass over so many entries.
    offset: Option<usize>,
    /// Also what changed since this position.
    diff_from: Option<u64>,
    /// This entry alone, and what is known of it, there or gone.
    entry: Option<String>,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// What a node remembers.
#[utoipa::path(
    get, path = "/api/memory/{node_id}",
    operation_id = "showMemory", tag = "views",
    params(
        ("node_id" = String, Path, description = "The node, in any spelling; its slashes may stand as they are (`node/crew/master`)"),
        MemoryQuery
    ),
    responses(
        (status = 200, description = "Its memory", body = MemoryDto),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The node reported nothing up to the position, or nothing is known of the entry", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "What was before the position was deleted by retention", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    node: Result<Path<String>, PathRejection>,
    query: Result<Query<MemoryQuery>, QueryRejection>,
) -> Result<axum::Json<MemoryDto>, ApiError> {
    let Path(node) = node.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let node = NodeId::new(&node);
    let limit = page_limit(query.limit)?;
    let positions = Positions::read(&state, query.at, query.diff_from).await?;
    let at = positions.now.through();
    let unknown = |what: String| not_found(format!("nothing is known of {what} at {at}"));
    let missing = unknown(format!("a memory of {node}"));
    let entry = named(query.entry);
    let missing_entry = entry
        .as_ref()
        .map(|entry| unknown(format!("entry {entry}")));
    let session = named(query.session_id);
    let found = computed(move || {
        let memory = positions.now.of_workspace(&workspace.0)?;
        let mut snapshot = memory.memory(&node, session.as_deref())?;
        let tiers = tiers(&snapshot.entries);
        // All of an answer is about one session, whichever reported last at the earlier position.
        let session = Some(Arc::clone(&snapshot.session));
        let session = session.as_deref();
        let before = positions.before(&workspace.0);
        let diff = before.map_or(DiffDto::NONE, |(before, from)| {
            let changes = before.diff(memory, &node, session);
            DiffDto::new(&changes, from)
        });
        let blame: Option<Vec<StepDto>> = entry.map(|entry| {
            snapshot.entries.retain(|known| *known.id == *entry);
            let steps = memory.blame(&node, session, &entry);
            steps.iter().map(StepDto::from).collect()
        });
        Some((snapshot, tiers, diff, blame))
    });
    let (snapshot, tiers, diff, blame) = found.await?.ok_or(missing)?;
    if let (Some([]), Some(missing)) = (blame.as_deref(), missing_entry) {
        return Err(missing);
    }
    let page = Recall {
        skip: query.offset.unwrap_or(0),
        limit,
        max_bytes: MAX_CONTENT_BYTES,
    };
    let page = recall(&*state.store, &snapshot, page).await?;
    let mut memory = MemoryDto::new(&snapshot, &page, tiers, at, state.store.epoch());
    (memory.diff, memory.blame) = (diff, blame);
    Ok(axum::Json(memory))
}

/// The memories at the position asked for, and at an earlier one.
pub(super) struct Positions {
    pub(super) now: Arc<Memories>,
    earlier: Option<(Memories, Seq)>,
}

impl Positions {
    /// Positions beyond the head mean the head.
    pub(super) async fn read(
        state: &AppState,
        at: Option<u64>,
        diff_from: Option<u64>,
    ) -> Result<Self, ApiError> {
        let head = state.store.stats().await?.last_seq;
        let target = at.map_or(head, Seq).min(head);
        let from = diff_from.map(|from| Seq(from).min(head));
        if from.is_some_and(|from| from > target) {
            return Err(ApiError::invalid(
                "diff_from: expected a position not after `at`",
            ));
        }
        let memories = &state.live.memories;
        let earlier = match from {
            Some(from) => Some((memories.at(from).await?, from)),
            None => None,
        };
        let now = if at.is_some() {
            Arc::new(memories.at(target).await?)
        } else {
            // Who asks after an acknowledgement sees what was acknowledged.
            state.live.reach(head).await?;
            memories.head()
        };
        Ok(Self { now, earlier })
    }

    /// What was known of a workspace at the earlier position, if one was asked for.
    pub(super) fn before(&self, workspace: &str) -> Option<(RecordedMemory, Seq)> {
        let (earlier, from) = self.earlier.as_ref()?;
        let known = earlier.of_workspace(workspace).cloned();
        Some((known.unwrap_or_default(), *from))
    }
}

/// A parameter that is there and not empty.
pub(super) fn named(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

pub(super) fn not_found(detail: String) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", detail)
}

/// Works where a large memory or document holds up no other request.
pub(super) async fn computed<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "an answer could not be computed");
        let detail = "the server failed; its log says why";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    })
}

fn page_limit(limit: Option<usize>) -> Result<usize, ApiError> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        Ok(limit)
    } else {
        let detail = format!("limit: expected 1 to {MAX_LIMIT}");
        Err(ApiError::invalid(detail))
    }
}
