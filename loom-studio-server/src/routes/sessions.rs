//! The sessions over HTTP.

use axum::Extension;
use axum::extract::State;
use loom_studio_core::{MemoryReconstructor as _, StateOf};

use crate::dto::{SessionDto, SessionsDto};
use crate::error::ApiError;
use crate::http::security::Workspace;
use crate::state::AppState;

/// The Loom processes seen.
#[utoipa::path(
    get, path = "/api/sessions",
    operation_id = "listSessions", tag = "views",
    params(("workspace" = Option<String>, Query, description = "The tenant; `default` when absent")),
    responses((status = 200, description = "The session with the newest event first", body = SessionsDto))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
) -> Result<axum::Json<SessionsDto>, ApiError> {
    state
        .live
        .reach(state.store.stats().await?.last_seq)
        .await?;
    let (sessions, at) = state.live.sessions(&workspace.0);
    let memories = state.live.memories.head();
    let memory = memories.of_workspace(&workspace.0);
    let sessions = sessions
        .into_iter()
        .map(|session| {
            let connected = state.connected.contains(&session.workspace, &session.id);
            let tree = StateOf::Session(Some(&session.id));
            let has_state = memory.is_some_and(|memory| memory.state_session(tree).is_some());
            SessionDto::new(&session, connected, has_state)
        })
        .collect();
    Ok(axum::Json(SessionsDto {
        sessions,
        at: at.0,
        epoch: state.store.epoch().to_string(),
    }))
}
