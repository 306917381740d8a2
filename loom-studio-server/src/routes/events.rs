//! The event log over HTTP.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use loom_studio_core::{
    AppendBatch, DEFAULT_MAX_SCANNED, ErrorKind, EventQuery, Page, Record, Seq, Total, links,
    search,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{body, filter, runs};
use crate::dto::{AppendedDto, EventDetail, EventsPage, JsonText, event_json};
use crate::error::{ApiError, Problem};
use crate::http::binding::Posted;
use crate::http::security::Workspace;
use crate::protocol::SubscribeFilter;
use crate::runs::{Placed, placed};
use crate::state::AppState;
use crate::ws::columns::Encoder;

/// The session of events that come by HTTP and name none.
const HTTP_SESSION: &str = "http";
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// Every event passed over costs memory for as long as the question lasts.
const MAX_OFFSET: usize = 100_000;

/// Stores CloudEvents: binary, structured or batched mode of the HTTP binding.
#[utoipa::path(
    post, path = "/events",
    operation_id = "postEvents", tag = "events",
    params(("workspace" = Option<String>, Query, description = "The tenant; `default` when absent")),
    request_body(content = Object, description = "One CloudEvent, or an array of them", content_type = "application/cloudevents+json"),
    responses(
        (status = 202, description = "Stored as durably as the store promises", body = AppendedDto),
        (status = 400, description = "The only event breaks a rule; `code` says which", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "No CloudEvent", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store takes nothing now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn post(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body::read(body, state.limits.max_body_bytes)?;
    let (items, single) = match Posted::read(&headers, &body)? {
        Posted::Single(item) => (vec![item], true),
        Posted::Batch(items) => (items, false),
    };
    let batch = AppendBatch {
        workspace: workspace.0,
        session: HTTP_SESSION.into(),
        items,
    };
    let appended = state.store.append(batch).await?;
    state.metrics.appended(&appended);
    if single && let Some(rejected) = appended.rejected.first() {
        return Err(ApiError::rejected(rejected.code, rejected.detail.clone()));
    }
    Ok((
        StatusCode::ACCEPTED,
        axum::Json(AppendedDto::from(appended)),
    )
        .into_response())
}

/// Which events, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// At most so many, 1 to 1000. Default 100.
    limit: Option<usize>,
    /// Pass over so many, at most 100,000.
    offset: Option<usize>,
    /// Go on where a page ended: its `next_cursor`.
    cursor: Option<String>,
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
    /// A condition, as docs/conditions.md has it: `type = node.error and data.tokens > 1000`. `duration` is not known here.
    #[serde(rename = "where")]
    condition: Option<String>,
    /// Only events of this run: the position of its root or of any event that is part of it, or the 32 hexadecimal digits of a trace id.
    run_id: Option<String>,
    /// `seq` (default), `-seq`, `time` or `-time`.
    order: Option<String>,
    /// Answer as of this position.
    up_to: Option<u64>,
    /// `json` (default): the events as they were sent. `columns`: what the live socket's `events` frames say of each, in `columns` instead of `events`.
    format: Option<String>,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// Events that match.
#[utoipa::path(
    get, path = "/api/events",
    operation_id = "listEvents", tag = "events", params(ListQuery),
    responses(
        (status = 200, description = "A page", body = EventsPage),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No run of this workspace has this part", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The cursor is of another epoch: start over", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The run was deleted by retention, or what was before the position", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<JsonText, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::invalid(format!(
            "limit: expected 1 to {MAX_LIMIT}"
        )));
    }
    if query.offset.is_some_and(|offset| offset > MAX_OFFSET) {
        return Err(ApiError::invalid(format!(
            "offset: at most {MAX_OFFSET}; go on with next_cursor instead"
        )));
    }
    let in_columns = match query.format.as_deref().unwrap_or("json") {
        "json" => false,
        "columns" => true,
        _ => return Err(ApiError::invalid("format: expected json or columns")),
    };
    let conditions = SubscribeFilter {
        session_id: query.session_id,
        trace_id: query.trace_id,
        node_id: query.node_id,
        event_type: query.event_type,
        start_time: query.start_time,
        end_time: query.end_time,
        q: query.q,
        condition: query.condition,
    };
    let within = match query.run_id.filter(|name| !name.is_empty()) {
        Some(name) => Some(
            runs::records_of(&state, &workspace.0, query.up_to, &name)
                .await?
                .1,
        ),
        None => None,
    };
    let cursor = query.cursor.filter(|cursor| !cursor.is_empty());
    let has_cursor = cursor.is_some();
    let condition = filter::condition(conditions.condition.as_deref())?;
    let question = EventQuery {
        filter: filter::read(&workspace.0, &conditions)?,
        within,
        order: query.order.as_deref().unwrap_or("seq").parse()?,
        limit,
        offset: query.offset.unwrap_or(0),
        cursor: cursor.and_then(|cursor| cursor.parse().ok()),
        up_to: query.up_to.map(Seq),
        ..EventQuery::default()
    };
    let answer = match &condition {
        None => state.store.query(&question).await.map(|page| (page, None)),
        Some(condition) => search(
            &*state.store,
            &question,
            condition,
            &(),
            DEFAULT_MAX_SCANNED,
        )
        .await
        .map(|found| (found.page, Some(found.scanned))),
    };
    let (page, scanned) = answer.map_err(|error| match error.kind() {
        // Everything else was checked above: what the store finds invalid is the cursor.
        ErrorKind::Invalid if has_cursor => {
            ApiError::new(StatusCode::BAD_REQUEST, "invalid_cursor", error.to_string())
        }
        _ => error.into(),
    })?;
    Ok(JsonText(if in_columns {
        columns_json(&page, scanned)
    } else {
        page_json(&page, scanned)
    }))
}

