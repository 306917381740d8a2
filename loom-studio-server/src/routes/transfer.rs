//! The log as a file, over HTTP. The lines are described in `docs/export-format.md`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, BodyDataStream};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
use loom_studio_core::{
    Error, ErrorKind, Export, ExportOptions, Import, ImportOptions, ImportReport, Seq,
};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::{IntoParams, ToSchema};

use super::{filter, runs};
use crate::error::{ApiError, Problem};
use crate::exports::Form;
use crate::http::security::Workspace;
use crate::protocol::SubscribeFilter;
use crate::state::AppState;

/// How long what follows a refused line is still read.
const LINGER: Duration = Duration::from_secs(10);

/// What to export.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportQuery {
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
    /// Only the events of this run: the position of its root or of any event that is part of it, or the 32 hexadecimal digits of a trace id.
    run_id: Option<String>,
    /// `jsonl` (default): JSON Lines, without loss, the one that can be imported. `csv`: a table. `chrome`: a trace in the Trace Event Format, for Perfetto.
    format: Option<String>,
    /// Nothing after this position.
    up_to: Option<u64>,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// The matching events: with their observations as JSON Lines, without loss; as a table; or as a trace.
#[utoipa::path(
    get, path = "/api/export",
    operation_id = "exportEvents", tag = "events", params(ExportQuery),
    responses(
        (status = 200, description = "The lines, the table or the trace. The last line of JSON Lines and the end of a trace hold the counts, so that an answer that breaks off is noticed", content(
            (String = "application/x-ndjson"), (String = "text/csv"), (String = "application/json"),
        )),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No run of this workspace has this part", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The run was deleted by retention, or what was before the position", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn export(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    query: Result<Query<ExportQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
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
    let form = query.format.as_deref().unwrap_or("jsonl");
    let form = Form::parse(form)
        .ok_or_else(|| ApiError::invalid("format: expected jsonl, csv or chrome"))?;
    let mut options = ExportOptions {
        filter: filter::read(&workspace.0, &conditions)?,
        condition: filter::condition(conditions.condition.as_deref())?,
        up_to: query.up_to.map(Seq),
        ..ExportOptions::default()
    };
    let run = query.run_id.filter(|name| !name.is_empty());
    if run.is_some() || form != Form::JsonLines {
        let as_of = match run {
            None => runs::as_of(&state, &workspace.0, query.up_to).await?,
            Some(name) => {
                let (as_of, within) =
                    runs::records_of(&state, &workspace.0, query.up_to, &name).await?;
                options.within = Some(within);
                as_of
            }
        };
        options.up_to = Some(as_of.at);
        options.format = form.of(as_of).await?;
    }
    let export = Export::with(Arc::clone(&state.store), options).await?;
    let pieces = stream::try_unfold((export, state), move |(export, state)| async move {
        let next = tokio::select! {
            () = state.shutdown.cancelled() => Err(shutting_down()),
            next = form.next(export) => next,
        };
        match next {
            Ok((export, piece)) => Ok(piece.map(|piece| (piece, (export, state)))),
            Err(error) => {
                // The head is sent: all that is left is to break off, which the client notices.
                tracing::error!(%error, "an export broke off");
                Err(error)
            }
        }
    });
    let (kind, disposition) = form.headers();
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static(disposition),
        ),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

fn shutting_down() -> Error {
    Error::new(ErrorKind::Closed, "the server is shutting down")
}

/// Where to put what is imported.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportQuery {
    /// The session for every record; its own when absent.
    session_id: Option<String>,
    /// The tenant for every record; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// What became of an import.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Imported {
    /// Events read.
    events: u64,
    /// Observations read.
    observations: u64,
    /// Records stored.
    added: u64,
    /// Records that were already stored.
    duplicates: u64,
    /// Records that break a rule, per code.
    rejected: BTreeMap<&'static str, u64>,
    /// The first hundred of them.
    first_rejected: Vec<RejectedLineDto>,
}

