//! The records of an export, a step at a time.

use std::sync::Arc;

use super::export::ExportOptions;
use crate::error::{ErrorKind, Result};
use crate::event::Record;
use crate::ids::Seq;
use crate::store::{EventStore, SeqSet, StartAt, Subscription};

/// Records read from the store in one step. The store ends a step early when they are large.
const STEP_RECORDS: u64 = 1024;
/// A set of positions that is this much smaller than the part of the log it lies in is read position by position.
const SPARSE: u64 = 64;
/// Records looked up between two chances for other tasks to run.
const LOOKED_UP_PER_TURN: usize = 64;

/// The way of one export along the log.
#[derive(Debug)]
pub(super) struct Selected {
    store: Arc<dyn EventStore>,
    options: ExportOptions,
    subscription: Subscription,
    /// The positions to read, where few among many are wanted.
    sparse: Option<SeqSet>,
    /// Everything up to here was read, or is not wanted.
    pub(super) through: Seq,
    pub(super) target: Seq,
    /// Positions deleted on the way.
    pub(super) deleted: u64,
}

impl Selected {
    pub(super) async fn new(store: &Arc<dyn EventStore>, options: &ExportOptions) -> Result<Self> {
        let stats = store.stats().await?;
        let up_to = options.up_to.unwrap_or(stats.last_seq);
        let target = up_to.min(stats.last_seq);
        let start = match &options.within {
            None => StartAt::Beginning,
            Some(set) => {
                let first = set.first().unwrap_or(target.next()).max(stats.first_seq);
                after(&**store, first.previous().min(target))
            }
        };
        let subscription = subscribe(&**store, options, start).await?;
        let through = subscription.position();
        let sparse = match &options.within {
            Some(set) if set.len() < target.0.saturating_sub(through.0) / SPARSE => {
                Some(with_observations(&**store, set).await?)
            }
            _ => None,
        };
        Ok(Self {
            store: Arc::clone(store),
            options: options.clone(),
            subscription,
            sparse,
            through,
            target,
            deleted: 0,
        })
    }

    /// The records of the next step; perhaps none although there are more: there are until `through` is `target`.
    pub(super) async fn read(&mut self) -> Result<Vec<Record>> {
        if let Some(sparse) = &self.sparse {
            let next = sparse.from(self.through.next()).next();
            let Some(next) = next.filter(|next| *next <= self.target) else {
                self.through = self.target;
                return Ok(Vec::new());
            };
            if next.0 > self.through.0 + STEP_RECORDS {
                let start = after(&*self.store, next.previous());
                self.subscription = subscribe(&*self.store, &self.options, start).await?;
                self.through = next.previous();
            }
        }
        let left = self.target.0.saturating_sub(self.through.0);
        let step = usize::try_from(left.min(STEP_RECORDS)).unwrap_or(1);
        let Some(delivery) = self.subscription.try_next(step).await? else {
            self.through = self.target;
            return Ok(Vec::new());
        };
        if let Some((first, last)) = delivery.gap {
            let last = last.min(self.target);
            self.deleted += (last.0 + 1).saturating_sub(first.0);
        }
        self.through = delivery.through.min(self.target);
        let mut records = delivery.records;
        records.retain(|record| record.seq() <= self.target);
        // A reader of a store in memory never waits: others get their turn between two steps.
        tokio::task::yield_now().await;
        Ok(records)
    }
}

fn after(store: &dyn EventStore, seq: Seq) -> StartAt {
    let epoch = store.epoch();
    StartAt::After { seq, epoch }
}

async fn subscribe(
    store: &dyn EventStore,
    options: &ExportOptions,
    start: StartAt,
) -> Result<Subscription> {
    let mut subscription = store.subscribe(start, options.filter.clone()).await?;
    if let Some(condition) = &options.condition {
        subscription = subscription.matching(condition.clone());
    }
    if let Some(set) = &options.within {
        subscription = subscription.within(set.clone());
    }
    Ok(subscription)
}

/// A set of events and the observations about them, wherever they stand.
async fn with_observations(store: &dyn EventStore, set: &SeqSet) -> Result<SeqSet> {
    let mut seqs = Vec::new();
    for (index, seq) in set.iter().enumerate() {
        if index % LOOKED_UP_PER_TURN == LOOKED_UP_PER_TURN - 1 {
            tokio::task::yield_now().await;
        }
        let stored = match store.get(seq).await {
            Ok(stored) => stored,
            Err(error) if error.kind() == ErrorKind::Gone => None,
            Err(error) => return Err(error),
        };
        let Some(stored) = stored.filter(|stored| stored.record.as_event().is_some()) else {
            continue;
        };
        seqs.push(seq);
        seqs.extend(
            stored
                .observations
                .iter()
                .map(|observation| observation.seq),
        );
    }
    Ok(SeqSet::new(set.name(), seqs))
}
