//! Reading the records of a run.

use crate::error::Result;
use crate::event::Record;
use crate::ids::Seq;
use crate::store::{EventFilter, EventStore, StartAt};

/// A gap between two members that is cheaper read over than skipped.
const READ_OVER: u64 = 2_048;
/// Records read at once.
const STEP: usize = 4_096;

/// The records at these positions, which must ascend, and the observations among them. Positions that retention has deleted are left out.
///
/// Reads ranges, not single records: members of one run lie close together.
///
/// # Errors
/// As the store's reads.
pub async fn read_records(store: &dyn EventStore, seqs: &[Seq]) -> Result<Vec<Record>> {
    let mut records = Vec::with_capacity(seqs.len());
    let mut wanted = seqs.iter().copied().peekable();
    let stats = store.stats().await?;
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
            // To the end of the members that lie close together.
            let step = usize::try_from(READ_OVER.max(1)).unwrap_or(STEP).min(STEP);
            let Some(delivery) = subscription.try_next(step).await? else {
                return Ok(records);
            };
            for record in delivery.records {
                while wanted.next_if(|seq| *seq < record.seq()).is_some() {}
                if wanted.next_if(|seq| *seq == record.seq()).is_some() {
                    records.push(record);
                }
            }
            while wanted.next_if(|seq| *seq <= delivery.through).is_some() {}
        }
        tokio::task::yield_now().await;
    }
    Ok(records)
}
