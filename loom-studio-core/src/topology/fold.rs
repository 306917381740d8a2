//! The default inferer: nodes from sources and subjects, calls from requests and the replies that name them.

use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdMap;

use super::calls::{Answer, Calls, OpenCall, Requested, is_too_late};
use super::classify::{Registration, by_answer, has_arguments};
use super::state::{EdgeState, MAX_REASON_CHARS, NodeState};
use super::{NodeType, Rule};
use crate::event::{
    Event, MAX_NAME_BYTES, NodeId, Observation, Outcome, Phase, Record, Reply, kept,
};
use crate::ids::Seq;
use crate::projection::Projection;

/// Nodes and edges kept, each. What comes beyond that is counted.
const MAX_NODES: usize = 100_000;
const MAX_EDGES: usize = 100_000;
/// Bytes of JSON that all nodes together may have registered with. What comes beyond that isn't kept.
const MAX_METADATA_BYTES: usize = 16 << 20;

/// Whether a node's id is one that is kept: the others together could be of any size.
fn is_short(id: &NodeId) -> bool {
    id.as_str().len() <= MAX_NAME_BYTES
}

/// Infers the graph from what nodes say to each other. Calling others in sequence proves nothing about a node.
///
/// It keeps at most 100,000 nodes and as many edges, none of them of an id of more than 1,024 bytes. An event that would need more is counted in [`Topology::left_out`](super::Topology::left_out), and changes nothing else about the node or edge there is no room for.
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
    /// Changes a node, noted as seen in this event, in one look-up where it is known. False when it is new and there are too many.
    fn see(&mut self, id: &NodeId, event: &Event, change: impl FnOnce(&mut NodeState)) -> bool {
        let seen = |node: &mut NodeState| {
            node.last_seq = event.seq();
            node.last_time = node.last_time.max(event.time());
            change(node);
        };
        if let Some(node) = self.nodes.get_mut(id) {
            seen(Arc::make_mut(node));
        } else if self.nodes.len() < MAX_NODES && is_short(id) {
            let mut node = NodeState::new(id, event.seq());
            seen(&mut node);
            self.nodes.insert(id.clone(), Arc::new(node));
        } else {
            return false;
        }
        true
    }

    fn known(&mut self, id: &NodeId) -> Option<&mut NodeState> {
        self.nodes.get_mut(id).map(Arc::make_mut)
    }

    /// Changes an edge, likewise.
    fn along(&mut self, from: &NodeId, to: &NodeId, change: impl FnOnce(&mut EdgeState)) -> bool {
        let key = (from.clone(), to.clone());
        if let Some(edge) = self.edges.get_mut(&key) {
            change(Arc::make_mut(edge));
        } else if self.edges.len() < MAX_EDGES && is_short(from) && is_short(to) {
            let mut edge = EdgeState::default();
            change(&mut edge);
            self.edges.insert(key, Arc::new(edge));
        } else {
            return false;
        }
        true
    }

    fn apply_event(&mut self, event: &Event) {
        let seq = event.seq();
        let mut has_room = self.see(event.from(), event, |sender| {
            sender.events += 1;
            if event.kind().starts_with("agent.") {
                sender.prove(NodeType::Agent, Rule::EmitsAgentEvents, seq);
            }
        });
        if let Some(to) = event.to() {
            has_room &= self.see(to, event, |_| {});
            has_room &= self.along(event.from(), to, |edge| {
                edge.count += 1;
                edge.blocked += u64::from(event.phase() == Some(Phase::Blocked));
                edge.last_seq = seq;
                edge.last_time = edge.last_time.max(event.time());
            });
        }
        self.left_out += u64::from(!has_room);
        match &**event.kind() {
            "kernel.node.register" => self.register(event),
            "kernel.node.unregister" => self.unregister(event),
            "node.request" | "node.call" => self.request(event),
            _ => {}
        }
        if event.outcome() != Outcome::None {
            self.reply(event);
        }
    }

    /// A blocked request was never published: its call isn't open, and nobody is to blame.
    fn apply_observation(&mut self, observation: &Observation) {
        if observation.phase == Phase::Blocked
            && let Some(call) = self.calls.withdraw(observation.of)
        {
            self.along(&call.from, &call.to, |edge| edge.blocked += 1);
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
        let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let (mut before, mut after) = (0, 0);
        self.see(&id, event, |node| {
            if let Some(kind) = registration.kind {
                node.prove(kind, Rule::Registered, event.seq());
            }
            node.name = registration.name.or(node.name.take());
            node.role = registration.role.or(node.role.take());
            node.unregistered = None;
            before = length(&node.metadata);
            let metadata = metadata.filter(|new| new.len() <= room + before);
            node.metadata = metadata.or(node.metadata.take());
            after = length(&node.metadata);
        });
        self.metadata_bytes = (self.metadata_bytes + after).saturating_sub(before);
    }

    fn unregister(&mut self, event: &Event) {
        let registration = Registration::read(event.data().unwrap_or_default());
        let id = registration.node.unwrap_or_else(|| event.from().clone());
        self.see(&id, event, |node| node.unregistered = Some(event.seq()));
    }

    fn request(&mut self, event: &Event) {
        let Some(to) = event.to() else { return };
        // There is no such node, and no reply leads back here.
        let is_kept = is_short(event.from()) && is_short(to);
        if event.phase() == Some(Phase::Blocked) || !is_kept {
            return;
        }
        let call = OpenCall {
            from: event.from().clone(),
            to: to.clone(),
            seq: event.seq(),
            time: event.time(),
            has_arguments: event.data().is_some_and(has_arguments),
        };
        match self.calls.request(&kept(event.id()), call) {
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
            self.see(event.from(), event, |node| {
                node.prove(kind, rule, event.seq());
            });
        }
        let failure = (event.outcome() == Outcome::Error).then(|| {
            let reply = Reply::read(event.kind(), data);
            let text = reply.error.unwrap_or_else(|| event.kind().as_ref().into());
            let text: String = text.chars().take(MAX_REASON_CHARS).collect();
            Arc::<str>::from(text)
        });
        if !is_short(event.from()) {
            return;
        }
        let answer = Answer {
            by: event.from().clone(),
            to: event.to().map(NodeId::kept),
            seq: event.seq(),
            time: event.time(),
            failure,
        };
        match event.request_id() {
            Some(request_id) => {
                if let Some((call, answer)) = self.calls.answer(&kept(request_id), answer) {
                    self.end_call(&call, answer);
                }
            }
            None => {
                self.see(event.from(), event, |node| {
                    node.end_call(answer.time, answer.seq, answer.failure);
                });
            }
        }
    }

    /// One open call too many: it counts as unanswered. It has no duration, so it leaves the latencies alone.
    fn give_up(&mut self, call: &OpenCall) {
        self.along(&call.from, &call.to, |edge| {
            edge.errors += 1;
            edge.given_up += 1;
        });
        if let Some(node) = self.known(&call.to) {
            node.end_call(call.time, call.seq, Some("never answered".into()));
        }
    }

    fn end_call(&mut self, call: &OpenCall, answer: Answer) {
        let nanos = answer.time.nanos_since(call.time).max(0);
        let is_late = answer.failure.is_none() && is_too_late(nanos);
        let late = is_late.then(|| "answered after the caller had given up".into());
        let failure = answer.failure.or(late);
        self.along(&call.from, &call.to, |edge| {
            edge.latency.add(nanos);
            edge.wait_nanos = edge.wait_nanos.saturating_add(nanos.unsigned_abs());
            edge.errors += u64::from(failure.is_some());
            edge.late += u64::from(is_late);
        });
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
