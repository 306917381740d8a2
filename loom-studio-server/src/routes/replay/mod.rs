//! Replay sessions over HTTP.

pub(super) mod breakpoints;
pub(super) mod cursor;
pub(super) mod state;

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use bytes::Bytes;
use loom_studio_core::{ReplayScope, Seq, Travelled, prepare_all};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{body, filter, runs};
use crate::error::{ApiError, Problem};
use crate::http::security::Workspace;
use crate::protocol::{ReplayPlayState, SubscribeFilter};
use crate::replays::{Place, Preparation, Replay};
use crate::state::AppState;

/// Largest description of a session's events.
const MAX_SCOPE_BYTES: usize = 64 * 1024;

/// Which events; all of the workspace when nothing is said. All that is said holds.
#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Scope {
    /// The events of one run: a position that is part of it, or the trace id of one. `run` is another name for it.
    #[serde(default, alias = "run", deserialize_with = "text_or_number")]
    run_id: Option<String>,
    /// The trace id; `x*` prefix, `*x*` contains.
    trace_id: Option<String>,
    /// The source or target, in any spelling; `x*` prefix, `*x*` contains.
    node_id: Option<String>,
    /// The type; `x*` prefix, `*x*` contains.
    event_type: Option<String>,
    /// The session; `x*` prefix, `*x*` contains.
    session_id: Option<String>,
    /// Not before: epoch seconds or RFC 3339.
    #[serde(default, deserialize_with = "text_or_number")]
    start_time: Option<String>,
    /// Not after: epoch seconds or RFC 3339.
    #[serde(default, deserialize_with = "text_or_number")]
    end_time: Option<String>,
    /// A substring of the JSON text.
    q: Option<String>,
    /// A condition, as docs/conditions.md has it. `duration` is not known here.
    #[serde(rename = "where")]
    condition: Option<String>,
    /// The tenant, in the query alone; `default` when absent.
    workspace: Option<String>,
}

/// Positions and epoch seconds are numbers in JSON.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected text or a number")]
    enum Either {
        Text(String),
        Number(f64),
    }
    let either = Option::<Either>::deserialize(deserializer)?;
    Ok(either.map(|either| match either {
        Either::Text(text) => text,
        Either::Number(number) => number.to_string(),
    }))
}

impl Scope {
    /// What the body says counts where both say something.
    fn or(self, query: Self) -> Self {
        Self {
            run_id: self.run_id.or(query.run_id),
            trace_id: self.trace_id.or(query.trace_id),
            node_id: self.node_id.or(query.node_id),
            event_type: self.event_type.or(query.event_type),
            session_id: self.session_id.or(query.session_id),
            start_time: self.start_time.or(query.start_time),
            end_time: self.end_time.or(query.end_time),
            q: self.q.or(query.q),
            condition: self.condition.or(query.condition),
            workspace: query.workspace,
        }
    }

    fn read(self, workspace: &Arc<str>) -> Result<ReplayScope, ApiError> {
        let condition = filter::condition(self.condition.as_deref())?;
        let conditions = SubscribeFilter {
            session_id: self.session_id,
            trace_id: self.trace_id,
            node_id: self.node_id,
            event_type: self.event_type,
            start_time: self.start_time,
            end_time: self.end_time,
            q: self.q,
            ..SubscribeFilter::default()
        };
        Ok(ReplayScope {
            filter: filter::read(workspace, &conditions)?,
            condition,
            members: None,
        })
    }
}

/// The tenant alone.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Tenant {
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// The session named in a path.
fn path_of(id: Result<Path<String>, PathRejection>) -> Result<String, ApiError> {
    let Path(id) = id.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    Ok(id)
}

/// A query's parameters, or what is wrong with them.
fn query_of<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    Ok(query)
}

/// A new session.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Created {
    session_id: String,
    /// Events in it.
    total: usize,
    range: Option<RangeDto>,
}

/// The positions all states of a session lie between.
#[derive(Debug, Serialize, ToSchema)]
struct RangeDto {
    first: u64,
    last: u64,
}

impl From<(Seq, Seq)> for RangeDto {
    fn from((first, last): (Seq, Seq)) -> Self {
        Self {
            first: first.0,
            last: last.0,
        }
    }
}

/// Where a session stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlaceDto {
    session_id: String,
    /// `playing`, `paused` or `ended`.
    state: &'static str,
    /// The cursor: the index of the next event forward, 0 to `total`.
    index: usize,
    total: usize,
    /// The position whose state is shown: what `at` is elsewhere.
    seq: u64,
    /// The time of the event before the cursor.
    time: Option<String>,
    /// The time of the event at the cursor.
    next_time: Option<String>,
    /// How fast it plays, or played last.
    speed: f64,
    /// The breakpoint that paused it.
    breakpoint: Option<String>,
    range: Option<RangeDto>,
    prepared: PreparationDto,
}

impl PlaceDto {
    fn new(state: &AppState, replay: &Replay, place: &Place) -> Result<Self, ApiError> {
        let range = state.replays.range(replay)?;
        Ok(Self {
            session_id: replay.id.to_string(),
            state: match place.play {
                ReplayPlayState::Playing => "playing",
                ReplayPlayState::Paused => "paused",
                ReplayPlayState::Ended => "ended",
            },
            index: place.state.index,
            total: place.state.total,
            seq: place.state.state_at.0,
            time: place.state.time.map(|time| time.to_string()),
            next_time: place.state.next_time.map(|time| time.to_string()),
            speed: place.speed,
            breakpoint: place.breakpoint.as_deref().map(str::to_owned),
            range: range.map(RangeDto::from),
            prepared: replay.preparation().into(),
        })
    }
}

