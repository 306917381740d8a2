//! Frames of `/ws/events` in `loom-studio.v1`.

use serde::{Deserialize, Serialize};

/// What a viewer sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "frames are read one at a time and followed at once"
)]
pub enum ClientFrame {
    /// Begins a subscription, in place of the one before.
    Subscribe {
        /// Chosen by the client; every frame of the subscription carries it.
        sub: u64,
        /// Where to begin; at the head when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<From>,
        /// Which events.
        #[serde(default, skip_serializing_if = "SubscribeFilter::is_empty")]
        filter: SubscribeFilter,
        /// Whether to add the column `preview`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        preview: bool,
        /// Whether to send the topology too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        topology: bool,
        /// Most `events` frames not yet acknowledged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<u32>,
    },
    /// Everything up to a position was taken in.
    Ack {
        /// The subscription.
        sub: u64,
        /// The position.
        through_seq: u64,
    },
    /// Ends a subscription.
    Unsubscribe {
        /// The subscription.
        sub: u64,
    },
    /// Asks for the moves of a replay session.
    FollowReplay {
        /// The replay session.
        session_id: String,
    },
    /// No longer asks for them.
    UnfollowReplay {
        /// The replay session.
        session_id: String,
    },
    /// A type this version doesn't know: ignored.
    #[serde(other, skip_serializing)]
    Unknown,
}

/// Where a subscription begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum From {
    /// After a position of an epoch.
    After {
        /// The last record already known.
        after_seq: u64,
        /// The epoch it was read in; the present one when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<String>,
    },
    /// So many records before the head.
    Last {
        /// How many.
        last: u64,
    },
}

/// Conditions as in the query of `GET /api/events`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscribeFilter {
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// The type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Not before: epoch seconds or RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    /// Not after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<String>,
    /// A substring of the JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// A condition, as docs/conditions.md has it; `duration` is not known here.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

impl SubscribeFilter {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What the server sends to a viewer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "frames are made one at a time and written at once"
)]
pub enum ViewerFrame {
    /// The first frame.
    Hello(ViewerHello),
    /// Records.
    Events(Events),
    /// What changed in the graph.
    Topology(TopologyDelta),
    /// Records that were not sent.
    Gap(Gap),
    /// How far the viewer is behind.
    Counters(Counters),
    /// A replay session moved.
    Replay(Replay),
    /// A frame of the client could not be followed.
    Error(ViewerError),
}

/// The state of the store when the viewer came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewerHello {
    /// Always `loom-studio.v1`.
    pub protocol: String,
    /// The server's name and version.
    pub server: String,
    /// The store's epoch.
    pub epoch: String,
    /// The oldest position stored; 0 when nothing is.
    pub first_seq: u64,
    /// The newest position; 0 when nothing was stored yet.
    pub head_seq: u64,
    /// The server's time, microseconds since the Unix epoch.
    pub now_us: i64,
}

/// Records, by columns.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Events {
    /// The subscription.
    pub sub: u64,
    /// Everything that matches up to here has been sent.
    pub through_seq: u64,
    /// Strings to append to the subscription's dictionary.
    pub dict: Vec<String>,
    /// Rows in `cols`.
    pub n: usize,
    /// Events.
    pub cols: Columns,
    /// Observations.
    pub obs: ObservationColumns,
}

/// Events, one array per attribute, all of the same length.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Columns {
    /// Positions.
    pub seq: Vec<u64>,
    /// Event times, microseconds since the Unix epoch.
    pub time_us: Vec<i64>,
    /// Types, as dictionary indexes.
    #[serde(rename = "type")]
    pub kind: Vec<u32>,
    /// Sending nodes, as dictionary indexes.
    pub source: Vec<u32>,
    /// Addressed nodes, as dictionary indexes; −1 for none.
    pub target: Vec<i64>,
    /// Sessions, as dictionary indexes.
    pub session: Vec<u32>,
    /// 0 not a reply, 1 ok, 2 error.
    pub outcome: Vec<u8>,
    /// Sizes of the stored events.
    pub bytes: Vec<u64>,
    /// Of a reply the position of its request; of a request that of a reply which came before it, else its own; 0 of what is neither, and where the other half
    /// is not among the last events of the subscription.
    #[serde(default)]
    pub call: Vec<u64>,
    /// The beginnings of `data`, where asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Vec<String>>,
}

/// Observations, one array per attribute, all of the same length.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ObservationColumns {
    /// Positions.
    pub seq: Vec<u64>,
    /// Positions of the observed events.
    pub of: Vec<u64>,
    /// 0 `pre`, 1 `post`, 2 `blocked`, 3 `timeout`, 4 `raised`.
    pub phase: Vec<u8>,
    /// When, microseconds since the Unix epoch.
    pub at_us: Vec<i64>,
}

/// What changed in the graph since the frame before.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TopologyDelta {
    /// The subscription.
    pub sub: u64,
    /// The position the graph was folded to.
    pub at_seq: u64,
    /// Whether to forget everything first.
    pub reset: bool,
    /// Nodes to add or replace, by `id`: objects as in `GET /api/topology`.
    pub nodes: Vec<serde_json::Value>,
    /// Edges to add or replace, by `from` and `to`.
    pub edges: Vec<serde_json::Value>,
    /// Ids of nodes that are no more.
    pub removed_nodes: Vec<String>,
    /// `from` and `to` of edges that are no more.
    pub removed_edges: Vec<(String, String)>,
}

/// Records that were not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The subscription.
    pub sub: u64,
    /// The first of them.
    pub from_seq: u64,
    /// The last of them.
    pub to_seq: u64,
    /// Why.
    pub reason: GapReason,
}

/// Why records were not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The viewer was too slow; they are still stored.
    Lagging,
    /// They were deleted.
    Retention,
}

/// How far a lagging viewer is behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// The subscription.
    pub sub: u64,
    /// The newest position.
    pub head_seq: u64,
    /// Records not sent so far.
    pub skipped: u64,
}

/// A replay session's cursor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The replay session.
    pub session_id: String,
    /// What it is doing.
    pub state: ReplayPlayState,
    /// The cursor.
    pub index: u64,
    /// Events in the session.
    pub total: u64,
    /// The position whose state is shown.
    pub seq: u64,
    /// The time there, microseconds since the Unix epoch.
    pub time_us: i64,
    /// How fast it plays.
    pub speed: f64,
    /// The breakpoint that paused it.
    pub breakpoint: Option<String>,
}

/// What a replay session is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayPlayState {
    /// Moving.
    Playing,
    /// Standing.
    Paused,
    /// Behind the last event.
    Ended,
}

/// A frame that could not be followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewerError {
    /// The subscription, where the frame named one.
    pub sub: Option<u64>,
    /// What is wrong, stable.
    pub code: String,
    /// What is wrong, in words.
    pub detail: String,
    /// With the code `invalid_condition`: where in the condition, in UTF-16 code units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// With the code `invalid_condition`: words that could stand there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Vec<String>>,
}
