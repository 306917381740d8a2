//! The event log, projections and replay of Loom Studio.
//!
//! The log of CloudEvents is the only truth; topology, sessions, memory and state are pure folds over it. This crate knows no HTTP, no Python and no web page: any Rust host can embed it.
//!
//! ```
//! use std::sync::Arc;
//! use loom_studio_core::{
//!     AppendBatch, CausalTopology, EventFilter, EventStore, Incoming, MemoryStore, MemoryStoreOptions, RandomIds,
//!     SystemClock, Timestamp, TopologyInferer, fold,
//! };
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store = MemoryStore::new(MemoryStoreOptions::default(), Arc::new(SystemClock), &RandomIds);
//! let event = br#"{"specversion":"1.0","id":"1","source":"/user/sdk","type":"node.request","subject":"crew/master"}"#;
//! store.append(AppendBatch {
//!     workspace: "default".into(),
//!     session: "example".into(),
//!     items: vec![Incoming::Event(event.as_slice().into())],
//! }).await?;
//!
//! let mut topology = CausalTopology::default();
//! fold(&store, &EventFilter::workspace("default"), None, &mut topology).await?;
//! let graph = topology.topology(Timestamp::default());
//! assert_eq!(graph.nodes.iter().map(|node| node.id.as_str()).collect::<Vec<_>>(), ["/node/crew/master", "/user/sdk"]);
//! # Ok::<(), loom_studio_core::Error>(())
//! # }).unwrap();
//! ```

#![cfg_attr(
    not(any(test, feature = "conformance", feature = "fuzzing")),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod causality;
mod clock;
mod condition;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod event;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod ids;
mod links;
mod memory;
mod metrics;
mod projection;
mod replay;
mod runs;
mod saving;
mod sessions;
mod store;
mod topology;
mod transfer;

pub use causality::{Candidates, MAX_CANDIDATES, Trust};
pub use clock::{Clock, IdSource, ManualClock, RandomIds, SequentialIds, SystemClock, Timestamp};
pub use condition::{
    Completion, CompletionKind, Condition, ConditionError, ConditionSet, Context,
    DEFAULT_MAX_SCANNED, FirstMatch, MAX_LENGTH as MAX_CONDITION_LENGTH, Search, complete,
    first_match, search,
};
pub use error::{Error, ErrorKind, Result};
pub use event::{
    Envelope, Event, EventKey, EventLimits, NodeId, Observation, ObservationDraft, Outcome, Pair,
    Pairs, Phase, Record, Reject, RejectCode, Reply, SpanId, Stamps, TraceContext, TraceId,
};
#[cfg(feature = "file")]
pub use history::DirCheckpoints;
pub use history::{
    CheckpointKey, CheckpointStore, Durability, Followed, History, HistoryOptions, Journey,
    MemoryCheckpoints, Travelled, at_both, prepare_all, retain_with,
};
pub use ids::{Epoch, Seq};
pub use links::{Link, Links, MAX_EFFECTS, Placement, links, placement};
pub use memory::{
    BlameLevel, ContentOf, FaultReason, Faulty, Memories, MemoryChange, MemoryChangeKind,
    MemoryEntry, MemoryFault, MemoryOwner, MemoryReconstructor, MemorySnapshot, MemoryStep,
    MemoryStepKind, MemoryTier, MemoryTrack, Origin, Recall, RecalledEntry, RecordedMemory,
    StateBlame, StateChange, StateOf, StateValue, is_pointer, recall,
};
pub use metrics::{
    Bottleneck, Bottlenecks, CallFigures, Measured, Metrics, MetricsView, ModelFigures, Throughput,
    TimeBucket, bottlenecks, measure,
};
pub use projection::{Checkpoint, Persistent, Projection, Track, Untracked, fold, fold_between};
pub use replay::{
    Breakpoint, Direction, LogReplay, Moment, Pace, ReplayEngine, ReplayHold, ReplayOptions,
    ReplayScope, ReplaySessionId, ReplayState, ReplayStep,
};
pub use runs::{
    Ambiguities, Attached, Call, CallEnd, CallStatus, Explanation, MAX_POSSIBLE, Parent, PathStep,
    Possible, Pursuit, Run, RunBounds, RunFacts, RunFailure, RunId, RunLimits, RunList, RunStatus,
    RunTree, Tokens, Unplaced, Usage, call_tree, call_tree_with, read_records, visit_records,
};
pub use sessions::{Session, Sessions};
pub use store::{
    AppendBatch, Appended, Capabilities, Cursor, Delivery, EventFilter, EventQuery, EventStore,
    Health, Incoming, MemoryStore, MemoryStoreOptions, Order, Page, Pattern, Recorded, Rejected,
    RetainPolicy, Retained, SeqSet, StartAt, StoreStats, StoredEvent, StoredRecord, Subscription,
    Tail, TailSource, TimeRange, Total,
};
#[cfg(feature = "file")]
pub use store::{Disk, DiskFile, FileStore, FileStoreOptions, OpenReport, VerifyReport, verify};
pub use topology::{
    CausalTopology, Edge, Evidence, LatencySketch, Node, NodeStatus, NodeType, PendingCall,
    Percentiles, Rule, Topologies, Topology, TopologyInferer,
};
pub use transfer::{
    Export, ExportFormat, ExportOptions, Exported, Import, ImportOptions, ImportReport,
    RejectedLine, RunsAt,
};
