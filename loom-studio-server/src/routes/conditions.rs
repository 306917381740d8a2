//! Help with typing conditions.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use loom_studio_core::{CompletionKind, MAX_CONDITION_LENGTH, complete};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::filter;
use crate::error::{ApiError, Problem};

/// A text on its way to a condition.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct CompleteQuery {
    /// What was typed so far; it need not be a condition.
    text: String,
    /// Where the cursor is, in UTF-16 code units; the text's end when absent.
    position: Option<usize>,
    /// The tenant; `default` when absent.
    #[serde(rename = "workspace")]
    _workspace: Option<String>,
}

/// What can be typed at the cursor, and what is wrong with the text. Positions are UTF-16 code units, as JavaScript counts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CompleteAnswer {
    /// The words, signs and values that could stand at the cursor.
    candidates: Vec<CandidateDto>,
    /// Why the text is no condition that a search takes; null when it is one, or blank.
    error: Option<ConditionErrorDto>,
}

/// A text that could stand at the cursor.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CandidateDto {
    /// The text.
    text: String,
    /// `field`, `operator`, `value` or `keyword`.
    kind: &'static str,
    /// What it means; may be empty.
    detail: &'static str,
    /// Where what it replaces begins.
    from: usize,
    /// Where what it replaces ends.
    to: usize,
}

/// What is wrong with a condition, and where.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConditionErrorDto {
    /// Where what is wrong begins.
    position: usize,
    /// Where it ends; the same at the end of the text.
    end: usize,
    /// What is wrong, as half a sentence.
    message: String,
    /// Words that could stand there; empty where any text could.
    expected: Vec<String>,
}

/// What can be typed next in a condition.
#[utoipa::path(
    get, path = "/api/conditions/complete",
    operation_id = "completeCondition", tag = "events", params(CompleteQuery),
    responses(
        (status = 200, description = "Candidates, and what is wrong so far", body = CompleteAnswer),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn suggest(
    query: Result<Query<CompleteQuery>, QueryRejection>,
) -> Result<axum::Json<CompleteAnswer>, ApiError> {
    let Query(CompleteQuery { text, position, .. }) =
        query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    if text.len() > MAX_CONDITION_LENGTH {
        return Err(ApiError::invalid(format!(
            "text: at most {MAX_CONDITION_LENGTH} bytes"
        )));
    }
    let units = |byte: usize| {
        let before = text.get(..byte).unwrap_or(&text);
        before.encode_utf16().count()
    };
    let cursor = position.map_or(text.len(), |position| byte_at(&text, position));
    let candidates = complete(&text, cursor).into_iter().map(|found| {
        let (from, to) = (units(found.replace.start), units(found.replace.end));
        CandidateDto {
            text: found.text,
            kind: match found.kind {
                CompletionKind::Field => "field",
                CompletionKind::Operator => "operator",
                CompletionKind::Value => "value",
                CompletionKind::Keyword => "keyword",
            },
            detail: found.detail,
            from,
            to,
        }
    });
    let candidates = candidates.collect();
    let checked = match text.trim() {
        "" => None,
        _ => filter::checked(&text).err(),
    };
    let error = checked.map(|error| ConditionErrorDto {
        position: units(error.span.start),
        end: units(error.span.end),
        message: error.message,
        expected: error.expected,
    });
    Ok(axum::Json(CompleteAnswer { candidates, error }))
}

/// The byte at a distance of so many UTF-16 code units, at the latest the end.
fn byte_at(text: &str, units: usize) -> usize {
    let mut left = units;
    for (at, char) in text.char_indices() {
        if left < char.len_utf16() {
            return at;
        }
        left -= char.len_utf16();
    }
    text.len()
}
