//! What no other fold counts: when events happened, and how long models took.

use std::sync::Arc;

use imbl::OrdMap;

use super::Throughput;
use crate::clock::Timestamp;
use crate::event::{Event, NodeId, Outcome, Record, members};
use crate::ids::Seq;
use crate::projection::Projection;
use crate::runs::model_name;
use crate::topology::LatencySketch;

/// Pairs of a node and a model kept for each workspace. Answers of models beyond it are counted.
const MAX_MODELS: usize = 10_000;

/// Throughput and the answers of models, per workspace.
///
/// Constant time per event, but for the logarithm of the pairs of nodes and models. A clone costs a few reference counts.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub(super) by_workspace: OrdMap<Arc<str>, Workspace>,
    pub(super) through: Seq,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Workspace {
    pub(super) throughput: Throughput,
    pub(super) models: OrdMap<(NodeId, Option<Arc<str>>), Arc<Answers>>,
    pub(super) left_out: u64,
    pub(super) last_time: Timestamp,
}

/// The answers one node got from one model.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers {
    pub(super) count: u64,
    /// Of those that say how long they took.
    pub(super) latency: LatencySketch,
}

impl Metrics {
    /// The latest event time in a workspace: the present of a state of the past.
    pub fn last_time(&self, workspace: &str) -> Timestamp {
        let found = self.by_workspace.get(workspace);
        found.map_or_else(Timestamp::default, |found| found.last_time)
    }
}

impl Workspace {
    fn apply(&mut self, event: &Event) {
        self.throughput
            .add(event.time(), event.outcome() == Outcome::Error);
        self.last_time = self.last_time.max(event.time());
        if &**event.kind() == "llm.response" {
            self.answer(event);
        }
    }

    fn answer(&mut self, event: &Event) {
        let (mut model, mut nanos) = (None, None);
        let _ = members(event.data().unwrap_or_default(), |name, value| match name {
            "model" => model = model_name(value).or(model.take()),
            "latency_ms" => nanos = millis(value).or(nanos),
            _ => {}
        });
        let key = (event.from().kept(), model);
        let count = |answers: &mut Answers| {
            answers.count += 1;
            if let Some(nanos) = nanos {
                answers.latency.add(nanos);
            }
        };
        if let Some(answers) = self.models.get_mut(&key) {
            count(Arc::make_mut(answers));
        } else if self.models.len() < MAX_MODELS {
            let mut answers = Answers::default();
            count(&mut answers);
            self.models.insert(key, Arc::new(answers));
        } else {
            self.left_out += 1;
        }
    }
}

/// Nanoseconds of a JSON number of milliseconds; `None` for a negative one and for anything else.
fn millis(value: &str) -> Option<i64> {
    let millis: f64 = value.parse().ok()?;
    let is_duration = millis.is_finite() && millis >= 0.0;
    // A float beyond the range becomes its end.
    is_duration.then_some((millis * 1e6) as i64)
}

impl Projection for Metrics {
    fn apply(&mut self, record: &Record) {
        self.through = record.seq();
        let Record::Event(event) = record else { return };
        if let Some(workspace) = self.by_workspace.get_mut(&**event.workspace()) {
            workspace.apply(event);
        } else {
            let mut workspace = Workspace::default();
            workspace.apply(event);
            self.by_workspace
                .insert(Arc::clone(event.workspace()), workspace);
        }
    }

    fn through(&self) -> Seq {
        self.through
    }
}
