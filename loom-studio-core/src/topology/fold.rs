//! The default inferer: nodes from sources and subjects, calls from requests and the replies that name them.

use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdMap;

use super::calls::{Answer, Calls, OpenCall, Requested, is_too_late};
use super::classify::{Registration, by_answer, has_arguments};
use super::state::{EdgeState, MAX_REASON_CHARS, NodeState};
use super::{NodeType, Rule};
use crate::event::{Event, NodeId, Observation, Outcome, Phase, Record, Reply};
use crate::ids::Seq;
use crate::projection::Projection;

/// Nodes and edges kept, each. What comes beyond that is counted.
const MAX_NODES: usize = 100_000;
const MAX_EDGES: usize = 100_000;
/// Bytes of JSON that all nodes together may have registered with. What comes beyond that isn't kept.
const MAX_METADATA_BYTES: usize = 16 << 20;

/// Infers the graph from what nodes say to each other. Calling others in sequence proves nothing about a node.
///
/// It keeps at most 100,000 nodes and as many edges. An event that would need more is counted in [`Topology::left_out`](super::Topology::left_out), and changes nothing else about the node or edge there is no room for.
///
/// Its maps are persistent (imbl's B-trees), so a clone costs a few reference counts, and the first change of an entry after that copies its path.
#[derive(Debug, Clone, Default)]
pub struct CausalTopology {
    pub(super) nodes: OrdMap<NodeId, Arc<NodeState>>,
    pub(super) edges: OrdMap<(NodeId, NodeId), Arc<EdgeState>>,
    pub(super) calls: Calls,
    pub(super) metadata_bytes: usize,
    pub(super) left_out: u64,
    pub(super) through: Seq,
}

impl CausalTopology {
    /// A node, noted as seen in this event; `None` when it is new and there are too many.
    fn node(&mut self, id: &NodeId, event: &Event) -> Option<&mut NodeState> {
        if !self.nodes.contains_key(id) {
            if self.nodes.len() >= MAX_NODES {
                return None;
            }
            let new = Arc::new(NodeState::new(id, event.seq()));
            self.nodes.insert(id.clone(), new);
        }
        let node = Arc::make_mut(self.nodes.get_mut(id)?);
        node.last_seq = event.seq();
        node.last_time = node.last_time.max(event.time());
        Some(node)
    }

    fn known(&mut self, id: &NodeId) -> Option<&mut NodeState> {
        self.nodes.get_mut(id).map(Arc::make_mut)
    }

    /// An edge; `None` when it is new and there are too many.
    fn edge(&mut self, from: &NodeId, to: &NodeId) -> Option<&mut EdgeState> {
        let key = (from.clone(), to.clone());
        if !self.edges.contains_key(&key) {
            if self.edges.len() >= MAX_EDGES {
                return None;
            }
            self.edges.insert(key.clone(), Arc::default());
        }
        self.edges.get_mut(&key).map(Arc::make_mut)
    }

    fn apply_event(&mut self, event: &Event) {
        let seq = event.seq();
        let mut has_room = true;
        if let Some(sender) = self.node(event.from(), event) {
            sender.events += 1;
            if event.kind().starts_with("agent.") {
                sender.prove(NodeType::Agent, Rule::EmitsAgentEvents, seq);
            }
        } else {
            has_room = false;
        }
        match &**event.kind() {
            "kernel.node.register" => self.register(event),
            "kernel.node.unregister" => self.unregister(event),
            "node.request" | "node.call" => self.request(event),
            _ => {}
        }
        if let Some(to) = event.to() {
            has_room &= self.node(to, event).is_some();
            if let Some(edge) = self.edge(event.from(), to) {
                edge.count += 1;
                edge.blocked += u64::from(event.phase() == Some(Phase::Blocked));
                edge.last_seq = seq;
                edge.last_time = edge.last_time.max(event.time());
            } else {
                has_room = false;
            }
        }
        self.left_out += u64::from(!has_room);
        if event.outcome() != Outcome::None {
            self.reply(event);
        }
    }

    /// A blocked request was never published: its call isn't open, and nobody is to blame.
    fn apply_observation(&mut self, observation: &Observation) {
        if observation.phase == Phase::Blocked
            && let Some(call) = self.calls.withdraw(observation.of)
            && let Some(edge) = self.edge(&call.from, &call.to)
        {
            edge.blocked += 1;
        }
    }

    fn register(&mut self, event: &Event) {
        let data = event.data().unwrap_or_default();
        let registration = Registration::read(data);
        let metadata = data
            .starts_with('{')
            .then(|| Bytes::copy_from_slice(data.as_bytes()));
        let id = registration.node.unwrap_or_else(|| event.from().clone());
        let room = MAX_METADATA_BYTES.saturating_sub(self.metadata_bytes);
        let Some(node) = self.node(&id, event) else {
            return;
        };
        if let Some(kind) = registration.kind {
            node.prove(kind, Rule::Registered, event.seq());
        }
        node.name = registration.name.or(node.name.take());
        node.role = registration.role.or(node.role.take());
        node.unregistered = None;
        let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let before = length(&node.metadata);
        let metadata = metadata.filter(|new| new.len() <= room + before);
        node.metadata = metadata.or(node.metadata.take());
        let after = length(&node.metadata);
        self.metadata_bytes = (self.metadata_bytes + after).saturating_sub(before);
    }

    fn unregister(&mut self, event: &Event) {
        let registration = Registration::read(event.data().unwrap_or_default());
        let id = registration.node.unwrap_or_else(|| event.from().clone());
        if let Some(node) = self.node(&id, event) {
            node.unregistered = Some(event.seq());
        }
    }

    fn request(&mut self, event: &Event) {
        let Some(to) = event.to() else { return };
        if event.phase() == Some(Phase::Blocked) {
            return;
        }
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
            if let Some(node) = self.node(event.from(), event) {
                node.prove(kind, rule, event.seq());
            }
        }
        let failure = (event.outcome() == Outcome::Error).then(|| {
            let reply = Reply::read(event.kind(), data);
            let text = reply.error.unwrap_or_else(|| event.kind().as_ref().into());
            let text: String = text.chars().take(MAX_REASON_CHARS).collect();
            Arc::<str>::from(text)
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
                if let Some(node) = self.node(event.from(), event) {
                    node.end_call(answer.time, answer.seq, answer.failure);
                }
            }
        }
    }

    /// One open call too many: it counts as unanswered. It has no duration, so it leaves the latencies alone.
    fn give_up(&mut self, call: &OpenCall) {
        if let Some(edge) = self.edge(&call.from, &call.to) {
            edge.errors += 1;
        }
        if let Some(node) = self.known(&call.to) {
            node.end_call(call.time, call.seq, Some("never answered".into()));
        }
    }

    fn end_call(&mut self, call: &OpenCall, answer: Answer) {
        let nanos = answer.time.nanos_since(call.time).max(0);
        let late = is_too_late(nanos).then(|| "answered after the caller had given up".into());
        let failure = answer.failure.or(late);
        if let Some(edge) = self.edge(&call.from, &call.to) {
            edge.latency.add(nanos);
            edge.wait_nanos = edge.wait_nanos.saturating_add(nanos.unsigned_abs());
            edge.errors += u64::from(failure.is_some());
        }
        if let Some(node) = self.known(&call.to) {
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
        match record {
            Record::Event(event) => self.apply_event(event),
            Record::Observation(observation) => self.apply_observation(observation),
        }
        self.through = record.seq();
    }

    fn through(&self) -> Seq {
        self.through
    }
}
