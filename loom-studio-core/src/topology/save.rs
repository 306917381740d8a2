//! Topologies as bytes. The encoding is private: another version of it has another `FORMAT`, and is rebuilt from the log.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::calls::{Answer, OpenCall};
use super::classify::{Evidence, NodeType, Rule};
use super::state::{EdgeState, NodeState};
use super::{CausalTopology, LatencySketch, Topologies};
use crate::clock::Timestamp;
use crate::event::NodeId;
use crate::ids::Seq;
use crate::projection::Checkpoint;
use crate::saving::{Texts, TextsOnce};

#[derive(Serialize, Deserialize)]
struct Saved {
    texts: Vec<Arc<str>>,
    graph: SavedGraph,
}

#[derive(Serialize, Deserialize)]
struct SavedAll {
    texts: Vec<Arc<str>>,
    through: Seq,
    graphs: Vec<(u32, SavedGraph)>,
}

#[derive(Serialize, Deserialize)]
struct SavedGraph {
    nodes: Vec<SavedNode>,
    edges: Vec<SavedEdge>,
    open: Vec<SavedCall>,
    early: Vec<SavedAnswer>,
    left_out: u64,
    through: Seq,
}

#[derive(Serialize, Deserialize)]
struct SavedNode {
    id: u32,
    kind: u8,
    other_kind: Option<Arc<str>>,
    evidence: Option<(Seq, u8)>,
    name: Option<Arc<str>>,
    role: Option<Arc<str>>,
    metadata: Option<Vec<u8>>,
    events: u64,
    errors: u64,
    last_end: Option<(i64, Seq, Option<Arc<str>>)>,
    first_seq: Seq,
    last_seq: Seq,
    last_time: i64,
    unregistered: Option<Seq>,
}

#[derive(Serialize, Deserialize)]
struct SavedEdge {
    from: u32,
    to: u32,
    count: u64,
    errors: u64,
    late: u64,
    given_up: u64,
    blocked: u64,
    latency: Vec<(i32, u64)>,
    wait_nanos: u64,
    last_seq: Seq,
    last_time: i64,
}

#[derive(Serialize, Deserialize)]
struct SavedCall {
    id: Arc<str>,
    from: u32,
    to: u32,
    seq: Seq,
    time: i64,
    has_arguments: bool,
}

#[derive(Serialize, Deserialize)]
struct SavedAnswer {
    id: Arc<str>,
    by: u32,
    to: Option<u32>,
    seq: Seq,
    time: i64,
    failure: Option<Arc<str>>,
}

impl Checkpoint for CausalTopology {
    const FORMAT: &'static str = "topology-2";

    fn save(&self) -> Vec<u8> {
        let mut texts = TextsOnce::default();
        let graph = save_graph(self, &mut texts);
        let texts = texts.into_list();
        encode(&Saved { texts, graph })
    }

    fn restore(bytes: &[u8]) -> Option<Self> {
        let saved: Saved = postcard::from_bytes(bytes).ok()?;
        restore_graph(saved.graph, &Texts::new(saved.texts))
    }
}

impl Checkpoint for Topologies {
    const FORMAT: &'static str = "topologies-2";

    fn save(&self) -> Vec<u8> {
        let mut texts = TextsOnce::default();
        let graphs = self.by_workspace.iter().map(|(workspace, graph)| {
            let workspace = texts.index(workspace);
            (workspace, save_graph(graph, &mut texts))
        });
        let graphs = graphs.collect();
        encode(&SavedAll {
            texts: texts.into_list(),
            through: self.through,
            graphs,
        })
    }

    fn restore(bytes: &[u8]) -> Option<Self> {
        let saved: SavedAll = postcard::from_bytes(bytes).ok()?;
        let texts = Texts::new(saved.texts);
        let graphs = saved.graphs.into_iter();
        let graphs = graphs
            .map(|(workspace, graph)| Some((texts.get(workspace)?, restore_graph(graph, &texts)?)));
        Some(Self {
            by_workspace: graphs.collect::<Option<_>>()?,
            through: saved.through,
        })
    }
}

/// Nothing here can fail to encode; were it to, the empty bytes restore to nothing.
fn encode(saved: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(saved).unwrap_or_default()
}

fn save_graph(graph: &CausalTopology, texts: &mut TextsOnce) -> SavedGraph {
    let nodes = graph
        .nodes
        .iter()
        .map(|(id, node)| save_node(texts.index(&id.shared()), node))
        .collect();
    let edges = graph
        .edges
        .iter()
        .map(|((from, to), edge)| SavedEdge {
            from: texts.index(&from.shared()),
            to: texts.index(&to.shared()),
            count: edge.count,
            errors: edge.errors,
            late: edge.late,
            given_up: edge.given_up,
            blocked: edge.blocked,
            latency: edge.latency.buckets().to_vec(),
            wait_nanos: edge.wait_nanos,
            last_seq: edge.last_seq,
            last_time: edge.last_time.as_nanos(),
        })
        .collect();
    let open = graph.calls.open.items().map(|(id, call)| SavedCall {
        id: Arc::clone(id),
        from: texts.index(&call.from.shared()),
        to: texts.index(&call.to.shared()),
        seq: call.seq,
        time: call.time.as_nanos(),
        has_arguments: call.has_arguments,
    });
    let open = open.collect();
    let early = graph.calls.early.items().map(|(id, answer)| SavedAnswer {
        id: Arc::clone(id),
        by: texts.index(&answer.by.shared()),
        to: answer.to.as_ref().map(|to| texts.index(&to.shared())),
        seq: answer.seq,
        time: answer.time.as_nanos(),
        failure: answer.failure.clone(),
    });
    SavedGraph {
        nodes,
        edges,
        open,
        early: early.collect(),
        left_out: graph.left_out,
        through: graph.through,
    }
}

