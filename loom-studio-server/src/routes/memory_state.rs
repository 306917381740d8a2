//! State trees and project state objects over HTTP.

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use loom_studio_core::{
    MemoryReconstructor as _, NodeId, Projection as _, StateChange, StateOf, is_pointer,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::memory::{Positions, computed, named, not_found};
use crate::dto::memory::DiffDto;
use crate::dto::state::{BlameDto, StateDto};
use crate::error::{ApiError, Problem};
use crate::http::security::Workspace;
use crate::state::AppState;

/// Which document, and what of it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct StateQuery {
    /// As of this position; now when absent.
    at: Option<u64>,
    /// Where (RFC 6901); the whole document when absent.
    path: Option<String>,
    /// The state of this session; of the one that reported last when absent.
    session_id: Option<String>,
    /// The project state object of this node instead of the session's state tree.
    node_id: Option<String>,
    /// Also what changed there since this position.
    diff_from: Option<u64>,
    /// Also who wrote it, and what it is in.
    blame: Option<bool>,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// A value of the state tree that `state.patch` events build, or of a node's project state object.
#[utoipa::path(
    get, path = "/api/state",
    operation_id = "showState", tag = "views", params(StateQuery),
    responses(
        (status = 200, description = "The value", body = StateDto),
        (status = 400, description = "A parameter is wrong; `invalid_pointer` for a path that is none", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No event was about such a document up to the position", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "What was before the position was deleted by retention", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    query: Result<Query<StateQuery>, QueryRejection>,
) -> Result<axum::Json<StateDto>, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let path = query.path.unwrap_or_default();
    if !is_pointer(&path) {
        let detail =
            "path: expected an RFC 6901 pointer, at most 128 deep: empty, or beginning with /";
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid_pointer",
            detail,
        ));
    }
    let node = named(query.node_id).map(|node| NodeId::new(&node));
    let session = named(query.session_id);
    let wants_blame = query.blame.unwrap_or(false);
    let positions = Positions::read(&state, query.at, query.diff_from).await?;
    let at = positions.now.through();
    let epoch = state.store.epoch();
    let answer = computed(move || {
        let known = positions.now.of_workspace(&workspace.0)?;
        let of = |session| match &node {
            Some(node) => StateOf::Node(node, session),
            None => StateOf::Session(session),
        };
        // All of an answer is about one session, whichever reported last at the earlier position.
        let session = known.state_session(of(session.as_deref()))?;
        let document = of(Some(&session));
        let value = known.state(document, &path);
        let faults = known.state_faults(document);
        let before = positions.before(&workspace.0);
        let diff = before.map_or(DiffDto::NONE, |(before, from)| {
            let mut changes = before.state_diff(known, document);
            changes.retain(|change| is_about(change, &path));
            DiffDto::new(&changes, from)
        });
        let blame = wants_blame.then(|| known.state_blame(document, &path));
        let blame = blame.flatten().as_ref().map(BlameDto::from);
        let mut answer = StateDto::new(&session, path, value.as_ref(), &faults, at, epoch);
        answer.node_id = node.map(|node| node.to_string());
        (answer.diff, answer.blame) = (diff, blame);
        Some(answer)
    });
    let missing = || not_found(format!("no such state was reported up to {at}"));
    answer.await?.map(axum::Json).ok_or_else(missing)
}

/// Whether a change is of the value at a path, of what it is in or of what is in it.
fn is_about(change: &StateChange, path: &str) -> bool {
    let is_within = |inner: &str, outer: &str| {
        let rest = inner.strip_prefix(outer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_within(&change.pointer, path) || is_within(path, &change.pointer)
}
