//! The default inferer: nodes from sources and subjects, calls from requests and the replies that name them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::calls::{Answer, CALL_TIMEOUT, Calls, OpenCall, Requested, is_too_late};
use super::classify::{Registration, by_address, by_answer, has_arguments};
use super::{
    ByNode, Edge, Evidence, LatencySketch, Node, NodeStatus, NodeType, Rule, Topology,
    TopologyInferer,
};
use crate::clock::Timestamp;
use crate::event::{Event, NodeId, Outcome, Record, Reply};
use crate::ids::Seq;
use crate::projection::Projection;

/// Infers the graph from what nodes say to each other. Calling others in sequence proves nothing about a node.
#[derive(Debug, Clone, Default)]
pub struct CausalTopology {
    nodes: ByNode<NodeState>,
    edges: BTreeMap<(NodeId, NodeId), EdgeState>,
    calls: Calls,
    through: Seq,
}

#[derive(Debug, Clone)]
struct NodeState {
    kind: NodeType,
    evidence: Option<Evidence>,
    name: Option<Arc<str>>,
    role: Option<Arc<str>>,
    metadata: Option<Bytes>,
    events: u64,
    errors: u64,
    /// The end of the call that ended last, by time: when, where, and what went wrong.
    last_end: Option<(Timestamp, Seq, Option<String>)>,
    first_seq: Seq,
    last_seq: Seq,
    last_time: Timestamp,
}

#[derive(Debug, Clone, Default)]
struct EdgeState {
    count: u64,
    errors: u64,
    latency: LatencySketch,
    last_seq: Seq,
    last_time: Timestamp,
}

/// The longest error text kept as a reason.
const MAX_REASON_CHARS: usize = 200;

impl NodeState {
    fn new(id: &NodeId, seq: Seq) -> Self {
        let by_address = by_address(id);
        Self {
            evidence: by_address.is_some().then_some(Evidence {
                seq,
                rule: Rule::AddressSegment,
            }),
            kind: by_address.unwrap_or_default(),
            name: None,
            role: None,
            metadata: None,
            events: 0,
            errors: 0,
            last_end: None,
            first_seq: seq,
            last_seq: seq,
            last_time: Timestamp::default(),
        }
    }

    /// A stronger rule replaces a weaker one; among equals the first stays.
    fn prove(&mut self, kind: NodeType, rule: Rule, seq: Seq) {
        if self.evidence.is_none_or(|known| known.rule < rule) {
            (self.kind, self.evidence) = (kind, Some(Evidence { seq, rule }));
        }
    }

    fn end_call(&mut self, time: Timestamp, seq: Seq, failure: Option<String>) {
        if failure.is_some() {
            self.errors += 1;
        }
        if self
            .last_end
            .as_ref()
            .is_none_or(|(last, at, _)| (*last, *at) <= (time, seq))
        {
            self.last_end = Some((time, seq, failure));
        }
    }
}

impl CausalTopology {
    fn node(&mut self, id: &NodeId, event: &Event) -> &mut NodeState {
        let node = self
            .nodes
            .entry(id.clone())
            .or_insert_with(|| NodeState::new(id, event.seq()));
        node.last_seq = event.seq();
        node.last_time = node.last_time.max(event.time());
        node
    }

    fn apply_event(&mut self, event: &Event) {
        let seq = event.seq();
        let sender = self.node(event.from(), event);
        sender.events += 1;
        if event.kind().starts_with("agent.") {
            sender.prove(NodeType::Agent, Rule::EmitsAgentEvents, seq);
        }
        match &**event.kind() {
            "kernel.node.register" => self.register(event),
            "node.request" | "node.call" => self.request(event),
            _ => {}
        }
        if let Some(to) = event.to() {
            self.node(to, event);
            let edge = self
                .edges
                .entry((event.from().clone(), to.clone()))
                .or_default();
            edge.count += 1;
            edge.last_seq = seq;
            edge.last_time = edge.last_time.max(event.time());
        }
        if event.outcome() != Outcome::None {
            self.reply(event);
        }
    }

    fn register(&mut self, event: &Event) {
        let data = event.data().unwrap_or_default();
        let registration = Registration::read(data);
        let metadata = data
            .starts_with('{')
            .then(|| Bytes::copy_from_slice(data.as_bytes()));
        let id = registration.node.unwrap_or_else(|| event.from().clone());
        let node = self.node(&id, event);
        if let Some(kind) = registration.kind {
            node.prove(kind, Rule::Registered, event.seq());
        }
        node.name = registration.name.or(node.name.take());
        node.role = registration.role.or(node.role.take());
        node.metadata = metadata.or(node.metadata.take());
    }

