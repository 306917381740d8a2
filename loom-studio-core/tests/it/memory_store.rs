//! The in-memory backend: the shared suite, by itself and behind `Arc<dyn EventStore>`, and what is its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{BoxFuture, FutureExt as _};
use loom_studio_core::conformance::{CAPACITY, Subject, start};
use loom_studio_core::*;

fn options() -> MemoryStoreOptions {
    MemoryStoreOptions {
        max_records: CAPACITY as usize,
        ..MemoryStoreOptions::default()
    }
}

fn subject(wrap: impl FnOnce(MemoryStore) -> Arc<dyn EventStore>) -> Subject {
    let clock = Arc::new(ManualClock::new(start()));
    let store = MemoryStore::new(options(), Arc::clone(&clock) as _, &RandomIds);
    Subject {
        store: wrap(store),
        clock,
        reopen: None,
        guard: None,
    }
}

fn memory() -> BoxFuture<'static, Subject> {
    async { subject(|store| Arc::new(store)) }.boxed()
}

fn forwarded() -> BoxFuture<'static, Subject> {
    async { subject(|store| Arc::new(Forward(Arc::new(store)))) }.boxed()
}

mod direct {
    loom_studio_core::event_store_conformance!(super::memory);
}

mod through_arc_dyn {
    loom_studio_core::event_store_conformance!(super::forwarded);
}

/// Adds nothing: what a decorator forwards must be all there is.
#[derive(Debug)]
struct Forward(Arc<dyn EventStore>);

impl std::fmt::Display for Forward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl EventStore for Forward {
    fn epoch(&self) -> Epoch {
        self.0.epoch()
    }
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
    async fn append(&self, batch: AppendBatch) -> Result<Appended> {
        self.0.append(batch).await
    }
    async fn query(&self, query: &EventQuery) -> Result<Page> {
        self.0.query(query).await
    }
    async fn get(&self, seq: Seq) -> Result<Option<StoredRecord>> {
        self.0.get(seq).await
    }
    async fn get_by_id(&self, key: &EventKey) -> Result<Option<StoredEvent>> {
        self.0.get_by_id(key).await
    }
    async fn subscribe(&self, start: StartAt, filter: EventFilter) -> Result<Subscription> {
        self.0.subscribe(start, filter).await
    }
    async fn retainable(&self, policy: &RetainPolicy) -> Result<Seq> {
        self.0.retainable(policy).await
    }
    async fn delete_before(&self, first: Seq) -> Result<Retained> {
        self.0.delete_before(first).await
    }
    async fn retain(&self, policy: &RetainPolicy) -> Result<Retained> {
        self.0.retain(policy).await
    }
    async fn stats(&self) -> Result<StoreStats> {
        self.0.stats().await
    }
    async fn sync(&self) -> Result<()> {
        self.0.sync().await
    }
    fn health(&self) -> Health {
        self.0.health()
    }
}

fn bounded(max_records: usize, max_bytes: u64) -> MemoryStore {
    let options = MemoryStoreOptions {
        max_records,
        max_bytes,
        limits: EventLimits::default(),
    };
    MemoryStore::new(options, Arc::new(ManualClock::new(start())), &RandomIds)
}

fn event(number: u64, bytes: usize) -> Incoming {
    let json = format!(
        r#"{{"specversion":"1.0","id":"e{number}","source":"/node/n{}","type":"t{}","subject":"x","data":"{}"}}"#,
        number % 50,
        number % 3,
        "d".repeat(bytes)
    );
    Incoming::Event(json.into())
}

async fn append(store: &MemoryStore, items: Vec<Incoming>) -> Appended {
    let batch = AppendBatch {
        workspace: "w".into(),
        session: "s".into(),
        items,
    };
    store.append(batch).await.unwrap()
}

