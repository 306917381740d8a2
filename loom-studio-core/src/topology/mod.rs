//! Who exists, and who calls whom.

mod callees;
mod calls;
mod classify;
mod fold;
mod save;
mod sketch;
mod state;
mod unshared;
mod view;
mod workspaces;

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::event::NodeId;
use crate::ids::Seq;
use crate::projection::Projection;

pub(crate) use callees::Callee;
pub use classify::{Evidence, NodeType, Rule};
pub use fold::CausalTopology;
pub use sketch::LatencySketch;
pub use workspaces::Topologies;

/// Finds nodes and edges in the records of one scope (a workspace, a session).
///
/// # Contract
///
/// Beside that of [`Projection`]:
///
/// * **Evidence.** Every inferred type names the record that proved it, and the rule.
/// * **Status is a question of time.** A call is open until its reply or until `now` has passed the caller's time-out; the fold itself never reads a clock.
/// * **Order of arrival is not trusted.** A reply that comes before its request ends the call all the same.
/// * **Determinism.** Nodes are sorted by id, edges by `from`, then `to`.
/// * **Bounded.** Open calls and early replies are kept up to a limit; beyond it the oldest count as unanswered.
pub trait TopologyInferer: Projection + Debug + Sync {
    /// The graph as of [`through`](Projection::through), with statuses as of `now`: the present for a live view, the time of the last event for a past one.
    fn topology(&self, now: Timestamp) -> Topology;

    /// An empty inferer of the same kind.
    fn fresh(&self) -> Box<dyn TopologyInferer>;
}

/// What a node is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeStatus {
    /// No open call, and the last one went well.
    Idle,
    /// It handles a call, or waits for one it made.
    Running,
    /// The last call it handled failed, or was never answered.
    Error,
}

impl NodeStatus {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Error => "error",
        }
    }
}

/// A graph at one position.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Topology {
    /// By id.
    pub nodes: Vec<Node>,
    /// By `from`, then `to`.
    pub edges: Vec<Edge>,
    /// Events about a node or edge there was no room for; 0 in all but hostile traffic.
    pub left_out: u64,
    /// The position it was folded to.
    pub at: Seq,
}

/// A node that sent or received an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its identity.
    pub id: NodeId,
    /// What it is.
    pub kind: NodeType,
    /// What proved that; `None` while nothing has.
    pub evidence: Option<Evidence>,
    /// The name it registered with, or the part of its id people use.
    pub name: Arc<str>,
    /// The role it registered with.
    pub role: Option<Arc<str>>,
    /// What it is doing.
    pub status: NodeStatus,
    /// Why, for people.
    pub status_reason: Option<String>,
    /// The JSON object it registered with.
    pub metadata: Option<Bytes>,
    /// Events it sent.
    pub events: u64,
    /// Calls it answered with an error or not at all.
    pub errors: u64,
    /// Calls it has not answered yet.
    pub open_calls: u64,
    /// The first record about it.
    pub first_seq: Seq,
    /// The last record about it.
    pub last_seq: Seq,
    /// The time of the last event about it.
    pub last_time: Timestamp,
    /// The record that said it is no longer there; `None` once it registers again.
    pub unregistered: Option<Seq>,
}

/// Events from one node to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// The sender.
    pub from: NodeId,
    /// The addressee.
    pub to: NodeId,
    /// Events sent.
    pub count: u64,
    /// Calls not answered yet.
    pub open: u64,
    /// Calls that failed or were never answered.
    pub errors: u64,
    /// Requests that an interceptor blocked: nobody got them.
    pub blocked: u64,
    /// Time from request to reply; `None` before the first.
    pub latency: Option<Percentiles>,
    /// What callers have waited for replies, in all.
    pub wait_nanos: u64,
    /// The last record along it.
    pub last_seq: Seq,
    /// The time of the last event along it.
    pub last_time: Timestamp,
}

/// A call that waits for its reply.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingCall {
    /// The caller.
    pub from: NodeId,
    /// Who is to answer.
    pub to: NodeId,
    /// The id of the request.
    pub id: Arc<str>,
    /// The request.
    pub seq: Seq,
    /// When it was made.
    pub time: Timestamp,
}

/// Three points of a distribution, in nanoseconds. Relative error at most 1 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percentiles {
    /// The median.
    pub p50_nanos: f64,
    /// 95 % are not above it.
    pub p95_nanos: f64,
    /// 99 % are not above it.
    pub p99_nanos: f64,
}
