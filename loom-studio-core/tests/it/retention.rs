//! Deleting old segments while others read and append; and a longer run whose memory stays flat.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use loom_studio_core::*;

use crate::crash::{batch, named, open, runtime, small};
use crate::sim_disk::SimDisk;

const BATCHES: u64 = 400;
const BATCH: u64 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_and_appenders_go_on_while_segments_are_deleted() {
    let disk = SimDisk::default();
    let store = Arc::new(open(&disk).unwrap());
    let is_done = Arc::new(AtomicBool::new(false));
    let appending = {
        let (store, is_done) = (Arc::clone(&store), Arc::clone(&is_done));
        tokio::spawn(async move {
            for number in 0..BATCHES {
                let first = number * BATCH + 1;
                let items = named((first..first + BATCH).map(|seq| format!("e{seq}")));
                let appended = store.append(batch(&items)).await.unwrap();
                assert_eq!(appended.seqs, Some((Seq(first), Seq(first + BATCH - 1))));
            }
            is_done.store(true, Ordering::Relaxed);
        })
    };
    let deleting = {
        let (store, is_done) = (Arc::clone(&store), Arc::clone(&is_done));
        tokio::spawn(async move {
            let mut deleted = 0;
            while !is_done.load(Ordering::Relaxed) {
                let policy = RetainPolicy {
                    max_age: None,
                    max_bytes: Some(40_000),
                };
                deleted += store.retain(&policy).await.unwrap().deleted_records;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            deleted
        })
    };
    let readers = (0..3).map(|_| {
        let (store, is_done) = (Arc::clone(&store), Arc::clone(&is_done));
        tokio::spawn(async move {
            while !is_done.load(Ordering::Relaxed) {
                let order = Order::SeqDescending;
                let query = EventQuery {
                    order,
                    limit: 50,
                    ..EventQuery::default()
                };
                let page = store.query(&query).await.unwrap();
                for pair in page.events.windows(2) {
                    assert_eq!(pair[0].event.seq(), pair[1].event.seq().next());
                }
                for found in &page.events {
                    assert_eq!(&**found.event.id(), format!("e{}", found.event.seq()));
                }
                let stats = store.stats().await.unwrap();
                match store.get(stats.first_seq).await {
                    Ok(_) => {}
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Gone, "{error}"),
                }
                tokio::task::yield_now().await;
            }
        })
    });
    let following = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let start = StartAt::Beginning;
            let mut subscription = store
                .subscribe(start, EventFilter::default())
                .await
                .unwrap();
            let mut next = 1;
            while next <= BATCHES * BATCH {
                let delivery = subscription.next(64).await.unwrap();
                if let Some((first, last)) = delivery.gap {
                    assert_eq!(first, Seq(next));
                    next = last.0 + 1;
                }
                for record in &delivery.records {
                    assert_eq!(record.as_event().unwrap().seq(), Seq(next));
                    next += 1;
                }
            }
        })
    };
    for reader in readers.collect::<Vec<_>>() {
        reader.await.unwrap();
    }
    appending.await.unwrap();
    let deleted = deleting.await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), following)
        .await
        .expect("a subscription reaches the head")
        .unwrap();
    assert!(deleted > BATCHES * BATCH / 2, "{deleted} deleted");
    let stats = store.stats().await.unwrap();
    assert_eq!(stats.last_seq, Seq(BATCHES * BATCH));
    assert_eq!(stats.dropped_records, deleted);
    assert_eq!(store.health(), Health::Ready);
    drop(store);
    let store = open(&disk).unwrap();
    assert_eq!(store.stats().await.unwrap().first_seq, stats.first_seq);
}

/// Anonymous memory of this process, in KiB.
#[cfg(target_os = "linux")]
fn anonymous_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let digits = line.unwrap().split_whitespace().nth(1);
    digits.unwrap().parse().unwrap()
}

const MEASURE: &str = "LOOM_STUDIO_TEST_MEASURE";

/// Each eighth event comes from a node that was never seen before.
fn event(number: u64) -> bytes::Bytes {
    let node = if number.is_multiple_of(8) { number } else { 0 };
    format!(
        r#"{{"specversion":"1.0","id":"e{number}","source":"n{node}","type":"t","data":"{number:0>200}"}}"#
    )
    .into()
}

fn repeat(number: u64) -> AppendBatch {
    AppendBatch {
        workspace: "w".into(),
        session: "s".into(),
        items: vec![Incoming::Event(event(number))],
    }
}

/// Appends with retention for a while, warm first. A process of its own: other tests in this one allocate as well.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays_flat() {
    if std::env::var_os(MEASURE).is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["retention::memory_stays_flat", "--exact", "--nocapture"])
            .env(MEASURE, "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let options = FileStoreOptions {
        segment_records: 2_000,
        segment_bytes: 4 << 20,
        block_bytes: 8 << 10,
        ..small()
    };
    let clock = Arc::new(SystemClock);
    let store = FileStore::open(directory.path(), options, clock, &RandomIds).unwrap();
    let policy = RetainPolicy {
        max_age: None,
        max_bytes: Some(1 << 20),
    };
    runtime().block_on(async {
        let mut number = 0_u64;
        let mut measured = Vec::new();
        for _ in 0..6 {
            for _ in 0..50 {
                let items = (number..number + 100).map(|number| Incoming::Event(event(number)));
                let batch = AppendBatch {
                    workspace: "w".into(),
                    session: format!("s{number}").into(),
                    items: items.collect(),
                };
                number += 100;
                store.append(batch).await.unwrap();
                store.retain(&policy).await.unwrap();
                let again = store.append(repeat(number - 1)).await.unwrap();
                assert_eq!(again.duplicates, 1);
            }
            // Readers hold nothing once they are gone.
            for order in [Order::Seq, Order::TimeDescending] {
                let query = EventQuery {
                    order,
                    limit: 500,
                    ..EventQuery::default()
                };
                let page = store.query(&query).await.unwrap();
                assert_eq!(page.events.len(), 500);
            }
            let stats = store.stats().await.unwrap();
            assert!(
                stats.stored_bytes < 4 << 20 && stats.segments < 16,
                "{stats:?}"
            );
            measured.push(anonymous_kib());
        }
        let (warm, end) = (measured[1], measured[5]);
        assert!(
            end < warm + 3_072,
            "KiB after each 5000 events: {measured:?}"
        );
    });
}

#[test]
fn what_could_not_be_deleted_is_deleted_later_and_leaves_no_hole() {
    let disk = SimDisk::default();
    runtime().block_on(async {
        let store = open(&disk).unwrap();
        for number in 0..12 {
            let names = (0..6).map(|index| format!("{number}/{index}"));
            let items = named(names);
            store.append(batch(&items)).await.unwrap();
        }
        let stats = store.stats().await.unwrap();
        // An index may be gone before its segment is: a damaged one is deleted when it is found out.
        let indexes = disk.contents();
        let first = indexes.keys().find(|name| name.contains(".idx")).unwrap();
        disk.remove(first).unwrap();
        let policy = RetainPolicy {
            max_age: None,
            max_bytes: Some(stats.stored_bytes / 2),
        };
        let retained = store.retain(&policy).await.unwrap();
        assert!(retained.deleted_records > 0, "{retained:?}");
        drop(store);
        let store = open(&disk).unwrap();
        let stats = store.stats().await.unwrap();
        assert_eq!(stats.first_seq, retained.first_seq);
        assert_eq!(stats.last_seq, Seq(72));
    });
}