#[tokio::test]
async fn max_records_holds_for_every_batch_size() {
    for max_records in [1, 2, 15, 16, 17, 100, 5000] {
        for batch in [1, 7, 1000] {
            let store = bounded(max_records, u64::MAX);
            let mut sent = 0;
            while sent < 3 * max_records as u64 + 10 {
                append(&store, (sent..sent + batch).map(|n| event(n, 1)).collect()).await;
                sent += batch;
                let stats = store.stats().await.unwrap();
                assert!(stats.events <= max_records as u64, "{stats:?}");
                // The oldest sixteenth at most leaves at once.
                let least = (max_records - max_records / 16 - 1) as u64;
                assert!(
                    stats.events >= least.min(sent),
                    "{max_records} {batch} {stats:?}"
                );
                assert_eq!(stats.last_seq, Seq(sent));
                assert_eq!(stats.dropped_records, sent - stats.events);
            }
        }
    }
}

#[tokio::test]
async fn max_bytes_holds_and_the_newest_stay() {
    for (max_bytes, size) in [
        (100_000, 10),
        (100_000, 3_000),
        (1_000_000, 700),
        (64 << 10, 6_000),
    ] {
        let store = bounded(usize::MAX, max_bytes);
        for n in 0..2_000 {
            append(&store, vec![event(n, size)]).await;
            let stats = store.stats().await.unwrap();
            assert!(stats.stored_bytes <= max_bytes, "{stats:?}");
            assert_eq!(stats.last_seq, Seq(n + 1));
            assert!(
                store.get(Seq(n + 1)).await.unwrap().is_some(),
                "the event just stored is there"
            );
        }
        let stats = store.stats().await.unwrap();
        assert!(
            stats.stored_bytes > max_bytes * 3 / 4,
            "most of the room is used: {stats:?}"
        );
    }
}

