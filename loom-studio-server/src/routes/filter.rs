//! Conditions on events as clients write them.

use std::sync::Arc;

use loom_studio_core::{Condition, ConditionError, EventFilter, Pattern, TimeRange, Timestamp};

use crate::error::ApiError;
use crate::protocol::SubscribeFilter;

/// The filter behind a client's conditions.
pub(crate) fn read(
    workspace: &Arc<str>,
    conditions: &SubscribeFilter,
) -> Result<EventFilter, ApiError> {
    let pattern = |text: &Option<String>| -> Option<Pattern> {
        let text = text.as_deref().filter(|text| !text.is_empty())?;
        text.parse().ok()
    };
    Ok(EventFilter {
        session: pattern(&conditions.session_id),
        trace: pattern(&conditions.trace_id),
        node: pattern(&conditions.node_id),
        kind: pattern(&conditions.event_type),
        time: TimeRange {
            start: time("start_time", conditions.start_time.as_deref())?,
            end: time("end_time", conditions.end_time.as_deref())?,
        },
        text: conditions.q.clone().filter(|text| !text.is_empty()),
        ..EventFilter::workspace(Arc::clone(workspace))
    })
}

/// The condition of `where`; none when it is absent or empty.
pub(crate) fn condition(text: Option<&str>) -> Result<Option<Condition>, ApiError> {
    let text = text.filter(|text| !text.trim().is_empty());
    text.map(required_condition).transpose()
}

/// A condition that must be one.
pub(crate) fn required_condition(text: &str) -> Result<Condition, ApiError> {
    checked(text).map_err(|error| ApiError::condition(text, &error))
}

/// The condition of a text, as far as it can be answered from single events.
pub(crate) fn checked(text: &str) -> Result<Condition, ConditionError> {
    let condition = Condition::parse(text)?;
    match condition.duration_at() {
        None => Ok(condition),
        Some(span) => {
            let message = "the duration of calls is not known here";
            Err(ConditionError::new(text, span, message))
        }
    }
}

fn time(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    moment(name, text).map(Some)
}

/// A time as clients write it.
pub(crate) fn moment(name: &str, text: &str) -> Result<Timestamp, ApiError> {
    let seconds = || {
        text.parse::<f64>()
            .ok()
            .and_then(Timestamp::from_epoch_seconds)
    };
    let moment = seconds().or_else(|| Timestamp::parse_rfc3339(text));
    moment.ok_or_else(|| {
        ApiError::new(
            axum::http::StatusCode::BAD_REQUEST,
            "invalid_filter",
            format!("{name}: expected epoch seconds or an RFC 3339 time"),
        )
    })
}
