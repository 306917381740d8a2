//! What became of the calls to each node.

use std::collections::BTreeMap;

use super::calls::is_too_late;
use super::{LatencySketch, NodeType, Topologies};
use crate::clock::Timestamp;
use crate::event::NodeId;

/// The calls to one node at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Callee {
    pub(crate) kind: NodeType,
    /// Request to reply of the calls that were answered.
    pub(crate) times: LatencySketch,
    /// Of the answered, those whose reply is an error.
    pub(crate) failed: u64,
    /// Of the answered, those without an error whose caller had given up.
    pub(crate) late: u64,
    pub(crate) unanswered: u64,
    pub(crate) open: u64,
    pub(crate) blocked: u64,
}

impl Topologies {
    /// The nodes of a workspace that were called, by id, and how many events there was no room for.
    pub(crate) fn callees(
        &self,
        workspace: &str,
        now: Timestamp,
    ) -> (BTreeMap<NodeId, Callee>, u64) {
        let mut callees: BTreeMap<NodeId, Callee> = BTreeMap::new();
        let Some(graph) = self.by_workspace.get(workspace) else {
            return (callees, 0);
        };
        for ((_, to), edge) in &graph.edges {
            if edge.latency.count() + edge.given_up + edge.blocked > 0 {
                let callee = callees.entry(to.clone()).or_default();
                callee.times.merge(&edge.latency);
                callee.failed += edge.errors.saturating_sub(edge.late + edge.given_up);
                callee.late += edge.late;
                callee.unanswered += edge.given_up;
                callee.blocked += edge.blocked;
            }
        }
        for call in graph.calls.open() {
            let callee = callees.entry(call.to.clone()).or_default();
            if is_too_late(now.nanos_since(call.time)) {
                callee.unanswered += 1;
            } else {
                callee.open += 1;
            }
        }
        for (id, callee) in &mut callees {
            if let Some(node) = graph.nodes.get(id) {
                callee.kind = node.kind.clone();
            }
        }
        (callees, graph.left_out)
    }
}