fn save_node(id: u32, node: &NodeState) -> SavedNode {
    let (kind, other_kind) = match &node.kind {
        NodeType::Unknown => (0, None),
        NodeType::Agent => (1, None),
        NodeType::Tool => (2, None),
        NodeType::Crew => (3, None),
        NodeType::Router => (4, None),
        NodeType::User => (5, None),
        NodeType::Other(name) => (6, Some(Arc::clone(name))),
    };
    let last_end = node.last_end.as_ref();
    SavedNode {
        id,
        kind,
        other_kind,
        evidence: node
            .evidence
            .map(|proof| (proof.seq, rule_code(proof.rule))),
        name: node.name.clone(),
        role: node.role.clone(),
        metadata: node.metadata.as_ref().map(|json| json.to_vec()),
        events: node.events,
        errors: node.errors,
        last_end: last_end.map(|(time, seq, failure)| (time.as_nanos(), *seq, failure.clone())),
        first_seq: node.first_seq,
        last_seq: node.last_seq,
        last_time: node.last_time.as_nanos(),
        unregistered: node.unregistered,
    }
}

/// Rules by their place here. New ones go to the end.
const RULES: [Rule; 7] = [
    Rule::AnswersArguments,
    Rule::EmitsAgentEvents,
    Rule::AnswersWithIterations,
    Rule::AnswersWithTrace,
    Rule::AnswersWithRoute,
    Rule::AddressSegment,
    Rule::Registered,
];

fn rule_code(rule: Rule) -> u8 {
    let place = RULES.iter().position(|known| *known == rule);
    place.map_or(u8::MAX, |place| place as u8)
}

fn restore_graph(saved: SavedGraph, texts: &Texts) -> Option<CausalTopology> {
    let node_of = |index: u32| texts.get(index).map(NodeId::from_normalized);
    let mut graph = CausalTopology {
        left_out: saved.left_out,
        through: saved.through,
        ..CausalTopology::default()
    };
    for node in saved.nodes {
        let id = node_of(node.id)?;
        graph.metadata_bytes += node.metadata.as_ref().map_or(0, Vec::len);
        graph.nodes.insert(id, Arc::new(restore_node(node)?));
    }
    for edge in saved.edges {
        let state = EdgeState {
            count: edge.count,
            errors: edge.errors,
            late: edge.late,
            given_up: edge.given_up,
            blocked: edge.blocked,
            latency: LatencySketch::from_buckets(&edge.latency),
            wait_nanos: edge.wait_nanos,
            last_seq: edge.last_seq,
            last_time: Timestamp::from_nanos(edge.last_time),
        };
        let key = (node_of(edge.from)?, node_of(edge.to)?);
        graph.edges.insert(key, Arc::new(state));
    }
    for call in saved.open {
        let open = OpenCall {
            from: node_of(call.from)?,
            to: node_of(call.to)?,
            seq: call.seq,
            time: Timestamp::from_nanos(call.time),
            has_arguments: call.has_arguments,
        };
        let calls = &mut graph.calls.open;
        calls.insert(call.id, open.to.clone(), open.seq, open);
    }
    for saved in saved.early {
        let answer = Answer {
            by: node_of(saved.by)?,
            to: match saved.to {
                Some(to) => Some(node_of(to)?),
                None => None,
            },
            seq: saved.seq,
            time: Timestamp::from_nanos(saved.time),
            failure: saved.failure,
        };
        let early = &mut graph.calls.early;
        early.insert(saved.id, answer.by.clone(), answer.seq, answer);
    }
    Some(graph)
}

fn restore_node(saved: SavedNode) -> Option<NodeState> {
    let kind = match saved.kind {
        0 => NodeType::Unknown,
        1 => NodeType::Agent,
        2 => NodeType::Tool,
        3 => NodeType::Crew,
        4 => NodeType::Router,
        5 => NodeType::User,
        6 => NodeType::Other(saved.other_kind?),
        _ => return None,
    };
    let evidence = match saved.evidence {
        Some((seq, rule)) => Some(Evidence {
            seq,
            rule: *RULES.get(usize::from(rule))?,
        }),
        None => None,
    };
    let last_end = saved.last_end;
    Some(NodeState {
        kind,
        evidence,
        name: saved.name,
        role: saved.role,
        metadata: saved.metadata.map(Bytes::from),
        events: saved.events,
        errors: saved.errors,
        last_end: last_end.map(|(time, seq, failure)| (Timestamp::from_nanos(time), seq, failure)),
        first_seq: saved.first_seq,
        last_seq: saved.last_seq,
        last_time: Timestamp::from_nanos(saved.last_time),
        unregistered: saved.unregistered,
    })
}
