//! The two WebSocket routes: which protocol a peer speaks, and one module for each.

mod batch;
pub(crate) mod columns;
pub(crate) mod connected;
mod follow;
mod graph_delta;
mod ingest;
mod ingest_legacy;
mod ingest_v1;
mod lag;
mod outbound;
mod split;
mod viewer_legacy;
mod viewer_v1;

use axum::Extension;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use crate::error::ApiError;
use crate::http::security::Workspace;
use crate::metrics::Gauge;
use crate::protocol::{CLOUDEVENTS_JSON, LOOM_STUDIO_V1};
use crate::state::AppState;

/// What a peer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// None offered: the original form.
    Original,
    LoomStudioV1,
    CloudEventsJson,
}

impl Protocol {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            LOOM_STUDIO_V1 => Some(Self::LoomStudioV1),
            CLOUDEVENTS_JSON => Some(Self::CloudEventsJson),
            _ => None,
        }
    }

    /// The first offered protocol the route knows.
    fn choose(
        headers: &HeaderMap,
        known: &[&'static str],
    ) -> Result<(Self, Option<&'static str>), ApiError> {
        let mut offered = headers
            .get_all(header::SEC_WEBSOCKET_PROTOCOL)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .peekable();
        if offered.peek().is_none() {
            return Ok((Self::Original, None));
        }
        let name = offered.find_map(|name| known.iter().copied().find(|known| *known == name));
        name.and_then(Self::from_name)
            .map(|protocol| (protocol, name))
            .ok_or_else(|| {
                let detail = format!(
                    "none of the offered WebSocket subprotocols is known here; known: {}",
                    known.join(", ")
                );
                ApiError::new(StatusCode::BAD_REQUEST, "unknown_subprotocol", detail)
            })
    }
}

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

fn upgraded(
    upgrade: Upgrade,
    state: &AppState,
    protocol: Option<&'static str>,
) -> Result<WebSocketUpgrade, ApiError> {
    let upgrade = upgrade.map_err(|rejection| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "upgrade_required",
            format!("this route speaks WebSocket: {}", rejection.body_text()),
        )
    })?;
    let limit = state.limits.max_frame_bytes;
    Ok(upgrade
        .max_message_size(limit)
        .max_frame_size(limit)
        .protocols(protocol))
}

/// The query of `/ws/ingest`.
#[derive(Debug, Deserialize)]
pub(crate) struct IngestQuery {
    session: Option<String>,
}

/// `/ws/ingest`.
pub(crate) async fn ingest(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    Query(query): Query<IngestQuery>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, ApiError> {
    let (protocol, name) = Protocol::choose(&headers, &[LOOM_STUDIO_V1, CLOUDEVENTS_JSON])?;
    let upgrade = upgraded(upgrade, &state, name)?;
    let session = query
        .session
        .filter(|session| !session.is_empty() && session.len() <= 256);
    let task = state.sockets.token();
    Ok(upgrade.on_upgrade(async move |socket| {
        let _running = task;
        let _gauge = Gauge::hold(&state.metrics.ingest_connections);
        let session = session
            .unwrap_or_else(|| format!("c-{:016x}", state.ids.next_id()))
            .into();
        let _connected = state.connected.hold(&workspace.0, &session);
        let peer = ingest::Producer {
            state: &state,
            workspace: workspace.0,
            session,
        };
        tracing::debug!(session = %peer.session, ?protocol, "producer connected");
        match protocol {
            Protocol::LoomStudioV1 => {
                ingest_v1::run(socket, &peer).await;
            }
            Protocol::Original => {
                ingest_legacy::run(socket, &peer, ingest_legacy::Framing::EventBatch).await;
            }
            Protocol::CloudEventsJson => {
                ingest_legacy::run(socket, &peer, ingest_legacy::Framing::OneEvent).await;
            }
        }
        tracing::debug!(session = %peer.session, "producer gone");
    }))
}

/// `/ws/events`.
pub(crate) async fn events(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, ApiError> {
    let (protocol, name) = Protocol::choose(&headers, &[LOOM_STUDIO_V1])?;
    let upgrade = upgraded(upgrade, &state, name)?;
    let task = state.sockets.token();
    Ok(upgrade.on_upgrade(async move |socket| {
        let _running = task;
        let _gauge = Gauge::hold(&state.metrics.viewer_connections);
        tracing::debug!(?protocol, "viewer connected");
        let result = match protocol {
            Protocol::LoomStudioV1 => viewer_v1::run(socket, &state, workspace.0).await,
            Protocol::Original | Protocol::CloudEventsJson => {
                viewer_legacy::run(socket, &state, workspace.0).await
            }
        };
        if let Err(error) = result {
            tracing::error!(%error, "a viewer's subscription failed");
        }
        tracing::debug!("viewer gone");
    }))
}

fn close(code: u16, reason: &'static str) -> CloseFrame {
    CloseFrame {
        code,
        reason: reason.into(),
    }
}
