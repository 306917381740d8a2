//! The file store as an engine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use loom_studio_core::{
    AppendBatch, EventStore as _, FileStore, FileStoreOptions, Incoming, RandomIds, SystemClock,
};

use crate::measure::{Meter, Outcome};

/// Batches under way: enough that one group is gathered while another is written.
const IN_FLIGHT: usize = 128;

pub(crate) fn open(dir: &Path, group_delay: Duration) -> Result<FileStore, String> {
    let options = FileStoreOptions {
        group_delay,
        ..FileStoreOptions::default()
    };
    FileStore::open(dir, options, Arc::new(SystemClock), &RandomIds)
        .map_err(|error| error.to_string())
}

/// Appends all batches and closes the store.
pub(crate) async fn append(
    engine: &str,
    dir: &Path,
    by_batch: bool,
    events: u64,
    mut next: impl FnMut() -> Result<Option<Vec<Bytes>>, String>,
) -> Result<Outcome, String> {
    let (delay, in_flight) = if by_batch {
        (Duration::ZERO, 1)
    } else {
        (Duration::from_millis(8), IN_FLIGHT)
    };
    let store = Arc::new(open(dir, delay)?);
    let mut meter = Meter::start();
    let mut running = FuturesOrdered::new();
    loop {
        let batch = next()?;
        let is_end = batch.is_none();
        if let Some(items) = batch {
            let batch = AppendBatch {
                workspace: "default".into(),
                session: "session-1".into(),
                items: items.into_iter().map(Incoming::Event).collect(),
            };
            let append = {
                let store = Arc::clone(&store);
                async move { store.append(batch).await }
            };
            // Polled once, so that its place in the order is taken.
            let mut append = Box::pin(append);
            match futures_util::poll!(&mut append) {
                std::task::Poll::Ready(done) => drop(done.map_err(|error| error.to_string())?),
                std::task::Poll::Pending => running.push_back(append),
            }
            meter.batch();
        }
        while running.len() >= in_flight || (is_end && !running.is_empty()) {
            if let Some(done) = running.next().await {
                done.map_err(|error| error.to_string())?;
            }
        }
        if is_end {
            break;
        }
    }
    meter.acknowledged();
    let stored = store
        .stats()
        .await
        .map_err(|error| error.to_string())?
        .events;
    if stored != events {
        return Err(format!("{stored} of {events} events are stored"));
    }
    drop(store);
    meter
        .finish(engine, events, dir)
        .map_err(|error| error.to_string())
}