#[tokio::test]
async fn an_event_beyond_all_bounds_leaves_an_empty_store_in_order() {
    let store = bounded(10, 1000);
    let appended = append(&store, vec![event(1, 10), event(2, 5_000)]).await;
    assert_eq!(appended.added(), 2);
    let stats = store.stats().await.unwrap();
    assert_eq!(
        (stats.events, stats.stored_bytes, stats.last_seq),
        (0, 0, Seq(2))
    );
    assert_eq!(
        append(&store, vec![event(3, 10)]).await.seqs,
        Some((Seq(3), Seq(3)))
    );
    assert!(store.get(Seq(3)).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_long_counts_as_often_as_it_is_kept() {
    let store = bounded(100, 1 << 30);
    let long = "x".repeat(100_000);
    let json = format!(r#"{{"specversion":"1.0","id":"{long}","source":"{long}","type":"t"}}"#);
    append(&store, vec![Incoming::Event(json.into())]).await;
    let stats = store.stats().await.unwrap();
    // The text, the id, the source as written, and the node.
    assert!(stats.stored_bytes >= 5 * 100_000, "{stats:?}");
}

#[tokio::test]
async fn eviction_cleans_every_index() {
    let store = bounded(200, u64::MAX);
    for n in 0..3_000 {
        append(&store, vec![event(n, 1)]).await;
    }
    let stats = store.stats().await.unwrap();
    let first = stats.first_seq.0 - 1;
    for (filter, keeps) in [
        (
            EventFilter {
                kind: Some(Pattern::Exact("t1".into())),
                ..EventFilter::default()
            },
            3,
        ),
        (
            EventFilter {
                node: Some(Pattern::Exact("n1".into())),
                ..EventFilter::default()
            },
            50,
        ),
    ] {
        let expected: Vec<u64> = (first..3_000)
            .filter(|n| n % keeps == 1)
            .map(|n| n + 1)
            .collect();
        let query = EventQuery {
            filter,
            limit: 10_000,
            ..EventQuery::default()
        };
        let page = store.query(&query).await.unwrap();
        assert_eq!(
            page.events
                .iter()
                .map(|e| e.event.seq().0)
                .collect::<Vec<_>>(),
            expected
        );
    }
    let by_id = |n: u64| EventKey {
        workspace: "w".into(),
        source: format!("/node/n{}", n % 50).into(),
        id: format!("e{n}").into(),
    };
    assert!(store.get_by_id(&by_id(first - 1)).await.unwrap().is_none());
    assert!(store.get_by_id(&by_id(first)).await.unwrap().is_some());
    // An evicted event is no duplicate any more.
    assert_eq!(append(&store, vec![event(0, 1)]).await.added(), 1);
    assert_eq!(append(&store, vec![event(2_999, 1)]).await.duplicates, 1);
}

/// Postings longer than are looked up at once, chunks at their full size, and observations in between.
#[tokio::test]
async fn large_answers_equal_a_plain_scan() {
    let store = bounded(1_000_000, u64::MAX);
    for first in (0..12_000).step_by(500) {
        let mut items: Vec<Incoming> = (first..first + 500).map(|n| event(n, 1)).collect();
        let observed = format!(
            r#"{{"source":"/node/n{}","of":"e{first}","phase":"post"}}"#,
            first % 50
        );
        items.push(Incoming::Observation(observed.into()));
        append(&store, items).await;
    }
    let scan = async |filter: &EventFilter| {
        let mut subscription = store
            .subscribe(StartAt::Beginning, filter.clone())
            .await
            .unwrap();
        let mut found = Vec::new();
        while let Some(delivery) = subscription.try_next(1_000).await.unwrap() {
            found.extend(
                delivery
                    .records
                    .iter()
                    .filter_map(|r| r.as_event())
                    .map(|e| e.seq().0),
            );
        }
        found
    };
    for filter in [
        EventFilter {
            kind: Some(Pattern::Exact("t1".into())),
            ..EventFilter::default()
        },
        EventFilter {
            node: Some(Pattern::Exact("x".into())),
            kind: Some(Pattern::Prefix("t".into())),
            ..EventFilter::default()
        },
        EventFilter {
            node: Some(Pattern::Exact("n7".into())),
            ..EventFilter::default()
        },
        EventFilter::workspace("w"),
    ] {
        let expected = scan(&filter).await;
        assert!(expected.len() > 200);
        for descending in [false, true] {
            let order = if descending {
                Order::SeqDescending
            } else {
                Order::Seq
            };
            let mut query = EventQuery {
                filter: filter.clone(),
                order,
                limit: 999,
                ..EventQuery::default()
            };
            let mut found = Vec::new();
            loop {
                let page = store.query(&query).await.unwrap();
                assert_eq!(page.total, Total::Exact(expected.len() as u64));
                found.extend(page.events.iter().map(|e| e.event.seq().0));
                match page.next {
                    Some(next) => query.cursor = Some(next),
                    None => break,
                }
            }
            if descending {
                found.reverse();
            }
            assert_eq!(found, expected, "{filter:?}");
        }
    }
}

/// A frame of many events must not stay in memory for the sake of one.
#[tokio::test]
async fn a_stored_event_does_not_keep_the_frame_it_came_in() {
    let store = bounded(100, u64::MAX);
    let Incoming::Event(json) = event(1, 10) else {
        unreachable!()
    };
    let mut frame = vec![b' '; 1 << 20];
    frame[..json.len()].copy_from_slice(&json);
    let frame = bytes::Bytes::from(frame);
    append(&store, vec![Incoming::Event(frame.slice(..json.len()))]).await;
    assert!(frame.is_unique());
}

#[tokio::test]
async fn a_reader_in_flight_finishes_on_what_it_sees() {
    let store = Arc::new(bounded(100_000, u64::MAX));
    append(&store, (0..50_000).map(|n| event(n, 1)).collect()).await;
    let query = EventQuery {
        filter: EventFilter {
            text: Some("d".into()),
            ..EventFilter::default()
        },
        limit: 100_000,
        ..EventQuery::default()
    };
    let (page, ()) = tokio::join!(store.query(&query), async {
        tokio::time::sleep(Duration::ZERO).await;
        let policy = RetainPolicy {
            max_age: None,
            max_bytes: Some(0),
        };
        store.retain(&policy).await.unwrap();
    });
    let page = page.unwrap();
    assert_eq!(
        (page.events.len(), page.total),
        (50_000, Total::Exact(50_000))
    );
    assert_eq!(store.stats().await.unwrap().events, 0);
}
