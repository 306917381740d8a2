//! Frames of `/ws/ingest`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What the server sends on `/ws/ingest` in `loom-studio.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum IngestFrame {
    /// The first frame.
    Hello(IngestHello),
    /// A batch is as durable as the store promises.
    Ack(Ack),
    /// A batch was refused whole and may be sent again.
    Nack(Nack),
    /// A frame could not be read.
    Error(ErrorFrame),
}

/// How frames may be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Text frames of JSON.
    Json,
    /// Binary frames of zstd-compressed JSON.
    Zstd,
}

/// What a client needs to know before it sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestHello {
    /// Always `loom-studio.v1`.
    pub protocol: String,
    /// The server's name and version.
    pub server: String,
    /// The store's epoch.
    pub epoch: String,
    /// The session of events that don't name one.
    pub session: String,
    /// Most bytes of unacknowledged frames.
    pub window_bytes: u64,
    /// Largest event.
    pub max_event_bytes: u64,
    /// Largest frame on the wire.
    pub max_frame_bytes: u64,
    /// Largest frame after decompression.
    pub max_inflated_bytes: u64,
    /// Encodings the server reads.
    pub encodings: Vec<Encoding>,
}

/// What a client sends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventBatch {
    /// Always `event_batch`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The batch's number on this connection; absent in the original protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u64>,
    /// CloudEvents objects.
    pub events: Vec<Box<RawValue>>,
    /// Observation objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observations: Vec<Box<RawValue>>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The batch.
    pub batch: Option<u64>,
    /// The first seq it got; `None` when it added nothing.
    pub first_seq: Option<u64>,
    /// The last seq it got.
    pub last_seq: Option<u64>,
    /// Entries already stored.
    pub duplicates: u64,
    /// Entries that break a rule.
    pub rejected: Vec<RejectedItem>,
}

/// An entry that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct RejectedItem {
    /// Its index in `events`, or after them in `observations`.
    pub index: usize,
    /// The rule's stable code.
    pub code: String,
    /// The rule in words.
    pub detail: String,
}

/// A batch the store could not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nack {
    /// The batch.
    pub batch: Option<u64>,
    /// Why, stable.
    pub code: String,
    /// Why, in words.
    pub detail: String,
    /// When to try again.
    pub retry_after_ms: u64,
}

/// A frame that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorFrame {
    /// The batch, where its number could be read.
    pub batch: Option<u64>,
    /// What is wrong, stable.
    pub code: String,
    /// What is wrong, in words.
    pub detail: String,
}