/// A record that breaks a rule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RejectedLineDto {
    /// Its line, counted from 1.
    line: u64,
    /// The broken rule.
    code: &'static str,
    /// The rule in words.
    detail: String,
}

impl From<&ImportReport> for Imported {
    fn from(report: &ImportReport) -> Self {
        let rejected = report.first_rejected.iter();
        Self {
            events: report.events,
            observations: report.observations,
            added: report.added,
            duplicates: report.duplicates,
            rejected: report.rejected.clone(),
            first_rejected: rejected
                .map(|rejected| RejectedLineDto {
                    line: rejected.line,
                    code: rejected.code.as_str(),
                    detail: rejected.detail.clone(),
                })
                .collect(),
        }
    }
}

/// Stores what an export holds. Repeating it does no harm: what is already stored is a duplicate.
#[utoipa::path(
    post, path = "/api/import",
    operation_id = "importEvents", tag = "events", params(ImportQuery),
    request_body(content = String, description = "The lines of an export, of any length", content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "Read to its end, and stored as durably as the store promises", body = Imported),
        (status = 400, description = "A line is none of an export, or the end is missing (`invalid_export`): what stands before it is stored", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "No more came for a minute: what had come is stored", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store takes nothing more now: repeat it later", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn import(
    State(state): State<AppState>,
    Extension(workspace): Extension<Workspace>,
    query: Result<Query<ImportQuery>, QueryRejection>,
    body: Body,
) -> Result<axum::Json<Imported>, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let options = ImportOptions {
        workspace: Some(workspace.0),
        session: query
            .session_id
            .filter(|session| !session.is_empty())
            .map(Into::into),
        ..ImportOptions::default()
    };
    let mut import = Import::new(Arc::clone(&state.store), options);
    let mut pieces = body.into_data_stream();
    let result = take(&state, &mut import, &mut pieces).await;
    state.metrics.imported(import.report());
    if let Err(refusal) = result {
        linger(&state, pieces);
        return Err(refusal);
    }
    Ok(axum::Json(Imported::from(import.report())))
}

/// Reads on for a while, and throws it away. A connection that is closed with bytes unread is reset, and the reset may overtake the answer (RFC 9112, 9.6).
fn linger(state: &AppState, mut pieces: BodyDataStream) {
    let shutdown = state.shutdown.clone();
    state.sockets.spawn(async move {
        let rest = async { while let Some(Ok(_)) = pieces.next().await {} };
        let _ = timeout(LINGER, shutdown.run_until_cancelled(rest)).await;
    });
}

async fn take(
    state: &AppState,
    import: &mut Import,
    pieces: &mut BodyDataStream,
) -> Result<(), ApiError> {
    loop {
        let piece = tokio::select! {
            () = state.shutdown.cancelled() => {
                // What has come is kept, and the end is missing.
                let _ = import.finish().await;
                return Err(shutting_down().into());
            }
            piece = timeout(state.limits.send_timeout, pieces.next()) => piece,
        };
        let result = match piece {
            Ok(Some(Ok(piece))) => import.push(&piece).await,
            Ok(None) => return import.finish().await.map_err(|error| failed(import, error)),
            // A client that went away, and one that does not go on: as if the input ended here.
            Ok(Some(Err(error))) => {
                let detail = format!("the body can't be read: {error}");
                let _ = import.finish().await;
                return Err(ApiError::new(
                    StatusCode::BAD_REQUEST,
                    "invalid_body",
                    detail,
                ));
            }
            Err(_) => {
                let _ = import.finish().await;
                let detail = format!("no more of the body came{}", kept(import.report()));
                return Err(ApiError::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "timeout",
                    detail,
                ));
            }
        };
        result.map_err(|error| failed(import, error))?;
    }
}

fn failed(import: &Import, error: Error) -> ApiError {
    match error.kind() {
        ErrorKind::Invalid => ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid_export",
            format!("{error}{}", kept(import.report())),
        ),
        _ => error.into(),
    }
}

fn kept(report: &ImportReport) -> String {
    format!(
        "; of what came before, {} records were stored and {} were there already",
        report.added, report.duplicates
    )
}
