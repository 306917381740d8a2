//! The file backend: the shared suite, with groups and with a sync per batch, in segments so small that every case crosses some.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use loom_studio_core::conformance::{Subject, start};
use loom_studio_core::*;
use tempfile::TempDir;

/// Above what any case writes; space for a whole segment is reserved at once, and in memory that means pages to clear.
const SEGMENT_BYTES: u64 = 1 << 20;

fn subject(options: FileStoreOptions) -> Subject {
    // What is asked here does not depend on how long a sync takes: memory serves where there is a file system in it.
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    open(
        Arc::new(directory.unwrap()),
        options,
        Arc::new(ManualClock::new(start())),
    )
}

fn open(directory: Arc<TempDir>, options: FileStoreOptions, clock: Arc<ManualClock>) -> Subject {
    let store = FileStore::open(
        directory.path(),
        options,
        Arc::clone(&clock) as _,
        &RandomIds,
    )
    .unwrap();
    let again = (Arc::clone(&directory), Arc::clone(&clock));
    let reopen = move || async move { open(again.0, options, again.1) }.boxed();
    Subject {
        store: Arc::new(store),
        clock,
        reopen: Some(Box::new(reopen)),
        guard: Some(Box::new(directory)),
    }
}

fn grouped() -> BoxFuture<'static, Subject> {
    async {
        subject(FileStoreOptions {
            group_delay: Duration::from_millis(1),
            segment_records: 40,
            segment_bytes: SEGMENT_BYTES,
            ..FileStoreOptions::default()
        })
    }
    .boxed()
}

fn small_segments() -> BoxFuture<'static, Subject> {
    let options = FileStoreOptions {
        group_delay: Duration::ZERO,
        segment_records: 7,
        segment_bytes: SEGMENT_BYTES,
        block_bytes: 512,
        cache_bytes: 4096,
        ..FileStoreOptions::default()
    };
    async move { subject(options) }.boxed()
}

mod in_groups {
    loom_studio_core::event_store_conformance!(super::grouped);
}

mod in_small_segments {
    loom_studio_core::event_store_conformance!(super::small_segments);
}
