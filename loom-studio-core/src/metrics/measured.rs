//! The folds that figures come from, at one position.

use super::{Metrics, MetricsView};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::event::{NodeId, Record};
use crate::ids::Seq;
use crate::projection::Projection;
use crate::runs::RunList;
use crate::store::{EventFilter, EventStore, StartAt};
use crate::topology::Topologies;

/// What figures are read from: three folds of the same records.
///
/// A server that keeps histories takes their states at one position; figures of a session, a run or another filter come from a fold of the matching records alone ([`measure`]). Either way it is the same code.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Nodes, and their calls paired.
    pub topologies: Topologies,
    /// Runs, and tokens counted once.
    pub runs: RunList,
    /// The rest.
    pub metrics: Metrics,
}

impl Measured {
    /// The figures of a workspace, or of one node of it; calls that have no reply at `now` are open or were never answered.
    ///
    /// The answer's position is that of the last record. Figures of one node have no throughput, which is not kept by node.
    pub fn view(&self, workspace: &str, node: Option<&NodeId>, now: Timestamp) -> MetricsView {
        MetricsView::new(self, workspace, node, now)
    }
}

impl FromIterator<Record> for Measured {
    fn from_iter<I: IntoIterator<Item = Record>>(records: I) -> Self {
        let mut measured = Self::default();
        for record in records {
            measured.apply(&record);
        }
        measured
    }
}

impl Projection for Measured {
    fn apply(&mut self, record: &Record) {
        self.topologies.apply(record);
        self.runs.apply(record);
        self.metrics.apply(record);
    }

    fn through(&self) -> Seq {
        self.metrics.through()
    }
}

/// Records read in one step.
const STEP: usize = 1_024;

/// Folds the matching records after one position and up to another, but no more than `max_records`. Returns the position reached: `up_to` (or the head before it), unless there were more.
///
/// Cancel-safe: a dropped call has no effect.
///
/// # Errors
/// As the store's reads.
pub async fn measure(
    store: &dyn EventStore,
    filter: &EventFilter,
    after: Seq,
    up_to: Seq,
    max_records: usize,
) -> Result<(Measured, Seq)> {
    let head = store.stats().await?.last_seq;
    let target = up_to.min(head);
    let start = StartAt::After {
        seq: after.min(head),
        epoch: store.epoch(),
    };
    let mut subscription = store.subscribe(start, filter.clone()).await?;
    let mut measured = Measured::default();
    let mut room = max_records;
    while subscription.position() < target && room > 0 {
        let left = usize::try_from(target.0 - subscription.position().0).unwrap_or(STEP);
        let Some(delivery) = subscription.try_next(left.min(STEP).min(room)).await? else {
            break;
        };
        for record in &delivery.records {
            if record.seq() <= target {
                measured.apply(record);
            }
        }
        room = room.saturating_sub(delivery.records.len());
        tokio::task::yield_now().await;
    }
    let reached = subscription.position().min(target);
    Ok((measured, reached))
}
