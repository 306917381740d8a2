//! When something became true.

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use loom_studio_core::{DEFAULT_MAX_SCANNED, Direction, FirstMatch, Seq, first_match};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::filter;
use crate::dto::{JsonText, event_json};
use crate::error::{ApiError, Problem};
use crate::http::security::Workspace;
use crate::protocol::SubscribeFilter;
use crate::state::AppState;

/// What to look for, and where.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct FirstQuery {
    /// A condition, as docs/conditions.md has it. `duration` is not known here.
    #[serde(rename = "where")]
    condition: String,
    /// `forward` (default): the oldest such event of the range; `backward`: the newest.
    direction: Option<String>,
    /// Not before this position.
    from_seq: Option<u64>,
    /// Not after this position.
    to_seq: Option<u64>,
    /// The trace id; `x*` prefix, `*x*` contains.
    trace_id: Option<String>,
    /// The source or target, in any spelling; `x*` prefix, `*x*` contains.
    node_id: Option<String>,
    /// The type; `x*` prefix, `*x*` contains.
    event_type: Option<String>,
    /// The session; `x*` prefix, `*x*` contains.
    session_id: Option<String>,
    /// Not before: epoch seconds or RFC 3339.
    start_time: Option<String>,
    /// Not after: epoch seconds or RFC 3339.
    end_time: Option<String>,
    /// A substring of the JSON text.
    q: Option<String>,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// Where a condition became true, or how far it surely didn't.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FirstAnswer {
    /// The event, as in `GET /api/events`; null where none was found.
    event: Option<serde_json::Map<String, serde_json::Value>>,
    /// Everything from the beginning of the range, in the direction, to this position was looked at.
    scanned_through: u64,
    /// Whether that is the answer. If not, the search stopped at its bound and goes on behind `scanned_through`.
    complete: bool,
    /// How many events were looked at.
    scanned: u64,
}

/// When a condition first became true.
#[utoipa::path(
    get, path = "/api/events/first",
    operation_id = "firstEvent", tag = "events", params(FirstQuery),
    responses(
        (status = 200, description = "The event, or how far was looked", body = FirstAnswer),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn first(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    query: Result<Query<FirstQuery>, QueryRejection>,
) -> Result<JsonText, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let condition = filter::required_condition(&query.condition)?;
    let direction: Direction = query.direction.as_deref().unwrap_or("forward").parse()?;
    let conditions = SubscribeFilter {
        session_id: query.session_id,
        trace_id: query.trace_id,
        node_id: query.node_id,
        event_type: query.event_type,
        start_time: query.start_time,
        end_time: query.end_time,
        q: query.q,
        ..SubscribeFilter::default()
    };
    let FirstMatch {
        found,
        scanned_through,
        is_complete,
        scanned,
    } = first_match(
        &*state.store,
        &filter::read(&workspace.0, &conditions)?,
        &condition,
        &(),
        Seq(query.from_seq.unwrap_or(0))..=Seq(query.to_seq.unwrap_or(u64::MAX)),
        direction,
        DEFAULT_MAX_SCANNED,
    )
    .await?;
    let mut json = br#"{"event":"#.to_vec();
    match &found {
        Some(stored) => json.extend(event_json(stored)),
        None => json.extend_from_slice(b"null"),
    }
    let rest = serde_json::json!({
        "scanned_through": scanned_through.0,
        "complete": is_complete,
        "scanned": scanned,
    });
    json.push(b',');
    json.extend_from_slice(rest.to_string().trim_start_matches('{').as_bytes());
    Ok(JsonText(json))
}