/// The events of a page in the columns of the live socket, with a dictionary of their own.
fn columns_json(page: &Page, scanned: Option<u64>) -> Vec<u8> {
    let events = page.events.iter();
    let records: Vec<Record> = events
        .map(|stored| Record::Event(Arc::clone(&stored.event)))
        .collect();
    let rows = Encoder::new(0, true).encode(&records, page.head.0);
    let mut answer = page_facts(page, scanned);
    answer["columns"] = serde_json::json!({"dict": rows.dict, "n": rows.n, "cols": rows.cols});
    answer.to_string().into_bytes()
}

/// Written from the stored bytes: what was sent is not parsed again.
pub(crate) fn page_json(page: &Page, scanned: Option<u64>) -> Vec<u8> {
    let mut json = br#"{"events":["#.to_vec();
    for (index, stored) in page.events.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        json.extend(event_json(stored));
    }
    let rest = page_facts(page, scanned);
    json.extend_from_slice(b"],");
    json.extend_from_slice(rest.to_string().trim_start_matches('{').as_bytes());
    json
}

/// What a page says beside its events.
fn page_facts(page: &Page, scanned: Option<u64>) -> serde_json::Value {
    let mut facts = serde_json::json!({
        "total": page.total.count(),
        "total_is": match page.total { Total::Exact(_) => "exact", Total::AtLeast(_) => "at_least" },
        "next_cursor": page.next.as_ref().map(ToString::to_string),
        "epoch": page.epoch.to_string(),
        "head_seq": page.head.0,
    });
    if let Some(scanned) = scanned {
        facts["scanned"] = scanned.into();
    }
    facts
}

/// One event with its links and observations. What it costs doesn't grow with its run; `placed` says whether the list of runs could be asked.
#[utoipa::path(
    get, path = "/api/events/{seq}",
    operation_id = "showEvent", tag = "events",
    params(
        ("seq" = u64, Path, description = "Its position"),
        ("workspace" = Option<String>, Query, description = "The tenant; `default` when absent"),
    ),
    responses(
        (status = 200, description = "The event", body = EventDetail),
        (status = 404, description = "No event of this workspace has this position", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "It was deleted by retention", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    seq: Result<Path<u64>, PathRejection>,
) -> Result<axum::Json<EventDetail>, ApiError> {
    let Path(seq) = seq.map_err(|_| ApiError::invalid("seq: expected a positive integer"))?;
    let none = || {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("there is no event {seq} in this workspace"),
        )
    };
    let record = state.store.get(Seq(seq)).await?.ok_or_else(none)?;
    let observations = record.observations.clone();
    let stored = record
        .into_event()
        .filter(|stored| *stored.event.workspace() == workspace.0)
        .ok_or_else(none)?;
    let links = links(&*state.store, &stored.event).await?;
    let placed = match runs::list_now(&state).await? {
        Some(list) => placed(&*state.store, list, &stored.event, &links).await?,
        None => Placed::Failed,
    };
    let detail = EventDetail::new(&stored, &links, &placed, &observations);
    Ok(axum::Json(detail))
}