    fn request(&mut self, event: &Event) {
        let Some(to) = event.to() else { return };
        let call = OpenCall {
            from: event.from().clone(),
            to: to.clone(),
            seq: event.seq(),
            time: event.time(),
            has_arguments: event.data().is_some_and(has_arguments),
        };
        self.node(to, event);
        match self.calls.request(event.id(), call) {
            Requested::Answered(call, answer) => self.end_call(&call, answer),
            Requested::Open {
                given_up: Some(call),
            } => {
                self.give_up(&call);
            }
            Requested::Open { given_up: None } => {}
        }
    }

    fn reply(&mut self, event: &Event) {
        let data = event.data().unwrap_or_default();
        if let Some((kind, rule)) = by_answer(data) {
            self.node(event.from(), event)
                .prove(kind, rule, event.seq());
        }
        let failure = (event.outcome() == Outcome::Error).then(|| {
            let reply = Reply::read(event.kind(), data);
            let text = reply.error.unwrap_or_else(|| event.kind().as_ref().into());
            text.chars().take(MAX_REASON_CHARS).collect()
        });
        let answer = Answer {
            by: event.from().clone(),
            to: event.to().cloned(),
            seq: event.seq(),
            time: event.time(),
            failure,
        };
        match event.request_id() {
            Some(request_id) => {
                if let Some((call, answer)) = self.calls.answer(request_id, answer) {
                    self.end_call(&call, answer);
                }
            }
            None => {
                self.node(event.from(), event)
                    .end_call(answer.time, answer.seq, answer.failure);
            }
        }
    }

    /// One open call too many: it counts as unanswered. It has no duration, so it leaves the latencies alone.
    fn give_up(&mut self, call: &OpenCall) {
        if let Some(edge) = self.edges.get_mut(&(call.from.clone(), call.to.clone())) {
            edge.errors += 1;
        }
        if let Some(node) = self.nodes.get_mut(&call.to) {
            node.end_call(call.time, call.seq, Some("never answered".to_owned()));
        }
    }

    fn end_call(&mut self, call: &OpenCall, answer: Answer) {
        let nanos = answer.time.nanos_since(call.time).max(0);
        let late = is_too_late(nanos).then(|| "answered after the caller had given up".to_owned());
        let failure = answer.failure.or(late);
        let edge = self
            .edges
            .entry((call.from.clone(), call.to.clone()))
            .or_default();
        edge.latency.add(nanos);
        edge.errors += u64::from(failure.is_some());
        if let Some(node) = self.nodes.get_mut(&call.to) {
            if call.has_arguments && failure.is_none() {
                node.prove(
                    NodeType::Tool,
                    Rule::AnswersArguments,
                    answer.seq.max(call.seq),
                );
            }
            node.end_call(answer.time, answer.seq, failure);
        }
    }
}

impl Projection for CausalTopology {
    fn apply(&mut self, record: &Record) {
        if let Record::Event(event) = record {
            self.apply_event(event);
        }
        self.through = record.seq();
    }

    fn through(&self) -> Seq {
        self.through
    }
}

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
        let mut loads: ByNode<Load> = ByNode::new();
        let mut edges: BTreeMap<(&NodeId, &NodeId), (u64, u64)> = BTreeMap::new();
        for call in self.calls.open() {
            let edge = edges.entry((&call.from, &call.to)).or_default();
            if is_too_late(now.nanos_since(call.time)) {
                edge.1 += 1;
                let load = loads.entry(call.to.clone()).or_default();
                load.unanswered += 1;
                let given_up = call.time.saturating_add(CALL_TIMEOUT);
                load.last_unanswered = load.last_unanswered.max(Some(given_up));
            } else {
                edge.0 += 1;
                loads.entry(call.to.clone()).or_default().handling += 1;
                loads.entry(call.from.clone()).or_default().waiting += 1;
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
                    latency: state.latency.percentiles(),
                    last_seq: state.last_seq,
                    last_time: state.last_time,
                }
            })
            .collect();
        Topology {
            nodes,
            edges,
            at: self.through,
        }
    }

    fn fresh(&self) -> Box<dyn TopologyInferer> {
        Box::<Self>::default()
    }
}

fn node_at(id: &NodeId, state: &NodeState, load: &Load) -> Node {
    let last_failure = state
        .last_end
        .as_ref()
        .and_then(|(_, _, failure)| failure.clone());
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
    }
}

fn calls(count: u64) -> String {
    if count == 1 {
        "1 call".to_owned()
    } else {
        format!("{count} calls")
    }
}
