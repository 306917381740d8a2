//! Reading the records of a run.

use std::ops::ControlFlow;

use crate::error::Result;
use crate::event::Record;
use crate::ids::Seq;
use crate::store::{EventFilter, EventStore, StartAt};

/// A gap between two members that is cheaper read over than skipped.
const READ_OVER: u64 = 2_048;
/// Records read at once. A store ends a read of large records earlier.
const STEP: usize = 2_048;

/// Shows the records at these positions, which must ascend, one after the other, until there are no more or `visit` breaks off. Positions that retention has deleted are left out.
///
/// Reads ranges, not single records: members of one run lie close together. Holds one step of records at a time, however many positions there are.
///
/// Cancel-safe: a dropped call shows no further record.
///
/// # Errors
/// As the store's reads.
pub async fn visit_records(
    store: &dyn EventStore,
    seqs: &[Seq],
    mut visit: impl FnMut(&Record) -> ControlFlow<()>,
) -> Result<()> {
    let mut wanted = seqs.iter().copied().peekable();
    let stats = store.stats().await?;
    let last = seqs.last().copied().unwrap_or_default();
    while let Some(first) = wanted.peek().copied() {
        if first > stats.last_seq {
            break;
        }
        let start = StartAt::After {
            seq: first.max(stats.first_seq).previous(),
            epoch: store.epoch(),
        };
        let mut subscription = store.subscribe(start, EventFilter::default()).await?;
        while let Some(next) = wanted.peek().copied() {
            let position = subscription.position();
            if next.0 > position.0.saturating_add(READ_OVER) {
                break;
            }
            // Most runs are short: nothing behind the last is read.
            let left = usize::try_from(last.0.saturating_sub(position.0)).unwrap_or(STEP);
            let Some(delivery) = subscription.try_next(left.clamp(1, STEP)).await? else {
                return Ok(());
            };
            for record in &delivery.records {
                while wanted.next_if(|seq| *seq < record.seq()).is_some() {}
                if wanted.next_if(|seq| *seq == record.seq()).is_some() && visit(record).is_break()
                {
                    return Ok(());
                }
            }
            while wanted.next_if(|seq| *seq <= delivery.through).is_some() {}
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// The records that [`visit_records`] shows, payloads and all: for few of them. What a tree needs of many is [`RunFacts`](super::RunFacts).
///
/// # Errors
/// As the store's reads.
pub async fn read_records(store: &dyn EventStore, seqs: &[Seq]) -> Result<Vec<Record>> {
    let mut records = Vec::with_capacity(seqs.len());
    let keep = |record: &Record| {
        records.push(record.clone());
        ControlFlow::Continue(())
    };
    visit_records(store, seqs, keep).await?;
    Ok(records)
}
