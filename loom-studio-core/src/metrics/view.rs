//! The figures of a moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Measured, Throughput};
use crate::clock::Timestamp;
use crate::event::NodeId;
use crate::ids::Seq;
use crate::projection::Projection;
use crate::runs::Tokens;
use crate::topology::{Callee, LatencySketch, NodeType};

/// The calls to something.
///
/// A call is *answered*, *unanswered* or *open*; a call that an interceptor *blocked* is none of these, since nobody got it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CallFigures {
    /// From request to reply, of every call that was answered. Quantiles have a relative error of at most 1 %; merging is exact.
    pub times: LatencySketch,
    /// Answered with an error: `node.error`, or a response whose `result.error` is set.
    pub failed: u64,
    /// Answered without an error, when the caller had given up.
    pub late: u64,
    /// Not answered when the caller had given up.
    pub unanswered: u64,
    /// Not answered yet.
    pub open: u64,
    /// Stopped by an interceptor.
    pub blocked: u64,
}

impl CallFigures {
    /// Calls that were answered.
    pub fn answered(&self) -> u64 {
        self.times.count()
    }

    /// Calls that failed, came late or were never answered, as a share of those that are over; `None` before the first is.
    pub fn error_rate(&self) -> Option<f64> {
        let over = self.answered() + self.unanswered;
        let bad = self.failed + self.late + self.unanswered;
        (over > 0).then(|| bad as f64 / over as f64)
    }

    fn add(&mut self, other: &Self) {
        self.times.merge(&other.times);
        self.failed += other.failed;
        self.late += other.late;
        self.unanswered += other.unanswered;
        self.open += other.open;
        self.blocked += other.blocked;
    }
}

/// What is known of a model's answers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelFigures {
    /// `llm.response` events.
    pub answers: u64,
    /// How long they took, of those that say so (`data.latency_ms`).
    pub latency: LatencySketch,
    /// What it used; `None` when nothing was reported.
    pub tokens: Option<Tokens>,
}

/// The figures of a workspace at one moment, or of one node of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetricsView {
    /// The last record taken into account.
    pub through: Seq,
    /// Calls by the node that was called, by id.
    pub calls_by_node: Vec<(NodeId, CallFigures)>,
    /// Calls by what the called node is, by its name on the wire.
    pub calls_by_type: Vec<(NodeType, CallFigures)>,
    /// All calls.
    pub calls: CallFigures,
    /// Tokens by the node that reported them, by id.
    pub tokens_by_node: Vec<(NodeId, Tokens)>,
    /// Answers and tokens by model; `None` is what named no model.
    pub by_model: Vec<(Option<Arc<str>>, ModelFigures)>,
    /// All tokens; `None` when nothing was reported.
    pub tokens: Option<Tokens>,
    /// Events over time; `None` in the figures of one node.
    pub throughput: Option<Throughput>,
    /// What each node is that was called.
    pub kinds: BTreeMap<NodeId, NodeType>,
    /// Events about nodes, edges or models there was no room for: figures lack them. 0 in all but hostile traffic.
    pub left_out: u64,
}

impl MetricsView {
    pub(super) fn new(
        measured: &Measured,
        workspace: &str,
        node: Option<&NodeId>,
        now: Timestamp,
    ) -> Self {
        let is_meant = |id: &NodeId| node.is_none_or(|node| node == id);
        let mut view = Self {
            through: measured.through(),
            ..Self::default()
        };
        let (callees, left_out) = measured.topologies.callees(workspace, now);
        view.left_out = left_out + measured.runs.bounds().usages_left_out;
        let mut by_type: BTreeMap<String, (NodeType, CallFigures)> = BTreeMap::new();
        for (id, callee) in callees {
            view.kinds.insert(id.clone(), callee.kind.clone());
            if is_meant(&id) {
                let (kind, figures) = figures(callee);
                view.calls.add(&figures);
                let of_type = by_type
                    .entry(kind.to_string())
                    .or_insert_with(|| (kind, CallFigures::default()));
                of_type.1.add(&figures);
                view.calls_by_node.push((id, figures));
            }
        }
        view.calls_by_type = by_type.into_values().collect();

        let mut by_model: BTreeMap<Option<Arc<str>>, ModelFigures> = BTreeMap::new();
        let mut by_node: BTreeMap<NodeId, Tokens> = BTreeMap::new();
        for used in measured.runs.usage(workspace) {
            if is_meant(&used.node) {
                let of_model = by_model.entry(used.model).or_default();
                of_model.tokens = Tokens::sum(of_model.tokens, Some(used.tokens));
                let of_node = by_node.entry(used.node).or_default();
                *of_node = of_node.plus(used.tokens);
                view.tokens = Tokens::sum(view.tokens, Some(used.tokens));
            }
        }
        view.tokens_by_node = by_node.into_iter().collect();
        if let Some(found) = measured.metrics.by_workspace.get(workspace) {
            for ((id, model), answers) in &found.models {
                if is_meant(id) {
                    let of_model = by_model.entry(model.clone()).or_default();
                    of_model.answers += answers.count;
                    of_model.latency.merge(&answers.latency);
                }
            }
            view.left_out += found.left_out;
        }
        if node.is_none() {
            let found = measured.metrics.by_workspace.get(workspace);
            view.throughput =
                Some(found.map_or_else(Throughput::default, |found| found.throughput.clone()));
        }
        view.by_model = by_model.into_iter().collect();
        view
    }
}

fn figures(callee: Callee) -> (NodeType, CallFigures) {
    let figures = CallFigures {
        times: callee.times,
        failed: callee.failed,
        late: callee.late,
        unanswered: callee.unanswered,
        open: callee.open,
        blocked: callee.blocked,
    };
    (callee.kind, figures)
}
