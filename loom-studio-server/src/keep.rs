//! Where a server keeps its events, and for how long.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etcetera::AppStrategy as _;
use loom_studio_core::{
    CheckpointStore, DirCheckpoints, EventLimits, EventStore, FileStore, FileStoreOptions,
    Followed, MemoryCheckpoints, MemoryStore, MemoryStoreOptions, RandomIds, RetainPolicy,
    SystemClock, retain_with,
};
use tokio_util::sync::CancellationToken;

use crate::settings::Limits;

/// How long events are kept when nothing else is said.
pub const DEFAULT_RETENTION: Duration = Duration::from_hours(7 * 24);
/// How often what is too old or too much is deleted.
const RETENTION_INTERVAL: Duration = Duration::from_mins(1);

/// Where in the data directory the views' checkpoints are.
pub(crate) const CHECKPOINTS: &str = "checkpoints";

/// Where a server keeps its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// In memory: everything is gone when the server stops, and the oldest leave first when a bound is reached.
    Memory {
        /// Most records; `None` for the store's default.
        max_records: Option<usize>,
        /// Most bytes; `None` for the store's default.
        max_bytes: Option<u64>,
    },
    /// In this directory, which is made when it doesn't exist.
    Directory(PathBuf),
}

/// A store, and where the views' checkpoints go.
pub(crate) type Opened = (Arc<dyn EventStore>, Arc<dyn CheckpointStore>);

/// Opens what is asked for.
pub(crate) fn open(keep: &Keep, limits: &Limits) -> loom_studio_core::Result<Opened> {
    let limits = EventLimits {
        max_bytes: limits.max_event_bytes,
        ..EventLimits::default()
    };
    match keep {
        Keep::Memory {
            max_records,
            max_bytes,
        } => {
            let default = MemoryStoreOptions::default();
            let options = MemoryStoreOptions {
                max_records: max_records.unwrap_or(default.max_records),
                max_bytes: max_bytes.unwrap_or(default.max_bytes),
                limits,
            };
            let store = MemoryStore::new(options, Arc::new(SystemClock), &RandomIds);
            Ok((Arc::new(store), Arc::new(MemoryCheckpoints::default())))
        }
        Keep::Directory(path) => open_directory(path, limits),
    }
}

fn open_directory(path: &Path, limits: EventLimits) -> loom_studio_core::Result<Opened> {
    let options = FileStoreOptions {
        limits,
        ..FileStoreOptions::default()
    };
    let store = FileStore::open(path, options, Arc::new(SystemClock), &RandomIds)?;
    let report = store.report();
    if report.torn_bytes > 0 {
        let torn_bytes = report.torn_bytes;
        tracing::warn!(
            torn_bytes,
            "an unfinished write was cut from the end of the log; nothing acknowledged was lost"
        );
    }
    tracing::info!(path = %path.display(), records = report.records, recovered = report.recovered_records, "events are kept on disk");
    let checkpoints = DirCheckpoints::open(&path.join(CHECKPOINTS), store.epoch())?;
    Ok((Arc::new(store), Arc::new(checkpoints)))
}

/// Where the platform wants a program's data; `None` for an account without a home.
pub fn platform_directory() -> Option<PathBuf> {
    let name = etcetera::AppStrategyArgs {
        top_level_domain: "dev".to_owned(),
        author: "Loom Studio".to_owned(),
        app_name: "loom-studio".to_owned(),
    };
    etcetera::app_strategy::choose_native_strategy(name)
        .map(|platform| platform.data_dir())
        .ok()
}

/// Deletes what is too old or too much, now and then, until told to stop.
pub(crate) async fn keep_retention(
    store: Arc<dyn EventStore>,
    histories: Vec<Arc<dyn Followed>>,
    policy: RetainPolicy,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(RETENTION_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match retain_with(&*store, &policy, &histories).await {
            Ok(retained) if retained.deleted_records > 0 => {
                tracing::info!(
                    records = retained.deleted_records,
                    "old events were deleted"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "old events could not be deleted"),
        }
    }
}