/// Opens a session over a trace, or whatever the query or a JSON body describes.
#[utoipa::path(
    post, path = "/api/replay/create",
    operation_id = "createReplay", tag = "replay", params(Scope),
    request_body(content = Option<Scope>, description = "The same members as in the query; they count where both say something", content_type = "application/json"),
    responses(
        (status = 200, description = "The session, with the cursor before its first event", body = Created),
        (status = 400, description = "A parameter is wrong, or too many events match", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The run was deleted by retention, or its place in the list of runs was given up", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "All sessions there may be are in use, or looking up the events took too long", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    query: Result<Query<Scope>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<axum::Json<Created>, ApiError> {
    let query = query_of(query)?;
    let body = body::read(body, MAX_SCOPE_BYTES)?;
    let said = if body.trim_ascii().is_empty() {
        Scope::default()
    } else {
        body::json(&body)?
    };
    if said.workspace.is_some() {
        return Err(ApiError::invalid(
            "workspace: belongs into the query, where access to it is checked",
        ));
    }
    let mut wanted = said.or(query);
    let run = wanted.run_id.take().filter(|run| !run.is_empty());
    let mut scope = wanted.read(&workspace.0)?;
    if let Some(run) = run {
        let as_of = runs::as_of(&state, &workspace.0, None).await?;
        let found = runs::find(&state, &workspace.0, &as_of, &run).await?;
        scope.members = Some(found.members);
    }
    let replay = state
        .replays
        .create(workspace.0, scope, &state.shutdown)
        .await?;
    let range = state.replays.range(&replay)?;
    match range {
        Some((first, last)) => prepare(&state, &replay, first, last),
        None => replay.prepared(Preparation::Ready),
    }
    Ok(axum::Json(Created {
        session_id: replay.id.to_string(),
        total: state.replays.place(&replay).await?.state.total,
        range: range.map(RangeDto::from),
    }))
}

/// Makes the states a session travels in quick to reach, reading its range once. It goes on for as long as the session lives; one session at a time, the others' states are slower to reach until their turn.
fn prepare(state: &AppState, replay: &Arc<Replay>, first: Seq, last: Seq) {
    let (store, live) = (Arc::clone(&state.store), Arc::clone(&state.live));
    let replay = Arc::clone(replay);
    state.sockets.spawn(async move {
        let histories: [&dyn Travelled; 2] = [&*live.topologies, &*live.memories];
        let mut progress = |done, all| replay.prepared(Preparation::UnderWay { done, all });
        let prepared = tokio::select! {
            () = replay.ended.cancelled() => return,
            prepared = prepare_all(&*store, &histories, first, last, &mut progress) => prepared,
        };
        match prepared {
            Ok(()) => replay.prepared(Preparation::Ready),
            Err(error) => {
                tracing::debug!(%error, "the states of a replay were not prepared");
                replay.prepared(Preparation::Failed);
            }
        }
    });
}

/// How far the states of a session are prepared. Whatever it says, every state can be asked for: before it is `ready` some take longer.
#[derive(Debug, Serialize, ToSchema)]
struct PreparationDto {
    /// `waiting` for another session's, `running`, `ready` or `failed`.
    state: &'static str,
    /// Records folded so far, while it runs.
    done: Option<u64>,
    /// Records to fold, while it runs.
    all: Option<u64>,
}

impl From<Preparation> for PreparationDto {
    fn from(preparation: Preparation) -> Self {
        let (state, done, all) = match preparation {
            Preparation::Waiting => ("waiting", None, None),
            Preparation::UnderWay { done, all } => ("running", Some(done), Some(all)),
            Preparation::Ready => ("ready", None, None),
            Preparation::Failed => ("failed", None, None),
        };
        Self { state, done, all }
    }
}

/// Where a session stands.
#[utoipa::path(
    get, path = "/api/replay/{session_id}",
    operation_id = "showReplay", tag = "replay",
    params(("session_id" = String, Path, description = "The session"), Tenant),
    responses(
        (status = 200, description = "Its cursor", body = PlaceDto),
        (status = 404, description = "There is no such session in this workspace (any more)", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<Tenant>, QueryRejection>,
) -> Result<axum::Json<PlaceDto>, ApiError> {
    let id = path_of(id)?;
    let _ = query_of(query)?;
    let replay = state.replays.find(&workspace.0, &id)?;
    let place = state.replays.place(&replay).await?;
    Ok(axum::Json(PlaceDto::new(&state, &replay, &place)?))
}

/// What was ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Deleted {
    session_id: String,
}

/// Ends a session.
#[utoipa::path(
    delete, path = "/api/replay/{session_id}",
    operation_id = "deleteReplay", tag = "replay",
    params(("session_id" = String, Path, description = "The session"), Tenant),
    responses(
        (status = 200, description = "It was ended", body = Deleted),
        (status = 404, description = "There is no such session in this workspace (any more)", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<Tenant>, QueryRejection>,
) -> Result<axum::Json<Deleted>, ApiError> {
    let id = path_of(id)?;
    let _ = query_of(query)?;
    let replay = state.replays.find(&workspace.0, &id)?;
    state.replays.delete(&replay).await?;
    Ok(axum::Json(Deleted { session_id: id }))
}
