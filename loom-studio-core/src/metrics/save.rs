//! Metrics as bytes. The encoding is private: another version of it has another `FORMAT`, and is rebuilt from the log.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fold::{Answers, Workspace};
use super::{Metrics, Throughput, TimeBucket};
use crate::clock::Timestamp;
use crate::event::NodeId;
use crate::ids::Seq;
use crate::projection::Checkpoint;
use crate::topology::LatencySketch;

#[derive(Serialize, Deserialize)]
struct Saved {
    workspaces: Vec<SavedWorkspace>,
    through: Seq,
}

#[derive(Serialize, Deserialize)]
struct SavedWorkspace {
    name: Arc<str>,
    throughput: (u8, Vec<TimeBucket>),
    models: Vec<SavedAnswers>,
    left_out: u64,
    last_time: i64,
}

#[derive(Serialize, Deserialize)]
struct SavedAnswers {
    node: Arc<str>,
    model: Option<Arc<str>>,
    count: u64,
    latency: Vec<(i32, u64)>,
}

impl Checkpoint for Metrics {
    const FORMAT: &'static str = "metrics-1";

    fn save(&self) -> Vec<u8> {
        let workspaces = self.by_workspace.iter();
        let workspaces = workspaces.map(|(name, workspace)| SavedWorkspace {
            name: Arc::clone(name),
            throughput: workspace.throughput.save(),
            models: workspace
                .models
                .iter()
                .map(|((node, model), answers)| SavedAnswers {
                    node: node.shared(),
                    model: model.clone(),
                    count: answers.count,
                    latency: answers.latency.buckets().to_vec(),
                })
                .collect(),
            left_out: workspace.left_out,
            last_time: workspace.last_time.as_nanos(),
        });
        let saved = Saved {
            workspaces: workspaces.collect(),
            through: self.through,
        };
        // Plain data has an encoding; an empty one is refused by `restore`.
        postcard::to_stdvec(&saved).unwrap_or_default()
    }

    fn restore(bytes: &[u8]) -> Option<Self> {
        let saved: Saved = postcard::from_bytes(bytes).ok()?;
        let workspaces = saved.workspaces.into_iter().map(|saved| {
            let models = saved.models.into_iter().map(|saved| {
                let answers = Answers {
                    count: saved.count,
                    latency: LatencySketch::from_buckets(&saved.latency),
                };
                let node = NodeId::from_normalized(saved.node);
                ((node, saved.model), Arc::new(answers))
            });
            let workspace = Workspace {
                throughput: Throughput::restore(saved.throughput)?,
                models: models.collect(),
                left_out: saved.left_out,
                last_time: Timestamp::from_nanos(saved.last_time),
            };
            Some((saved.name, workspace))
        });
        Some(Self {
            by_workspace: workspaces.collect::<Option<_>>()?,
            through: saved.through,
        })
    }
}
