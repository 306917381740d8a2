//! The frames of `docs/ws-protocol.md`, as types. Used by both ends: this server, the Rust sender, tests and load tools.

mod ingest;
mod viewer;

pub use ingest::{
    Ack, Encoding, ErrorFrame, EventBatch, IngestFrame, IngestHello, Nack, RejectedItem,
};
pub use viewer::{
    ClientFrame, Columns, Counters, Events, From, Gap, GapReason, ObservationColumns, Replay,
    ReplayPlayState, SubscribeFilter, TopologyDelta, ViewerError, ViewerFrame, ViewerHello,
};

/// The subprotocol with acknowledgements, credit and columns.
pub const LOOM_STUDIO_V1: &str = "loom-studio.v1";
/// The CloudEvents WebSocket binding's JSON subprotocol.
pub const CLOUDEVENTS_JSON: &str = "cloudevents.json";
