//! Wire forms of state trees and project state objects.

use loom_studio_core::{Epoch, Faulty, Seq, StateBlame, StateChange, StateValue};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::memory::{DiffDto, FaultsDto, OriginDto, json};

/// A value of a document.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateDto {
    /// The node, when the document is its project state object.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) node_id: Option<String>,
    pub(crate) session_id: String,
    /// Where (RFC 6901).
    pub(crate) path: String,
    /// What is there; null with a `written` of null when nothing is.
    #[schema(value_type = serde_json::Value)]
    value: Option<Box<RawValue>>,
    /// What wrote it; null when nothing is there.
    #[schema(required)]
    written: Option<OriginDto>,
    /// What changed it or anything in it last; null when nothing is there.
    #[schema(required)]
    changed: Option<OriginDto>,
    #[serde(flatten)]
    faults: FaultsDto,
    #[serde(flatten)]
    pub(crate) diff: DiffDto<StateChangeDto>,
    /// With `blame`; absent when nothing is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) blame: Option<BlameDto>,
    /// The position it is as of.
    pub(crate) at: u64,
    /// The store's epoch.
    pub(crate) epoch: String,
}

impl StateDto {
    pub(crate) fn new(
        session: &str,
        path: String,
        value: Option<&StateValue>,
        faults: &Faulty,
        at: Seq,
        epoch: Epoch,
    ) -> Self {
        Self {
            node_id: None,
            session_id: session.to_owned(),
            path,
            value: value.map(|value| json(&value.json)),
            written: value.map(|value| OriginDto::from(&value.written)),
            changed: value.map(|value| OriginDto::from(&value.changed)),
            faults: FaultsDto::from(faults),
            diff: DiffDto::NONE,
            blame: None,
            at: at.0,
            epoch: epoch.to_string(),
        }
    }
}

/// One difference between two positions of a document.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateChangeDto {
    /// Where (RFC 6901), once the changes before this one are applied.
    path: String,
    /// The value that was there; absent when none was. In an array, what stood there moves up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = serde_json::Value, required = false)]
    before: Option<Box<RawValue>>,
    /// The value that is there; absent when none is. In an array, what stood behind moves down.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = serde_json::Value, required = false)]
    after: Option<Box<RawValue>>,
    /// The record that caused it.
    cause: OriginDto,
    /// False when the cause is no longer known: then it is the last record that can have been it.
    is_exact: bool,
}

impl From<&StateChange> for StateChangeDto {
    fn from(change: &StateChange) -> Self {
        Self {
            path: change.pointer.clone(),
            before: change.before.as_ref().map(json),
            after: change.after.as_ref().map(json),
            cause: OriginDto::from(&change.cause),
            is_exact: change.is_exact,
        }
    }
}

/// Where a value comes from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlameDto {
    /// The document, what the value is in, and the value.
    levels: Vec<BlameLevelDto>,
    /// Records known to have touched the value, what it is in or what is in it; oldest first.
    touched: Vec<OriginDto>,
    /// How many changes of the document are no longer known.
    touches_dropped: u64,
}

/// One level on the way to a value.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlameLevelDto {
    path: String,
    written: OriginDto,
    changed: OriginDto,
}

impl From<&StateBlame> for BlameDto {
    fn from(blame: &StateBlame) -> Self {
        let levels = blame.levels.iter().map(|level| BlameLevelDto {
            path: level.pointer.clone(),
            written: OriginDto::from(&level.written),
            changed: OriginDto::from(&level.changed),
        });
        Self {
            levels: levels.collect(),
            touched: blame.touched.iter().map(OriginDto::from).collect(),
            touches_dropped: blame.touches_dropped,
        }
    }
}
