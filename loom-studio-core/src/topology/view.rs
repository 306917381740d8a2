//! The graph of a fold at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calls::{CALL_TIMEOUT, is_too_late};
use super::state::NodeState;
use super::{CausalTopology, Edge, Node, NodeStatus, PendingCall, Topology, TopologyInferer};
use crate::clock::Timestamp;
use crate::event::NodeId;

/// Open calls of a node at one moment.
#[derive(Default)]
struct Load {
    handling: u64,
    waiting: u64,
    unanswered: u64,
    /// When the caller of the last one gave up.
    last_unanswered: Option<Timestamp>,
}

impl TopologyInferer for CausalTopology {
    fn topology(&self, now: Timestamp) -> Topology {
        let mut loads: BTreeMap<&NodeId, Load> = BTreeMap::new();
        let mut edges: BTreeMap<(&NodeId, &NodeId), (u64, u64)> = BTreeMap::new();
        for call in self.calls.open() {
            let edge = edges.entry((&call.from, &call.to)).or_default();
            if is_too_late(now.nanos_since(call.time)) {
                edge.1 += 1;
                let load = loads.entry(&call.to).or_default();
                load.unanswered += 1;
                let given_up = call.time.saturating_add(CALL_TIMEOUT);
                load.last_unanswered = load.last_unanswered.max(Some(given_up));
            } else {
                edge.0 += 1;
                loads.entry(&call.to).or_default().handling += 1;
                loads.entry(&call.from).or_default().waiting += 1;
            }
        }
        let nothing = Load::default();
        let nodes = self
            .nodes
            .iter()
            .map(|(id, state)| node_at(id, state, loads.get(id).unwrap_or(&nothing)))
            .collect();
        let edges = self
            .edges
            .iter()
            .map(|((from, to), state)| {
                let (open, unanswered) = edges.get(&(from, to)).copied().unwrap_or_default();
                Edge {
                    from: from.clone(),
                    to: to.clone(),
                    count: state.count,
                    open,
                    errors: state.errors + unanswered,
                    blocked: state.blocked,
                    latency: state.latency.percentiles(),
                    wait_nanos: state.wait_nanos,
                    last_seq: state.last_seq,
                    last_time: state.last_time,
                }
            })
            .collect();
        Topology {
            nodes,
            edges,
            left_out: self.left_out,
            at: self.through,
        }
    }

    fn fresh(&self) -> Box<dyn TopologyInferer> {
        Box::<Self>::default()
    }
}

impl CausalTopology {
    /// The calls that are open as of `now`, by position: those whose caller still waits.
    pub fn pending_calls(&self, now: Timestamp) -> Vec<PendingCall> {
        let mut calls: Vec<PendingCall> = self
            .calls
            .open
            .items()
            .filter(|(_, call)| !is_too_late(now.nanos_since(call.time)))
            .map(|(id, call)| PendingCall {
                from: call.from.clone(),
                to: call.to.clone(),
                id: Arc::clone(id),
                seq: call.seq,
                time: call.time,
            })
            .collect();
        calls.sort_unstable_by_key(|call| call.seq);
        calls
    }
}

fn node_at(id: &NodeId, state: &NodeState, load: &Load) -> Node {
    let last_failure = state
        .last_end
        .as_ref()
        .and_then(|(_, _, failure)| failure.as_deref().map(str::to_owned));
    let last_end = state.last_end.as_ref().map(|(time, _, _)| *time);
    let (status, status_reason) = if load.handling > 0 {
        (
            NodeStatus::Running,
            Some(format!("handling {}", calls(load.handling))),
        )
    } else if load.waiting > 0 {
        (
            NodeStatus::Running,
            Some(format!("waiting for {}", calls(load.waiting))),
        )
    } else if load.last_unanswered > last_end {
        (
            NodeStatus::Error,
            Some(format!("{} without an answer", calls(load.unanswered))),
        )
    } else if let Some(failure) = last_failure {
        (NodeStatus::Error, Some(failure))
    } else if state.unregistered.is_some() {
        (NodeStatus::Idle, Some("unregistered".to_owned()))
    } else {
        (NodeStatus::Idle, None)
    };
    Node {
        id: id.clone(),
        kind: state.kind.clone(),
        evidence: state.evidence,
        name: state.name.clone().unwrap_or_else(|| id.name().into()),
        role: state.role.clone(),
        status,
        status_reason,
        metadata: state.metadata.clone(),
        events: state.events,
        errors: state.errors + load.unanswered,
        open_calls: load.handling,
        first_seq: state.first_seq,
        last_seq: state.last_seq,
        last_time: state.last_time,
        unregistered: state.unregistered,
    }
}

fn calls(count: u64) -> String {
    if count == 1 {
        "1 call".to_owned()
    } else {
        format!("{count} calls")
    }
}
